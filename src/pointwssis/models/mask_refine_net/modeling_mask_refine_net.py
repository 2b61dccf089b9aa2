# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""MaskRefineNet (paper, section 3.3): image crop + point + rough mask → refined mask.

Both architectures share the input layer and the head. The paper describes a ResNet-FPN whose only output is P2; the
official code and its checkpoints use a U-Net with atrous spatial pyramid pooling, which is the default here.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoBackbone
from transformers import initialization as init
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ...hub.mixins import HubModel
from ..forward_arguments import check_no_unknown_arguments
from .configuration_mask_refine_net import MaskRefineNetConfig
from .decoders_mask_refine_net import MaskRefineNetFPNDecoder, MaskRefineNetUNetDecoder, resize
from .heatmaps_mask_refine_net import draw_point_heatmaps
from .loss_mask_refine_net import mask_refinement_loss

FORWARD_ARGUMENTS = ("pixel_values", "rough_masks", "input_points", "class_labels", "mask_labels")
IGNORED_ARGUMENTS = ("crop_boxes", "image_indices")  # of the image processor, for post-processing


@dataclass
class MaskRefineNetOutput(ModelOutput):
    r"""Output of [`MaskRefineNetForMaskRefinement`].

    loss (`torch.FloatTensor` of shape `()`, *optional*, returned when `mask_labels` are given):
        Dice loss of the batch.
    logits (`torch.FloatTensor` of shape `(batch_size, 2, height, width)`):
        Logits of background and foreground, in the frame of the crops.
    hidden_states (`tuple[torch.FloatTensor]`, *optional*, returned when `output_hidden_states=True`):
        The five feature maps of the encoder, at strides 2, 4, 8, 16 and 32.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None


class MaskRefineNetInputConv(nn.Module):
    """One 7 x 7 convolution with stride 2 over [RGB, one heat-map channel per class, rough mask].

    Only the channel of a sample's own class contains a point, all others are zero. A convolution is linear, so the
    64 × 7 × 7 slice of the point weights for this class gives the same result at a cost that does not grow with the
    number of classes (the official code builds all C + 1 channels, 21 MB per crop on COCO).
    """

    kernel_size, stride, padding = 7, 2, 3

    def __init__(self, num_point_channels: int, out_channels: int):
        super().__init__()
        self.image_weight = nn.Parameter(torch.empty(out_channels, 3, self.kernel_size, self.kernel_size))
        self.mask_weight = nn.Parameter(torch.empty(out_channels, 1, self.kernel_size, self.kernel_size))
        self.point_weight = nn.Parameter(
            torch.empty(num_point_channels, out_channels, self.kernel_size, self.kernel_size)
        )

    def forward(self, pixel_values: Tensor, rough_masks: Tensor, heatmaps: Tensor, point_channels: Tensor) -> Tensor:
        """Map (B, 3, H, W), (B, 1, H, W), (B, 1, H, W) and (B,) to (B, out_channels, H/2, W/2)."""
        shared_input = torch.cat([pixel_values, rough_masks], dim=1)
        shared_weight = torch.cat([self.image_weight, self.mask_weight], dim=1)
        # Image and rough mask: one convolution with the same weights for all samples.
        features = F.conv2d(shared_input, shared_weight, stride=self.stride, padding=self.padding)
        # Heat map: each sample has the weights of its class, so the convolution is a product with unfolded patches.
        patches = F.unfold(heatmaps, self.kernel_size, stride=self.stride, padding=self.padding)  # (B, 49, H/2 * W/2)
        point_weight = self.point_weight[point_channels].flatten(2)  # (B, out_channels, 49)
        return features + torch.bmm(point_weight, patches).view_as(features)


class MaskRefineNetInputLayer(nn.Module):
    """The input convolution, batch norm and ReLU: the stem of a ResNet with more channels."""

    def __init__(self, config: MaskRefineNetConfig):
        super().__init__()
        self.convolution = MaskRefineNetInputConv(config.num_point_channels, config.input_channels)
        self.normalization = nn.BatchNorm2d(config.input_channels)

    def forward(self, pixel_values: Tensor, rough_masks: Tensor, heatmaps: Tensor, point_channels: Tensor) -> Tensor:
        features = self.convolution(pixel_values, rough_masks, heatmaps, point_channels)
        return F.relu(self.normalization(features), inplace=True)


class MaskRefineNetEncoder(nn.Module):
    """Five feature maps: the input layer's (stride 2) and the backbone's four (strides 4 to 32).

    In a ResNet the input layer replaces the stem, as in the official code. Any other backbone keeps its own first layer
    and reads the input layer's features, enlarged to the image's size, as additional image channels.
    """

    def __init__(self, config: MaskRefineNetConfig):
        super().__init__()
        self.input_layer = MaskRefineNetInputLayer(config)
        self.replaces_stem = config.backbone_config.model_type == "resnet"
        if self.replaces_stem:
            self.backbone = AutoBackbone.from_config(config.backbone_config)
            self.backbone.embedder = self.backbone.embedder.pooler
        else:
            # The backbone's first layer reads the image and the features of the input layer.
            backbone_config = copy.deepcopy(config.backbone_config)
            backbone_config.num_channels = 3 + config.input_channels
            self.backbone = AutoBackbone.from_config(backbone_config)
            first = next(module for module in self.backbone.modules() if isinstance(module, nn.Conv2d))
            if first.in_channels != backbone_config.num_channels:
                raise ValueError(
                    f"{type(self.backbone).__name__} ignores num_channels of its configuration, so it cannot read "
                    f"points and rough masks; use another backbone_config"
                )
        self.channels = [config.input_channels, *self.backbone.channels]

    def forward(
        self, pixel_values: Tensor, rough_masks: Tensor, heatmaps: Tensor, point_channels: Tensor
    ) -> list[Tensor]:
        c1 = self.input_layer(pixel_values, rough_masks, heatmaps, point_channels)  # (B, input_channels, S/2, S/2)
        if self.replaces_stem:
            return [c1, *self.backbone(c1).feature_maps]
        enlarged = resize(c1, pixel_values.shape[-2:])
        return [c1, *self.backbone(torch.cat([pixel_values, enlarged], dim=1)).feature_maps]

    def load_backbone(self, backbone: PreTrainedModel):
        """Copy the weights of an image backbone (see `MaskRefineNetForMaskRefinement.init_from_backbone`)."""
        weights = backbone.state_dict()
        if self.replaces_stem:
            # The stem of the backbone initializes the part of the input layer that reads RGB.
            stem = "embedder.embedder."
            stem_weights = {
                name.removeprefix(stem): weights.pop(name) for name in list(weights) if name.startswith(stem)
            }
            self.input_layer.convolution.image_weight.copy_(stem_weights.pop("convolution.weight"))
            norm_weights = {name.removeprefix("normalization."): value for name, value in stem_weights.items()}
            self.input_layer.normalization.load_state_dict(norm_weights)
        else:
            # The first layer gets zero weights for the additional channels.
            ours, added = self.backbone.state_dict(), self.channels[0]
            for name, weight in weights.items():
                if name in ours and ours[name].ndim == 4 and ours[name].shape[1] == weight.shape[1] + added:
                    weights[name] = F.pad(weight, (0, 0, 0, 0, 0, added))
        self.backbone.load_state_dict(weights)


class MaskRefineNetPreTrainedModel(HubModel, PreTrainedModel):
    """Base class that initializes weights, and loads and saves MaskRefineNet models."""

    config: MaskRefineNetConfig
    base_model_prefix = "mask_refine_net"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    # Recomputing a block would update the running statistics of its batch norms twice.
    supports_gradient_checkpointing = False
    accepts_loss_kwargs = False
    _no_split_modules = ["MaskRefineNetInputLayer", "MaskRefineNetASPP", "MaskRefineNetConvLayer"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        # For out-of-tree models transformers calls this only on modules with parameters.
        super()._init_weights(module)  # norms one and zero, biases zero
        if isinstance(module, nn.Conv2d) and getattr(module, "_is_head", False):
            init.normal_(module.weight, std=0.01)
        elif isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, MaskRefineNetInputConv):
            init.kaiming_normal_(module.image_weight, mode="fan_out", nonlinearity="relu")
            init.kaiming_normal_(module.mask_weight, mode="fan_out", nonlinearity="relu")
            init.normal_(module.point_weight, std=(2 / module.mask_weight[:, 0].numel()) ** 0.5)


class MaskRefineNetForMaskRefinement(MaskRefineNetPreTrainedModel):
    """MaskRefineNet, which refines rough masks from one crop and one point per object (paper, section 3.3)."""

    def __init__(self, config: MaskRefineNetConfig):
        super().__init__(config)
        self.encoder = MaskRefineNetEncoder(config)
        decoder_class = MaskRefineNetUNetDecoder if config.architecture == "unet" else MaskRefineNetFPNDecoder
        self.decoder = decoder_class(config, self.encoder.channels)
        self.head = nn.Conv2d(self.decoder.out_channels, 2, 1)
        self.head._is_head = True
        self.post_init()

    @torch.no_grad()
    def init_from_backbone(self, backbone: PreTrainedModel):
        """Copy the weights of a backbone that was pretrained on images, such as ImageNet.

        The official code discards the pretrained first layer because its shape does not fit; here its weights for RGB
        are copied. In a ResNet the weights for the point and the rough mask keep their random initialization; in any
        other backbone the weights for the additional channels start at zero.

        Args:
            backbone: a model of the class and the sizes of `config.backbone_config`, such as
                `ResNetBackbone.from_pretrained("microsoft/resnet-18", config=model.config.backbone_config)`.
        """
        self.encoder.load_backbone(backbone)

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.FloatTensor,
        rough_masks: torch.Tensor,
        input_points: torch.Tensor,
        class_labels: torch.LongTensor | None = None,
        mask_labels: torch.LongTensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs,
    ) -> MaskRefineNetOutput:
        r"""Refine one rough mask per crop, and compute the loss when labels are given.

        pixel_values (`torch.FloatTensor` of shape `(batch_size, 3, height, width)`):
            Normalized crops. They are converted to the dtype of the model; points keep theirs, to be exact.
        rough_masks (`torch.Tensor` of shape `(batch_size, 1, height, width)`):
            The rough mask of each object, 0 or 1, in the frame of its crop.
        input_points (`torch.Tensor` of shape `(batch_size, 2)`):
            The point of each object, (x, y) in pixels of its crop. A point outside the crop has an empty heat map.
        class_labels (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            The class of each object; ignored if `config.class_conditional` is `False`.
        mask_labels (`torch.LongTensor` of shape `(batch_size, height, width)`, *optional*):
            The ground-truth mask of each object in the frame of its crop: 0, 1, or 255, which counts as 0.
        output_hidden_states (`bool`, *optional*):
            Return the feature maps of the encoder; the configuration's setting without it.

        Unknown keyword arguments, such as `labels`, raise a TypeError.
        """
        if kwargs:
            check_no_unknown_arguments(type(self).__name__, kwargs, FORWARD_ARGUMENTS, IGNORED_ARGUMENTS)
        size = pixel_values.shape[-2:]
        if rough_masks.shape != (len(pixel_values), 1, *size):
            raise ValueError(
                f"rough_masks must have the shape {(len(pixel_values), 1, *size)} for pixel_values of shape "
                f"{tuple(pixel_values.shape)}, got {tuple(rough_masks.shape)}"
            )
        # Prompts: a heat map of each point, in the channel of its class, and the rough masks.
        heatmaps = draw_point_heatmaps(input_points, size, self.config.point_sigma)[:, None]
        point_channels = self._point_channels(class_labels, input_points)
        pixel_values, rough_masks, heatmaps = (part.to(self.dtype) for part in (pixel_values, rough_masks, heatmaps))
        # Inputs that the configuration withholds are empty.
        rough_masks = rough_masks if self.config.use_rough_mask else torch.zeros_like(rough_masks)
        heatmaps = heatmaps if self.config.use_point else torch.zeros_like(heatmaps)
        # Encoder, decoder, head, and logits at the size of the crop.
        features = self.encoder(pixel_values, rough_masks, heatmaps, point_channels)
        logits = resize(self.head(self.decoder(features)), size)
        loss = None if mask_labels is None else mask_refinement_loss(logits, mask_labels)
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        hidden_states = tuple(features) if output_hidden_states else None
        return MaskRefineNetOutput(loss=loss, logits=logits, hidden_states=hidden_states)

    def _point_channels(self, class_labels: Tensor | None, input_points: Tensor) -> Tensor:
        """Return the (B,) heat-map channel of each sample."""
        if not self.config.class_conditional:
            return torch.zeros(len(input_points), dtype=torch.long, device=input_points.device)
        if class_labels is None:
            raise ValueError(
                "class_labels is missing; only a refiner with config.class_conditional = False works without it"
            )
        if not torch.compiler.is_compiling() and len(class_labels):
            lowest, highest = class_labels.min().item(), class_labels.max().item()
            if lowest < 0 or highest >= self.config.num_labels:
                raise ValueError(
                    f"class_labels must lie between 0 and {self.config.num_labels - 1} for this refiner, got values "
                    f"from {lowest} to {highest}"
                )
        return class_labels + self.config.class_channel_offset


__all__ = ["MaskRefineNetForMaskRefinement", "MaskRefineNetOutput", "MaskRefineNetPreTrainedModel"]
