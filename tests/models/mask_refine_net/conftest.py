# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tiny refiner, its inputs, and the golden vectors of the official one."""

import json

import numpy as np
import pytest
import torch

from helpers.official_files import mask_refine_net_weights
from helpers.paths import PARITY
from helpers.tiny_refiner import tiny_config, tiny_inputs
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement


@pytest.fixture
def make_config():
    return tiny_config


@pytest.fixture
def make_model():
    def make(**kwargs) -> MaskRefineNetForMaskRefinement:
        torch.manual_seed(0)
        return MaskRefineNetForMaskRefinement(tiny_config(**kwargs)).eval()

    return make


@pytest.fixture
def make_inputs():
    return tiny_inputs


@pytest.fixture
def official_weights():
    return mask_refine_net_weights


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    with np.load(PARITY / "f_mrn.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def golden_facts() -> dict:
    return json.loads((PARITY / "f_mrn.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def golden_objects(golden) -> dict[str, np.ndarray]:
    """Return twelve objects of one image, with their points as in the official inference."""
    height, width = golden["valid/hw"].tolist()
    bits = np.unpackbits(golden["valid/masks_packed"], axis=1)[:, : height * width]
    return {
        "image": golden["valid/image_rgb"],
        "rough_masks": bits.reshape(-1, height, width).astype(bool),
        "input_points": golden["valid/points_cycx_encoded"][:, ::-1] / 1e4 * np.array([width, height]),
        "class_labels": golden["valid/classes"],
    }
