# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checkpoint files in the form of the authors' code, with the weights of the golden vectors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.paths import PARITY
from parity.fill_rule import MRN_HEAD_SHIFT, fill_value

TINY_GRIDS = [12, 10, 8, 6, 4]  # grids of the narrow network, which no preset has


def solov2_weights(keys: Path, num_labels: int, cate_gain: float = 2.0) -> dict[str, torch.Tensor]:
    """Return official weights for a list of names and shapes, with another number of classes than the list has."""
    shapes = json.loads(keys.read_text("utf-8"))
    for leaf in ("weight", "bias"):
        shapes[f"ins_head.cate_pred.{leaf}"][0] = num_labels
    return {name: torch.from_numpy(fill_value(name, shape, cate_gain)) for name, shape in shapes.items()}


def tiny_solov2_weights() -> dict[str, torch.Tensor]:
    """Return official weights of the narrow network, with 3 classes."""
    return solov2_weights(PARITY / "keys_solov2_tiny_r18.json", 3)


def mask_refine_net_weights(num_classes: int) -> dict[str, torch.Tensor]:
    """Return official weights of MaskRefineNet, with 3 or 80 classes."""
    shapes = json.loads((PARITY / f"keys_mrn_c{num_classes}.json").read_text("utf-8"))
    weights = {}
    for name, shape in shapes.items():
        value = fill_value(name, shape, head_shift=MRN_HEAD_SHIFT[num_classes])
        weights[name] = torch.zeros(shape, dtype=torch.long) if value is None else torch.from_numpy(value)
    return weights


def tiny_mask_refine_net_weights(num_classes: int = 2) -> dict[str, torch.Tensor]:
    """Return random weights of a narrow MaskRefineNet on basic blocks under official names."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, torch.Tensor] = {}

    def layer(convolution: str, norm: str, *shape: int) -> None:
        weights[f"{convolution}.weight"] = torch.randn(shape, generator=generator) / np.sqrt(np.prod(shape[1:]))
        for leaf, value in {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}.items():
            weights[f"{norm}.{leaf}"] = torch.full(shape[:1], value)
        weights[f"{norm}.num_batches_tracked"] = torch.tensor(3)

    widths = [8, 8, 12, 16, 24]
    layer("layer0.0", "layer0.1", widths[0], 3 + num_classes + 1 + 1, 7, 7)
    for stage, (before, width) in enumerate(zip(widths, widths[1:], strict=False), start=1):
        prefix = "layer1.1.0" if stage == 1 else f"layer{stage}.0"
        layer(f"{prefix}.conv1", f"{prefix}.bn1", width, before, 3, 3)
        layer(f"{prefix}.conv2", f"{prefix}.bn2", width, width, 3, 3)
        if before != width:
            layer(f"{prefix}.downsample.0", f"{prefix}.downsample.1", width, before, 1, 1)
    layer("aspp.convs.0.1.0", "aspp.convs.0.1.1", 10, 24, 1, 1)
    for branch, size in ((1, 1), (2, 3), (3, 3), (4, 3)):
        layer(f"aspp.convs.{branch}.0", f"aspp.convs.{branch}.1", 10, 24, size, size)
    layer("aspp.project.0", "aspp.project.1", 10, 50, 1, 1)
    before = 10
    for block, skip, width in ((3, 16, 9), (2, 12, 8), (1, 8, 7), (0, 8, 6)):
        layer(f"decoder_{block}.conv.0.0", f"decoder_{block}.conv.0.1", before, before + skip, 1, 1)
        layer(f"decoder_{block}.conv.1.0", f"decoder_{block}.conv.1.1", width, before, 3, 3)
        before = width
    weights["head.weight"] = torch.randn(2, 6, 1, 1, generator=generator)
    weights["head.bias"] = torch.zeros(2)
    return weights


def detectron2_content(weights: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Return a checkpoint of detectron2's trainer."""
    momentum = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 5e-4, "params": [0]}]}
    return {"model": weights, "optimizer": momentum, "scheduler": {"last_epoch": 45000}, "iteration": 45000}


def best_ap_content(weights: dict[str, torch.Tensor], prefix: str = "") -> dict[str, Any]:
    """Return a checkpoint of MaskRefineNet's training, whose best score is a NumPy scalar."""
    named = {prefix + name: value for name, value in weights.items()}
    return {"cur_itrs": 195000, "model_state": named, "best_score": np.float64(0.391)}


def caffe2_weights(detectron: bool = False) -> dict[str, np.ndarray]:
    """Return a narrow form of detectron2's `R-50.pkl`: 8 channels in the stem, one block per stage.

    Args:
        detectron: the older form, whose norms only have a scale and a bias.
    """
    random = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}

    def layer(convolution: str, norm: str, *shape: int) -> None:
        arrays[f"{convolution}_w"] = (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        leaves = ("s", "b") if detectron else ("gamma", "beta", "running_mean", "running_var")
        for leaf in leaves:
            arrays[f"{norm}_bn_{leaf}"] = random.uniform(0.5, 1.5, shape[:1]).astype(np.float32)

    layer("conv1", "res_conv1", 8, 3, 7, 7)
    before = 8
    for stage, width in zip((2, 3, 4, 5), (16, 24, 32, 40), strict=True):
        block, middle = f"res{stage}_0_branch", width // 4
        for part, shape in (
            ("1", (width, before, 1, 1)),
            ("2a", (middle, before, 1, 1)),
            ("2b", (middle, middle, 3, 3)),
            ("2c", (width, middle, 1, 1)),
        ):
            layer(block + part, block + part, *shape)
        before = width
    for name in ("fc1000_w", "fc1000_b", "conv1_b"):  # the classifier, and an unused bias
        arrays[name] = np.zeros(3, np.float32)
    return arrays
