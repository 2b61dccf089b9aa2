# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Memory and open files of this process, as the kernel counts them."""

import os
import resource
import sys
from pathlib import Path

MEGABYTE = 2**20
# The kernel counts the peak in kilobytes, that of macOS in bytes.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def peak_megabytes() -> float:
    """Return the largest resident memory that this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / MEGABYTE


def resident_megabytes() -> float:
    """Return the resident memory of this process; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def open_files() -> int:
    """Return the number of open file descriptors of this process; Linux only."""
    return len(os.listdir("/proc/self/fd"))
