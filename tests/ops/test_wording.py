# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Phrases of messages."""

import pytest

from pointwssis.ops.wording import counted, did_you_mean


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("image",), "0 images"),
        (1, ("image",), "1 image"),
        (1234, ("image",), "1,234 images"),
        (1, ("class", "classes"), "1 class"),
        (2, ("class", "classes"), "2 classes"),
    ],
)
def test_numbers_with_their_nouns(number, words, text):
    assert counted(number, *words) == text


def test_suggestions():
    assert did_you_mean("sead", {"seed": 1, "stages": 2}) == "did you mean 'seed'?"
    assert did_you_mean(3, ["seed"]) == did_you_mean("seed", []) == ""
