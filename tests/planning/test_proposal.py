# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A proposed recipe loads, runs, and says why it is what it is."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from datasets import concatenate_datasets

from helpers import tiny
from helpers.hand_made import facts, rle, row
from pointwssis.data import load_coco_folder, make_object, split_supervision, to_coco, write_shapes_coco
from pointwssis.models.solov2.configuration_solov2 import SOLOv2Config
from pointwssis.planning import network, speed
from pointwssis.planning.data_facts import facts_of
from pointwssis.planning.proposal import Proposal, affordable_side, crowded_shares, propose
from pointwssis.planning.settings import Setting, recipe_from, recipe_text
from pointwssis.planning.sizing import FINEST_GRIDS, InputSize
from pointwssis.runs.data import RunData, load_data
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch):
    """Plan for a CPU on every machine."""
    monkeypatch.setattr(network, "has_gpu", lambda: False)


def proposed(base: Recipe, seconds: float = 0.5, minutes: float = 60) -> Proposal:
    """Propose for a machine whose steps take time by the pixel, some seconds at 256."""

    def step(recipe, rows):
        return seconds * (recipe.image_size["longest_edge"] / 256) ** 2

    return propose(base, load_data(base), minutes, 0, step, lambda recipe, rows: seconds)


def shapes_with_points(folder: Path, path: Path, **options) -> Recipe:
    """Write a file in which a third of the drawn images have masks and the others points."""
    split = split_supervision(load_coco_folder(folder)["train"], 0.3)
    path.write_text(json.dumps(to_coco(concatenate_datasets([split["full"], split["point"]]))))
    named = {"train_annotations": str(path), "image_dir": str(folder / "images"), "labeled_fraction": None}
    return Recipe(**named, **options)


def test_the_text_is_the_recipe(shapes, tmp_path):
    made = proposed(Recipe(data_dir=str(shapes), labeled_fraction=None, output_dir="outputs/mine", seed=4))
    path = tmp_path / "mine.yaml"
    path.write_text(made.text, encoding="utf-8")
    recipe = Recipe.load(path)
    assert recipe == made.recipe
    assert (recipe.data_dir, recipe.output_dir, recipe.seed) == (str(shapes), "outputs/mine", 4)
    assert recipe.labeled_fraction is None  # of 8 images none is to spare
    assert recipe.student_name_or_path == "teacher" and recipe.max_detections == 100
    SOLOv2Config(**recipe.model)
    for section in ("model", "training", "teacher", "student", "refiner"):
        assert made.text.count(f"\n{section}:\n") == 1


def test_every_choice_has_its_reason(shapes):
    text = proposed(Recipe(data_dir=str(shapes), labeled_fraction=None)).text
    lines = text.splitlines()
    for key in (
        "image_size", "pad_size", "augmentation", "max_detections", "labeled_fraction", "full_repeats",
        "refiner_name_or_path", "  num_grids", "  scale_ranges", "  backbone_config", "  max_steps",
    ):  # fmt: skip
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
        assert lines[at - 1].lstrip().startswith("# "), key
    assert lines[0].startswith("# 8 images with masks and 0 with points, on a CPU with ")
    assert max(len(line) for line in lines if line.lstrip().startswith("#")) <= 120


def test_a_given_backbone_is_kept_and_the_rest_fits_it(shapes, tmp_path, monkeypatch):
    named = Recipe(data_dir=str(shapes), labeled_fraction=0.5, backbone_name_or_path="efficientnet-lite0")
    recipe = proposed(named, minutes=35).recipe
    assert recipe.backbone_name_or_path == "efficientnet-lite0" and "backbone_config" not in recipe.model
    assert recipe.model["freeze_backbone_stages"] == 3 and recipe.model["fpn_channels"] == 96
    assert recipe.training["backbone_learning_rate_factor"] == 0.2
    assert recipe.refiner["max_steps"] >= 100 and recipe.student_name_or_path == "teacher"
    assert recipe.label_rounds == 2 and recipe.augmentation["copy_paste"] == 0.5
    # Models to start from are kept too; without one, the refiner starts from the one of the package.
    assert recipe.refiner_name_or_path == "general" and recipe.teacher_name_or_path is None
    other = proposed(Recipe(data_dir=str(shapes), teacher_name_or_path="a/b", refiner_name_or_path="c/d")).recipe
    assert (other.teacher_name_or_path, other.refiner_name_or_path) == ("a/b", "c/d")
    assert other.label_rounds == 1 and "copy_paste" not in other.augmentation  # without a pretrained backbone


