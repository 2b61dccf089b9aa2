# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Cards: the committed ones are current, whoever's figures are labeled, and links lead to models that exist."""

import ast
import configparser
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from transformers import ConvNextConfig

from helpers import tiny
from helpers.paths import ROOT
from pointwssis.hub.cards import released as model_card
from pointwssis.hub.cards.released import (
    COMMITTED,
    backbone_name,
    bare_card,
    converted_card,
    released_card,
    released_kind,
    table,
)

CARDS = ROOT / "model_cards"
KINDS = ("teacher", "maskrefinenet", "student")
RELEASED = [f"{kind}-coco{fraction}" for fraction in table()["fractions"] for kind in KINDS]
GENERIC = [
    converted_card("me/mine", kind, "file.pth", "ResNet-50", "2 classes (a, b)") for kind in (*KINDS, "backbone")
]


def test_committed_cards_are_current():
    files = {path.stem: path.read_text("utf-8") for path in CARDS.glob("*.md")}
    assert files == {name: released_card(name) for name in COMMITTED}, (
        "run: python -m pointwssis.hub.cards.released model_cards"
    )


def test_writing_them_again_changes_nothing(tmp_path):
    model_card.write_committed_cards(tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in CARDS.glob("*.md")}


def test_template_and_table_are_in_the_wheel():
    setup = configparser.ConfigParser()
    setup.read(CARDS.parent / "setup.cfg")
    patterns = setup["options.package_data"]["pointwssis"].split()
    package = Path(model_card.__file__).parent
    for path in [*package.glob("model_card_*"), *package.glob("cards/*.md")]:
        assert any(fnmatch(str(path.relative_to(package)), pattern) for pattern in patterns), path.name


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_card(name):
    text = released_card(name)
    card, body = ModelCard(text), text.split("---\n", 2)[2]
    assert card.data.library_name == "pointwssis" and card.data.pipeline_tag == "image-segmentation"
    assert card.data.license == "other" and card.data.license_link == table()["repository"]
    assert "$" not in text and re.search(rf"^# {name}$", body, re.M)
    assert "remain theirs" in body and "AdelaiDet" in body
    assert "Not measured with this package yet." in body and card.data.eval_results is None
    linked = set(re.findall(r"https://huggingface\.co/pointwssis/([\w-]+)", body))
    family = {f"{kind}-{name.rpartition('-')[2]}" for kind in KINDS}
    assert linked == family - {name} or linked == family
    for line in body.splitlines():
        if line.startswith("| ") and re.search(r"\d\.\d", line):  # every figure says whose it is
            assert line.endswith(("| the paper, table 5 |", "| the authors' repository |"))


def test_figures_of_the_students_are_those_of_the_repository():
    expected = {1: 24.0, 2: 25.3, 5: 33.7, 10: 35.8, 20: 37.1, 30: 38.0, 40: 38.3, 50: 38.8}
    for fraction, value in expected.items():
        row = f"| instances | COCO test-dev | {value} | – | – | the authors' repository |"
        assert row in released_card(f"student-coco{fraction}").splitlines()
    assert set(table()["fractions"]) == set(expected)


def test_unknown_schedules_are_not_made_up():
    assert "released no script" in released_card("teacher-coco40")
    assert "45,001 iterations" in released_card("teacher-coco10")
    assert "reports a figure for this model alone" in released_card("teacher-coco5")
    assert "reports a figure" not in released_card("teacher-coco10")


def test_the_refiner_says_how_its_channels_were_trained():
    text = released_card("maskrefinenet-coco10")
    assert "class_channel_offset=0" in text and "erases class 0 (person in COCO)" in text


def test_what_was_measured_here_goes_into_the_model_index(monkeypatch):
    row = ["instances", "COCO val2017", 35.4, 55.9, None, "measured here, examples/evaluate.py"]
    monkeypatch.setitem(table(), "measured", {"student-coco10": [row]})
    text = released_card("student-coco10")
    results = ModelCard(text).data.eval_results
    assert [(one.metric_type, one.metric_value, one.dataset_name) for one in results] == [
        ("AP", 35.4, "COCO val2017"),
        ("AP50", 55.9, "COCO val2017"),
    ]
    assert "| 35.4 | 55.9 | – | measured here" in text and "Not measured" not in text
    assert ModelCard(released_card("teacher-coco10")).data.eval_results is None


@pytest.mark.parametrize("text", GENERIC)
def test_a_card_of_any_other_file(text):
    card = ModelCard(text)
    assert card.data.license == "unknown" and "$" not in text and "Not measured." in text
    assert "converted from `file.pth`" in text and "# mine" in text and "coco10" not in text
    assert "me/mine" in text


@pytest.mark.parametrize("text", [*map(released_card, RELEASED[:6]), *GENERIC])
def test_the_code_of_a_card_is_python(text):
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    ast.parse(code)


def test_the_code_of_the_committed_cards_runs(hub, tmp_path, monkeypatch, capsys):
    """With tiny models in the places where the released ones are to be."""
    monkeypatch.chdir(tmp_path)
    tiny.picture(240, 320).save("photo.jpg")
    segmenter, refiner = tiny.segmenter(names=["dog", "cat"]), tiny.refiner(names=["dog", "cat"])
    for name, parts in {"teacher": segmenter, "student": segmenter, "maskrefinenet": refiner}.items():
        for part in parts:
            part.push_to_hub(f"pointwssis/{name}-coco10")
    lines = {}
    for path in CARDS.glob("*.md"):
        (code,) = re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.S)
        exec(compile(code, path.name, "exec"), {})
        lines[path.stem] = capsys.readouterr().out.splitlines()
    assert len(lines["teacher-coco10"]) == 2 and len(lines["maskrefinenet-coco10"]) == 1
    assert lines["maskrefinenet-coco10"][0] == "dog (320, 240) (320, 240)"
    assert lines["teacher-coco10"][0].endswith("[120.0, 80.0]")


def test_a_card_of_a_model_without_a_history():
    for config in (tiny.segmenter()[0].config, tiny.refiner()[0].config):
        card = ModelCard(bare_card("me/mine", config))
        assert card.data.license == "unknown" and card.data.eval_results is None and "$" not in card.content
        assert "4 classes (ellipse, rectangle, triangle, star)" in card.content and "ResNet-10" in card.content
    assert backbone_name(ConvNextConfig()) == "convnext"


def test_names_of_released_models():
    assert [released_kind(name) for name in RELEASED[:3]] == list(KINDS)
    for name in ("teacher-coco", "teacher-coco3", "teacher-coco10-v2", "pointwssis/teacher-coco10", "refiner-coco10"):
        assert released_kind(name) is None
