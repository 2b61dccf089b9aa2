# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A run sends its models to the Hub at its end, and a push that fails costs nothing of it."""

import json
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import HfApi, ModelCard
from transformers import pipeline

from helpers import tiny
from pointwssis.cli.main import main
from pointwssis.hub.cards import TrainingFacts, local_name
from pointwssis.hub.client import PushError
from pointwssis.runs.publish import Push, publish, run_models

CELLS = {"student": "tester/cells", "teacher": "tester/cells-teacher", "refiner": "tester/cells-refiner"}


@pytest.fixture(scope="module")
def run_folder(shapes, tmp_path_factory) -> Path:
    """Return the output folder of `pointwssis run`, not pushed."""
    folder = tmp_path_factory.mktemp("run")
    recipe = tiny.recipe_file(folder / "recipe.yaml", max_steps=1, student_name_or_path="teacher")
    assert main(["run", str(recipe), "--data_dir", str(shapes), "--output_dir", str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture
def run_copy(run_folder, tmp_path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "out"))


def rerun(folder: Path, shapes: Path, *words: str) -> int:
    """Repeat the command of `run_folder` with more options; nothing is left to train."""
    return main(["run", str(folder / "recipe.yaml"), "--data_dir", str(shapes), "--output_dir", str(folder), *words])


def text_of(hub, repo: str) -> str:
    return hub.files(repo)["README.md"].decode()


# -- cards on the disk


def test_every_trained_folder_has_a_card(run_folder):
    for name, part in {
        "teacher": "teacher",
        "refiner": "refiner",
        "student_point": "student",
        "control": "control",
        "upper_bound": "upper_bound",
    }.items():
        facts, text = TrainingFacts.load(run_folder / name), (run_folder / name / "README.md").read_text("utf-8")
        assert facts.part == part and facts.repo is None
        assert ModelCard(text).data.library_name == "pointwssis" and f'"{local_name(run_folder / name)}"' in text
        assert facts.training["steps"] == 1 and facts.class_names == tiny.NAMES
        assert "shapes" in facts.data["name"] and "/" not in facts.data["name"]
    teacher, student = (TrainingFacts.load(run_folder / name) for name in ("teacher", "student_refined"))
    assert teacher.labels == student.labels == {"full": 2, "point": 6}
    assert teacher.learned_from == {"full": 2} and student.learned_from == {"full": 2, "pseudo": 6, "full_repeats": 1}
    assert teacher.label_days["full"] > teacher.label_days["point"] > 0
    assert student.base_model == "teacher" and teacher.base_model is None and teacher.start == "random weights"
    quality = json.loads((run_folder / "results.json").read_text())["pseudo_labels"]
    assert teacher.pseudo_labels == quality == json.loads((run_folder / "pseudo" / "quality.json").read_text())
    assert teacher.metrics == json.loads((run_folder / "teacher" / "metrics.json").read_text())
    assert not any(key in teacher.recipe for key in ("data_dir", "output_dir", "stages"))
    assert "`pointwssis push" not in text


def test_the_files_of_a_run_name_no_folder_of_this_machine(run_folder):
    for path in run_folder.glob("*/training_facts.json"):
        assert str(run_folder.parent) not in path.read_text("utf-8")


# -- pushing


def test_a_run_pushes_its_models_at_its_end(run_copy, shapes, hub, capsys):
    assert rerun(run_copy, shapes, "--push_to_hub", "--hub_model_id", "tester/cells", "--hub_private") == 0
    assert {id for _, id in hub.repositories} == set(CELLS.values())
    assert all(repository.private for repository in hub.repositories.values())
    assert f"student: {hub.url}/tester/cells" in capsys.readouterr().out
    for part, repo in CELLS.items():
        linked = set(re.findall(r"\]\(https://huggingface\.co/(tester/[\w-]+)\)", text_of(hub, repo)))
        assert linked == set(CELLS.values()) and str(run_copy) not in text_of(hub, repo)
        assert f'"{repo}"' in text_of(hub, repo)
        folder = run_models(run_copy)[part]
        assert hub.files(repo)["model.safetensors"] == (folder / "model.safetensors").read_bytes()
        assert TrainingFacts.load(folder).repo == repo
        assert f'"{local_name(folder)}"' in (folder / "README.md").read_text("utf-8")  # here it goes by its folder
    assert ModelCard(text_of(hub, CELLS["student"])).data.base_model == CELLS["teacher"]
    found = pipeline("point-instance-segmentation", model=CELLS["teacher"], refiner=CELLS["refiner"])(
        tiny.picture(), points=[(3, 4)], labels=["star"]
    )
    assert len(found) == 1 and "rough_mask" in found[0]
    assert rerun(run_copy, shapes) == 0  # and what was pushed is remembered
    assert TrainingFacts.load(run_copy / "teacher").repo == CELLS["teacher"]


def test_a_push_that_fails_loses_nothing_and_is_repeated(run_copy, shapes, hub, capsys):
    (run_copy / "results.json").unlink()
    with hub.breaking(after=1, of="POST .*/commit/"):  # the student arrives, the teacher does not
        assert rerun(run_copy, shapes, "--push_to_hub", "--hub_model_id", "tester/cells") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("pointwssis run: tester/cells-teacher: was not uploaded")
    assert f"pointwssis push {run_copy / 'teacher'} tester/cells-teacher" in error
    assert (run_copy / "results.json").is_file() and "model.safetensors" in hub.files("tester/cells")
    assert main(["push", str(run_copy), "tester/cells"]) == 0
    assert [list(hub.files(repo)) != [] for repo in CELLS.values()] == [True] * 3
    assert capsys.readouterr().out.splitlines() == [f"{part}: {hub.url}/{repo}" for part, repo in CELLS.items()]


def test_who_cannot_push_hears_it_before_anything_is_trained(shapes, hub, tmp_path, trainings, capsys, monkeypatch):
    recipe = tiny.recipe_file(tmp_path / "recipe.yaml", data_dir=str(shapes), output_dir=str(tmp_path / "out"))
    assert main(["run", str(recipe), "--push_to_hub", "--hub_model_id", "somebody/cells"]) == 1
    assert "somebody/cells: tester has no write access" in capsys.readouterr().err
    monkeypatch.delenv("HF_TOKEN")
    assert main(["run", str(recipe), "--push_to_hub", "--hub_model_id", "tester/cells"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["run", str(recipe), "--push_to_hub"]) == 1
    assert "push_to_hub requires hub_model_id" in capsys.readouterr().err
    assert trainings == [] and not (tmp_path / "out").exists()


def test_one_model_of_a_run(run_copy, hub):
    assert publish(run_copy / "teacher", "tester/mine") == {"teacher": f"{hub.url}/tester/mine"}
    assert "| for | load |" not in text_of(hub, "tester/mine")  # the others are not on the Hub
    publish(run_copy / "student_refined", "tester/other")
    assert "https://huggingface.co/tester/mine" in text_of(hub, "tester/other")
    assert ModelCard(text_of(hub, "tester/other")).data.base_model == "tester/mine"


def test_a_card_that_a_person_has_taken_over_goes_as_it_is(run_copy, hub):
    (run_copy / "teacher" / "README.md").write_text("---\nlicense: mit\n---\nMine.\n", encoding="utf-8")
    publish(run_copy / "teacher", "tester/mine")
    assert text_of(hub, "tester/mine") == "---\nlicense: mit\n---\nMine.\n"


def test_a_folder_that_no_run_has_written(hub, tmp_path):
    folder = tiny.saved_segmenter(tmp_path / "model")
    assert publish(folder, "tester/mine") == {"model": f"{hub.url}/tester/mine"}
    assert HfApi().model_info("tester/mine").library_name == "pointwssis"
    with pytest.raises(FileNotFoundError, match="holds no model"):
        publish(tmp_path, "tester/mine")
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        publish(tmp_path / "none", "tester/mine")


def test_only_models_of_the_recipe_s_stages_are_pushed(run_copy, hub):
    recipe = tiny.recipe(run_copy, stages=["teacher"], push_to_hub=True, hub_model_id="tester/cells")
    assert Push(recipe)() == {"teacher": f"{hub.url}/{CELLS['teacher']}"}
    assert [id for _, id in hub.repositories] == [CELLS["teacher"]]
    assert Push(tiny.recipe(run_copy))() == {}
    with pytest.raises(PushError):
        Push(tiny.recipe(run_copy, push_to_hub=True, hub_model_id="somebody/x"))
