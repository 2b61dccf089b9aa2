# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows about exported models: onnxruntime beside torch, both with the threads of torch."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import torch

from pointwssis import SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil
from pointwssis.models.factory import new_segmenter
from pointwssis.onnx_runtime import OnnxPointSegmenter
from pointwssis.pipelines import PointInstanceSegmentationPipeline

from .network_rows import HEIGHT, RESNET50, WIDTH
from .scenes import photo, random_points
from .timing import Comparison

EDGES = {"shortest_edge": 800, "longest_edge": 1333}
# The network of the recipe for nuclei
SMALL = {
    "backbone_config": {
        "model_type": "resnet", "layer_type": "basic", "depths": [1, 1, 1, 1], "embedding_size": 32,
        "hidden_sizes": [32, 64, 128, 256],
    },
    "fpn_channels": 64, "instance_channels": 64, "num_instance_convs": 2, "kernel_channels": 32, "mask_channels": 32,
}  # fmt: skip
MODELS = {
    "resnet50": (["object"] * 80, {"backbone_config": RESNET50}, EDGES),
    "small": (["nucleus"], SMALL, {"shortest_edge": 256, "longest_edge": 448}),
}


@cache
def segmenter(name: str) -> tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]:
    """Return a SOLOv2 with random weights and its image processor."""
    torch.manual_seed(0)
    classes, model, edges = MODELS[name]
    return new_segmenter([f"{label} {index}" for index, label in enumerate(classes)], model, edges)


@cache
def exported(name: str) -> Path:
    """Return a folder with the ONNX files of a model, which is removed when the process ends."""
    from pointwssis.onnx_export.onnx_files import write_onnx

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    photo(HEIGHT, WIDTH).save(folder / "photo.png")
    write_onnx(folder / "onnx", segmenter(name), calibration_images=[folder / "photo.png"])
    return folder / "onnx"


def onnx_row(name: str, int8: bool) -> Comparison:
    """Compare an image with 50 clicks → RLEs by onnxruntime with the pipeline on torch in float32."""
    image, points = photo(HEIGHT, WIDTH), random_points(50, HEIGHT, WIDTH).tolist()
    model, processor = segmenter(name)
    pipe = PointInstanceSegmentationPipeline(model=model.eval(), image_processor=processor, device="cpu")
    ours = OnnxPointSegmenter(exported(name), int8=int8, threads=torch.get_num_threads())
    return Comparison(
        ours=lambda: ours(image, points=points, mask_format="rle"),
        yardstick=lambda: pipe(image, points=points, mask_format="rle"),
        yardstick_name="the pipeline on torch, float32",
    )


ROWS: dict[str, Callable[[], Comparison]] = {
    "onnx-resnet50": partial(onnx_row, "resnet50", False),
    "onnx-small": partial(onnx_row, "small", False),
    "onnx-small-int8": partial(onnx_row, "small", True),
}
