# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion of official weights: all of them, at the right place, or a precise refusal."""

import json

import pytest
import torch

from helpers.paths import PARITY
from helpers.tiny_refiner import tiny_config
from pointwssis.conversion.mask_refine_net import (
    INPUT_WEIGHTS,
    convert_official_state_dict,
    official_config,
    ours_to_official,
)
from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement

KEYS = json.loads((PARITY / "keys_mrn_c3.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def expected():
    with torch.device("meta"):
        return MaskRefineNetForMaskRefinement(MaskRefineNetConfig(num_labels=3)).state_dict()


@pytest.fixture
def official():
    return {name: torch.empty(shape, device="meta") for name, shape in KEYS.items()}


def test_every_official_name_has_its_own_place(expected):
    official = [ours_to_official(name) for name in expected if name not in INPUT_WEIGHTS]
    assert len(set(official)) == len(official) and {*official, "layer0.0.weight"} == set(KEYS)


def test_input_weight_is_split_by_channel(expected, official):
    weight = torch.arange(8.0)[None, :, None, None].expand(64, 8, 7, 7)
    converted = convert_official_state_dict({**official, "layer0.0.weight": weight}, expected)
    prefix = "encoder.input_layer.convolution."
    assert converted[prefix + "image_weight"][0, :, 0, 0].tolist() == [0, 1, 2]
    assert converted[prefix + "point_weight"][:, 0, 0, 0].tolist() == [3, 4, 5, 6]
    assert converted[prefix + "mask_weight"][0, :, 0, 0].tolist() == [7]


def test_refuses_with_a_precise_list(expected, official):
    del official["head.bias"]
    official["aspp.project.0.weight"] = torch.empty(512, 2048, 1, 1)
    official["decoder_4.conv.0.0.weight"] = torch.empty(1)
    official["layer1.1.7.conv1.weight"] = torch.empty(1)
    with pytest.raises(ValueError) as error:
        convert_official_state_dict(official, expected)
    assert str(error.value) == (
        "these weights are not those of this MaskRefineNet (1 missing: head.bias; "
        "2 unexpected: decoder_4.conv.0.0.weight, layer1.1.7.conv1.weight; "
        "1 misshapen: aspp.project.0.weight (512, 2048, 1, 1) instead of (512, 2560, 1, 1))"
    )


def test_refuses_another_number_of_classes(official):
    with torch.device("meta"):
        expected = MaskRefineNetForMaskRefinement(MaskRefineNetConfig(num_labels=4)).state_dict()
    message = r"1 misshapen: layer0.0.weight \(64, 8, 7, 7\) instead of \(64, 9, 7, 7\)"
    with pytest.raises(ValueError, match=message):
        convert_official_state_dict(official, expected)


@pytest.mark.parametrize("shape", [(64, 3, 7, 7), (64,)])
def test_refuses_an_input_weight_without_prompts(expected, official, shape):
    official["layer0.0.weight"] = torch.empty(shape)
    with pytest.raises(ValueError, match="1 misshapen: layer0.0.weight"):
        convert_official_state_dict(official, expected)
    with pytest.raises(ValueError, match="layer0.0.weight has the shape"):
        official_config(official)


def test_refuses_an_empty_state_dict(expected):
    with pytest.raises(ValueError, match=f"{len(KEYS)} missing"):
        convert_official_state_dict({}, expected)


def test_shallow_names_convert_too():
    """Basic blocks (ResNet-18) have two convolutions per block, under the same official names."""
    ours = "encoder.backbone.encoder.stages.1.layers.0.shortcut.normalization.running_var"
    names = MaskRefineNetForMaskRefinement(tiny_config()).state_dict()
    assert ours in names and ours_to_official(ours) == "layer2.0.downsample.1.running_var"
    official = {ours_to_official(name) for name in names if name not in INPUT_WEIGHTS}
    assert "layer1.1.0.conv2.weight" in official and "layer1.1.0.conv3.weight" not in official


def test_the_official_configuration_is_our_default(official):
    config, default = official_config(official), MaskRefineNetConfig(num_labels=3)
    assert config.backbone_config.to_dict() == default.backbone_config.to_dict()
    assert (config.aspp_channels, config.decoder_channels) == (512, [256, 128, 64, 64])
    sizes = {"aspp_channels": None, "decoder_channels": None}  # which the default derives
    ours, theirs = (one.to_dict() | sizes for one in (default, config))
    assert ours == theirs


@pytest.mark.parametrize("name", ["decoder.lateral.0.weight", "encoder.backbone.embedder.x", "classifier.weight"])
def test_other_architectures_have_no_official_names(name):
    with pytest.raises(ValueError, match=f"no counterpart of {name}"):
        ours_to_official(name)
