# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The places of the settings of a recipe, lines of files or options: errors about a setting begin with its place."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..ops.user_error import UserError

# The key that a message is about, which stands at its beginning: seed, training.max_steps, rough_fractions[0]
_KEY = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)(?:\[\d+\])*(?=[ :,;]|$)")


@dataclass(frozen=True)
class RecipePlaces:
    """The places of the settings of a recipe.

    Args:
        source: what the settings come from: a recipe file, or words of a command line; "" for a recipe made in Python.
        lines: key, with a dot before that of an inner mapping → (file, line from 1).
        options: keys that were given on the command line.
        keys: all keys that a recipe may have.

    Example:
        >>> places = RecipePlaces("r.yaml", {"training": ("r.yaml", 3)}, ["seed"], ["training", "seed", "stages"])
        >>> places.before("training.max_steps is 0"), places.before("seed is -1"), places.before("stages is []")
        ('r.yaml: line 3: ', '--', 'r.yaml: ')
        >>> places.before("a.json: annotation 3: bbox is None") is None
        True
    """

    source: str = ""
    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    options: Collection[str] = ()
    keys: Collection[str] = ()

    def before(self, message: str) -> str | None:
        """Return what to write before a message that begins with a key; None if it begins with something else."""
        match = _KEY.match(message)
        whole = match[1] if match else ""
        # The key itself, or the innermost mapping around it; options replace what the file has
        parts = whole.split(".")
        above = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        option = next((key for key in above if key in self.options), None)
        if option is not None:
            return "--" if option == whole else f"--{option}: "
        given = next((key for key in above if key in self.lines), None)
        if given is not None:
            file, line = self.lines[given]
            return f"{file}: line {line}: "
        return f"{self.source}: " if whole.partition(".")[0] in self.keys else None

    def author(self, key: str) -> str | None:
        """Return the file that gives a key, or "--" for the command line; None if neither does."""
        if any(option.partition(".")[0] == key for option in self.options):
            return "--"
        return self.lines[key][0] if key in self.lines else None

    @contextmanager
    def naming(self, all_errors: bool = False) -> Iterator[None]:
        """Write the place of a setting before the message of an error about it.

        Args:
            all_errors: write the source before the messages of all other errors.

        Raises:
            UserError: the block raised one; its class stays the same.
        """
        try:
            yield
        except UserError as error:
            before = self.before(str(error)) if self.source else None
            if before is None and all_errors and not str(error).startswith(f"{self.source}: "):
                before = f"{self.source}: "
            if before is None:
                raise
            raise type(error)(before + str(error)) from error
