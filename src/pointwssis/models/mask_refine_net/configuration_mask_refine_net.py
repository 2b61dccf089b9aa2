# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Configuration of MaskRefineNet, with the defaults of the official code and its checkpoints."""

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from ...hub.mixins import HubConfig
from ..backbone_stages import NUM_STAGES, lacks_stages, return_four_stages
from ..class_table import check_class_table

ARCHITECTURES = ("unet", "fpn")


@strict
class MaskRefineNetConfig(HubConfig, PreTrainedConfig):
    r"""Configuration of a [`MaskRefineNetForMaskRefinement`]. The defaults are those of the official code.

    backbone_config (`PreTrainedConfig` or `dict`, *optional*):
        Any transformers backbone with four feature maps, each half the size of the previous one. A dictionary without
        `out_features` gets the last four stages. Defaults to ResNet-101 with the stride in the 3 × 3 convolution
        (v1.5).
    architecture (`str`, *optional*, defaults to `"unet"`):
        `"unet"` is the U-Net with atrous spatial pyramid pooling of the official code, `"fpn"` the feature pyramid of
        the paper, whose only output is P2 (section 4.1).
    class_conditional (`bool`, *optional*, defaults to `True`):
        Give each class its own heat-map channel, as the official code does. `False` uses one channel for all classes,
        so the refiner needs no class and transfers between datasets.
    class_channel_offset (`int`, *optional*, defaults to 1):
        Draw points of class c in heat-map channel c + offset of C + 1 channels. The official code trains with offset 0
        and infers with offset 1. We use one offset for both; 1 runs official checkpoints like the official
        inference.
    use_rough_mask (`bool`, *optional*, defaults to `True`):
        Show the rough mask to the network. `False` gives it an empty one; crops are still cut around the rough mask.
        For ablations (table 3 of the paper).
    use_point (`bool`, *optional*, defaults to `True`):
        Show the point to the network. `False` gives it an empty heat map. For ablations (table 3 of the paper).
    crop_size (`int`, *optional*, defaults to 256):
        Side of the resized square crops in pixels.
    point_sigma (`float`, *optional*, defaults to 6.0):
        Standard deviation of the point's Gaussian, in pixels of the resized crop.
    box_scale (`float`, *optional*, defaults to 2.0):
        Size of a crop relative to the extent of its rough mask, at inference.
    train_box_scale (`list[float]`, *optional*, defaults to `(1.0, 2.0)`):
        Range from which training draws the size of a crop.
    input_channels (`int`, *optional*, defaults to 64):
        Width of the input layer. It replaces the stem of a ResNet, so there it must equal the ResNet's
        `embedding_size`.
    aspp_channels (`int`, *optional*):
        `"unet"`: width of the atrous spatial pyramid pooling; a quarter of the last feature map's by default (512).
    aspp_rates (`list[int]`, *optional*, defaults to `(3, 6, 9)`):
        `"unet"`: dilations of its 3 × 3 convolutions.
    decoder_channels (`list[int]`, *optional*):
        `"unet"`: widths of the four decoder blocks, coarse to fine; by default each half of the previous width, at
        least that of the input layer (256, 128, 64, 64).
    fpn_channels (`int`, *optional*, defaults to 256):
        `"fpn"`: width of the feature pyramid.
    """

    model_type = "mask_refine_net"
    sub_configs_defaults = {
        "backbone_config": SubConfigSpec(
            config_class=AutoConfig,
            model_type="resnet",
            init_kwargs={"depths": [3, 4, 23, 3], "out_features": ["stage1", "stage2", "stage3", "stage4"]},
        ),
    }

    keys_to_ignore_at_inference = ["hidden_states"]

    backbone_config: dict | PreTrainedConfig | None = None
    architecture: str = "unet"
    class_conditional: bool = True
    class_channel_offset: int = 1
    use_rough_mask: bool = True
    use_point: bool = True
    crop_size: int = 256
    point_sigma: float | int = 6.0
    box_scale: float | int = 2.0
    train_box_scale: list[float | int] | tuple[float | int, ...] = (1.0, 2.0)
    input_channels: int = 64
    aspp_channels: int | None = None
    aspp_rates: list[int] | tuple[int, ...] = (3, 6, 9)
    decoder_channels: list[int] | tuple[int, ...] | None = None
    fpn_channels: int = 256

    def __post_init__(self, **kwargs):
        # JSON has no tuples: with lists a configuration equals its own round trip.
        self.train_box_scale = list(self.train_box_scale)
        self.aspp_rates = list(self.aspp_rates)
        self.decoder_channels = self.decoder_channels and list(self.decoder_channels)
        returns_default = lacks_stages(self.backbone_config)
        super().__post_init__(**kwargs)
        if returns_default:  # transformers' default is the last stage alone
            return_four_stages(self.backbone_config)

    @property
    def num_point_channels(self) -> int:
        """Return the number of heat-map channels of the input layer."""
        return self.num_labels + 1 if self.class_conditional else 1

    def validate_architecture(self):
        super().validate_architecture()
        check_class_table(self.id2label)
        # Architecture and prompts, then crops, then the decoder, then the backbone.
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be one of {ARCHITECTURES}, got {self.architecture!r}")
        if self.class_channel_offset not in (0, 1):
            raise ValueError(f"class_channel_offset must be 0 or 1, got {self.class_channel_offset}")
        if self.crop_size < 33:
            raise ValueError(f"crop_size must be at least 33 because of the stride of 32, got {self.crop_size}")
        if not self.point_sigma > 0:
            raise ValueError(f"point_sigma must be positive, got {self.point_sigma}")
        if len(self.train_box_scale) != 2 or not 1 <= self.train_box_scale[0] <= self.train_box_scale[1]:
            raise ValueError(
                f"train_box_scale must be [lower, upper] with 1 <= lower <= upper, got {self.train_box_scale}"
            )
        if self.box_scale < 1:
            raise ValueError(f"box_scale must be at least 1, so that a crop contains its mask, got {self.box_scale}")
        if self.decoder_channels is not None and len(self.decoder_channels) != 4:
            raise ValueError(
                f"decoder_channels must have 4 entries, one per decoder block, got {len(self.decoder_channels)}"
            )
        self._validate_backbone()

    def _validate_backbone(self):
        stages = self.backbone_config.out_indices
        if len(stages) != NUM_STAGES:
            raise ValueError(
                f"backbone_config returns {len(stages)} feature maps (out_indices {stages}); MaskRefineNet needs four: "
                "leave out its out_features, or set them to its last four stages"
            )
        if self.backbone_config.model_type == "resnet" and self.backbone_config.embedding_size != self.input_channels:
            raise ValueError(
                f"input_channels is {self.input_channels}, but the input layer replaces the stem of a ResNet whose "
                f"embedding_size is {self.backbone_config.embedding_size}; make them equal"
            )


__all__ = ["MaskRefineNetConfig"]
