# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The English of docstrings, comments, messages and pages: imperative openings, "per" instead of "a"."""

import ast
import re
from pathlib import Path

import pytest

from helpers.paths import ROOT

FOLDERS = ("src", "examples", "benchmarks", "tests")
# This file holds the sentences that the checkers must find.
CODE = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py") if path != Path(__file__))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])

QUESTIONS = {"What", "Whether", "Which", "How", "Where", "Why", "When"}
# Third-person verbs that a docstring would open with instead of the imperative.
THIRD_PERSON = re.compile(
    r"(Adds|Answers|Applies|Asks|Assigns|Brings|Builds|Calls|Checks|Cleans|Collates|Collects|Compares|Computes|Converts|"
    r"Copies|Counts|Creates|Cuts|Decodes|Draws|Drops|Encodes|Evaluates|Fills|Finds|Fixes|Flips|Gets|Gives|Hides|Holds|"
    r"Keeps|Labels|Leaves|Lists|Loads|Looks|Makes|Maps|Marks|Measures|Merges|Moves|Names|Notes|Opens|Packs|Pads|Plans|"
    r"Predicts|Prepares|Prints|Proposes|Puts|Raises|Reads|Refines|Registers|Removes|Renders|Replaces|Returns|Runs|Samples|"
    r"Saves|Says|Scales|Segments|Sends|Sets|Shows|Shrinks|Sorts|Splits|Starts|Takes|Tells|Trains|Tries|Turns|Unpacks|"
    r"Updates|Uploads|Uses|Waits|Warns|Writes|Yields)\b"
)
COUNTED = (
    "answer|answers|bits|bytes|cell|cells|channel|channels|chunk|column|columns|crop|crops|detection|detections|dict|entry|"
    "entries|error|file|folder|forward|function|gaussian|generator|hours|index|instance|instances|kernel|label|line|lines|"
    "list|map|maps|mask|masks|matrix|message|minutes|model|name|names|number|numbers|object|objects|pixel|pixels|point|"
    "points|proposal|proposals|record|result|results|row|rows|s|score|scores|script|seconds|sentence|space|steps|stride|"
    "tensor|tensors|text|thousand|time|times|tokens|value|values|weight|weights|word"
)
UNITS = (
    "axis|batch|cell|channel|class|click|command|configuration|crop|dataset|detection|epoch|experiment|field|file|format|"
    "image|instance|kind|label|level|line|mask|model|object|page|part|percentage|photo|pixel|point|process|proposal|record|"
    "row|run|sample|split|stage|step|task|tensor|thread|word"
)
A_FOR_PER = re.compile(rf"\b({COUNTED}) (a|an) ({UNITS})\b(?! (of|that|in|from|with|whose|which|to)\b)")


def documented(tree: ast.AST) -> list[tuple[ast.AST, str]]:
    """Return functions and classes with their docstrings."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [(node, text) for node in nodes if (text := ast.get_docstring(node))]


def openings(source: str) -> list[str]:
    """Return the first words of docstrings that open with a question or in the third person."""
    found = []
    for node, text in documented(ast.parse(source)):
        word = re.match(r"\W*(\w*)", text).group(1)
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if word in QUESTIONS or (is_function and THIRD_PERSON.match(text)):
            found.append(" ".join(text.split()[:6]))
    return found


def a_for_per(text: str) -> list[str]:
    """Return the places where "a" or "an" stands for "per"."""
    joined = re.sub(r"\n\s*(#\s*)?", " ", text)
    return [joined[max(0, m.start() - 20) : m.end() + 20] for m in A_FOR_PER.finditer(joined)]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE, ids=name)
def test_docstrings_open_with_an_imperative(path):
    assert openings(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", [*CODE, *PAGES], ids=name)
def test_per_is_written_per(path):
    assert a_for_per(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('def f():\n    """What a thing is."""', ["What a thing is."]),
        ('class A:\n    """Whether it works."""', ["Whether it works."]),
        ('def f():\n    """Reads a file."""', ["Reads a file."]),
        ('def f():\n    """Read a file."""', []),
        ('class Reads:\n    """A reader of files."""', []),
    ],
)
def test_checker_of_openings(source, found):
    assert openings(source) == found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one mask a click", 1),
        ("a mask per click", 0),
        ("# two seconds\n    # a step", 1),
        ("it gives the model a point", 1),  # rare enough to be written in another way
        ("masks in an image", 0),
    ],
)
def test_checker_of_per(text, count):
    assert len(a_for_per(text)) == count
