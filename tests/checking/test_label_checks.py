# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Counts of annotations, and annotations that are certainly wrong."""

import numpy as np
import pytest

from helpers.hand_made import rle, row
from pointwssis.checking.findings import ERROR, NOTE, WARNING, Findings
from pointwssis.checking.label_checks import LabelCounts, check_classes
from pointwssis.data import make_object
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.ops.points import point_from_mask

NAMES = ["cat", "dog", "owl"]


def counted(*rows, split: str = "train") -> LabelCounts:
    labels = LabelCounts(split, NAMES, Findings())
    for position, item in enumerate(rows):
        labels.add(item, position)
    return labels


def found(labels: LabelCounts) -> dict[str, tuple[str, int]]:
    return {finding.what: (finding.severity, finding.count) for finding in labels.findings}


def masked(category, box, **values):
    return make_object(0, category, segmentation=rle(*box), point=[box[0] + 1.0, box[1] + 1.0], **values)


def click(category, x, y):
    return make_object(0, category, point=[x, y])


def test_counts_by_class_and_supervision():
    crowd = make_object(0, 2, segmentation=rle(0, 0, 9, 9), iscrowd=True)
    box = make_object(0, 1, bbox=[1.0, 1.0, 4.0, 4.0], point=[3.0, 3.0])
    labels = counted(
        row(1, masked(0, (2, 2, 5, 5)), masked(0, (20, 2, 5, 5)), crowd),
        row(2, masked(0, (2, 2, 5, 5)), click(1, 30, 20), click(None, 9, 20), complete=False),
        row(3, box),
        row(4, complete=False, image_labels=[1]),
        row(5, complete=False),
        row(6),
    )
    assert labels.kinds() == {"full": 2, "point": 2, "image": 1, "none": 1}
    assert labels.images["point", False] == 1 and labels.mixed == 1 and labels.bare_clicks == 1
    cat, dog, owl = labels.classes
    assert (cat.masks, cat.points, cat.images) == (3, 0, 2)
    assert (dog.masks, dog.points, dog.boxes, dog.images) == (0, 1, 1, 3)
    assert (owl.crowds, owl.objects, owl.images) == (1, 0, 1)
    assert list(labels.objects_per_image) == [2, 3, 1, 0, 0, 0]
    assert (labels.num_images, labels.num_objects) == (6, 6)
    assert found(labels) == {}


@pytest.mark.parametrize(
    ("item", "what", "severity"),
    [
        (click(0, 40, 3), "points outside of their image", ERROR),
        (click(0, 3, -0.5), "points outside of their image", ERROR),
        (make_object(0, 0), "objects with neither mask nor point", ERROR),
        (make_object(0, 0, segmentation=rle(5, 5, 4, 4), point=[9.0, 5.0]), "points outside of their mask", WARNING),
        (make_object(0, 0, segmentation=rle(0, 0, 0, 0), point=[9.0, 5.0]), "empty masks", WARNING),
    ],
)
def test_impossible_labels(item, what, severity):
    labels = counted(row(1), row(7, item))
    assert found(labels) == {what: (severity, 1)}
    finding = next(iter(labels.findings))
    assert "7.png (image 7): object 700" in finding.examples[0] and finding.rows == [("train", 1)]


def test_points_on_the_rim_of_mask_and_image_are_inside():
    edge = make_object(0, 0, segmentation=rle(36, 26, 4, 4), point=[39.9, 29.9])
    assert found(counted(row(1, edge, click(0, 0, 0), click(1, 39.9, 29.9)))) == {}


@pytest.mark.parametrize(("x", "y"), [(5, 5), (8, 5), (5, 8), (8, 8), (6.4, 7.6)])
def test_every_pixel_of_a_mask_is_inside(x, y):
    assert found(counted(row(1, make_object(0, 0, segmentation=rle(5, 5, 4, 4), point=[x, y])))) == {}


def test_a_center_of_mass_may_lie_outside():
    mask = np.zeros((30, 40), bool)
    mask[2:28, 2:38] = True
    mask[6:30, 6:40] = False
    item = make_object(0, 0, segmentation=encode_mask(mask), point=list(point_from_mask(mask)))
    assert found(counted(row(1, item))) == {"centers of mass outside of their object": (NOTE, 1)}


