# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What both image processors of SOLOv2 share after the network: outputs to instances in original pixels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...ops.rle import encode_mask
from .decoding_solov2 import DecodingSettings, ImageOutputs, Instances, decode_instances, masks_in_image
from .level_selection_solov2 import decode_points
from .official_prompts_solov2 import decode_official_prompt


class SOLOv2PostProcessing:
    """Mixin for the image processors of SOLOv2."""

    def post_process_instance_segmentation(
        self,
        outputs: Any,
        threshold: float = 0.0,
        mask_threshold: float | None = None,
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
        return_coco_annotation: bool = False,
        return_binary_maps: bool = False,
        top_k: int | None = None,
        image_labels: Sequence[Sequence[int] | None] | None = None,
        overlap_mask_area_threshold: float = 0.0,
    ) -> list[dict[str, Any]]:
        """Ordinary instance segmentation.

        Args:
            outputs: of `SOLOv2ForInstanceSegmentation`, a whole batch.
            threshold: lowest final score of an instance. The thresholds of the configuration apply before.
            mask_threshold: foreground probability of a mask's pixels; the configuration's if None.
            target_sizes: (height, width) of each original image; the network's input without padding if None.
            return_coco_annotation: `segmentation` is a list of COCO RLEs ({"size", "counts"}) instead.
            return_binary_maps: `segmentation` is a (N, height, width) bool tensor instead; unlike the map it keeps
                overlaps.
            top_k: most instances an image; the configuration's `max_detections` if None.
            image_labels: for each image the class ids that are known to be in it, or None; instances of other classes
                are dropped.
            overlap_mask_area_threshold: in the map better instances cover worse ones; one of which no more than this
                fraction stays visible is left out.

        Returns:
            For each image `segmentation`, an (height, width) int32 map with −1 for background, and `segments_info`
            with `id`, `label_id`, `score` and `was_fused` (always False) of every instance, best first.
        """
        settings = _settings(outputs, mask_threshold=mask_threshold, max_detections=top_k)
        results = []
        sizes = _sizes(outputs, target_sizes)
        _check_counts(len(sizes), image_labels=image_labels)
        for image, (valid_size, target_size) in enumerate(sizes):
            image_outputs = ImageOutputs.of(outputs, image)
            classes = None if image_labels is None else _known_classes(image_labels[image], image_outputs, image)
            found = decode_instances(image_outputs, settings, classes)
            keep = found.scores >= threshold
            found = Instances(*(values[keep] for values in found))
            masks = masks_in_image(found.probabilities, valid_size, target_size, settings.mask_threshold)
            if return_coco_annotation or return_binary_maps:
                ids = list(range(len(masks)))
                segmentation = [encode_mask(mask) for mask in masks] if return_coco_annotation else masks
            else:
                segmentation, ids = _instance_map(masks, overlap_mask_area_threshold)
            labels, scores = found.labels.tolist(), found.scores.tolist()
            info = [{"id": k, "label_id": labels[i], "score": scores[i], "was_fused": False} for k, i in enumerate(ids)]
            results.append({"segmentation": segmentation, "segments_info": info})
        return results

    def post_process_point_instance_segmentation(
        self,
        outputs: Any,
        input_points: Sequence[Any],
        class_labels: Sequence[Any] | None = None,
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
        mask_threshold: float | None = None,
        level_strategy: str = "adaptive",
        boxes: Sequence[Any] | None = None,
        top_k: int = 5,
        official_filters: bool = False,
    ) -> list[list[dict[str, Any]]]:
        """One instance a point, in the order of the points (paper, section 3.2).

        Args:
            outputs: of `SOLOv2ForInstanceSegmentation`, a whole batch; may be decoded as often as you like.
            input_points: for each image (N, 2) points, (x, y) in pixels of the original image.
            class_labels: for each image (N,) class ids; None, or −1 or None for a point, where the class is not known.
            target_sizes: (height, width) of each original image; the network's input without padding if None.
            mask_threshold: foreground probability of a mask's pixels; the configuration's if None.
            level_strategy: "adaptive" (default), "finest", "size" (needs `boxes`) or "all" (five instances a point),
                see `decode_points`.
            boxes: for each image (N, 4) xyxy of the objects in pixels of the original image, for "size".
            top_k: classes listed in `alternatives` of a point without a class.
            official_filters: label as the official code does: points that share a cell at every level, small masks
                and masks under NMS are lost, the score is the maskness alone, and a result is not tied to its point.
                Needs the class of every point.

        Returns:
            For each image a list of dicts with `mask` ((height, width) bool tensor), `label_id`, `score`, `level` (0
            for P2 … 4 for P6), `level_scores` (five), `point` (x, y), `point_index`, `point_in_mask`, `alternatives`
            (`label_id` and `score` of the best classes; empty where the class was given) and `background_score` (0 to
            1, high where no proposal claims the point, see `background_scores`). With `official_filters` a dict has
            `mask`, `label_id`, `score` and `level`.
        """
        settings = _settings(outputs, mask_threshold=mask_threshold)
        if level_strategy == "size" and boxes is None:
            raise ValueError("level_strategy 'size' needs `boxes`: their size picks the level of each point")
        if official_filters and (level_strategy != "adaptive" or boxes is not None):
            raise ValueError(
                "official_filters labels with the adaptive level of each point; leave out level_strategy and boxes"
            )
        results = []
        sizes_of_images = _sizes(outputs, target_sizes)
        _check_counts(len(sizes_of_images), input_points=input_points, class_labels=class_labels, boxes=boxes)
        for image, (valid_size, target_size) in enumerate(sizes_of_images):
            image_outputs = ImageOutputs.of(outputs, image)
            device = image_outputs.mask_features.device
            points = checked_points(input_points[image], target_size, image).to(device)
            labels = checked_labels(
                None if class_labels is None else class_labels[image], len(points), image_outputs, image
            ).to(device)
            scale = torch.tensor([valid_size[1] / target_size[1], valid_size[0] / target_size[0]], device=device)
            # A point on the right or lower border lies in the last pixel, not in the padding behind it.
            last = torch.tensor([target_size[1] - 1, target_size[0] - 1], device=device)
            positions = torch.minimum(points, last) * scale
            if official_filters:
                if (labels < 0).any():
                    raise ValueError("official_filters needs the class of every point")
                found = decode_official_prompt("point", image_outputs, positions, None, labels, settings)
            else:
                sizes = None if boxes is None else _box_sizes(boxes[image], scale)
                found = decode_points(image_outputs, positions, labels, settings, level_strategy, sizes)
            masks = masks_in_image(found.probabilities, valid_size, target_size, settings.mask_threshold)
            answers = [
                {"mask": mask, "label_id": label, "score": score, "level": level}
                for mask, label, score, level in zip(
                    masks, found.labels.tolist(), found.scores.tolist(), found.levels.tolist(), strict=True
                )
            ]
            if not official_filters:
                for answer, about in zip(answers, _about_points(found, masks, points, labels, top_k), strict=True):
                    answer.update(about)
            results.append(answers)
        return results


