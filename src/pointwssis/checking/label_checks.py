# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Counts of the annotations of a dataset, and annotations that are certainly wrong."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..data import supervision
from ..ops.coco_masks import decode_rle, rle_area, rle_box
from ..ops.points import point_from_mask, point_in_rle
from ..ops.wording import counted
from ..runs.notes import effect_on_ap
from ..training.incomplete_labels import MIN_COMPLETE_FRACTION
from .findings import ERROR, NOTE, WARNING, Findings

Row = Mapping[str, Any]
MIN_BOXES = 10  # masks of a class that are all boxes, before this is suspect


@dataclass
class ClassCounts:
    """Annotations of one class.

    Args:
        masks: objects with a mask.
        points: objects with a point only.
        boxes: objects with a box, but no mask.
        crowds: crowd regions.
        images: images with an object or an image-level label of the class.
    """

    masks: int = 0
    points: int = 0
    boxes: int = 0
    crowds: int = 0
    images: int = 0

    @property
    def objects(self) -> int:
        """Number of objects, without crowds."""
        return self.masks + self.points + self.boxes


@dataclass
class LabelCounts:
    """Counts over a split, whose rows are added one by one.

    Args:
        split: name of the split.
        names: class names.
        findings: receives annotations that are certainly wrong.

    Attributes:
        images: (kind of supervision, complete) → number of images.
        mixed: number of images with masks for some objects and points for others.
        classes: one `ClassCounts` per class.
        filled_boxes: class → number of masks that fill their box, as one that was made from a box does.
        bare_clicks: number of points without a class.
        objects_per_image: number of objects of each image, without crowds.
    """

    split: str
    names: Sequence[str]
    findings: Findings
    images: Counter[tuple[str, bool]] = field(default_factory=Counter)
    mixed: int = 0
    classes: list[ClassCounts] = field(default_factory=list)
    filled_boxes: Counter[int] = field(default_factory=Counter)
    bare_clicks: int = 0
    objects_per_image: array = field(default_factory=lambda: array("l"))

    def __post_init__(self) -> None:
        self.classes = [ClassCounts() for _ in self.names]

    @property
    def num_images(self) -> int:
        """Number of images."""
        return sum(self.images.values())

    @property
    def num_objects(self) -> int:
        """Number of objects, without crowds."""
        return sum(self.objects_per_image)

    def kinds(self) -> dict[str, int]:
        """Return kind of supervision → number of images."""
        totals = Counter()
        for (kind, _), count in self.images.items():
            totals[kind] += count
        return dict(totals)

    def add(self, row: Row, position: int) -> None:
        """Count and check the next row.

        Args:
            row: row of the schema.
            position: its index in the split.
        """
        # Crowd regions are counted by class, but are no objects.
        objects = [item for item in row["objects"] if not item["iscrowd"]]
        kind = supervision(row)
        self.images[kind, row["complete"]] += 1
        self.mixed += kind == "point" and any(item["segmentation"] is not None for item in objects)
        self.objects_per_image.append(len(objects))
        for item in row["objects"]:
            self._count(item)
        # An image counts for a class if it shows an object of it or has its label.
        shown = {item["category"] for item in row["objects"]} | set(row["image_labels"] or ())
        for category in shown - {None}:
            self.classes[category].images += 1
        # Crowds are regions, not single objects, so they are left out of these checks.
        self._check_points(row, position, objects)
        self._check_duplicates(row, position, objects)

    def _count(self, item: Mapping[str, Any]) -> None:
        """Count one object under its class and its best kind of label."""
        # Clicks without a class belong to no `ClassCounts`.
        if item["category"] is None:
            self.bare_clicks += not item["iscrowd"]
            return
        counts = self.classes[item["category"]]
        # Crowds are counted apart; a mask outranks a box, and a box outranks a point.
        if item["iscrowd"]:
            counts.crowds += 1
        elif item["segmentation"] is not None:
            counts.masks += 1
            rle = item["segmentation"]
            self.filled_boxes[item["category"]] += 0 < rle_area(rle) == math.prod(rle_box(rle)[2:])
        elif item["bbox"] is not None:
            counts.boxes += 1
        else:
            counts.points += 1

    def _check_points(self, row: Row, position: int, objects: Sequence[Mapping[str, Any]]) -> None:
        """Report empty masks, missing points, and points outside of their image or mask."""
        place = [(self.split, position)]
        for item in objects:
            rle, point = item["segmentation"], item["point"]
            # The mask itself.
            if rle is not None and not rle_area(rle):
                remedy = "nothing is learned from them; redraw or remove them"
                self.findings.add(WARNING, "empty masks", _where(row, item), remedy, place)
            # The point: its existence, then its place in the image, then its place in the mask.
            if point is None:
                if rle is None:
                    remedy = "add a point, a mask, or a box that becomes a point (point_source: box_center)"
                    self.findings.add(ERROR, "objects with neither mask nor point", _where(row, item), remedy, place)
            # A common cause is coordinates as fractions of the image size.
            elif not (0 <= point[0] < row["width"] and 0 <= point[1] < row["height"]):
                remedy = "points are [x, y] in pixels of the upright image, not fractions of its size"
                self.findings.add(ERROR, "points outside of their image", _where(row, item), remedy, place)
            # A center of mass may lie outside of a concave object; any other point should be on its mask.
            elif rle is not None and rle_area(rle) and not point_in_rle(point, rle):
                if _is_center(rle, point):
                    remedy = "common for non-convex objects; random points (points_from_masks) lie inside"
                    self.findings.add(NOTE, "centers of mass outside of their object", _where(row, item), remedy, place)
                else:
                    remedy = "mask and point contradict each other; move the point onto the object"
                    self.findings.add(WARNING, "points outside of their mask", _where(row, item), remedy, place)

    def _check_duplicates(self, row: Row, position: int, objects: Sequence[Mapping[str, Any]]) -> None:
        """Report identical masks, and points of one class on the same pixel."""
        place = [(self.split, position)]
        masks: dict[tuple[Any, str], Mapping[str, Any]] = {}
        pixels: dict[tuple[Any, int, int], Mapping[str, Any]] = {}
        for item in objects:
            # Objects with identical masks have identical points too, so they are reported once.
            if item["segmentation"] is not None:
                twin = masks.setdefault((item["category"], item["segmentation"]["counts"]), item)
                if twin is not item:
                    example = f"{_where(row, item)} equals object {twin['id']}"
                    self.findings.add(
                        WARNING, "objects with identical masks", example, "remove one of each pair", place
                    )
                    continue
            # Points with identical masks are reported once, not again as points on one pixel.
            if item["point"] is not None:
                x, y = (round(value) for value in item["point"])
                twin = pixels.setdefault((item["category"], x, y), item)
                if twin is not item:
                    example = f"{_where(row, item)} and object {twin['id']}"
                    remedy = "if both clicks are on one object, remove one"
                    self.findings.add(WARNING, "points of one class on the same pixel", example, remedy, place)


