# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion of official weights: all of them, at the right place, or a precise refusal."""

import json
from pathlib import Path

import pytest
import torch
from transformers import ResNetConfig

from pointwssis.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.mask_refine_net.convert_mask_refine_net import convert_official_state_dict, official_to_ours
from pointwssis.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement

KEYS = json.loads((Path(__file__).parents[1] / "parity" / "keys_mrn_c3.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def expected():
    with torch.device("meta"):
        return MaskRefineNetForMaskRefinement(MaskRefineNetConfig(num_labels=3)).state_dict()


@pytest.fixture
def official():
    return {name: torch.empty(shape, device="meta") for name, shape in KEYS.items()}


def test_every_official_name_has_its_own_place(expected):
    ours = [official_to_ours(name) for name in KEYS if name != "layer0.0.weight"]
    assert None not in ours and len(set(ours)) == len(ours)
    assert set(ours) == {name for name in expected if ".input_layer.convolution." not in name}


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
    message = str(error.value)
    assert "1 missing: head.bias" in message
    assert "2 unexpected: decoder_4.conv.0.0.weight, encoder.backbone.encoder.stages.0.layers.7.layer.0" in message
    assert (
        "1 misshapen: decoder.aspp.project.convolution.weight (512, 2048, 1, 1) instead of (512, 2560, 1, 1)" in message
    )


def test_refuses_another_number_of_classes(official):
    with torch.device("meta"):
        expected = MaskRefineNetForMaskRefinement(MaskRefineNetConfig(num_labels=4)).state_dict()
    with pytest.raises(ValueError, match=r"1 misshapen: encoder.input_layer.convolution.point_weight \(4, 64, 7, 7\)"):
        convert_official_state_dict(official, expected)


@pytest.mark.parametrize("shape", [(64, 3, 7, 7), (64,)])
def test_refuses_an_input_weight_without_prompts(expected, official, shape):
    with pytest.raises(ValueError, match="layer0.0.weight has the shape"):
        convert_official_state_dict({**official, "layer0.0.weight": torch.empty(shape)}, expected)


def test_refuses_an_empty_state_dict(expected):
    with pytest.raises(ValueError, match=f"{len(expected)} missing"):
        convert_official_state_dict({}, expected)


def test_shallow_names_convert_too(make_config):
    """Basic blocks (ResNet-18) have two convolutions a block, under the same official names."""
    assert official_to_ours("layer2.0.downsample.1.running_var") == (
        "encoder.backbone.encoder.stages.1.layers.0.shortcut.normalization.running_var"
    )
    names = MaskRefineNetForMaskRefinement(make_config()).state_dict()
    assert official_to_ours("layer1.1.0.conv2.weight") in names
    assert isinstance(make_config().backbone_config, ResNetConfig)


@pytest.mark.parametrize(
    "name", ["layer5.0.conv1.weight", "layer1.0.conv1.weight", "fc.weight", "layer2.0.relu.x", "head.weight.x"]
)
def test_foreign_names_are_unknown(name):
    assert official_to_ours(name) is None
