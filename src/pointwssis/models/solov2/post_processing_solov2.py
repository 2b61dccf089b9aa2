# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Post-processing of both image processors of SOLOv2: outputs to instances in pixels of the original images."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from ...ops.windowed_masks import WindowedMask, stacked
from .decoding_solov2 import DecodingSettings
from .frame_results_solov2 import (
    DEFAULT_FORM,
    PointResultForm,
    basic_results,
    instances_of_frames,
    point_inputs,
    point_results,
    points_of_frames,
)
from .frames_solov2 import Frame, frames_of_images
from .level_selection_solov2 import decode_every_level
from .merging_solov2 import merge_tiles
from .official_prompts_solov2 import decode_official_prompt
from .prompts_solov2 import check_counts, checked_image_labels, checked_labels, checked_points


class SOLOv2PostProcessing:
    """Mixin for the image processors of SOLOv2.

    With `tile_size`, outputs hold the tiles of each image one after the other, and every method needs `target_sizes`.
    Instances of all tiles are merged (`merge_tiles`); a point is decoded in the tile in which it is most central.
    """

    tile_size: int | None

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
            top_k: most instances per image; the configuration's `max_detections` if None, which limits each tile of an
                image in tiles.
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
        frames = frames_of_images(outputs, target_sizes, self.tile_size)
        check_counts(len(frames), image_labels=image_labels)
        results = []
        for image, own_frames in enumerate(frames):
            labels = None if image_labels is None else image_labels[image]
            classes = checked_image_labels(labels, outputs["class_logits"][0].shape[1], image)
            parts = instances_of_frames(outputs, own_frames, settings, threshold, classes)
            size, device = own_frames[0].image_size, outputs["mask_features"].device
            merged = next(parts)[1:] if len(own_frames) == 1 else merge_tiles(parts, size, device, top_k)
            masks, found_labels, found_scores = merged
            # Masks in the requested form; a map may not show all of them.
            shown = list(range(len(found_labels)))
            if return_coco_annotation:
                segmentation = [mask.rle() for mask in masks]
            elif return_binary_maps:
                segmentation = stacked(masks, size, device)
            else:
                segmentation, shown = _instance_map(masks, size, device, overlap_mask_area_threshold)
            class_ids, scores = found_labels.tolist(), found_scores.tolist()
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
        return_coco_annotation: bool = False,
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
            return_coco_annotation: return each `mask` as a COCO RLE ({"size", "counts"}), encoded as it is decoded: the
                memory then hardly grows with the number of points.

        Returns:
            For each image a list of dicts with `mask` ((height, width) bool tensor, or RLE), `label_id`, `score`,
            `level` (0 for P2 … 4 for P6), `level_scores` (five), `point` (x, y), `point_index`, `point_in_mask`,
            `alternatives` (`label_id` and `score` of the best classes; empty if the class was given) and
            `background_score` (0 to 1, high if no proposal covers the point, see `background_scores`).

        Raises:
            ValueError: an argument does not have one entry per image, a point lies outside its image, a class does not
                exist, or the strategy is unknown or lacks its boxes.
        """
        frames = frames_of_images(outputs, target_sizes, self.tile_size)
        points, labels = _checked_prompts(outputs, input_points, class_labels, frames)
        check_counts(len(points), boxes=boxes)
        if level_strategy == "size" and boxes is None:
            raise ValueError("level_strategy 'size' needs `boxes`: their size determines the levels of each point")
        for image, own_boxes in enumerate(boxes or []):
            if len(own_boxes) != len(points[image]):
                raise ValueError(
                    f"level_strategy 'size' needs one box per point, got {len(own_boxes)} boxes for "
                    f"{len(points[image])} points of image {image}"
                )
        settings = _settings(outputs, mask_threshold=mask_threshold)
        form = PointResultForm(top_k, return_coco_annotation)
        return self.decode_checked_points(outputs, points, labels, target_sizes, settings, level_strategy, boxes, form)

    def decode_checked_points(
        self,
        outputs: Any,
        points: Sequence[Tensor],
        labels: Sequence[Tensor],
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
        settings: DecodingSettings | None = None,
        level_strategy: str = "adaptive",
        boxes: Sequence[Any] | None = None,
        form: PointResultForm = DEFAULT_FORM,
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
            form: form of the results.
        """
        settings = settings or _settings(outputs)
        results = []
        for image, frames in enumerate(frames_of_images(outputs, target_sizes, self.tile_size)):
            own_boxes = None if boxes is None else boxes[image]
            own = (outputs, frames, points[image], labels[image])
            results.append(points_of_frames(*own, settings, level_strategy, own_boxes, form))
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
        frames = frames_of_images(outputs, target_sizes, self.tile_size)
        points, labels = _checked_prompts(outputs, input_points, class_labels, frames)
        settings = _settings(outputs, mask_threshold=mask_threshold)
        results = []
        for image, own_frames in enumerate(frames):
            instances = []
            for part in point_inputs(outputs, own_frames, points[image], labels[image]):
                # Points on the canvas, five instances per point, masks back to the original image.
                found = decode_every_level(part.outputs, part.positions, part.labels, settings)
                instances += point_results(found, part, points[image], settings)
            results.append(sorted(instances, key=itemgetter("point_index")))
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
        frames = frames_of_images(outputs, target_sizes, self.tile_size)
        points, labels = _checked_prompts(outputs, input_points, class_labels, frames)
        settings = _settings(outputs, mask_threshold=mask_threshold)
        results = []
        for image, own_frames in enumerate(frames):
            if (labels[image] < 0).any():
                raise ValueError(
                    f"post_process_official_points needs the class of every point; image {image} lacks one"
                )
            instances = []
            for part in point_inputs(outputs, own_frames, points[image], labels[image]):
                # Points on the canvas, at most one instance per point, masks back to the original image.
                found = decode_official_prompt("point", part.outputs, part.positions, None, part.labels, settings)
                masks = part.frame.masks(part.outputs, [found.probabilities], settings.mask_threshold)
                instances += basic_results(found, (mask.dense() for mask in masks))
            results.append(sorted(instances, key=itemgetter("score"), reverse=True))
        return results


