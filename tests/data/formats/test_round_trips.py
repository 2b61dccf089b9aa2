# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Real masks, small and large, with parts and holes, through every format of the table and back."""

import numpy as np
import pytest

from helpers.exported_files import EXPORTED, export_accepted
from pointwssis.data import class_names, load_annotations, load_coco
from pointwssis.ops.coco_masks import decode_rle


@pytest.mark.parametrize("format", EXPORTED)
def test_real_masks_come_back_pixel_by_pixel(shared_dir, tmp_path, format):
    folder = shared_dir / "data" / "coco_mini"
    dataset = load_coco(folder / "annotations" / "instances_val.json", folder / "images")
    fullest = np.argsort([-len(objects) for objects in dataset["objects"]])[:4]
    dataset = dataset.select(sorted(fullest.tolist()))
    path = export_accepted(dataset, format, tmp_path / "labels")
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
