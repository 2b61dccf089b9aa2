# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Readers and writers of annotation formats, one file per format; `table.py` lists them all."""
