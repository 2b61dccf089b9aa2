# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The tables of the paper, with trainings of two steps, and their statistics with made-up results."""

import doctest
import importlib
import json
import sys
from dataclasses import replace

import pytest
from PIL import Image

from helpers import tiny
from helpers.paths import ROOT

sys.path.insert(0, str(ROOT))  # for benchmarks

from benchmarks.tables import costs, settings
from benchmarks.tables.experiment import Experiment, folder_of
from benchmarks.tables.jobs import jobs_of
from benchmarks.tables.pictures import draw_figure_6
from benchmarks.tables.published import CONTROLS, Claim, Row, all_tables
from benchmarks.tables.report import NOT_RESOLVED, Report
from benchmarks.tables.settings import EVERYTHING, PRESETS, Preset, Settings

from pointwssis.data import SHAPE_LEVELS
from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.ops.user_error import UserError
from pointwssis.planning.estimates import StageEstimate
from pointwssis.runs.recipe import Recipe
from pointwssis.visualization.curves import COLORS

TINY = Preset((0, 0), (2, 2, 2), 0.5, (0.25, 0.5), (0.5,), EVERYTHING)
# The recipe of folders, with the networks of the tests
OVERRIDES = {
    "backbone_name_or_path": "null",
    "refiner_name_or_path": "null",
    "model": str(tiny.SEGMENTER),
    "refiner_model": str(tiny.REFINER),
    "image_size": str(tiny.IMAGE_SIZE),
    "bf16": "false",
    "label_flips": "false",
    "training": "{per_device_train_batch_size: 2, warmup_steps: 1}",
    "refiner": "{per_device_train_batch_size: 4, warmup_steps: 1, max_steps: 2}",
}


@pytest.mark.parametrize("name", ["experiment", "jobs", "report", "settings"])
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(f"benchmarks.tables.{name}")).failed == 0


def test_tables_end_to_end_and_again(shapes, tmp_path, script, monkeypatch, trainings, caplog):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    words = ["--preset", "quick", "--data", str(shapes), "--output_dir", str(tmp_path)]
    words += [word for key, value in OVERRIDES.items() for word in (f"--{key}", value)]
    pictures = ["figure2", "figure4", "figure5", "figure7"]
    words += ["--tables", "2", "4", "5", *pictures]
    printed = script("reproduce_tables", *words)
    assert "no effect" not in caplog.text
    assert "## Table 2" in printed and "## Table 5" in printed and "## Table 3" not in printed
    assert all(Image.open(tmp_path / f"{name}.png").width > 300 for name in pictures)
    content = json.loads((tmp_path / "tables.json").read_text())
    assert content["seeds"] == [1] and content["steps"] == {"teacher": 2, "student": 2, "refiner": 2}
    # Every row of ours has a value of this seed, and the paper's beside it.
    for name in ("2", "4", "5"):
        rows = content["tables"][name]["rows"]
        assert all(set(row["seeds"]["AP"]) == {"1"} for row in rows), rows
    assert content["tables"]["2"]["rows"][0]["published"] == {"AP": 23.4, "AP50": 48.3, "AR100": 37.6}
    assert {claim["verdict"] for claim in content["tables"]["5"]["claims"]} == {NOT_RESOLVED}
    assert "(undertrained)" in printed

    # One teacher serves all of them; the control with as much labeling time has its own.
    assert trainings.count("teacher") == 2 and trainings.count("refiner") == 1
    assert trainings.count("student_point") == 5 and trainings.count("control") == 3
    # A second call trains nothing, and another table only what is missing.
    trainings.clear()
    words[words.index("--tables") + 1 :] = ["2", "6"]
    script("reproduce_tables", *words)
    assert trainings == ["student_refined"]


def test_the_inputs_of_the_refiner(shapes, tmp_path):
    options = Settings(str(shapes), TINY, tmp_path, OVERRIDES)
    experiment = Experiment(options, 2, 0.5)
    for job in jobs_of(["3"], TINY)[0.5]:
        experiment.measure(*job)
    results = json.loads((folder_of(tmp_path, 2, 0.5) / "measured.json").read_text())
    assert set(results["refiner_inputs"]) == {row.key for row in all_tables(TINY)["3"].rows[1:5]}
    seen = {}
    for folder in (experiment.run.folder / "refiner_inputs").iterdir():
        config = MaskRefineNetConfig.from_pretrained(folder)
        seen[folder.name] = (config.use_rough_mask, config.use_point)
    wanted = {"image": (False, False), "image_and_rough_mask": (True, False), "image_and_point": (False, True)}
    assert seen == {**wanted, "all": (True, True)}


