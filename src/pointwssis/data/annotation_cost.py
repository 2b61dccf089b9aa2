# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What labels cost in working time, by the arithmetic of the paper (section 4.2, after Bearman et al., 2016).

With C classes, k of them present in an image and n objects in it, its label takes, in seconds:

```
image-level   C                               one second a class: is it there?
point         (C − k) + 2.4 k + 0.9 (n − k)   the first point of a class, every further one
box           (C − k) + 7 n
full          (C − k) + 79 n                  a mask an object
```

All are linear in C, k and n, so averages over the images serve as well as the images one by one. For COCO (80 classes,
2.9 present, 7.2 objects) that makes 80, 87.9, 127.5 and 645.9 seconds; images without any label cost nothing. A day has
24 hours. The paper cuts its days off after one decimal: 884.28 days are printed as 884.2.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from .schema import class_names, supervision

KINDS = ("full", "box", "point", "image", "none")  # of label, dearest first
SECONDS_A_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class LabelingSpeed:
    """Seconds of one action of the person who labels.

    Args:
        class_check: to decide whether one class is in an image.
        first_point: to click on the first object of a class.
        further_point: to click on another object of that class.
        box: to draw a box.
        mask: to draw a mask.
    """

    class_check: float = 1.0
    first_point: float = 2.4
    further_point: float = 0.9
    box: float = 7.0
    mask: float = 79.0

    def __post_init__(self) -> None:
        for name, seconds in vars(self).items():
            if not 0 <= seconds < float("inf"):
                raise ValueError(f"{name} is {seconds}; it takes seconds, from 0 on")


@dataclass(frozen=True)
class ImageContent:
    """What is in an image, or in the images of a dataset on average.

    Args:
        num_classes: C, classes that the label distinguishes.
        classes_present: k, of these in the image.
        objects: n, objects in the image.
    """

    num_classes: int
    classes_present: float
    objects: float

    def __post_init__(self) -> None:
        if not 0 <= self.classes_present <= min(self.num_classes, self.objects):
            raise ValueError(
                f"{self.classes_present} of {self.num_classes} classes are present in {self.objects} objects; "
                "0 ≤ present ≤ classes, and every class that is present has at least one object"
            )


@dataclass(frozen=True)
class LabelingBudget:
    """Working time by kind of label.

    Args:
        images: kind → number of images.
        seconds: kind → seconds for all of them together.
    """

    images: dict[str, float]
    seconds: dict[str, float]

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())

    @property
    def hours(self) -> float:
        return self.total_seconds / 3600

    @property
    def days(self) -> float:
        """Of 24 hours, as in the paper's table 1."""
        return self.total_seconds / SECONDS_A_DAY


COCO_CONTENT = ImageContent(80, 2.9, 7.2)
COCO_SECONDS = {"full": 645.9, "box": 127.5, "point": 87.9, "image": 80.0, "none": 0.0}  # as printed in the paper


def labeling_seconds(content: ImageContent, speed: LabelingSpeed | None = None) -> dict[str, float]:
    """Seconds that each kind of label takes for one image.

    Args:
        content: of the image, or the average of many.
        speed: absent: that of the paper.

    Returns:
        Kind → seconds, for all of `KINDS`.

    Example:
        >>> {kind: round(seconds, 1) for kind, seconds in labeling_seconds(COCO_CONTENT).items()}
        {'full': 645.9, 'box': 127.5, 'point': 87.9, 'image': 80.0, 'none': 0.0}
    """
    speed = speed or LabelingSpeed()
    present, objects = content.classes_present, content.objects
    absent = (content.num_classes - present) * speed.class_check
    return {
        "full": absent + objects * speed.mask,
        "box": absent + objects * speed.box,
        "point": absent + present * speed.first_point + (objects - present) * speed.further_point,
        "image": content.num_classes * speed.class_check,
        "none": 0.0,
    }


def labeling_budget(images: Mapping[str, float], seconds: Mapping[str, float] | None = None) -> LabelingBudget:
    """Working time of a mixture of labels.

    Args:
        images: kind → number of images (of `KINDS`).
        seconds: kind → seconds an image; absent: those of the paper for COCO.

    Example:
        >>> budget = labeling_budget({"full": 0.1 * 118_287, "point": 0.9 * 118_287})
        >>> round(budget.days, 2)  # 196.7 in the paper's table 1
        196.73
    """
    seconds = COCO_SECONDS if seconds is None else seconds
    for kind, count in images.items():
        if kind not in seconds:
            raise ValueError(f"{kind!r} is no kind of label; choose from {', '.join(seconds)}")
        if not 0 <= count < float("inf"):
            raise ValueError(f"{kind} is {count} images; it takes a number from 0 on")
    return LabelingBudget(dict(images), {kind: count * seconds[kind] for kind, count in images.items()})


def annotation_cost(dataset: Dataset, speed: LabelingSpeed | None = None) -> LabelingBudget:
    """Working time that the labels of a dataset took, object by object, so that mixtures within an image count right.

    A pseudo label (a mask with a score) took no more than its point. Crowds are not counted, as in the paper. Whoever
    marked only some objects of an image (`complete` false) did not look for the absent classes either.

    Args:
        dataset: rows of the schema.
        speed: absent: that of the paper.

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
    """C, and the averages of k and n over the images whose objects are all marked, by masks, boxes or points.

    Raises:
        ValueError: there is no such image.
    """
    images = present = objects = 0
    for row in dataset.with_format(None):
        if row["complete"]:
            marked = _marked(row)
            images += 1
            objects += len(marked)
            present += len({item["category"] for item in marked})
    if not images:
        raise ValueError("no image has all its objects marked, so nothing tells how many there are; give the numbers")
    return ImageContent(len(class_names(dataset)), min(present / images, len(class_names(dataset))), objects / images)


def _marked(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a person marked: neither crowds nor what a model found without being told."""
    return [
        item
        for item in row["objects"]
        if not item["iscrowd"] and not (item["score"] is not None and item["point"] is None)
    ]


def _cost_of_row(row: Mapping[str, Any], num_classes: int, speed: LabelingSpeed) -> tuple[str, float]:
    """Kind of label and seconds of one image; the kind is that of its cheapest object."""
    marked = _marked(row)
    if not marked:
        kind = supervision({**row, "objects": []})
        return kind, 0.0 if kind == "none" else num_classes * speed.class_check
    kinds = [_label_of(item) for item in marked]
    classes = {item["category"] for item in marked} - {None}
    absent = (num_classes - len(classes)) * speed.class_check if row["complete"] else 0.0
    seconds = kinds.count("full") * speed.mask + kinds.count("box") * speed.box
    seconds += _seconds_of_points((i["category"] for i, k in zip(marked, kinds, strict=True) if k == "point"), speed)
    return max(kinds, key=KINDS.index), absent + seconds


def _label_of(item: Mapping[str, Any]) -> str:
    """What a person drew for an object."""
    by_hand = item["score"] is None
    if by_hand and item["segmentation"] is not None:
        return "full"
    return "box" if by_hand and item["bbox"] is not None else "point"


def _seconds_of_points(categories: Iterable[int | None], speed: LabelingSpeed) -> float:
    clicked = list(categories)
    first = len(set(clicked))
    return first * speed.first_point + (len(clicked) - first) * speed.further_point
