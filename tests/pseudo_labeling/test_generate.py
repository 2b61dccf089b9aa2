# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""No model here: teachers and refiners are plain functions."""

from typing import Any

import numpy as np
import pytest
from datasets import concatenate_datasets
from PIL import Image

from pointwssis.data import dataset_from_rows, make_object, to_coco
from pointwssis.evaluation.pseudo_labels import evaluate_pseudo_labels
from pointwssis.ops.coco_masks import decode_rle, encode_mask, rle_area
from pointwssis.pseudo_labeling.generate import (
    generate_pseudo_labels,
    keep_rough_masks,
    predict_rough_masks,
    propose_rough_masks,
    refine_rough_masks,
)

NAMES = ["cat", "dog"]
SIZES = [(20, 30), (30, 20), (16, 16), (20, 30)]  # (height, width)


def square(size: tuple[int, int], x: float, y: float, half: int = 2) -> np.ndarray:
    shape = np.zeros(size, bool)
    shape[max(0, int(y) - half) : int(y) + half + 1, max(0, int(x) - half) : int(x) + half + 1] = True
    return shape


TRUE = encode_mask(np.pad(np.ones((5, 5), bool), ((0, 15), (0, 25))))


@pytest.fixture
def rows(tmp_path) -> Any:
    """Return points with and without class, one with its mask, a crowd; an unlabeled image; a known empty one."""
    objects = [
        [
            make_object(1, 1, point=[20.0, 10.0]),
            make_object(2, 0, point=[2.0, 2.0], segmentation=TRUE, bbox=[0, 0, 5, 5], area=25.0),
            make_object(3, None, point=[5.0, 15.0]),
            make_object(4, 0, iscrowd=True, segmentation=encode_mask(np.ones((20, 30), bool))),
        ],
        [make_object(5, 0, point=[19.0, 29.0])],
        [],
        [],
    ]
    made = []
    for index, size in enumerate(SIZES):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", size[::-1], (index, 0, 0)).save(path)
        row = {"image": str(path), "image_id": index, "width": size[1], "height": size[0], "file_name": path.name}
        made.append({**row, "complete": index != 2, "image_labels": None, "objects": objects[index]})
    return dataset_from_rows(made, NAMES)


class Teacher:
    """Squares around the points; a point on the border of an image finds nothing."""

    def __init__(self):
        self.calls: list[tuple[list, list, list]] = []

    def __call__(self, images, points, labels):
        self.calls.append((list(images), list(points), list(labels)))
        return [
            [
                {
                    "mask": encode_mask(square(image.size[::-1], x, y) & (x + 1 < image.width)),
                    "score": np.float32((x + 1) / 100),
                    "level": 3,
                    "label": name or "dog",
                }
                for (x, y), name in zip(own, names, strict=True)
            ]
            for image, own, names in zip(images, points, labels, strict=True)
        ]


def larger(image, rough_masks, points, labels):
    """Return larger masks, as a refiner; an empty one stays empty."""
    assert rough_masks.dtype == bool and len(rough_masks) == len(points) == len(labels)
    return np.stack(
        [square(image.size[::-1], x, y, 4) & m.any() for m, (x, y) in zip(rough_masks, points, strict=True)]
    )


def objects_by_id(dataset) -> dict[int, dict[str, Any]]:
    return {item["id"]: item for row in dataset for item in row["objects"]}


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_every_point_gets_its_rough_mask_in_its_place(rows, batch_size):
    teacher = Teacher()
    rough = predict_rough_masks(rows, teacher, batch_size)
    assert rough.features == rows.features and rough["image_id"] == rows["image_id"]
    assert [[item["id"] for item in objects] for objects in rough["objects"]] == [[1, 2, 3, 4], [5], [], []]
    found = objects_by_id(rough)
    for number, (x, y) in {1: (20, 10), 2: (2, 2), 3: (5, 15)}.items():
        assert (decode_rle(found[number]["rough_segmentation"]) == square((20, 30), x, y)).all()
        expected = None if number == 2 else pytest.approx((x + 1) / 100)  # a true mask has no score
        assert found[number]["score"] == expected and found[number]["level"] == 3
    assert found[4]["rough_segmentation"] is None  # the crowd
    assert rle_area(found[5]["rough_segmentation"]) == 0 and found[5]["rough_segmentation"]["size"] == [30, 20]
    assert [len(images) for images, _, _ in teacher.calls] == {1: [1] * 4, 3: [3, 1], 8: [4]}[batch_size]
    assert [names for _, _, labels in teacher.calls for names in labels] == [["dog", "cat", None], ["cat"], [], []]


def test_a_bare_click_gets_the_class_of_the_teacher(rows):
    found = objects_by_id(predict_rough_masks(rows, Teacher()))
    assert [found[number]["category"] for number in (1, 2, 3, 4, 5)] == [1, 0, 1, 0, 0]


