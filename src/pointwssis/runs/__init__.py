# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run a recipe: its data, its stages, what each of them writes, and publishing the result."""
