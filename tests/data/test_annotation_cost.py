# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labeling budgets: every figure of the paper's table 1, and what the labels of a dataset took."""

import math

import pytest

from pointwssis.data import dataset_from_rows, make_object, make_shapes_dataset, split_supervision
from pointwssis.data.annotation_cost import (
    COCO_CONTENT,
    COCO_SECONDS,
    ImageContent,
    LabelingSpeed,
    annotation_cost,
    image_content,
    labeling_budget,
    labeling_seconds,
)

MASK = {"size": [4, 4], "counts": "02>"}
COCO_IMAGES = 118_287


def row(image_id: int, *objects: dict, complete: bool = True, image_labels: list[int] | None = None) -> dict:
    return {
        "image": {"path": "none.png", "bytes": None},
        "image_id": image_id,
        "width": 4,
        "height": 4,
        "file_name": f"{image_id}.png",
        "complete": complete,
        "image_labels": image_labels,
        "objects": [{**item, "id": 100 * image_id + index} for index, item in enumerate(objects)],
    }


def pointed(category: int | None) -> dict:
    return make_object(0, category, point=[1.0, 1.0])


def masked(category: int, **values) -> dict:
    return make_object(0, category, point=[1.0, 1.0], segmentation=MASK, **values)


def rows(*content: dict, classes: int = 10):
    return dataset_from_rows(content, [f"class {index}" for index in range(classes)])


# -- the paper


@pytest.mark.parametrize(
    ("mixture", "printed"),
    [
        ({"image": 1}, 109.5),  # BESTIE
        ({"point": 1}, 120.3),
        ({"box": 1}, 174.5),  # BBAM, BoxInst
        ({"full": 0.05, "none": 0.95}, 44.2),  # NB
        ({"full": 0.1, "none": 0.9}, 88.4),
        ({"full": 0.3, "none": 0.7}, 265.2),
        ({"full": 0.5, "none": 0.5}, 442.1),
        ({"full": 0.05, "point": 0.95}, 158.5),  # PointWSSIS
        ({"full": 0.1, "point": 0.9}, 196.7),
        ({"full": 0.3, "point": 0.7}, 349.5),
        ({"full": 0.5, "point": 0.5}, 502.3),
        ({"full": 1}, 884.2),
    ],
)
def test_every_budget_of_table_1(mixture, printed):
    budget = labeling_budget({kind: part * COCO_IMAGES for kind, part in mixture.items()})
    assert math.floor(budget.days * 10) / 10 == printed  # the paper cuts off after one decimal
    assert budget.hours == pytest.approx(24 * budget.days)


def test_days_in_full():
    assert round(labeling_budget({"full": COCO_IMAGES}).days, 2) == 884.28


def test_the_formula_gives_the_seconds_that_the_paper_prints():
    computed = labeling_seconds(COCO_CONTENT)
    assert {kind: round(seconds, 1) for kind, seconds in computed.items()} == COCO_SECONDS
    # Section 2.2, VOC: 20 classes, 1.5 present, 2.8 objects.
    voc = labeling_seconds(ImageContent(20, 1.5, 2.8))
    assert [round(voc[kind], 1) for kind in ("image", "point", "box", "full")] == [20.0, 23.3, 38.1, 239.7]


def test_own_speed():
    speed = LabelingSpeed(class_check=0, first_point=3, further_point=1, box=5, mask=60)
    seconds = labeling_seconds(ImageContent(1, 1, 40), speed)
    assert seconds == {"full": 2400, "box": 200, "point": 42, "image": 0, "none": 0}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: ImageContent(3, 4, 9), "4 of 3 classes are present"),
        (lambda: ImageContent(3, 2, 1), "has at least one object"),
        (lambda: LabelingSpeed(mask=-1), "mask is -1; it must be at least 0"),
        (lambda: LabelingSpeed(box=math.nan), "box is nan"),
        (lambda: labeling_budget({"polygon": 1}), "'polygon' is not a kind of label; use full, box"),
        (lambda: labeling_budget({"full": -1}), "full is -1 images"),
    ],
)
def test_impossible_numbers(made, message):
    with pytest.raises(ValueError, match=message):
        made()


# -- datasets


def test_a_dataset_costs_what_the_formula_says_of_its_average():
    dataset = make_shapes_dataset(30, (64, 64), seed=2)
    seconds, budget = labeling_seconds(image_content(dataset)), annotation_cost(dataset)
    assert budget.images == {"full": 30}
    assert budget.total_seconds == pytest.approx(30 * seconds["full"])
    split = split_supervision(dataset, 0.0)["point"]
    # Images that show nothing are full once their masks are hidden: there was nothing to hide.
    assert sum(annotation_cost(split).images.values()) == 30
    assert annotation_cost(split).total_seconds == pytest.approx(30 * seconds["point"])


def test_each_kind_of_image():
    dataset = rows(
        row(1, masked(0), masked(0), masked(3)),
        row(2, pointed(0), pointed(0), pointed(3)),
        row(3, make_object(0, 0, bbox=[0.0, 0.0, 2.0, 2.0], point=[0.5, 0.5])),
        row(4, complete=False, image_labels=[1, 2]),
        row(5, complete=False),
        row(6),  # known to show nothing
    )
    budget = annotation_cost(dataset)
    assert budget.images == {"full": 2, "box": 1, "point": 1, "image": 1, "none": 1}
    expected = {"full": 8 + 3 * 79 + 10, "box": 9 + 7, "point": 8 + 2 * 2.4 + 0.9, "image": 10, "none": 0}
    assert budget.seconds == pytest.approx(expected)
    assert image_content(dataset) == ImageContent(10, 5 / 4, 7 / 4)


def test_mixtures_within_an_image():
    budget = annotation_cost(rows(row(1, masked(0), pointed(0), pointed(1))))
    assert budget.images == {"point": 1} and budget.total_seconds == pytest.approx(8 + 79 + 2 * 2.4)
    unfinished = annotation_cost(rows(row(1, pointed(0), complete=False)))
    assert unfinished.total_seconds == pytest.approx(2.4)  # nobody looked for the other classes
    bare = annotation_cost(rows(row(1, pointed(None), pointed(None))))
    assert bare.total_seconds == pytest.approx(10 + 2.4 + 0.9)


def test_what_a_model_made_costs_its_point_at_most():
    by_point = masked(0, score=0.7, bbox=[0.0, 0.0, 1.0, 1.0])
    found = make_object(0, 0, segmentation=MASK, score=0.9)  # of an unlabeled image
    crowd = make_object(0, 0, segmentation=MASK, iscrowd=True)
    assert annotation_cost(rows(row(1, by_point, crowd))).total_seconds == pytest.approx(9 + 2.4)
    assert annotation_cost(rows(row(1, found, complete=False))).seconds == {"none": 0}
    assert annotation_cost(rows(row(1, found, complete=False, image_labels=[0]))).seconds == {"image": 10}


def test_content_needs_a_complete_image():
    with pytest.raises(ValueError, match="no image is complete"):
        image_content(rows(row(1, pointed(0), complete=False)))
    assert image_content(rows(row(1, pointed(None), pointed(0)), classes=1)) == ImageContent(1, 1, 2)
    assert annotation_cost(rows()).total_seconds == 0
