# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Working time of annotation, by the estimates of the paper (section 4.2, after Bearman et al., 2016).

With C classes, k of which are present in an image with n objects, a label takes, in seconds:

```
image-level   C                               one second per class
point         (C − k) + 2.4 k + 0.9 (n − k)   the first point of a class, each further point
box           (C − k) + 7 n
full          (C − k) + 79 n                  one mask per object
```

All are linear in C, k and n, so averages over the images give the same total as single images. For COCO (80 classes,
2.9 present, 7.2 objects) they are 80, 87.9, 127.5 and 645.9 seconds; unlabeled images cost nothing. A day has 24 hours.
The paper truncates days after one decimal: 884.28 days are printed as 884.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from ..ops.user_error import UserError
from .schema import class_names, supervision

KINDS = ("full", "box", "point", "image", "none")  # kinds of label, most expensive first
SECONDS_PER_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class LabelingSpeed:
    """Seconds per action of an annotator.

    Args:
        class_check: decide whether one class is present in an image.
        first_point: click on the first object of a class.
        further_point: click on another object of that class.
        box: draw a box.
        mask: draw a mask.
    """

    class_check: float = 1.0
    first_point: float = 2.4
    further_point: float = 0.9
    box: float = 7.0
    mask: float = 79.0

    def __post_init__(self) -> None:
        for name, seconds in vars(self).items():
            if not 0 <= seconds < float("inf"):
                raise UserError(f"{name} is {seconds}; it must be at least 0 seconds")


@dataclass(frozen=True)
class ImageContent:
    """Content of an image, or average content of the images of a dataset.

    Args:
        num_classes: C, number of classes that labels distinguish.
        classes_present: k, number of these classes in the image.
        objects: n, number of objects in the image.
    """

    num_classes: int
    classes_present: float
    objects: float

    def __post_init__(self) -> None:
        if not 0 <= self.classes_present <= min(self.num_classes, self.objects):
            raise UserError(
                f"{self.classes_present} of {self.num_classes} classes are present in {self.objects} objects; "
                "0 ≤ present ≤ classes, and every class that is present has at least one object"
            )


@dataclass(frozen=True)
class LabelingBudget:
    """Working time per kind of label.

    Args:
        images: kind → number of images.
        seconds: kind → total seconds.
    """

    images: dict[str, float]
    seconds: dict[str, float]

    @property
    def total_seconds(self) -> float:
        """Seconds of all labels together."""
        return sum(self.seconds.values())

    @property
    def hours(self) -> float:
        """Hours of all labels together."""
        return self.total_seconds / 3600

    @property
    def days(self) -> float:
        """Days of 24 hours, as in the paper's table 1."""
        return self.total_seconds / SECONDS_PER_DAY


COCO_CONTENT = ImageContent(80, 2.9, 7.2)
COCO_SECONDS = {"full": 645.9, "box": 127.5, "point": 87.9, "image": 80.0, "none": 0.0}  # as printed in the paper


def labeling_seconds(content: ImageContent, speed: LabelingSpeed | None = None) -> dict[str, float]:
    """Return the seconds that each kind of label takes for one image.

    Args:
        content: content of the image, or average content of many images.
        speed: speed of the annotator; None: that of the paper.

    Returns:
        Kind → seconds, for all of `KINDS`.

    Example:
        >>> {kind: round(seconds, 1) for kind, seconds in labeling_seconds(COCO_CONTENT).items()}
        {'full': 645.9, 'box': 127.5, 'point': 87.9, 'image': 80.0, 'none': 0.0}
    """
    speed = speed or LabelingSpeed()
    present, objects = content.classes_present, content.objects
    # Masks, boxes and points all include one check per absent class; drawing or clicking confirms the present ones.
    absent = (content.num_classes - present) * speed.class_check
    return {
        "full": absent + objects * speed.mask,
        "box": absent + objects * speed.box,
        "point": absent + present * speed.first_point + (objects - present) * speed.further_point,
        "image": content.num_classes * speed.class_check,
        "none": 0.0,
    }


def labeling_budget(images: Mapping[str, float], seconds: Mapping[str, float] | None = None) -> LabelingBudget:
    """Return the working time of a mixture of labels.

    Args:
        images: kind (of `KINDS`) → number of images.
        seconds: kind → seconds per image; None: those of the paper for COCO.

    Example:
        >>> budget = labeling_budget({"full": 0.1 * 118_287, "point": 0.9 * 118_287})
        >>> round(budget.days, 2)  # 196.7 in the paper's table 1
        196.73
    """
    seconds = COCO_SECONDS if seconds is None else seconds
    # Reject kinds without a known duration, and counts that are negative or not finite, before anything is multiplied.
    for kind, count in images.items():
        if kind not in seconds:
            raise UserError(f"{kind!r} is not a kind of label; use {', '.join(seconds)}")
        if not 0 <= count < float("inf"):
            raise UserError(f"{kind} is {count} images; it must be at least 0")
    return LabelingBudget(dict(images), {kind: count * seconds[kind] for kind, count in images.items()})


