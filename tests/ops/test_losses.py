# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch

from helpers.paths import PARITY
from pointwssis.ops.losses import dice_loss, sigmoid_focal_loss

UNITS = np.load(PARITY / "e_units.npz")


@pytest.mark.parametrize("case", range(6))
def test_official_focal_loss_is_reproduced(case):
    logits, targets = torch.as_tensor(UNITS[f"focal{case}/in"]), torch.as_tensor(UNITS[f"focal{case}/target"])
    np.testing.assert_allclose(
        sigmoid_focal_loss(logits, targets).sum(), UNITS[f"focal{case}/sum"], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("case", range(6))
def test_official_dice_loss_is_reproduced(case):
    """The targets are the masks of the NMS vectors, which have the same size."""
    probabilities = torch.as_tensor(UNITS[f"dice{case}/in"])
    shape = tuple(probabilities.shape[1:])
    assert shape == tuple(UNITS[f"nms{case}/hw"])
    masks = np.stack([np.unpackbits(row)[: shape[0] * shape[1]].reshape(shape) for row in UNITS[f"nms{case}/masks"]])
    for targets in (torch.as_tensor(masks), torch.as_tensor(masks).bool()):
        np.testing.assert_allclose(dice_loss(probabilities, targets), UNITS[f"dice{case}/out"], rtol=1e-4, atol=1e-4)


def test_dice_of_empty_masks_is_finite_with_gradient():
    probabilities = torch.zeros(2, 3, 3, requires_grad=True)
    loss = dice_loss(probabilities, torch.zeros(2, 3, 3))
    loss.sum().backward()
    assert loss.tolist() == [1, 1] and torch.isfinite(probabilities.grad).all()
