# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Drills: what a run is stopped, starved and damaged with, and what has to come of it."""
