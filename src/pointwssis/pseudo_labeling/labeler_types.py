# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The types of teachers and proposers, and the checks of what they return.

The third callable, `Refiner`, is shared with the pipelines and documented in `pipelines.refiners`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from ..data.schema import image_title

Points = list[list[float]]
Labels = list[str | None]

Teacher = Callable[[Sequence[Image.Image], Sequence[Points], Sequence[Labels]], list[list[dict[str, Any]]]]
"""Predict one rough mask per point.

Args: images; per image its points, (x, y) in pixels of the image; per image one class name per point, None for a click
without a class.

Returns: per image and point, in order, `{"mask": RLE, "score": float, "label": class name}`, optionally with
`"level": int`, the pyramid level that the mask was decoded from.
"""

Proposer = Callable[[Sequence[Image.Image], Sequence[list[str] | None]], list[list[dict[str, Any]]]]
"""Find objects without points.

Args: images; per image the names of the classes that it shows, None where they are unknown.

Returns: per image any number of `{"mask": RLE, "score": float, "label": class name}`. Filtering by score is the
proposer's task.
"""

INSTANCE_KEYS = ("mask", "score", "label")


def check_batch(role: str, rows: Sequence[Mapping[str, Any]], answers: Sequence[Any]) -> None:
    """Raise a ValueError unless a teacher or proposer returned one list per image."""
    # The batch is named by its first and last image, because the missing one is unknown.
    if len(answers) != len(rows):
        first, last = rows[0]["file_name"], rows[-1]["file_name"]
        raise ValueError(
            f"the {role} returned {len(answers)} lists for {len(rows)} images ({first} … {last}); expected one list of "
            "instances per image"
        )


def check_instances(
    role: str, row: Mapping[str, Any], instances: Sequence[Mapping[str, Any]], num_points: int | None = None
) -> None:
    """Raise a ValueError unless the instances of one image have the documented form.

    Args:
        role: "teacher" or "proposer".
        row: row of the image.
        instances: instances that were returned for it.
        num_points: number of instances to expect; None: any.
    """
    # Each instance needs all keys, and a mask in run lengths.
    for instance in instances:
        missing = [key for key in INSTANCE_KEYS if key not in instance]
        if missing:
            raise ValueError(
                f"{image_title(row)}: the {role} returned an instance with the keys {', '.join(instance)}; expected "
                f"{', '.join(INSTANCE_KEYS)}"
            )
        if not isinstance(instance["mask"], Mapping):
            raise ValueError(
                f"{image_title(row)}: the {role} returned a mask of type {type(instance['mask']).__name__}; expected a "
                'run-length encoding, {"size", "counts"}: use pointwssis.ops.coco_masks.encode_mask'
            )

    # One mask per point, each of the image's size.
    if num_points is not None and len(instances) != num_points:
        raise ValueError(
            f"{image_title(row)}: the {role} returned {len(instances)} masks for {num_points} points; expected one "
            "mask per point, in order"
        )
    # Masks refer to the original image, not to a resized one.
    expected = [row["height"], row["width"]]
    for instance in instances:
        size = list(instance["mask"]["size"])
        if size != expected:
            raise ValueError(
                f"{image_title(row)}: the {role} returned a mask of [height, width] {size}; expected the size of the "
                f"image, {expected}"
            )


def class_index(role: str, row: Mapping[str, Any], label: str, class_names: Sequence[str]) -> int:
    """Return the index of the class that a teacher or proposer assigned to an object.

    Raises:
        ValueError: the label is not a class of the dataset.
    """
    if label not in class_names:
        raise ValueError(
            f"{image_title(row)}: the {role} returned the label {label!r}; expected a class of the dataset: "
            f"{', '.join(class_names)}"
        )
    return list(class_names).index(label)
