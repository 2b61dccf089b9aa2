# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import re

import pytest
import torch

from helpers.official_solov2 import GRIDS_AND_RANGES, R50, TINY, official_shapes, our_names
from pointwssis.conversion.solov2 import convert_official_state_dict
from pointwssis.models.solov2.configuration_solov2 import SOLOv2Config
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

RESNET_50 = official_shapes("solov2_r50", 80)
# ResNet-101 has 23 blocks in res4 where ResNet-50 has 6; the last 17 look like the second.
RESNET_101 = RESNET_50 | {
    name.replace("res4.1.", f"res4.{block}."): shape
    for name, shape in RESNET_50.items()
    if ".res4.1." in name
    for block in range(6, 23)
}
CASES = {
    "resnet-50": (RESNET_50, {**R50, "num_labels": 80}),
    "resnet-101": (RESNET_101, {"num_labels": 80}),
    "resnet-101 teacher": (RESNET_101, {"num_labels": 80, **GRIDS_AND_RANGES["teacher"]}),
    "narrow resnet-18": (official_shapes("solov2_tiny_r18", 3), TINY),
}


def expected_weights(name: str) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return SOLOv2ForInstanceSegmentation(SOLOv2Config(**CASES[name][1])).state_dict()


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_official_weight_has_one_place_in_our_model(name):
    shapes, expected = CASES[name][0], expected_weights(name)
    converted = convert_official_state_dict({k: torch.empty(s, device="meta") for k, s in shapes.items()}, expected)
    assert {key: value.shape for key, value in converted.items()} == {key: v.shape for key, v in expected.items()}
    counters = [key for key in converted if key.endswith("num_batches_tracked")]
    assert len(shapes) == len(converted) - len(counters)


NAMES = {
    "backbone.bottom_up.stem.conv1.weight": "model.backbone.embedder.embedder.convolution.weight",
    "backbone.bottom_up.res4.1.conv2.norm.running_var": (
        "model.backbone.encoder.stages.2.layers.1.layer.1.normalization.running_var"
    ),
    "backbone.bottom_up.res3.0.shortcut.norm.bias": (
        "model.backbone.encoder.stages.1.layers.0.shortcut.normalization.bias"
    ),
    "backbone.fpn_lateral2.weight": "model.feature_pyramid.lateral.0.weight",
    "backbone.fpn_output5.bias": "model.feature_pyramid.output.3.bias",
    "ins_head.cate_tower.4.bias": "model.instance_head.class_tower.1.norm.bias",
    "ins_head.kernel_tower.9.weight": "model.instance_head.kernel_tower.3.convolution.weight",
    "ins_head.cate_pred.bias": "model.instance_head.class_head.bias",
    "mask_head.convs_all_levels.3.conv2.0.weight": "model.mask_feature_head.levels.3.2.convolution.weight",
    "mask_head.conv_pred.1.weight": "model.mask_feature_head.output.norm.weight",
}


def test_weights_arrive_at_their_place():
    shapes, config = CASES["narrow resnet-18"]
    names = our_names(shapes, SOLOv2ForInstanceSegmentation(SOLOv2Config(**config)).state_dict())
    assert len(names) == len(shapes) == len(set(names.values()))
    assert {official: names[official] for official in NAMES} == NAMES


def test_weights_of_another_model_are_named():
    shapes, _ = CASES["narrow resnet-18"]
    weights = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    del weights["ins_head.cate_pred.bias"]
    weights["roi_heads.box.weight"] = torch.empty(1, device="meta")
    weights["backbone.bottom_up.res2.7.conv1.weight"] = torch.empty(1, device="meta")
    weights["backbone.fpn_output3.bias"] = torch.empty(7, device="meta")
    with pytest.raises(ValueError) as error:
        convert_official_state_dict(weights, expected_weights("narrow resnet-18"))
    for message in (r"1 missing: \S+", r"2 unexpected: .*roi_heads\.box\.weight", r"1 misshapen: .*\(7,\).*\(64,\)"):
        assert re.search(message, str(error.value))
