# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Damaged files: every file of a finished run is cut, emptied and flipped, and the run is started again."""

import random
from pathlib import Path

from .rig import Rig

# The log and the recipe of the user are not files of the run; a user may change the text of a card.
KINDS = ("cut", "emptied", "flipped")
PROGRESS = 10  # damaged files between two lines of the progress


def damage(path: Path, kind: str) -> None:
    """Damage a file: cut it in half, empty it, or flip a bit in its middle."""
    content = path.read_bytes()
    middle = len(content) // 2
    if kind == "flipped":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        path.write_bytes(content[:middle] if kind == "cut" else b"")


def cases(rig: Rig) -> list[tuple[str, str]]:
    """Return every file of a finished run with every kind of damage."""
    out = rig.folder / "undisturbed" / "out"
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.stat().st_size]
    return [(str(path.relative_to(out)), kind) for path in files for kind in KINDS]


def drill_damage(rig: Rig, limit: int | None, seed: int) -> tuple[int, dict[str, int], list[str]]:
    """Damage files and run again: either the results are the same, or the error names the file.

    Args:
        rig: runs.
        limit: number of damages, drawn at random; None tries all.
        seed: seed of the draw.

    Returns:
        The number of damages, outcome → its count, and what went wrong.
    """
    chosen = cases(rig)
    if limit is not None:
        chosen = random.Random(seed).sample(chosen, limit)
    outcomes, problems = {"made again": 0, "named": 0}, []
    for number, (file, kind) in enumerate(chosen, start=1):
        out = rig.copy("damaged")
        damage(out / file, kind)
        code, log = rig.run("damaged"), rig.log("damaged")
        differences = [path for path in rig.differences("damaged") if path != file or not path.endswith("README.md")]
        if code == 0 and not differences:
            outcomes["made again"] += 1
        elif code == 1 and file in log and "Traceback" not in log and ("delete" in log or "restore" in log):
            outcomes["named"] += 1
        else:
            problems.append(f"{file} {kind}: exit code {code}, differs in {differences}\n{log[-1500:]}")
            print(problems[-1], flush=True)
        if number % PROGRESS == 0:
            print(f"{number} of {len(chosen)} damaged files: {outcomes}, {len(problems)} problems", flush=True)
    return len(chosen), outcomes, problems
