# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files that hold neither text nor an image, recognized by their first bytes; pipes and devices."""

from pathlib import Path

from .user_error import UserError

HEAD_BYTES = 1000  # enough to tell kinds of files apart
_PACKED = {
    b"PK\x03\x04": "a ZIP archive (or a spreadsheet: save it as CSV)",
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"7z\xbc\xaf": "a 7z archive",
}


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
    kind = next((kind for start, kind in _PACKED.items() if head.startswith(start)), None)
    return "" if kind is None else f"{kind}; unpack it"


def check_regular(path: Path) -> None:
    """Raise a `UserError` for a pipe or a device: reading it may never end, and it can be read only once.

    Args:
        path: path that exists, such as the `/dev/fd/63` of `<(zcat labels.csv.gz)` in a shell.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: this is a pipe or a device, not a file; write its content to a file")
