# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Non-maximum suppression agrees with that of the library."""

import numpy as np
import pytest
import torch

from pointwssis.onnx_runtime.mask_suppression import kept_detections
from pointwssis.ops.nms import mask_nms, matrix_nms

SETTINGS = {
    "mask_threshold": 0.5, "nms_type": "matrix", "nms_kernel": "gaussian", "nms_sigma": 2.0, "update_threshold": 0.05,
}  # fmt: skip


def proposals() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return overlapping masks, the first three of which are equal, with their labels and scores."""
    generator = torch.Generator().manual_seed(0)
    masks = (torch.rand(30, 4, 6, generator=generator) > 0.4).float()
    masks[1] = masks[2] = masks[0]
    return masks, torch.arange(30) // 10, torch.linspace(0.9, 0.1, 30)


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_matrix_nms(kernel):
    masks, labels, scores = proposals()
    decayed = matrix_nms(masks, labels, scores, kernel).numpy()
    kept, found = kept_detections(masks.numpy(), labels.numpy(), scores.numpy(), {**SETTINGS, "nms_kernel": kernel})
    assert sorted(kept.tolist()) == np.flatnonzero(decayed >= 0.05).tolist()
    np.testing.assert_allclose(found, decayed[kept], atol=1e-6)
    assert (np.diff(found) <= 0).all()


def test_mask_nms():
    masks, labels, scores = proposals()
    kept, found = kept_detections(masks.numpy(), labels.numpy(), scores.numpy(), {**SETTINGS, "nms_type": "mask"})
    assert kept.tolist() == mask_nms(masks, labels, scores, 0.5).nonzero().flatten().tolist()
    assert found.tolist() == scores.numpy()[kept].tolist()


def test_no_proposals():
    kept, scores = kept_detections(np.zeros((0, 4, 6), np.float32), np.zeros(0, np.int64), np.zeros(0), SETTINGS)
    assert len(kept) == len(scores) == 0
