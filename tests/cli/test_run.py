# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis`, `pointwssis run` and `pointwssis demo`."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import pointwssis
from helpers import tiny
from pointwssis.cli import demo
from pointwssis.cli.main import COMMANDS, main
from pointwssis.data import synthetic
from pointwssis.ops.user_error import UserError
from pointwssis.runs.named_recipes import named_recipes
from pointwssis.runs.recipe import Recipe


def run(tmp_path: Path, *words: str) -> int:
    return main(["run", str(tiny.recipe_file(tmp_path / "r.yaml")), "--output_dir", str(tmp_path / "out"), *words])


def test_all_stages_leave_a_table_results_and_a_contact_sheet(shapes, tmp_path, capsys):
    assert run(tmp_path, "--data_dir", str(shapes), "--training.max_steps", "2", "--seed=4") == 0
    printed, out = capsys.readouterr().out, tmp_path / "out"
    assert "2 images with masks, 6 with points; 4 classes: ellipse, rectangle, triangle, star" in printed
    assert "| student, masks + points + MaskRefineNet |" in printed and "| refined masks |" in printed
    results = json.loads((out / "results.json").read_text())
    segmenters = {"teacher", "control", "student_point", "student_refined", "upper_bound"}
    assert set(results) == {*segmenters, "pseudo_labels", "gate", "shipped", "notes"}
    assert (out / "results.md").read_text() in printed
    assert str(out / "student_refined") in printed and "results.json" in printed
    assert f"report: {out / 'report.html'}" in printed and (out / "report.html").is_file()
    sheet = Image.open(out / "contact_sheet.png")
    assert sheet.width > 5 * 64 and sheet.height > 64
    recipe = Recipe.load(out / "recipe.yaml")
    assert (recipe.seed, recipe.training["max_steps"], recipe.data_dir) == (4, 2, str(shapes))
    # The same command goes on where it was; another one is refused.
    assert run(tmp_path, "--data_dir", str(shapes), "--training.max_steps", "2", "--seed=4") == 0
    assert json.loads((out / "results.json").read_text()) == results
    assert run(tmp_path, "--data_dir", str(shapes), "--training.max_steps", "2", "--seed=5") == 1
    assert "other settings of seed" in capsys.readouterr().err


def test_files_instead_of_a_folder_and_some_stages(shapes, tmp_path, capsys):
    files = ["--train_annotations", str(shapes / "annotations" / "instances_train.json")]
    files += ["--image_dir", str(shapes / "images"), "--stages", "teacher,rough,pseudo", "--max_steps", "1"]
    assert run(tmp_path, *files, "--labeled_fraction", "0.5") == 0
    printed = capsys.readouterr().out
    assert "3 images with masks (1 more held back), 4 with points" in printed and "not available" in printed
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["teacher"]["AP"] is not None and results["pseudo_labels"]["rough"]["AP"] is not None
    assert results["pseudo_labels"]["refined"] is None
    assert str(tmp_path / "out" / "teacher") in printed  # the model that there is


def test_the_rest_is_foretold_after_twenty_steps(shapes, tmp_path, capsys):
    words = ["--data_dir", str(shapes), "--stages", "teacher,rough", "--training.max_steps", "21"]
    assert run(tmp_path, *words, "--training.per_device_train_batch_size", "1", "--training.logging_steps", "50") == 0
    lines = capsys.readouterr().out.splitlines()
    block = lines[lines.index("teacher: 21 steps") + 1 :][:2]
    assert "s per step" in block[0] and "left" in block[0] and block[1].startswith("  done in")


