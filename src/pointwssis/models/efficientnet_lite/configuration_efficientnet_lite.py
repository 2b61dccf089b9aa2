# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Configuration of EfficientNet-Lite, with the defaults of Lite0."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.backbone_utils import BackboneConfigMixin


@strict
class EfficientNetLiteConfig(BackboneConfigMixin, PreTrainedConfig):
    r"""Configuration of an [`EfficientNetLiteBackbone`]. The defaults are those of EfficientNet-Lite0.

    The lists have one entry per group of equal blocks. A group with stride 2 begins a new stage of the backbone; the
    groups before the first one belong to the stem.

    num_channels (`int`, *optional*, defaults to 3):
        Channels of the input.
    embedding_size (`int`, *optional*, defaults to 32):
        Width of the first convolution, which has stride 2.
    hidden_sizes (`list[int]`, *optional*, defaults to `(16, 24, 40, 80, 112, 192, 320)`):
        Output channels of each group.
    depths (`list[int]`, *optional*, defaults to `(1, 2, 2, 3, 3, 4, 1)`):
        Number of blocks of each group. A group that does not begin a stage may have depth 0, such as the last one,
        whose 320 channels serve the classifier.
    kernel_sizes (`list[int]`, *optional*, defaults to `(3, 3, 5, 3, 5, 5, 3)`):
        Size of the depthwise convolutions of each group.
    strides (`list[int]`, *optional*, defaults to `(1, 2, 2, 2, 1, 2, 1)`):
        Stride of the first block of each group.
    expand_ratios (`list[int]`, *optional*, defaults to `(1, 6, 6, 6, 6, 6, 6)`):
        Width inside a block relative to its input.
    batch_norm_eps (`float`, *optional*, defaults to 0.001):
        Constant that is added to the variance in batch norms.
    batch_norm_momentum (`float`, *optional*, defaults to 0.01):
        Weight of a batch in the running statistics.
    """

    model_type = "efficientnet_lite"

    num_channels: int = 3
    embedding_size: int = 32
    hidden_sizes: list[int] | tuple[int, ...] = (16, 24, 40, 80, 112, 192, 320)
    depths: list[int] | tuple[int, ...] = (1, 2, 2, 3, 3, 4, 1)
    kernel_sizes: list[int] | tuple[int, ...] = (3, 3, 5, 3, 5, 5, 3)
    strides: list[int] | tuple[int, ...] = (1, 2, 2, 2, 1, 2, 1)
    expand_ratios: list[int] | tuple[int, ...] = (1, 6, 6, 6, 6, 6, 6)
    batch_norm_eps: float = 1e-3
    batch_norm_momentum: float = 0.01

    def __post_init__(self, **kwargs):
        # JSON has no tuples: with lists a configuration equals its own round trip.
        for name in ("hidden_sizes", "depths", "kernel_sizes", "strides", "expand_ratios"):
            setattr(self, name, list(getattr(self, name)))
        self.stage_names = ["stem"] + [f"stage{index + 1}" for index in range(self.strides.count(2))]
        self.set_output_features_output_indices(
            out_features=kwargs.pop("out_features", None), out_indices=kwargs.pop("out_indices", None)
        )
        super().__post_init__(**kwargs)

    def validate_architecture(self):
        super().validate_architecture()
        for name in ("depths", "kernel_sizes", "strides", "expand_ratios"):
            if len(getattr(self, name)) != len(self.hidden_sizes):
                raise ValueError(
                    f"{name} must have one entry per group of blocks, as hidden_sizes has ({len(self.hidden_sizes)}), "
                    f"got {len(getattr(self, name))}"
                )
        if set(self.strides) - {1, 2}:
            raise ValueError(f"strides must be 1 or 2, got {self.strides}")
        if any(depth < 1 and stride == 2 for depth, stride in zip(self.depths, self.strides, strict=True)):
            raise ValueError(f"depths must be at least 1 where strides is 2, got {self.depths} for {self.strides}")


__all__ = ["EfficientNetLiteConfig"]
