# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Stages of any backbone: the four that a network reads."""

from transformers.backbone_utils import BackboneConfigMixin

NUM_STAGES = 4  # the networks read feature maps at strides 4, 8, 16 and 32


def return_four_stages(config: BackboneConfigMixin) -> None:
    """Set a configuration so that its backbone returns the last four stages, at strides 4, 8, 16 and 32.

    Args:
        config: configuration of a backbone; it is changed.

    Raises:
        ValueError: the backbone has fewer stages.

    Example:
        >>> from transformers import SwinConfig
        >>> config = SwinConfig()
        >>> return_four_stages(config)
        >>> config.out_features
        ['stage1', 'stage2', 'stage3', 'stage4']
    """
    names = list(config.stage_names)
    if len(names) < NUM_STAGES:
        raise ValueError(f"a {config.model_type} backbone with the stages {names} has fewer than {NUM_STAGES} stages")
    config.out_features = names[-NUM_STAGES:]
