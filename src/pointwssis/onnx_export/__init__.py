# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Trained models as ONNX files, written beside the program that runs them without torch (`pointwssis onnx`)."""
