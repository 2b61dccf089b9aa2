# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The output folder of a run is not a model: one line says which of its models to give."""

import json
from importlib.util import find_spec

import pytest

from helpers import tiny
from pointwssis.cli.main import main
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.ops.user_error import UserError
from pointwssis.runs.run import Run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "out"
    for name in ("teacher", "student_refined"):
        tiny.saved_segmenter(folder / name)
    tiny.saved(folder / "refiner", tiny.refiner())
    tiny.recipe(folder).save(folder / "recipe.yaml")
    (folder / "results.json").write_text(json.dumps({"shipped": "student_refined"}))
    return folder


def test_commands_name_the_model_that_ships(run_folder, tmp_path, capsys):
    tiny.picture().save(tmp_path / "a.png")
    given, image = str(run_folder), str(tmp_path / "a.png")
    out = str(tmp_path / "p")
    commands = [["predict", given, image, "--output_dir", out]]
    # The absence of an optional package would be the first error.
    if find_spec("onnx") is not None:
        commands.append(["onnx", given, out])
    if find_spec("gradio") is not None:
        commands.append(["app", given, image, "--output_dir", out])
    for words in commands:
        assert main(words) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.endswith(
            f"{given}: this is the output folder of a run, not a model; give {given}/student_refined"
        ), error
        assert not (tmp_path / "p").exists()


def test_models_in_python(run_folder, tmp_path):
    with pytest.raises(OSError, match=f"not a model; give {run_folder}/student_refined$"):
        SOLOv2ForInstanceSegmentation.from_pretrained(run_folder)
    with pytest.raises(OSError, match=f"not a model; give {run_folder}/refiner$"):
        MaskRefineNetForMaskRefinement.from_pretrained(run_folder)
    # A run that has not ended, or whose results are damaged, ships nothing yet.
    other = tmp_path / "other"
    tiny.recipe(other).save(tmp_path / "recipe.yaml")
    other.mkdir()
    (tmp_path / "recipe.yaml").rename(other / "recipe.yaml")
    with pytest.raises(UserError, match="holds no SOLOv2 yet; finish it first"):
        SOLOv2ForInstanceSegmentation.from_pretrained(other)
    tiny.saved_segmenter(other / "teacher")
    (other / "results.json").write_text("[")
    with pytest.raises(UserError, match=f"give {other}/teacher$"):
        SOLOv2ForInstanceSegmentation.from_pretrained(other)


def test_models_that_a_recipe_names_are_checked_before_the_first_stage(run_folder, tmp_path):
    data = str(tiny.shapes_folder(tmp_path / "data", num_train=6, num_val=2))
    for key in ("model_name_or_path", "teacher_name_or_path", "student_name_or_path"):
        for name, part in (
            (str(run_folder), "give .*/student_refined"),
            (str(tmp_path / "nowhere"), "no such folder"),
            *([(str(run_folder / "refiner"), "a mask_refine_net model; expected a SOLOv2")] * (key[0] != "m")),
        ):
            with pytest.raises(UserError, match=f"^{key} is .*{part}"):
                Run(tiny.recipe(tmp_path / "run", data_dir=data, **{key: name}))
    with pytest.raises(UserError, match=r"^refiner_name_or_path is .*give .*/refiner$"):
        Run(tiny.recipe(tmp_path / "run", data_dir=data, refiner_name_or_path=str(run_folder)))
    assert not (tmp_path / "run").exists()
