# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Configuration of SOLOv2, with the defaults of the official ResNet-101 student."""

import math

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from ...hub.mixins import HubConfig
from ..backbone_stages import lacks_stages, return_four_stages
from ..class_table import check_class_table

STAGES = ["stage1", "stage2", "stage3", "stage4"]

LEVEL_SCORES = ("confidence_times_maskness", "confidence")

# Teacher of the official code: finer grids, and scale ranges that do not overlap.
TEACHER_NUM_GRIDS = (80, 64, 32, 24, 12)
TEACHER_SCALE_RANGES = ((1, 72), (72, 144), (144, 288), (288, 584), (584, 2048))


@strict
class SOLOv2Config(HubConfig, PreTrainedConfig):
    r"""Configuration of a [`SOLOv2ForInstanceSegmentation`]. The defaults are those of the official ResNet-101 student.

    backbone_config (`PreTrainedConfig` or `dict`, *optional*):
        Any transformers backbone with four feature maps at strides 4, 8, 16 and 32. A dictionary without `out_features`
        gets the last four stages. Defaults to ResNet-101 with the stride in the first 1 × 1 convolution of a stage
        (the MSRA weights of the official models).
    freeze_backbone_norm (`bool`, *optional*, defaults to `True`):
        Keep the batch norms of the backbone at their loaded statistics, as the official code does. Set it to `False` to
        train from scratch.
    freeze_backbone_stages (`int`, *optional*, defaults to 2):
        Number of early parts of the backbone that are frozen, with their norms: 1 is the stem, 2 the stem and the first
        stage, and so on (detectron2's FREEZE_AT); 5 is the whole backbone.
    fpn_channels (`int`, *optional*, defaults to 256):
        Width of the feature pyramid.
    num_grids (`list[int]`, *optional*, defaults to `(40, 36, 24, 16, 12)`):
        Cells along each side of the grid, one number per pyramid level (P2 to P6).
    scale_ranges (`list[list[int]]`, *optional*, defaults to `((1, 96), (48, 192), (96, 384), (192, 768), (384,
    2048))`):
        Object sizes that each level learns, lower <= size < upper, as the square root of the box area in pixels of the
        network's input.
    strides (`list[int]`, *optional*, defaults to `(8, 8, 16, 32, 32)`):
        Stride of each level; a proposal whose mask has no more foreground pixels than the stride is dropped.
    center_sigma (`float`, *optional*, defaults to 0.2):
        Fraction of the box around the center of mass whose cells are positive.
    instance_channels (`int`, *optional*, defaults to 512):
        Width of the class and kernel towers.
    num_instance_convs (`int`, *optional*, defaults to 4):
        Depth of the class and kernel towers.
    kernel_channels (`int`, *optional*, defaults to 256):
        Length of a mask kernel, which is also the number of mask feature channels.
    mask_channels (`int`, *optional*, defaults to 128):
        Width inside the mask feature head.
    prior_probability (`float`, *optional*, defaults to 0.01):
        Initial foreground probability of the class head.
    focal_alpha (`float`, *optional*, defaults to 0.25):
        Weight of positive cells in the focal loss.
    focal_gamma (`float`, *optional*, defaults to 2.0):
        Exponent of the focal loss.
    class_loss_weight (`float`, *optional*, defaults to 1.0):
        Weight of the focal loss.
    mask_loss_weight (`float`, *optional*, defaults to 3.0):
        Weight of the dice loss.
    background_threshold (`float`, *optional*, defaults to 0.0):
        In incompletely labeled training images, a cell outside all masks is background if the network's own probability
        of the class is below this value: never with 0, always with 1.
    score_threshold (`float`, *optional*, defaults to 0.1):
        Lowest class score of a proposal, before it is multiplied with its maskness.
    update_threshold (`float`, *optional*, defaults to 0.05):
        Lowest score after Matrix NMS.
    mask_threshold (`float`, *optional*, defaults to 0.5):
        Foreground probability above which a pixel belongs to a mask. As in the official code it is also the IoU
        threshold of `nms_type="mask"`.
    nms_top_k (`int`, *optional*, defaults to 500):
        Proposals that enter the non-maximum suppression.
    max_detections (`int`, *optional*, defaults to 100):
        Most detections per image.
    nms_type (`str`, *optional*, defaults to `"matrix"`):
        `"matrix"` or `"mask"`.
    nms_kernel (`str`, *optional*, defaults to `"gaussian"`):
        Decay of Matrix NMS, `"gaussian"` or `"linear"`.
    nms_sigma (`float`, *optional*, defaults to 2.0):
        Sharpness of the Gaussian decay.
    level_score (`str`, *optional*, defaults to `"confidence_times_maskness"`):
        Score that the adaptive pyramid-level selection maximizes: `"confidence_times_maskness"` (official code) or
        `"confidence"` (paper, section 3.2).
    initializer_range (`float`, *optional*, defaults to 0.01):
        Standard deviation of the heads' initial convolution weights.
    """

    model_type = "solov2"
    sub_configs_defaults = {
        "backbone_config": SubConfigSpec(
            config_class=AutoConfig,
            model_type="resnet",
            init_kwargs={"depths": [3, 4, 23, 3], "downsample_in_bottleneck": True, "out_features": STAGES},
        ),
    }
    keys_to_ignore_at_inference = ["loss_dict", "class_logits", "kernels", "mask_features", "valid_sizes", "decoding"]

    backbone_config: dict | PreTrainedConfig | None = None
    freeze_backbone_norm: bool = True
    freeze_backbone_stages: int = 2
    fpn_channels: int = 256
    num_grids: list[int] | tuple[int, ...] = (40, 36, 24, 16, 12)
    scale_ranges: list | tuple = ((1, 96), (48, 192), (96, 384), (192, 768), (384, 2048))
    strides: list[int] | tuple[int, ...] = (8, 8, 16, 32, 32)
    center_sigma: float | int = 0.2
    instance_channels: int = 512
    num_instance_convs: int = 4
    kernel_channels: int = 256
    mask_channels: int = 128
    prior_probability: float = 0.01
    focal_alpha: float | int = 0.25
    focal_gamma: float | int = 2.0
    class_loss_weight: float | int = 1.0
    mask_loss_weight: float | int = 3.0
    background_threshold: float | int = 0.0
    score_threshold: float | int = 0.1
    update_threshold: float | int = 0.05
    mask_threshold: float | int = 0.5
    nms_top_k: int = 500
    max_detections: int = 100
    nms_type: str = "matrix"
    nms_kernel: str = "gaussian"
    nms_sigma: float | int = 2.0
    level_score: str = "confidence_times_maskness"
    initializer_range: float | int = 0.01

    def __post_init__(self, **kwargs):
        # JSON has no tuples: with lists a configuration equals its own round trip.
        self.num_grids = list(self.num_grids)
        self.scale_ranges = [list(scale_range) for scale_range in self.scale_ranges]
        self.strides = list(self.strides)
        returns_default = lacks_stages(self.backbone_config)
        super().__post_init__(**kwargs)
        if returns_default:  # transformers' default is the last stage alone
            return_four_stages(self.backbone_config)

    def validate_architecture(self):
        super().validate_architecture()
        check_class_table(self.id2label)
        # The pyramid has five levels, each with a grid and a range of sizes.
        for name in ("num_grids", "scale_ranges", "strides"):
            if len(getattr(self, name)) != 5:
                raise ValueError(
                    f"{name} must have 5 entries, one per pyramid level (P2 to P6), got {len(getattr(self, name))}"
                )
        for name in ("num_grids", "strides"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1 on every level, got {getattr(self, name)}")
        if any(len(scale_range) != 2 or scale_range[0] >= scale_range[1] for scale_range in self.scale_ranges):
            raise ValueError(
                f"scale_ranges must be [lower, upper] with lower < upper on every level, got {self.scale_ranges}"
            )
        if self.freeze_backbone_stages < 0:
            raise ValueError(f"freeze_backbone_stages must be at least 0, got {self.freeze_backbone_stages}")
        # Widths and depths, numbers of results, probabilities, and names of methods.
        widths = ("fpn_channels", "instance_channels", "num_instance_convs", "kernel_channels", "mask_channels")
        for name in (*widths, "nms_top_k", "max_detections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("background_threshold", "score_threshold", "update_threshold", "mask_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0 < self.nms_sigma < math.inf:
            raise ValueError(f"nms_sigma must be a positive number, got {self.nms_sigma}")
        if not 0 < self.prior_probability < 1:
            raise ValueError(f"prior_probability must lie between 0 and 1, got {self.prior_probability}")
        choices = {"nms_type": ("matrix", "mask"), "nms_kernel": ("gaussian", "linear"), "level_score": LEVEL_SCORES}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")


__all__ = ["SOLOv2Config"]
