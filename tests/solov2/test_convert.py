# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
import re

import pytest
import torch

from conftest import PARITY
from pointwssis.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from pointwssis.solov2.convert_solov2 import convert_official_state_dict, official_to_ours
from pointwssis.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from solov2.official import R50, TINY

OFFICIAL = {
    name: json.loads((PARITY / f"keys_solov2_{name}.json").read_text()) for name in ("r50", "tiny_r18")
}  # names and shapes
# ResNet-101 has 23 blocks in res4 where ResNet-50 has 6; the last 17 look like the second.
OFFICIAL["r101"] = OFFICIAL["r50"] | {
    name.replace("res4.1.", f"res4.{block}."): shape
    for name, shape in OFFICIAL["r50"].items()
    if ".res4.1." in name
    for block in range(6, 23)
}
CONFIGS = {
    "r50": {**R50, "num_labels": 80},
    "r101": {"num_labels": 80},
    "r101 teacher": {"num_labels": 80, "num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES},
    "tiny_r18": TINY,
}


def expected_weights(name: str) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return SOLOv2ForInstanceSegmentation(SOLOv2Config(**CONFIGS[name])).state_dict()


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_official_weight_has_one_place_in_our_model(name):
    weights = {key: torch.empty(shape, device="meta") for key, shape in OFFICIAL[name.split()[0]].items()}
    expected = expected_weights(name)
    converted = convert_official_state_dict(weights, expected)
    assert set(converted) == set(expected)
    assert all(converted[key].shape == value.shape for key, value in expected.items())
    counters = [key for key in converted if key.endswith("num_batches_tracked")]
    assert len(weights) == len(converted) - len(counters)
    assert len({official_to_ours(key) for key in weights}) == len(weights)


def test_values_arrive_at_their_place():
    expected = SOLOv2ForInstanceSegmentation(SOLOv2Config(**TINY)).state_dict()
    weights = {name: torch.full(shape, float(k)) for k, (name, shape) in enumerate(OFFICIAL["tiny_r18"].items())}
    converted = convert_official_state_dict(weights, expected)
    for name, value in weights.items():
        assert torch.equal(converted[official_to_ours(name)], value)
    assert all(value == 0 for name, value in converted.items() if name.endswith("num_batches_tracked"))


@pytest.mark.parametrize(
    ("official", "ours"),
    [
        ("backbone.bottom_up.stem.conv1.weight", "model.backbone.embedder.embedder.convolution.weight"),
        (
            "backbone.bottom_up.res4.22.conv3.norm.running_var",
            "model.backbone.encoder.stages.2.layers.22.layer.2.normalization.running_var",
        ),
        ("backbone.fpn_lateral2.weight", "model.feature_pyramid.lateral.0.weight"),
        ("backbone.fpn_output5.bias", "model.feature_pyramid.output.3.bias"),
        ("ins_head.kernel_tower.9.weight", "model.instance_head.kernel_tower.3.convolution.weight"),
        ("ins_head.cate_tower.2.weight", None),  # a ReLU has no weight
        ("ins_head.nothing", None),
        ("proposal_generator.anchors", None),
    ],
)
def test_names(official, ours):
    assert official_to_ours(official) == ours


def test_weights_of_another_model_are_named():
    expected = expected_weights("tiny_r18")
    weights = {name: torch.empty(shape, device="meta") for name, shape in OFFICIAL["tiny_r18"].items()}
    del weights["ins_head.cate_pred.bias"]
    weights["roi_heads.box.weight"] = torch.empty(1, device="meta")
    weights["backbone.bottom_up.res2.7.conv1.weight"] = torch.empty(1, device="meta")
    weights["backbone.fpn_output3.bias"] = torch.empty(7, device="meta")
    with pytest.raises(ValueError) as error:
        convert_official_state_dict(weights, expected)
    message = str(error.value)
    assert re.search(r"1 missing: model\.instance_head\.class_head\.bias", message)
    assert re.search(r"2 unexpected: .*roi_heads\.box\.weight", message) and "stages.0.layers.7" in message
    assert re.search(r"1 misshapen: model\.feature_pyramid\.output\.1\.bias \(7,\) instead of \(64,\)", message)
