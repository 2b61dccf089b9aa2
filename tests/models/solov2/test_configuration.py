# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import pytest
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, ResNetConfig

from helpers.small_solov2 import small_config
from pointwssis.models.solov2.configuration_solov2 import STAGES, SOLOv2Config


def test_defaults_are_those_of_the_official_student():
    config = SOLOv2Config()
    backbone = config.backbone_config
    assert (
        isinstance(backbone, ResNetConfig) and backbone.depths == [3, 4, 23, 3] and backbone.layer_type == "bottleneck"
    )
    assert backbone.downsample_in_bottleneck and list(backbone.out_features) == STAGES
    expected = {
        "freeze_backbone_norm": True,
        "freeze_backbone_stages": 2,
        "fpn_channels": 256,
        "num_grids": [40, 36, 24, 16, 12],
        "scale_ranges": [[1, 96], [48, 192], [96, 384], [192, 768], [384, 2048]],
        "strides": [8, 8, 16, 32, 32],
        "center_sigma": 0.2,
        "instance_channels": 512,
        "num_instance_convs": 4,
        "kernel_channels": 256,
        "mask_channels": 128,
        "prior_probability": 0.01,
        "background_threshold": 0.0,
        "focal_alpha": 0.25,
        "focal_gamma": 2,
        "class_loss_weight": 1,
        "mask_loss_weight": 3,
        "score_threshold": 0.1,
        "update_threshold": 0.05,
        "mask_threshold": 0.5,
        "nms_top_k": 500,
        "max_detections": 100,
        "nms_type": "matrix",
        "nms_kernel": "gaussian",
        "nms_sigma": 2,
        "level_score": "confidence_times_maskness",
    }
    assert {name: getattr(config, name) for name in expected} == expected


def test_json_round_trip_is_exact(tmp_path):
    config = small_config(
        num_grids=(5, 4, 3, 2, 1),
        mask_loss_weight=2,
        num_labels=2,
        id2label={0: "cell", 1: "nucleus"},
        level_score="confidence",
    )
    config.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["model_type"] == "solov2" and written["num_grids"] == [5, 4, 3, 2, 1]
    for loaded in (SOLOv2Config.from_pretrained(tmp_path), AutoConfig.from_pretrained(tmp_path)):
        assert type(loaded) is SOLOv2Config
        assert {**loaded.to_dict(), "_name_or_path": ""} == config.to_dict()
        assert loaded.id2label == {0: "cell", 1: "nucleus"} and isinstance(loaded.backbone_config, ResNetConfig)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_grids": [40, 36, 24, 16]}, "num_grids must have 5 entries.* got 4"),
        ({"num_grids": [40, 36, 24, 16, 0]}, "num_grids must be at least 1 on every level"),
        ({"num_grids": "40"}, "num_grids"),
        ({"num_grids": [1.5, 2, 3, 4, 5]}, "num_grids"),
        ({"strides": [8] * 6}, "strides must have 5 entries.* got 6"),
        ({"scale_ranges": [[1, 96]] * 4}, "scale_ranges must have 5 entries.* got 4"),
        ({"scale_ranges": [[96, 1]] * 5}, "lower < upper"),
        ({"scale_ranges": [[1, 96, 3]] * 5}, "lower, upper"),
        ({"prior_probability": 0.0}, "prior_probability must lie between 0 and 1, got 0.0"),
        ({"background_threshold": 1.5}, "background_threshold must .* got 1.5"),
        ({"nms_type": "soft"}, "nms_type must be .* got 'soft'"),
        ({"nms_kernel": "cubic"}, "nms_kernel must be .* got 'cubic'"),
        ({"level_score": "area"}, "level_score must be .* got 'area'"),
        ({"num_instance_convs": 0}, "num_instance_convs must be at least 1, got 0"),
        ({"mask_channels": -1}, "mask_channels must be at least 1, got -1"),
        ({"kernel_channels": "many"}, "kernel_channels"),
        ({"strides": [8, 8, 16, 32, 0]}, "strides must be at least 1 on every level"),
        ({"max_detections": 0}, "max_detections must be at least 1, got 0"),
        ({"nms_top_k": -3}, "nms_top_k must be at least 1, got -3"),
        ({"nms_sigma": float("nan")}, "nms_sigma must be a positive number, got nan"),
        ({"num_labels": 0}, "id2label must have at least one class, got none"),
        ({"id2label": {0: "cat", 1: "dog", 7: "owl"}}, r"id2label must have the ids 0 to 2, got \[0, 1, 7\]"),
        ({"id2label": {"-1": "cat", "0": "dog", "1": "owl"}}, r"must have the ids 0 to 2, got \[-1, 0, 1\]"),
        (
            {"id2label": {0: "cat", 1: "dog", 2: "cat"}},
            "must have a name of its own for each class, got 'cat'",
        ),
        ({"id2label": {0: "cat", 1: "dog", 2: " "}}, "must have a name of its own for each class, got ' '"),
        ({"id2label": {0: "cat", 1: "dog", 2: None}}, "must have a name of its own for each class, got None"),
    ],
)
def test_a_wrong_field_is_named(change, message):
    with pytest.raises(StrictDataclassError, match=message):
        small_config(**change)
