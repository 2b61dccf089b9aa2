# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tiny model with its refiner, exported to ONNX once for all tests of a process."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import pytest

from helpers import tiny
from pointwssis import PointInstanceSegmentationPipeline
from pointwssis.cli.main import main
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation


class Exported(NamedTuple):
    """Folders of one export."""

    onnx: Path
    model: str
    refiner: str

    def pipeline(self, **settings) -> PointInstanceSegmentationPipeline:
        """Return the pipeline of the model; `settings` are those of its image processor."""
        model = SOLOv2ForInstanceSegmentation.from_pretrained(self.model)
        processor = SOLOv2ImageProcessorPil.from_pretrained(self.model, **settings)
        return PointInstanceSegmentationPipeline(model=model, image_processor=processor, device="cpu")


def exported() -> Exported:
    """Return the export; tests that need it skip visibly without the packages."""
    for name in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    return _exported()


@cache
def _exported() -> Exported:
    folder = Path(mkdtemp(prefix="onnx-"))
    model = tiny.saved(folder / "model", tiny.segmenter(score_threshold=0.3))
    refiner = tiny.saved(folder / "refiner", tiny.refiner())
    tiny.picture(64, 96).save(folder / "calibration.png")
    words = ["onnx", model, str(folder / "out"), "--refiner", refiner, "--int8", str(folder / "calibration.png")]
    assert main(words) == 0
    return Exported(folder / "out", model, refiner)
