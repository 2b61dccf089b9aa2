# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Backbones of timm: saved folders of transformers' `TimmBackbone`, and timm's own repositories and folders."""

from typing import Any

from safetensors.torch import load_file
from transformers import PreTrainedConfig, PreTrainedModel, TimmBackboneConfig
from transformers.utils import cached_file, is_timm_available

from ..ops.user_error import UserError, as_user_error

MODEL_TYPES = ("timm_backbone", "timm_wrapper")
# What precedes the names of a network's weights, in files of transformers and in networks of timm
PREFIXES = ("_backbone.", "timm_model.", "model.")


def is_timm(name_or_path: str) -> bool:
    """Return True for a folder or Hub repository with a model of timm.

    Raises:
        UserError: it is one, but timm is not installed.
    """
    fields, _ = PreTrainedConfig.get_config_dict(name_or_path)
    if fields.get("model_type") not in MODEL_TYPES:
        return False
    if not is_timm_available():
        raise UserError(f"{name_or_path}: a model of timm; run pip install 'pointwssis[timm]'")
    return True


def timm_config(name_or_path: str) -> TimmBackboneConfig:
    """Return the configuration of a backbone of timm.

    Args:
        name_or_path: folder or Hub repository for which `is_timm` is True.
    """
    fields, _ = PreTrainedConfig.get_config_dict(name_or_path)
    if fields["model_type"] == "timm_backbone":
        return TimmBackboneConfig.from_dict(fields)
    # timm's own format names the architecture, which builds the network without a download.
    return TimmBackboneConfig(backbone=fields["architecture"])


def load_timm_weights(backbone: PreTrainedModel, name_or_path: str) -> None:
    """Load the weights of a folder or Hub repository into a `TimmBackbone`.

    `TimmBackbone.from_pretrained` reads names of timm's own table only.

    Raises:
        UserError: weights are missing or have other shapes, or the network returns channels last.
    """
    if getattr(backbone._backbone, "output_fmt", "NCHW") != "NCHW":
        raise UserError(
            f"{name_or_path}: its feature maps have the channels last; use the model of transformers, if there is one"
        )
    with as_user_error(OSError, source=name_or_path):
        given = load_file(cached_file(name_or_path, "model.safetensors"))
    given = {_plain(name): weight for name, weight in given.items()}
    ours = {name: _plain(name) for name in backbone.state_dict()}
    missing = sorted(name for name, plain in ours.items() if plain not in given)
    if missing:
        raise UserError(f"{name_or_path}: lacks {len(missing)} backbone weights, first {missing[:3]}")
    with as_user_error(RuntimeError, source=name_or_path):
        backbone.load_state_dict({name: given[plain] for name, plain in ours.items()})


def timm_preprocessing(name_or_path: str, config: TimmBackboneConfig) -> dict[str, Any]:
    """Return the mean and standard deviation that a backbone of timm was trained with.

    They are those of the saved `pretrained_cfg`, else those that timm's table has for the architecture.
    """
    import timm  # an optional dependency

    fields, _ = PreTrainedConfig.get_config_dict(name_or_path)
    values = fields.get("pretrained_cfg") or timm.get_pretrained_cfg(config.backbone).to_dict()
    return {
        "image_mean": list(values["mean"]),
        "image_std": list(values["std"]),
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_flip_channel_order": False,
    }


def _plain(name: str) -> str:
    """Return the name of a weight without prefixes, and with the underscores of flattened networks."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.replace(".", "_")
