# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Several processes of one script, as `torchrun` starts them, but each with its own output and end."""

import os
import socket
import subprocess
import sys
from typing import Any

from helpers.paths import TESTS


def run_together(script: Any, count: int, *arguments: Any, timeout: float = 240) -> list[tuple[int, str]]:
    """Run a module as a script in some processes, and return the exit code and the output of each.

    Args:
        script: module to run.
        count: number of processes.
        arguments: words after the name of the script.
        timeout: seconds after which the processes are killed and the test fails.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    paths = [str(TESTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    common = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths), "MASTER_ADDR": "localhost"}
    common |= {"MASTER_PORT": str(port), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    command = [sys.executable, script.__file__, *map(str, arguments)]
    started = []
    for rank in range(count):
        environment = {**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, env=environment, **pipes))
    try:
        outputs = [process.communicate(timeout=timeout)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, output) for process, output in zip(started, outputs, strict=True)]
