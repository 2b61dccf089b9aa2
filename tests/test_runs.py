# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Whole runs on drawn shapes, with trainings of three steps."""

import json
from pathlib import Path
from typing import Any

import pytest

import tiny
from pointwssis import stages
from pointwssis.data import class_names, load_coco, read_image
from pointwssis.recipe import Recipe
from pointwssis.runs import Run, load_data, stored_rows
from pointwssis.training import SegmentationTrainer

TRAINED = ["teacher", "refiner", "student_point", "student_refined", "full"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    return tiny.shapes_folder(tmp_path_factory.mktemp("shapes"))


def recipe(output_dir: Path, **changes: Any) -> Recipe:
    return Recipe(**tiny.recipe_values(output_dir=str(output_dir), **changes))


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """The folder of a run of all stages and its results."""
    folder = tmp_path_factory.mktemp("run") / "out"
    return folder, Run(recipe(folder, data_dir=str(shapes))).run()


@pytest.fixture
def trainings(monkeypatch) -> list[str]:
    """Names of the trainings that start from now on."""
    started, train = [], SegmentationTrainer.train

    def watched(self, *arguments, **options):
        started.append(Path(self.args.output_dir).parent.name)
        return train(self, *arguments, **options)

    monkeypatch.setattr(SegmentationTrainer, "train", watched)
    return started


def stripped(source: Path, folder: Path, keep: int = 0, complete: bool = True) -> str:
    """The training file of drawn shapes where only the first images keep masks, the others have points."""
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


# -- all stages


def test_results_have_the_promised_keys_and_types(finished):
    folder, results = finished
    assert list(results) == ["teacher", "student_point", "student_refined", "full", "pseudo_labels"]
    for name in ("teacher", "student_point", "student_refined", "full"):
        assert {"AP", "AP50", "AP75", "AR100"} <= set(results[name])
        assert all(value is None or 0 <= value <= 1 for value in results[name].values())
        assert isinstance(results[name]["AP"], float)
    for quality in results["pseudo_labels"].values():
        assert {"AP", "AP50", "AR100", "points", "labels"} <= set(quality)
        assert isinstance(quality["points"], int) and 0 < quality["labels"] <= quality["points"]
        assert all(0 <= quality[name] <= 1 for name in ("AP", "AP50", "AR100"))
    assert json.loads(json.dumps(results)) == results


def test_every_stage_leaves_what_the_next_one_and_people_need(finished, shapes):
    folder, results = finished
    for name in TRAINED:
        files = {path.name for path in (folder / name).iterdir()}
        assert {"config.json", "model.safetensors", "preprocessor_config.json", "training_log.json"} <= files
        assert "checkpoints" not in files
    assert Recipe.load(folder / "recipe.yaml") == recipe(folder, data_dir=str(shapes))
    log = json.loads((folder / "student_refined" / "training_log.json").read_text())
    assert [entry["step"] for entry in log] == [1, 2, 3] and all(entry["loss_mask"] > 0 for entry in log)
    early = tiny.state_of(folder / "teacher" / "weights_at_67_percent")
    late = tiny.state_of(folder / "teacher" / "weights_at_89_percent")
    assert tiny.same_weights(late, tiny.state_of(folder / "teacher"))  # 3 × 0.89 rounds to the last step
    assert not tiny.same_weights(early, late)
    for name in ("rough", "refined"):
        path = folder / "pseudo" / f"{name}.json"
        again, kept = load_coco(path, shapes / "images"), stored_rows(folder / "pseudo" / name)
        assert len(again) == len(kept) > 0 and class_names(again) == class_names(kept)
        with_mask = [sum(item["segmentation"] is not None for item in row["objects"]) for row in again]
        assert with_mask == [len(row["objects"]) for row in kept]


def test_no_point_is_lost_on_the_way(finished, shapes):
    folder, results = finished
    data = load_data(recipe(folder, data_dir=str(shapes)))
    wanted = {item["id"]: item["point"] for row in data.point for item in row["objects"]}
    for name in ("rough", "refined"):
        labels = stored_rows(folder / "pseudo" / name)
        assert {item["id"]: item["point"] for row in labels for item in row["objects"]} == wanted
        assert results["pseudo_labels"][name]["points"] == len(wanted)


def test_images_are_not_copied_into_the_datasets_of_the_stages(finished, shapes):
    folder, _ = finished
    rows = stored_rows(folder / "rough" / "point").with_format(None)
    assert rows.features == load_data(recipe(folder, data_dir=str(shapes))).train.features
    for row in rows:
        assert row["image"]["bytes"] is None and Path(row["image"]["path"]).parent == shapes / "images"
        assert read_image(row).size == (64, 64)


def test_what_is_done_is_not_done_again(finished, shapes, trainings):
    folder, results = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"}
    again = Run(recipe(folder, data_dir=str(shapes)))
    assert again.planned_steps() == {}
    assert again.run() == results and trainings == []
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.shipped == folder / "student_refined"


def test_other_settings_in_the_same_folder_are_refused(finished, shapes):
    folder, _ = finished
    with pytest.raises(ValueError, match="holds a run with other settings of max_steps, seed; choose another"):
        Run(recipe(folder, data_dir=str(shapes), seed=9, max_steps=2))
    assert Recipe.load(folder / "recipe.yaml").seed == 1
    Run(recipe(folder, data_dir=str(shapes), stages=["teacher"], skip_bad=True))
    Run(recipe(folder, data_dir=str(shapes)))


def test_a_recipe_may_be_mended_before_anything_is_made(shapes, tmp_path):
    Run(recipe(tmp_path, data_dir=str(shapes), seed=9))
    assert Run(recipe(tmp_path, data_dir=str(shapes), seed=2)).recipe.seed == 2


# -- interruption


def interrupted(monkeypatch, run: Run, method: str, when) -> None:
    """Runs until `when(trainer)` is true at the begin of `method` of the Trainer."""
    original = getattr(SegmentationTrainer, method)

    def stopping(self, *arguments, **options):
        if when(self):
            raise KeyboardInterrupt
        return original(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTrainer, method, stopping)
        with pytest.raises(KeyboardInterrupt):
            run.run()


def test_an_interrupted_student_ends_as_if_nothing_had_happened(finished, shapes, tmp_path, monkeypatch, trainings):
    folder, results = finished
    made = recipe(tmp_path, data_dir=str(shapes))

    def when(trainer):
        return "student_refined" in trainer.args.output_dir and trainer.state.global_step == 2

    interrupted(monkeypatch, Run(made), "training_step", when)
    assert (tmp_path / "student_refined" / "checkpoints" / "checkpoint-2").is_dir()
    assert trainings == TRAINED[:4]
    trainings.clear()
    rest = Run(made)
    assert list(rest.planned_steps()) == ["student_refined", "full"]
    assert rest.run() == results
    assert trainings == ["student_refined", "full"]
    for name in ("student_refined", "full"):
        assert tiny.same_weights(tiny.state_of(tmp_path / name), tiny.state_of(folder / name))
    assert tiny.same_weights(tiny.refiner_state_of(tmp_path / "refiner"), tiny.refiner_state_of(folder / "refiner"))


def test_an_interrupted_evaluation_trains_nothing_again(finished, shapes, tmp_path, monkeypatch, trainings):
    folder, results = finished
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher"])
    interrupted(monkeypatch, Run(made), "evaluate", lambda trainer: True)
    assert trainings == ["teacher"] and not (tmp_path / "teacher" / "metrics.json").exists()
    assert Run(made).run()["teacher"] == results["teacher"]
    assert trainings == ["teacher"]


def test_a_model_without_the_end_of_its_training_is_trained(shapes, tmp_path, trainings):
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher"])
    Run(made).run()
    for name in ("training_log.json", "metrics.json", "preprocessor_config.json"):
        (tmp_path / "teacher" / name).unlink()  # as if it had been stopped while saving
    assert Run(made).run()["teacher"] is not None
    assert trainings == ["teacher", "teacher"]


def test_an_interruption_while_saving_takes_no_step_more(shapes, tmp_path, monkeypatch, trainings):
    def made(name: str) -> Recipe:
        return recipe(tmp_path / name, data_dir=str(shapes), stages=["teacher"], labeled_fraction=0.9)

    save = SegmentationTrainer.save_model

    def stopping(self, output_dir=None, *arguments, **options):
        if output_dir == str(tmp_path / "stopped" / "teacher"):
            raise KeyboardInterrupt
        return save(self, output_dir, *arguments, **options)

    Run(made("whole")).run()
    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTrainer, "save_model", stopping)
        with pytest.raises(KeyboardInterrupt):
            Run(made("stopped")).run()
    Run(made("stopped")).run()
    assert trainings == ["teacher", "teacher"]
    first, second = (tmp_path / name / "teacher" for name in ("whole", "stopped"))
    assert tiny.same_weights(tiny.state_of(first), tiny.state_of(second))
    logs = [json.loads((folder / "training_log.json").read_text()) for folder in (first, second)]
    assert logs[0] == logs[1]


