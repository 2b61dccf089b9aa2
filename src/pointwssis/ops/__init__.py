# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks, points, boxes and images as arrays: pure functions on torch, NumPy, Pillow and pycocotools."""
