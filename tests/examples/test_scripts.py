# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The example scripts, one stage after the other, with trainings of a step or two."""

import os
import runpy
import subprocess
import sys

import pytest

from helpers import tiny
from helpers.paths import EXAMPLES
from pointwssis.models.factory import is_saved_model

STAGES = ("train_teacher", "train_mask_refine_net", "generate_pseudo_labels", "train_student")


def test_the_scripts_are_those_that_are_tested():
    prepare = {"prepare_coco", "prepare_bdd100k"}  # test_examples_prepare.py
    export = {"export_remote_code"}  # test_export_remote_code.py
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*STAGES, "evaluate", *prepare, *export}


def test_every_stage_as_a_script(shapes, tmp_path, monkeypatch, capsys, hub):
    recipe = tiny.recipe_file(tmp_path / "recipe.yaml", max_steps=1)
    out = tmp_path / "out"
    words = [str(recipe), "--data_dir", str(shapes), "--output_dir", str(out)]

    def script(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    # The first one as people start it.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / "train_teacher.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{out / 'teacher'}: {{'AP': " in done.stdout
    with pytest.raises(ValueError, match="run the stage 'refiner' first"):
        script("train_student", *words)  # out of turn
    push = ["--push_to_hub", "--hub_model_id"]
    printed = script("train_mask_refine_net", *words, *push, "tester/refiner")
    assert printed.endswith(f"{out / 'refiner'}\n{hub.url}/tester/refiner\n")
    assert f"{out / 'pseudo' / 'refined'}: {{'AP': " in script("generate_pseudo_labels", *words)
    assert f"{out / 'student_refined'}: {{'AP': " in script("train_student", *words, *push, "tester/student")
    assert [id for _, id in hub.repositories] == ["tester/refiner", "tester/student"]  # of the teacher it was not said
    assert b"huggingface.co/tester/refiner" in hub.files("tester/student")["README.md"]
    assert all(is_saved_model(out / name) for name in ("teacher", "refiner", "student_refined"))
    assert not (out / "student_point").exists()
    files = ["--annotations", str(shapes / "annotations" / "instances_val.json"), "--image_dir", str(shapes / "images")]
    table = script("evaluate", str(out / "student_refined"), *files, "--max_detections", "200")
    assert table.splitlines()[-1].startswith("ARl") and "AP@100" in table and "AP      0.00" in table
    clicks = script("evaluate", str(out / "student_refined"), *files, "--clicks", "--random_points")
    assert "class_accuracy  " in clicks and "\n  star  " in clicks and "\nauroc  " in clicks
