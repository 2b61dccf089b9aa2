# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files that hold neither text nor an image, recognized by their first bytes; pipes and devices."""

import re
from pathlib import Path

from .user_error import UserError

HEAD_BYTES = 1000  # enough to tell kinds of files apart
# First bytes → the kind of file, and what to do
_KINDS = {
    b"PK\x03\x04": "a ZIP archive (or a spreadsheet: save it as CSV); unpack it",
    b"\x1f\x8b": "compressed (gzip); unpack it",
    b"BZh": "compressed (bzip2); unpack it",
    b"\xfd7zXZ": "compressed (xz); unpack it",
    b"\x28\xb5\x2f\xfd": "compressed (zstd); unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"PAR1": "a Parquet file; save it as CSV or JSON",
    b"ARROW1": "an Arrow file; save it as CSV or JSON",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel or Word file; save it as CSV",
    b"SQLite format 3": "an SQLite database; save the table as CSV",
    b"%PDF-": "a PDF; export what it shows",
}
_WEB_PAGE = re.compile(rb"(?is)\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype html|<html|<Error>)")


def problem_of_content(head: bytes) -> str:
    """Return why a file with these first bytes is neither text nor an image, with a remedy; "" if it may be one.

    Example:
        >>> problem_of_content(b"version https://git-lfs.github.com/spec/v1")
        'only a pointer to a file in Git LFS; get the file itself with `git lfs pull`'
    """
    if not head.strip():
        return "the file is empty; restore it or export it again"
    if head.startswith(b"version https://git-lfs"):
        return "only a pointer to a file in Git LFS; get the file itself with `git lfs pull`"
    if _WEB_PAGE.match(head):
        return "a web page, such as a login page or a message about an error (HTML or XML); download the file again"
    return next((kind for start, kind in _KINDS.items() if head.startswith(start)), "")


def check_regular(path: Path) -> None:
    """Raise a `UserError` for a pipe or a device: reading it may never end, and it can be read only once.

    Args:
        path: path that exists, such as the `/dev/fd/63` of `<(zcat labels.csv.gz)` in a shell.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: this is a pipe or a device, not a file; write its content to a file")
