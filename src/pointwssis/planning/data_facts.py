# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Statistics of a dataset that settings are derived from."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import objects_with_mask
from ..ops.coco_masks import rle_area, rle_box
from ..ops.image_sizes import shortest_edge_size
from ..ops.user_error import UserError
from ..runs.data import RunData


@dataclass(frozen=True)
class DataFacts:
    """Statistics of the training images of a run.

    Args:
        image_sizes: (N, 2) width and height of the images in pixels.
        boxes: (M, 2) width and height of every object whose mask or box is known, in pixels of its image.
        box_images: (M,) index of the image of each box.
        objects_per_image: (N,) number of objects of each image.
        most_objects: maximum number of objects per image, validation included.
        full: number of images that a teacher learns from.
        point: number of images that get pseudo labels.
        masks: number of objects that teacher and refiner learn from.
        ground_truth_is_known: True if the masks of all objects are known, including those in images with points.
        class_names: names of the classes.
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
    class_names: list[str] = field(default_factory=list)

    @property
    def aspect_ratios(self) -> np.ndarray:
        """Ratio of longer to shorter side of each image, (N,)."""
        return self.image_sizes.max(axis=1) / self.image_sizes.min(axis=1)

    @property
    def longest_side(self) -> float:
        """Median of the images' longer sides in pixels."""
        return float(np.median(self.image_sizes.max(axis=1)))

    def sizes_at(self, shortest_edge: int, longest_edge: int) -> np.ndarray:
        """Return the sizes of the objects in scaled images.

        Args:
            shortest_edge: shortest edge of scaled images, in pixels.
            longest_edge: upper limit of their longest edge, in pixels.

        Returns:
            (M,) square root of the area of each bounding box, in pixels of the scaled image.
        """
        # Rounding gives width and height slightly different scales.
        scales = []
        for width, height in self.image_sizes.tolist():
            new_height, new_width = shortest_edge_size(height, width, shortest_edge, longest_edge)
            scales.append([new_width / width, new_height / height])
        scaled_boxes = self.boxes * np.array(scales)[self.box_images]
        return np.sqrt(scaled_boxes.prod(axis=1))


def facts_of(data: RunData) -> DataFacts:
    """Collect the statistics of a dataset in one pass over its rows.

    Raises:
        UserError: no object has a mask or a box, so the sizes of objects are unknown.
    """
    # Flat arrays of numbers keep large datasets small in memory.
    sizes, counts, boxes, owners = array("l"), array("l"), array("d"), array("l")
    for position, row in enumerate(data.train.with_format(None)):
        sizes.extend((row["width"], row["height"]))
        objects = _without_crowds(row)
        counts.append(len(objects))
        for item in objects:
            # The box of the mask is exact; that of the file may be drawn generously.
            rle, box = item["segmentation"], item["bbox"]
            box = rle_box(rle) if rle is not None and rle_area(rle) else box
            # Boxes without extent have no size.
            if box is not None and min(box[2:]) > 0:
                boxes.extend(box[2:])
                owners.append(position)
    # Input and pyramid are derived from object sizes.
    if not owners:
        raise UserError(
            "no object has a mask or a box, so object sizes are unknown; draw the masks of a few images first"
        )
    # Validation images count for the largest number of objects only.
    validation = [] if data.validation is None else data.validation.with_format(None)
    learned = data.masked.with_format(None)
    return DataFacts(
        image_sizes=np.array(sizes).reshape(-1, 2),
        boxes=np.array(boxes).reshape(-1, 2),
        box_images=np.array(owners),
        objects_per_image=np.array(counts),
        most_objects=max([*counts, *(len(_without_crowds(row)) for row in validation)]),
        full=len(learned),
        point=len(data.point),
        masks=sum(len(objects_with_mask(row)) for row in learned),
        ground_truth_is_known=data.ground_truth_is_known,
        class_names=data.class_names,
    )


def _without_crowds(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a row that are not crowds."""
    return [item for item in row["objects"] if not item["iscrowd"]]
