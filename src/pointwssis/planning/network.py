# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Networks and optimizers that fit a machine: those of the recipe "nuclei" on a CPU, of "nuclei_gpu" on a GPU."""

from collections.abc import Sequence
from typing import Any

import torch

from .settings import Setting

# Backbones without pretrained weights
_SMALL_RESNET = {
    "model_type": "resnet",
    "layer_type": "basic",
    "depths": [1, 1, 1, 1],
    "embedding_size": 32,
    "hidden_sizes": [32, 64, 128, 256],
}
_RESNET50 = {"model_type": "resnet", "depths": [3, 4, 6, 3]}
# Widths of the heads for machines without a GPU: from scratch, and with a pretrained backbone
_NARROW = {
    "fpn_channels": 64,
    "instance_channels": 64,
    "num_instance_convs": 2,
    "kernel_channels": 32,
    "mask_channels": 32,
}
_NARROW_PRETRAINED = {
    "fpn_channels": 96,
    "instance_channels": 96,
    "num_instance_convs": 2,
    "kernel_channels": 48,
    "mask_channels": 48,
}
# Stem and first two stages keep their pretrained weights, the others learn slowly.
FROZEN_STAGES, BACKBONE_RATE_FACTOR = 3, 0.2
# Settings of the trainings, whatever the machine
_SHARED_TRAINING = {
    "per_device_eval_batch_size": 8,
    "optim": "adamw_torch",
    "optim_args": None,
    "weight_decay": 0.01,
    "max_grad_norm": 3.0,
    "milestones": [0.75, 0.9],
}
# Samples of the refiner
_REFINER = {"perturb": 0.25, "color_jitter": 0.1}
_REASONS = {
    "optim": "AdamW learns much faster than SGD in short trainings; clipping stabilizes it",
    "backbone_learning_rate_factor": "pretrained weights need small changes only",
    "perturb": "a quarter of the rough masks are perturbed ground truth, so that few masks teach many mistakes",
}


def has_gpu() -> bool:
    """Return True if PyTorch sees a CUDA device."""
    return torch.cuda.is_available()


def network_settings(full: int, backbone: str | None = None) -> list[Setting]:
    """Return backbone, widths, batch sizes and optimizer for this machine.

    Args:
        full: number of images with masks; batches are not larger.
        backbone: pretrained backbone to use; None starts from random weights.
    """
    # A GPU affords larger batches and processes that load images.
    gpu = has_gpu()
    batch_size, rate = min(16 if gpu else 8, max(1, full)), 0.0005 if gpu else 0.001
    training: dict[str, Any] = {"per_device_train_batch_size": batch_size, **_SHARED_TRAINING, "learning_rate": rate}
    # The refiner sees crops of single objects, so its batches are larger.
    refiner: dict[str, Any] = {"per_device_train_batch_size": 64 if gpu else 32, "learning_rate": rate, **_REFINER}
    if backbone is not None:
        training["backbone_learning_rate_factor"] = BACKBONE_RATE_FACTOR
    # Worker processes load and augment images while the GPU computes.
    if gpu:
        training["dataloader_num_workers"] = refiner["dataloader_num_workers"] = 8
    return [
        *backbone_settings(backbone),
        *(Setting(f"training.{key}", value, _REASONS.get(key, "")) for key, value in training.items()),
        *(Setting(f"refiner.{key}", value, _REASONS.get(key, "")) for key, value in refiner.items()),
    ]


def backbone_settings(backbone: str | None) -> list[Setting]:
    """Return the backbone and the widths of the heads.

    Args:
        backbone: pretrained backbone to use; None starts from random weights.
    """
    narrow = _NARROW if backbone is None else _NARROW_PRETRAINED
    widths = [] if has_gpu() else [Setting(f"model.{key}", value) for key, value in narrow.items()]
    if backbone is not None:
        frozen = "stem and stages up to stride 8 keep their weights; 5 freezes the whole backbone, which is faster"
        return [
            Setting("backbone_name_or_path", backbone, "as requested"),
            Setting("model.freeze_backbone_stages", FROZEN_STAGES, frozen),
            *widths,
        ]
    # A GPU affords a larger network.
    config, name = (_RESNET50, "ResNet-50") if has_gpu() else (_SMALL_RESNET, "a ResNet-10 of half the width")
    why = f"{name} from scratch; for photographs use backbone_name_or_path: efficientnet-lite0, which is pretrained"
    return [Setting("model.backbone_config", config, why), *widths]


def value_of(settings: Sequence[Setting], key: str) -> Any:
    """Return the value of a key among settings."""
    return next(setting.value for setting in settings if setting.key == key)
