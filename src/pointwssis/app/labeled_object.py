# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""One object of the labeling app, its row in the dataset schema, and its record in the autosave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data.schema import make_object
from ..ops.coco_masks import RLE, rle_area, rle_box
from ..ops.points import point_from_mask
from ..ops.polygons import mask_outlines
from ..ops.rle import decode_rle
from .erasing import Point


@dataclass(frozen=True)
class LabeledObject:
    """An object with its mask; a change makes a new one, so that earlier states can return.

    Args:
        id: number, unique in its image.
        label: class name.
        mask: mask that is saved, refined if there is a refiner.
        rough_mask: mask before refinement, if there is a refiner.
        point: click, (x, y) in pixels of the image; None for an object that was found without a click.
        is_label_given: True if a person chose or confirmed the class, False if the model chose it.
        score: score of the model, 0 to 1; None for a mask that a person has drawn or confirmed.
        level: pyramid level of the mask; None if unknown.
        background_score: evidence against an object at the click, 0 to 1.
        erased: negative clicks, in their order.
        is_loaded: True if the mask comes from an annotation file.
        doubt: what speaks against a pseudo label that is among the most doubtful; None for any other mask.
    """

    id: int
    label: str
    mask: RLE
    rough_mask: RLE | None = None
    point: Point | None = None
    is_label_given: bool = False
    score: float | None = None
    level: int | None = None
    background_score: float = 0.0
    erased: tuple[Point, ...] = ()
    is_loaded: bool = False
    doubt: str | None = None

    @property
    def anchor(self) -> Point:
        """Return the click, or the center of mass of an object without one."""
        return self.point or point_from_mask(decode_rle(self.mask), "center")


def from_instance(id: int, instance: Mapping[str, Any], is_label_given: bool) -> LabeledObject:
    """Return an object of the pipeline's result, with masks as RLEs.

    Args:
        id: number of the object.
        instance: one dict of the pipeline's list.
        is_label_given: True if the class was given with the click.
    """
    point = instance.get("point")
    return LabeledObject(
        id,
        instance["label"],
        instance["mask"],
        rough_mask=instance.get("rough_mask"),
        point=None if point is None else (float(point[0]), float(point[1])),
        is_label_given=is_label_given,
        score=round(float(instance["score"]), 4),
        level=instance.get("level"),
        background_score=round(float(instance.get("background_score", 0.0)), 4),
    )


def confirmed(item: LabeledObject) -> LabeledObject:
    """Return an object whose mask and class a person has found right: it is no pseudo label any more, without doubt."""
    return replace(item, is_label_given=True, rough_mask=None, score=None, level=None, doubt=None)


def to_row(item: LabeledObject, id: int, class_names: Sequence[str]) -> dict[str, Any]:
    """Return one entry of `objects` of the dataset schema.

    Args:
        item: object of the app.
        id: id, unique in the dataset.
        class_names: classes in the order of their indices.
    """
    return make_object(
        id,
        class_names.index(item.label),
        point=list(item.anchor),
        bbox=rle_box(item.mask),
        area=float(rle_area(item.mask)),
        segmentation=item.mask,
        rough_segmentation=item.rough_mask,
        score=item.score,
        level=item.level,
    )


def from_row(item: Mapping[str, Any], class_names: Sequence[str]) -> LabeledObject:
    """Return the object of an entry of `objects` that has a mask and a class, with the number 0."""
    point, level = item["point"], item["level"]
    return LabeledObject(
        0,
        class_names[item["category"]],
        item["segmentation"],
        rough_mask=item["rough_segmentation"],
        point=None if point is None else (float(point[0]), float(point[1])),
        is_label_given=True,
        score=item["score"],
        level=level,
        is_loaded=True,
    )


def to_record(item: LabeledObject) -> dict[str, Any]:
    """Return everything about an object as JSON values."""
    return dict(vars(item))


def from_record(record: Mapping[str, Any]) -> LabeledObject:
    """Return the object of a record; the inverse of `to_record`."""
    point = record["point"]
    erased = tuple((float(x), float(y)) for x, y in record["erased"])
    return LabeledObject(**{**record, "point": None if point is None else tuple(point), "erased": erased})


def to_view(item: LabeledObject) -> dict[str, Any]:
    """Return an object as the page draws it: with outlines, in pixel edges of the image, instead of run lengths."""
    rough = [] if item.rough_mask is None else _outlines(item.rough_mask)
    return {
        "id": item.id,
        "label": item.label,
        "given": item.is_label_given,
        "point": item.point,
        "score": item.score,
        "background": item.background_score,
        "erased": item.erased,
        "doubt": item.doubt,
        "outlines": _outlines(item.mask),
        "rough": rough,
    }


def _outlines(mask: RLE) -> list[list[int]]:
    return [np.asarray(ring, dtype=int).tolist() for ring in mask_outlines(decode_rle(mask))]
