# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tab of the labeling app without a browser, and what its tests need beside it."""

import io
from pathlib import Path
from uuid import uuid4

from helpers import tiny
from pointwssis.app.actions import act
from pointwssis.app.app_state import AppState

SIZE = (96, 64)  # width and height of the images of the app


def grown(image, masks, points, labels):
    """Refine masks: a pixel more on the left and right, so that refined masks differ from rough ones."""
    wider = masks.copy()
    wider[:, :, 1:] |= masks[:, :, :-1]
    wider[:, :, :-1] |= masks[:, :, 1:]
    return wider


class Tab:
    """A browser tab: sends actions, and remembers which image is open.

    Args:
        app: the app.
    """

    def __init__(self, app: AppState):
        self.app, self.key, self.image = app, uuid4().hex, None

    def __call__(self, action: str, **values):
        """Send an action, and return the answer."""
        about = {} if self.image is None else {"image": self.image}
        answer = act(self.app, {"key": self.key, "action": action, **about, **values})
        self.image = answer["image"]["name"] if "image" in answer else self.image
        return answer


def png(width: int = 40, height: int = 30, seed: int = 5) -> bytes:
    """Return the content of an image file."""
    buffer = io.BytesIO()
    tiny.picture(height, width, seed).save(buffer, "png")
    return buffer.getvalue()


def written_files(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