def _settings(outputs: Any, **changes: Any) -> DecodingSettings:
    """Return the decoding settings of the outputs, with the changes that are not None."""
    settings = DecodingSettings(**outputs["decoding"])
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def _checked_prompts(
    outputs: Any, input_points: Sequence[Any], class_labels: Sequence[Any] | None, frames: Sequence[Sequence[Frame]]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return for each image its (N, 2) points and its (N,) class ids, −1 for unknown."""
    check_counts(len(frames), input_points=input_points, class_labels=class_labels)
    num_labels = outputs["class_logits"][0].shape[1]
    points, labels = [], []
    for image, own_frames in enumerate(frames):
        points.append(checked_points(input_points[image], own_frames[0].image_size, image))
        given = None if class_labels is None else class_labels[image]
        labels.append(checked_labels(given, len(points[-1]), num_labels, image))
    return points, labels


def _instance_map(
    masks: Iterable[WindowedMask], size: tuple[int, int], device: torch.device, overlap_mask_area_threshold: float
) -> tuple[Tensor, list[int]]:
    """Return the (H, W) int32 map of masks, best first, and the indices of those that it shows."""
    segmentation = torch.full(size, -1, dtype=torch.int32, device=device)
    shown: list[int] = []
    for index, mask in enumerate(masks):
        part = segmentation[mask.window.slices]
        visible = mask.pixels & (part < 0)
        if visible.sum() > overlap_mask_area_threshold * mask.pixels.sum():
            part[visible] = len(shown)
            shown.append(index)
    return segmentation, shown


__all__ = ["SOLOv2PostProcessing"]