def test_interrupted_labelling_leaves_no_half_dataset(shapes, tmp_path, monkeypatch):
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher", "rough"])

    def stopping(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pointwssis.runs.predict_rough_masks", stopping)
        with pytest.raises(KeyboardInterrupt):
            Run(made).run()
    (tmp_path / "rough" / "point.unfinished").mkdir(parents=True, exist_ok=True)
    (tmp_path / "rough" / "point.unfinished" / "half").write_text("a table")
    assert not (tmp_path / "rough" / "point").exists()
    Run(made).run()
    assert len(stored_rows(tmp_path / "rough" / "point")) > 0
    assert not (tmp_path / "rough" / "point.unfinished").exists()


# -- parts of the stages


def test_stages_in_several_calls_and_without_a_refiner_first(finished, shapes, tmp_path, trainings):
    def results(*names: str) -> dict[str, Any]:
        return Run(recipe(tmp_path, data_dir=str(shapes), stages=list(names))).run()

    first = results("teacher", "rough")
    assert trainings == ["teacher"] and first["teacher"] and first["pseudo_labels"] == {"rough": None, "refined": None}
    second = results("pseudo", "student")
    assert trainings == ["teacher", "student_point"]
    assert second["teacher"] == first["teacher"] and second["student_point"]
    assert second["student_refined"] is None and second["pseudo_labels"]["refined"] is None
    third = results("refiner", "pseudo", "student", "upper_bound")
    assert trainings == ["teacher", "student_point", "refiner", "student_refined", "full"]
    assert third == finished[1]  # the same as all in one
    assert results("upper_bound") == third


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["rough"], "teacher: holds no model yet; run the stage 'teacher' first"),
        (["refiner"], "weights_at_67_percent: holds no model yet; run the stage 'teacher' first"),
        (["pseudo"], "run the stage 'teacher' first"),
        (["student"], "run the stage 'teacher' first"),
    ],
)
def test_a_stage_without_the_one_before(shapes, tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        Run(recipe(tmp_path, data_dir=str(shapes), stages=names)).run()


def test_refined_labels_without_a_refiner(finished, shapes, tmp_path):
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher", "rough"])
    Run(made).run()
    made.stages = ["refiner", "pseudo"]
    with pytest.raises(ValueError, match="refiner: holds no model yet; run the stage 'refiner' first"):
        Run(made).pseudo_labels()


# -- data


def test_points_without_hidden_masks_train_exactly_the_student_that_ships(shapes, tmp_path, trainings):
    files = {"train_annotations": stripped(shapes, tmp_path, keep=3), "image_dir": str(shapes / "images")}
    files["val_annotations"] = str(shapes / "annotations" / "instances_val.json")
    run = Run(recipe(tmp_path / "out", labeled_fraction=None, **files))
    assert (len(run.data.full), len(run.data.point)) == (3, 5)
    assert list(run.planned_steps()) == ["teacher", "refiner", "student_refined"]
    results = run.run()
    assert trainings == ["teacher", "refiner", "student_refined"]
    assert results["student_point"] is None and results["full"] is None
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
    assert [results[name] for name in ("teacher", "student_point", "student_refined", "full")] == [None] * 4


def test_points_alone_have_no_teacher(shapes, tmp_path):
    files = {"train_annotations": stripped(shapes, tmp_path), "image_dir": str(shapes / "images")}
    with pytest.raises(ValueError, match="no image has masks for all its objects"):
        Run(recipe(tmp_path / "out", labeled_fraction=None, **files)).run()
    with pytest.raises(ValueError, match="no image has a mask for every object; use 0"):
        Run(recipe(tmp_path / "out", labeled_fraction=0.5, **files))


def test_labeled_fraction_zero_has_no_teacher(shapes, tmp_path):
    run = Run(recipe(tmp_path, labeled_fraction=0, data_dir=str(shapes)))
    assert (len(run.data.full), len(run.data.point)) == (0, 8)
    with pytest.raises(ValueError, match="a teacher needs some; raise labeled_fraction or add masks"):
        run.run()


def test_all_images_with_masks(shapes, tmp_path):
    assert len(load_data(recipe(tmp_path, labeled_fraction=None, data_dir=str(shapes))).full) == 8
    run = Run(recipe(tmp_path, labeled_fraction=1.0, data_dir=str(shapes), max_steps=1))
    assert (len(run.data.full), len(run.data.point)) == (8, 0)
    results = run.run()
    assert results["teacher"] and results["full"] and results["student_refined"]
    assert results["pseudo_labels"]["refined"]["points"] == 0


def test_one_step_of_everything(shapes, tmp_path):
    results = Run(recipe(tmp_path, data_dir=str(shapes), max_steps=1)).run()
    assert all(results[name] for name in ("teacher", "student_point", "student_refined", "full"))
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
        assert len(data.full) + len(data.point) == 6


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "no data: give data_dir"), ({"train_annotations": "a.json"}, "no data: give data_dir, or train_annotations")],
)
def test_no_data(tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        Run(recipe(tmp_path, **files))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Run(recipe(tmp_path, data_dir="nowhere"))
    assert not (tmp_path / "recipe.yaml").exists()


def test_wrong_names_are_found_before_anything_is_trained(shapes, tmp_path):
    cases = {
        "there is no training argument 'learning_rat'; did you mean 'learning_rate'": {"student": {"learning_rat": 1}},
        "the training argument learning_rate is 'fast' \\(str\\); it takes a number": {
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

    def watched(trainer, folder):
        started.update(
            state=trainer.model.state_dict(), config=trainer.model.config, size=trainer.processing_class.size
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "train_and_save", watched)
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
    monkeypatch.setattr(stages, "saved_model", lambda path, *a, **k: seen.append(Path(path).name) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Run(made).run()
    assert seen == ["teacher"]


def test_coco_mini_with_its_80_classes(shared_dir, tmp_path):
    changes = {
        "data_dir": str(shared_dir / "data" / "coco_mini"),
        "max_steps": 2,
        "stages": ["teacher", "rough", "refiner", "pseudo", "student"],
        "model": {**tiny.SEGMENTER, "score_threshold": 0.1},  # else untrained models give 100 detections an image
    }
    results = Run(recipe(tmp_path, **changes)).run()
    assert results["student_refined"]["AP"] is not None
    quality = results["pseudo_labels"]["refined"]
    assert quality["points"] > 100 and quality["labels"] > 0


# -- evaluation of a saved model


def test_evaluating_a_saved_model(finished, shapes, tmp_path, monkeypatch, caplog):
    folder, results = finished
    monkeypatch.chdir(tmp_path)
    rows = load_coco(shapes / "annotations" / "instances_val.json", shapes / "images")
    metrics = stages.evaluate(folder / "teacher", rows, bf16=False)
    assert metrics == pytest.approx(results["teacher"], abs=1e-9) and not caplog.records
    more = stages.evaluate(folder / "teacher", rows, max_detections=300, bf16=False)
    assert more["AR300"] >= more["AR100"] and more["AP@100"] == pytest.approx(metrics["AP"], abs=1e-9)
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind
    other = tiny.saved_segmenter(tmp_path / "other", names=["star", "cow"])
    stages.evaluate(other, rows, bf16=False)
    assert "never learned the classes ellipse, rectangle, triangle" in caplog.text