@pytest.mark.parametrize("words", [[], ["--shapes"]], ids=["nuclei", "shapes"])
def test_the_demo_brings_its_own_data(words, tmp_path, capsys, monkeypatch):
    small = tiny.recipe_file(tmp_path / "small.yaml", stages=["teacher"], max_steps=1)
    monkeypatch.setattr(demo, "SHAPES_RECIPE" if words else "NUCLEI_RECIPE", small)
    monkeypatch.setattr(synthetic, "write_shapes_coco", lambda folder, **options: tiny.shapes_folder(folder))
    assert main(["demo", *words, "--output_dir", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert f"try it: pointwssis predict {tmp_path / 'out' / 'teacher'}" in out
    assert Path(out.split("try it: ")[1].split()[-1]).is_file()


# -- errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "the first argument must be a recipe"),
        (["run", "nowhere.yaml"], "nowhere.yaml: neither a recipe file nor the name of a recipe"),
        (["recipes", "nuclie"], "no recipe is called 'nuclie'; did you mean 'nuclei'?"),
        (["run", "{recipe}"], "no data; give data_dir"),
        (["run", "{recipe}", "--data_dir", "nowhere"], "nowhere: looked for annotations/instances_train*.json"),
        (["run", "{recipe}", "--sead", "3"], "there is no option --sead; did you mean 'seed'?"),
        (["run", "{recipe}", "--seed", "three"], "seed is 'three' (str); expected int"),
        (["run", "{recipe}", "--data_dir", "{shapes}", "--model.fpn", "3"], "SOLOv2Config has no field 'fpn'"),
        (
            ["run", "{recipe}", "--data_dir", "{shapes}", "--model.num_grids", "[1]"],
            "model.num_grids: num_grids must have 5 entries, one per pyramid level",
        ),
        (["run", "{recipe}", "--data_dir", "{shapes}", "--training.epochs", "3"], "no training argument 'epochs'"),
        (["demo", "hello"], "unexpected argument 'hello'"),
        (["run", "{recipe}", "--data_dir", "{shapes}", "--backbone_name_or_path", "{shapes}"], "Unrecognized model"),
    ],
)
def test_wrong_input_is_one_line_and_an_exit_code(shapes, tmp_path, capsys, words, message):
    recipe = tiny.recipe_file(tmp_path / "recipe.yaml", output_dir=str(tmp_path / "out"))
    assert main([word.format(recipe=recipe, shapes=shapes) for word in words]) == 1
    captured = capsys.readouterr()
    error = captured.err[captured.err.index(f"pointwssis {words[0]}: ") :]  # behind progress bars
    assert message in error and "Traceback" not in error
    assert not (tmp_path / "out" / "teacher" / "model.safetensors").exists()


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys, tmp_path):
    def stopping(recipe, update):
        raise KeyboardInterrupt

    monkeypatch.setattr("pointwssis.cli.run.execute", stopping)
    assert main(["run", str(tiny.recipe_file(tmp_path / "r.yaml"))]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err


def test_a_termination_has_its_own_exit_code(monkeypatch, capsys, tmp_path):
    def stopping(recipe, update):
        os.kill(os.getpid(), signal.SIGTERM)

    former = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("pointwssis.cli.run.execute", stopping)
    assert main(["run", str(tiny.recipe_file(tmp_path / "r.yaml"))]) == 143
    assert "interrupted; run the same command again to resume" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == former


def test_a_full_disk_is_one_line(monkeypatch, capsys, tmp_path):
    def stopping(recipe, update):
        raise OSError(errno.ENOSPC, "No space left on device", "cache/file.arrow")

    monkeypatch.setattr("pointwssis.cli.run.execute", stopping)
    assert main(["run", str(tiny.recipe_file(tmp_path / "r.yaml"))]) == 1
    error = capsys.readouterr().err
    assert "the disk is full" in error and "cache/file.arrow" in error and "Traceback" not in error


def test_usage_and_unknown_commands(capsys):
    assert main(["--help"]) == main(["-h"]) == 0
    usage = capsys.readouterr().out
    assert all(command in usage for command in COMMANDS)
    assert main([]) == 2
    assert main(["rum"]) == 2
    captured = capsys.readouterr()
    assert "unknown command 'rum'; did you mean 'run'?" in captured.err and "usage: " in captured.err


@pytest.mark.parametrize("words", [["--version"], ["run", "--version"]])
def test_the_version(words, capsys):
    assert main(words) == 0
    assert capsys.readouterr().out == f"pointwssis {pointwssis.__version__}\n"


@pytest.mark.parametrize("words", [["--debug", "run", "nowhere.yaml"], ["run", "nowhere.yaml", "--debug"]])
def test_debug_shows_the_traceback_of_wrong_input(words):
    with pytest.raises(UserError, match="nowhere.yaml"):
        main(words)


def test_a_bug_shows_its_traceback(monkeypatch, capsys, tmp_path):
    def broken(recipe, update):
        raise KeyError("a bug")

    monkeypatch.setattr("pointwssis.cli.run.execute", broken)
    assert main(["run", str(tiny.recipe_file(tmp_path / "r.yaml"))]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error and "KeyError: 'a bug'" in error
    assert "please report it" in error.splitlines()[-1]


def test_recipes_are_listed_and_printed(capsys):
    assert main(["recipes"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {"coco10", "nuclei", "own_data"} <= set(listed) and all(listed.values())
    assert main(["recipes", "nuclei"]) == 0
    assert capsys.readouterr().out == named_recipes()["nuclei"].read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0 and f"pointwssis {command}" in text
    assert max(map(len, text.splitlines())) <= 125
    if command == "predict":
        with pytest.raises(SystemExit) as stopped:
            main(["predict", "model"])
        assert stopped.value.code == 2


def test_python_dash_m():
    command = [sys.executable, "-m", "pointwssis"]
    done = subprocess.run([*command, "run", "nowhere.yaml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pointwssis run: nowhere.yaml: neither a recipe") and done.stderr.count("\n") == 1
