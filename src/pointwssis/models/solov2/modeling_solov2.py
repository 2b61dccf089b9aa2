# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SOLOv2 (Wang et al. 2020): backbone, feature pyramid, class and kernel head, mask feature head.

Written from the papers; comments mark what follows the official code because the papers leave it open.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import initialization as init
from transformers.backbone_utils import load_backbone
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ...hub.mixins import HubModel
from ..backbone_stages import frozen_modules
from ..forward_arguments import check_no_unknown_arguments
from ..frozen_norms import freeze_norm
from .configuration_solov2 import SOLOv2Config
from .decoding_solov2 import DecodingSettings
from .loss_mask_solov2 import IncompleteLabels
from .loss_solov2 import solov2_loss

FORWARD_ARGUMENTS = (
    "pixel_values", "pixel_mask", "mask_labels", "class_labels", "boxes", "mask_weights", "incomplete_classes",
    "ignore_points",
)  # fmt: skip
IGNORED_ARGUMENTS = ("input_points",)  # of the image processor, for post-processing


@dataclass
class SOLOv2InstanceSegmentationOutput(ModelOutput):
    r"""Raw outputs of SOLOv2, with the losses when labels were given.

    loss (`torch.FloatTensor` of shape `(1,)`, *optional*, returned when labels are given):
        Weighted sum of the losses.
    loss_dict (`dict[str, torch.Tensor]`, *optional*, returned when labels are given):
        `loss_class` (focal) and `loss_mask` (dice), weighted.
    class_logits (`tuple[torch.FloatTensor]`):
        One `(batch_size, num_labels, S, S)` tensor per pyramid level.
    kernels (`tuple[torch.FloatTensor]`):
        One `(batch_size, kernel_channels, S, S)` tensor per pyramid level.
    mask_features (`torch.FloatTensor` of shape `(batch_size, kernel_channels, height / 4, width / 4)`):
        Features whose product with a kernel is the logits of a mask.
    valid_sizes (`torch.LongTensor` of shape `(batch_size, 2)`):
        Height and width of each image inside the padded canvas; post-processing has no access to `pixel_mask`.
    decoding (`dict`):
        The configuration's decoding settings; post-processing has no access to the configuration.
    """

    loss: torch.FloatTensor | None = None
    loss_dict: dict[str, torch.FloatTensor] | None = None
    class_logits: tuple[torch.FloatTensor, ...] | None = None
    kernels: tuple[torch.FloatTensor, ...] | None = None
    mask_features: torch.FloatTensor | None = None
    valid_sizes: torch.LongTensor | None = None
    decoding: dict[str, Any] | None = None


