# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows about what surrounds the networks: evaluation, and the start of processes."""

import atexit
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache, partial
from typing import Any

import numpy as np
from datasets import Dataset
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pointwssis import SOLOv2ImageProcessorPil
from pointwssis.data import make_shapes_dataset
from pointwssis.data.formats.coco_export import to_coco
from pointwssis.evaluation import CocoEvaluator
from pointwssis.evaluation.hotcoco_evaluator import HotcocoEvaluator

from .network_rows import resnet50
from .timing import Comparison

NUM_IMAGES, DETECTIONS = 200, 100


def detections_of(dataset: Dataset) -> dict[int, list[dict[str, Any]]]:
    """Return 100 detections per image: its objects and those of other images, with random scores."""
    rng = np.random.default_rng(0)
    rows = list(dataset)
    pool = [item for row in rows for item in row["objects"]]
    found = {}
    for row in rows:
        others = [pool[index] for index in rng.integers(len(pool), size=DETECTIONS - len(row["objects"]))]
        objects = [*row["objects"], *others]
        scores = rng.random(len(objects)).tolist()
        found[row["image_id"]] = [
            {"label": item["category"], "score": score, "rle": item["segmentation"]}
            for item, score in zip(objects, scores, strict=True)
        ]
    return found


def evaluation_row(evaluator_class: type[CocoEvaluator], goal: float | None = None) -> Comparison:
    """Compare COCO's AP of masks with pycocotools."""
    dataset = make_shapes_dataset(NUM_IMAGES, seed=3)
    found = detections_of(dataset)
    reference = COCO()
    with redirect_stdout(io.StringIO()):
        reference.dataset = to_coco(dataset)
        reference.createIndex()
    entries = []
    for image_id, detections in found.items():
        for one in detections:
            entry = {"image_id": image_id, "category_id": one["label"] + 1, "score": one["score"]}
            entries.append(entry | {"segmentation": one["rle"]})

    def ours() -> list[float]:
        evaluator = evaluator_class(dataset)
        for image_id, detections in found.items():
            evaluator.update(image_id, detections)
        metrics = evaluator.compute()
        return [metrics[name] for name in ("AP", "AP50", "AP75", "AR100")]

    def theirs() -> list[float]:
        with redirect_stdout(io.StringIO()):
            evaluation = COCOeval(reference, reference.loadRes([dict(entry) for entry in entries]), "segm")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return [evaluation.stats[index] for index in (0, 1, 2, 8)]

    return Comparison(ours, theirs, "pycocotools", goal, check=partial(np.testing.assert_allclose, rtol=1e-9))


def process_row(ours: list[str], yardstick: str, goal: float | None) -> Comparison:
    """Compare a process of the package with a process that runs one line of Python."""
    return Comparison(
        ours=partial(run_python, ours),
        yardstick=partial(run_python, ["-c", yardstick]),
        yardstick_name=yardstick,
        goal=goal,
    )


FIRST_CLICK = """
from PIL import Image
from transformers import pipeline
import pointwssis
segmenter = pipeline("point-instance-segmentation", model={folder!r}, device="cpu")
segmenter(Image.new("RGB", (640, 480)), points=[(320, 240)], mask_format="rle")
"""
FIRST_FORWARD = """
import torch
from transformers import pipeline
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
with torch.inference_mode():
    SOLOv2ForInstanceSegmentation.from_pretrained({folder!r})(torch.zeros(1, 3, 416, 544))
"""


def first_click_row() -> Comparison:
    """Compare a new process up to its first click with the import of transformers, loading, and the bare network."""
    folder = saved_resnet50()
    return Comparison(
        ours=partial(run_python, ["-c", FIRST_CLICK.format(folder=folder)]),
        yardstick=partial(run_python, ["-c", FIRST_FORWARD.format(folder=folder)]),
        yardstick_name="import of transformers' pipelines, and the bare network once",
        goal=1 / 1.2,
    )


@cache
def saved_resnet50() -> str:
    """Return a folder with a SOLOv2 with ResNet-50 and random weights, which is removed when the process ends."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    resnet50().save_pretrained(folder)
    SOLOv2ImageProcessorPil(size={"shortest_edge": 400, "longest_edge": 666}).save_pretrained(folder)
    return folder


def run_python(arguments: list[str]) -> None:
    """Run Python to its end, without its output."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


ROWS: dict[str, Callable[[], Comparison]] = {
    "evaluation": partial(evaluation_row, CocoEvaluator),
    "evaluation-hotcoco": partial(evaluation_row, HotcocoEvaluator, goal=10),
    "help": partial(process_row, ["-m", "pointwssis", "--help"], "import torch, transformers", None),
    "import": partial(process_row, ["-c", "import pointwssis"], "import torch, transformers", None),
    "first-click": first_click_row,
}
