# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Cards of trained models say what the run has recorded and nothing else, and their code runs."""

import dataclasses
import json
import re

import pytest
import yaml
from huggingface_hub import ModelCard

from helpers import tiny
from pointwssis.hub.cards import FACTS_FILE, TrainingFacts, card_of, write_card
from pointwssis.hub.cards.trained import MARKER, trained_card

METRICS = {"AP": 0.1234, "AP50": 0.3, "AP75": 0.05, "APs": 0.1, "APm": 0.2, "APl": None, "AR1": 0.1, "AR100": 0.25}
QUALITY = {"AP": 0.3, "AP50": 0.6, "AR100": 0.4, "mean_iou": 0.55, "points": 36, "labels": 35}
FAMILY = {"teacher": "me/cells-teacher", "refiner": "me/cells-refiner", "student": "me/cells"}


def facts(part: str, **changes) -> TrainingFacts:
    values = {
        "part": part,
        "model_type": "mask_refine_net" if part == "refiner" else "solov2",
        "backbone": "ResNet-50",
        "class_names": tiny.NAMES,
        "data": {"name": "cells", "images": 100, "id": None, "val_name": "cells, validation", "val_images": 30},
        "labels": {"full": 10, "point": 80, "image": 6, "none": 4},
        "label_days": {"full": 1.5, "point": 0.25, "image": 0.001, "none": 0.0},
        "learned_from": {"full": 10, "pseudo": 90, "full_repeats": 3} if part == "student" else {"full": 10},
        "training": {
            "steps": 1500,
            "batch_size": 8,
            "learning_rate": 0.01,
            "optimizer": "sgd",
            "precision": "float32",
            "seed": 1,
            "image_size": {"shortest_edge": 64},
        },
        "metrics": None if part == "refiner" else METRICS,
        "pseudo_labels": {"rough": QUALITY, "refined": {**QUALITY, "AP": 0.35}},
        "recipe": {"labeled_fraction": 0.2, "model": {"num_grids": [4, 2]}},
        "versions": {"pointwssis": "0.1.0"},
    }
    return TrainingFacts(**{**values, **changes})


def section(text: str, title: str) -> str:
    return re.search(rf"^## {title}\n+(.*?)(?=^## |\Z)", text, re.M | re.S)[1]


def index_of(text: str) -> dict[str, float]:
    """Return metric → value of the model-index."""
    return {(one.task_name, one.metric_type): one.metric_value for one in ModelCard(text).data.eval_results or []}


@pytest.mark.parametrize("part", ["teacher", "refiner", "control", "student", "upper_bound"])
def test_every_part_has_a_card_of_its_own(part):
    text = trained_card(facts(part), "me/cells", FAMILY, on_hub=True)
    data = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag, data.license) == ("pointwssis", "image-segmentation", "unknown")
    assert part in data.tags and data.base_model is None and data.datasets is None
    assert (
        "$" not in text
        and "None" not in text.replace('labels=["ellipse", None]', "")
        and text.rstrip().endswith(MARKER)
    )
    for title in ("Usage", "Results", "Data and labels", "Training", "Limits", "License", "Citation"):
        assert section(text, title).strip(), title
    assert yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1]) == facts(part).recipe


def test_only_what_was_measured_is_in_the_index():
    student, teacher, refiner = (
        index_of(trained_card(facts(part), "me/x", {})) for part in ("student", "teacher", "refiner")
    )
    assert student["instance segmentation", "AP"] == 12.34 and ("instance segmentation", "APl") not in student
    assert {task for task, _ in student} == {"instance segmentation"}
    assert teacher["pseudo labels from points", "AP"] == 30.0  # its own, the rough ones
    assert refiner == {
        ("pseudo labels from points", key): value
        for key, value in {"AP": 35.0, "AP50": 60.0, "AR100": 40.0, "mean_iou": 55.0}.items()
    }
    one = ModelCard(trained_card(facts("student"), "me/x", {})).data.eval_results[0]
    assert (one.dataset_name, one.dataset_split) == ("cells, validation", "validation")
    nothing = facts("teacher", metrics=None, pseudo_labels={}, data={"name": "cells", "images": 100, "id": None})
    text = trained_card(nothing, "me/x", {})
    assert index_of(text) == {} and "model-index" not in text
    assert "Not measured: the run had no evaluation data." in section(text, "Results")
    assert "their ground truth is not known" in section(text, "Results") and "was not measured" in section(
        text, "Limits"
    )


def test_tables_in_percent():
    results = section(trained_card(facts("student"), "me/x", {}), "Results")
    assert "| AP | AP50 | AP75 | APs | APm | APl | AR100 |\n| --- |" in results
    assert "| 12.3 | 30.0 | 5.0 | 10.0 | 20.0 | – | 25.0 |" in results and "cells, validation (30 images)" in results
    assert "| refined masks | 35.0 | 60.0 | 40.0 | 55.0 | 35 of 36 |" in trained_card(facts("refiner"), "me/x", {})
    assert "no large objects" in section(trained_card(facts("student"), "me/x", {}), "Limits")