def test_a_dry_run_adds_up(shapes, tmp_path, script, monkeypatch):
    monkeypatch.setitem(PRESETS, "quick", TINY)
    monkeypatch.setattr(costs, "CostModel", lambda recipe, data: OneMinute())
    words = ["--preset", "quick", "--data", str(shapes), "--output_dir", str(tmp_path), "--dry_run", "--tables", "5"]
    lines = script("reproduce_tables", *words, *(w for k, v in OVERRIDES.items() for w in (f"--{k}", v))).splitlines()
    assert lines[0].split() == ["50%", "masks", "teacher", "1.0", "min"]
    # Two teachers, ten students, a refiner with labels, and labels of four kinds of proposals
    assert lines[-1].split()[-2:] == [f"{2 + 10 + 1 + 1 + 1 + 4:.1f}", "min"]
    assert not (tmp_path / "seed_1").exists()


class OneMinute:
    """Costs of one minute for each part of the work."""

    def estimate(self, plan):
        return StageEstimate(60.0, 0)


# -- statistics


def results(*seeds: dict[str, float]) -> dict:
    """Return results at a fraction of 0.5 from name → AP of each seed; AP50 is twice as high."""
    named = [{name: {"AP": ap, "AP50": 2 * ap} for name, ap in values.items()} for values in seeds]
    return {seed: {0.5: values} for seed, values in enumerate(named, start=1)}


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ([0.02, 0.03], "holds"),
        ([-0.02, -0.03], "the opposite holds"),
        ([0.03, -0.01], NOT_RESOLVED),
        ([0.1], NOT_RESOLVED),
    ],
)
def test_a_gap_below_one_standard_deviation_is_not_resolved(gaps, verdict):
    report = Report(results(*({"a": 0.2 + gap, "b": 0.2} for gap in gaps)), 0.5)
    assert report.test(Claim("a > b", "a", ("b",))).verdict == verdict
    assert report.test(Claim("a > c", "a", ("c",))) is None


def test_points_are_compared_with_the_best_control():
    own = {"student_refined": 0.3, "control": 0.1, "augmented": 0.29, "same_time": 0.2}
    report = Report(results(own, {**own, "student_refined": 0.32}), 0.5)
    claim = next(one for one in all_tables(TINY)["5"].claims if one.worse == CONTROLS)
    statement = report.test(claim)
    assert statement.worse == "augmented" and list(statement.gaps.values()) == pytest.approx([1, 3])
    text = report.markdown(replace(all_tables(TINY)["5"], claims=(claim,)))
    assert "against augmented: +2.0 ± 1.4 AP (2 seeds), **holds**" in text
    assert "The upper bound was not measured" in text


@pytest.mark.parametrize(("upper_bound", "is_undertrained"), [(0.19, True), (0.21, False)])
def test_rows_of_undertrained_networks_say_so(upper_bound, is_undertrained):
    report = Report(results({"levels_finest": 0.1, "upper_bound": upper_bound}), 0.5)
    text = report.markdown(all_tables(TINY)["2"])
    assert ("P2 only (undertrained) | 23.4 / 48.3 / 37.6 | 10.0 | 20.0 |" in text) is is_undertrained


def test_seeds_that_lack_a_row_do_not_count():
    report = Report(results({"a": 0.1}, {"b": 0.2}, {"a": 0.3}), 0.5)
    assert report.values(Row("", "a"), "AP") == pytest.approx({1: 10, 3: 30})


def test_figure_6_shows_every_kind_of_label(tmp_path):
    names = ["control", "augmented", "unlabeled_0.3", "student_point", "student_refined", "upper_bound"]
    keys = dict.fromkeys(names, {"AP": 0.2})
    fractions = dict.fromkeys((0.05, 0.5), keys)
    draw_figure_6(Report({1: fractions, 2: fractions}, 0.5), (0.05, 0.5), tmp_path / "figure6.png")
    colors = {color for _, color in Image.open(tmp_path / "figure6.png").getcolors(100_000)}
    assert set(COLORS[:5]) <= colors
    # Nothing measured yet is an empty plot.
    draw_figure_6(Report({}, 0.5), (0.05, 0.5), tmp_path / "empty.png")


# -- settings


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_row_has_a_job_that_measures_it(preset):
    names = {job[0] for jobs in jobs_of(EVERYTHING, preset).values() for job in jobs}
    assert names == set(costs.WORK) and all(hasattr(Experiment, name) for name in names)


@pytest.mark.parametrize("path", sorted(settings.RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_of_the_tables_load(path):
    recipe = Recipe.load(path)
    assert recipe.backbone_name_or_path == "efficientnet-lite0" and not recipe.gate and recipe.rough_student


def test_data_of_the_tables(tmp_path):
    drawn = Settings("shapes-v1/hard", replace(TINY, images=(2, 1)), tmp_path)
    assert "level hard" in (drawn.data_folder() / "README.md").read_text()
    assert Settings("shapes-v1", TINY, tmp_path).level == "medium" and Settings("nuclei", TINY, tmp_path).level is None
    with pytest.raises(UserError, match=f"the levels of shapes-v1 are {', '.join(SHAPE_LEVELS)}"):
        Settings("shapes-v1/extreme", TINY, tmp_path)
    with pytest.raises(UserError, match="--seed: the tables set it themselves; use --data, --seeds"):
        Settings("shapes-v1", TINY, tmp_path, {"seed": "3"})
