# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The numbers of a dataset that settings follow from."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import objects_with_mask
from ..models.solov2.transforms_solov2 import shortest_edge_size
from ..ops.coco_masks import rle_area, rle_box
from ..runs.data import RunData


@dataclass(frozen=True)
class DataFacts:
    """What is known of the training images of a run, without the pixels.

    Args:
        image_sizes: (N, 2) width and height of the images in pixels.
        boxes: (M, 2) width and height of every object whose mask or box is known, in pixels of its image.
        box_images: (M,) position of that image.
        objects_per_image: (N,)
        most_objects: in the fullest image, validation included.
        full: images that a teacher learns from.
        point: images that become pseudo labels.
        masks: objects that a teacher and a refiner learn from.
        ground_truth_is_known: whether all masks are known, those of the images with points included.
    """

    image_sizes: np.ndarray
    boxes: np.ndarray
    box_images: np.ndarray
    objects_per_image: np.ndarray
    most_objects: int
    full: int
    point: int
    masks: int
    ground_truth_is_known: bool

    @property
    def aspect_ratios(self) -> np.ndarray:
        """(N,) longer side over shorter side."""
        return self.image_sizes.max(axis=1) / self.image_sizes.min(axis=1)

    @property
    def longest_side(self) -> float:
        """Median of the images' longer sides."""
        return float(np.median(self.image_sizes.max(axis=1)))

    def sizes_at(self, shortest_edge: int, longest_edge: int) -> np.ndarray:
        """(M,) √ of the box's area of the objects, when images are scaled like this."""
        scales = [
            [new[1] / width, new[0] / height]
            for width, height in self.image_sizes.tolist()
            for new in [shortest_edge_size(height, width, shortest_edge, longest_edge)]
        ]
        return np.sqrt((self.boxes * np.array(scales)[self.box_images]).prod(axis=1))


def facts_of(data: RunData) -> DataFacts:
    """One pass over the rows.

    Raises:
        ValueError: no object has a mask or a box, so that nothing tells how large they are.
    """
    sizes, counts, boxes, owners = array("l"), array("l"), array("d"), array("l")
    for position, row in enumerate(data.train.with_format(None)):
        sizes.extend((row["width"], row["height"]))
        marked = _marked(row)
        counts.append(len(marked))
        for item in marked:
            rle, box = item["segmentation"], item["bbox"]
            box = rle_box(rle) if rle is not None and rle_area(rle) else box
            if box is not None and min(box[2:]) > 0:
                boxes.extend(box[2:])
                owners.append(position)
    if not owners:
        raise ValueError(
            "no object has a mask or a box, so nothing tells how large they are; draw the masks of a few images first"
        )
    validation = [] if data.validation is None else data.validation.with_format(None)
    learned = data.masked.with_format(None)
    return DataFacts(
        np.array(sizes).reshape(-1, 2),
        np.array(boxes).reshape(-1, 2),
        np.array(owners),
        np.array(counts),
        max([*counts, *(len(_marked(row)) for row in validation)]),
        len(learned),
        len(data.point),
        sum(len(objects_with_mask(row)) for row in learned),
        data.ground_truth_is_known,
    )


def _marked(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in row["objects"] if not item["iscrowd"]]
