# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Memory and open files of this process, as Linux counts them."""

import os
from pathlib import Path

KILOBYTES_PER_MEGABYTE = 1024


def peak_megabytes() -> float:
    """Return the largest resident memory since this program started, without that of the process which started it."""
    return _status("VmHWM")


def resident_megabytes() -> float:
    """Return the resident memory of this process."""
    return _status("VmRSS")


def _status(name: str) -> float:
    """Return one of the sizes in `/proc/self/status` in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / KILOBYTES_PER_MEGABYTE
    raise RuntimeError(f"the kernel does not state {name}")


def open_files() -> int:
    """Return the number of open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))
