# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import tracemalloc

import numpy as np
import pytest

from pointwssis.ops import decode_rle, encode_mask, settle_overlaps
from pointwssis.ops.rle import decode_pixels, encode_pixels

SIZE = (40, 60)


def box(x0, y0, x1, y1, size=SIZE):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def settled(masks, points, annotated=()):
    """Return settled masks as (N, H, W) bool."""
    found = settle_overlaps([encode_mask(mask) for mask in masks], points, [encode_mask(mask) for mask in annotated])
    return np.stack([decode_rle(mask) for mask in found])


def test_masks_without_overlap_do_not_change():
    masks = [box(0, 0, 10, 10), box(10, 0, 30, 10), box(0, 20, 60, 40), np.zeros(SIZE, bool)]
    assert (settled(masks, [(5, 5), (20, 5), (30, 30), (50, 5)]) == masks).all()
    assert settle_overlaps([], []) == []


def test_two_objects_that_were_not_separated_are_divided_between_their_points():
    both = box(10, 10, 30, 20)
    first, second = settled([both, both], [(14, 15), (25, 15)])
    assert (first == box(10, 10, 20, 20)).all() and (second == box(20, 10, 30, 20)).all()


def test_distances_are_relative_to_the_size_of_the_mask():
    # The large mask reaches 36 pixels to the right of its point, the small one 8 to the left of its own.
    large, small = settled([box(0, 0, 40, 40), box(38, 16, 50, 28)], [(20, 20), (46, 22)])
    assert large[22, 38] and large[22, 39] and small.sum() == 12 * 12 - 2 * 12
    assert not (large & small).any()


@pytest.mark.parametrize("point", [(5, 5), (30, 20), (31, 21)])
def test_a_nested_object_keeps_its_pixels(point):
    """A button on a shirt, also in its center."""
    x, y = point
    shirt, button = box(0, 0, 60, 40), box(x - 3, y - 3, x + 4, y + 4)
    for order in (1, -1):
        masks, points = [shirt, button][::order], [(30.0, 20.0), point][::order]
        found = settled(masks, points)[::order]
        # The pixel of the shirt's point stays its own where the button covers it, unless it is the button's point too.
        hole = np.zeros(SIZE, bool)
        hole[20, 30] = button[20, 30] and point != (30, 20)
        assert (found[1] == (button & ~hole)).all() and (found[0] == (shirt & ~(button & ~hole))).all()


def test_a_chain_of_nested_objects():
    shirt, pocket, button = box(0, 0, 60, 40), box(10, 10, 30, 30), box(18, 18, 22, 22)
    found = settled([shirt, pocket, button], [(40, 35), (12, 12), (19, 19)])
    assert (found == [shirt & ~pocket, pocket & ~button, button]).all()


def test_a_small_mask_beside_its_point_is_not_nested():
    """It lies inside another object, but does not hold its own point: it shows a part of that object."""
    large, stray = settled([box(0, 0, 40, 40), box(18, 18, 22, 22)], [(20, 20), (55, 5)])
    assert large[18:22, 18:22].all()
    assert stray[5, 55] and stray[4:7, 54:57].all() and stray.sum() == 9  # the neighborhood of its point


def test_no_mask_keeps_the_point_of_another_object():
    # The second mask does not hold its own point, so nobody claims the pixel but the first.
    first, second = settled([box(0, 0, 20, 20), box(40, 0, 50, 10)], [(5, 5), (10, 10)])
    assert not first[10, 10] and first.sum() == 399
    assert (second == box(40, 0, 50, 10)).all()


def test_points_on_the_border_and_in_one_pixel():
    mask = box(50, 30, 60, 40)
    first, second = settled([mask, mask], [(60, 40), (60, 40)])
    assert first[39, 59] and second[39, 59] and first.any() and second.any()
    (alone,) = settled([mask], [(60, 40)])
    assert (alone == mask).all()


def test_annotated_masks_keep_their_pixels():
    true_mask = box(20, 0, 40, 40)
    (found,) = settled([box(10, 10, 30, 20)], [(12, 15)], [true_mask])
    assert (found == box(10, 10, 20, 20)).all()
    # A mask that lies in the annotated one, away from its point, keeps the pixel of its point.
    (found,) = settled([box(22, 10, 30, 20)], [(12, 15)], [true_mask])
    assert found.sum() == 1 and found[15, 12]
    # An object whose point lies in the annotated mask is nested in it.
    (found,) = settled([box(22, 10, 30, 20)], [(25, 15)], [true_mask])
    assert (found == box(22, 10, 30, 20)).all()


@pytest.mark.parametrize("seed", range(20))
def test_settled_masks_are_disjoint_parts_of_their_masks(seed):
    generator = np.random.default_rng(seed)
    masks, points = [], []
    for _ in range(12):
        x, y, width, height = generator.integers(1, [50, 30, 30, 20])
        masks.append(box(x, y, x + width, y + height) & (generator.random(SIZE) < 0.9))
        points.append((x + generator.random() * width, min(y + generator.random() * height, 40)))
    masks[0][:] = False
    found = settled(masks, points)
    pixels = [(min(round(y), 39), min(round(x), 59)) for x, y in points]
    for index, (mask, own) in enumerate(zip(masks, found, strict=True)):
        assert own.any() == mask.any()
        # Beyond the mask there is at most the neighborhood of the point.
        row, column = pixels[index]
        beyond = own & ~mask
        beyond[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = False
        assert not beyond.any()
        for other, pixel in enumerate(pixels):
            assert other == index or pixel == pixels[index] or not own[pixel]
    assert len(set(pixels)) < len(pixels) or (found.sum(axis=0) <= 1).all()


def test_the_memory_does_not_grow_with_the_number_of_masks():
    size = (1000, 1200)
    rows, columns = np.mgrid[0:30, 0:30]
    masks, points = [], []
    for index in range(300):
        x, y = 20 * (index % 50), 25 * (index // 50)
        masks.append(encode_pixels(np.sort(((columns + x) * size[0] + rows + y).ravel()), size))
        points.append((x + 15, y + 15))
    tracemalloc.start()
    found = settle_overlaps(masks, points)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6  # 300 masks as bool alone would take 360 MB
    assert sum(len(decode_pixels(mask)) for mask in found) < 300 * 900


def test_pixels_are_the_inverse_of_masks():
    generator = np.random.default_rng(0)
    for density in (0, 0.1, 0.5, 0.9, 1):
        rle = encode_mask(generator.random((5, 7)) < density)
        assert encode_pixels(decode_pixels(rle), [5, 7]) == rle
