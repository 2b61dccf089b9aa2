# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The guides run: their commands and code are executed in order, and the output that they quote is what is printed."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from helpers import tiny
from helpers.faulty_files import write_faulty_files
from helpers.guides import as_pattern, blocks, commands_of, quoted_outputs, run_command, run_python, write_files
from helpers.paths import ROOT
from helpers.small_demo import small_demo_nuclei
from pointwssis.cli import demo
from pointwssis.data import label_studio_config
from pointwssis.planning import proposal

GUIDES = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "docs" / "guides").glob("*.md"))}
FOLLOWED = ("quickstart", "label_and_deploy", "what_to_choose", "own_models", "experiments", "troubleshooting")
# Commands that need more than a test has, and what checks them instead
ELSEWHERE = {
    "python3 -m venv": "every target of the Makefile does it",
    "source .venv/bin/activate": "shell only",
    "pip install": "every target of the Makefile does it",
    "jupyter lab": "tests/test_notebooks.py executes the notebooks",
    "python examples/": "tests/examples/test_seams.py",
    "pointwssis app": "tests/app/test_browser.py",
    "pointwssis review": "tests/review/test_review_files.py",
    "pointwssis run outputs/mine --corrections": "tests/runs/test_going_on.py",
    "torchrun": "tests/runs/test_several_processes.py",
    "OMP_NUM_THREADS=1 torchrun": "tests/runs/test_several_processes.py",
    "salloc": "Slurm",
    "srun": "Slurm",
}
ONE_STEP = ("--max_steps", "1", "--image_size.shortest_edge", "64", "--training.per_device_train_batch_size", "2")
TEACHER_ALONE = (*ONE_STEP, "--stages", "teacher")
# A step per training, and only the stages that lead to a student
TINY = {"max_steps": 1, "stages": ["teacher", "rough", "refiner", "pseudo", "student"], "rough_student": False}
LABELS = "label_and_deploy"  # the guide whose code writes labels to follow it with


