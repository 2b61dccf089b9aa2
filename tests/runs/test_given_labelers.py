# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Callables in place of the trained teacher, refiner and proposer of a run."""

import json

import numpy as np
import pytest

from helpers import tiny
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.runs.data import load_data
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows

SIDE = 9  # pixels of the masks that the callables make


def square(size, point, side=SIDE):
    mask = np.zeros(size, dtype=bool)
    x, y = (int(value) for value in point)
    mask[max(0, y - side // 2) : y + side // 2 + 1, max(0, x - side // 2) : x + side // 2 + 1] = True
    return mask


def square_teacher(images, points, labels):
    """Return one square per point, of the class of the point."""
    answers = []
    for image, own_points, own_labels in zip(images, points, labels, strict=True):
        size = (image.height, image.width)
        pairs = zip(own_points, own_labels, strict=True)
        answers.append([{"mask": encode_mask(square(size, p)), "score": 0.5, "label": n or "star"} for p, n in pairs])
    return answers


def growing_refiner(image, rough_masks, points, labels):
    """Return masks that are two pixels wider."""
    return np.stack([square((image.height, image.width), point, SIDE + 2) for point in points])


def corner_proposer(images, classes):
    """Propose one object in the corner of every image."""
    found = []
    for image, present in zip(images, classes, strict=True):
        mask = encode_mask(square((image.height, image.width), (2, 2), 3))
        found.append([{"mask": mask, "score": 0.9, "label": present[0] if present else "star"}])
    return found


def test_the_whole_loop_with_callables(shapes, tmp_path, trainings):
    recipe = tiny.recipe(tmp_path, data_dir=str(shapes))
    results = Run(recipe, teacher=square_teacher, refiner=growing_refiner).run()
    assert trainings == ["control", "student_point", "student_refined", "upper_bound"]
    assert results["teacher"] is None and results["student_refined"]["AP"] is not None
    for name, side in (("rough", SIDE), ("refined", SIDE + 2)):
        widest = [item["bbox"][2] for row in stored_rows(tmp_path / "pseudo" / name) for item in row["objects"]]
        assert max(widest) == side
    assert json.loads((tmp_path / "results.json").read_text()) == results


def test_a_trained_refiner_learns_from_a_given_teacher(shapes, tmp_path, trainings):
    stages = ["teacher", "rough", "refiner", "pseudo"]
    Run(tiny.recipe(tmp_path, data_dir=str(shapes), stages=stages), teacher=square_teacher).run()
    assert trainings == ["refiner"]
    rough = stored_rows(tmp_path / "rough" / "full")
    masks = [decode_rle(item["rough_segmentation"]) for row in rough for item in row["objects"]]
    assert masks and max(mask.sum() for mask in masks) == SIDE**2


def test_a_given_proposer_labels_images_without_points(shapes, tmp_path):
    options = {"data_dir": str(shapes), "stages": ["rough", "pseudo"], "unlabeled_fraction": 0.3}
    labelers = {"teacher": square_teacher, "refiner": growing_refiner, "proposer": corner_proposer}
    labels = Run(tiny.recipe(tmp_path, **options), **labelers).labeling.pseudo_labels()
    assert {len(row["objects"]) for row in labels["proposed_rough"]} == {1}


def test_a_given_teacher_cannot_do_everything(shapes, tmp_path):
    recipe = tiny.recipe(tmp_path / "a", data_dir=str(shapes), unlabeled_fraction=0.3)
    with pytest.raises(ValueError, match="give a proposer too"):
        Run(recipe, teacher=square_teacher)
    recipe = tiny.recipe(tmp_path / "b", data_dir=str(shapes), student_name_or_path="teacher")
    with pytest.raises(ValueError, match="the teacher is a callable without weights"):
        Run(recipe, teacher=square_teacher)


def test_labels_of_another_callable_are_not_taken_over(shapes, tmp_path):
    recipe = tiny.recipe(tmp_path, data_dir=str(shapes), stages=["rough"])
    Run(recipe, teacher=square_teacher).run()
    with pytest.raises(ValueError, match="holds a run with other settings of the given teacher"):
        Run(recipe)
    Run(recipe, teacher=square_teacher)


def test_a_wrong_answer_names_the_image(shapes, tmp_path):
    def silent(images, points, labels):
        return [[] for _ in images]

    recipe = tiny.recipe(tmp_path, data_dir=str(shapes), stages=["rough"])
    with pytest.raises(ValueError, match=r"image \d+ \(train_"):
        Run(recipe, teacher=silent).run()


def test_half_marked_images_need_a_proposer(shapes, tmp_path):
    recipe = tiny.recipe(tmp_path, data_dir=str(shapes), stages=["rough"])
    data = load_data(recipe)
    data.point = data.point.map(lambda row: {"complete": False})
    run = Run(recipe, data, teacher=square_teacher, proposer=corner_proposer)
    run.run()
    assert any(item["point"] is None for row in stored_rows(tmp_path / "rough" / "point") for item in row["objects"])
