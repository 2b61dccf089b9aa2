# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models with the weights that the golden vectors were computed with."""

import json
import sys

import numpy as np
import torch

from conftest import PARITY
from pointwssis.solov2.configuration_solov2 import SOLOv2Config
from pointwssis.solov2.convert_solov2 import convert_official_state_dict
from pointwssis.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

sys.path.insert(0, str(PARITY))
from fill_rule import fill_value  # noqa: E402

STAGES = ["stage1", "stage2", "stage3", "stage4"]
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


def official_model(keys: str, cate_gain: float = 2.0, **config) -> SOLOv2ForInstanceSegmentation:
    """A model whose official weights follow fill_rule.py."""
    shapes = json.loads((PARITY / f"keys_{keys}.json").read_text())
    for leaf in ("weight", "bias"):  # the list was made with 80 classes
        shapes[f"ins_head.cate_pred.{leaf}"][0] = config["num_labels"]
    weights = {name: torch.as_tensor(fill_value(name, shape, cate_gain)) for name, shape in shapes.items()}
    model = SOLOv2ForInstanceSegmentation(SOLOv2Config(**config))
    model.load_state_dict(convert_official_state_dict(weights, model.state_dict()))
    return model.eval()


def unpack(packed: np.ndarray, height: int, width: int) -> torch.Tensor:
    """(N, H, W) bool masks out of bit-packed rows."""
    rows = [np.unpackbits(row)[: height * width].reshape(height, width) for row in packed]
    return torch.as_tensor(np.array(rows, dtype=bool).reshape(-1, height, width))
