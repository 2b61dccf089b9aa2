# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`make drills`, or `python -m drills` in the folder of the tests: interruptions, damaged files, full disks."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .damage import drill_damage
from .full_disk import drill_full_disk
from .kills import drill_kills
from .rig import Rig


def main() -> int:
    """Run the drills, print a line for each, and return 0 if all outcomes were right."""
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="number of interruptions")
    parser.add_argument("--damages", type=int, help="number of damaged files; all by default")
    parser.add_argument("--disks", type=int, default=20, help="number of sizes of full disks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began, problems = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        print(f"an undisturbed run takes {rig.seconds:.1f} s", flush=True)
        if options.kills:
            count, moments, wrong = drill_kills(rig, options.kills, options.seed)
            print(f"kills: {count} interruptions, {len(wrong)} problems, {dict(moments)}", flush=True)
            problems += wrong
        if options.damages != 0:
            count, outcomes, wrong = drill_damage(rig, options.damages, options.seed)
            print(f"damage: {count} damaged files, {outcomes}, {len(wrong)} problems", flush=True)
            problems += wrong
        if options.disks:
            count, wrong = drill_full_disk(rig, options.disks)
            print(f"full disk: {count} full disks, {len(wrong)} problems", flush=True)
            problems += wrong
    print(*problems, sep="\n\n")
    print(f"{len(problems)} problems; {time.monotonic() - began:.0f} s")
    return min(len(problems), 1)


if __name__ == "__main__":
    sys.exit(main())
