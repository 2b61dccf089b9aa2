# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The types of teachers and proposers, and the checks of what they return.

The third callable, `Refiner`, is shared with the pipelines and documented in `pipelines.refiners`.
"""

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from PIL import Image

from ..data.schema import image_title
from ..ops.rle import RLE, checked_rle
from ..ops.user_error import UserError, as_user_error
from ..ops.wording import brief

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
_MAX_LEVEL = 2**31 - 1  # of the schema


def check_batch(role: str, rows: Sequence[Mapping[str, Any]], answers: Any) -> list[Any]:
    """Return what a teacher or proposer returned for a batch as a list with one entry per image.

    Args:
        role: "teacher" or "proposer".
        rows: rows of the images.
        answers: what was returned; any iterable, also a generator.

    Raises:
        UserError: there is not one entry per image.
    """
    # The batch is named by its first and last image, because the missing one is unknown.
    images = f"{len(rows)} images ({rows[0]['file_name']} … {rows[-1]['file_name']})"
    expected = "expected one list of instances per image"
    if not _is_sequence(answers):
        raise UserError(f"the {role} returned {_kind(answers)} for {images}; {expected}")
    answers = list(answers)
    if len(answers) != len(rows):
        raise UserError(f"the {role} returned {len(answers)} lists for {images}; {expected}")
    return answers


def check_instances(
    role: str, row: Mapping[str, Any], instances: Any, num_points: int | None = None
) -> list[dict[str, Any]]:
    """Return the instances that a teacher or proposer found in one image, in the form of the schema.

    Args:
        role: "teacher" or "proposer".
        row: row of the image.
        instances: what was returned for it.
        num_points: number of instances to expect; None: any.

    Returns:
        `{"mask": compressed RLE with `counts` as text, "score": float, "label", "level": int or None}` per instance.

    Raises:
        UserError: the instances have another form; the message names the image.
    """
    if not _is_sequence(instances):
        raise UserError(f"{image_title(row)}: the {role} returned {_kind(instances)}; expected a list of instances")
    checked = [_checked_instance(role, row, instance) for instance in instances]
    # One mask per point
    if num_points is not None and len(checked) != num_points:
        raise UserError(
            f"{image_title(row)}: the {role} returned {len(checked)} masks for {num_points} points; expected one "
            "mask per point, in order"
        )
    return checked


def _checked_instance(role: str, row: Mapping[str, Any], instance: Any) -> dict[str, Any]:
    """Return one instance with plain values, or raise a `UserError`."""
    where, keys = f"{image_title(row)}: the {role} returned", ", ".join(INSTANCE_KEYS)
    if not isinstance(instance, Mapping):
        raise UserError(f"{where} an instance of type {_kind(instance)}; expected a mapping with the keys {keys}")
    if any(key not in instance for key in INSTANCE_KEYS):
        raise UserError(f"{where} an instance with the keys {', '.join(map(str, instance))}; expected {keys}")
    return {
        "mask": _checked_mask(where, row, instance["mask"]),
        "score": _checked_score(where, instance["score"]),
        "label": instance["label"],
        "level": _checked_level(where, instance.get("level")),
    }


def _checked_mask(where: str, row: Mapping[str, Any], mask: Any) -> RLE:
    if not isinstance(mask, Mapping) or not {"size", "counts"} <= set(mask):
        raise UserError(
            f"{where} a mask of type {_kind(mask)}; expected a run-length encoding, "
            '{"size", "counts"}: use pointwssis.ops.coco_masks.encode_mask'
        )
    # Masks refer to the original image, not to a resized one.
    size, expected = list(mask["size"]), [row["height"], row["width"]]
    if size != expected:
        raise UserError(f"{where} a mask of [height, width] {size}; expected the size of the image, {expected}")
    with as_user_error(ValueError, source=f"{where} an invalid mask"):
        return checked_rle({"size": size, "counts": mask["counts"]}, *expected)


def _checked_score(where: str, score: Any) -> float:
    try:
        value = float(score)  # a number of NumPy or torch, too
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(score, str) or not 0 <= value <= 1:  # NaN fails too
        raise UserError(f"{where} the score {brief(score)}; expected a number from 0 to 1")
    return value


def _checked_level(where: str, level: Any) -> int | None:
    if level is None:
        return None
    if not isinstance(level, numbers.Integral) or not 0 <= level <= _MAX_LEVEL:
        raise UserError(f"{where} the level {brief(level)}; expected the number of a pyramid level, or None")
    return int(level)


def _is_sequence(value: Any) -> bool:
    """Return True for a list, or anything else that yields its items in turn, but no text and no mapping."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def class_index(role: str, row: Mapping[str, Any], label: str, class_names: Sequence[str]) -> int:
    """Return the index of the class that a teacher or proposer assigned to an object.

    Raises:
        UserError: the label is not a class of the dataset.
    """
    if label not in class_names:
        raise UserError(
            f"{image_title(row)}: the {role} returned the label {label!r}; expected a class of the dataset: "
            f"{', '.join(class_names)}"
        )
    return list(class_names).index(label)
