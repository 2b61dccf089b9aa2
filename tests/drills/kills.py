# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Kills: at random moments by SIGKILL, SIGTERM and SIGINT, and just before random changes of the output folder."""

import os
import random
import signal
import time
from collections import Counter

from pointwssis.ops.whole_files import UNFINISHED

from .rig import Rig, count_writes, kill_at

EXIT_CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
KILLS_PER_RUN = 8
# Bounds of the time and of the changes until the next interruption, as parts of those of a whole run: small enough for
# several interruptions on the way through all stages
TIMES, CHANGES = (0.05, 0.35), 0.25


def number_of_writes(rig: Rig) -> int:
    """Return the number of changes of the output folder in a whole run."""
    path = rig.folder / "writes"

    def note(count: int) -> None:
        with open(path, "w") as file:
            file.write(str(count))

    rig.run("counted", lambda: count_writes(note))
    return int(path.read_text())


def drill_kills(rig: Rig, kills: int, seed: int) -> tuple[int, Counter[str], list[str]]:
    """Interrupt runs until there were `kills` interruptions; each run then goes on to its end.

    Returns:
        The number of interruptions, moment → number of interruptions at it, and what went wrong.
    """
    generator, problems, done, number = random.Random(seed), [], 0, 0
    moments: Counter[str] = Counter()
    writes = number_of_writes(rig)
    while done < kills:
        name, known = f"killed_{number}", len(problems)
        number += 1
        for _ in range(min(KILLS_PER_RUN, kills - done)):
            # Half of them by the clock, half of them by the number of the change
            if generator.random() < 0.5:
                code, expected = interrupt_at_random(rig, name, generator)
            else:
                code = rig.run(name, kill_at(generator.randint(1, int(CHANGES * writes))))
                expected = -9
            if code == 0:
                break
            done += 1
            moments.update(moments_of(rig, name))
            # Without a word, the signal came before the command had begun.
            if code != expected and rig.log(name).strip():
                problems.append(f"{name}: exit code {code} instead of {expected}\n{rig.log(name)[-2000:]}")
        problems += finish(rig, name)
        print(*problems[known:], sep="\n", flush=True)
        print(f"{done} interruptions in {number} runs, {len(problems)} problems", flush=True)
    return done, moments, problems


def moments_of(rig: Rig, name: str) -> list[str]:
    """Return the stage whose files an interrupted run has changed last, and what it was writing."""
    out = rig.folder / name / "out"
    paths = sorted(out.rglob("*"), key=lambda path: path.stat().st_mtime_ns)
    if not paths:
        return ["start"]
    parts = paths[-1].relative_to(out).parts
    moments = [parts[0] if (out / parts[0]).is_dir() else "start or end"]
    # What a kill leaves unfinished is still there.
    unfinished = [path for path in paths if path.name.startswith(UNFINISHED.rstrip("-"))]
    if any("checkpoint" in str(path.relative_to(out)) for path in unfinished):
        moments.append("inside a checkpoint")
    elif unfinished:
        moments.append("inside another file or folder")
    return moments


def interrupt_at_random(rig: Rig, name: str, generator: random.Random) -> tuple[int, int]:
    """Interrupt a run by a random signal at a random moment; return its exit code and the one to expect."""
    number = generator.choice(list(EXIT_CODES))
    child = rig.start(name)
    time.sleep(generator.uniform(*TIMES) * rig.seconds)
    os.kill(child, number)  # a child that has ended stays until it is waited for
    return rig.wait(child), EXIT_CODES[number]


def finish(rig: Rig, name: str) -> list[str]:
    """Continue a run to its end, and return what is wrong with it."""
    code = rig.run(name)
    if code != 0:
        return [f"{name}: cannot be continued, exit code {code}\n{rig.log(name)[-2000:]}"]
    differences = rig.differences(name)
    return [f"{name}: differs in {', '.join(differences)}"] if differences else []