def test_true_masks_are_never_replaced(rows):
    for labels in (generate_pseudo_labels(rows, Teacher()), generate_pseudo_labels(rows, Teacher(), larger)):
        item = objects_by_id(labels)[2]
        assert item["segmentation"] == TRUE and item["bbox"] == [0, 0, 5, 5] and item["area"] == 25
        assert objects_by_id(labels)[4]["segmentation"] == objects_by_id(rows)[4]["segmentation"]


def test_pseudo_masks_bring_their_box_and_area(rows):
    rough = predict_rough_masks(rows, Teacher())
    for labels, half in ((keep_rough_masks(rough), 2), (refine_rough_masks(rough, larger), 4)):
        item = objects_by_id(labels)[1]
        assert (decode_rle(item["segmentation"]) == square((20, 30), 20, 10, half)).all()
        assert item["bbox"] == [20 - half, 10 - half, 2 * half + 1, 2 * half + 1]
        assert item["area"] == (2 * half + 1) ** 2
        assert (decode_rle(item["rough_segmentation"]) == square((20, 30), 20, 10, 2)).all()
        assert item["score"] == pytest.approx(0.21) and item["point"] == [20, 10]


def test_the_refiner_sees_the_images_that_need_it_with_their_points_and_classes(rows):
    seen = []

    def refiner(image, rough_masks, points, labels):
        seen.append((image.size, rough_masks.shape, points, labels))
        return rough_masks

    refine_rough_masks(predict_rough_masks(rows, Teacher()), refiner)
    assert seen == [
        ((30, 20), (2, 20, 30), [[20, 10], [5, 15]], ["dog", "dog"]),
        ((20, 30), (1, 30, 20), [[19, 29]], ["cat"]),
    ]


def test_images_without_points_pass_through_unchanged(rows):
    before = rows.with_format(None)
    for labels in (generate_pseudo_labels(rows, Teacher()), generate_pseudo_labels(rows, Teacher(), larger)):
        after = labels.with_format(None)
        assert [after[index] for index in (2, 3)] == [before[index] for index in (2, 3)]
        assert len(concatenate_datasets([labels, rows])) == 8


def test_empty_masks_are_points_but_no_labels(rows):
    labels = generate_pseudo_labels(rows, Teacher(), larger)
    quality = evaluate_pseudo_labels(labels, rows)
    assert (quality["points"], quality["labels"]) == (4, 3)
    assert objects_by_id(labels)[5]["area"] == 0
    assert len(to_coco(labels)["annotations"]) == 5


def test_labeling_twice_is_labeling_once(rows):
    once = predict_rough_masks(rows, Teacher())
    assert list(predict_rough_masks(once, Teacher())) == list(once)
    kept = keep_rough_masks(once)
    assert list(refine_rough_masks(kept, larger)) == list(kept)  # what has a mask by now keeps it


