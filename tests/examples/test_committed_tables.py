# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The tables in the docs are those of the measurements beside them, so that later seeds can join."""

import json
import shutil
import sys

import pytest

from helpers.paths import ROOT

sys.path.insert(0, str(ROOT))  # for benchmarks, which the package does not contain

from benchmarks.tables.experiment import measured
from benchmarks.tables.published import all_tables
from benchmarks.tables.report import Report
from benchmarks.tables.settings import PRESETS, Settings

FOLDERS = sorted(path.parent for path in (ROOT / "docs/results").glob("*/tables.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_committed_tables_follow_from_the_committed_seeds(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "tables")
    facts = json.loads((folder / "tables.json").read_text())
    preset = PRESETS[facts["preset"]]
    results = measured(Settings(facts["data"], preset, tmp_path / "tables"))
    assert sorted(results) == facts["seeds"]
    report, written = Report(results, preset.fraction), (folder / "tables.md").read_text()
    for name, table in all_tables(preset).items():
        if name in facts["tables"]:
            assert report.markdown(table) in written
            # The same figures, with seeds as texts
            assert json.loads(json.dumps(report.as_dict(table))) == facts["tables"][name]


def test_there_are_committed_tables():
    assert FOLDERS
