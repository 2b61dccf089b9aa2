# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Instances of the frames of one image, a whole image or tiles of it: found without points, or one per point."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...ops.tiles import most_central_windows
from .decoding_solov2 import DecodingSettings, ImageOutputs, Instances, decode_instances
from .frames_solov2 import Frame
from .level_selection_solov2 import PointInstances, decode_points
from .merging_solov2 import TileInstances
from .prompts_solov2 import box_sizes


class PointResultForm(NamedTuple):
    """Form of the results of points."""

    top_k: int = 5  # number of classes in `alternatives` of a point of unknown class
    return_coco_annotation: bool = False  # masks as COCO RLEs instead of bool tensors


DEFAULT_FORM = PointResultForm()


def instances_of_frames(
    outputs: Any,
    frames: Sequence[Frame],
    settings: DecodingSettings,
    threshold: float,
    classes: Tensor | None = None,
) -> Iterator[TileInstances]:
    """Yield the instances of each frame of one image.

    Args:
        outputs: outputs of a batch that holds these frames.
        frames: the image, or tiles of it.
        settings: decoding settings.
        threshold: lowest score of an instance.
        classes: class ids that the image is known to contain; None allows all.
    """
    for frame in frames:
        image_outputs = ImageOutputs.of(outputs, frame.index)
        found = decode_instances(image_outputs, settings, classes)
        keep = found.scores >= threshold
        masks = frame.masks(image_outputs, [found.probabilities[keep]], settings.mask_threshold)
        yield TileInstances(frame, list(masks), found.labels[keep], found.scores[keep])


def points_of_frames(
    outputs: Any,
    frames: Sequence[Frame],
    points: Tensor,
    labels: Tensor,
    settings: DecodingSettings,
    level_strategy: str,
    boxes: Any | None,
    form: PointResultForm,
) -> list[dict[str, Any]]:
    """Return one instance per point of one image, in the order of the points.

    Arguments are those of `SOLOv2PostProcessing.decode_checked_points` for one image, whose frames are given.
    """
    instances = []
    for part in point_inputs(outputs, frames, points, labels):
        # Points on the canvas, one instance per point, masks back to the original image.
        sizes = None
        if boxes is not None:
            own_boxes = torch.as_tensor(boxes).reshape(-1, 4)[part.rows]
            sizes = box_sizes(own_boxes, part.frame.scale(part.positions.device))
        found = decode_points(part.outputs, part.positions, part.labels, settings, level_strategy, sizes)
        instances += point_results(found, part, points, settings, form)
    return sorted(instances, key=itemgetter("point_index"))


class PointInputs(NamedTuple):
    """Points of one frame, and what decodes them, all on one device."""

    frame: Frame
    rows: Tensor  # (N,) on the CPU, indices among the points of the image
    outputs: ImageOutputs
    positions: Tensor  # (N, 2) float32 in pixels of the canvas
    labels: Tensor  # (N,)


def point_inputs(outputs: Any, frames: Sequence[Frame], points: Tensor, labels: Tensor) -> Iterator[PointInputs]:
    """Yield the frames of one image with their points: each belongs to the tile in which it is most central."""
    owners = torch.zeros(len(points), dtype=torch.long)
    if len(frames) > 1:
        windows = [frame.window for frame in frames]
        owners = torch.from_numpy(most_central_windows(points.numpy(), windows, *frames[0].image_size))
    for number, frame in enumerate(frames):
        rows = (owners == number).nonzero().flatten()
        if len(rows) or len(frames) == 1:
            image_outputs = ImageOutputs.of(outputs, frame.index)
            device = image_outputs.mask_features.device
            positions = frame.on_canvas(points[rows], device)
            yield PointInputs(frame, rows, image_outputs, positions, labels[rows].to(device))


def basic_results(found: Instances | PointInstances, masks: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield mask, class, score and level of each instance."""
    columns = (masks, found.labels.tolist(), found.scores.tolist(), found.levels.tolist())
    for mask, label, score, level in zip(*columns, strict=True):
        yield {"mask": mask, "label_id": label, "score": score, "level": level}


def point_results(
    found: PointInstances,
    part: PointInputs,
    points: Tensor,
    settings: DecodingSettings,
    form: PointResultForm = DEFAULT_FORM,
) -> list[dict[str, Any]]:
    """Return the instances of points as dicts, with all values of each point.

    Args:
        found: M instances of the N points of one frame.
        part: frame, points and given classes.
        points: (P, 2) float64 on the CPU, all points of the image, (x, y) in its pixels.
        settings: decoding settings.
        form: form of the results.
    """
    numbers = part.rows[found.points.cpu()]  # (M,) among the points of the image
    own_points = points[numbers]
    pixels = own_points.float().round().long()  # (M, 2) column and row
    height, width = part.frame.image_size
    pixels = torch.minimum(pixels.clamp(min=0), torch.tensor([width - 1, height - 1])).tolist()

    # The best classes, for points whose class was not given.
    best = found.class_scores.topk(min(form.top_k, found.class_scores.shape[1]), dim=1)
    best_labels, best_scores = best.indices.tolist(), best.values.tolist()
    is_given = (part.labels[found.points] >= 0).tolist()

    results = []
    coordinates, point_indices = own_points.tolist(), numbers.tolist()
    level_scores, background = found.level_scores.tolist(), found.background.tolist()
    # One mask at a time, in the requested form.
    masks = part.frame.masks(part.outputs, found.mask_probabilities(part.outputs), settings.mask_threshold)
    for row, result in enumerate(basic_results(found, masks)):
        mask, (column, line) = result["mask"], pixels[row]
        alternatives = zip(best_labels[row], best_scores[row], strict=True)
        result["mask"] = mask.rle() if form.return_coco_annotation else mask.dense()
        result["point_index"] = point_indices[row]
        result["point"] = coordinates[row]
        result["point_in_mask"] = mask.contains(line, column)
        result["level_scores"] = level_scores[row]
        result["alternatives"] = [] if is_given[row] else [{"label_id": i, "score": s} for i, s in alternatives]
        result["background_score"] = background[row]
        results.append(result)
    return results


__all__ = [
    "DEFAULT_FORM",
    "PointInputs",
    "PointResultForm",
    "basic_results",
    "instances_of_frames",
    "point_inputs",
    "point_results",
    "points_of_frames",
]
