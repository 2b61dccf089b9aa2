# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Functions on masks, points, boxes, images and files, with torch, NumPy, Pillow, pycocotools and PyYAML only."""

from typing import TYPE_CHECKING

from .lazy_names import lazy_names

if TYPE_CHECKING:
    from .coco_masks import rle_area, rle_box, rle_coverage, rle_iou, segmentation_to_rle
    from .images import check_image, read_image
    from .losses import dice_loss, sigmoid_focal_loss
    from .mask_ops import centers_of_mass, downscale_masks, mask_iou, masks_to_boxes
    from .nms import mask_nms, matrix_nms, point_nms
    from .overlaps import settle_overlaps
    from .points import point_from_mask
    from .polygons import join_polygons, mask_to_polygons
    from .rle import RLE, decode_rle, encode_mask

__getattr__, __dir__ = lazy_names(__name__, __file__)

__all__ = [
    "RLE",
    "centers_of_mass",
    "check_image",
    "decode_rle",
    "dice_loss",
    "downscale_masks",
    "encode_mask",
    "join_polygons",
    "mask_iou",
    "mask_nms",
    "mask_to_polygons",
    "masks_to_boxes",
    "matrix_nms",
    "point_from_mask",
    "point_nms",
    "read_image",
    "rle_area",
    "rle_box",
    "rle_coverage",
    "rle_iou",
    "segmentation_to_rle",
    "settle_overlaps",
    "sigmoid_focal_loss",
]
