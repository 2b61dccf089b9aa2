# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure the speed of the library beside yardsticks, in one process and in turn.

    python -m benchmarks.run
    python -m benchmarks.run --only points-1 points-50 --seconds 10 --json speed.json
    python -m benchmarks.run --curves curves.png

A row compares two ways to compute one result, ours and a yardstick, which run alternately. The table shows the fastest
round of each in processor time, the ratio of both, the same ratio in wall time, and the peak memory above the start.
Measure on an idle machine; the load is printed.
"""

import argparse
import json
import sys
from pathlib import Path

from transformers.utils import logging

from .speed import command_rows, decoding_rows, network_rows, onnx_rows, training_rows
from .speed.curves import draw_curves, measure_curves
from .speed.timing import Result, compare, machine

ROWS = {**decoding_rows.ROWS, **training_rows.ROWS, **network_rows.ROWS, **onnx_rows.ROWS, **command_rows.ROWS}
HEADER = (
    "| row | ours | yardstick | times as fast (wall) | goal | peak MB | yardstick is |\n|---|---|---|---|---|---|---|"
)


def main(arguments: list[str] | None = None) -> int:
    """Measure the rows of the command line, print a Markdown table, and write files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(ROWS), help="rows to measure; all by default")
    parser.add_argument("--seconds", type=float, default=5.0, help="time per row, at least 3 rounds (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--curves", type=Path, metavar="FILE", help="measure growth curves instead, and draw them")
    options = parser.parse_args(arguments)
    logging.disable_progress_bar()

    facts = machine()
    print(f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads, load {facts['load']:.1f}")
    if facts["load"] > 0.5:
        print("other programs are running: times are not reliable", file=sys.stderr)
    # Growth curves, or the table.
    if options.curves:
        curves = measure_curves()
        draw_curves(curves, options.curves)
        write_json(options.json, {"machine": facts, "curves": curves})
        return 0
    print(HEADER)
    results = []
    for name in options.only or ROWS:
        results.append(compare(name, ROWS[name](), options.seconds))
        print(line(results[-1]), flush=True)
    write_json(options.json, {"machine": facts, "rows": [result.as_dict() for result in results]})
    return 0


def line(result: Result) -> str:
    """Return the row of one result in Markdown."""
    ours, yardstick = (f"{cost.processor_min * 1000:.1f} ms" for cost in (result.ours, result.yardstick))
    ratio = f"{result.ratio:.2f} ({result.wall_ratio:.2f})"
    goal = "" if result.goal is None else f"{result.goal:.2f}" + (" met" if result.ratio >= result.goal else " missed")
    peaks = [cost.peak_mb for cost in (result.ours, result.yardstick)]
    memory = "not measured" if None in peaks else " / ".join(f"{peak:.0f}" for peak in peaks)
    return f"| {result.name} | {ours} | {yardstick} | {ratio} | {goal} | {memory} | {result.yardstick_name} |"


def write_json(path: Path | None, values: dict) -> None:
    """Write values to a JSON file, unless there is none."""
    if path is not None:
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
