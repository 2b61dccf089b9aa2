# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Every kind of backbone: saved, loaded, in a teacher and a refiner, trained for two steps, frozen part by part."""

import json
from typing import Any

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    AutoBackbone,
    BertConfig,
    ConvNextV2Config,
    DINOv3ConvNextConfig,
    ResNetConfig,
    SwinConfig,
)

from helpers import backbone_kinds, tiny
from pointwssis.models import MaskRefineNetConfig, SOLOv2Config, SOLOv2ForInstanceSegmentation, new_segmenter
from pointwssis.models.backbone_stages import return_four_stages
from pointwssis.models.backbones import pretrained_config
from pointwssis.models.efficientnet_lite import EfficientNetLiteConfig
from pointwssis.ops.user_error import UserError

SIZES = {"hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 1, 1]}
KINDS = {
    "resnet": ResNetConfig(embedding_size=8, layer_type="basic", **SIZES),
    "convnextv2": ConvNextV2Config(**SIZES),
    "swin": SwinConfig(image_size=64, embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=2),
    "dinov3_convnext": DINOv3ConvNextConfig(layer_scale_init_value=1.0, **SIZES),
    "efficientnet_lite": EfficientNetLiteConfig(**tiny.EFFICIENTNET_LITE),
}


@pytest.fixture(params=sorted(KINDS))
def saved(request, tmp_path) -> tuple[str, Any]:
    """Save a backbone that returns its last stage only, and the preprocessing of its training."""
    torch.manual_seed(5)
    backbone = AutoBackbone.from_config(KINDS[request.param])
    return backbone_kinds.saved_with_preprocessing(backbone, tmp_path / "backbone"), backbone


def test_a_teacher_starts_from_it(saved, tmp_path):
    backbone_kinds.check_teacher(*saved, tmp_path)


def test_a_refiner_starts_from_it(saved, tmp_path):
    backbone_kinds.check_refiner(*saved, tmp_path)


@pytest.mark.parametrize("count", range(6))
def test_it_is_frozen_part_by_part(saved, count):
    backbone_kinds.check_freezing(saved[0], count)


# -- which stages are returned


@pytest.mark.parametrize("kind", [SOLOv2Config, MaskRefineNetConfig])
def test_fields_of_a_backbone_need_not_name_its_stages(kind):
    fields = {name: value for name, value in tiny.EFFICIENTNET_LITE.items() if name != "out_features"}
    config = kind(backbone_config=fields)
    assert config.backbone_config.out_features == ["stage1", "stage2", "stage3", "stage4"]
    chosen = {**fields, "out_features": ["stem", "stage1", "stage2", "stage3"]}
    assert kind(backbone_config=chosen).backbone_config.out_features == chosen["out_features"]


def test_a_backbone_with_too_few_stages():
    with pytest.raises(ValueError, match=r"resnet backbone with the stages \['stem', 'stage1', 'stage2'\] has fewer"):
        return_four_stages(ResNetConfig(hidden_sizes=[8, 8], depths=[1, 1]))


def test_a_model_that_is_no_backbone(tmp_path):
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="efficientnet-lite9; did you mean 'efficientnet-lite"):
        pretrained_config("efficientnet-lite9")
    with pytest.raises(UserError, match="a bert model cannot serve as backbone"):
        pretrained_config(str(tmp_path))


@pytest.mark.parametrize("model_type", ["timm_backbone", "timm_wrapper"])
def test_a_model_of_timm_without_timm(tmp_path, monkeypatch, model_type):
    monkeypatch.setattr("pointwssis.models.timm_backbones.is_timm_available", lambda: False)
    fields = {"architecture": "resnet10t", "model_type": model_type}
    (tmp_path / "config.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match=r"a model of timm; run pip install 'pointwssis\[timm\]'"):
        new_segmenter(tiny.NAMES, tiny.HEADS, tiny.IMAGE_SIZE, None, str(tmp_path))


# -- which stages are frozen


def test_more_parts_than_the_backbone_has():
    with pytest.raises(UserError, match="freeze_backbone_stages is 6, but the backbone has 5 parts.*4 stages"):
        tiny.segmenter(freeze_backbone_stages=6)
    with pytest.raises(StrictDataclassError, match="freeze_backbone_stages must be at least 0, got -1"):
        tiny.segmenter(freeze_backbone_stages=-1)


def test_norms_of_frozen_stages_keep_their_statistics():
    """Also where the norms of the other stages learn."""
    model, processor = tiny.segmenter(freeze_backbone_norm=False, freeze_backbone_stages=3)
    model.train()
    before = {name: value.clone() for name, value in model.model.backbone.state_dict().items() if "running" in name}
    model(**processor([tiny.picture()], return_tensors="pt"))
    after = model.model.backbone.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith(("encoder.stages.2.", "encoder.stages.3.")) for name in changed)


def test_a_frozen_backbone_runs_without_a_graph():
    model, processor = tiny.segmenter(freeze_backbone_stages=5)
    features = model.train().model.backbone(processor([tiny.picture()], return_tensors="pt")["pixel_values"])
    assert not any(feature.requires_grad for feature in features.feature_maps)
    assert isinstance(model, SOLOv2ForInstanceSegmentation)
