# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Processor time of the labeling app's answers: a SOLOv2 with ResNet-50, an image of 480 × 640 pixels, one thread.

python -m benchmarks.app_click

The networks are untrained, and the server of the page is left out: the time is that of `act`, which the page calls.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import ResNetConfig

from pointwssis.app.actions import act
from pointwssis.app.app_state import AppState
from pointwssis.app.work_images import WorkImage
from pointwssis.models.inference import prepare_for_inference
from pointwssis.models.solov2.configuration_solov2 import STAGES, SOLOv2Config
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.pipelines import PointInstanceSegmentationPipeline

CLICKS = 300


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = SOLOv2Config(backbone_config=ResNetConfig(out_features=STAGES), num_labels=80)
    model = prepare_for_inference(SOLOv2ForInstanceSegmentation(config), torch.device("cpu"), torch.float32)
    pipe = PointInstanceSegmentationPipeline(model=model, image_processor=SOLOv2ImageProcessorPil(), device="cpu")
    for refiner in (None, "general"):
        pipe.refiner = pipe._as_refiner(refiner)
        with tempfile.TemporaryDirectory() as folder:
            print(f"refiner {refiner}: {measured(pipe, Path(folder))}")


def measured(pipe: PointInstanceSegmentationPipeline, folder: Path) -> dict[str, float]:
    """Return the milliseconds of opening an image, running the network, and clicks from the first to the last."""
    pixels = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "image.png")
    app = AppState(pipe, [WorkImage("image.png", folder / "image.png")], folder / "out")

    def milliseconds(action: str, **values: object) -> float:
        start = time.process_time()
        answer = act(app, {"key": "benchmark", "action": action, **values})
        json.dumps(answer)
        assert "error" not in answer, answer
        return 1000 * (time.process_time() - start)

    results = {"hello": milliseconds("hello"), "encode": milliseconds("encode")}
    rng = np.random.default_rng(1)
    clicks = [milliseconds("click", x=float(x), y=float(y)) for x, y in rng.uniform((0, 0), (640, 480), (CLICKS, 2))]
    results |= {"first click": clicks[0], "second click": clicks[1], "median click": statistics.median(clicks)}
    results |= {"slowest click": max(clicks[1:]), "click among 300": statistics.median(clicks[-10:])}
    return {name: round(value, 1) for name, value in results.items()}


if __name__ == "__main__":
    main()
