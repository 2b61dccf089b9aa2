# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Event files of TensorBoard, read back, and the packages that trainings report to."""

from collections import Counter

import pytest

from helpers import tiny
from pointwssis.ops.user_error import UserError
from pointwssis.runs import stage_arguments
from pointwssis.runs.run import Run
from pointwssis.runs.stage_arguments import default_report, training_arguments

OPTIONS = {"stages": ["teacher", "rough", "refiner", "pseudo", "student"], "rough_student": False}


def test_losses_and_pictures_of_every_training_are_in_tensorboard(shapes, tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install 'pointwssis[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "out"
    recipe = tiny.recipe(folder, data_dir=str(shapes), **OPTIONS)
    recipe.training.update(max_steps=5, report_to="tensorboard")
    recipe.refiner.update(max_steps=5, logging_steps=1, report_to="tensorboard")
    Run(recipe).run()
    read = {}
    for name in ("teacher", "refiner", "student_refined"):
        read[name] = EventAccumulator(str(folder / "tensorboard" / name), size_guidance={"images": 0}).Reload()
    for events in read.values():
        losses = events.Scalars("train/loss")
        assert losses[-1].step == 5 and all(event.value > 0 for event in losses)
    assert [event.step for event in read["teacher"].Images("predictions")] == [1, 2, 3, 4, 5]
    # A teacher has no pseudo labels; a student is also evaluated.
    assert read["teacher"].Tags()["images"] == ["predictions"] and read["refiner"].Tags()["images"] == []
    (labels,) = read["student_refined"].Images("pseudo_labels")
    assert labels.step == 0 and labels.width > 4 * 64 and labels.encoded_image_string.startswith(b"\x89PNG")
    assert 0 <= read["student_refined"].Scalars("eval/AP")[-1].value <= 1

    # A training that is repeated replaces its events; the others stay.
    stay = sorted(path.name for path in (folder / "tensorboard" / "teacher").iterdir())
    again = tiny.recipe(folder, data_dir=str(shapes), **OPTIONS, full_repeats=2)
    again.training.update(recipe.training)
    again.refiner.update(recipe.refiner)
    Run(again, update=True).run()
    repeated = EventAccumulator(str(folder / "tensorboard" / "student_refined")).Reload()
    assert [event.step for event in repeated.Scalars("train/loss")] == [1, 2, 3, 4, 5]
    assert sorted(path.name for path in (folder / "tensorboard" / "teacher").iterdir()) == stay


def report_run(shapes, folder, report: str) -> None:
    """Train teacher, refiner, and student for two steps each."""
    recipe = tiny.recipe(folder, data_dir=str(shapes), **OPTIONS)
    recipe.training.update(max_steps=2, report_to=report)
    recipe.refiner.update(max_steps=2, logging_steps=1, report_to=report)
    Run(recipe).run()


def test_pictures_in_weights_and_biases(shapes, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="needs wandb: pip install wandb")
    for name, value in {"MODE": "offline", "SILENT": "true", "DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    try:
        report_run(shapes, tmp_path / "out", "wandb")
    finally:
        wandb.finish()
    # One run per training; a refiner has no pictures.
    runs = sorted((tmp_path / "wandb").glob("offline-run-*"))
    pictures = [Counter(path.name.split("_")[0] for path in run.rglob("*.png")) for run in runs]
    assert sorted(map(sorted, pictures)) == [[], ["predictions"], ["predictions", "pseudo"]]
    assert all(found["predictions"] in (0, 2) and found["pseudo"] in (0, 1) for found in pictures)


def test_pictures_in_trackio(shapes, tmp_path, monkeypatch):
    trackio = pytest.importorskip("trackio", reason="needs trackio: pip install trackio")
    from trackio.sqlite_storage import SQLiteStorage

    report_run(shapes, tmp_path / "out", "trackio")
    trackio.finish()
    for name, labels in (("teacher", 0), ("refiner", 0), ("student_refined", 1)):
        logs = SQLiteStorage.get_logs("huggingface", f"out {name}")
        assert {entry["train/global_step"] for entry in logs if "train/loss" in entry} == {1, 2}
        pictures = [entry["train/global_step"] for entry in logs if "predictions" in entry]
        assert pictures == ([] if name == "refiner" else [1, 2])
        assert len([entry for entry in logs if "pseudo_labels" in entry]) == labels


def test_pictures_change_nothing(shapes, tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install 'pointwssis[tensorboard]'")
    weights = []
    for report in ("none", "tensorboard"):
        folder = tmp_path / report
        recipe = tiny.recipe(folder, data_dir=str(shapes), stages=["teacher"], max_steps=3)
        recipe.training["report_to"] = report
        Run(recipe).run()
        weights.append(tiny.state_of(folder / "teacher"))
        assert (folder / "tensorboard").is_dir() == (report == "tensorboard")
    assert tiny.same_weights(*weights)


@pytest.mark.parametrize(
    ("name", "remedy"), [("tensorboard", "'pointwssis[tensorboard]'"), ("wandb", "wandb"), ("trackio", "trackio")]
)
def test_a_missing_package_is_named_before_anything_is_trained(tmp_path, monkeypatch, name, remedy):
    monkeypatch.setattr(stage_arguments, "find_spec", lambda package: None)
    assert default_report() == "none"
    recipe = tiny.recipe(tmp_path)
    assert training_arguments(recipe, tmp_path / "teacher", {}).report_to == []
    with pytest.raises(UserError) as error:
        training_arguments(recipe, tmp_path / "teacher", {"report_to": ["none", name]})
    assert str(error.value) == f"training.report_to is {name}, which is not installed; pip install {remedy}"
    with pytest.raises(UserError, match="training.report_to is 'nonsense'; expected one of .*tensorboard"):
        training_arguments(recipe, tmp_path / "teacher", {"report_to": "nonsense"})


def test_tensorboard_is_the_default_where_it_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_arguments, "find_spec", lambda package: package == "tensorboard" or None)
    arguments = training_arguments(tiny.recipe(tmp_path / "mine"), tmp_path / "mine" / "teacher", {})
    assert arguments.report_to == ["tensorboard"] and arguments.run_name == "mine teacher"