def _about_points(found: Any, masks: Tensor, points: Tensor, labels: Tensor, top_k: int) -> list[dict[str, Any]]:
    """What is known of each point beside its instance."""
    points, labels = points[found.points], labels[found.points]
    height, width = masks.shape[1:]
    columns, rows = points.round().long().unbind(dim=1)
    inside = masks[torch.arange(len(masks)), rows.clamp(0, height - 1), columns.clamp(0, width - 1)].tolist()
    best = found.class_scores.topk(min(top_k, found.class_scores.shape[1]), dim=1)
    alternatives = [
        [] if known >= 0 else [{"label_id": i, "score": s} for i, s in zip(ids, scores, strict=True)]
        for known, ids, scores in zip(labels.tolist(), best.indices.tolist(), best.values.tolist(), strict=True)
    ]
    columns = (
        found.points.tolist(),
        points.tolist(),
        inside,
        found.level_scores.tolist(),
        alternatives,
        found.background.tolist(),
    )
    names = ("point_index", "point", "point_in_mask", "level_scores", "alternatives", "background_score")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def checked_points(points: Any, size: tuple[int, int], image: int) -> Tensor:
    """(N, 2) float points, or one clear error.

    Raises:
        ValueError: not (N, 2), not finite, or outside of the image.
    """
    points = (
        torch.as_tensor(points, dtype=torch.float32).reshape(-1, 2)
        if len(points) == 0
        else torch.as_tensor(points, dtype=torch.float32)
    )
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"input_points of image {image} have shape {tuple(points.shape)}; they take (number of points, 2), "
            "each (x, y)"
        )
    height, width = size
    for index, (x, y) in enumerate(points.tolist()):
        if not (0 <= x <= width and 0 <= y <= height):  # NaN fails too
            raise ValueError(
                f"point {index} of image {image} is ({x:g}, {y:g}), outside of the image of {width} × {height} pixels"
            )
    return points


