# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Networks that become one ONNX file each: encoder, point decoder, detector, refiner.

The encoder runs once per image; decoder and detector read its tables of cells, level by level and row by row, and the
mask features. All sizes and numbers of points are free, so the decoding is written here without the blocks and the
early ends by which the library saves memory.
"""

import torch
from torch import Tensor, nn

from ..models.mask_refine_net.decoders_mask_refine_net import resize
from ..models.mask_refine_net.heatmaps_mask_refine_net import draw_point_heatmaps
from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.solov2.decoding_solov2 import DecodingSettings, level_of_cells
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.nms import point_nms


class Encoder(nn.Module):
    """Image → class confidences and mask kernels of all cells, and mask features."""

    def __init__(self, model: SOLOv2ForInstanceSegmentation):
        super().__init__()
        self.model = model.model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode images.

        Args:
            pixel_values: (B, 3, H, W) normalized images.

        Returns:
            (B, cells, C) class confidences, (B, cells, E) mask kernels, (B, E, H / 4, W / 4) mask features.
        """
        pyramid = self.model.feature_pyramid(list(self.model.backbone(pixel_values).feature_maps))
        class_logits, kernels = self.model.instance_head(pyramid)
        # The cells of all levels as one table.
        confidences = torch.cat([logits.flatten(2).mT for logits in class_logits], dim=1).sigmoid()
        kernels = torch.cat([level.flatten(2).mT for level in kernels], dim=1)
        return confidences, kernels, self.model.mask_feature_head(pyramid)


class PointDecoder(nn.Module):
    """Points of one image → one instance each: Adaptive Pyramid-Level Selection (paper, section 3.2)."""

    def __init__(self, settings: DecodingSettings):
        super().__init__()
        self.settings = settings

    def forward(
        self,
        confidences: Tensor,
        kernels: Tensor,
        mask_features: Tensor,
        points: Tensor,
        point_labels: Tensor,
        point_levels: Tensor,
    ) -> tuple[Tensor, ...]:
        """Decode points.

        Args:
            confidences: (cells, C) of the encoder.
            kernels: (cells, E) of the encoder.
            mask_features: (E, h, w) of the encoder.
            points: (N, 2) float, (x, y) in pixels of the padded canvas.
            point_labels: (N,) classes, −1 for an unknown class.
            point_levels: (N,) level of each point, 0 (P2) to 4 (P6); −1 chooses the best one.

        Returns:
            (N, h, w) mask probabilities, (N,) labels, (N,) scores, (N,) levels, (N, 5) level scores, (N, C) class
            scores, (N,) background scores; see `PointInstances`.
        """
        settings = self.settings
        height, width = mask_features.shape[-2:]
        relative = torch.stack([points[:, 0] / (4 * width), points[:, 1] / (4 * height)], dim=1)
        cells = cells_at(relative, settings.num_grids)  # (N, L)
        own_confidences, own_kernels = confidences[cells], kernels[cells]  # (N, L, C), (N, L, E)
        # Masks of all levels, and their mean probability inside.
        probabilities = (own_kernels @ mask_features.flatten(1)).sigmoid()  # (N, L, h · w)
        foreground = (probabilities > settings.mask_threshold).float()
        areas = foreground.sum(dim=2)
        maskness = (foreground * probabilities).sum(dim=2) / areas.clamp(min=1)  # (N, L)
        # Class of each point: the given one, else the best at any level.
        scores = own_confidences * maskness[..., None]  # (N, L, C)
        class_scores = scores.amax(dim=1)
        labels = torch.where(point_labels >= 0, point_labels, class_scores.argmax(dim=1))
        own = labels[:, None, None].expand(-1, scores.shape[1], 1)
        scores = scores.gather(2, own)[..., 0]  # (N, L)
        compared = scores
        if settings.level_score != "confidence_times_maskness":
            compared = own_confidences.gather(2, own)[..., 0]
        compared = compared * (maskness > 0)  # an empty mask never wins
        levels = torch.where(point_levels >= 0, point_levels, compared.argmax(dim=1))
        # Confidence × mask probability at the point itself.
        column, row = (points / 4).long().unbind(dim=1)
        place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        at_point = mask_features.flatten(1)[:, place].T  # (N, E)
        inside = (own_kernels * at_point[:, None]).sum(dim=2).sigmoid()
        background = 1 - (own_confidences.amax(dim=2) * inside).amax(dim=1)
        # The chosen level.
        chosen = levels[:, None]
        score = scores.gather(1, chosen)[:, 0]
        masks = probabilities.gather(1, chosen[..., None].expand(-1, 1, probabilities.shape[2]))[:, 0]
        masks = masks.unflatten(1, (height, width))
        return masks, labels, score, levels, compared, class_scores, background


