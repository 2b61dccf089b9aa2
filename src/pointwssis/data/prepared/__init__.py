# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO and BDD100K prepared once, as Arrow folders or Hub datasets with one configuration per experiment."""
