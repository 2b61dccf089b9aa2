# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Copies of trained networks that only compute: batch norms folded into convolutions, and the fastest memory layout."""

import copy
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..ops.user_error import UserError

Network = TypeVar("Network", bound=nn.Module)


def prepare_for_inference(model: Network, device: torch.device, dtype: torch.dtype = torch.float32) -> Network:
    """Return a copy of a network that computes the same outputs in less time, for inference only.

    Batch norms are folded (`fold_batch_norms`), and all weights take the device, the dtype, and the memory layout in
    which convolutions were measured to be fast.

    Args:
        model: SOLOv2 or MaskRefineNet; it is not changed.
        device: device of the copy.
        dtype: dtype of the copy, float32 or bfloat16. Norms, sums, and activations are computed in it, too.

    A pipeline takes the copy like any model: `pipe.model = prepare_for_inference(pipe.model, pipe.device)`.

    Example:
        >>> from pointwssis.models import new_segmenter
        >>> model, _ = new_segmenter(["cat"], {}, {"shortest_edge": 64, "longest_edge": 96})
        >>> prepare_for_inference(model, torch.device("cpu"), torch.bfloat16).dtype
        torch.bfloat16
    """
    return in_fast_layout(fold_batch_norms(model).to(device, dtype))


def fold_batch_norms(model: Network) -> Network:
    """Return a copy of a network in which batch norms after convolutions are part of their weights.

    A batch norm in evaluation mode is one multiplication and one addition per channel, which a convolution can do by
    itself. The outputs stay equal up to rounding. Group norms, and batch norms that do not stand beside their
    convolution in a layer of our networks or of transformers' backbones (`convolution` and `normalization`), stay.

    The copy is in evaluation mode, has no gradients, and cannot be saved, because its weights do not fit its
    configuration. Fold after loading weights, and train and save the original.

    Args:
        model: SOLOv2, MaskRefineNet, or a backbone; it is not changed.

    Example:
        >>> from pointwssis.models import new_segmenter
        >>> model, _ = new_segmenter(["cat"], {}, {"shortest_edge": 64, "longest_edge": 96})
        >>> any(isinstance(module, nn.BatchNorm2d) for module in fold_batch_norms(model).modules())
        False
    """
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    for layer in list(folded.modules()):
        convolution, norm = getattr(layer, "convolution", None), getattr(layer, "normalization", None)
        is_pair = isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        if is_pair:
            layer.convolution = fuse_conv_bn_eval(convolution, norm).requires_grad_(False)
            layer.normalization = nn.Identity()
        # Only the activation reads what it gets here, a convolved map or its sum with a shortcut; it may overwrite it.
        if (is_pair or hasattr(layer, "shortcut")) and isinstance(getattr(layer, "activation", None), nn.ReLU):
            layer.activation = nn.ReLU(inplace=True)
    folded.save_pretrained = _refuse_to_save
    return folded


def in_fast_layout(model: Network) -> Network:
    """Return the network itself, its weights with the channels last where this was measured to be faster.

    That is on GPUs, and in bfloat16 on CPUs. Values stay the same; features take the layout of the weights.
    """
    weight = next(model.parameters())
    is_faster = weight.device.type == "cuda" or (weight.device.type == "cpu" and weight.dtype == torch.bfloat16)
    return model.to(memory_format=torch.channels_last) if is_faster else model


def _refuse_to_save(*_: Any, **__: Any) -> None:
    raise UserError("this model has its batch norms folded for inference; save the model that it was made from")
