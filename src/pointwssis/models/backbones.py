# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Pretrained backbones by name: configuration, weights, and the preprocessing that they were trained with."""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoImageProcessor, PreTrainedConfig, PreTrainedModel
from transformers.backbone_utils import BackboneConfigMixin

from ..ops.user_error import UserError, as_user_error
from ..ops.wording import did_you_mean, with_hint
from .backbone_stages import return_four_stages
from .efficientnet_lite.convert_efficientnet_lite import (
    EFFICIENTNET_LITE_SCALES,
    PREPROCESSING,
    efficientnet_lite_config,
    pretrained_efficientnet_lite,
    weights_file,
)
from .timm_backbones import is_timm, load_timm_weights, timm_config, timm_preprocessing


def pretrained_config(name_or_path: str) -> PreTrainedConfig:
    """Load the configuration of a pretrained backbone, set to return its last four stages.

    Args:
        name_or_path: `efficientnet-lite0`, `efficientnet-lite1` or `efficientnet-lite2`, whose weights come from an
            installed package; or a backbone of transformers or timm: a folder or a Hub repository.

    Raises:
        UserError: there is no such model, it is not a backbone, or the package with its weights is not installed.
    """
    if name_or_path in EFFICIENTNET_LITE_SCALES:
        weights_file(name_or_path)  # raises for a package that is not installed, before anything is built
        config = efficientnet_lite_config(name_or_path)
    else:
        # A name without a user is a typing error more often than a repository.
        hint = did_you_mean(name_or_path, EFFICIENTNET_LITE_SCALES)
        with as_user_error(OSError, ValueError, source=with_hint(name_or_path, hint)):
            config = (timm_config if is_timm(name_or_path) else AutoConfig.from_pretrained)(name_or_path)
    if not isinstance(config, BackboneConfigMixin):
        raise UserError(f"{name_or_path}: a {config.model_type} model cannot serve as backbone")
    with as_user_error(ValueError, source=name_or_path):
        return_four_stages(config)
    return config


def pretrained_backbone(backbone: PreTrainedModel, name_or_path: str) -> PreTrainedModel:
    """Load the pretrained backbone of a name, in the class of `backbone`.

    Transformers itself leaves the backbone of a new model at random weights.

    Args:
        backbone: backbone with the configuration of `pretrained_config`.
        name_or_path: see `pretrained_config`.

    Raises:
        UserError: the repository lacks weights of the backbone.
    """
    if name_or_path in EFFICIENTNET_LITE_SCALES:
        return pretrained_efficientnet_lite(name_or_path)
    config = pretrained_config(name_or_path)
    if config.model_type == "timm_backbone":
        loaded = type(backbone)(config)
        load_timm_weights(loaded, name_or_path)
        return loaded
    loaded, info = type(backbone).from_pretrained(name_or_path, config=config, output_loading_info=True)
    # Backbones such as ConvNeXt and Swin normalize their feature maps; pretrained weights contain no such norms.
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("hidden_states_norms."))
    if missing:
        raise UserError(f"{name_or_path}: lacks {len(missing)} backbone weights, first {missing[:3]}")
    return loaded


def backbone_preprocessing(name_or_path: str) -> dict[str, Any]:
    """Return the mean, standard deviation, scale and channel order that a backbone was trained with."""
    if name_or_path in EFFICIENTNET_LITE_SCALES:
        return dict(PREPROCESSING)
    if is_timm(name_or_path) and not (Path(name_or_path) / "preprocessor_config.json").is_file():
        return timm_preprocessing(name_or_path, timm_config(name_or_path))
    processor = AutoImageProcessor.from_pretrained(name_or_path, backend="pil")
    return {
        "image_mean": list(processor.image_mean),
        "image_std": list(processor.image_std),
        "do_rescale": processor.do_rescale,
        "rescale_factor": processor.rescale_factor,
        "do_flip_channel_order": bool(getattr(processor, "do_flip_channel_order", False)),
    }
