# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The tables and figures of the paper at a small scale, beside the published ones; seeds accumulate over calls.

python examples/reproduce_tables.py --preset cpu --seeds 1 --dry_run
python examples/reproduce_tables.py --preset cpu --seeds 1
python examples/reproduce_tables.py --preset cpu --seeds 2 3 --tables 5 figure6 --data shapes-v1/hard

Everything that was trained or measured is kept in the output folder, so that an interrupted call goes on where it
stopped. The other options are keys of the recipe: --image_size.shortest_edge 320.
"""

import argparse
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks, which the package does not contain

from benchmarks.tables.costs import estimate_lines, seconds_of_jobs
from benchmarks.tables.experiment import Experiment, measured
from benchmarks.tables.jobs import jobs_of
from benchmarks.tables.pictures import draw_figure, draw_figure_6
from benchmarks.tables.published import all_tables
from benchmarks.tables.report import Report, write_report
from benchmarks.tables.settings import EVERYTHING, PICTURES, PRESETS, Settings

from pointwssis.cli.endings import run_script
from pointwssis.cli.run import hide_progress_bars
from pointwssis.planning.speed import machine_name
from pointwssis.runs.recipe_values import parse_overrides


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--preset", choices=tuple(PRESETS), default="cpu", help="size of the experiments")
    parser.add_argument("--tables", nargs="+", choices=EVERYTHING, help="tables and figures; by default of the preset")
    parser.add_argument("--data", default="shapes-v1", help="shapes-v1, shapes-v1/LEVEL, nuclei, or a folder like COCO")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="seeds (1); they join those of earlier calls")
    parser.add_argument("--output_dir", type=Path, help="outputs/tables/DATA_PRESET by default")
    parser.add_argument("--dry_run", action="store_true", help="print the jobs with their expected time")
    options, words = parser.parse_known_args()
    hide_progress_bars()
    preset = PRESETS[options.preset]
    output_dir = options.output_dir or Path("outputs/tables") / f"{options.data.replace('/', '_')}_{options.preset}"
    settings = Settings(options.data, preset, output_dir, parse_overrides(words))
    names = options.tables or preset.tables
    jobs = jobs_of(names, preset)
    if options.dry_run:
        print("\n".join(estimate_lines(seconds_of_jobs(settings, jobs))))
        return
    # Jobs that are done are read from the output folder.
    for seed in options.seeds:
        for fraction, own in jobs.items():
            experiment = Experiment(settings, seed, fraction)
            for job in own:
                experiment.measure(*job)
    # Pictures are drawn for the first seed; figure 6 shows all of them.
    first = Experiment(settings, options.seeds[0], preset.fraction)
    for name in names:
        if name in PICTURES:
            draw_figure(name, first, output_dir / f"{name}.png")
    if "figure6" in names:
        draw_figure_6(Report(measured(settings), preset.fraction), preset.fractions, output_dir / "figure6.png")
    tables = [name for name in all_tables(preset) if name in names]
    command = shlex.join(["python", *sys.argv])
    path = write_report(settings, tables, {"machine": machine_name(), "command": command, "preset": options.preset})
    print(f"\n{path.read_text(encoding='utf-8')}\nwritten: {path}")


if __name__ == "__main__":
    sys.exit(run_script(main, "run the same command again to resume"))