class SOLOv2ConvLayer(GradientCheckpointingLayer):
    """Convolution without bias, group norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3):
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.GroupNorm(math.gcd(32, out_channels), out_channels)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolution(hidden_states)), inplace=True)  # nothing else reads the norm's output


class SOLOv2FeaturePyramid(nn.Module):
    """Feature pyramid (Lin et al. 2017) without norms.

    P2 to P5 come from lateral 1 × 1 and output 3 × 3 convolutions; P6 is every second pixel of P5.
    """

    def __init__(self, in_channels: list[int], channels: int):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in in_channels)
        self.output = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in in_channels)
        for convolution in [*self.lateral, *self.output]:
            convolution._solov2_init = "xavier"

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        c2, c3, c4, c5 = features
        # Top-down path: each level adds the enlarged level above to its lateral projection.
        m5 = self.lateral[3](c5)
        m4 = self.lateral[2](c4) + enlarge(m5, c4)
        m3 = self.lateral[1](c3) + enlarge(m4, c3)
        m2 = self.lateral[0](c2) + enlarge(m3, c2)
        # Output convolutions, coarse to fine.
        p5, p4, p3, p2 = (
            output(merged) for output, merged in zip(reversed(self.output), (m5, m4, m3, m2), strict=True)
        )
        return [p2, p3, p4, p5, p5[..., ::2, ::2]]  # the last one is P6


class SOLOv2InstanceHead(nn.Module):
    """Class scores and mask kernels on an S × S grid per level; all levels share the weights."""

    def __init__(self, config: SOLOv2Config):
        super().__init__()
        self.num_grids = config.num_grids
        # Two towers of convolutions, which differ only in their first input.
        widths = [config.fpn_channels] + [config.instance_channels] * config.num_instance_convs
        self.class_tower = nn.Sequential(*(SOLOv2ConvLayer(a, b) for a, b in zip(widths, widths[1:], strict=False)))
        widths[0] += 2  # only the kernel tower gets the coordinates
        self.kernel_tower = nn.Sequential(*(SOLOv2ConvLayer(a, b) for a, b in zip(widths, widths[1:], strict=False)))
        # One class score per class and one mask kernel per cell.
        self.class_head = nn.Conv2d(widths[-1], config.num_labels, 3, padding=1)
        self.kernel_head = nn.Conv2d(widths[-1], config.kernel_channels, 3, padding=1)
        self.class_head._solov2_init = "prior"

    def forward(self, pyramid: list[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        p2, p3, p4, p5, p6 = pyramid
        # As in the official code P2 is halved and P6 enlarged to P5's size, so the strides are 8, 8, 16, 32, 32.
        p2 = resize(p2, (p2.shape[-2] // 2, p2.shape[-1] // 2))
        p6 = resize(p6, p5.shape[-2:])
        class_logits, kernels = [], []
        for feature, grid in zip((p2, p3, p4, p5, p6), self.num_grids, strict=True):
            # Coordinates join before the reduction to the grid, so for S < W they do not reach ±1 (official code).
            cells = resize(torch.cat([feature, coordinates(feature)], dim=1), (grid, grid))  # (B, fpn + 2, S, S)
            class_logits.append(self.class_head(self.class_tower(cells[:, :-2])))  # (B, C, S, S)
            kernels.append(self.kernel_head(self.kernel_tower(cells)))  # (B, E, S, S)
        return tuple(class_logits), tuple(kernels)


class SOLOv2MaskFeatureHead(nn.Module):
    """Mask features: the sum of P2 to P5 at P2's size, then one 1 × 1 convolution to E channels.

    P3, P4 and P5 are doubled one, two and three times, with a convolution before each doubling.
    """

    def __init__(self, config: SOLOv2Config):
        super().__init__()
        self.levels = nn.ModuleList()
        for level in range(4):
            in_channels = config.fpn_channels + (2 if level == 3 else 0)  # the coordinates join P5
            widths = [in_channels] + [config.mask_channels] * max(level, 1)
            self.levels.append(nn.ModuleList(SOLOv2ConvLayer(a, b) for a, b in zip(widths, widths[1:], strict=False)))
        self.output = SOLOv2ConvLayer(config.mask_channels, config.kernel_channels, kernel_size=1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        merged = self.levels[0][0](pyramid[0])
        for level in (1, 2, 3):
            feature = pyramid[level]
            if level == 3:
                feature = torch.cat([feature, coordinates(feature)], dim=1)
            # Convolve and double until the size of P2 is reached.
            for layer, finer in zip(self.levels[level], reversed(pyramid[:level]), strict=True):
                feature = resize(layer(feature), finer.shape[-2:])
            merged = merged + feature
        return self.output(merged)  # (B, E, H/4, W/4), non-negative


def resize(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, h, w) features bilinearly with corners not aligned."""
    return F.interpolate(features, size=size, mode="bilinear", align_corners=False)


def enlarge(features: Tensor, reference: Tensor) -> Tensor:
    """Resize (B, C, h, w) features to the height and width of `reference` by repeating pixels."""
    return F.interpolate(features, size=reference.shape[-2:], mode="nearest")


def coordinates(features: Tensor) -> Tensor:
    """Return (B, 2, H, W) coordinates x and y, from −1 to 1 over the whole padded canvas."""
    batch, _, height, width = features.shape
    options = {"device": features.device, "dtype": features.dtype}
    y, x = torch.meshgrid(evenly_spaced(height, **options), evenly_spaced(width, **options), indexing="ij")
    return torch.stack([x, y]).expand(batch, -1, -1, -1)


def evenly_spaced(count: int, **options: Any) -> Tensor:
    """Return (count,) values from −1 to 1; `options` are the device and the dtype."""
    # An exported network would keep the number of values that `linspace` was traced with.
    if torch.compiler.is_exporting():
        return torch.arange(count, **options) * (2 / torch.sym_max(count - 1, 1)) - 1
    return torch.linspace(-1, 1, count, **options)


