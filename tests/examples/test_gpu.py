# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The script that measures a GPU, tried on the CPU with a small network and small images."""

import sys

import pytest
import torch

from helpers.paths import ROOT

sys.path.insert(0, str(ROOT))  # for benchmarks

from benchmarks import gpu

SMALL = {
    "num_labels": 10,
    "backbone_config": {"model_type": "resnet", "layer_type": "basic", "depths": [1] * 4, "hidden_sizes": [8] * 4},
    "fpn_channels": 16,
    "instance_channels": 16,
    "kernel_channels": 16,
    "mask_channels": 16,
}
SIZES = ["--device", "cpu", "--height", "64", "--width", "96", "--matrix", "32", "--seconds", "0", "--batch_size", "2"]


def test_training_and_labeling_are_measured(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "NETWORK", SMALL)
    assert gpu.main(SIZES) == 0
    *_, training, labeling = capsys.readouterr().out.splitlines()
    for row, what in ((training, "training"), (labeling, "labeling")):
        name, speed, fraction, memory = (cell.strip() for cell in row.strip("|").split("|"))
        assert name == what and float(speed) > 0 and float(fraction) >= 0 and memory == "not measured"


def test_operations_of_a_step_are_those_of_forward_and_backward(monkeypatch):
    monkeypatch.setattr(gpu, "NETWORK", SMALL)
    model = gpu.network(torch.device("cpu"))
    step, counted = gpu.prepared_training(model, 1, (64, 96))
    _, forward = gpu.prepared_labeling(gpu.network(torch.device("cpu")), 1, (64, 96))
    assert step is counted and 2 <= gpu.operations_of(counted) / gpu.operations_of(forward) <= 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_no_gpu_ends_with_one_line(capsys):
    assert gpu.main([]) == 1
    assert capsys.readouterr().out == "no GPU found: this script measures one\n"
