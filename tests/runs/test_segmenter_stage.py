# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Starting points of training runs."""

import numpy as np
import pytest
from transformers import AutoImageProcessor, SwinConfig

from helpers import tiny
from pointwssis.data import dataset_from_rows
from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.models.mask_refine_net.named_mask_refine_net import find_refiner
from pointwssis.ops.user_error import UserError
from pointwssis.pseudo_labeling import mask_refine_net_refiner
from pointwssis.runs.refiner_stage import train_refiner
from pointwssis.runs.run import Run
from pointwssis.runs.segmenter_stage import SegmenterTraining, starting_segmenter, train_segmenter


def test_where_background_comes_from_is_decided_for_each_training(tmp_path):
    whole = tiny.shapes(2)
    unfinished = dataset_from_rows([{**row, "complete": False} for row in whole], tiny.NAMES)
    recipe = tiny.recipe(tmp_path)
    model, processor = starting_segmenter(recipe, unfinished, tiny.SEGMENTER, None)
    assert model.config.background_threshold == 0.1
    for part in (model, processor):
        part.save_pretrained(tmp_path / "teacher")
    # A student that has complete images does not keep what its teacher needed, unless the recipe says so.
    for rows, own, expected in ((whole, {}, 0.0), (unfinished, {}, 0.1), (whole, {"background_threshold": 0.3}, 0.3)):
        student, _ = starting_segmenter(recipe, rows, {**tiny.SEGMENTER, **own}, str(tmp_path / "teacher"))
        assert student.config.background_threshold == expected


def test_intermediate_weights_are_averaged_ones(tmp_path):
    saved, rows = {}, tiny.shapes(4)
    for decay in (0.0, 0.9):
        folder = tmp_path / str(decay)
        made = tiny.recipe(folder, training={**tiny.recipe_values()["training"], "average_weights": decay})
        folders = {1 / 3: folder / "early", 1.0: folder / "late"}
        training = SegmenterTraining("teacher", rows, tiny.SEGMENTER, {}, intermediate_folders=folders)
        train_segmenter(made, training, None)
        assert tiny.same_weights(tiny.state_of(folder / "late"), tiny.state_of(folder / "teacher"))
        saved[decay] = tiny.state_of(folder / "early")
    # After the first step, the average holds 9/10 of its weights.
    assert not tiny.same_weights(saved[0.0], saved[0.9])
    assert (folder / "early" / "preprocessor_config.json").is_file()


def test_a_refiner_that_starts_from_the_general_one_keeps_its_network_and_learns_from_perturbed_masks(tmp_path):
    # Objects without a rough mask suffice, because every rough mask is perturbed.
    refiner = {"max_steps": 2, "per_device_train_batch_size": 2, "perturb": 1.0, "point_jitter": 0.1}
    recipe = tiny.recipe(tmp_path, refiner_name_or_path="general", refiner=refiner, refiner_model={})
    train_refiner(recipe, tiny.shapes(2), tmp_path / "refiner", recipe.refiner_name_or_path)
    trained = MaskRefineNetConfig.from_pretrained(tmp_path / "refiner")
    general = MaskRefineNetConfig.from_pretrained(find_refiner("general"))
    assert not trained.class_conditional and trained.crop_size == general.crop_size
    assert list(trained.id2label.values()) == tiny.NAMES


@pytest.mark.parametrize("start", ["general", None])
@pytest.mark.parametrize("crop_size", [96, 128])
def test_refiners_of_larger_crops(tmp_path, start, crop_size):
    refiner = {"max_steps": 1, "per_device_train_batch_size": 2, "perturb": 1.0}
    fields = {**tiny.REFINER, "crop_size": crop_size, "box_scale": 1.5}
    recipe = tiny.recipe(tmp_path, refiner=refiner, refiner_model=fields)
    train_refiner(recipe, tiny.shapes(2), tmp_path / "refiner", start)
    trained = MaskRefineNetConfig.from_pretrained(tmp_path / "refiner")
    assert (trained.crop_size, trained.box_scale) == (crop_size, 1.5)
    # The architecture of the general refiner stays.
    assert trained.backbone_config.model_type == {"general": "efficientnet_lite", None: "resnet"}[start]
    processor = AutoImageProcessor.from_pretrained(tmp_path / "refiner")
    assert processor.size["height"] == processor.size["width"] == crop_size and processor.box_scale == 1.5
    rough = np.zeros((1, 64, 64), bool)
    rough[0, 20:40, 10:30] = True
    refined = mask_refine_net_refiner(tmp_path / "refiner")(tiny.picture(), rough, [(20.0, 30.0)], tiny.NAMES[:1])
    assert refined.shape == (1, 64, 64)


def test_a_refiner_whose_network_takes_one_crop_size_is_refused_before_anything_is_trained(shapes, tmp_path):
    # Its position embeddings belong to one size.
    backbone = SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1] * 4,
        num_heads=[1] * 4,
        window_size=2,
        use_absolute_embeddings=True,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    fixed = tiny.saved_refiner(tmp_path / "fixed", backbone_config=backbone, crop_size=64)
    options = {"data_dir": str(shapes), "refiner_name_or_path": fixed}
    assert Run(tiny.recipe(tmp_path / "same", refiner_model={"crop_size": 64}, **options)).plan.steps()
    with pytest.raises(UserError, match=r"refiner_model.crop_size is 96, but the refiner .* only crops of 64 pixels"):
        Run(tiny.recipe(tmp_path / "other", refiner_model={"crop_size": 96}, **options))
    with pytest.raises(UserError, match="crop_size must be at least 33"):
        Run(tiny.recipe(tmp_path / "small", refiner_model={"crop_size": 20}, **options))
