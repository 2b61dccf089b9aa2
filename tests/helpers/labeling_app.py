# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tab of the labeling app without a browser, and what its tests need beside it."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np

from helpers import tiny
from pointwssis.app.actions import act
from pointwssis.app.app_state import AppState
from pointwssis.ops.rle import encode_mask

RECORD = {"labels/image_folders.txt"}  # beside the labels
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


def sent(data: bytes) -> str:
    """Return the content of a file as the page sends it."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def written_files(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class DiscPipeline:
    """A model that sees a disc at each click, and a smaller one before refinement; the bottom rows are background."""

    names = ("left", "right", "third")
    radius, rough_radius, background_rows = 9, 5, 12

    def __init__(self):
        self.refiner, self.encoded = grown, []
        self.model = SimpleNamespace(config=SimpleNamespace(id2label=dict(enumerate(self.names))))

    def encode(self, image):
        """Count the image, and return its session."""
        self.encoded.append(image.size)
        return _Discs(image.size)


class _Discs:
    def __init__(self, size: tuple[int, int]):
        self.size = size

    def __call__(self, points=None, labels=None, threshold=0.0, mask_format="rle"):
        width, height = self.size
        # Without points there are two objects, the same for every threshold.
        found = [(0.25 * width, 0.3 * height), (0.75 * width, 0.3 * height)] if points is None else points
        labels = labels or [None] * len(found)
        return [self._instance(point, label) for point, label in zip(found, labels, strict=True)]

    def _instance(self, point, label) -> dict:
        (x, y), (width, height), pipe = point, self.size, DiscPipeline
        is_background = y >= height - pipe.background_rows
        result = {"label": label or pipe.names[x >= width / 2], "score": 0.75, "level": 1, "point": list(point)}
        result |= {"mask": self._disc(point, pipe.radius), "rough_mask": self._disc(point, pipe.rough_radius)}
        return {**result, "background_score": 0.95 if is_background else 0.05}

    def _disc(self, point, radius: float) -> dict:
        rows, columns = np.ogrid[: self.size[1], : self.size[0]]
        return encode_mask((columns - point[0]) ** 2 + (rows - point[1]) ** 2 <= radius**2)
