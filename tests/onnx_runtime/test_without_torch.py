# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Exported models run where there is neither torch nor any other library of the training."""

import json
import os
import subprocess
import sys
from pathlib import Path

from helpers import tiny
from helpers.exported_onnx import exported
from helpers.instances import assert_same_instances
from helpers.paths import ROOT
from pointwssis.ops.rle import decode_rle

# Importing one of these fails in the processes below.
ABSENT = ("torch", "transformers", "datasets", "huggingface_hub", "accelerate", "safetensors", "pycocotools", "yaml")
SEGMENT = """
import json
from onnx_point_segmenter import OnnxPointSegmenter
session = OnnxPointSegmenter(".").encode("picture.png")
points = session(points=[(10, 20), (70.5, 33)], mask_format="rle")
print(json.dumps([points, session(mask_format="rle")]))
"""


def output_of(program: str, absent: tuple[str, ...], folder: Path) -> str:
    """Return what a program prints in a process that lacks some packages."""
    lines = ["import sys", *(f"sys.modules[{name!r}] = None" for name in absent), program]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_written_program_needs_numpy_pillow_and_onnxruntime_only():
    export = exported()
    image = tiny.picture(64, 96)
    image.save(export.onnx / "picture.png")
    points, everything = json.loads(output_of(SEGMENT, (*ABSENT, "pointwssis", "scipy", "onnx"), export.onnx))
    for instance in (*points, *everything):
        instance.update({key: decode_rle(instance[key]) for key in ("mask", "rough_mask") if key in instance})
    pipe = export.pipeline()
    expected = pipe(image, points=[(10, 20), (70.5, 33)], refiner=export.refiner, mask_format="numpy")
    assert_same_instances(points, expected)
    assert_same_instances(everything, pipe(image, mask_format="numpy"))


def test_package_is_imported_without_torch(tmp_path):
    program = "from pointwssis.onnx_runtime import OnnxPointSegmenter; print(OnnxPointSegmenter.__name__)"
    assert output_of(program, ABSENT, tmp_path).split() == ["OnnxPointSegmenter"]
