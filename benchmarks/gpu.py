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

NETWORK: dict[str, Any] = {"num_labels": 80}  # what differs from the defaults of the configuration
OBJECTS, POINTS = 8, 10  # per image
WARM_UP = 3  # calls


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch_size", type=int, default=8, help="images per step (default 8)")
    parser.add_argument("--compile", action="store_true", help="compile the network")
    parser.add_argument("--device", default="cuda", help="device; cpu tries the script with small sizes (default cuda)")
    parser.add_argument("--height", type=int, default=800, help="height of the network's input (default 800)")
    parser.add_argument("--width", type=int, default=1344, help="its width (default 1344: 1333 pixels, padded)")
    parser.add_argument("--matrix", type=int, default=8192, help="side of the matrices that measure the device")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds per measurement (default 30)")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no GPU found: this script measures one")
        return 1
    torch.manual_seed(0)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{device}, not a measurement"
    peak = product_speed(options.matrix, device, min(5.0, options.seconds))
    print(f"{name}, torch {torch.__version__}")
    print(f"bfloat16 product of {options.matrix} × {options.matrix} matrices: {peak / 1e12:.3g} TFLOP/s")
    print("| what | images per second | fraction of that speed | peak GB |\n|---|---|---|---|")
    for what, prepare in (("training", prepared_training), ("labeling", prepared_labeling)):
        # Operations are counted before compiling, which would hide them.
        model = network(device)
        call, counted = prepare(model, options.batch_size, (options.height, options.width))
        operations = operations_of(counted)
        if options.compile:
            model.model.compile()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds = seconds_per_call(call, device, options.seconds)
        speed = operations / seconds / peak
        gigabytes = f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if device.type == "cuda" else "not measured"
        print(f"| {what} | {options.batch_size / seconds:.1f} | {speed:.2f} | {gigabytes} |", flush=True)
        del model, call, counted
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return 0


def product_speed(side: int, device: torch.device, seconds: float) -> float:
    """Return the floating-point operations per second of a product of large square matrices."""
    first, second = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / seconds_per_call(lambda: first @ second, device, seconds)


def seconds_per_call(call: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """Return the mean time of a call after a warm-up."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(WARM_UP):
        call()
    wait()
    calls, start = 0, time.perf_counter()
    while calls == 0 or time.perf_counter() - start < seconds:
        call()
        calls += 1
        wait()
    return (time.perf_counter() - start) / calls


def network(device: torch.device) -> SOLOv2ForInstanceSegmentation:
    """Return the paper's network on a device, on a GPU with the channels last."""
    model = SOLOv2ForInstanceSegmentation(SOLOv2Config(**NETWORK)).to(device)
    return model.to(memory_format=torch.channels_last) if device.type == "cuda" else model


def prepared_training(
    model: SOLOv2ForInstanceSegmentation, batch_size: int, size: tuple[int, int]
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return a training step, and the call whose operations count: the step itself."""
    device = model.device
    batch = {
        "pixel_values": torch.randn(batch_size, 3, *size, device=device),
        "mask_labels": [disks(OBJECTS, *size, seed).to(device) for seed in range(batch_size)],
        "class_labels": [torch.arange(OBJECTS, device=device) for _ in range(batch_size)],
    }
    step = training_step(model.train(), batch, torch.bfloat16)
    return step, step


def prepared_labeling(
    model: SOLOv2ForInstanceSegmentation, batch_size: int, size: tuple[int, int]
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return a call that labels a batch of images, and the call whose operations count: the network alone."""
    model, processor = model.eval().to(torch.bfloat16), SOLOv2ImageProcessorPil()
    pixels = torch.randn(batch_size, 3, *size, device=model.device, dtype=torch.bfloat16)
    points = [random_points(POINTS, *size, seed) for seed in range(batch_size)]
    labels = [torch.arange(POINTS) for _ in range(batch_size)]
    decode = partial(processor.post_process_point_instance_segmentation, input_points=points, class_labels=labels)

    def label() -> Any:
        return decode(model.encode(pixels), target_sizes=[size] * batch_size)

    return label, partial(model.encode, pixels)


def operations_of(call: Callable[[], Any]) -> int:
    """Return the floating-point operations of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


if __name__ == "__main__":
    raise SystemExit(main())
