# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Backbones of timm, which are the same as those of transformers to a user: see tests/models/test_backbones.py.

A saved `TimmBackbone` is a folder of transformers; timm's own folders are what its repositories on the Hub hold.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import TimmBackbone, TimmBackboneConfig

from helpers import backbone_kinds, tiny
from pointwssis.models import new_segmenter
from pointwssis.ops.user_error import UserError

# A network of each way in which timm returns feature maps: flattened, and with hooks
ARCHITECTURES = ["resnet10t", "convnext_atto", "tf_efficientnet_lite0"]


def timm_backbone(architecture: str, **options: Any) -> TimmBackbone:
    torch.manual_seed(5)
    return TimmBackbone(TimmBackboneConfig(backbone=architecture, **options))


def saved_by_transformers(architecture: str, folder: Path) -> tuple[str, TimmBackbone]:
    """Save a backbone that returns its last stage only."""
    backbone = timm_backbone(architecture)
    return backbone_kinds.saved_with_preprocessing(backbone, folder), backbone


def saved_by_timm(architecture: str, folder: Path) -> tuple[str, TimmBackbone]:
    """Save a classifier as timm does, and return the backbone with its weights."""
    import timm

    torch.manual_seed(5)
    classifier = timm.create_model(architecture, num_classes=7)
    folder.mkdir()
    save_file(classifier.state_dict(), folder / "model.safetensors")
    config = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "num_classes": 7}
    fields = {"architecture": architecture, "num_classes": 7, "pretrained_cfg": config}
    (folder / "config.json").write_text(json.dumps(fields))
    backbone = timm_backbone(architecture, out_indices=[-4, -3, -2, -1])
    flat = {name.replace(".", "_"): value for name, value in classifier.state_dict().items()}
    backbone._backbone.load_state_dict({name: flat[name.replace(".", "_")] for name in backbone._backbone.state_dict()})
    return str(folder), backbone


@pytest.fixture(params=[saved_by_transformers, saved_by_timm], ids=lambda save: save.__name__)
def save(request) -> Any:
    return request.param


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_teacher_starts_from_timm(save, architecture, tmp_path):
    backbone_kinds.check_teacher(*save(architecture, tmp_path / "backbone"), tmp_path)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_refiner_starts_from_timm(save, architecture, tmp_path):
    backbone_kinds.check_refiner(*save(architecture, tmp_path / "backbone"), tmp_path)


@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_parts_of_timm_are_frozen(architecture, count, tmp_path):
    backbone_kinds.check_freezing(saved_by_transformers(architecture, tmp_path)[0], count)


def test_preprocessing_of_timm(save, tmp_path):
    _, processor = backbone_kinds.teacher(save("resnet10t", tmp_path / "backbone")[0])
    assert list(processor.image_mean) == [0.1, 0.2, 0.3] and list(processor.image_std) == [0.4, 0.5, 0.6]


def test_preprocessing_from_the_table_of_timm(tmp_path):
    timm_backbone("tf_efficientnet_lite0").save_pretrained(tmp_path)
    _, processor = backbone_kinds.teacher(str(tmp_path))
    assert list(processor.image_mean) == [0.5, 0.5, 0.5] and processor.rescale_factor == pytest.approx(1 / 255)


def test_weights_that_timm_lacks(tmp_path):
    path, _ = saved_by_timm("resnet10t", tmp_path / "backbone")
    fields = json.loads((tmp_path / "backbone" / "config.json").read_text())
    (tmp_path / "backbone" / "config.json").write_text(json.dumps({**fields, "architecture": "resnet18"}))
    with pytest.raises(UserError, match=r"lacks \d+ backbone weights, first"):
        backbone_kinds.teacher(path)


def test_channels_last_of_timm(tmp_path):
    timm_backbone("swin_tiny_patch4_window7_224").save_pretrained(tmp_path)
    with pytest.raises(UserError, match="feature maps have the channels last"):
        new_segmenter(tiny.NAMES, tiny.HEADS, tiny.IMAGE_SIZE, None, str(tmp_path))
