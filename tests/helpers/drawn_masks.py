# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks and points of them, drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def masks(draw: st.DrawFn, height: int | None = None, width: int | None = None, longest: int = 24) -> np.ndarray:
    """Return a (height, width) bool mask: empty, full, a rectangle, noise, single pixels, or a blob with holes.

    Args:
        draw: given by hypothesis.
        height: height in pixels; drawn up to `longest` if None.
        width: width in pixels; drawn up to `longest` if None.
        longest: longest side that is drawn.
    """
    height = draw(st.integers(1, longest)) if height is None else height
    width = draw(st.integers(1, longest)) if width is None else width
    kind = draw(st.sampled_from(["rectangle", "noise", "pixels", "blob", "full", "empty"]))
    if kind in ("full", "empty"):
        return np.full((height, width), kind == "full")
    if kind == "rectangle":
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask = np.zeros((height, width), bool)
        mask[top : draw(st.integers(top + 1, height)), left : draw(st.integers(left + 1, width))] = True
        return mask
    if kind == "pixels":
        mask = np.zeros(height * width, bool)
        mask[draw(st.lists(st.integers(0, height * width - 1), min_size=1, max_size=4))] = True
        return mask.reshape(height, width)
    noise = np.random.default_rng(draw(SEEDS)).random((height, width))
    if kind == "blob":
        # The mean over a window makes connected shapes.
        for axis in (0, 1):
            noise = np.roll(noise, 1, axis) + noise + np.roll(noise, -1, axis)
        noise /= 9
    return noise < draw(st.floats(0.05, 0.95))


@st.composite
def stacks(draw: st.DrawFn, most: int = 6, longest: int = 24) -> np.ndarray:
    """Return (N, height, width) masks of one image, N up to `most` and maybe 0; some masks repeat."""
    height, width = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    drawn = draw(st.lists(masks(height, width), max_size=most))
    if drawn and draw(st.booleans()):
        drawn.insert(draw(st.integers(0, len(drawn))), drawn[0])
    return np.array(drawn, dtype=bool).reshape(-1, height, width)


def points(height: int, width: int) -> st.SearchStrategy[tuple[float, float]]:
    """Return points (x, y) of an image in its pixels, whole ones and others."""
    whole = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1)).map(lambda point: tuple(map(float, point)))
    return whole | st.tuples(
        st.floats(0, width, exclude_max=True, width=32), st.floats(0, height, exclude_max=True, width=32)
    )
