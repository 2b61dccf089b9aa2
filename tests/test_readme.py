# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The front page: its Python runs, its pictures and links exist, its figures are those of docs/results.md."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from helpers import tiny
from helpers.paths import ROOT
from helpers.small_demo import small_demo_nuclei
from pointwssis.data import write_shapes_coco

README = (ROOT / "README.md").read_text("utf-8")
PIPELINES = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
DEPLOY = (ROOT / "docs" / "deploy.md").read_text("utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text("utf-8")
MAX_LINES = 200
MAX_PICTURE_BYTES = 2 * 2**20


def python_blocks(text: str) -> list[str]:
    """Return the Python code of a Markdown text."""
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def table_numbers(text: str) -> set[str]:
    """Return all numbers with a decimal point in the tables of a Markdown text."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return set(re.findall(r"\d+\.\d+", "\n".join(re.sub(r"`[^`]*`", "", row) for row in rows)))


@pytest.fixture
def trained_folders(tmp_path, monkeypatch):
    """Change to a folder with the output of `pointwssis demo` and `demo --shapes`; the models have learned nothing."""
    outputs = tmp_path / "outputs"
    # Each model knows the classes of its data.
    for folder, names in ((outputs / "demo", ["nucleus"]), (outputs / "shapes", tiny.NAMES)):
        tiny.saved_segmenter(folder / "student_refined", names=names)
        tiny.saved_refiner(folder / "refiner", names=names)
    write_shapes_coco(outputs / "shapes" / "data", num_train=3, num_val=3)
    # A few of the nuclei of the package are enough to run the code.
    monkeypatch.setattr("pointwssis.data.DEMO_NUCLEI", small_demo_nuclei(tmp_path / "demo_nuclei"))
    monkeypatch.chdir(tmp_path)


def run_blocks(text: str) -> None:
    """Run all Python blocks, with one training step instead of many."""
    for block in python_blocks(text):
        exec(compile(block.replace("max_steps=240", "max_steps=1"), "page.md", "exec"), {})


def test_readme_code_runs(trained_folders, capsys):
    assert len(python_blocks(README)) == 2
    run_blocks(README)
    printed = capsys.readouterr().out
    assert printed.count("nucleus") == 3 and printed.count("eval_AP50") == 2
    assert Path("outputs/python/student/model.safetensors").is_file()


def test_training_fits_on_one_page():
    lines = [line for line in python_blocks(README)[1].splitlines() if line.strip()]
    assert len(lines) <= 25
    assert "max_steps=240" in README  # which `run_blocks` replaces


def test_pipeline_examples_run(trained_folders, capsys):
    run_blocks(PIPELINES)
    printed = capsys.readouterr().out
    assert "star" in printed and "instances" in printed and "characters of JSON" in printed


def test_service_example_answers(trained_folders):
    page = {}
    exec(compile(python_blocks(DEPLOY)[0], "deploy.md", "exec"), page)
    upload = Path("outputs/shapes/data/images/val_00000.png").read_bytes()
    status, instances = page["answer"](upload, [[40, 60], [90, 30]], ["nucleus", None])
    assert status == 200 and [one["label"] for one in json.loads(json.dumps(instances))] == ["nucleus", "nucleus"]
    for faulty in ((b"no image", [[1, 1]]), (upload, [[500, 1]]), (upload, [[1, 1]], ["cat"]), (upload, "here")):
        status, answer = page["answer"](*faulty)
        assert status == 422 and answer["error"]


def test_readme_is_short():
    assert len(README.splitlines()) <= MAX_LINES


def test_sections_are_in_order():
    titles = re.findall(r"^## (.*)$", README, re.M)
    assert titles == [
        "Why",
        "Two commands",
        "Installation",
        "From click to mask",
        "Training in Python",
        "Command line",
        "Your data",
        "Results",
        "Documentation",
        "Citation",
    ]


def test_pictures_exist_and_are_small():
    pictures = re.findall(r"!\[([^\]]+)\]\((docs/[^)]+)\)", README)
    assert len(pictures) >= 4
    for text, target in pictures:
        assert text and (ROOT / target).is_file(), target
        with Image.open(ROOT / target) as picture:
            assert picture.width >= 600, target
    files = [path for path in (ROOT / "docs" / "images").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_PICTURE_BYTES


def test_the_animation_moves():
    with Image.open(ROOT / "docs" / "images" / "clicks.gif") as picture:
        assert picture.n_frames > 5 and picture.info["loop"] == 0


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README)
    local = [target for target in targets if "://" not in target]
    assert len(local) > 10
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_every_page_is_linked():
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name != "index.md"}
    assert {page for page in pages if f"]({page}" not in README} == set()


def test_figures_stand_in_the_results():
    assert len(table_numbers(README)) > 15
    assert table_numbers(README) - table_numbers(RESULTS) == set()


def test_checker_of_figures():
    assert table_numbers("| a | **1.5** | `2.5` |\nthe text says 3.5") == {"1.5"}