def test_a_busy_machine_is_named(shapes, monkeypatch):
    base = Recipe(data_dir=str(shapes), labeled_fraction=None)
    monkeypatch.setattr("os.getloadavg", lambda: (9.0, 9.0, 9.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert "# Other programs were running (load 9 on 2 cores)" in proposed(base).text
    monkeypatch.setattr("os.getloadavg", lambda: (2.0, 9.0, 9.0))
    assert "Other programs" not in proposed(base).text


def test_supervision_of_the_files_stays(shapes, tmp_path):
    base = shapes_with_points(shapes, tmp_path / "train.json")
    recipe = proposed(base).recipe
    assert recipe.labeled_fraction is None and recipe.train_annotations == base.train_annotations
    assert recipe.full_repeats == 3 and recipe.training["per_device_train_batch_size"] == 2  # of 2 full images
    large = concatenate_datasets([load_coco_folder(shapes)["train"]] * 5)
    large = large.remove_columns("image_id").add_column("image_id", list(range(40)), feature=large.features["image_id"])
    loaded = RunData(large, large, large.select([]), large.select([]), large.select([]), None)
    hidden = propose(Recipe(labeled_fraction=None), loaded, 60, 3, lambda recipe, rows: 1.0, lambda recipe, rows: 1.0)
    assert hidden.recipe.labeled_fraction == 0.2 and "the masks of 80% of the images are hidden" in hidden.text
    assert "3 images with more than 8 bits" in hidden.text.replace("\n#", "")
    asked = Recipe(data_dir=str(shapes), labeled_fraction=0.5)
    assert proposed(asked).recipe.labeled_fraction == 0.5 and "as requested; 4 images" in proposed(asked).text


def test_it_runs(shapes, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "_SMALL_RESNET", tiny.RESNET)
    monkeypatch.setattr(network, "_NARROW", dict.fromkeys(network._NARROW, 16) | {"num_instance_convs": 1})
    base = shapes_with_points(shapes, tmp_path / "train.json", output_dir=str(tmp_path / "out"))
    recipe = proposed(base).recipe
    recipe.max_steps = 1
    results = Run(recipe).run()
    assert results["pseudo_labels"]["refined"]["points"] > 0
    assert (tmp_path / "out" / "student_refined" / "model.safetensors").is_file()


def test_slow_machines_get_small_inputs_and_long_runs_large_ones(tmp_path):
    folder = write_shapes_coco(tmp_path, 4, 1, (160, 160), seed=3)
    base = Recipe(data_dir=str(folder), labeled_fraction=None)
    fast, slow = proposed(base, seconds=0.01), proposed(base, seconds=4.0, minutes=12)
    assert fast.recipe.image_size["longest_edge"] > slow.recipe.image_size["longest_edge"]
    assert "too short for 100 steps of the teacher" in slow.text.replace("\n#", "") and "too short" not in fast.text
    assert fast.seconds <= 3600 and 0.8 * 12 * 60 < slow.seconds <= 12 * 60
    hopeless = proposed(base, seconds=400)
    assert "more than the 60 minutes requested" in hopeless.text.replace("\n#", "")
    assert "This is short: 100 steps require --minutes" in hopeless.text.replace("\n  #", "")


@pytest.mark.parametrize(
    ("seconds_at_256", "side", "measured"),
    [(0.5, 512, [256, 512]), (3.0, 320, [256, 320]), (5.2, 256, [256]), (9.0, 192, [256]), (90.0, 160, [256])],
)
def test_the_largest_input_with_enough_steps(seconds_at_256, side, measured):
    data, asked = facts(box=(13, 13), full=53, point=479), []

    def seconds_at(side):
        asked.append(side)
        return seconds_at_256 * (side / 256) ** 2

    chosen, seconds, reason = affordable_side(data, 512, 265, 8, 400, seconds_at)
    assert (chosen, asked) == (side, measured)
    assert seconds == pytest.approx(seconds_at_256 * (side / 256) ** 2)
    assert bool(reason) == (side < 512)


def test_inputs_smaller_than_the_first_that_is_measured():
    asked = []
    found = affordable_side(facts(box=(60, 60)), 128, 60, 8, 400, lambda side: asked.append(side) or 0.1)
    assert found == (128, 0.1, "")
    assert asked == [128]


def test_facts(make):
    def masked(x, y, width, height):
        return make_object(0, 0, segmentation=rle(x, y, width, height), point=[x, y])

    crowd = make_object(0, 0, segmentation=rle(0, 0, 9, 9), iscrowd=True)
    box = make_object(0, 1, bbox=[1.0, 1.0, 7.0, 3.0], point=[3.0, 3.0])
    click = make_object(0, 1, point=[3.0, 3.0])
    full, point = make(row(1, masked(2, 2, 5, 6), crowd), row(2)), make(row(3, box, click))
    train = concatenate_datasets([full, point])
    validation = make(row(4, click, click, click, click))
    found = facts_of(RunData(train, full, point, make(), make(), validation))
    assert found.image_sizes.tolist() == [[40, 30]] * 3 and found.boxes.tolist() == [[5, 6], [7, 3]]
    assert found.box_images.tolist() == [0, 2] and found.objects_per_image.tolist() == [1, 0, 2]
    assert (found.most_objects, found.full, found.point, found.masks) == (4, 2, 1, 1)
    assert not found.ground_truth_is_known
    with pytest.raises(ValueError, match="draw the masks of a few images first"):
        facts_of(RunData(validation, make(), validation, make(), make(), None))


def test_crowded_cells_of_each_grid(make):
    clicks = [make_object(0, 0, point=[x, 10.0]) for x in (10.2, 10.3, 20.0, 21.5)]
    shares = crowded_shares(make(row(1, *clicks)), InputSize(256, 256, True))
    assert list(shares) == list(FINEST_GRIDS) and shares[24] >= shares[80] == 0.5


def test_nothing_to_learn_from(make, shapes):
    box = make(row(1, make_object(0, 1, bbox=[1.0, 1.0, 7.0, 3.0], point=[3.0, 3.0])))
    with pytest.raises(ValueError, match="no image has a mask to learn from"):
        propose(Recipe(labeled_fraction=None), RunData(box, make(), box, make(), make(), None))
    with pytest.raises(ValueError, match="minutes is 0"):
        propose(Recipe(labeled_fraction=None), RunData(box, make(), box, make(), make(), None), 0)


def test_settings_as_text():
    settings = [
        Setting("model.scale_ranges", [[1, 2], [2, 4]], "why " * 60),
        Setting("seed", 3),
        Setting("pad_size", None),
    ]
    text = recipe_text(settings, ["head"])
    assert text.startswith("# head\nseed: 3\npad_size: null\nmodel:\n  # why why")
    assert text.endswith("  scale_ranges: [[1, 2], [2, 4]]\n") and max(map(len, text.splitlines())) <= 118
    assert recipe_from(settings).model == {"scale_ranges": [[1, 2], [2, 4]]}
    path = recipe_text([Setting("data_dir", "C: #1, 'ü'")])
    assert yaml.safe_load(path) == {"data_dir": "C: #1, 'ü'"}


# -- the measurement itself


def test_steps_are_measured(shapes, tmp_path):
    rows = speed.some_rows(load_coco_folder(shapes)["train"])
    recipe = tiny.recipe(tmp_path)
    recipe.refiner["per_device_train_batch_size"] = 2
    assert 0 < speed.segmenter_seconds(recipe, rows) < 60
    assert 0 < speed.refiner_seconds(recipe, rows) < 60
    recipe.image_size = {"shortest_edge": 64}  # the longest edge has no limit
    assert 0 < speed.segmenter_seconds(recipe, rows) < 60


def test_the_fastest_step_counts_and_the_first_one_does_not(monkeypatch, tmp_path):
    times = iter([0, 100, 107, 110, 115, 999])
    monkeypatch.setattr(speed, "_take_step", lambda *arguments: None)
    monkeypatch.setattr(speed, "_chosen_compute", lambda *arguments: (torch.float32, 1))
    monkeypatch.setattr(speed.time, "monotonic", lambda: next(times))
    assert speed._fastest_step(tiny.segmenter()[0], tiny.recipe(tmp_path), iter(range(9))) == 7  # over time: one step


def test_rows_to_measure_with_have_masks(make):
    rows = make(
        row(1), row(2, make_object(0, 0, segmentation=rle(1, 1, 5, 5))), row(3, make_object(0, 0, point=[1.0, 1.0]))
    )
    assert speed.some_rows(rows)["image_id"] == [2]
    assert len(speed.some_rows(concatenate_datasets([rows] * 30), count=4)) == 4
