# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Class names that say left or right, up or down, and names that look alike."""

import json

import pytest

from pointwssis.data.class_names import BDD100K_NAMES, COCO_NAMES, names_with_heights, names_with_sides, unite_names
from pointwssis.ops.user_error import UserError


@pytest.mark.parametrize(
    "name",
    [
        "left hand", "hand_left", "turn-right", "Left", "my right", "RIGHT", "leftHand", "LungRight", "kidney (left)",
        "left/1", "arrow clockwise", "counter-clockwise", "lefthand drive", "LEFTArm", "right_lung2",
    ],
)  # fmt: skip
def test_sides(name):
    assert names_with_sides([name, "other"]) == [name]
    assert names_with_heights([name]) == []


@pytest.mark.parametrize(
    "name",
    [
        "bright", "upright piano", "downtown", "copyright", "cleft", "lefty", "leftovers", "playwright", "right whale",
        "right angle", "fright", "R2D2", "L", "eye_l", "port", "West Highland terrier", "links",
    ],
)  # fmt: skip
def test_names_without_a_side(name):
    assert names_with_sides([name]) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("eye_L", "eye_R"),
        ("LH", "RH"),
        ("Hand links", "Hand rechts"),
        ("east gate", "west gate"),
        ("port", "starboard"),
    ],
)
def test_sides_by_their_counterpart(first, second):
    assert names_with_sides([first, "nose", second]) == [first, second]
    assert names_with_sides([first, "nose"]) == []
    assert names_with_sides([first, f"{second} x"]) == []


@pytest.mark.parametrize("name", ["thumb up", "UpperJaw", "lower_lip", "Top", "bottom-plate", "arrowDown"])
def test_heights(name):
    assert names_with_heights(["x", name]) == [name] and names_with_sides([name]) == []


@pytest.mark.parametrize("name", ["upright piano", "downtown", "cup", "laptop", "Topaz", "flower", "north", "supper"])
def test_names_without_a_height(name):
    assert names_with_heights([name]) == []


def test_poles_by_their_counterpart():
    assert names_with_heights(["north face", "south face"]) == ["north face", "south face"]


def test_public_datasets_have_no_directions():
    for names in (COCO_NAMES, BDD100K_NAMES):
        assert names_with_sides(names) == names_with_heights(names) == []


@pytest.mark.parametrize("untidy", [" cell", "cell\u200b", "cell\u00a0"])
def test_the_tidy_name_stays(untidy):
    for names in ([untidy, "cell"], ["cell", untidy]):
        with pytest.raises(UserError) as caught:
            unite_names([names])
        assert f"--label_map '{json.dumps({untidy: 'cell'})}'" in str(caught.value)


def test_long_names_make_no_long_message():
    with pytest.raises(UserError, match="if they are one class, use --label_map, ") as caught:
        unite_names([["cat", "ca" + "- " * 3000 + "t"]])
    assert len(str(caught.value)) < 500
