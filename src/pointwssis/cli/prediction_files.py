# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files of `pointwssis predict`: COCO JSON, CSV, label images and overlays, each written whole or not at all."""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

from ..ops.mask_measures import measure_mask
from ..ops.rle import foreground_runs
from ..ops.whole_files import UNFINISHED
from .prediction_journal import PredictionJournal, Record

CSV_COLUMNS = ("image", "class", "score", "area", "x_min", "y_min", "width", "height", "center_x", "center_y")
OVERLAY_SIDE = 600  # least shorter side of an overlay in pixels: captions of small images would hide the objects
VALUES = ("segmentation", "bbox", "area", "iscrowd", "score", "point")  # of an annotation, beside its ids


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name, whose file gets its final name after the block has written it.

    The name is short, because that of an image may be as long as the disk permits.
    """
    unfinished = path.with_name(f"{UNFINISHED}file{path.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def instance_records(instances: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Return the values of the instances of one image for COCO JSON and CSV.

    Args:
        instances: as the pipeline returns them, with masks as RLEs.
    """
    records = []
    for instance in instances:
        rle = instance["mask"]
        # Box, area and center follow from the mask; an empty mask has no center.
        measures = measure_mask(rle)
        record = {
            "label": instance["label"],
            "segmentation": rle,
            "bbox": measures.box,
            "area": measures.area,
            "iscrowd": 0,
            "score": instance["score"],
            "center": list(measures.center or (None, None)),
        }
        # COCO has no field for clicks, so this one is added to it.
        if "point" in instance:
            record["point"] = instance["point"]
        records.append(record)
    return records


def write_tables(journal: PredictionJournal, folder: Path, class_names: Sequence[str]) -> tuple[int, int]:
    """Write `instances.json` and `instances.csv` from the records of a journal, one image at a time.

    Returns:
        Number of images, and of instances.
    """
    # COCO counts categories from 1.
    ids = {name: index + 1 for index, name in enumerate(class_names)}
    with whole_file(folder / "instances.json") as path, path.open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        num_images = _write_items(file, _images(journal))
        file.write('], "annotations": [')
        num_instances = _write_items(file, _annotations(journal, ids))
        categories = [{"id": number, "name": name} for name, number in ids.items()]
        file.write(f'], "categories": {json.dumps(categories)}}}')
    # A name of a file may hold bytes that are not UTF-8.
    options = {"newline": "", "encoding": "utf-8", "errors": "backslashreplace"}
    with whole_file(folder / "instances.csv") as path, path.open("w", **options) as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for record in _readable(journal):
            for one in record["instances"]:
                values = [one["label"], round(one["score"], 4), one["area"], *one["bbox"], *one["center"]]
                writer.writerow([record["path"], *values])
    return num_images, num_instances


def _readable(journal: PredictionJournal) -> Iterator[Record]:
    """Yield the records of images that could be read."""
    return (record for record in journal.records() if "error" not in record)


def _images(journal: PredictionJournal) -> Iterator[Record]:
    for number, record in enumerate(_readable(journal), start=1):
        yield {"id": number, **{name: record[name] for name in ("file_name", "width", "height")}}


def _annotations(journal: PredictionJournal, ids: Mapping[str, int]) -> Iterator[Record]:
    number = 0
    for image_id, record in enumerate(_readable(journal), start=1):
        for one in record["instances"]:
            number += 1
            values = {name: one[name] for name in VALUES if name in one}
            yield {"id": number, "image_id": image_id, "category_id": ids[one["label"]], **values}


def _write_items(file: TextIO, items: Iterator[Record]) -> int:
    """Write the items of a JSON list, one per line, and return their number."""
    count = 0
    for item in items:
        file.write((",\n" if count else "\n") + json.dumps(item))
        count += 1
    return count


def write_pictures(
    image: Image.Image, instances: Sequence[Mapping[str, Any]], folder: Path, name: str, label_format: str
) -> None:
    """Write the label image (0 for background, one number per instance, the best on top) and the overlay."""
    from ..visualization.drawing import draw_instances

    # Sixteen bits, since an image may show more than 255 instances; column by column, as pixels of masks are counted.
    labels = np.zeros(image.width * image.height, dtype=np.uint16)
    for number in range(len(instances), 0, -1):  # the list begins with the best, which is drawn last
        for start, end in zip(*foreground_runs(instances[number - 1]["mask"]), strict=True):
            labels[start:end] = number
    with whole_file(folder / "labels" / f"{name}.{label_format}") as path:
        Image.fromarray(np.ascontiguousarray(labels.reshape(image.width, image.height).T)).save(path)
    masks = [instance["mask"] for instance in instances]
    captions = [f"{instance['label']} {instance['score']:.2f}" for instance in instances]
    with whole_file(folder / "overlays" / f"{name}.png") as path:
        draw_instances(image, masks, captions, min_side=OVERLAY_SIDE).save(path)