def cells_at(points: Tensor, num_grids: list[int]) -> Tensor:
    """Return the (N, L) index into the table of cells of the cell that contains each point, as `cells_of_points` does.

    ONNX has no floor division. Rounding the quotient would move points on the border of two cells; the remainder is
    exact.

    Args:
        points: (N, 2), (x, y) divided by the sides of the canvas.
        num_grids: cells along each side, S, of each level.
    """
    offset, cells = 0, []
    for grid in num_grids:
        whole = points - torch.fmod(points, 1.0 / grid)
        column, row = (whole / (1.0 / grid)).round().long().clamp(0, grid - 1).unbind(dim=1)
        cells.append(offset + row * grid + column)
        offset += grid**2
    return torch.stack(cells, dim=1)


class Detector(nn.Module):
    """Proposals of ordinary instance segmentation of one image, before Matrix NMS or mask NMS."""

    def __init__(self, settings: DecodingSettings):
        super().__init__()
        self.settings = settings
        strides, levels = level_of_cells(settings, torch.device("cpu"))
        self.register_buffer("strides", strides)
        self.register_buffer("levels", levels)

    def forward(self, confidences: Tensor, kernels: Tensor, mask_features: Tensor) -> tuple[Tensor, ...]:
        """Decode the masks of all cells above the score threshold; arguments as in `PointDecoder`.

        Returns:
            (N, h, w) mask probabilities, (N,) labels, (N,) scores, (N,) levels, best first, at most `nms_top_k`.
        """
        settings = self.settings
        scores = self._peaks(confidences)
        # Masks of the cells with a proposal, and their mean probability inside.
        cells = (scores.amax(dim=1) > settings.score_threshold).nonzero()[:, 0]
        own_scores = scores[cells]
        probabilities = (kernels[cells] @ mask_features.flatten(1)).sigmoid()
        foreground = (probabilities > settings.mask_threshold).float()
        areas = foreground.sum(dim=1)
        maskness = (foreground * probabilities).sum(dim=1) / areas.clamp(min=1)
        # Proposals whose mask has more pixels than the stride of its level, best first.
        is_proposal = (own_scores > settings.score_threshold) & (areas > self.strides[cells])[:, None]
        rows, labels = is_proposal.nonzero(as_tuple=True)
        scores = own_scores[rows, labels] * maskness[rows]
        best = scores.sort(descending=True).indices[: settings.nms_top_k]
        masks = probabilities[rows[best]].unflatten(1, mask_features.shape[-2:])
        return masks, labels[best], scores[best], self.levels[cells[rows[best]]]

    def _peaks(self, confidences: Tensor) -> Tensor:
        """Return (cells, C) class confidences, zero except at the peaks of their level (point NMS)."""
        grids, peaks = self.settings.num_grids, []
        for grid, level in zip(grids, confidences.split([grid**2 for grid in grids]), strict=True):
            peaks.append(point_nms(level.T.unflatten(1, (grid, grid))).flatten(1).T)
        return torch.cat(peaks)


class Refiner(nn.Module):
    """Crops with rough masks and points → probabilities of background and foreground."""

    def __init__(self, model: MaskRefineNetForMaskRefinement):
        super().__init__()
        self.model = model

    def forward(
        self, pixel_values: Tensor, rough_masks: Tensor, input_points: Tensor, class_labels: Tensor | None = None
    ) -> Tensor:
        """Refine masks; arguments as in `MaskRefineNetForMaskRefinement`, but class labels only if it needs them.

        Returns:
            (M, 2, S, S) probabilities.
        """
        model, config = self.model, self.model.config
        # Prompts: a heat map of each point, in the channel of its class, and the rough masks.
        heatmaps = draw_point_heatmaps(input_points, pixel_values.shape[-2:], config.point_sigma)[:, None]
        channels = torch.zeros_like(input_points[:, 0])
        if class_labels is not None:
            channels = class_labels + config.class_channel_offset
        rough_masks = rough_masks if config.use_rough_mask else torch.zeros_like(rough_masks)
        heatmaps = heatmaps if config.use_point else torch.zeros_like(heatmaps)
        features = model.encoder(pixel_values, rough_masks, heatmaps, channels)
        return resize(model.head(model.decoder(features)), pixel_values.shape[-2:]).softmax(dim=1)
