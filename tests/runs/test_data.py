# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Runs on data of every kind of supervision, and from existing models."""

import json
from pathlib import Path

import pytest

from helpers import tiny
from helpers.tiny import recipe
from pointwssis.data import load_coco
from pointwssis.ops.user_error import UserError
from pointwssis.runs import segmenter_stage
from pointwssis.runs.data import load_data
from pointwssis.runs.run import Run


def stripped(source: Path, folder: Path, keep: int = 0, complete: bool = True) -> str:
    """Write the training file of synthetic shapes in which only the first images keep masks; the others have points."""
    rows = load_coco(source / "annotations" / "instances_train.json", source / "images").with_format(None)
    points = {item["id"]: item["point"] for row in rows for item in row["objects"]}
    content = json.loads((source / "annotations" / "instances_train.json").read_text())
    kept = {image["id"] for image in content["images"][:keep]}
    for annotation in content["annotations"]:
        if annotation["image_id"] not in kept:
            for key in ("segmentation", "bbox", "area"):
                annotation.pop(key, None)
            annotation["point"] = points[annotation["id"]]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.json").write_text(json.dumps(content))
    return str(folder / "train.json")


# -- data


def test_points_without_hidden_masks_train_exactly_the_student_that_ships(shapes, tmp_path, trainings):
    files = {"train_annotations": stripped(shapes, tmp_path, keep=3), "image_dir": str(shapes / "images")}
    files["val_annotations"] = str(shapes / "annotations" / "instances_val.json")
    run = Run(recipe(tmp_path / "out", labeled_fraction=None, **files))
    assert (len(run.data.full), len(run.data.point)) == (3, 5)
    assert list(run.plan.steps()) == ["teacher", "refiner", "student_refined"]
    results = run.run()
    assert trainings == ["teacher", "refiner", "student_refined"]
    assert results["student_point"] is None and results["upper_bound"] is None
    assert results["teacher"]["AP"] is not None and results["student_refined"]["AP"] is not None
    for quality in results["pseudo_labels"].values():
        assert quality["AP"] is quality["AP50"] is quality["AR100"] is None
        assert quality["points"] >= quality["labels"] > 0
    assert run.shipped == tmp_path / "out" / "student_refined"


def test_points_without_hidden_masks_and_without_a_refiner(shapes, tmp_path, trainings):
    files = {"train_annotations": stripped(shapes, tmp_path, keep=3), "image_dir": str(shapes / "images")}
    made = recipe(tmp_path / "out", labeled_fraction=None, stages=["teacher", "rough", "pseudo", "student"], **files)
    results = Run(made).run()
    assert trainings == ["teacher", "student_point"]
    # Nothing to evaluate on: null, not an empty dict.
    assert [results[name] for name in ("teacher", "student_point", "student_refined", "upper_bound")] == [None] * 4


@pytest.mark.parametrize("kind", ["crowds", "nothing"])
def test_crowds_or_nothing_alone_are_refused_before_training(shapes, tmp_path, trainings, kind):
    file = Path(stripped(shapes, tmp_path, keep=100))
    content = json.loads(file.read_text())
    content["annotations"] = [{**each, "iscrowd": 1} for each in content["annotations"] if kind == "crowds"]
    file.write_text(json.dumps(content))
    files = {"train_annotations": str(file), "image_dir": str(shapes / "images")}
    with pytest.raises(ValueError, match="no object has a mask, and a teacher needs some"):
        Run(recipe(tmp_path / "out", labeled_fraction=None, **files)).run()
    assert not trainings


def test_points_alone_have_no_teacher(shapes, tmp_path):
    files = {"train_annotations": stripped(shapes, tmp_path), "image_dir": str(shapes / "images")}
    with pytest.raises(ValueError, match="no object has a mask, and a teacher needs some"):
        Run(recipe(tmp_path / "out", labeled_fraction=None, **files)).run()
    with pytest.raises(ValueError, match="no image has a mask for every object; use 0"):
        Run(recipe(tmp_path / "out", labeled_fraction=0.5, **files))


def test_points_alone_are_labeled_by_trained_models(shapes, tmp_path, trainings):
    files = {"train_annotations": stripped(shapes, tmp_path), "image_dir": str(shapes / "images")}
    names = ["ellipse", "rectangle", "triangle", "star"]
    teacher = tiny.saved_segmenter(tmp_path / "teacher", names=names)
    options = {"labeled_fraction": None, "teacher_name_or_path": teacher, **files}
    with pytest.raises(ValueError, match="a refiner needs some; give a trained one as refiner_name_or_path"):
        Run(recipe(tmp_path / "out", **options)).run()
    refiner = tiny.saved_refiner(tmp_path / "refiner", names=names)
    run = Run(recipe(tmp_path / "out2", refiner_name_or_path=refiner, **options))
    assert list(run.plan.steps()) == ["student_refined"]
    run.run()
    assert trainings == ["student_refined"]
    assert tiny.same_weights(tiny.state_of(run.folder / "teacher"), tiny.state_of(teacher))
    assert tiny.same_weights(tiny.refiner_state_of(run.folder / "refiner"), tiny.refiner_state_of(refiner))


