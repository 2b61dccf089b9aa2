# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The notebooks run from the first cell to the last, with small models and few images."""

import os

import pytest

from helpers import tiny
from helpers.paths import ROOT
from helpers.small_demo import small_demo_nuclei

nbformat = pytest.importorskip("nbformat", reason="needs the extra docs")
nbclient = pytest.importorskip("nbclient", reason="needs the extra docs")
pytest.importorskip("ipykernel", reason="needs the extra docs")

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
# Cells that come first: few images and one step per training
SETUP = "import pathlib\nimport pointwssis.data\npointwssis.data.DEMO_NUCLEI = pathlib.Path({folder!r})"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    tiny.saved_segmenter(tmp_path / "outputs" / "demo" / "student_refined", names=["nucleus"])
    tiny.saved_refiner(tmp_path / "outputs" / "demo" / "refiner", names=["nucleus"])
    nuclei = small_demo_nuclei(tmp_path / "demo_nuclei", images=6)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("STEPS = 200", "STEPS = 1")
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SETUP.format(folder=str(nuclei))))
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()  # an error in a cell is an error of the test
    pictures = [
        o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "image/png" in o.get("data", {})
    ]
    assert len(pictures) >= 1


def test_there_are_two_notebooks_that_the_guide_links():
    page = (ROOT / "docs" / "guides" / "notebooks.md").read_text("utf-8")
    assert len(NOTEBOOKS) == 2 and all(f"../notebooks/{path.name}" in page for path in NOTEBOOKS)
