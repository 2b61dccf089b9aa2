# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Two processes train and evaluate as one."""

import json

import numpy as np
import pytest

from helpers import tiny
from helpers import training_in_two_processes as script
from helpers.processes import run_together
from helpers.tiny_trainer import evaluated
from helpers.training_in_two_processes import answered_rows
from pointwssis.data import read_image


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory) -> list[dict]:
    """Return the answers of the two processes of `training_in_two_processes`."""
    folder = tmp_path_factory.mktemp("two")
    for code, output in run_together(script, 2, folder):
        assert code == 0, output[-3000:]
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def test_two_processes_train_and_evaluate_as_one(two_processes, tmp_path):
    """An image without objects on one of them, an odd number of images, and the same answer."""
    first, second = two_processes
    assert first["metrics"] == second["metrics"] and first["weights"] == second["weights"]
    # Every epoch, each process takes half of the images, and both augment anew.
    for epoch in range(3):
        seen = sorted(i for part in (first, second) for e, i in part["seen"] if e == epoch)
        assert seen == list(range(6))
    alone, _ = evaluated(tmp_path, answered_rows(), per_device_eval_batch_size=2)
    assert first["metrics"] == pytest.approx(alone, abs=1e-9) and alone["eval_AP"] > 0.2


def test_two_processes_follow_the_losses_of_one_with_the_same_batch(two_processes, tmp_path):
    """Processes with different numbers of objects weigh them alike: divisors are those of the common batch."""
    alone = script.loss_curve(tmp_path, 2)
    assert len(alone) == 4 and alone[0]["loss"] > alone[-1]["loss"] > 0
    for answer in two_processes:
        for step, expected in zip(answer["curve"], alone, strict=True):
            assert step == pytest.approx(expected, rel=1e-4), (answer["curve"], alone)


def test_two_processes_share_the_loss_of_a_refiner(two_processes):
    loss, gradient = script.refinement_gradient(slice(0, 4))
    # DistributedDataParallel divides the sum of the gradients by the number of processes.
    shared = [value / 2 for answer in two_processes for value in answer["refinement"][1]]
    assert shared == pytest.approx(gradient, abs=1e-6)
    for answer in two_processes:
        assert answer["refinement"][0] == pytest.approx(loss, abs=1e-6)


def test_two_processes_share_a_stream(two_processes):
    images = [np.asarray(read_image(row)) for row in tiny.shapes(7).with_format(None)]
    seen = [image for answer in two_processes for image in answer["streamed"]]
    assert sorted(seen) == sorted(int(image.sum()) for image in images)
