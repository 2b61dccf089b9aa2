# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Whole runs on drawn shapes, with trainings of three steps."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers import tiny
from helpers.tiny import recipe
from pointwssis.data import class_names, hide_masks, load_coco, read_image
from pointwssis.runs.data import load_data
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows
from pointwssis.runs.stage_results import UNFINISHED_MODEL
from pointwssis.training.trainer import SegmentationTrainer

TRAINED = ["teacher", "refiner", "control", "student_point", "student_refined", "upper_bound"]
SEGMENTERS = [name for name in TRAINED if name != "refiner"]


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a run of all stages, and its results."""
    folder = tmp_path_factory.mktemp("run") / "out"
    return folder, Run(recipe(folder, data_dir=str(shapes))).run()


# -- all stages


def test_results_have_the_promised_keys_and_types(finished):
    folder, results = finished
    assert list(results) == [*SEGMENTERS, "pseudo_labels", "gate", "shipped", "notes"]
    for name in SEGMENTERS:
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
    assert again.plan.steps() == {}
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
    """Run until `when(trainer)` is true at the beginning of `method` of the Trainer."""
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
    assert trainings == TRAINED[:5]
    trainings.clear()
    rest = Run(made)
    assert list(rest.plan.steps()) == ["student_refined", "upper_bound"]
    assert rest.run() == results
    assert trainings == ["student_refined", "upper_bound"]
    for name in ("student_refined", "upper_bound"):
        assert tiny.same_weights(tiny.state_of(tmp_path / name), tiny.state_of(folder / name))
    assert tiny.same_weights(tiny.refiner_state_of(tmp_path / "refiner"), tiny.refiner_state_of(folder / "refiner"))


def test_an_interrupted_evaluation_trains_nothing_again(finished, shapes, tmp_path, monkeypatch, trainings):
    folder, results = finished
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher"])
    interrupted(monkeypatch, Run(made), "evaluate", lambda trainer: True)
    assert trainings == ["teacher"] and not (tmp_path / "teacher" / "metrics.json").exists()
    assert Run(made).run()["teacher"] == results["teacher"]
    assert trainings == ["teacher"]


def test_checkpoints_that_a_kill_has_left_are_removed(finished, shapes, tmp_path, trainings):
    shutil.copytree(finished[0], tmp_path / "out")
    for name in ("teacher", "refiner", "student_refined"):
        (tmp_path / "out" / name / "checkpoints").mkdir()
    assert Run(recipe(tmp_path / "out", data_dir=str(shapes))).run() == finished[1]
    assert trainings == [] and not list((tmp_path / "out").rglob("checkpoints"))


def test_a_model_without_the_end_of_its_training_is_trained(shapes, tmp_path, trainings):
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher"])
    Run(made).run()
    for name in ("training_log.json", "metrics.json", "preprocessor_config.json"):
        (tmp_path / "teacher" / name).unlink()  # as if it had been stopped while saving
    assert Run(made).run()["teacher"] is not None
    assert trainings == ["teacher", "teacher"]


@pytest.mark.parametrize("average_weights", [0.0, 0.9])
def test_an_interruption_while_saving_takes_no_step_more(shapes, tmp_path, monkeypatch, trainings, average_weights):
    def made(name: str) -> Recipe:
        options = {"data_dir": str(shapes), "stages": ["teacher"], "labeled_fraction": 0.9}
        options["teacher"] = {"average_weights": average_weights}
        return recipe(tmp_path / name, **options)

    save = SegmentationTrainer.save_model

    def stopping(self, output_dir=None, *arguments, **options):
        if output_dir == str(tmp_path / "stopped" / "teacher" / UNFINISHED_MODEL):
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


def test_interrupted_labeling_leaves_no_half_dataset(shapes, tmp_path, monkeypatch):
    made = recipe(tmp_path, data_dir=str(shapes), stages=["teacher", "rough"])

    def stopping(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pointwssis.runs.run_labelers.predict_rough_masks", stopping)
        with pytest.raises(KeyboardInterrupt):
            Run(made).run()
    (tmp_path / "rough" / "unfinished-point").mkdir(parents=True, exist_ok=True)
    (tmp_path / "rough" / "unfinished-point" / "half").write_text("a table")
    assert not (tmp_path / "rough" / "point").exists()
    Run(made).run()
    assert len(stored_rows(tmp_path / "rough" / "point")) > 0
    assert not (tmp_path / "rough" / "unfinished-point").exists()


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
    third = results("refiner", "pseudo", "control", "student", "upper_bound")
    assert trainings == ["teacher", "student_point", "refiner", "control", "student_refined", "upper_bound"]
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
        Run(made).labeling.pseudo_labels()


def test_validation_images_without_masks_have_no_ap(shapes, tmp_path, capsys):
    settings = recipe(tmp_path / "out", data_dir=str(shapes), stages=["teacher"], max_steps=1)
    data = load_data(settings)
    run = Run(settings, replace(data, validation=hide_masks(data.validation)))
    assert run.teacher()["AP"] is None
    assert "AP not available" in capsys.readouterr().out
    assert run.run()["teacher"]["AP"] is None
