# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The files of the repository, and the commands in its pages."""

import re
import subprocess
from pathlib import Path

import pytest

from helpers.paths import ROOT


def repository_files() -> dict[Path, str]:
    """Return relative path → text of every file that git tracks or would track, except binary files."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a git checkout")
    texts = {}
    for name in filter(None, names):
        try:
            texts[Path(name)] = (ROOT / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):  # binary, deleted, link to a folder
            continue
    return texts


def shell_commands(text: str) -> list[str]:
    """Return the commands in the shell blocks of a Markdown text, without prompts, comments and continuations."""
    blocks = re.findall(r"^```(?:bash|sh|shell|console)\n(.*?)^```", text, re.M | re.S)
    lines = [line.strip().removeprefix("$ ") for line in "\n".join(blocks).replace("\\\n", " ").splitlines()]
    return [line.partition(" #")[0] for line in lines if line and not line.startswith("#")]


def missing_parts(command: str) -> list[str]:
    """Return what a command names but the repository lacks: make targets, `pointwssis` commands, files."""
    words = command.split()
    missing = [word for word in words if re.match(r"(examples|tests|benchmarks)/", word) and not (ROOT / word).exists()]
    if words[0] == "make":
        targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M)
        missing += [word for word in words[1:] if "=" not in word and word not in targets]
    arguments = words[1:] if words[0] == "pointwssis" else words[3:] if words[1:3] == ["-m", "pointwssis"] else []
    if (
        arguments
        and not arguments[0].startswith("--")
        and not (ROOT / "src" / "pointwssis" / "cli" / f"{arguments[0]}.py").is_file()
    ):
        missing.append(arguments[0])
    return missing
