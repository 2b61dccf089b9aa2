# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Post-processing of both image processors of SOLOv2: outputs to instances in pixels of the original images."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...ops.rle import encode_mask
from .decoding_solov2 import DecodingSettings, ImageOutputs, Instances, decode_instances, masks_in_image
from .level_selection_solov2 import PointInstances, decode_every_level, decode_points
from .official_prompts_solov2 import decode_official_prompt
from .prompts_solov2 import box_sizes, check_counts, checked_image_labels, checked_labels, checked_points


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
        """Decode ordinary instance segmentation, without points.

        Args:
            outputs: outputs of `SOLOv2ForInstanceSegmentation` for a whole batch.
            threshold: lowest final score of an instance. The thresholds of the configuration apply before.
            mask_threshold: foreground probability of a mask's pixels; the configuration's if None.
            target_sizes: (height, width) of each original image; the network's input without padding if None.
            return_coco_annotation: return `segmentation` as a list of COCO RLEs ({"size", "counts"}).
            return_binary_maps: return `segmentation` as a (N, height, width) bool tensor, which keeps overlaps.
            top_k: most instances per image; the configuration's `max_detections` if None.
            image_labels: class ids that each image is known to contain, or None; instances of other classes are
                dropped.
            overlap_mask_area_threshold: fraction of a mask that must remain visible in the map, in which better
                instances cover worse ones; other instances are dropped.

        Returns:
            For each image `segmentation`, a (height, width) int32 map with −1 for background, and `segments_info` with
            `id`, `label_id`, `score` and `was_fused` (always False) of every instance, best first.

        Raises:
            ValueError: an argument does not have one entry per image, or an image label does not exist.
        """
        settings = _settings(outputs, mask_threshold=mask_threshold, max_detections=top_k)
        check_counts(len(outputs["valid_sizes"]), target_sizes=target_sizes, image_labels=image_labels)
        frames = _frames(outputs, target_sizes)
        results = []
        for image, frame in enumerate(frames):
            image_outputs = ImageOutputs.of(outputs, image)
            labels = None if image_labels is None else image_labels[image]
            classes = checked_image_labels(labels, image_outputs.num_labels, image)
            # Instances above the threshold, and their masks in the original image.
            found = decode_instances(image_outputs, settings, classes)
            keep = found.scores >= threshold
            found = Instances(*(values[keep] for values in found))
            masks = frame.masks(found.probabilities, settings)
            # Masks in the requested form; a map may not show all of them.
            if return_coco_annotation or return_binary_maps:
                shown = list(range(len(masks)))
                segmentation = [encode_mask(mask) for mask in masks] if return_coco_annotation else masks
            else:
                segmentation, shown = _instance_map(masks, overlap_mask_area_threshold)
            class_ids, scores = found.labels.tolist(), found.scores.tolist()
            info = []
            for number, index in enumerate(shown):
                info.append({"id": number, "label_id": class_ids[index], "score": scores[index], "was_fused": False})
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
    ) -> list[list[dict[str, Any]]]:
        """Decode one instance per point, in the order of the points (paper, section 3.2).

        Args:
            outputs: outputs of `SOLOv2ForInstanceSegmentation` for a whole batch; they can be decoded repeatedly.
            input_points: (N, 2) points of each image, (x, y) in pixels of the original image.
            class_labels: (N,) class ids of each image, −1 or None for an unknown class; None if all are unknown.
            target_sizes: (height, width) of each original image; the network's input without padding if None.
            mask_threshold: foreground probability of a mask's pixels; the configuration's if None.
            level_strategy: "adaptive", "finest" or "size" (needs `boxes`), see `decode_points`.
            boxes: (N, 4) xyxy boxes of the objects of each image in pixels of the original image, for "size".
            top_k: number of classes in `alternatives` of a point of unknown class.

        Returns:
            For each image a list of dicts with `mask` ((height, width) bool tensor), `label_id`, `score`, `level` (0
            for P2 … 4 for P6), `level_scores` (five), `point` (x, y), `point_index`, `point_in_mask`, `alternatives`
            (`label_id` and `score` of the best classes; empty if the class was given) and `background_score` (0 to 1,
            high if no proposal covers the point, see `background_scores`).

        Raises:
            ValueError: an argument does not have one entry per image, a point lies outside its image, a class does not
                exist, or the strategy is unknown or lacks its boxes.
        """
        points, labels = _checked_prompts(outputs, input_points, class_labels, target_sizes)
        check_counts(len(points), boxes=boxes)
        if level_strategy == "size" and boxes is None:
            raise ValueError("level_strategy 'size' needs `boxes`: their size determines the levels of each point")
        settings = _settings(outputs, mask_threshold=mask_threshold)
        return self.decode_checked_points(outputs, points, labels, target_sizes, settings, level_strategy, boxes, top_k)

    def decode_checked_points(
        self,
        outputs: Any,
        points: Sequence[Tensor],
        labels: Sequence[Tensor],
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
        settings: DecodingSettings | None = None,
        level_strategy: str = "adaptive",
        boxes: Sequence[Any] | None = None,
        top_k: int = 5,
    ) -> list[list[dict[str, Any]]]:
        """Decode one instance per point, as `post_process_point_instance_segmentation` does after its checks.

        Args:
            outputs: outputs of a whole batch.
            points: (N, 2) float64 points of each image on the CPU, (x, y) in pixels of the original image.
            labels: (N,) int64 class ids of each image, −1 for an unknown class.
            target_sizes: (height, width) of each original image; the network's input without padding if None.
            settings: decoding settings; those of the outputs if None.
            level_strategy: see `decode_points`.
            boxes: (N, 4) xyxy boxes of each image in pixels of the original image, for the strategy "size".
            top_k: number of classes in `alternatives` of a point of unknown class.
        """
        settings = settings or _settings(outputs)
        results = []
        for image, frame in enumerate(_frames(outputs, target_sizes)):
            # Points to the canvas, one instance per point, masks back to the original image.
            image_outputs, positions, own_labels = _inputs_of_image(outputs, image, frame, points, labels)
            sizes = None if boxes is None else box_sizes(boxes[image], frame.scale(positions.device))
            found = decode_points(image_outputs, positions, own_labels, settings, level_strategy, sizes)
            masks = frame.masks(found.probabilities, settings)
            results.append(_point_results(found, masks, points[image], own_labels, top_k))
        return results

    def post_process_every_level(
        self,
        outputs: Any,
        input_points: Sequence[Any],
        class_labels: Sequence[Any] | None = None,
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
        mask_threshold: float | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Decode five instances per point, one per pyramid level (the baseline of the paper's table 2).

        Arguments and results are those of `post_process_point_instance_segmentation`; the five instances of a point
        follow each other from P2 to P6.
        """
        points, labels = _checked_prompts(outputs, input_points, class_labels, target_sizes)
        settings = _settings(outputs, mask_threshold=mask_threshold)
        results = []
        for image, frame in enumerate(_frames(outputs, target_sizes)):
            # Points to the canvas, five instances per point, masks back to the original image.
            image_outputs, positions, own_labels = _inputs_of_image(outputs, image, frame, points, labels)
            found = decode_every_level(image_outputs, positions, own_labels, settings)
            masks = frame.masks(found.probabilities, settings)
            results.append(_point_results(found, masks, points[image], own_labels))
        return results

    def post_process_official_points(
        self,
        outputs: Any,
        input_points: Sequence[Any],
        class_labels: Sequence[Any],
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
        mask_threshold: float | None = None,
    ) -> list[list[dict[str, Any]]]:
        """Decode points as the official code does, which loses some of them.

        Points that share a cell at every level, small masks and masks under NMS are lost, the score is the maskness
        alone, and a result is not tied to its point.

        Args:
            outputs: outputs of `SOLOv2ForInstanceSegmentation` for a whole batch.
            input_points: (N, 2) points of each image, (x, y) in pixels of the original image.
            class_labels: (N,) class ids of each image; every point needs its class.
            target_sizes: (height, width) of each original image; the network's input without padding if None.
            mask_threshold: foreground probability of a mask's pixels; the configuration's if None.

        Returns:
            For each image a list of dicts with `mask` ((height, width) bool tensor), `label_id`, `score` and `level`,
            best first.

        Raises:
            ValueError: an argument does not have one entry per image, a point lies outside its image, or a class is
                unknown.
        """
        points, labels = _checked_prompts(outputs, input_points, class_labels, target_sizes)
        settings = _settings(outputs, mask_threshold=mask_threshold)
        results = []
        for image, frame in enumerate(_frames(outputs, target_sizes)):
            if (labels[image] < 0).any():
                raise ValueError(
                    f"post_process_official_points needs the class of every point; image {image} lacks one"
                )
            # Points to the canvas, at most one instance per point, masks back to the original image.
            image_outputs, positions, own_labels = _inputs_of_image(outputs, image, frame, points, labels)
            found = decode_official_prompt("point", image_outputs, positions, None, own_labels, settings)
            masks = frame.masks(found.probabilities, settings)
            results.append(list(_basic_results(found, masks)))
        return results


class Frame(NamedTuple):
    """Sizes between which points and masks of one image are translated, each (height, width)."""

    valid_size: tuple[int, int]  # of the image inside the padded canvas
    target_size: tuple[int, int]  # of the original image

    def scale(self, device: torch.device) -> Tensor:
        """Return the (2,) factors (x, y) from the original image to the network's input."""
        factors = [self.valid_size[1] / self.target_size[1], self.valid_size[0] / self.target_size[0]]
        return torch.tensor(factors, device=device)

    def on_canvas(self, points: Tensor, device: torch.device) -> Tensor:
        """Return (N, 2) points of the original image in float32 pixels of the padded canvas."""
        points = points.float().to(device)
        # A point on the right or bottom border lies in the last pixel, not in the padding behind it.
        last = torch.tensor([self.target_size[1] - 1, self.target_size[0] - 1], device=device)
        return torch.minimum(points, last) * self.scale(device)

    def masks(self, probabilities: Tensor, settings: DecodingSettings) -> Tensor:
        """Return (N, height, width) bool masks in the original image of (N, h, w) probabilities on the canvas."""
        return masks_in_image(probabilities, self.valid_size, self.target_size, settings.mask_threshold)


def _frames(outputs: Any, target_sizes: Any) -> list[Frame]:
    """Return the sizes of each image."""
    valid = [tuple(size) for size in torch.as_tensor(outputs["valid_sizes"]).tolist()]
    if target_sizes is None:
        return [Frame(size, size) for size in valid]
    return [Frame(size, (int(height), int(width))) for size, (height, width) in zip(valid, target_sizes, strict=True)]


def _inputs_of_image(
    outputs: Any, image: int, frame: Frame, points: Sequence[Tensor], labels: Sequence[Tensor]
) -> tuple[ImageOutputs, Tensor, Tensor]:
    """Return the outputs of one image, its points in pixels of the canvas, and its labels, all on one device."""
    image_outputs = ImageOutputs.of(outputs, image)
    device = image_outputs.mask_features.device
    return image_outputs, frame.on_canvas(points[image], device), labels[image].to(device)


def _settings(outputs: Any, **changes: Any) -> DecodingSettings:
    """Return the decoding settings of the outputs, with the changes that are not None."""
    settings = DecodingSettings(**outputs["decoding"])
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def _checked_prompts(
    outputs: Any, input_points: Sequence[Any], class_labels: Sequence[Any] | None, target_sizes: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """Return for each image its (N, 2) points and its (N,) class ids, −1 for unknown."""
    num_images = len(outputs["valid_sizes"])
    check_counts(num_images, target_sizes=target_sizes, input_points=input_points, class_labels=class_labels)
    frames = _frames(outputs, target_sizes)
    num_labels = outputs["class_logits"][0].shape[1]
    points, labels = [], []
    for image, frame in enumerate(frames):
        points.append(checked_points(input_points[image], frame.target_size, image))
        given = None if class_labels is None else class_labels[image]
        labels.append(checked_labels(given, len(points[-1]), num_labels, image))
    return points, labels


def _basic_results(found: Instances | PointInstances, masks: Tensor) -> Iterator[dict[str, Any]]:
    """Yield mask, class, score and level of each instance."""
    columns = (masks, found.labels.tolist(), found.scores.tolist(), found.levels.tolist())
    for mask, label, score, level in zip(*columns, strict=True):
        yield {"mask": mask, "label_id": label, "score": score, "level": level}


def _point_results(
    found: PointInstances, masks: Tensor, points: Tensor, labels: Tensor, top_k: int = 5
) -> list[dict[str, Any]]:
    """Return the instances of points as dicts, with all values of each point.

    Args:
        found: M instances of N points.
        masks: (M, height, width) bool, their masks in the original image.
        points: (N, 2) float64 on the CPU, (x, y) in pixels of the original image.
        labels: (N,) given classes, −1 for unknown.
        top_k: number of alternatives.
    """
    # Does the mask cover the pixel of its point?
    height, width = masks.shape[1:]
    own_points = points[found.points.cpu()]
    columns, rows = own_points.float().round().long().to(masks.device).unbind(dim=1)
    inside = masks[torch.arange(len(masks)), rows.clamp(0, height - 1), columns.clamp(0, width - 1)].tolist()

    # The best classes, for points whose class was not given.
    best = found.class_scores.topk(min(top_k, found.class_scores.shape[1]), dim=1)
    best_labels, best_scores = best.indices.tolist(), best.values.tolist()
    is_given = (labels[found.points] >= 0).tolist()

    results = []
    coordinates, point_indices = own_points.tolist(), found.points.tolist()
    level_scores, background = found.level_scores.tolist(), found.background.tolist()
    for row, result in enumerate(_basic_results(found, masks)):
        alternatives = zip(best_labels[row], best_scores[row], strict=True)
        result["point_index"] = point_indices[row]
        result["point"] = coordinates[row]
        result["point_in_mask"] = inside[row]
        result["level_scores"] = level_scores[row]
        result["alternatives"] = [] if is_given[row] else [{"label_id": i, "score": s} for i, s in alternatives]
        result["background_score"] = background[row]
        results.append(result)
    return results


def _instance_map(masks: Tensor, overlap_mask_area_threshold: float) -> tuple[Tensor, list[int]]:
    """Return the (H, W) int32 map of masks, best first, and the indices of those that it shows."""
    segmentation = torch.full(masks.shape[1:], -1, dtype=torch.int32, device=masks.device)
    shown: list[int] = []
    for index, mask in enumerate(masks):
        visible = mask & (segmentation < 0)
        if visible.sum() > overlap_mask_area_threshold * mask.sum():
            segmentation[visible] = len(shown)
            shown.append(index)
    return segmentation, shown


__all__ = ["SOLOv2PostProcessing"]
