# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Real masks, in small and large, in parts and with holes, through every format and back."""

import json

import numpy as np
import pytest

from pointwssis.data import class_names, load_annotations, load_coco, to_coco, to_cvat, to_label_studio, to_yolo
from pointwssis.ops.coco_masks import decode_rle


def write(dataset, format, folder):
    if format == "yolo":
        return to_yolo(dataset, folder)
    path = folder.with_suffix(".txt")
    if format == "label_studio":
        tasks = to_label_studio(dataset)
        for task in tasks:
            task["annotations"] = task.pop("predictions")
        path.write_text(json.dumps(tasks))
    else:
        path.write_text(to_cvat(dataset) if format == "cvat" else json.dumps(to_coco(dataset)), encoding="utf-8")
    return path


@pytest.mark.parametrize("format", ["coco", "label_studio", "cvat", "yolo"])
def test_real_masks_come_back_pixel_by_pixel(shared_dir, tmp_path, format):
    folder = shared_dir / "data" / "coco_mini"
    dataset = load_coco(folder / "annotations" / "instances_val.json", folder / "images")
    fullest = np.argsort([-len(objects) for objects in dataset["objects"]])[:4]
    dataset = dataset.select(sorted(fullest.tolist()))
    path = write(dataset, format, tmp_path / "labels")
    back = load_annotations(path, folder / "images", class_names=class_names(dataset))
    found, compared = {row["file_name"].rpartition("/")[2]: row for row in back}, 0
    assert len(found) == len(dataset)
    for row in dataset:
        other = found[row["file_name"]]
        kept = [item for item in row["objects"] if format == "coco" or not item["iscrowd"]]
        for item, again in zip(kept, other["objects"], strict=True):
            assert item["category"] == again["category"]
            assert np.array_equal(decode_rle(item["segmentation"]), decode_rle(again["segmentation"]))
            compared += 1
    assert compared > 40