def checked_labels(labels: Any, num_points: int, outputs: ImageOutputs, image: int) -> Tensor:
    """(N,) class ids with −1 for unknown, or one clear error."""
    if labels is None:
        return torch.full((num_points,), -1)
    values = [-1 if label is None else label for label in _as_list(labels)]
    num_labels = len(outputs.class_logits[0])
    if len(values) != num_points:
        raise ValueError(f"class_labels of image {image} are {len(values)} for {num_points} points")
    for index, value in enumerate(values):
        if value not in range(-1, num_labels):  # NaN, fractions and names fail too
            raise ValueError(
                f"class label {value!r} of point {index} of image {image} is unknown; the model has classes 0 … "
                f"{num_labels - 1},"
                " and −1 or None where the class is not known"
            )
    return torch.tensor(values, dtype=torch.long)


def _known_classes(labels: Any, outputs: ImageOutputs, image: int) -> Tensor | None:
    """(K,) classes that an image is known to hold, or None."""
    if labels is None:
        return None
    values, num_labels = _as_list(labels), len(outputs.class_logits[0])
    for value in values:
        if value not in range(num_labels):
            raise ValueError(
                f"image_labels of image {image} hold {value!r}, which is unknown; the model has classes 0 … "
                f"{num_labels - 1}"
            )
    return torch.tensor(values, dtype=torch.long)


def _as_list(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _check_counts(num_images: int, **values: Sequence[Any] | None) -> None:
    """Everything is given for each image, or not at all."""
    for name, entries in values.items():
        if entries is not None and len(entries) != num_images:
            raise ValueError(f"{name} has {len(entries)} entries for {num_images} images; give one an image")


def _settings(outputs: Any, **changes: Any) -> DecodingSettings:
    settings = DecodingSettings(**outputs["decoding"])
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def _sizes(outputs: Any, target_sizes: Any) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(height, width) of each image inside the canvas, and of the image that its masks are wanted for."""
    valid = [tuple(size) for size in torch.as_tensor(outputs["valid_sizes"]).tolist()]
    if target_sizes is None:
        return list(zip(valid, valid, strict=True))
    if len(target_sizes) != len(valid):
        raise ValueError(f"target_sizes has {len(target_sizes)} entries for {len(valid)} images")
    return [(size, (int(height), int(width))) for size, (height, width) in zip(valid, target_sizes, strict=True)]


def _box_sizes(boxes: Any, scale: Tensor) -> Tensor:
    """(N,) square root of the boxes' area in pixels of the network's input."""
    sides = torch.as_tensor(boxes, dtype=torch.float32, device=scale.device).reshape(-1, 4)
    sides = (sides[:, 2:] - sides[:, :2]).clamp(min=0) * scale
    return sides.prod(dim=1).sqrt()


def _instance_map(masks: Tensor, overlap_mask_area_threshold: float) -> tuple[Tensor, list[int]]:
    """(H, W) int32 map of masks, best first, and which of them it shows."""
    segmentation = torch.full(masks.shape[1:], -1, dtype=torch.int32, device=masks.device)
    shown: list[int] = []
    for index, mask in enumerate(masks):
        visible = mask & (segmentation < 0)
        if visible.sum() > overlap_mask_area_threshold * mask.sum():
            segmentation[visible] = len(shown)
            shown.append(index)
    return segmentation, shown


__all__ = ["SOLOv2PostProcessing"]
