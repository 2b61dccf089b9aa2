# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Stem and stages of any backbone: the four stages that a network reads, and those that are frozen."""

from itertools import pairwise

from torch import nn
from transformers.backbone_utils import BackboneConfigMixin

from ..ops.user_error import UserError

NUM_STAGES = 4  # the networks read feature maps at strides 4, 8, 16 and 32


def return_four_stages(config: BackboneConfigMixin) -> None:
    """Set a configuration so that its backbone returns the last four stages, at strides 4, 8, 16 and 32.

    Args:
        config: configuration of a backbone; it is changed.

    Raises:
        UserError: the backbone has fewer stages.

    Example:
        >>> from transformers import SwinConfig
        >>> config = SwinConfig()
        >>> return_four_stages(config)
        >>> config.out_features
        ['stage1', 'stage2', 'stage3', 'stage4']
    """
    names = getattr(config, "stage_names", None)
    if names is None:
        # A backbone of timm knows the names of its stages when it is built, so they are counted from the end.
        config.out_indices = list(range(-NUM_STAGES, 0))
    elif len(names) < NUM_STAGES:
        raise UserError(f"a {config.model_type} backbone with the stages {names} has fewer than {NUM_STAGES} stages")
    else:
        config.out_features = list(names[-NUM_STAGES:])


def lacks_stages(backbone_config: object) -> bool:
    """Return True for the fields of a backbone configuration that do not say which stages are returned."""
    return isinstance(backbone_config, dict) and not {"out_features", "out_indices"} & backbone_config.keys()


def frozen_modules(backbone: nn.Module, count: int) -> list[nn.Module]:
    """Return all modules inside the first `count` parts of a backbone: its stem and its stages.

    Args:
        backbone: a backbone of transformers or timm.
        count: 0 is none, 1 the stem, 2 the stem and the first stage, and so on.

    Raises:
        UserError: the backbone has fewer parts, or its parts cannot be identified.
    """
    if count <= 0:
        return []
    parts = _timm_parts(backbone) if hasattr(backbone, "_backbone") else _parts(backbone)
    if not parts:
        raise UserError(
            f"freeze_backbone_stages is {count}, but the stem and the stages of {type(backbone).__name__} cannot be "
            "identified; set freeze_backbone_stages to 0"
        )
    if count > len(parts):
        raise UserError(
            f"freeze_backbone_stages is {count}, but the backbone has {len(parts)} parts: its stem and "
            f"{len(parts) - 1} stages; use a smaller number"
        )
    return [module for part in parts[:count] for module in part]


def _parts(backbone: nn.Module) -> list[list[nn.Module]]:
    """Return the modules of each part of a backbone of transformers; none if they have other names."""
    network = backbone.base_model  # some backbones wrap their network
    encoder = getattr(network, "encoder", None) or getattr(network, "model", network)
    stages = getattr(encoder, "stages", None) or getattr(encoder, "layers", None)
    if stages is None:
        return []
    stem = getattr(network, "embedder", None) or getattr(network, "embeddings", None)
    # DINOv3's ConvNeXt begins each stage with its downsampling; that of the first one is the stem.
    stem = stem or getattr(stages[0], "downsample_layers", None)
    return [] if stem is None else [list(part.modules()) for part in (stem, *stages)]


def _timm_parts(backbone: nn.Module) -> list[list[nn.Module]]:
    """Return the modules of each part of a backbone of timm, in the order in which it defines them.

    timm names the last module of each stage. Modules between two of them belong to the later stage.
    """
    names, modules = zip(*backbone._backbone.named_modules(), strict=True)
    # Positions of the modules of each named stage; networks that timm has flattened have underscores in place of dots.
    inside = []
    for stage in backbone.stage_names[-NUM_STAGES - 1 :]:
        prefixes = (f"{stage}.", f"{stage.replace('.', '_')}.")
        inside.append([index for index, name in enumerate(names) if f"{name}.".startswith(prefixes)])
    # The stem ends with the stage before the four, or where the first of them begins.
    *before, first, second, third, fourth = inside
    stem_end = before[0][-1] + 1 if before else first[0]
    cuts = [0, stem_end, *(stage[-1] + 1 for stage in (first, second, third, fourth))]
    parts = [modules[start:end] for start, end in pairwise(cuts)]
    return [list(filter(_is_of_one_part, part)) for part in parts]


def _is_of_one_part(module: nn.Module) -> bool:
    """Return False for a container without parameters of its own, which may hold modules of several parts."""
    own_parameters = list(module.parameters(recurse=False))
    return len(own_parameters) > 0 or len(list(module.children())) == 0
