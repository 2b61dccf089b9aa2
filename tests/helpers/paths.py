# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Folders that tests read: the repository, golden vectors, and the real images beside the checkout."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
PARITY = TESTS / "parity"
SHARED = ROOT.parent / "shared"
