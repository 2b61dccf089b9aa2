# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Whatever stands in whatever place of an annotation file: it loads, or it is one clear error."""

import copy
import json
import re
from typing import Any

import numpy as np
import pytest

from helpers.exported_files import EXPORTED, export_accepted
from helpers.marked_images import EXPORTS
from pointwssis.data import load_annotations

SAMPLES = 60
JUNK = [None, True, -1, 1e308, 10**30, "", "x", "\0", "a" * 300, [], [[]], [None], {}, {"x": []}]
TEXTS = ["", "x", "-1", "1e308", "nan", "9" * 30, "1,2", "1;2", ",", "&#233;" * 100, "0", "true"]


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in JSON content."""
    below = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else []
    return [found for key, value in below for found in ((*path, key), *places(value, (*path, key)))]


def damaged(content: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """Return a copy of JSON content with junk in one place."""
    content = copy.deepcopy(content)
    target = content
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = junk
    return content


def loads_or_says_why(path: Any, images: Any) -> bool:
    for skip_bad in (False, True):
        try:
            load_annotations(path, images, skip_bad=skip_bad)
        except (ValueError, FileNotFoundError) as error:
            assert str(path) in str(error) and "\n" not in str(error)
            assert type(error).__name__ in ("UserError", "UserFileNotFoundError", "NoClassError")
            if not skip_bad:
                return False
    return True


@pytest.mark.parametrize("format", [name for name in EXPORTED if name not in ("cvat", "yolo")])
def test_junk_in_an_export(coco_folder, tmp_path, format):
    dataset = load_annotations(coco_folder.save(), coco_folder.images)
    path = export_accepted(dataset, format, tmp_path / "labels")
    file = next(path.rglob("*.json")) if path.is_dir() else path  # of a folder one file is damaged
    content, good = json.loads(file.read_text()), 0
    everywhere = places(content)
    rng = np.random.default_rng(0)
    for number in rng.permutation(len(everywhere) * len(JUNK))[:SAMPLES]:
        place, junk = everywhere[number // len(JUNK)], JUNK[number % len(JUNK)]
        file.write_text(json.dumps(damaged(content, place, junk)))
        good += loads_or_says_why(path, coco_folder.images)
    assert 2 < good < SAMPLES - 5


@pytest.mark.parametrize("name", ["label_studio.json", "coco.json", "clicks.jsonl"])
def test_junk_in_json(marked_images, coco_folder, tmp_path, name):
    images = marked_images
    if name == "coco.json":
        coco_folder.content["annotations"][2] |= {"points": [[1, 1]], "keypoints": [1, 1, 2]}
        content, images = coco_folder.content, coco_folder.images
    elif name == "clicks.jsonl":
        content = [json.loads(line) for line in (EXPORTS / name).read_text().splitlines() if line]
    else:
        content = json.loads((EXPORTS / name).read_text())
    rng = np.random.default_rng(0)
    everywhere = places(content)
    path, good = tmp_path / name, 0
    for number in rng.permutation(len(everywhere) * len(JUNK))[:SAMPLES]:
        place, junk = everywhere[number // len(JUNK)], JUNK[number % len(JUNK)]
        bad = damaged(content, place, junk)
        path.write_text("\n".join(map(json.dumps, bad)) if name.endswith("jsonl") else json.dumps(bad))
        good += loads_or_says_why(path, images)
    assert 2 < good < SAMPLES - 10  # some places do not matter, most do


def test_junk_in_xml(marked_images, tmp_path):
    text = (EXPORTS / "cvat.xml").read_text()
    values = list(re.finditer(r'="([^"]*)"', text.partition("</meta>")[2]))
    offset = text.index("</meta>") + len("</meta>")
    rng = np.random.default_rng(0)
    path, good = tmp_path / "cvat.xml", 0
    for number in rng.permutation(len(values) * len(TEXTS))[:SAMPLES]:
        match, junk = values[number // len(TEXTS)], TEXTS[number % len(TEXTS)]
        path.write_text(text[: offset + match.start(1)] + junk + text[offset + match.end(1) :])
        good += loads_or_says_why(path, marked_images)
    assert 2 < good < SAMPLES - 10


@pytest.mark.parametrize("column", range(7))
def test_junk_in_a_table(marked_images, tmp_path, column):
    path = tmp_path / "clicks.csv"
    for junk in TEXTS:
        cells = ["a.jpg", "1", "2", "cat", "40", "30", "yes"]
        cells[column] = junk
        path.write_text("image,x,y,label,width,height,complete\n" + ",".join(cells))
        loads_or_says_why(path, marked_images)
