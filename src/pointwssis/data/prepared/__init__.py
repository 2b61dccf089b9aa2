# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Prepare COCO and BDD100K once, as Arrow folders or Hub datasets with one configuration per experiment."""
