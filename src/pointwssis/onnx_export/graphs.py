# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What becomes one ONNX file each: encoder, point decoder, detector, refiner.

The encoder runs once per image; decoder and detector read its tables of cells, level by level and row by row, and the
mask features. All sizes and numbers of points are free, so the decoding is written here without the blocks and the
early ends by which the library saves memory.
"""

import torch
from torch import Tensor, nn

from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.solov2.decoding_solov2 import DecodingSettings, level_of_cells
from ..models.solov2.grid_solov2 import cells_of_points
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.nms import point_nms


class Encoder(nn.Module):
    """Image → class confidences and mask kernels of all cells, and mask features."""

    def __init__(self, model: SOLOv2ForInstanceSegmentation):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode images.

        Args:
            pixel_values: (B, 3, H, W) normalized images.

        Returns:
            (B, cells, C) class confidences, (B, cells, E) mask kernels, (B, E, H / 4, W / 4) mask features.
        """
        model = self.model.model
        pyramid = model.feature_pyramid(list(model.backbone(pixel_values).feature_maps))
        class_logits, kernels = model.instance_head(pyramid)
        # The cells of all levels as one table.
        confidences = torch.cat([logits.flatten(2).mT for logits in class_logits], dim=1).sigmoid()
        kernels = torch.cat([level.flatten(2).mT for level in kernels], dim=1)
        return confidences, kernels, model.mask_feature_head(pyramid)


class PointDecoder(nn.Module):
    """Points of one image → one instance each: Adaptive Pyramid-Level Selection (paper, section 3.2)."""

    def __init__(self, settings: DecodingSettings):
        super().__init__()
        self.settings = settings

    def forward(
        self, confidences: Tensor, kernels: Tensor, mask_features: Tensor, points: Tensor, labels: Tensor, level: Tensor
    ) -> tuple[Tensor, ...]:
        """Decode points.

        Args:
            confidences: (cells, C) of the encoder.
            kernels: (cells, E) of the encoder.
            mask_features: (E, h, w) of the encoder.
            points: (N, 2) float, (x, y) in pixels of the padded canvas.
            labels: (N,) classes, −1 for an unknown class.
            level: (N,) level of each point, 0 (P2) to 4 (P6); −1 chooses the best one.

        Returns:
            (N, h, w) mask probabilities, (N,) labels, (N,) scores, (N,) levels, (N, 5) level scores, (N, C) class
            scores, (N,) background scores; see `PointInstances`.
        """
        settings = self.settings
        height, width = mask_features.shape[-2:]
        cells = cells_of_points(points, settings.num_grids, (4 * height, 4 * width))  # (N, L)
        own_confidences, own_kernels = confidences[cells], kernels[cells]  # (N, L, C), (N, L, E)
        # Masks of all levels, and their mean probability inside.
        probabilities = (own_kernels @ mask_features.flatten(1)).sigmoid()  # (N, L, h · w)
        foreground = (probabilities > settings.mask_threshold).float()
        areas = foreground.sum(dim=2)
        maskness = (foreground * probabilities).sum(dim=2) / areas.clamp(min=1)  # (N, L)
        # Class of each point: the given one, else the best at any level.
        scores = own_confidences * maskness[..., None]  # (N, L, C)
        class_scores = scores.amax(dim=1)
        labels = torch.where(labels >= 0, labels, class_scores.argmax(dim=1))
        own = labels[:, None, None].expand(-1, scores.shape[1], 1)
        scores = scores.gather(2, own)[..., 0]  # (N, L)
        compared = scores
        if settings.level_score != "confidence_times_maskness":
            compared = own_confidences.gather(2, own)[..., 0]
        compared = compared * (maskness > 0)  # an empty mask never wins
        levels = torch.where(level >= 0, level, compared.argmax(dim=1))
        # Confidence × mask probability at the point itself.
        column, row = (points / 4).long().unbind(dim=1)
        place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        at_point = mask_features.flatten(1)[:, place].T  # (N, E)
        inside = (own_kernels * at_point[:, None]).sum(dim=2).sigmoid()
        background = 1 - (own_confidences.amax(dim=2) * inside).amax(dim=1)
        # The chosen level.
        chosen = levels[:, None]
        score = scores.gather(1, chosen)[:, 0]
        mask = probabilities.gather(1, chosen[..., None].expand(-1, 1, probabilities.shape[2]))[:, 0]
        masks = mask.unflatten(1, (height, width))
        return masks, labels, score, levels, compared, class_scores, background


class Detector(nn.Module):
    """Ordinary instance segmentation of one image, with point NMS and Matrix NMS or mask NMS."""

    def __init__(self, settings: DecodingSettings):
        super().__init__()
        self.settings = settings
        strides, levels = level_of_cells(settings, torch.device("cpu"))
        self.register_buffer("strides", strides)
        self.register_buffer("levels", levels)

    def forward(self, confidences: Tensor, kernels: Tensor, mask_features: Tensor) -> tuple[Tensor, ...]:
        settings = self.settings
        height, width = mask_features.shape[-2:]
        # Class confidences that are peaks of their level.
        maps = []
        counts = [grid**2 for grid in settings.num_grids]
        for grid, part in zip(settings.num_grids, confidences.split(counts), strict=True):
            peaks = point_nms(part.T.unflatten(1, (grid, grid)))
            maps.append(peaks.flatten(1).T)
        scores = torch.cat(maps)  # (cells, C)
        # Masks of cells with a proposal.
        cells = (scores.amax(dim=1) > settings.score_threshold).nonzero()[:, 0]
        own = scores[cells]
        probabilities = (kernels[cells] @ mask_features.flatten(1)).sigmoid()
        foreground = (probabilities > settings.mask_threshold).float()
        areas = foreground.sum(dim=1)
        maskness = (foreground * probabilities).sum(dim=1) / areas.clamp(min=1)
        is_large = areas > self.strides[cells]
        rows, labels = ((own > settings.score_threshold) & is_large[:, None]).nonzero(as_tuple=True)
        proposals = own[rows, labels] * maskness[rows]
        best = proposals.sort(descending=True).indices[: settings.nms_top_k]
        rows, labels, proposals = rows[best], labels[best], proposals[best]
        return probabilities[rows].unflatten(1, (height, width)), labels, proposals, self.levels[cells[rows]]


class Refiner(nn.Module):
    """Crops with rough masks and points → probability of the foreground minus that of the background."""

    def __init__(self, model: MaskRefineNetForMaskRefinement):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor, rough_masks: Tensor, input_points: Tensor, class_labels: Tensor) -> Tensor:
        logits = self.model(
            pixel_values=pixel_values, rough_masks=rough_masks, input_points=input_points, class_labels=class_labels
        ).logits
        return logits.softmax(dim=1)
