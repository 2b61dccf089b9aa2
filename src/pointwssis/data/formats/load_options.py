# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The keyword arguments that all loaders of annotation files share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ...ops.points import PointSource
from ...ops.user_error import UserError
from ...ops.wording import brief
from ..errors import LoadReport


@dataclass(frozen=True)
class LoadOptions:
    """Options for reading annotation files: `load_annotations(path, image_dir, skip_bad=True, …)`.

    Args:
        class_names: class names in the order of their indices; None takes those of the file. Pass the classes of the
            training data when loading a validation file. It may list more classes than the file, not fewer.
        label_map: name in the file → class name, where they differ ({"Car": "car"}); several names may map to one
            class.
        complete: value of `complete` for images whose records do not state it. None: True for every annotated image;
            each format documents how it recognizes one.
        point_source: COCO files only: rule for deriving the point of an object without one: the "center" of mass of its
            mask (as in the paper; it may lie outside the mask, which is counted), the "box_center", which also accepts
            boxes without masks, or a "random" pixel of its mask. In other formats a box gets its center, a mask its
            center of mass.
        skip_bad: leave out bad records instead of raising at the first one. They are counted and logged, and an image
            that lost an object is no longer `complete`. Every image is decoded then, to find damaged pixels too.
        allow_outside: take images outside of the image folder too, which an absolute path or one with `..` may name;
            by default they are errors. A YOLO data.yaml names the folders of its images itself.
        report: report that collects skipped and noted records.
        reports: list to which the report of each file is appended, for loaders of several files.
        split: YOLO only: "train", "val" or "test".
        seed: COCO files only: seed of the "random" points; each object has its own generator, so that its point does
            not depend on the others.
        check_images: COCO files only: open every image file to check that it exists, is intact and has the size given
            in the annotations. False neither searches nor opens images, so annotations can be read without them.
    """

    class_names: Sequence[str] | None = None
    label_map: Mapping[str, str] | None = None
    complete: bool | None = None
    point_source: PointSource = "center"
    skip_bad: bool = False
    allow_outside: bool = False
    report: LoadReport | None = None
    reports: list[LoadReport] | None = None
    split: str = "train"
    seed: int = 0
    check_images: bool = True

    def __post_init__(self) -> None:
        names, pairs = self.class_names, self.label_map
        # A text would be taken apart into letters, and a set has no order.
        is_list = isinstance(names, Sequence) and not isinstance(names, str)
        if names is not None and not (is_list and _are_texts(names) and len(set(names)) == len(names)):
            raise UserError(f"class_names is {brief(names)}; give a list of names, without duplicates")
        if pairs is not None and not (isinstance(pairs, Mapping) and _are_texts([*pairs, *pairs.values()])):
            raise UserError(f"label_map is {brief(pairs)}; give a mapping from names in the file to class names")
        if self.point_source not in get_args(PointSource):
            known = ", ".join(map(repr, get_args(PointSource)))
            raise UserError(f"point_source is {brief(self.point_source)}; use one of {known}")
        for name in ("skip_bad", "allow_outside", "check_images"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"{name} is {brief(getattr(self, name))}; it must be True or False")
        if self.complete is not None and not isinstance(self.complete, bool):
            raise UserError(f"complete is {brief(self.complete)}; it must be True, False, or None")

    def start_report(self, source: str | Path) -> LoadReport:
        """Return the report of a file that is about to be read."""
        report = LoadReport() if self.report is None else self.report
        report.source, report.skip_bad = str(source), self.skip_bad
        if self.reports is not None:
            self.reports.append(report)
        return report


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