def annotation_cost(dataset: Dataset, speed: LabelingSpeed | None = None) -> LabelingBudget:
    """Return the working time of the labels of a dataset, object by object, so that images may mix kinds of label.

    A pseudo label (a mask with a score) costs only its point. Crowds are not counted, as in the paper. In an incomplete
    image (`complete` false) the absent classes are not counted either, because no annotator checked them.

    Args:
        dataset: rows of the schema.
        speed: speed of the annotator; None: that of the paper.

    Example:
        >>> from pointwssis.data import make_shapes_dataset, split_supervision
        >>> mixed = split_supervision(make_shapes_dataset(10, (64, 64)), labeled_fraction=0.2)
        >>> annotation_cost(mixed["full"]).images, annotation_cost(mixed["point"]).images
        ({'full': 2}, {'point': 8})
    """
    speed, num_classes = speed or LabelingSpeed(), len(class_names(dataset))
    images, seconds = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0.0)
    for row in dataset.with_format(None):
        kind, cost = _cost_of_row(row, num_classes, speed)
        images[kind] += 1
        seconds[kind] += cost
    present = [kind for kind in KINDS if images[kind]]
    return LabelingBudget({kind: images[kind] for kind in present}, {kind: seconds[kind] for kind in present})


def image_content(dataset: Dataset) -> ImageContent:
    """Return C, and the averages of k and n over the complete images, annotated with masks, boxes or points.

    Raises:
        UserError: no image is complete.
    """
    images = present = objects = 0
    # In an incomplete image the annotated objects are only a lower limit, which would bias the averages.
    for row in dataset.with_format(None):
        if row["complete"]:
            annotated = _annotated(row)
            images += 1
            objects += len(annotated)
            present += len({item["category"] for item in annotated})
    if not images:
        raise UserError("no image is complete, so the number of objects per image is unknown; give the numbers")
    # The class of bare clicks (None) counts as one more class, hence the upper limit.
    return ImageContent(len(class_names(dataset)), min(present / images, len(class_names(dataset))), objects / images)


def _annotated(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the manually annotated objects: neither crowds nor pseudo labels without a point."""
    annotated = []
    for item in row["objects"]:
        # A score without a point marks a proposal of a network, which cost no working time.
        is_found_by_model = item["score"] is not None and item["point"] is None
        if not item["iscrowd"] and not is_found_by_model:
            annotated.append(item)
    return annotated


def _cost_of_row(row: Mapping[str, Any], num_classes: int, speed: LabelingSpeed) -> tuple[str, float]:
    """Return the kind of label and the seconds of one image; the kind is that of its cheapest object."""
    annotated = _annotated(row)
    # Without objects only the check of the classes remains; an unlabeled image costs nothing.
    if not annotated:
        kind = supervision({**row, "objects": []})
        return kind, 0.0 if kind == "none" else num_classes * speed.class_check
    # In a complete image the annotator has also ruled out every class that is absent.
    kinds = [_label_of(item) for item in annotated]
    classes = {item["category"] for item in annotated} - {None}
    absent = (num_classes - len(classes)) * speed.class_check if row["complete"] else 0.0
    # Masks and boxes cost the same for each object; of the points of a class, the first one takes longer.
    seconds = kinds.count("full") * speed.mask + kinds.count("box") * speed.box
    clicked = [item["category"] for item, kind in zip(annotated, kinds, strict=True) if kind == "point"]
    seconds += _seconds_of_points(clicked, speed)
    # KINDS is ordered from expensive to cheap, so the greatest index is the cheapest kind.
    return max(kinds, key=KINDS.index), absent + seconds


def _label_of(item: Mapping[str, Any]) -> str:
    """Return the kind of label that an annotator drew for an object."""
    is_manual = item["score"] is None
    if is_manual and item["segmentation"] is not None:
        return "full"
    return "box" if is_manual and item["bbox"] is not None else "point"


def _seconds_of_points(clicked: Sequence[int | None], speed: LabelingSpeed) -> float:
    first = len(set(clicked))
    return first * speed.first_point + (len(clicked) - first) * speed.further_point
