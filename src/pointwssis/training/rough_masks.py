# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Perturbed ground truth as rough masks, so that MaskRefineNet learns from more errors than few masks provide.

The errors are those of rough masks of points: a shift, a wrong size, a wobbly or over-smoothed outline, a missing part,
an included neighbor, a coarse grid. The IoU with the ground truth spreads over about 0.3 to 0.95, with a mean near
0.65. Everything is computed on a grid of at most 64 × 64 cells around the object, so the cost does not depend on the
size of the image.
"""

import numpy as np
from PIL import Image

MARGIN = 0.6  # border of the window around the object, as a fraction of its longer side
GRID_SIDES = (24, 64)  # cells along the longer side of the window; a cell is never smaller than a pixel
LOWEST_IOU = 0.2  # masks with less in common with the object are drawn again, with weaker errors
LEAK_FRACTION = 0.5  # fraction of the rough masks that leak into a neighbor which was pasted
LEAK_DIAMETERS = (0.5, 2.5)  # range of the diameter of the leak, relative to the square root of the neighbor's area


def perturbed_mask(mask: np.ndarray, generator: np.random.Generator, neighbor: np.ndarray | None = None) -> np.ndarray:
    """Return a plausible rough mask of an object.

    Args:
        mask: (H, W) bool, the ground-truth mask, not empty.
        generator: source of randomness.
        neighbor: (H, W) bool, mask of another object of the image, with which the rough mask may be merged.

    Returns:
        (H, W) bool.

    Example:
        >>> mask = np.zeros((64, 64), bool)
        >>> mask[20:40, 16:44] = True
        >>> rough = perturbed_mask(mask, np.random.default_rng(0))
        >>> rough.shape, bool((rough != mask).any()), bool((rough & mask).any())
        ((64, 64), True, True)
    """
    window = _window_around(mask)
    target, beside = mask[window], None if neighbor is None else neighbor[window]
    strength = generator.uniform(0.15, 1)
    # Strong errors may leave nothing of a small object; weaker ones follow.
    for divisor in (1, 2, 4):
        changed = _perturbed_window(target, beside, strength / divisor, generator)
        overlap = np.count_nonzero(changed & target) / np.count_nonzero(changed | target)
        if overlap >= LOWEST_IOU:
            break
    rough = np.zeros_like(mask)
    rough[window] = changed
    return rough


def disc_mask(shape: tuple[int, int], point: tuple[float, float], diameter: float) -> np.ndarray:
    """Return an (H, W) bool disc around a point: a rough mask that contains no more than the point.

    Args:
        shape: (height, width) of the mask.
        point: (x, y) in pixels.
        diameter: diameter in pixels; the pixel of the point is always part of the disc.
    """
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    radius = max(diameter / 2, 0.75)
    return (columns - point[0]) ** 2 + (rows - point[1]) ** 2 <= radius**2


def leaked_mask(
    rough: np.ndarray, mask: np.ndarray, neighbor: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Return a rough mask that may also cover the part of a neighbor that is next to the object.

    Args:
        rough: (H, W) bool, rough mask of the object.
        mask: (H, W) bool, ground-truth mask of the object, not empty.
        neighbor: (H, W) bool, mask of the neighbor.
        generator: source of randomness.

    Returns:
        (H, W) bool: the rough mask itself, or with a leak.
    """
    if generator.random() >= LEAK_FRACTION or not rough.any() or not neighbor.any():
        return rough
    # The leak begins at the pixel of the neighbor that is nearest to the center of the object.
    pixels, center = np.argwhere(neighbor), np.argwhere(mask).mean(axis=0)
    y, x = pixels[np.hypot(*(pixels - center).T).argmin()].tolist()
    diameter = generator.uniform(*LEAK_DIAMETERS) * len(pixels) ** 0.5
    return rough | (neighbor & disc_mask(mask.shape, (x, y), diameter))


def _window_around(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of the object with a margin, clipped to the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margin = 2 + round(MARGIN * max(np.ptp(rows) + 1, np.ptp(columns) + 1))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _perturbed_window(
    target: np.ndarray, neighbor: np.ndarray | None, strength: float, generator: np.random.Generator
) -> np.ndarray:
    """Return a rough mask of the object in its window, with errors of a strength from 0 to 1."""
    # A coarse grid stands for the low resolution of predicted masks.
    lowest, highest = GRID_SIDES
    longer = max(target.shape)
    side = min(longer, round(np.exp(generator.uniform(np.log(lowest), np.log(highest)))))
    grid = tuple(max(2, round(length * side / longer)) for length in target.shape)
    coverage = _on_grid(target, grid)
    if not coverage.any():  # specks far apart, which the grid does not show
        return target
    moved = _moved(coverage, strength, generator)
    # All further errors change the signed distance to the outline, in cells, positive inside.
    distance = _signed_distance(moved)
    size = max(1.0, np.count_nonzero(moved) ** 0.5)
    distance = _distorted(distance, size, strength, generator)
    if generator.random() < 0.35:
        distance = np.minimum(distance, _cut(moved, size, strength, generator))
    if generator.random() < 0.3:
        distance = np.maximum(distance, _beside(moved, neighbor, grid, strength, generator))
    # The outline between the cells is bilinear, as when predicted masks are enlarged.
    enlarged = Image.fromarray(distance.astype(np.float32)).resize(target.shape[::-1], Image.Resampling.BILINEAR)
    return np.asarray(enlarged) > 0


def _on_grid(mask: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return the (h, w) uint8 coverage of grid cells by a mask, 0 to 255."""
    pixels = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(pixels.resize(grid[::-1], Image.Resampling.BOX))


def _moved(coverage: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Return the (h, w) bool object on the grid, shifted and scaled by random amounts."""
    rows, columns = np.nonzero(coverage)
    center, extent = np.array([columns.mean(), rows.mean()]), np.array([np.ptp(columns) + 1, np.ptp(rows) + 1])
    shift = generator.normal(0, 0.1 * strength, 2) * extent
    # One factor for both axes, and a smaller one for each
    scale = np.exp(generator.normal(0, 0.16 * strength) + generator.normal(0, 0.08 * strength, 2))
    # Pillow maps new to old coordinates; its pixel centers lie at 0.5.
    offset = center + 0.5 - (center + 0.5 + shift) / scale
    coefficients = (1 / scale[0], 0, offset[0], 0, 1 / scale[1], offset[1])
    moved = Image.fromarray(coverage).transform(
        coverage.shape[::-1], Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    values = np.asarray(moved)
    # Half of the highest coverage, so that thin objects stay; one that was moved away entirely stays where it was.
    values = values if values.any() else coverage
    threshold = min(128, max(1, int(values.max()) // 2))
    return values >= threshold


def _distorted(distance: np.ndarray, size: float, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Return the signed distance after smoothing, erosion or dilation, and noise along the outline."""
    if generator.random() < 0.3:
        distance = _box_blur(distance, round(generator.uniform(0.1, 0.35) * strength * size))
    offset = generator.normal(0, 0.07 * strength) * size
    # Smooth noise: few random knots, enlarged to the grid
    knots = generator.normal(0, 1, generator.integers(4, 13, 2)).astype(np.float32)
    noise = Image.fromarray(knots).resize(distance.shape[::-1], Image.Resampling.BICUBIC)
    amplitude = generator.uniform(0, 0.24) * strength * size
    return distance + offset + amplitude * np.asarray(noise)


def _cut(moved: np.ndarray, size: float, strength: float, generator: np.random.Generator) -> np.ndarray:
    """Return a signed distance that is negative in a part of the object: beyond a line, or in a disc."""
    rows, columns = np.nonzero(moved)
    y, x = np.ogrid[: moved.shape[0], : moved.shape[1]]
    if generator.random() < 0.6:
        # A line across the object; a random fraction of the object lies beyond it.
        angle, fraction = generator.uniform(0, 2 * np.pi), generator.uniform(0.05, 0.6) * strength
        along = x * np.cos(angle) + y * np.sin(angle)
        return np.quantile(along[rows, columns], 1 - fraction) - along
    # A disc around a random pixel of the object
    center = generator.integers(len(rows))
    radius = generator.uniform(0.15, 0.45) * strength * size
    return np.hypot(x - columns[center], y - rows[center]) - radius


def _beside(
    moved: np.ndarray,
    neighbor: np.ndarray | None,
    grid: tuple[int, int],
    strength: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the signed distance to what a rough mask also covers: a neighbor, or a disc at the outline."""
    if neighbor is not None and neighbor.any() and generator.random() < strength:
        return _signed_distance(_on_grid(neighbor, grid) >= 128)
    # The center lies on the outline: an outer cell next to the object.
    y, x = np.ogrid[: moved.shape[0], : moved.shape[1]]
    rows, columns = np.nonzero(moved)
    edge, angle = generator.integers(len(rows)), generator.uniform(0, 2 * np.pi)
    size = len(rows) ** 0.5
    reach = generator.uniform(0.2, 0.7) * size
    center_x, center_y = columns[edge] + reach * np.cos(angle), rows[edge] + reach * np.sin(angle)
    radius = generator.uniform(0.2, 0.6) * strength * size
    return radius - np.hypot(x - center_x, y - center_y)


def _signed_distance(inside: np.ndarray) -> np.ndarray:
    """Return the (h, w) float32 distance to the other side of the outline: positive inside, negative outside."""
    return _distance_to(~inside) - _distance_to(inside)


def _distance_to(cells: np.ndarray) -> np.ndarray:
    """Return the (h, w) Euclidean distance to the nearest of the given cells; h + w if there is none."""
    height, width = cells.shape
    farthest = np.float32(height + width)
    # Squared distance along the columns, then the best column for each cell
    steps = np.arange(max(height, width), dtype=np.float32)
    squares = (steps[:, None] - steps) ** 2
    vertical = np.where(cells[None], squares[:height, :height, None], farthest**2).min(axis=1)  # (h, w)
    nearest = (vertical[:, None, :] + squares[None, :width, :width]).min(axis=2)
    return np.sqrt(nearest).clip(max=farthest)


def _box_blur(values: np.ndarray, radius: int) -> np.ndarray:
    """Return the mean over squares of side 2 · radius + 1; borders are repeated."""
    if radius < 1:
        return values
    side = 2 * radius + 1
    padded = np.pad(values, radius, mode="edge")
    # Differences of cumulative sums give the sum of each window, along one axis after the other.
    for axis in (0, 1):
        sums = np.cumsum(np.insert(padded, 0, 0, axis=axis), axis=axis)
        length = sums.shape[axis]
        padded = np.take(sums, range(side, length), axis) - np.take(sums, range(length - side), axis)
    return padded / side**2
