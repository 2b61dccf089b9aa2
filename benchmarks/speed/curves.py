# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Growth curves: time and memory against the number of points, objects and classes, and the size of the image."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import LogLocator, StrMethodFormatter

from pointwssis import SOLOv2Config
from pointwssis.models.solov2.loss_solov2 import image_targets

from .decoding_rows import decode_points
from .network_rows import segmenter
from .scenes import disks, learned_outputs, photo, random_points
from .timing import with_peak

ROUNDS = 3


def measure_curves() -> dict[str, dict[str, list[float]]]:
    """Measure all curves: name → `x`, `seconds` of the fastest of three calls, and peak `mb`."""
    outputs = learned_outputs(480, 640)
    curves = {
        "points on one image": curve(
            (1, 3, 10, 30, 100, 300, 1000),
            lambda count: (
                lambda: decode_points(
                    outputs, random_points(count, 480, 640), torch.zeros(count, dtype=torch.long), (480, 640)
                )
            ),
        ),
        "side of the image in pixels, 20 points": curve((256, 512, 1024, 2048, 4096), points_at_size),
        "classes, 20 points": curve((1, 10, 80, 400, 1203), points_of_classes),
        "objects in a training image": curve((1, 10, 30, 100, 300), targets_of_objects),
        "images in a batch, network and 10 points each": curve((1, 2, 4, 8), clicks_of_batch),
    }
    return curves


def points_at_size(side: int) -> Callable[[], Any]:
    """Return a call that decodes 20 points on a square image; the network's input has 640 pixels."""
    outputs = learned_outputs(640, 640)
    points = random_points(20, side, side)
    return lambda: decode_points(outputs, points, torch.zeros(20, dtype=torch.long), (side, side))


def points_of_classes(num_labels: int) -> Callable[[], Any]:
    """Return a call that decodes 20 points with many classes."""
    outputs = learned_outputs(480, 640, num_labels=num_labels)
    points = random_points(20, 480, 640)
    return lambda: decode_points(outputs, points, torch.zeros(20, dtype=torch.long), (480, 640))


def targets_of_objects(count: int) -> Callable[[], Any]:
    """Return a call that computes the targets of an image with many objects."""
    masks, config = disks(count, 800, 1088), SOLOv2Config()
    return lambda: image_targets(masks, None, (800, 1088), config)


def clicks_of_batch(count: int) -> Callable[[], Any]:
    """Return a call that segments a batch of images with 10 points each."""
    pipe = segmenter(torch.float32)
    images = [photo(480, 640, seed) for seed in range(count)]
    points = [random_points(10, 480, 640, seed).tolist() for seed in range(count)]
    return lambda: pipe(images, points=points, mask_format="rle", batch_size=count)


def curve(values: tuple[int, ...], prepare: Callable[[int], Callable[[], Any]]) -> dict[str, list[float]]:
    """Return the cost of a call for each value."""
    seconds, peaks = [], []
    for value in values:
        call = prepare(value)
        call()  # the first call of a process loads code, which is no memory of its own
        _, peak = with_peak(call)
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        seconds.append(min(times))
        peaks.append(peak or 0.0)
    return {"x": [float(value) for value in values], "seconds": seconds, "mb": peaks}


def draw_curves(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw one panel per curve: milliseconds on the left axis, MB on the right one."""
    figure, panels = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 3.2), layout="constrained")
    for panel, (name, values) in zip(panels, curves.items(), strict=True):
        panel.loglog(values["x"], [1000 * seconds for seconds in values["seconds"]], marker="o", color="tab:blue")
        panel.set_xlabel(name)
        panel.set_ylabel("milliseconds", color="tab:blue")
        # Measured values as ticks of the lower axis; plain numbers on the left one, over at least one decade.
        panel.set_xticks(values["x"], [f"{value:g}" for value in values["x"]])
        panel.minorticks_off()
        low, high = panel.get_ylim()
        middle = (low * high) ** 0.5
        panel.set_ylim(min(low, middle / 10**0.5), max(high, middle * 10**0.5))
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        memory = panel.twinx()
        memory.plot(values["x"], values["mb"], marker="s", color="tab:orange", linestyle=":")
        memory.set_ylabel("MB above the start", color="tab:orange")
        memory.set_ylim(0, max(10, 1.1 * max(values["mb"])))  # so that noise looks small
    figure.savefig(path, dpi=110)
    plt.close(figure)
