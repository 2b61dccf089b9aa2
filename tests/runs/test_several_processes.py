# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A run on several processes, which are real ones."""

import json
import signal
from pathlib import Path

import pytest

from helpers import run_in_processes as script
from helpers import tiny
from helpers.processes import run_together
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows

COUNT = 3


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, list[tuple[int, str]]]:
    """Return the folder of the runs of `run_in_processes`, and the exit code and output of each process."""
    folder = tmp_path_factory.mktemp("processes")
    tiny.shapes_folder(folder / "shapes", num_train=30)
    tiny.saved_segmenter(folder / "models" / "teacher")
    tiny.saved_refiner(folder / "models" / "refiner")
    return folder, run_together(script, COUNT, folder)


def test_labels_and_results_equal_those_of_one_process(finished):
    folder, ends = finished
    together = folder / script.LABELED
    assert (together / "results.json").is_file(), ends[0][1][-3000:]
    alone = folder / "alone"
    results = Run(script.labeling_recipe(folder, "alone")).run()
    assert results["pseudo_labels"]["refined"]["points"] > 8
    for rank in range(COUNT):
        assert json.loads((folder / f"rank{rank}.json").read_text())[script.LABELED] == results
    # Every file, apart from those that name their own folder or a fingerprint that `datasets` draws
    names = sorted(path.relative_to(alone) for path in alone.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(together) for path in together.rglob("*") if path.is_file())
    compared = [name for name in names if name.suffix in (".json", ".arrow", ".md", ".png")]
    own = ("state.json", "manifest.json", "keys.json", "README.md", "dataset_info.json")
    for name in compared:
        if name.name not in own:
            assert (alone / name).read_bytes() == (together / name).read_bytes(), name
    proposed = stored_rows(together / "rough" / "proposed")
    ids = [item["id"] for objects in proposed["objects"] for item in objects]
    assert len(ids) == len(set(ids)) > 0


def test_all_stages_end_with_the_same_results_everywhere(finished):
    folder, _ = finished
    first, *others = (json.loads((folder / f"rank{rank}.json").read_text())[script.TRAINED] for rank in range(COUNT))
    assert first["student_refined"]["AP"] is not None and others == [first, first]
    assert not list((folder / script.TRAINED).rglob("unfinished*"))


def test_a_dying_process_ends_the_others_with_an_error(finished):
    _, ends = finished
    assert ends[1][0] == -signal.SIGKILL, ends[1][1][-3000:]
    for rank in (0, 2):
        code, output = ends[rank]
        assert code == 1 and f"process {rank} has lost another process of this run" in output, output[-3000:]
