# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure images per second on one GPU, and the fraction of its measured matrix-product speed.

    sh benchmarks/gpu.sh
    python -m benchmarks.gpu --batch_size 16 --compile

The network is the paper's: ResNet-101 at 800 × 1333 pixels with 80 classes, here with random weights, in bfloat16.
Labeling is the network and the decoding of 10 points per image to masks at the size of the images.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from pointwssis import SOLOv2Config, SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil

from .speed.scenes import disks, random_points
from .speed.training_rows import training_step

HEIGHT, WIDTH = 800, 1344  # 1333 pixels, padded to a multiple of 32
OBJECTS, POINTS = 8, 10  # per image
MATRIX = 8192  # side of the square matrices that measure the device
WARM_UP, SECONDS = 3, 30.0


def main() -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch_size", type=int, default=8, help="images per step (default 8)")
    parser.add_argument("--compile", action="store_true", help="compile the network")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU found: this script measures one")
        return 1
    torch.manual_seed(0)
    peak = product_speed()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(f"bfloat16 product of {MATRIX} × {MATRIX} matrices: {peak / 1e12:.0f} TFLOP/s")
    print("| what | images per second | fraction of that speed | peak GB |\n|---|---|---|---|")
    for name, prepare in (("training", prepared_training), ("labeling", prepared_labeling)):
        torch.cuda.reset_peak_memory_stats()
        call, operations = prepare(options.batch_size, options.compile)
        seconds = seconds_per_call(call)
        speed = operations / seconds / peak
        gigabytes = torch.cuda.max_memory_allocated() / 1e9
        print(f"| {name} | {options.batch_size / seconds:.1f} | {speed:.2f} | {gigabytes:.1f} |", flush=True)
        del call
        torch.cuda.empty_cache()
    return 0


def product_speed() -> float:
    """Return the floating-point operations per second of a product of large matrices."""
    first, second = (torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * MATRIX**3 / seconds_per_call(lambda: first @ second, seconds=5.0)


def seconds_per_call(call: Callable[[], Any], seconds: float = SECONDS) -> float:
    """Return the mean time of a call after a warm-up."""
    for _ in range(WARM_UP):
        call()
    torch.cuda.synchronize()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        call()
        calls += 1
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls


def network(compile_network: bool) -> SOLOv2ForInstanceSegmentation:
    """Return the paper's network on the GPU."""
    model = SOLOv2ForInstanceSegmentation(SOLOv2Config(num_labels=80)).cuda()
    model = model.to(memory_format=torch.channels_last)
    if compile_network:
        model.model.compile()
    return model


def prepared_training(batch_size: int, compile_network: bool) -> tuple[Callable[[], Any], int]:
    """Return a training step, and its floating-point operations."""
    model = network(compile_network).train()
    batch = {
        "pixel_values": torch.randn(batch_size, 3, HEIGHT, WIDTH, device="cuda"),
        "mask_labels": [disks(OBJECTS, HEIGHT, WIDTH, seed).cuda() for seed in range(batch_size)],
        "class_labels": [torch.arange(OBJECTS, device="cuda") for _ in range(batch_size)],
    }
    step = training_step(model, batch, torch.bfloat16)
    return step, operations_of(step)


def prepared_labeling(batch_size: int, compile_network: bool) -> tuple[Callable[[], Any], int]:
    """Return a call that labels a batch of images, and its floating-point operations."""
    model, processor = network(compile_network).eval().to(torch.bfloat16), SOLOv2ImageProcessorPil()
    pixels = torch.randn(batch_size, 3, HEIGHT, WIDTH, device="cuda", dtype=torch.bfloat16)
    points = [random_points(POINTS, HEIGHT, WIDTH, seed) for seed in range(batch_size)]
    labels = [torch.arange(POINTS) for _ in range(batch_size)]
    decode = partial(processor.post_process_point_instance_segmentation, input_points=points, class_labels=labels)

    def label() -> Any:
        return decode(model.encode(pixels), target_sizes=[(HEIGHT, WIDTH)] * batch_size)

    return label, operations_of(partial(model.encode, pixels))


def operations_of(call: Callable[[], Any]) -> int:
    """Return the floating-point operations of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


if __name__ == "__main__":
    raise SystemExit(main())
