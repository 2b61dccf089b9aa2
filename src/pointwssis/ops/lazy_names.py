# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Public names of a package that are imported on first use, so that a command starts without torch."""

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lazy_names(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package whose `__init__.py` imports its names `if TYPE_CHECKING`.

    The block is the only list of the names: type checkers read it as imports, and this function as a table.

    Args:
        package: `__name__` of the package.
        file: `__file__` of the package.

    Example:
        >>> from pointwssis import ops
        >>> find, names = lazy_names(ops.__name__, ops.__file__)
        >>> find("rle_area") is ops.rle_area, "rle_area" in names()
        (True, True)
    """
    modules = {}
    for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                if isinstance(line, ast.ImportFrom):
                    modules |= {alias.name: "." * line.level + (line.module or "") for alias in line.names}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name], package), name)

    return find, lambda: sorted([*vars(importlib.import_module(package)), *modules])