class SOLOv2PreTrainedModel(HubModel, PreTrainedModel):
    """Base class that initializes weights, freezes early modules, and loads and saves SOLOv2 models."""

    config: SOLOv2Config
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["SOLOv2ConvLayer", "SOLOv2FeaturePyramid"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)  # convolutions normal(0, initializer_range), norms one and zero
        # Leaves carry a tag, because transformers calls this for out-of-tree models only on modules with parameters.
        kind = getattr(module, "_solov2_init", None)
        if kind == "xavier":  # feature pyramid, as in detectron2
            init.kaiming_uniform_(module.weight, a=1)
            init.zeros_(module.bias)
        elif kind == "prior":  # all classes start as rare (Lin et al. 2017)
            prior = self.config.prior_probability
            init.constant_(module.bias, -math.log((1 - prior) / prior))

    def train(self, mode: bool = True):
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self):
        """Freeze norms and early stages as configured, at every change of mode because loading replaces parameters."""
        model = getattr(self, self.base_model_prefix, self)
        backbone = model.backbone
        if self.config.freeze_backbone_norm:
            for module in backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    freeze_norm(module)
        # Frozen modules are as in inference: their norms keep their statistics, and nothing is dropped at random.
        for module in frozen_modules(backbone, self.config.freeze_backbone_stages):
            module.training = False
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)


