# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What the rows of a dataset say: labels by class and kind, and labels that cannot be meant so."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..data import supervision
from ..ops.coco_masks import decode_rle, rle_area, rle_iou, segmentation_to_rle
from ..ops.points import point_from_mask
from ..training.incomplete_labels import MIN_COMPLETE_FRACTION
from .findings import ERROR, NOTE, WARNING, Findings

Row = Mapping[str, Any]


@dataclass
class ClassCounts:
    """Labels of one class: objects with a mask, objects with a point alone, the rest (boxes), crowds, and images."""

    masks: int = 0
    points: int = 0
    boxes: int = 0
    crowds: int = 0
    images: int = 0  # with an object or an image-level label of the class

    @property
    def objects(self) -> int:
        return self.masks + self.points + self.boxes


@dataclass
class LabelCounts:
    """Counts over the rows of a split, which are added one by one.

    Args:
        split: its name.
        names: of the classes.
        findings: where to write what cannot be meant so.

    Attributes:
        images: (kind of supervision, complete) → images.
        mixed: images that have masks of some objects and points of others.
        classes: one `ClassCounts` a class.
        bare_clicks: points without a class.
        objects_per_image: of every image, crowds left out.
    """

    split: str
    names: Sequence[str]
    findings: Findings
    images: Counter[tuple[str, bool]] = field(default_factory=Counter)
    mixed: int = 0
    classes: list[ClassCounts] = field(default_factory=list)
    bare_clicks: int = 0
    objects_per_image: array = field(default_factory=lambda: array("l"))

    def __post_init__(self) -> None:
        self.classes = [ClassCounts() for _ in self.names]

    @property
    def num_images(self) -> int:
        return sum(self.images.values())

    @property
    def num_objects(self) -> int:
        return sum(self.objects_per_image)

    def kinds(self) -> dict[str, int]:
        """Kind of supervision → images."""
        totals = Counter()
        for (kind, _), count in self.images.items():
            totals[kind] += count
        return dict(totals)

    def add(self, row: Row, position: int) -> None:
        """Takes the next row."""
        marked = [item for item in row["objects"] if not item["iscrowd"]]
        kind = supervision(row)
        self.images[kind, row["complete"]] += 1
        self.mixed += kind == "point" and any(item["segmentation"] is not None for item in marked)
        self.objects_per_image.append(len(marked))
        for item in row["objects"]:
            self._count(item)
        shown = {item["category"] for item in row["objects"]} | set(row["image_labels"] or ())
        for category in shown - {None}:
            self.classes[category].images += 1
        self._check_points(row, position, marked)
        self._check_duplicates(row, position, marked)

    def _count(self, item: Mapping[str, Any]) -> None:
        if item["category"] is None:
            self.bare_clicks += not item["iscrowd"]
            return
        counts = self.classes[item["category"]]
        if item["iscrowd"]:
            counts.crowds += 1
        elif item["segmentation"] is not None:
            counts.masks += 1
        elif item["bbox"] is not None:
            counts.boxes += 1
        else:
            counts.points += 1

    def _check_points(self, row: Row, position: int, marked: Sequence[Mapping[str, Any]]) -> None:
        place = [(self.split, position)]
        for item in marked:
            rle, point = item["segmentation"], item["point"]
            if rle is not None and not rle_area(rle):
                remedy = "they teach nothing; draw them again or remove them"
                self.findings.add(WARNING, "masks without a pixel", _where(row, item), remedy, place)
            if point is None:
                if rle is None:
                    remedy = "give them a point, a mask or a box that becomes a point (box_center)"
                    self.findings.add(ERROR, "objects without mask and point", _where(row, item), remedy, place)
            elif not (0 <= point[0] < row["width"] and 0 <= point[1] < row["height"]):
                remedy = "points are [x, y] in pixels of the upright image, not parts of it"
                self.findings.add(ERROR, "points outside of their image", _where(row, item), remedy, place)
            elif rle is not None and rle_area(rle) and not _covers(rle, point):
                if _is_center(rle, point):
                    remedy = "so it is with objects that are not convex; random points (points_from_masks) lie inside"
                    self.findings.add(NOTE, "centers of mass outside of their object", _where(row, item), remedy, place)
                else:
                    remedy = "click on the object itself; its mask and its point contradict each other"
                    self.findings.add(WARNING, "points outside of their mask", _where(row, item), remedy, place)

    def _check_duplicates(self, row: Row, position: int, marked: Sequence[Mapping[str, Any]]) -> None:
        """Twice the same mask, or two points of a class on one pixel."""
        place = [(self.split, position)]
        masks: dict[tuple[Any, str], Mapping[str, Any]] = {}
        pixels: dict[tuple[Any, int, int], Mapping[str, Any]] = {}
        for item in marked:
            if item["segmentation"] is not None:
                twin = masks.setdefault((item["category"], item["segmentation"]["counts"]), item)
                if twin is not item:
                    example = f"{_where(row, item)} is object {twin['id']} again"
                    self.findings.add(WARNING, "objects with the same mask", example, "remove one of each pair", place)
                    continue
            if item["point"] is not None:
                x, y = (round(value) for value in item["point"])
                twin = pixels.setdefault((item["category"], x, y), item)
                if twin is not item:
                    example = f"{_where(row, item)} and object {twin['id']}"
                    remedy = "two clicks on one object? then remove one"
                    self.findings.add(WARNING, "points of one class on the same pixel", example, remedy, place)


