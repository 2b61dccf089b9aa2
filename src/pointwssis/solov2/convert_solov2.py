# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weights of the official SOLOv2 (detectron2 / AdelaiDet names) under our names. The weights stay those of their authors."""

import re

import torch
from torch import Tensor

# Official name → ours, first match wins. detectron2 counts stages from res2, AdelaiDet numbers the conv, norm, ReLU triples of a tower.
RENAMES: list[tuple[str, str]] = [
    (r"^backbone\.bottom_up\.stem\.conv1\.norm\.", "model.backbone.embedder.embedder.normalization."),
    (r"^backbone\.bottom_up\.stem\.conv1\.", "model.backbone.embedder.embedder.convolution."),
    (r"^backbone\.bottom_up\.res(\d)\.(\d+)\.shortcut\.norm\.", "model.backbone.encoder.stages.{0-2}.layers.{1}.shortcut.normalization."),
    (r"^backbone\.bottom_up\.res(\d)\.(\d+)\.shortcut\.", "model.backbone.encoder.stages.{0-2}.layers.{1}.shortcut.convolution."),
    (r"^backbone\.bottom_up\.res(\d)\.(\d+)\.conv(\d)\.norm\.", "model.backbone.encoder.stages.{0-2}.layers.{1}.layer.{2-1}.normalization."),
    (r"^backbone\.bottom_up\.res(\d)\.(\d+)\.conv(\d)\.", "model.backbone.encoder.stages.{0-2}.layers.{1}.layer.{2-1}.convolution."),
    (r"^backbone\.fpn_(lateral|output)(\d)\.", "model.feature_pyramid.{0}.{1-2}."),
    (r"^ins_head\.cate_pred\.", "model.instance_head.class_head."),
    (r"^ins_head\.kernel_pred\.", "model.instance_head.kernel_head."),
    (r"^mask_head\.convs_all_levels\.(\d)\.conv(\d)\.0\.", "model.mask_feature_head.levels.{0}.{1}.convolution."),
    (r"^mask_head\.convs_all_levels\.(\d)\.conv(\d)\.1\.", "model.mask_feature_head.levels.{0}.{1}.norm."),
    (r"^mask_head\.conv_pred\.0\.", "model.mask_feature_head.output.convolution."),
    (r"^mask_head\.conv_pred\.1\.", "model.mask_feature_head.output.norm."),
]  # fmt: skip
TOWER = re.compile(r"^ins_head\.(cate|kernel)_tower\.(\d+)\.(.*)$")


def official_to_ours(name: str) -> str | None:
    """Our name of an official SOLOv2 weight; None when the official code has no such weight.

    Example:
        >>> official_to_ours("ins_head.cate_tower.4.bias")
        'model.instance_head.class_tower.1.norm.bias'
    """
    if match := TOWER.match(name):
        tower, index, leaf = {"cate": "class"}.get(match[1], match[1]), int(match[2]), match[3]
        part = {0: "convolution", 1: "norm"}.get(index % 3)
        return part and f"model.instance_head.{tower}_tower.{index // 3}.{part}.{leaf}"
    for pattern, template in RENAMES:
        if match := re.match(pattern, name):
            replaced = re.sub(r"\{(\d)(?:-(\d))?\}", lambda slot: _group(match, slot), template)
            return replaced + name[match.end() :]
    return None


def _group(match: re.Match, slot: re.Match) -> str:
    value = match[int(slot[1]) + 1]
    return str(int(value) - int(slot[2])) if slot[2] else value


def convert_official_state_dict(state_dict: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames official weights and checks them against a model.

    Args:
        state_dict: official names to tensors.
        expected: `model.state_dict()` of the `SOLOv2ForInstanceSegmentation` that is to hold them.

    Raises:
        ValueError: listing every missing, unexpected and misshapen weight.
    """
    unknown = sorted(name for name in state_dict if official_to_ours(name) is None)
    converted = {
        official_to_ours(name): torch.as_tensor(value) for name, value in state_dict.items() if name not in set(unknown)
    }
    for name, value in expected.items():
        if name.endswith("num_batches_tracked"):  # the official batch norms are frozen and count nothing
            converted.setdefault(name, torch.zeros_like(value))
    missing = sorted(set(expected) - set(converted))
    unknown += sorted(set(converted) - set(expected))
    misshapen = [
        f"{name}: {tuple(converted[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if name in converted and converted[name].shape != value.shape
    ]
    problems = [("missing", missing), ("unexpected", unknown), ("misshapen", misshapen)]
    if any(names for _, names in problems):
        details = "; ".join(f"{len(names)} {kind}: {', '.join(names[:20])}" for kind, names in problems if names)
        raise ValueError(f"these weights are not those of this SOLOv2 ({details})")
    return converted