class SOLOv2Model(SOLOv2PreTrainedModel):
    """SOLOv2 without losses: class scores, mask kernels and mask features of a batch of images."""

    gradient_checkpointing = False  # set by transformers' `activation_checkpointing_enable`

    def __init__(self, config: SOLOv2Config):
        super().__init__(config)
        self.backbone = load_backbone(config)
        if len(self.backbone.channels) != 4:
            raise ValueError(
                f"the backbone returns {len(self.backbone.channels)} feature maps; SOLOv2 needs four (strides 4, 8, "
                "16, 32): set out_features of backbone_config"
            )
        self.feature_pyramid = SOLOv2FeaturePyramid(self.backbone.channels, config.fpn_channels)
        self.instance_head = SOLOv2InstanceHead(config)
        self.mask_feature_head = SOLOv2MaskFeatureHead(config)
        self.post_init()
        self._freeze()

    @can_return_tuple
    def forward(
        self, pixel_values: torch.FloatTensor, pixel_mask: torch.LongTensor | None = None, **kwargs
    ) -> SOLOv2InstanceSegmentationOutput:
        r"""Run backbone, feature pyramid and heads.

        pixel_values (`torch.FloatTensor` of shape `(batch_size, 3, height, width)`):
            Normalized images, padded to the right and at the bottom. They are converted to the dtype of the model.
        pixel_mask (`torch.LongTensor` of shape `(batch_size, height, width)`, *optional*):
            1 for image, 0 for padding; without it nothing is padding.

        Unknown keyword arguments raise a TypeError.
        """
        if kwargs:
            check_no_unknown_arguments(type(self).__name__, kwargs, FORWARD_ARGUMENTS[:2], IGNORED_ARGUMENTS)
        # Backbone and feature pyramid, shared by both heads.
        pyramid = self.feature_pyramid(list(self._feature_maps(pixel_values.to(self.dtype))))
        # Class scores and mask kernels per cell, and the features that the kernels are multiplied with.
        class_logits, kernels = self.instance_head(pyramid)
        return SOLOv2InstanceSegmentationOutput(
            class_logits=class_logits,
            kernels=kernels,
            mask_features=self.mask_feature_head(pyramid),
            valid_sizes=valid_sizes(pixel_values, pixel_mask),
            decoding=asdict(DecodingSettings.of(self.config)),
        )

    def _feature_maps(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        """Return C2 … C5; with activation checkpointing, the backward pass computes the backbone again."""

        def run(images: Tensor) -> tuple[Tensor, ...]:
            return tuple(self.backbone(images).feature_maps)

        # Norms that learn would count every batch twice in their statistics.
        norms = (module for module in self.backbone.modules() if isinstance(module, nn.BatchNorm2d))
        if not self.gradient_checkpointing or not self.training or any(norm.training for norm in norms):
            return run(pixel_values)
        return checkpoint(run, pixel_values, use_reentrant=False)


def valid_sizes(pixel_values: Tensor, pixel_mask: Tensor | None) -> Tensor:
    """Return (B, 2) height and width of each image inside the padded canvas."""
    if pixel_mask is None:
        return torch.tensor(pixel_values.shape[-2:], device=pixel_values.device).expand(len(pixel_values), 2)
    # Rows and columns that contain image: padding is at the bottom and on the right only.
    pixel_mask = pixel_mask != 0
    return torch.stack([pixel_mask.any(dim=2).sum(dim=1), pixel_mask.any(dim=1).sum(dim=1)], dim=1)


class SOLOv2ForInstanceSegmentation(SOLOv2PreTrainedModel):
    """SOLOv2 with its losses.

    The post-processing methods of the image processor turn its outputs into instances, with or without points.
    """

    def __init__(self, config: SOLOv2Config):
        super().__init__(config)
        self.model = SOLOv2Model(config)
        self.post_init()
        self._freeze()

    @torch.no_grad()
    def encode(
        self, pixel_values: torch.FloatTensor, pixel_mask: torch.LongTensor | None = None
    ) -> SOLOv2InstanceSegmentationOutput:
        """Run the network once, so that any number of points can be decoded from the outputs afterwards.

        Args:
            pixel_values: (B, 3, H, W) normalized images, padded to the right and at the bottom.
            pixel_mask: (B, H, W), 1 for image, 0 for padding.

        Returns:
            The raw outputs; they can be passed to `post_process_point_instance_segmentation` of the image processor
            repeatedly.
        """
        return self.model(pixel_values, pixel_mask, return_dict=True)

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.FloatTensor,
        pixel_mask: torch.LongTensor | None = None,
        mask_labels: list[torch.Tensor] | None = None,
        class_labels: list[torch.LongTensor] | None = None,
        boxes: list[torch.FloatTensor] | None = None,
        mask_weights: list[torch.FloatTensor] | None = None,
        incomplete_classes: torch.BoolTensor | None = None,
        ignore_points: list[torch.FloatTensor] | None = None,
        **kwargs,
    ) -> SOLOv2InstanceSegmentationOutput:
        r"""Segment images, and compute the losses when labels are given.

        pixel_values (`torch.FloatTensor` of shape `(batch_size, 3, height, width)`):
            Normalized images, padded to the right and at the bottom.
        pixel_mask (`torch.LongTensor` of shape `(batch_size, height, width)`, *optional*):
            1 for image, 0 for padding; without it nothing is padding.
        mask_labels (`list[torch.Tensor]`, *optional*):
            One `(num_instances, height, width)` 0/1 tensor per image, in the frame of `pixel_values` (padded or not).
        class_labels (`list[torch.LongTensor]`, *optional*):
            One `(num_instances,)` tensor of class ids per image.
        boxes (`list[torch.FloatTensor]`, *optional*):
            One `(num_instances, 4)` xyxy tensor per image, in the frame of `mask_labels`; they determine the pyramid
            level and the positive cells. Without them the extent of each mask is used (exclusive maximum).
        mask_weights (`list[torch.FloatTensor]`, *optional*):
            One `(num_instances,)` tensor per image with the weight of each mask in the mask loss; 1 without it.
        incomplete_classes (`torch.BoolTensor` of shape `(batch_size, num_labels)`, *optional*):
            True if an image may contain objects of a class without a mask: in cells that belong to no mask, this class
            has no background loss. Without it every object has its mask.
        ignore_points (`list[torch.FloatTensor]`, *optional*):
            One `(num_points, 2)` tensor per image, (x, y) in pixels of `pixel_values`: objects that have a point but no
            mask; the cells around them have no background loss.

        Unknown keyword arguments, such as `labels`, raise a TypeError.
        """
        if kwargs:
            check_no_unknown_arguments(type(self).__name__, kwargs, FORWARD_ARGUMENTS, IGNORED_ARGUMENTS)
        if (mask_labels is None) != (class_labels is None):
            raise ValueError("mask_labels and class_labels belong together: give both or neither")
        outputs = self.model(pixel_values, pixel_mask, return_dict=True)  # the loss reads outputs by name
        if mask_labels is None:
            return outputs
        incomplete = IncompleteLabels(mask_weights, incomplete_classes, ignore_points)
        loss_dict = solov2_loss(outputs, mask_labels, class_labels, boxes, self.config, incomplete)
        return SOLOv2InstanceSegmentationOutput(loss=sum(loss_dict.values()), loss_dict=loss_dict, **outputs)


__all__ = ["SOLOv2ForInstanceSegmentation", "SOLOv2InstanceSegmentationOutput", "SOLOv2Model", "SOLOv2PreTrainedModel"]
