# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from helpers import tiny
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.ops.user_error import UserError
from pointwssis.ops.whole_files import write_json
from pointwssis.runs import compute, segmenter_stage
from pointwssis.runs.compute import SPEED_FILE, compute_settings
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.refiner_stage import train_refiner
from pointwssis.training import compute_settings as measuring
from pointwssis.training.compute_settings import ComputeSettings

ALL_TORCH = ComputeSettings(False, False, torch.get_num_threads())


def chosen(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, steps: int = 1000, default_bf16: bool = False, **arguments
) -> ComputeSettings:
    """Return the settings of a training on a machine where each candidate is faster than the one before."""
    monkeypatch.setattr(compute, "best_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(
        compute, "fastest_settings", lambda model, batch, choices: (choices[-1], dict.fromkeys(choices, 1.0))
    )
    monkeypatch.setattr(measuring, "computes_in_bf16", lambda device: True)
    args = SimpleNamespace(bf16=default_bf16, max_steps=steps, world_size=1)
    return compute_settings(recipe, "segmenter", [arguments], args, torch.nn.Identity(), SimpleNamespace(batch=dict))


def test_the_choice_is_printed_and_kept_with_the_run(tmp_path, monkeypatch, capsys):
    recipe = tiny.recipe(tmp_path, bf16=None)
    assert chosen(recipe, monkeypatch) == ComputeSettings(True, False, 1)
    assert "segmenter: bfloat16, channels first, 1 thread; 1.00 s per 4 samples" in capsys.readouterr().out
    # A resumed run takes the choice from the folder; what the recipe fixes goes first.
    kept = {"bf16": False, "channels_last": True, "threads": 1}
    write_json(tmp_path / SPEED_FILE, {"segmenter": kept})
    assert chosen(recipe, monkeypatch) == ComputeSettings(**kept)
    assert chosen(tiny.recipe(tmp_path, bf16=True, threads=3), monkeypatch) == ComputeSettings(True, False, 3)
    assert capsys.readouterr().out == ""


def test_a_recipe_fixes_settings_and_short_trainings_measure_nothing(tmp_path, monkeypatch):
    recipe = tiny.recipe(tmp_path, bf16=None, channels_last=False)
    assert chosen(recipe, monkeypatch, steps=20) == ALL_TORCH and not (tmp_path / SPEED_FILE).exists()
    assert chosen(recipe, monkeypatch, bf16=False) == ComputeSettings(False, False, 1)
    with pytest.raises(UserError, match="threads is 0; it must be an integer from 1 to 1,024"):
        tiny.recipe(tmp_path, threads=0)


def test_bfloat16_never_meets_channels_last(tmp_path, monkeypatch):
    """Such a training may crash on a CPU."""
    recipe = tiny.recipe(tmp_path, bf16=None, channels_last=True)
    assert chosen(recipe, monkeypatch, steps=20, default_bf16=True) == replace(ALL_TORCH, channels_last=True)
    # A run that has trained in bfloat16 before its recipe asked for the channels last measures again.
    write_json(tmp_path / SPEED_FILE, {"segmenter": {"bf16": True, "channels_last": False, "threads": 2}})
    assert chosen(recipe, monkeypatch) == ComputeSettings(False, True, 1)


def test_a_refiner_is_measured_and_trained_with_channels_last(tmp_path, monkeypatch, capsys):
    """Nothing is replaced here but the limit of short trainings and the candidates."""
    monkeypatch.setattr(compute, "MIN_STEPS", 1)
    monkeypatch.setattr(compute, "candidates", lambda **fixed: [ComputeSettings(False, True, n) for n in (1, 2)])
    rows = tiny.shapes()
    rough = [[{**item, "rough_segmentation": item["segmentation"]} for item in objects] for objects in rows["objects"]]
    rows = rows.remove_columns("objects").add_column("objects", rough, feature=rows.features["objects"])
    folder = tmp_path / "refiner"
    train_refiner(tiny.recipe(tmp_path), rows, folder)
    assert "  refiner: float32, channels last" in capsys.readouterr().out
    assert json.loads((tmp_path / SPEED_FILE).read_text())["refiner"]["channels_last"]
    assert MaskRefineNetForMaskRefinement.from_pretrained(folder) is not None


def test_a_segmenter_trains_alike_in_both_memory_formats(tmp_path):
    losses = []
    for channels_last in (False, True):
        recipe = tiny.recipe(tmp_path / str(channels_last), channels_last=channels_last, threads=1)
        (tmp_path / str(channels_last)).mkdir()
        training = segmenter_stage.SegmenterTraining("teacher", tiny.shapes(), recipe.model, {})
        segmenter_stage.train_segmenter(recipe, training, None)
        log = json.loads((tmp_path / str(channels_last) / "teacher" / "training_log.json").read_text())
        losses.append([entry["loss"] for entry in log if "loss" in entry])
    assert len(losses[0]) == 3 and losses[1] == pytest.approx(losses[0], rel=1e-3)