def follow(page: str, recipe_options: tuple[str, ...] = (), after_command=lambda command: None) -> list[str]:
    """Follow a guide in the current folder.

    Args:
        page: text of the guide.
        recipe_options: further options of its commands `pointwssis run`.
        after_command: called with each command that was run.

    Returns:
        The commands that were run.
    """
    done = []
    write_files(page, Path())
    for block in blocks(page):
        if block.language == "python":
            run_python(block.text.replace('"max_steps": "20"', '"max_steps": "1"'))
        for command in commands_of(block) if block.language == "bash" else ():
            if command.startswith(tuple(ELSEWHERE)):
                continue
            code, output = run_command(command, recipe_options if command.split()[1] == "run" else ())
            assert code == 0, f"{command}\n{output}"
            after_command(command)
            done.append(command)
    return done


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Change to an empty folder, with few nuclei in the package, and a demo that trains tiny models for a step."""
    monkeypatch.setattr("pointwssis.data.DEMO_NUCLEI", small_demo_nuclei(tmp_path / "demo_nuclei", images=4))
    tiny.recipe_file(tmp_path / "demo.yaml", **TINY, output_dir="outputs/demo", labeled_fraction=0.5)
    monkeypatch.setattr(demo, "NUCLEI_RECIPE", tmp_path / "demo.yaml")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def quick_proposals(monkeypatch):
    """Let `check` propose recipes without training steps, which tests/planning measures."""
    propose = proposal.propose

    def quick(recipe, data, minutes, deep):
        return propose(recipe, data, minutes, deep, measure=lambda *_: 0.1, measure_refiner=lambda *_: 0.1)

    monkeypatch.setattr(proposal, "propose", quick)


def write_labels() -> None:
    """Write the images and annotation files with which readers follow the guide without labeling."""
    code = next(block.text for block in blocks(GUIDES[LABELS]) if block.language == "python")
    assert "annotations.xml" in code
    run_python(code)


def test_quickstart(folder):
    assert len(follow(GUIDES["quickstart"])) == 3
    assert Path("outputs/clicked/instances.csv").read_text("utf-8").count("nucleus") == 3


def test_label_and_deploy(folder, quick_proposals):
    Path("images").mkdir()  # as the quickstart leaves it

    def tiny_recipe(command: str) -> None:
        """Put a recipe of tiny networks in the place of the proposed one."""
        if "--write_recipe" in command:
            files = {"train_annotations": ["masks.json", "clicks.json"], "val_annotations": "val.json"}
            tiny.recipe_file(Path("mine.yaml"), **TINY, **files, image_dir="images", labeled_fraction=None)

    assert len(follow(GUIDES[LABELS], after_command=tiny_recipe)) == 11
    assert Path("outputs/predictions/instances.json").is_file() and Path("outputs/second/results.json").is_file()
    # The interface of the guide has the names that files for Label Studio use.
    shown = ElementTree.parse("interface.xml").getroot()
    ours = ElementTree.fromstring(label_studio_config(["nucleus"]))
    assert {(tag.tag, tag.get("name")) for tag in shown} < {(tag.tag, tag.get("name")) for tag in ours}


def test_what_to_choose(folder, quick_proposals):
    write_labels()
    assert len(follow(GUIDES["what_to_choose"], TEACHER_ALONE)) == 4
    assert Path("outputs/pretrained/teacher/model.safetensors").is_file()


def test_own_models(folder, monkeypatch):
    monkeypatch.setattr("pointwssis.runs.recipe.find_recipe", lambda name: Path("../demo.yaml"))
    follow(GUIDES["own_models"])
    assert Path("outputs/smooth/results.json").is_file() and Path("outputs/discs/results.json").is_file()


def test_experiments(folder, monkeypatch):
    monkeypatch.setattr("pointwssis.runs.named_recipes.RECIPE_FOLDER", folder.parent)
    stages = ("--stages", "teacher,rough,refiner,pseudo,control,student")
    assert len(follow(GUIDES["experiments"], stages)) == 3
    assert Path("outputs/seed_2/results.json").is_file()


def test_every_command_is_run_here_or_checked_elsewhere():
    commands = {name: [c for block in blocks(page) for c in commands_of(block)] for name, page in GUIDES.items()}
    others = [c for name, own in commands.items() if name not in FOLLOWED for c in own]
    assert [command for command in others if not command.startswith(tuple(ELSEWHERE))] == []
    used = [command for own in commands.values() for command in own]
    assert [start for start in ELSEWHERE if not any(command.startswith(start) for command in used)] == []
    files = [words.split()[0] for words in ELSEWHERE.values() if words.startswith("tests/")]
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_quoted_output_is_what_the_commands_print(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_labels()
    quoted = [pair for name in (LABELS, "what_to_choose") for pair in quoted_outputs(GUIDES[name])]
    assert len(quoted) >= 4
    for command, text in quoted:
        _, output = run_command(command)
        assert as_pattern(text).search(output), f"{command}\n{output}"


def test_messages_are_those_of_the_commands(tmp_path, monkeypatch, shapes):
    monkeypatch.chdir(tmp_path)
    write_faulty_files(tmp_path)
    shutil.copytree(shapes, "shapes")
    tiny.saved_segmenter(Path("models/student"))
    tiny.recipe_file(Path("mine.yaml"), data_dir="shapes", stages=["teacher"], max_steps=1)
    assert run_command("pointwssis run mine.yaml --output_dir outputs/first")[0] == 0
    quoted = quoted_outputs(GUIDES["troubleshooting"])
    assert len(quoted) >= 20
    for request, text in quoted:
        output = run_command(request)[1] if request.startswith("pointwssis ") else run_python(request)
        assert as_pattern(text).search(output), f"{request}\n{output}"


def test_messages_that_no_command_shows_are_in_the_code():
    table = re.findall(r"^\| `([^`]+)` \|", GUIDES["troubleshooting"], re.M)
    assert len(table) >= 5
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    missing = [text for text in table if not all(part.strip() in source for part in text.split("…"))]
    assert missing == []
