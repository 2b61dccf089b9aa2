# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Groups of parameters with their own weight decay and learning rate."""

from typing import Any

from torch import nn

from .arguments import SegmentationTrainingArguments

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def parameter_groups(model: nn.Module, args: SegmentationTrainingArguments) -> list[dict[str, Any]]:
    """Return the groups of an optimizer, without frozen parameters.

    Norm layers do not decay. Parameters of the backbone have `backbone_learning_rate_factor` times the learning rate;
    a schedule multiplies the rates of all groups. The first group has the learning rate of the arguments, which is the
    one that is logged.

    Args:
        model: a model with a module named `backbone`, possibly wrapped.
        args: training arguments.
    """
    backbone_ids = set()
    for name, module in model.named_modules():
        if name.split(".")[-1] == "backbone":
            backbone_ids |= {id(parameter) for parameter in module.parameters()}
    # Heads before backbone, weights before norms
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {
        (is_backbone, is_norm): [] for is_backbone in (False, True) for is_norm in (False, True)
    }
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                groups[id(parameter) in backbone_ids, isinstance(module, NORMS)].append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": 0.0 if is_norm else args.weight_decay,
            "lr": args.learning_rate * (args.backbone_learning_rate_factor if is_backbone else 1.0),
        }
        for (is_backbone, is_norm), parameters in groups.items()
        if parameters
    ]
