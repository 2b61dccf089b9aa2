# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Extreme sizes, each in a child process whose peak memory is bounded; Linux only.

python -m drills.sizes            # in the folder of the tests; all of them
python -m drills.sizes classes    # one of them
"""

import multiprocessing
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from transformers import pipeline

from helpers import tiny
from pointwssis.data import dataset_from_rows, make_object
from pointwssis.evaluation import CocoEvaluator
from pointwssis.models.factory import new_segmenter
from pointwssis.ops import encode_mask, rle_area
from pointwssis.pseudo_labeling import generate_pseudo_labels, solov2_teacher
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.trainer import SegmentationTrainer

from .memory import peak_megabytes

SEED = 7
NUM_LVIS_CLASSES = 1203
NUM_CLICKS = 1000
OBJECT_COUNTS = (100, 1000, 3000, 5000)


def image_row(folder: Path, image: Image.Image, objects: list[dict[str, Any]], complete: bool = True) -> dict[str, Any]:
    """Save an image and return its row."""
    path = folder / "image.png"
    image.save(path)
    row = {"image": str(path), "image_id": 1, "file_name": path.name, "width": image.width, "height": image.height}
    return {**row, "complete": complete, "image_labels": None, "objects": objects}


def train(
    folder: Path, rows: Any, names: list[str], steps: int = 1, size: Any = tiny.IMAGE_SIZE, **fields: Any
) -> None:
    """Train a tiny model on rows; the losses must be finite."""
    model, processor = new_segmenter(names, {**tiny.SEGMENTER, **fields}, size)
    arguments = SegmentationTrainingArguments(
        output_dir=str(folder / "training"),
        per_device_train_batch_size=1,
        max_steps=steps,
        warmup_steps=0,
        logging_steps=1,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
    )
    trainer = SegmentationTrainer(model=model.train(), args=arguments, train_dataset=rows, processing_class=processor)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == steps and np.isfinite(losses).all(), losses


def many_classes(folder: Path) -> None:
    """Train, label and evaluate with as many classes as LVIS has."""
    names = [f"class {index}" for index in range(NUM_LVIS_CLASSES)]
    objects = []
    for number, category in enumerate((0, 601, NUM_LVIS_CLASSES - 1)):
        mask = np.zeros((64, 64), bool)
        mask[20 * number : 20 * number + 16, 8:40] = True
        point = [20.0, 20.0 * number + 8]
        objects.append(make_object(number + 1, category, point=point, segmentation=encode_mask(mask)))
    row = image_row(folder, tiny.picture(64, 64), objects)
    dataset = dataset_from_rows([row], names)
    train(folder, dataset, names)
    # Clicks of given classes and of unknown ones
    clicks = [
        {**item, "segmentation": None, "category": category}
        for item, category in zip(objects, (0, 1202, None), strict=True)
    ]
    teacher = solov2_teacher(tiny.saved_segmenter(folder / "teacher", names=names))
    labeled = generate_pseudo_labels(dataset_from_rows([{**row, "objects": clicks}], names), teacher)[0]["objects"]
    assert [item["category"] for item in labeled][:2] == [0, 1202] and labeled[2]["category"] is not None
    evaluator = CocoEvaluator(dataset)
    evaluator.update(1, [{"label": item["category"], "score": 0.5, "rle": item["segmentation"]} for item in objects])
    assert evaluator.compute()["AP"] > 0.99 and len(evaluator.per_class_ap()) == NUM_LVIS_CLASSES


def large_image(folder: Path, width: int = 12_000, height: int = 9_000, num_points: int = 5) -> None:
    """Label an image of 108 megapixels by its points."""
    clicks = np.random.default_rng(SEED).uniform((0, 0), (width - 1, height - 1), (num_points, 2))
    objects = [make_object(number + 1, 0, point=list(click)) for number, click in enumerate(clicks)]
    # A picture of few colors, which is small as a file
    picture = Image.new("RGB", (width, height), (90, 120, 60))
    picture.paste((200, 40, 40), (width // 4, height // 4, width // 2, height // 2))
    row = image_row(folder, picture, objects, complete=False)
    del picture
    teacher = solov2_teacher(tiny.saved_segmenter(folder / "teacher"))
    [labeled] = generate_pseudo_labels(dataset_from_rows([row], tiny.NAMES), teacher)
    assert len(labeled["objects"]) == num_points
    assert all(item["rough_segmentation"]["size"] == [height, width] for item in labeled["objects"])


def one_pixel_masks(folder: Path) -> None:
    """Train on objects of one pixel, label them and evaluate them."""
    objects = []
    for number, (row, column) in enumerate(((0, 0), (0, 63), (63, 0), (63, 63), (31, 17))):
        mask = np.zeros((64, 64), bool)
        mask[row, column] = True
        values = {"point": [float(column), float(row)], "segmentation": encode_mask(mask)}
        objects.append(make_object(number + 1, number % len(tiny.NAMES), **values))
    row = image_row(folder, tiny.picture(64, 64), objects)
    dataset = dataset_from_rows([row], tiny.NAMES)
    train(folder, dataset, tiny.NAMES, steps=2)
    teacher = solov2_teacher(tiny.saved_segmenter(folder / "teacher"))
    clicks = [{**item, "segmentation": None} for item in objects]
    labeled = generate_pseudo_labels(dataset_from_rows([{**row, "objects": clicks}], tiny.NAMES), teacher)[0]["objects"]
    # The corners are points as good as any other.
    assert [item["point"] for item in labeled] == [item["point"] for item in objects]
    assert all(item["rough_segmentation"]["size"] == [64, 64] for item in labeled)
    evaluator = CocoEvaluator(dataset)
    evaluator.update(1, [{"label": item["category"], "score": 0.5, "rle": item["segmentation"]} for item in objects])
    assert evaluator.compute()["APs"] > 0.99


def many_objects(folder: Path, count: int) -> None:
    """Train a step on one image of 320 × 400 pixels with thousands of objects."""
    random, objects = np.random.default_rng(SEED), []
    for number in range(count):
        side, top, left = random.integers(2, 12), random.integers(0, 308), random.integers(0, 388)
        mask = np.zeros((320, 400), bool)
        mask[top : top + side, left : left + side] = True
        objects.append(make_object(number + 1, number % len(tiny.NAMES), segmentation=encode_mask(mask)))
    dataset = dataset_from_rows([image_row(folder, tiny.picture(320, 400), objects)], tiny.NAMES)
    # The grids of the default network, and its input is not reduced
    fields = {"num_grids": [40, 36, 24, 16, 12], "kernel_channels": 64, "mask_channels": 32}
    train(folder, dataset, tiny.NAMES, size={"shortest_edge": 320, "longest_edge": 400}, **fields)


def many_clicks(folder: Path, width: int = 4000, height: int = 3000) -> None:
    """Segment 1,000 clicks on 12 megapixels to run lengths, which never exist as pixels together."""
    clicks = np.random.default_rng(SEED).uniform((0, 0), (width - 1, height - 1), (NUM_CLICKS, 2)).tolist()
    model, processor = tiny.segmenter()
    segmenter = pipeline("point-instance-segmentation", model=model, image_processor=processor)
    found = segmenter(Image.new("RGB", (width, height), (90, 120, 60)), points=clicks, mask_format="rle")
    assert len(found) == NUM_CLICKS
    assert all(one["mask"]["size"] == [height, width] and rle_area(one["mask"]) >= 0 for one in found)


class Size(NamedTuple):
    """One drill.

    Args:
        work: function that raises if something is wrong.
        megabytes: largest peak of the memory beyond that of the imported libraries.
    """

    work: Callable[[Path], None]
    megabytes: int


SIZES = {
    "classes": Size(many_classes, 600),
    "pixels": Size(large_image, 3000),
    "one-pixel masks": Size(one_pixel_masks, 300),
    **{f"{count} objects": Size(partial(many_objects, count=count), 2000) for count in OBJECT_COUNTS},
    "clicks": Size(many_clicks, 1000),
}


def measured(name: str) -> float:
    """Run a drill in a child process and return the megabytes that its peak lies above the imported libraries.

    Raises:
        AssertionError: the drill failed, or took more memory than its bound.
    """
    # A new interpreter: a forked one would inherit the memory, and the peak, of this one.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(name, sender))
    child.start()
    sender.close()
    try:
        megabytes, error = receiver.recv()
    except EOFError:
        megabytes, error = 0.0, "the process died"
    child.join()
    assert not error, f"{name}: {error}"
    limit = SIZES[name].megabytes
    assert megabytes <= limit, f"{name}: {megabytes:.0f} MB beyond the imported libraries, at most {limit} are allowed"
    return megabytes


def _work(name: str, sender: Connection) -> None:
    """Run a drill in the child process."""
    torch.set_num_threads(1)
    before, error = peak_megabytes(), ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            SIZES[name].work(Path(folder))
        except Exception:
            error = traceback.format_exc()
    sender.send((peak_megabytes() - before, error))


def main(names: list[str]) -> int:
    """Run the drills, print a line for each, and return the number of failures."""
    failures = 0
    for name in names or SIZES:
        began = time.monotonic()
        try:
            print(f"{name}: {measured(name):.0f} MB, {time.monotonic() - began:.0f} s", flush=True)
        except AssertionError as error:
            failures += 1
            print(f"FAILED {error}", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
