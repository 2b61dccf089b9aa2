# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Extension of mkdocstrings: the section "Example" of our docstrings is its section "Examples"."""

from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Show doctests as code: mkdocstrings knows the plural only, and would read `row["objects"]["id"]` as a link."""

    def on_object(self, *, obj: griffe.Object, **options: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n    >>>", "\nExamples:\n    >>>")
