# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Help of the keys of a recipe: complete, by topic, with types and defaults."""

import dataclasses

from pointwssis.cli.recipe_help import documented_keys, recipe_help
from pointwssis.runs.recipe import Recipe


def test_every_key_is_documented_once_in_the_order_of_the_fields():
    topics = documented_keys()
    keys = [key for topic in topics.values() for key in topic]
    assert keys == [field.name for field in dataclasses.fields(Recipe)]
    assert list(topics) == ["Data", "Supervision", "Run", "Model", "Training", "Labeling", "Evaluation", "Hub"]


def test_every_text_is_a_sentence():
    for keys in documented_keys().values():
        assert [key for key, text in keys.items() if len(text) < 20 or not text.endswith(".")] == []


def test_types_and_defaults_are_shown():
    text = recipe_help()
    for line in (
        "  --seed INT  (default: 1)",
        "  --labeled_fraction FLOAT  (default: 0.1)",
        "  --train_annotations TEXT or LIST OF TEXT  (default: null)",
        "  --image_size MAPPING  (default: {shortest_edge: 800, longest_edge: 1333})",
        "  --stages LIST OF TEXT  (default: [teacher, rough, refiner, pseudo, control, student, upper_bound])",
        "  --rough_fractions LIST OF FLOAT  (default: [0.6667, 0.8889])",
        "  --skip_bad BOOL  (default: false)",
    ):
        assert f"\n{line}\n" in text
    assert "...\n" not in text and max(map(len, text.splitlines())) <= 120
