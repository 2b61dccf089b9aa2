# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models with the weights that the golden vectors were computed with, and the vectors' images as their input."""

import json
import sys

import numpy as np
import torch

from helpers.paths import PARITY
from pointwssis.conversion.solov2 import convert_official_state_dict
from pointwssis.models.solov2.configuration_solov2 import STAGES, TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from pointwssis.models.solov2.image_processing_pil_solov2 import OFFICIAL_PREPROCESSING, SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

sys.path.insert(0, str(PARITY))
from fill_rule import fill_value  # noqa: E402

TINY = {
    "backbone_config": {
        "model_type": "resnet",
        "depths": [2, 2, 2, 2],
        "hidden_sizes": [64, 128, 256, 512],
        "layer_type": "basic",
        "out_features": STAGES,
    },
    "fpn_channels": 64,
    "instance_channels": 64,
    "mask_channels": 32,
    "kernel_channels": 32,
    "num_grids": [12, 10, 8, 6, 4],
    "num_labels": 3,
}
R50 = {
    "backbone_config": {
        "model_type": "resnet",
        "depths": [3, 4, 6, 3],
        "downsample_in_bottleneck": True,
        "out_features": STAGES,
    },
    "num_labels": 3,
}
GRIDS_AND_RANGES = {
    "default": {},
    "teacher": {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES},
}


def official_shapes(keys: str, num_labels: int) -> dict[str, list[int]]:
    """Return names and shapes of the official weights; the list of ResNet-50 has 80 classes."""
    shapes = json.loads((PARITY / f"keys_{keys}.json").read_text())
    for leaf in ("weight", "bias"):
        shapes[f"ins_head.cate_pred.{leaf}"][0] = num_labels
    return shapes


def official_model(keys: str, cate_gain: float = 2.0, **config) -> SOLOv2ForInstanceSegmentation:
    """Return a model whose official weights follow fill_rule.py."""
    shapes = official_shapes(keys, config["num_labels"])
    weights = {name: torch.as_tensor(fill_value(name, shape, cate_gain)) for name, shape in shapes.items()}
    model = SOLOv2ForInstanceSegmentation(SOLOv2Config(**config))
    model.load_state_dict(convert_official_state_dict(weights, model.state_dict()))
    return model.eval()


def our_names(shapes: dict[str, list[int]], expected: dict[str, torch.Tensor]) -> dict[str, str]:
    """Return our name of every official weight, found by converting weights that are filled with their number.

    `shapes` are those of the official weights, `expected` is the state of the model that is to hold them.
    """
    numbered = {name: torch.tensor(float(k)).expand(shape) for k, (name, shape) in enumerate(shapes.items())}
    converted = convert_official_state_dict(numbered, expected)
    official = list(shapes)
    return {
        official[int(value.flatten()[0])]: name
        for name, value in converted.items()
        if not name.endswith("num_batches_tracked")
    }


def as_input(*images_bgr: np.ndarray) -> dict[str, torch.Tensor]:
    """Return the model inputs of the image processor for (H, W, 3) BGR images at their own size."""
    processor = SOLOv2ImageProcessorPil(do_resize=False, **OFFICIAL_PREPROCESSING)
    return dict(processor([image[..., ::-1] for image in images_bgr], return_tensors="pt"))


def unpack(packed: np.ndarray, height: int, width: int) -> torch.Tensor:
    """Return (N, H, W) bool masks from bit-packed rows."""
    rows = [np.unpackbits(row)[: height * width].reshape(height, width) for row in packed]
    return torch.as_tensor(np.array(rows, dtype=bool).reshape(-1, height, width))


def labels_of(vectors: np.lib.npyio.NpzFile, name: str = "") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return masks (N, H, W), classes (N,) and xyxy boxes (N, 4) of the annotated objects of one golden image."""
    masks = unpack(vectors[f"gt{name}_masks_packed"], *vectors[f"gt{name}_hw"])
    return masks, torch.as_tensor(vectors[f"gt{name}_classes"]), torch.as_tensor(vectors[f"gt{name}_boxes"])
