# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Annotation formats, one file each; COCO's is `data/coco.py`. `data/annotations.py` recognises which is which."""