def check_classes(
    train: LabelCounts, validation: LabelCounts | None, findings: Findings, has_teacher: bool = False
) -> None:
    """Classes that nothing can be learned of, and splits without what a training needs.

    Args:
        train: counts of the training images.
        validation: counts of the validation images, if there are any.
        findings: where to write.
        has_teacher: a trained teacher is at hand, so that masks are not needed.
    """
    has_masks = any(counts.masks for counts in train.classes)
    for index, name in enumerate(train.names):
        learned, wanted = train.classes[index], validation and validation.classes[index]
        if wanted and wanted.objects and not learned.images:
            remedy = "label some in the training images; now they can only be missed"
            findings.add(WARNING, "classes that only the validation images have", name, remedy)
        elif not learned.images:
            findings.add(WARNING, "classes without an example", name, "label some, or remove the class")
        elif learned.objects and not learned.masks and has_masks and not has_teacher:
            remedy = "a teacher learns their outlines from no mask of their own; draw a few"
            findings.add(WARNING, "classes without a mask", name, remedy)
        if learned.crowds > learned.objects:
            remedy = 'they are ignored, not learned; CVAT\'s "COCO" makes every brush one: export "CVAT for images 1.1"'
            findings.add(WARNING, "classes with more crowds than objects", name, remedy)
        if validation is not None and learned.images and not wanted.objects:
            findings.add(WARNING, "classes without an example in validation", name, "their quality cannot be measured")
    if not has_masks and not has_teacher:
        remedy = "a teacher learns from masks: draw some, or name a trained one by teacher_name_or_path"
        findings.add(ERROR, "training sets without any mask", train.split, remedy)
    complete = sum(count for (_, whole), count in train.images.items() if whole)
    if complete < MIN_COMPLETE_FRACTION * train.num_images:
        remedy = "background is learned from these: mark some more wholly, or say so where all is marked"
        where = f"{train.split}: {complete:,} of {train.num_images:,} images"
        findings.add(WARNING, "training sets with hardly a complete image", where, remedy)
    for labels in filter(None, (train, validation)):
        if not labels.num_images:
            findings.add(ERROR, "splits without an image", labels.split, "see what was skipped")


def _covers(rle: Mapping[str, Any], point: Sequence[float]) -> bool:
    """Whether the pixel of a point belongs to a mask, without decoding the mask."""
    height, width = rle["size"]
    x, y = (min(round(value), side - 1) for value, side in zip(point, (width, height), strict=True))
    before = x * height + y  # run lengths go down the columns
    runs = {"size": [height, width], "counts": [before, 1, height * width - before - 1]}
    pixel = segmentation_to_rle(runs, height, width)
    return rle_iou(pixel, rle) > 0


def _is_center(rle: Mapping[str, Any], point: Sequence[float]) -> bool:
    center = point_from_mask(decode_rle(rle))
    return all(abs(value - at) < 0.01 for value, at in zip(point, center, strict=True))


def _where(row: Row, item: Mapping[str, Any]) -> str:
    point = "" if item["point"] is None else f" at ({item['point'][0]:.4g}, {item['point'][1]:.4g})"
    return f"{row['file_name']} (image {row['image_id']}): object {item['id']}{point}"