def test_duplicates():
    twins = [masked(0, (2, 2, 5, 5)), masked(0, (2, 2, 5, 5)), masked(1, (2, 2, 5, 5))]
    labels = counted(row(1, *twins, click(0, 30, 20), click(0, 30.2, 19.8), click(1, 30, 20), click(0, 31, 20)))
    assert found(labels) == {
        "objects with identical masks": (WARNING, 1),
        "points of one class on the same pixel": (WARNING, 1),
    }
    assert "object 101" in next(iter(labels.findings)).examples[0]
    # The same in another image is another object.
    assert found(counted(row(1, twins[0]), row(2, twins[0]))) == {}


def test_classes_between_the_splits():
    train = counted(row(1, masked(0, (2, 2, 5, 5))), row(2, click(1, 3, 3)))
    validation = counted(row(3, masked(2, (2, 2, 5, 5)), masked(1, (20, 2, 5, 5))), split="validation")
    findings = Findings()
    check_classes(train, validation, findings)
    assert {finding.what: finding.examples for finding in findings} == {
        "classes that occur in validation images only": ["owl"],
        "classes without examples in validation": ["cat"],
        "classes without a mask": ["dog"],
    }
    check_classes(train, None, alone := Findings())
    assert {finding.what: finding.examples for finding in alone} == {
        "classes without examples": ["owl"],
        "classes without a mask": ["dog"],
    }


@pytest.mark.parametrize(("clicks", "effect"), [(1, "AP leaves them out"), (2, "AP cannot be measured")])
def test_validation_images_that_measure_nothing(clicks, effect):
    rows = [row(n, *[click(0, 3, 3)] if n <= clicks else [masked(0, (2, 2, 5, 5))]) for n in (1, 2)]
    check_classes(counted(row(3, masked(0, (2, 2, 5, 5)))), counted(*rows, split="validation"), findings := Findings())
    (finding,) = [each for each in findings if each.what == "validation images that lack masks of their objects"]
    assert (finding.severity, finding.examples) == (WARNING, [f"validation: {clicks} of 2 images"])
    assert finding.remedy.startswith(effect)


def test_hardly_a_complete_image():
    unfinished = [row(n, masked(0, (2, 2, 5, 5)), complete=False) for n in range(2, 22)]
    for rows, told in (([row(1), *unfinished], True), ([row(1), *unfinished[1:]], False)):
        check_classes(counted(*rows), None, findings := Findings())
        examples = {finding.what: finding.examples for finding in findings}
        assert examples.get("training sets with hardly any complete images", []) == ["train: 1 of 21 images"] * told


def test_a_class_of_crowds():
    crowds = [make_object(0, 1, segmentation=rle(9 * n, 0, 5, 5), iscrowd=True) for n in range(2)]
    findings = Findings()
    check_classes(counted(row(1, masked(0, (2, 2, 5, 5)), masked(1, (20, 9, 5, 5)), *crowds)), None, findings)
    assert {finding.what for finding in findings if "dog" in finding.examples} == {
        "classes with more crowds than objects"
    }
    check_classes(counted(row(1, masked(1, (20, 9, 5, 5)), crowds[0])), None, usual := Findings())
    assert {finding.what for finding in usual} == {"classes without examples"}


def test_no_mask_at_all_stops_a_training():
    findings = Findings()
    check_classes(counted(row(1, click(0, 3, 3))), None, findings)
    assert [finding.what for finding in findings if finding.severity == ERROR] == ["training sets without masks"]
    check_classes(counted(row(1, click(0, 3, 3))), None, with_teacher := Findings(), has_teacher=True)
    assert {finding.what for finding in with_teacher} == {"classes without examples"}


def test_examples_are_bounded_and_counted():
    labels = counted(*[row(i, click(0, 99, 99)) for i in range(1, 251)])
    finding = next(iter(labels.findings))
    assert finding.count == 250 and len(finding.examples) == 100 and len(finding.rows) == 3


def test_masks_that_are_all_boxes():
    boxes = [masked(0, (4 * n, 2, 3, 5)) for n in range(10)]
    labels = counted(row(1, *boxes))
    check_classes(labels, None, labels.findings)
    assert found(labels)["classes whose masks are all boxes"] == (WARNING, 1)
    bent = np.tri(32, dtype=bool)
    other = make_object(0, 0, segmentation=encode_mask(bent), point=[1.0, 9.0])
    labels = counted(row(1, *boxes), row(2, other))
    check_classes(labels, None, labels.findings)
    assert "classes whose masks are all boxes" not in found(labels)