def mixed_supervision(shapes: Path, folder: Path) -> dict[str, str]:
    """Return two images with masks, one unfinished, two with points, one with image-level labels, two without any."""
    path = Path(stripped(shapes, folder, keep=3))
    points = json.loads(Path(stripped(shapes, folder / "points")).read_text())["annotations"]
    points = {item["id"]: item["point"] for item in points}
    content = json.loads(path.read_text())
    images, annotations = content["images"], content["annotations"]
    half = [item for item in annotations if item["image_id"] == images[2]["id"]]
    for annotation in half[1:]:
        for key in ("segmentation", "bbox", "area"):
            annotation.pop(key)
        annotation["point"] = points[annotation["id"]]
    images[4]["complete"] = False
    bare = {image["id"] for image in images[5:]}
    present = sorted({item["category_id"] for item in annotations if item["image_id"] == images[5]["id"]})
    for image in images[5:]:
        image["complete"] = False
    images[5]["image_labels"] = present
    content["annotations"] = [item for item in annotations if item["image_id"] not in bare]
    path.write_text(json.dumps(content))
    return {"train_annotations": str(path), "image_dir": str(shapes / "images")}


def test_every_kind_of_supervision_in_one_run(shapes, tmp_path, trainings):
    files = mixed_supervision(shapes, tmp_path)
    thresholds = {"image_level_threshold": 0.0, "unlabeled_threshold": 0.0}
    run = Run(recipe(tmp_path / "out", labeled_fraction=None, **thresholds, **files))
    data = run.data
    assert [len(part) for part in (data.full, data.point, data.without_points, data.masked)] == [2, 3, 3, 3]
    before = {item["id"]: item for row in data.masked for item in row["objects"] if item["segmentation"] is not None}
    results = run.run()
    assert trainings == ["teacher", "refiner", "student_refined"]
    assert results["pseudo_labels"]["proposed_refined"]["AP"] is None
    labels = run.labeling.pseudo_labels()
    rows = run.student_rows()["student_refined"]
    assert len(rows) == 8 and len(labels["proposed_refined"]) == 3
    objects = [item for row in rows for item in row["objects"]]
    assert len({item["id"] for item in objects}) == len(objects)
    kept = {item["id"]: item for item in objects if item["id"] in before}
    assert kept.keys() == before.keys()
    for number, item in kept.items():  # full masks train as they are
        assert item["segmentation"] == before[number]["segmentation"] and item["score"] is None
    present = data.without_points["image_labels"][0]
    assert {item["category"] for item in labels["proposed_refined"][0]["objects"]} <= {*present}
    assert not any(labels["proposed_refined"]["complete"])


def test_weaker_labels_can_be_simulated(shapes, tmp_path):
    fractions = {"labeled_fraction": 0.25, "image_level_fraction": 0.25, "unlabeled_fraction": 0.25}
    run = Run(recipe(tmp_path / "out", data_dir=str(shapes), max_steps=1, **fractions))
    data = run.data
    assert [len(part) for part in (data.full, data.point, data.without_points)] == [
        2,
        2,
        4,
    ] and data.ground_truth_is_known
    assert sum(labels is not None for labels in data.without_points["image_labels"]) == 2
    results = run.run()
    assert results["student_point"] and results["student_refined"] and results["upper_bound"]
    assert results["pseudo_labels"]["proposed_rough"]["AP"] is not None


def test_labeled_fraction_zero_has_no_teacher(shapes, tmp_path):
    run = Run(recipe(tmp_path, labeled_fraction=0, data_dir=str(shapes)))
    assert (len(run.data.full), len(run.data.point)) == (0, 8)
    with pytest.raises(ValueError, match="a teacher needs some; raise labeled_fraction, add masks"):
        run.run()


def test_all_images_with_masks(shapes, tmp_path):
    assert len(load_data(recipe(tmp_path, labeled_fraction=None, data_dir=str(shapes))).full) == 8
    run = Run(recipe(tmp_path, labeled_fraction=1.0, data_dir=str(shapes), max_steps=1))
    assert (len(run.data.full), len(run.data.point)) == (8, 0)
    results = run.run()
    assert results["teacher"] and results["upper_bound"] and results["student_refined"]
    assert results["pseudo_labels"]["refined"]["points"] == 0


def test_one_step_of_everything(shapes, tmp_path):
    results = Run(recipe(tmp_path, data_dir=str(shapes), max_steps=1)).run()
    assert all(results[name] for name in ("teacher", "student_point", "student_refined", "upper_bound"))
    log = json.loads((tmp_path / "teacher" / "training_log.json").read_text())
    assert [entry["step"] for entry in log] == [1]


