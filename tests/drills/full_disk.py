# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Full disks: runs on a small file system, which is enlarged when they have stopped."""

import os
import shutil
import subprocess

from .rig import Rig


def drill_full_disk(rig: Rig, sizes: int) -> tuple[int, list[str]]:
    """Run on disks of several sizes, each of which is too small, then enlarge the disk and continue.

    It needs the right to mount a tmpfs.

    Args:
        rig: runs.
        sizes: number of sizes, from nearly nothing to nearly enough.

    Returns:
        The number of disks that were full, and what went wrong.
    """
    out = rig.folder / "undisturbed" / "out"
    needed = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    count, problems = 0, []
    for number in range(1, sizes + 1):
        name = f"full_{number}"
        (rig.folder / name / "out").mkdir(parents=True)
        size = int(needed * 1.5 * number / sizes)
        if mount(rig, name, f"size={size}") != 0:
            print("full disk: not tried, because mounting small file systems needs the rights of root", flush=True)
            return count, problems
        try:
            code, log = rig.run(name), rig.log(name)
            if code == 0:  # large enough
                problems += [f"{name}: differs in {rig.differences(name)}"] if rig.differences(name) else []
                continue
            count += 1
            # A file in the output folder, or the folder itself
            is_named = "out/" in log or "out: the disk is full" in log
            if code != 1 or "the disk is full" not in log or "Traceback" in log or not is_named:
                problems.append(f"{name} ({size:,} bytes): exit code {code}\n{log[-2000:]}")
            mount(rig, name, f"remount,size={needed * 20}")
            code = rig.run(name)
            if code != 0 or rig.differences(name):
                problems.append(f"{name}: after space was freed: {code}, {rig.differences(name)}\n{rig.log(name)}")
        finally:
            subprocess.run(["umount", str(rig.folder / name / "out")], check=True)
            shutil.rmtree(rig.folder / name)
    return count, problems


def mount(rig: Rig, name: str, options: str) -> int:
    """Mount a tmpfs as the output folder of a run, or change its size."""
    if os.geteuid() != 0:
        return 1
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(rig.folder / name / "out")]
    return subprocess.run(command, check=False).returncode
