# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion of pipeline results to `supervision.Detections`, for its annotators, trackers, zones and metrics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..ops.coco_masks import decode_rle, segmentation_to_rle
from ..ops.mask_ops import masks_to_boxes
from ..ops.user_error import UserError

if TYPE_CHECKING:
    import supervision

ABOUT_POINTS = ("point", "level", "point_in_mask", "background_score")


def to_detections(
    instances: Sequence[Mapping[str, Any]], image_size: tuple[int, int] | None = None
) -> "supervision.Detections":
    """Convert the result of `point-instance-segmentation` for one image to `supervision.Detections`.

    Requires the package supervision: `pip install 'pointwssis[supervision]'`.

    Args:
        instances: the pipeline's result for one image, in any `mask_format`, with or without points.
        image_size: (height, width) of the image; required for polygons only.

    Returns:
        In the order of `instances`: `xyxy` (extent of the mask with exclusive maximum; zeros for an empty mask), `mask`
        ((N, height, width) bool), `confidence`, `class_id`, and in `data` the `class_name`, with points also `point`
        ((N, 2), (x, y)), `level`, `point_in_mask` and `background_score`.

    Raises:
        ImportError: supervision is not installed.
        UserError: `instances` is not the result for one image, or contains polygons without `image_size`.

    Example:
        ```python
        import supervision as sv

        found = to_detections(segmenter(image, points=[(40, 60), (90, 30)]))
        picture = sv.MaskAnnotator().annotate(image.copy(), found[found.confidence > 0.3])
        ```
    """
    fields = detection_fields(instances, image_size)  # before the import, so that wrong arguments are reported first
    try:
        from supervision import Detections
    except ImportError as error:
        raise ImportError("to_detections needs supervision: pip install 'pointwssis[supervision]'") from error
    return Detections(**fields) if len(instances) else Detections.empty()


def detection_fields(
    instances: Sequence[Mapping[str, Any]], image_size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Return the arguments of `supervision.Detections`, see `to_detections`.

    Example:
        >>> star = {"label": "star", "label_id": 3, "score": 0.5, "mask": np.eye(4, dtype=bool), "point": [1.0, 1.0]}
        >>> fields = detection_fields([star])
        >>> fields["xyxy"].tolist(), fields["class_id"].tolist(), fields["data"]["point"].tolist()
        ([[0.0, 0.0, 4.0, 4.0]], [3], [[1.0, 1.0]])
    """
    # Results over several images, or of another pipeline, lack these fields.
    for index, instance in enumerate(instances):
        keys = instance if isinstance(instance, Mapping) else ()
        missing = [key for key in ("mask", "score", "label", "label_id") if key not in keys]
        if missing:
            raise UserError(
                f"instance {index} has no {missing[0]!r}; to_detections takes the result of "
                "point-instance-segmentation for one image"
            )
    # Masks in one form, and the values of points if all instances have them.
    masks = [_as_array(instance["mask"], image_size) for instance in instances]
    stacked = np.stack(masks) if masks else np.zeros((0, *(image_size or (1, 1))), dtype=bool)
    data = {"class_name": np.array([instance["label"] for instance in instances], dtype=str)}
    for name in ABOUT_POINTS:
        if instances and all(name in instance for instance in instances):
            data[name] = np.array([instance[name] for instance in instances])
    return {
        "xyxy": masks_to_boxes(torch.from_numpy(stacked)).numpy(),
        "mask": stacked,
        "confidence": np.array([instance["score"] for instance in instances], dtype=np.float32),
        "class_id": np.array([instance["label_id"] for instance in instances], dtype=int),
        "data": data,
    }


def _as_array(mask: Any, image_size: tuple[int, int] | None) -> np.ndarray:
    """Return a mask in any `mask_format` as a (height, width) bool array."""
    # A mapping is an RLE, a list holds polygons, anything else is an array or image.
    if isinstance(mask, Mapping):
        return decode_rle(mask)
    if not isinstance(mask, list):
        return np.asarray(mask) != 0
    if image_size is None:
        raise UserError("polygons do not contain the size of the image; pass image_size=(height, width)")
    return decode_rle(segmentation_to_rle(mask, *image_size)) if mask else np.zeros(image_size, dtype=bool)
