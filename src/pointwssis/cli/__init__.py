# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The commands of `pointwssis`, one file per command."""
