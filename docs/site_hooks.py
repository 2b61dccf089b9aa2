# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Hooks of MkDocs: links to files of the repository that are not pages of the site become their paths."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# A link that is not a picture: its text, and its target without an anchor.
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return the text of a page, in which `[text](../examples/x.py)` is "text (`examples/x.py`)".

    On the site such a link would lead nowhere. A link to a file that does not exist stays, and the strict build fails.
    """
    folder = Path(page.file.abs_src_path).parent

    def without_link(link: re.Match) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(config.docs_dir) or not target.is_relative_to(ROOT) or not target.exists():
            return link[0]
        path = f"`{target.relative_to(ROOT)}`"
        return path if link[1].strip("`") in path else f"{link[1]} ({path})"

    return LINK.sub(without_link, markdown)
