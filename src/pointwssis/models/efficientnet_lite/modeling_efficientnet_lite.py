# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""EfficientNet-Lite (Liu 2020, after Tan and Le 2019): inverted residual blocks without squeeze-and-excitation.

The arithmetic is that of TensorFlow's models, from which the weights come: "same" padding, which pads more at the
bottom and on the right where the stride is 2, and ReLU6.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import initialization as init
from transformers.backbone_utils import BackboneMixin, filter_output_hidden_states
from transformers.modeling_outputs import BackboneOutput
from transformers.modeling_utils import PreTrainedModel
from transformers.utils.generic import can_return_tuple

from .configuration_efficientnet_lite import EfficientNetLiteConfig


class EfficientNetLiteConvLayer(nn.Module):
    """Convolution with TensorFlow's "same" padding, batch norm and, unless it is a projection, ReLU6."""

    def __init__(
        self,
        config: EfficientNetLiteConfig,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        stride: int = 1,
        groups: int = 1,
        is_projection: bool = False,
    ):
        super().__init__()
        # With stride 1 the padding is symmetric, and the convolution does it by itself.
        padding = kernel_size // 2 if stride == 1 else 0
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
        self.normalization = nn.BatchNorm2d(out_channels, config.batch_norm_eps, config.batch_norm_momentum)
        self.is_projection = is_projection

    def forward(self, hidden_states: Tensor) -> Tensor:
        if self.convolution.stride != (1, 1):
            hidden_states = pad_same(hidden_states, self.convolution.kernel_size[0], self.convolution.stride[0])
        if self.convolution.groups > 1 and trains_under_cpu_autocast(hidden_states, self.convolution.weight):
            # The gradient of a depthwise convolution in bfloat16 takes up to three times as long as in float32.
            with torch.autocast("cpu", enabled=False):
                hidden_states = self.convolution(hidden_states.float()).to(hidden_states.dtype)
        else:
            hidden_states = self.convolution(hidden_states)
        hidden_states = self.normalization(hidden_states)
        return hidden_states if self.is_projection else F.relu6(hidden_states)


def trains_under_cpu_autocast(features: Tensor, weight: Tensor) -> bool:
    """Return True if a convolution has a backward pass and runs under autocast on a CPU."""
    has_gradient = torch.is_grad_enabled() and (features.requires_grad or weight.requires_grad)
    return has_gradient and features.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def fastest_layout(images: Tensor) -> Tensor:
    """Return (B, C, H, W) images in the memory layout that depthwise convolutions prefer: channels last on a CPU."""
    return images.contiguous(memory_format=torch.channels_last) if images.device.type == "cpu" else images


def pad_same(features: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Pad (B, C, H, W) features with zeros so that a convolution without padding gives ceil(H / stride) rows."""
    pads = []
    for size in (features.shape[-1], features.shape[-2]):  # `F.pad` begins with the last dimension
        output_size = -(-size // stride)
        total = max((output_size - 1) * stride + kernel_size - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(features, pads)


class EfficientNetLiteBlock(nn.Module):
    """Inverted residual block: expansion by a 1 × 1 convolution, depthwise convolution, projection."""

    def __init__(
        self,
        config: EfficientNetLiteConfig,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        expand_ratio: int,
    ):
        super().__init__()
        width = in_channels * expand_ratio
        layers = []
        if expand_ratio != 1:
            layers.append(EfficientNetLiteConvLayer(config, in_channels, width))
        layers.append(EfficientNetLiteConvLayer(config, width, width, kernel_size, stride, groups=width))
        layers.append(EfficientNetLiteConvLayer(config, width, out_channels, is_projection=True))
        self.layers = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, hidden_states: Tensor) -> Tensor:
        output = self.layers(hidden_states)
        return hidden_states + output if self.has_shortcut else output


class EfficientNetLitePreTrainedModel(PreTrainedModel):
    """Base class that initializes weights, and loads and saves EfficientNet-Lite."""

    config: EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    _no_split_modules = ["EfficientNetLiteBlock"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)  # norms one and zero
        if isinstance(module, nn.Conv2d):
            # The fan out of a depthwise convolution is that of one of its groups, as in TensorFlow.
            kernel_area = module.kernel_size[0] * module.kernel_size[1]
            init.normal_(module.weight, std=(2 * module.groups / (kernel_area * module.out_channels)) ** 0.5)


class EfficientNetLiteBackbone(BackboneMixin, EfficientNetLitePreTrainedModel):
    """EfficientNet-Lite as backbone: `stem` (stride 2) and `stage1` to `stage4` (strides 4, 8, 16 and 32).

    Without a classifier: its head, the 1 × 1 convolution to 1280 channels and the linear layer, is left out.
    """

    has_attentions = False

    def __init__(self, config: EfficientNetLiteConfig):
        super().__init__(config)
        modules = [[EfficientNetLiteConvLayer(config, config.num_channels, config.embedding_size, 3, stride=2)]]
        self.num_features = [config.embedding_size]
        groups = zip(
            config.hidden_sizes, config.depths, config.kernel_sizes, config.strides, config.expand_ratios, strict=True
        )
        for channels, depth, kernel_size, stride, expand_ratio in groups:
            if stride == 2:  # a new stage begins
                modules.append([])
                self.num_features.append(self.num_features[-1])
            for index in range(depth):
                block_stride = stride if index == 0 else 1
                in_channels, self.num_features[-1] = self.num_features[-1], channels
                modules[-1].append(
                    EfficientNetLiteBlock(config, in_channels, channels, kernel_size, block_stride, expand_ratio)
                )
        self.embedder = nn.Sequential(*modules[0])
        self.stages = nn.ModuleList(nn.Sequential(*blocks) for blocks in modules[1:])
        self.post_init()

    @can_return_tuple
    @filter_output_hidden_states
    def forward(self, pixel_values: Tensor, output_hidden_states: bool | None = None, **kwargs) -> BackboneOutput:
        r"""Return the feature maps of the configured stages.

        pixel_values (`torch.FloatTensor` of shape `(batch_size, num_channels, height, width)`):
            Normalized images.
        output_hidden_states (`bool`, *optional*):
            Return the output of the stem and of every stage, too.
        """
        hidden_states = (self.embedder(fastest_layout(pixel_values)),)
        for stage in self.stages:
            hidden_states += (stage(hidden_states[-1]),)
        maps = dict(zip(self.stage_names, hidden_states, strict=True))
        feature_maps = tuple(maps[name].contiguous() for name in self.out_features)
        return BackboneOutput(feature_maps=feature_maps, hidden_states=hidden_states)


__all__ = ["EfficientNetLiteBackbone", "EfficientNetLitePreTrainedModel"]
