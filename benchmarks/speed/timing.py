# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Compare the time and memory of two ways to compute one result, in one process."""

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

MIN_ROUNDS, MAX_ROUNDS = 3, 200
CLEAR_PEAK = "5"  # Linux: what written to /proc/self/clear_refs resets the peak resident memory


@dataclass(frozen=True)
class Comparison:
    """Two ways to compute one result.

    Attributes:
        ours: the library's way.
        yardstick: the way that it is compared with.
        yardstick_name: what the yardstick is, for the table.
        goal: how many times as fast ours should be; None for a row without a goal.
        check: raises an AssertionError if the two results differ; None if they are not comparable.
    """

    ours: Callable[[], Any]
    yardstick: Callable[[], Any]
    yardstick_name: str
    goal: float | None = None
    check: Callable[[Any, Any], None] | None = None


@dataclass(frozen=True)
class Cost:
    """Cost of one way: seconds of the fastest and of the median round, and MB of its peak above the start."""

    wall_min: float
    wall_median: float
    processor_min: float
    processor_median: float
    peak_mb: float | None


@dataclass(frozen=True)
class Result:
    """Costs of both ways of a comparison, and the ratio of their fastest rounds in processor time."""

    name: str
    yardstick_name: str
    rounds: int
    ours: Cost
    yardstick: Cost
    ratio: float
    wall_ratio: float
    goal: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as values that JSON can hold."""
        return asdict(self)


def compare(name: str, comparison: Comparison, seconds: float) -> Result:
    """Run both ways in turn and return their costs.

    The first round warms up, checks that the results agree and measures the memory; it is not timed.

    Args:
        name: name of the row.
        comparison: the two ways.
        seconds: time for the rounds; there are at least 3.
    """
    ways = (comparison.ours, comparison.yardstick)
    results, peaks = zip(*(with_peak(way) for way in ways), strict=True)
    if comparison.check is not None:
        comparison.check(*results)
    del results
    # Interleaved rounds, so that a slow phase of the machine affects both alike.
    times: list[list[tuple[float, float]]] = [[], []]
    end = time.perf_counter() + seconds
    while len(times[0]) < MIN_ROUNDS or (time.perf_counter() < end and len(times[0]) < MAX_ROUNDS):
        for own_times, way in zip(times, ways, strict=True):
            own_times.append(timed(way))
    ours, yardstick = (cost(own_times, peak) for own_times, peak in zip(times, peaks, strict=True))
    return Result(
        name=name,
        yardstick_name=comparison.yardstick_name,
        rounds=len(times[0]),
        ours=ours,
        yardstick=yardstick,
        ratio=yardstick.processor_min / max(ours.processor_min, 1e-9),
        wall_ratio=yardstick.wall_min / ours.wall_min,
        goal=comparison.goal,
    )


def timed(way: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and processor time of one call in seconds; that of child processes included."""
    wall, processor = time.perf_counter(), processor_time()
    way()
    return time.perf_counter() - wall, processor_time() - processor


def processor_time() -> float:
    """Return the seconds of processor time of this process, its threads and its finished children."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def cost(times: list[tuple[float, float]], peak_mb: float | None) -> Cost:
    """Return the cost of one way from the (wall, processor) seconds of its rounds."""
    wall, processor = zip(*times, strict=True)
    return Cost(min(wall), statistics.median(wall), min(processor), statistics.median(processor), peak_mb)


def with_peak(way: Callable[[], Any]) -> tuple[Any, float | None]:
    """Return the result of a call, and the MB by which memory grew at its peak; None where it cannot be measured."""
    gc.collect()
    before = resident_mb("VmRSS")
    try:
        Path("/proc/self/clear_refs").write_text(CLEAR_PEAK, encoding="ascii")
    except OSError:  # not Linux, or not permitted
        return way(), None
    result = way()
    peak = resident_mb("VmHWM")
    return result, None if before is None or peak is None else peak - before


def resident_mb(field: str) -> float | None:
    """Return the resident memory (VmRSS) or its peak (VmHWM) of this process in MB, None where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return None


def machine() -> dict[str, Any]:
    """Return what a reader must know of the machine: processor, threads, load, versions."""
    model = "unknown"
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
        model = names[0] if names else model
        special = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
        model += f" ({', '.join(special)})"
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
    }
