# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A handful of the drills; `make drills` runs all of them."""

import os
import subprocess
import sys

from helpers.paths import ROOT


def test_a_few_kills_and_damaged_files(tmp_path):
    # In a process of its own, with one thread, which starts its runs by forking.
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "drills", "--kills", "2", "--damages", "6", "--disks", "0", "--seed", "5"]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "kills: 2 interruptions, 0 problems" in finished.stdout
    assert "damage: 6 damaged files" in finished.stdout
