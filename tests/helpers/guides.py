# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The fenced blocks of the guides, and a reader who follows them word for word."""

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from helpers.repository import shell_commands
from pointwssis.cli.main import main


class Block(NamedTuple):
    """A fenced block: its language, the file that it shows ("" if none), and its text."""

    language: str
    title: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a Markdown text.

    Example:
        >>> blocks('```csv title="a.csv"\\nx,y\\n```\\n')
        [Block(language='csv', title='a.csv', text='x,y\\n')]
    """
    found = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', page, re.M | re.S)
    return [Block(*one) for one in found]


def commands_of(block: Block) -> list[str]:
    """Return the commands of a shell block."""
    return shell_commands(f"```{block.language}\n{block.text}```")


def quoted_outputs(page: str) -> list[tuple[str, str]]:
    """Return each command, or Python code, that stands before a block of the language text, and that block."""
    pairs = []
    found = blocks(page)
    for before, block in zip(found, found[1:], strict=False):
        if block.language == "text":
            request = before.text if before.language == "python" else commands_of(before)[-1]
            pairs.append((request, block.text))
    return pairs


def run_command(command: str, extra: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run a `pointwssis` command in this process; return its exit code, and its output and errors."""
    words = shlex.split(command)
    assert words[0] == "pointwssis", command
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = main([*words[1:], *extra])
    return code, output.getvalue()


def run_python(code: str) -> str:
    """Run the code of a guide; return what it prints, and the error that ends it."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            exec(compile(code, "guide.md", "exec"), {})
        except (ValueError, TypeError) as error:  # those about the input
            print(f"{type(error).__name__}: {error}")
    return output.getvalue()


def write_files(page: str, folder: Path) -> None:
    """Write the files that a guide shows with a title."""
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text, "utf-8")


def as_pattern(text: str) -> re.Pattern:
    """Return a pattern of an output, whose lines may break elsewhere; "…" before a name stands for a path.

    Example:
        >>> bool(as_pattern("not found below\\n…images").search("error: not found below x/y/images (typo?)"))
        True
    """
    words = (re.escape(word) for word in text.split())
    return re.compile(r"\s+".join(re.sub(r"^…(?=\w)", r"\\S*", word) for word in words))
