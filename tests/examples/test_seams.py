# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SAM 2 as a refiner and Mask2Former as a teacher, with tiny random weights."""

import json
import runpy
import sys

import numpy as np
import pytest
from transformers.models.mask2former import modeling_mask2former

from helpers import tiny
from helpers.foreign_models import saved_mask2former, saved_sam2
from helpers.paths import EXAMPLES
from helpers.training_in_two_processes import mixed_rows
from pointwssis.data import hide_masks
from pointwssis.ops.coco_masks import decode_rle, rle_area
from pointwssis.pseudo_labeling import generate_pseudo_labels, predict_rough_masks, solov2_teacher


def function_of(script: str, name: str):
    return runpy.run_path(str(EXAMPLES / f"{script}.py"))[name]


@pytest.fixture
def points():
    """Return points on images of three sizes."""
    return hide_masks(mixed_rows(4))


@pytest.fixture
def mask2former(tmp_path, monkeypatch):
    """Return the teacher of the example; the model requires SciPy, which only its loss uses."""
    monkeypatch.setattr(modeling_mask2former, "requires_backends", lambda model, backends: None)
    return function_of("mask2former_teacher", "mask2former_teacher")(saved_mask2former(tmp_path / "mask2former"))


def test_the_scripts_stay_short():
    for name in ("sam_refiner", "mask2former_teacher"):
        assert len((EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()) <= 60


def test_sam_2_refines_the_masks_of_a_teacher(points, tmp_path):
    teacher = solov2_teacher(tiny.saved_segmenter(tmp_path / "teacher"))
    refiner = function_of("sam_refiner", "sam2_refiner")(saved_sam2(tmp_path / "sam2"))
    rough = predict_rough_masks(points, teacher)
    labels = generate_pseudo_labels(points, teacher, refiner)
    before, after = ([item for objects in rows["objects"] for item in objects] for rows in (rough, labels))
    pairs = list(zip(before, after, strict=True))
    assert len(pairs) > 5
    assert any(before["rough_segmentation"] != after["segmentation"] for before, after in pairs)
    assert all(before["rough_segmentation"] == after["rough_segmentation"] for before, after in pairs)


def test_sam_2_sees_points_in_its_frame_and_takes_the_mask_that_fits_the_rough_one(tmp_path):
    refiner = function_of("sam_refiner", "sam2_refiner")(saved_sam2(tmp_path / "sam2"))
    image, spots = tiny.picture(40, 90), [[5.0, 5.0], [80.0, 30.0], [5.0, 5.0]]
    rough = np.zeros((3, 40, 90), bool)
    first = refiner(image, rough, spots, ["star"] * 3)
    assert first.shape == (3, 40, 90) and first.dtype == bool
    assert (first[0] == first[2]).all() and (first[0] != first[1]).any()
    # Of the candidates, the one that overlaps most with the rough mask: a mask that it gave stays the answer.
    assert (refiner(image, first, spots, ["star"] * 3) == first).all()


def test_mask2former_gives_one_mask_per_point(points, mask2former):
    labels = generate_pseudo_labels(points, mask2former)
    objects = [item for row in labels for item in row["objects"]]
    assert len(objects) == sum(len(row["objects"]) for row in points) > 5
    assert all(0 < item["score"] < 1 for item in objects)
    found = 0
    for row in labels:
        for item in row["objects"]:
            if rle_area(item["segmentation"]):
                x, y = item["point"]
                found += decode_rle(item["segmentation"])[round(y), round(x)]
    assert found > 0


def test_mask2former_names_bare_clicks(mask2former):
    (answers,) = mask2former([tiny.picture()], [[[10, 10], [64, 64]]], [[None, tiny.NAMES[1]]])
    assert answers[0]["label"] in tiny.NAMES and answers[1]["label"] == tiny.NAMES[1]


def test_the_scripts_run_a_recipe(shapes, tmp_path, monkeypatch, trainings):
    monkeypatch.setattr(modeling_mask2former, "requires_backends", lambda model, backends: None)
    recipe = str(tiny.recipe_file(tmp_path / "recipe.yaml", max_steps=1))
    models = {"sam_refiner": saved_sam2(tmp_path / "sam2"), "mask2former_teacher": saved_mask2former(tmp_path / "m2f")}
    for script, model in models.items():
        words = [model, recipe, "--data_dir", str(shapes), "--output_dir", str(tmp_path / script)]
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *words])
        runpy.run_path(str(EXAMPLES / f"{script}.py"), run_name="__main__")
    students = ["control", "student_point", "student_refined", "upper_bound"]
    assert trainings == ["teacher", *students, "refiner", *students]
    for script in models:
        results = json.loads((tmp_path / script / "results.json").read_text("utf-8"))
        assert results["student_refined"]["AP"] is not None