def test_images_without_any_label_are_no_background(shapes, tmp_path):
    path = Path(stripped(shapes, tmp_path, keep=8))
    content = json.loads(path.read_text())
    dropped = [image["id"] for image in content["images"][:2]]
    for image in content["images"][:2]:
        image["complete"] = False
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] not in dropped]
    path.write_text(json.dumps(content))
    for fraction in (0.3, None):
        made = recipe(
            tmp_path / "out", labeled_fraction=fraction, train_annotations=str(path), image_dir=str(shapes / "images")
        )
        data = load_data(made)
        assert not {*data.full["image_id"], *data.point["image_id"]} & {*dropped}
        assert len(data.full) + len(data.point) == 6 and set(data.without_points["image_id"]) == {*dropped}


def test_images_with_masks_may_come_more_often(shapes, tmp_path, monkeypatch):
    run = Run(recipe(tmp_path / "out", data_dir=str(shapes), full_repeats=3))
    labels = {"rough": run.data.point, "refined": run.data.point}
    monkeypatch.setattr(run.labeling, "pseudo_labels", lambda: labels)
    ids = list(run.student_rows()["student_point"]["image_id"])
    assert [ids.count(image_id) for image_id in run.data.full["image_id"]] == [3] * len(run.data.full)
    assert len(ids) == 3 * len(run.data.full) + len(run.data.point)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no data; give data_dir"),
        ({"train_annotations": "a.json"}, "train_annotations requires image_dir"),
    ],
)
def test_no_data(tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        Run(recipe(tmp_path, **files))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Run(recipe(tmp_path, data_dir="nowhere"))
    assert not (tmp_path / "recipe.yaml").exists()


def test_several_files_of_validation(shapes, tmp_path):
    train, val = (str(shapes / "annotations" / f"instances_{part}.json") for part in ("train", "val"))
    files = {"image_dir": str(shapes / "images"), "train_annotations": train, "val_annotations": f"{val}, {train}"}
    with pytest.raises(UserError, match=r"val_annotations is .*: 2 files; give one, into which the others are merged"):
        load_data(recipe(tmp_path, **files))


def test_wrong_names_are_found_before_anything_is_trained(shapes, tmp_path):
    cases = {
        "there is no training argument 'learning_rat'; did you mean 'learning_rate'": {"student": {"learning_rat": 1}},
        "training.learning_rate is 'fast' \\(str\\); expected float": {
            "training": {"learning_rate": "fast", "max_steps": 1}
        },
        "SOLOv2Config has no field 'fpn_chanels'": {"teacher_model": {"fpn_chanels": 8}},
        "MaskRefineNetConfig has no field 'crop'": {"refiner_model": {"crop": 8}},
    }
    for message, changes in cases.items():
        with pytest.raises(ValueError, match=message):
            Run(recipe(tmp_path, data_dir=str(shapes), **changes))


# -- models to start from


def test_a_saved_model_with_other_classes_is_a_start(shapes, tmp_path, monkeypatch):
    saved = tiny.saved_segmenter(tmp_path / "saved", names=["star", "cow"], max_detections=7, nms_top_k=9)
    made = recipe(
        tmp_path / "out",
        data_dir=str(shapes),
        model_name_or_path=saved,
        stages=["teacher"],
        max_detections=300,
        image_size={"shortest_edge": 32, "longest_edge": 48},
    )
    started = {}

    def watched(trainer, folder, *rest):
        started.update(
            state=trainer.model.state_dict(), config=trainer.model.config, size=trainer.processing_class.size
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(segmenter_stage, "train_and_save", watched)
    with pytest.raises(KeyboardInterrupt):
        Run(made).run()
    before = tiny.state_of(saved)
    name = "model.instance_head.class_head.weight"
    assert (started["state"][name][3] == before[name][0]).all()  # star
    assert started["config"].id2label[0] == "ellipse"
    # What the recipe says of input and decoding holds; what it does not say stays.
    assert started["config"].max_detections == 300 and started["config"].nms_top_k == 9
    assert started["size"]["shortest_edge"] == 32


def test_students_may_start_from_the_teacher(shapes, tmp_path, monkeypatch):
    made = recipe(tmp_path, data_dir=str(shapes), student_name_or_path="teacher", max_steps=1)
    made.stages = ["teacher", "rough", "pseudo"]
    Run(made).run()
    made.stages = ["student"]
    seen = []
    monkeypatch.setattr(segmenter_stage, "saved_model", lambda path, *a, **k: seen.append(Path(path).name) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Run(made).run()
    assert seen == ["teacher"]


def test_coco_mini_with_its_80_classes(shared_dir, tmp_path):
    changes = {
        "data_dir": str(shared_dir / "data" / "coco_mini"),
        "max_steps": 2,
        "stages": ["teacher", "rough", "refiner", "pseudo", "student"],
        "model": {**tiny.SEGMENTER, "score_threshold": 0.1},  # else untrained models give 100 detections per image
    }
    results = Run(recipe(tmp_path, **changes)).run()
    assert results["student_refined"]["AP"] is not None
    quality = results["pseudo_labels"]["refined"]
    assert quality["points"] > 100 and quality["labels"] > 0
