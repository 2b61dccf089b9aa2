# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Post-processing of both image processors of MaskRefineNet: logits of crops to masks of whole images."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.utils import ModelOutput

from .crops_mask_refine_net import to_numpy


def refined_crop_mask(probabilities: Tensor, crop_box: Sequence[int]) -> np.ndarray:
    """Return the mask of one crop at its original size: foreground where it is more probable than background.

    Args:
        probabilities: (2, S, S) float, background and foreground in the resized crop.
        crop_box: (x0, y0, x1, y1) in pixels of the image, maximum exclusive.

    Returns:
        (y1 - y0, x1 - x0) bool.

    Example:
        >>> left = torch.tensor([[0.9, 0.1]])
        >>> refined_crop_mask(torch.stack([1 - left, left]), (10, 20, 14, 21))
        array([[ True,  True, False, False]])
    """
    x0, y0, x1, y1 = crop_box
    background, foreground = F.interpolate(
        probabilities[None], size=(y1 - y0, x1 - x0), mode="bilinear", align_corners=False
    )[0]
    return (foreground > background).cpu().numpy()  # ties are background, as in the official code


@torch.no_grad()
def post_process_masks(
    outputs: ModelOutput | Tensor,
    crop_boxes: Tensor | np.ndarray,
    original_sizes: Sequence[tuple[int, int]],
    rough_masks: Sequence | None = None,
    image_indices: Tensor | np.ndarray | None = None,
) -> list[dict[str, np.ndarray]]:
    """Paste refined masks back into their images.

    Probabilities are resized bilinearly to the size of the crop; everything outside the crop is background. An object
    whose refined mask is empty keeps its rough mask, as in the official code.

    Args:
        outputs: the model's output or its (M, 2, S, S) logits, objects in the order of the image processor.
        crop_boxes: (M, 4), from the image processor.
        original_sizes: (height, width) of each image.
        rough_masks: (N, H, W) rough masks of each image, as passed to the image processor; without them an empty
            refined mask stays empty.
        image_indices: (M,), from the image processor; not needed for a single image.

    Returns:
        For each image `{"masks": (N, H, W) bool, "kept_rough_masks": (N,) bool}` in the order of its objects.

    Raises:
        ValueError: the arguments do not have one entry per object, or `image_indices` is missing for several images.
    """
    logits = outputs if isinstance(outputs, Tensor) else outputs.logits
    boxes = to_numpy(crop_boxes).reshape(-1, 4).tolist()
    if image_indices is None:
        if len(original_sizes) != 1:
            raise ValueError(f"image_indices must be given for {len(original_sizes)} images")
        image_indices = [0] * len(boxes)
    indices = to_numpy(image_indices).astype(np.int64).tolist()
    if not len(logits) == len(boxes) == len(indices):
        raise ValueError(f"{len(logits)} logits, {len(boxes)} crop_boxes and {len(indices)} image_indices do not match")
    # Empty masks for all objects of each image.
    counts = np.bincount(np.array(indices, dtype=np.int64), minlength=len(original_sizes))
    results = []
    for count, size in zip(counts, original_sizes, strict=True):
        results.append({"masks": np.zeros((count, *size), bool), "kept_rough_masks": np.zeros(count, bool)})
    # Objects come in order, so the next free row of its image belongs to each of them.
    filled = [0] * len(results)
    for crop_logits, box, i in zip(logits, boxes, indices, strict=True):
        j, result = filled[i], results[i]
        filled[i] += 1
        x0, y0, x1, y1 = box
        refined = refined_crop_mask(crop_logits.float().softmax(dim=0), box)
        result["masks"][j, y0:y1, x0:x1] = refined
        if rough_masks is not None and not refined.any():
            result["masks"][j] = to_numpy(rough_masks[i][j]).astype(bool)
            result["kept_rough_masks"][j] = True
    return results
