# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The real images inside the package: nuclei in microscopy images, CC0."""

from pathlib import Path

# Folder in COCO's layout, with the license beside the images; `benchmarks/select_demo_nuclei.py` has written it.
DEMO_NUCLEI = Path(__file__).with_name("demo_nuclei")