def check_classes(
    train: LabelCounts, validation: LabelCounts | None, findings: Findings, has_teacher: bool = False
) -> None:
    """Report classes that cannot be learned or evaluated, and splits that lack what training needs.

    Args:
        train: counts of the training images.
        validation: counts of the validation images, if there are any.
        findings: receives the problems.
        has_teacher: a trained teacher is available, so masks are not required.
    """
    # Without any mask, one error about the whole split replaces the warnings about classes without a mask.
    has_masks = any(counts.masks for counts in train.classes)
    for index, name in enumerate(train.names):
        learned, wanted = train.classes[index], validation and validation.classes[index]
        # At most one finding about the examples that a class is learned from
        if wanted and wanted.objects and not learned.images:
            remedy = "label some in the training images; they cannot be learned otherwise"
            findings.add(WARNING, "classes that occur in validation images only", name, remedy)
        elif not learned.images:
            findings.add(WARNING, "classes without examples", name, "label some, or remove the class")
        elif learned.objects and not learned.masks and has_masks and not has_teacher:
            remedy = "the teacher cannot learn their shapes; draw a few masks"
            findings.add(WARNING, "classes without a mask", name, remedy)
        # Some annotation tools export boxes as masks.
        if learned.masks >= MIN_BOXES and train.filled_boxes[index] == learned.masks:
            remedy = "the teacher would learn boxes: draw masks, or give boxes as boxes (point_source: box_center)"
            findings.add(WARNING, "classes whose masks are all boxes", name, remedy)
        # Some annotation tools export masks as crowds, which are excluded from training.
        if learned.crowds > learned.objects:
            remedy = 'crowds are not learned; CVAT exports brush masks as crowds to COCO: export "CVAT for images 1.1"'
            findings.add(WARNING, "classes with more crowds than objects", name, remedy)
        # A class that validation images do not show has no AP.
        if validation is not None and learned.images and not wanted.objects:
            findings.add(WARNING, "classes without examples in validation", name, "their AP cannot be measured")
    if not has_masks and not has_teacher:
        remedy = "the teacher learns from masks: draw some, or give a trained teacher as teacher_name_or_path"
        findings.add(ERROR, "training sets without masks", train.split, remedy)
    # Images with all objects annotated are the only examples of background.
    complete = sum(count for (_, whole), count in train.images.items() if whole)
    if complete < MIN_COMPLETE_FRACTION * train.num_images:
        remedy = "background is learned from complete images: label more of them completely, or set complete: true"
        where = f"{train.split}: {complete:,} of {counted(train.num_images, 'image')}"
        findings.add(WARNING, "training sets with hardly any complete images", where, remedy)
    if validation is not None:
        _check_measured(validation, findings)
    # Skipped records may have emptied a split.
    for labels in filter(None, (train, validation)):
        if not labels.num_images:
            findings.add(ERROR, "splits without images", labels.split, "see the records that were skipped")


def _check_measured(validation: LabelCounts, findings: Findings) -> None:
    """Report validation images that the evaluation leaves out, because their ground truth is incomplete."""
    left_out = validation.num_images - validation.kinds().get("full", 0)
    if left_out:
        where = f"{validation.split}: {left_out:,} of {counted(validation.num_images, 'image')}"
        remedy = f"{effect_on_ap(left_out, validation.num_images)}: draw the masks of all their objects"
        findings.add(WARNING, "validation images that lack masks of their objects", where, remedy)


def _is_center(rle: Mapping[str, Any], point: Sequence[float]) -> bool:
    """Return True if a point is the center of mass of a mask."""
    # The tolerance in pixels absorbs the rounding of stored coordinates.
    center = point_from_mask(decode_rle(rle))
    return all(abs(value - at) < 0.01 for value, at in zip(point, center, strict=True))


def _where(row: Row, item: Mapping[str, Any]) -> str:
    """Return the file, the image and the object that a finding is about."""
    point = "" if item["point"] is None else f" at ({item['point'][0]:.4g}, {item['point'][1]:.4g})"
    return f"{row['file_name']} (image {row['image_id']}): object {item['id']}{point}"
