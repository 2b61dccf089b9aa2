# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A SOLOv2 that is small enough to train in a test, and batches with labels for it."""

import torch

from pointwssis.models.solov2.configuration_solov2 import STAGES, SOLOv2Config
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

RESNET = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 12, 16, 24],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
    "out_features": STAGES,
}


def small_config(**changes) -> SOLOv2Config:
    """Return a configuration that is trainable from scratch: nothing is frozen by default."""
    options = {
        "backbone_config": RESNET,
        "freeze_backbone_norm": False,
        "freeze_backbone_stages": 0,
        "fpn_channels": 16,
        "num_grids": [10, 8, 6, 4, 2],
        "scale_ranges": [[1, 24], [12, 48], [24, 96], [48, 192], [96, 2048]],
        "instance_channels": 32,
        "num_instance_convs": 2,
        "kernel_channels": 16,
        "mask_channels": 48,
        "num_labels": 3,
    }
    return SOLOv2Config(**{**options, **changes})


def small_model(seed: int = 0, **changes) -> SOLOv2ForInstanceSegmentation:
    """Return a model in evaluation mode, with weights drawn with `seed`."""
    torch.manual_seed(seed)
    return SOLOv2ForInstanceSegmentation(small_config(**changes)).eval()


def lively_model(seed: int = 0, **changes) -> SOLOv2ForInstanceSegmentation:
    """Return a small model whose scores and kernels are so large that proposals pass the thresholds."""
    model = small_model(seed, **changes)
    with torch.no_grad():
        head = model.model.instance_head
        head.class_head.weight.normal_(std=0.3)
        head.class_head.bias.zero_()
        head.kernel_head.weight.normal_(std=0.05)
    return model


def rectangles(height: int, width: int, *boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """Return (N, height, width) bool masks that fill xyxy boxes."""
    masks = torch.zeros(len(boxes), height, width, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return masks


def drawn_batch(*sizes: tuple[int, int]) -> dict:
    """Return model inputs of images of (height, width) with two bright rectangles each, of classes 0 and 2."""
    images, masks = [], []
    for height, width in sizes:
        shapes = rectangles(height, width, (4, 6, 26, 30), (width // 2, height // 2, width - 2, height - 4))
        image = torch.full((3, height, width), 60, dtype=torch.uint8)
        image[:, shapes[0]] = 200
        image[0, shapes[1]] = 240
        images.append(image)
        masks.append(shapes)
    processor = SOLOv2ImageProcessorPil(do_resize=False)
    return dict(processor(images, mask_labels=masks, class_labels=[[0, 2]] * len(sizes), return_tensors="pt"))