def test_the_mixture_of_labels_and_what_it_cost():
    rows = section(trained_card(facts("student"), "me/x", {}), "Data and labels")
    for row in (
        "| masks (F) | 10 | 10.0% | 1.5 |",
        "| points (P) | 80 | 80.0% | 0.25 |",
        "| image-level labels (I) | 6 | 6.0% | 0.001 |",
        "| no labels (U) | 4 | 4.0% | 0 |",
        "| all | 100 | 100% | 1.8 |",
    ):
        assert row in rows.splitlines()
    assert "boxes" not in rows.partition("Labeling times")[0]


def test_cards_of_one_run_link_to_each_other():
    for part, name in FAMILY.items():
        text = trained_card(facts(part), name, FAMILY, on_hub=True)
        linked = re.findall(r"https://huggingface\.co/(me/[\w-]+)", text)
        assert sorted(linked) == sorted(FAMILY.values()) and f"{name}) (this model)" in text
    local = trained_card(facts("teacher"), "out/teacher", {"teacher": "out/teacher", "student": "out/student_point"})
    assert "`out/student_point`" in local and "huggingface.co/out" not in local and "# teacher" in local


def test_what_it_is_based_on():
    from_backbone = facts("teacher", start="random weights with the backbone of a/b", base_model="a/b")
    text = trained_card(from_backbone, "me/x", {})
    assert ModelCard(text).data.base_model == "a/b" and "from random weights with the backbone of a/b" in text
    student = facts("student", start="the teacher of the same run", base_model="teacher")
    assert ModelCard(trained_card(student, "me/cells", FAMILY, on_hub=True)).data.base_model == "me/cells-teacher"
    for family, on_hub in (({}, True), ({"teacher": "out/teacher"}, False)):  # it has no repository
        assert ModelCard(trained_card(student, "me/cells", family, on_hub)).data.base_model is None
    untrained = trained_card(facts("teacher", training={}, start="a/b", base_model="a/b"), "me/x", {})
    assert "Not trained in this run, taken from a/b" in section(untrained, "Training")


def test_data_of_the_hub_is_named_as_such():
    data = {"name": "me/data coco10", "images": 9, "id": "me/data"}
    text = trained_card(facts("teacher", data=data, metrics=None), "me/x", {})
    assert ModelCard(text).data.datasets == ["me/data"] and "https://huggingface.co/datasets/me/data" in text


def test_a_card_that_a_person_has_taken_over_stays(tmp_path):
    facts("teacher").save(tmp_path)
    write_card(tmp_path, {"teacher": str(tmp_path)})
    first = (tmp_path / "README.md").read_text("utf-8")
    facts("teacher", metrics=None).save(tmp_path)
    write_card(tmp_path, {})
    assert (tmp_path / "README.md").read_text("utf-8") != first and card_of(tmp_path, "me/x", {}) is not None
    (tmp_path / "README.md").write_text(first.replace(MARKER, "") + "By me.\n", encoding="utf-8")
    write_card(tmp_path, {})
    assert (tmp_path / "README.md").read_text("utf-8").endswith("By me.\n") and card_of(tmp_path, "me/x", {}) is None
    (tmp_path / "README.md").unlink()
    (tmp_path / FACTS_FILE).unlink()
    assert card_of(tmp_path, "me/x", {}) is None


def test_facts_there_and_back(tmp_path):
    facts("student", class_names=["Zelle", "größer"]).save(tmp_path)
    assert TrainingFacts.load(tmp_path) == facts("student", class_names=["Zelle", "größer"])
    before = (tmp_path / FACTS_FILE).stat().st_mtime_ns
    facts("student", class_names=["Zelle", "größer"]).save(tmp_path)
    assert (tmp_path / FACTS_FILE).stat().st_mtime_ns == before
    assert set(json.loads((tmp_path / FACTS_FILE).read_text("utf-8"))) == {
        f.name for f in dataclasses.fields(TrainingFacts)
    }


@pytest.mark.parametrize("part", ["teacher", "refiner", "refiner alone", "control", "student", "upper_bound"])
def test_the_code_of_a_card_runs(part, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny.picture().save("photo.jpg")
    tiny.saved_segmenter(tmp_path / "segmenter", score_threshold=0.0)
    tiny.saved_refiner(tmp_path / "refiner")
    name, family = ("refiner", {"teacher": "segmenter"}) if part.startswith("refiner") else ("segmenter", {})
    text = trained_card(facts(part.split()[0]), name, {} if part == "refiner alone" else family)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert all(line.endswith("(64, 64)") for line in printed)
    if part in ("teacher", "refiner"):
        assert len(printed) == 2 and printed[0].startswith("ellipse")