def test_no_images_are_no_labels(rows):
    assert len(generate_pseudo_labels(rows.select([]), Teacher(), larger)) == 0


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_an_image(rows, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
        predict_rough_masks(rows, Teacher(), batch_size)


def test_answers_that_do_not_fit(rows):
    def short(images, points, labels):
        return [answers[:-1] for answers in Teacher()(images, points, labels)]

    def turned(images, points, labels):
        found = Teacher()(images, points, labels)
        found[0][0]["mask"] = encode_mask(np.zeros((30, 20), bool))
        return found

    def without_label(images, points, labels):
        found = Teacher()(images, points, labels)
        found[0][0].pop("label")
        return found

    def with_arrays(images, points, labels):
        found = Teacher()(images, points, labels)
        found[0][0]["mask"] = decode_rle(found[0][0]["mask"])
        return found

    def bird(images, points, labels):
        return [[{**answer, "label": "bird"} for answer in answers] for answers in Teacher()(images, points, labels)]

    with pytest.raises(ValueError, match=r"image 0 \(0.png\): the teacher returned 2 masks for 3 points; expected one"):
        predict_rough_masks(rows, short)
    with pytest.raises(
        ValueError,
        match=r"the teacher returned a mask of .* \[30, 20\]; expected .* \[20, 30\]",
    ):
        predict_rough_masks(rows, turned)
    with pytest.raises(
        ValueError,
        match="the teacher returned the label 'bird'; expected a class of .*: cat, dog",
    ):
        predict_rough_masks(rows, bird)
    with pytest.raises(ValueError, match=r"returned 3 lists for 4 images \(0.png … 3.png\); expected one list"):
        predict_rough_masks(rows, lambda images, points, labels: Teacher()(images, points, labels)[:3])
    with pytest.raises(ValueError, match="the teacher returned an instance with the keys mask, score, level; expected"):
        predict_rough_masks(rows, without_label)
    with pytest.raises(ValueError, match="the teacher returned a mask of type ndarray; expected a run-length encoding"):
        predict_rough_masks(rows, with_arrays)
    rough = predict_rough_masks(rows, Teacher())
    with pytest.raises(
        ValueError,
        match=r"the refiner returned masks of shape \(1, 20, 30\) .* for image 0 \(0.png\); expected .*\(2, 20, 30\)",
    ):
        refine_rough_masks(rough, lambda image, masks, points, labels: masks[:1])
    with pytest.raises(ValueError, match=r"the refiner returned masks of shape \(2, 10, 30\)"):
        refine_rough_masks(rough, lambda image, masks, points, labels: masks[:, ::2])


# -- images without points


def two_proposals(images, classes):
    """Propose a cat and a dog in every image, or only the one that is present, and an empty mask."""
    found = []
    for image, present in zip(images, classes, strict=True):
        size = image.size[::-1]
        every = [("cat", square(size, 5, 5)), ("dog", square(size, 12, 12)), ("dog", np.zeros(size, bool))]
        found.append(
            [
                {"mask": encode_mask(mask), "score": 0.25, "label": name}
                for name, mask in every
                if present is None or name in present
            ]
        )
    return found


@pytest.mark.parametrize("batch_size", [1, 8])
def test_proposals_become_objects_that_nobody_marked(rows, batch_size):
    weak = rows.select([2, 2]).map(lambda row, index: {"image_labels": [[1], None][index]}, with_indices=True)
    proposed = propose_rough_masks(weak, two_proposals, 100, batch_size)
    assert proposed.features == rows.features and not any(proposed["complete"])
    assert [[item["id"] for item in objects] for objects in proposed["objects"]] == [[100], [101, 102]]
    first, second = proposed["objects"]
    assert [item["category"] for item in (*first, *second)] == [1, 0, 1]
    assert [item["point"] for item in (*first, *second)] == [None] * 3
    assert all(item["segmentation"] is None and item["score"] == 0.25 for item in (*first, *second))
    for labels in (keep_rough_masks(proposed), refine_rough_masks(proposed, larger, settle_overlaps=False)):
        areas = [[item["area"] for item in objects] for objects in labels["objects"]]
        # Refined around the centers of mass (12, 12) and (5, 5); they end where the picture does.
        assert areas in ([[25], [25, 25]], [[64], [81, 64]])


def test_what_is_marked_is_not_proposed_again_and_complete_images_stay(rows):
    seen = encode_mask(square((16, 16), 11, 12))
    marked = [
        [make_object(50, 0, point=[7.0, 3.0])],  # a click in the cat
        [make_object(51, 1, segmentation=seen)],  # most of the dog
        [make_object(52, 1, rough_segmentation=seen, point=[1.0, 1.0])],
        [make_object(53, 0, point=[8.0, 5.0])],  # beside the cat
    ]
    weak = rows.select([2] * 4).map(lambda _, index: {"objects": marked[index]}, with_indices=True)
    proposed = propose_rough_masks(weak, two_proposals, 100)
    assert [[item["id"] for item in objects] for objects in proposed["objects"]] == [
        [50, 100],
        [51, 101],
        [52, 102],
        [53, 103, 104],
    ]
    assert [objects[1]["category"] for objects in proposed["objects"]] == [1, 0, 0, 0]
    assert list(propose_rough_masks(rows.select([0, 1, 3]), two_proposals, 100)) == list(rows.select([0, 1, 3]))


def test_a_proposer_that_keeps_not_to_its_type(rows):
    def of_another_class(images, classes):
        return [[{"mask": encode_mask(np.ones(i.size[::-1], bool)), "score": 1.0, "label": "cow"}] for i in images]

    def of_another_size(images, classes):
        return [[{"mask": encode_mask(np.ones((3, 3), bool)), "score": 1.0, "label": "cat"}] for _ in images]

    with pytest.raises(ValueError, match="the proposer returned the label 'cow'; expected a class of .*: cat, dog"):
        propose_rough_masks(rows, of_another_class, 100)
    with pytest.raises(
        ValueError, match=r"\(2.png\): the proposer returned a mask of .* \[3, 3\]; expected .* \[16, 16\]"
    ):
        propose_rough_masks(rows, of_another_size, 100)


def test_a_score_marks_a_pseudo_label(rows):
    for labels in (generate_pseudo_labels(rows, Teacher()), generate_pseudo_labels(rows, Teacher(), larger)):
        found = objects_by_id(labels)
        assert found[2]["score"] is None and found[2]["rough_segmentation"] is not None
        assert found[1]["score"] is not None
