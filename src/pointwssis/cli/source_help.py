# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The help text about data on the command line, which needs no reader of annotations."""

SOURCE_HELP = (
    "a recipe (name or file), a folder in COCO's layout, one or several annotation files (with --image_dir), a YOLO "
    "data.yaml, or a prepared dataset"
)
