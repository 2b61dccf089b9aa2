# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A click in a fresh process imports no library that serves datasets."""

import os
import subprocess
import sys

from helpers import tiny

CLICK = """
import sys
import pointwssis
from transformers import pipeline

segmenter = pipeline("point-instance-segmentation", model=sys.argv[1], device="cpu", refiner=sys.argv[2])
(instance,) = segmenter(sys.argv[3], points=[(3, 4)], labels=["star"], mask_format="rle")
assert instance["label"] == "star" and "rough_mask" in instance
(polygons,) = segmenter.encode(sys.argv[3])(points=[(3, 4)], mask_format="polygon")
assert segmenter(sys.argv[3], top_k=1)
print(*sorted({"datasets", "pandas", "pyarrow", "pointwssis.data"} & set(sys.modules)))
"""


def test_a_click_does_not_import_datasets(folder, tmp_path):
    tiny.picture().save(tmp_path / "a.png")
    arguments = [str(folder / "teacher"), str(folder / "refiner"), str(tmp_path / "a.png")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CLICK, *arguments], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == []
