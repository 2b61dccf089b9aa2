# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models, data and recipes that are small enough to train in a test, and saved folders of them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pointwssis.data import SHAPE_CLASSES, make_shapes_dataset, write_shapes_coco
from pointwssis.models.factory import new_refiner, new_segmenter
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.runs.recipe import Recipe

NAMES = list(SHAPE_CLASSES)
IMAGE_SIZE = {"shortest_edge": 64, "longest_edge": 96}
RESNET = {
    "model_type": "resnet",
    "layer_type": "basic",
    "depths": [1, 1, 1, 1],
    "embedding_size": 8,
    "hidden_sizes": [8, 12, 16, 24],
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}
# Fewer and narrower groups of blocks than in Lite0, with its strides
EFFICIENTNET_LITE = {
    "model_type": "efficientnet_lite",
    "embedding_size": 8,
    "hidden_sizes": [8, 8, 8, 16, 16],
    "depths": [1, 1, 2, 1, 1],
    "kernel_sizes": [3, 3, 5, 3, 5],
    "strides": [1, 2, 2, 2, 2],
    "expand_ratios": [1, 2, 2, 2, 2],
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}
GRIDS = {
    "num_grids": [10, 8, 6, 4, 2],
    "scale_ranges": [[1, 24], [12, 48], [24, 96], [48, 192], [96, 2048]],
}
HEADS = {
    "fpn_channels": 16,
    "instance_channels": 16,
    "num_instance_convs": 1,
    "kernel_channels": 16,
    "mask_channels": 16,
    "score_threshold": 0.0,
    "update_threshold": 0.0,
    **GRIDS,
}
SEGMENTER = {"backbone_config": RESNET, **HEADS}
REFINER = {"backbone_config": RESNET, "input_channels": 8, "crop_size": 48}
NO_REPORT = {"report_to": "none"}  # reports with their pictures take a tenth of a run


def recipe_values(**changes: Any) -> dict[str, Any]:
    """Return the keys of a recipe whose training runs take three steps each."""
    values = {
        "labeled_fraction": 0.3,
        "bf16": False,
        "image_size": IMAGE_SIZE,
        "model": SEGMENTER,
        "teacher_model": GRIDS,
        "training": {
            "per_device_train_batch_size": 2,
            "max_steps": 3,
            "warmup_steps": 1,
            "logging_steps": 1,
            **NO_REPORT,
        },
        "refiner_model": REFINER,
        "refiner": {"max_steps": 3, "per_device_train_batch_size": 4, "warmup_steps": 1, **NO_REPORT},
    }
    return {**values, **changes}


def recipe(output_dir: Path, **changes: Any) -> Recipe:
    """Return the recipe of `recipe_values`."""
    return Recipe(**recipe_values(output_dir=str(output_dir), **changes))


def recipe_file(path: Path, **changes: Any) -> Path:
    """Write the recipe of `recipe_values` to a file."""
    Recipe(**recipe_values(**changes)).save(path)
    return path


def shapes_folder(path: Path, num_train: int = 8, num_val: int = 3) -> Path:
    """Write synthetic shapes in COCO's layout, 64 × 64 pixels."""
    return write_shapes_coco(path, num_train, num_val, (64, 64), seed=3)


def shapes(count: int = 6, sizes: Any = (64, 64), seed: int = 3) -> Any:
    """Return synthetic shapes as rows of the schema."""
    return make_shapes_dataset(count, sizes, seed)


def picture(height: int = 64, width: int = 64, seed: int = 0) -> Image.Image:
    """Return an image of noise."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


def segmenter(seed: int = 0, names: list[str] | None = None, **fields: Any) -> tuple[Any, Any]:
    """Return an untrained SOLOv2 whose results differ from point to point, and its image processor."""
    torch.manual_seed(seed)
    model, processor = new_segmenter(names or NAMES, {**SEGMENTER, **fields}, IMAGE_SIZE)
    with torch.no_grad():
        head = model.model.instance_head
        head.class_head.weight.normal_(std=0.3)
        head.class_head.bias.zero_()
        head.kernel_head.weight.normal_(std=0.1)
    return model.eval(), processor


def refiner(seed: int = 0, names: list[str] | None = None, **fields: Any) -> tuple[Any, Any]:
    """Return an untrained MaskRefineNet whose masks are neither empty nor full, and its image processor."""
    torch.manual_seed(seed)
    model, processor = new_refiner(names or NAMES, {**REFINER, **fields})
    with torch.no_grad():
        model.head.weight.normal_(std=1.0)
    return model.eval(), processor


def saved(folder: Path, made: tuple[Any, Any]) -> str:
    """Save a model with its image processor."""
    for part in made:
        part.save_pretrained(folder)
    return str(folder)


def saved_segmenter(folder: Path, **options: Any) -> str:
    return saved(folder, segmenter(**options))


def saved_refiner(folder: Path, **options: Any) -> str:
    return saved(folder, refiner(**options))


def state_of(folder: Path | str, kind: Any = SOLOv2ForInstanceSegmentation) -> dict[str, torch.Tensor]:
    """Return the weights of a saved model."""
    return kind.from_pretrained(folder).state_dict()


def refiner_state_of(folder: Path | str) -> dict[str, torch.Tensor]:
    return state_of(folder, MaskRefineNetForMaskRefinement)


def same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Return True if two models are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
