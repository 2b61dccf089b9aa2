# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The beginning of a file, from which its annotation format is recognized."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ...ops.documents import encoding_of
from ...ops.file_kinds import check_regular

_HEAD_BYTES = 1 << 16
# A JSON string, with the colon that makes it a key, or a bracket.
_JSON_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]')


@dataclass(frozen=True)
class FileHead:
    """The first 64 KiB of a file as text, without byte order mark and leading blanks; empty for a folder."""

    path: Path
    text: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the head of a file; that of a folder is empty."""
        if path.is_dir():
            return cls(path, "")
        check_regular(path)
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        # A byte order mark is dropped, or names another encoding
        return cls(path, head.decode(encoding_of(head), errors="replace").lstrip())

    def json_keys(self, depth: int = 1) -> set[str]:
        """Return the keys of JSON objects at a depth (1: the outermost object), as far as the head reaches.

        Example:
            >>> head = FileHead(Path("a.json"), '{"images": [{"id": 4, "file_na')
            >>> head.json_keys(), head.json_keys(3)
            ({'images'}, {'id'})
        """
        keys, level = set(), 0
        if not self.text.startswith(("{", "[")):
            return keys
        # A string is one token, so brackets inside it do not count.
        for token in _JSON_TOKEN.finditer(self.text):
            if token[0] in "{[":
                level += 1
            elif token[0] in "}]":
                level -= 1
            elif token[2] and level == depth:
                keys.add(token[1])
        return keys
