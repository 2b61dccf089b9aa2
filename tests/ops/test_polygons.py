# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pointwssis.ops.coco_masks import decode_rle, segmentation_to_rle
from pointwssis.ops.polygons import join_polygons, mask_to_polygons


def drawn(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def decoded(polygons: list[list[float]], shape: tuple[int, int]) -> np.ndarray:
    return decode_rle(segmentation_to_rle(polygons, *shape)) if polygons else np.zeros(shape, dtype=bool)


def blobs(seed: int, shape: tuple[int, int] = (60, 83)) -> np.ndarray:
    """Return smooth shapes with nested holes, cut by the border."""
    noise = np.random.default_rng(seed).random(shape)
    for axis in (0, 1):
        for _ in range(3):
            noise = (np.roll(noise, 1, axis) + noise + np.roll(noise, -1, axis)) / 3
    return noise > np.median(noise)


MASKS = {
    "one pixel": drawn("...", ".#.", "..."),
    "everything": drawn("##", "##", "##"),
    "one row": drawn("####"),
    "one column": drawn("#", "#"),
    "corners touch": drawn("#..#", ".##.", ".##.", "#..#"),
    "chessboard": np.indices((7, 9)).sum(0) % 2 == 0,
    "two parts": drawn("##..#", "##..#"),
    "hole": drawn("####", "#..#", "####"),
    "hole open at a corner": drawn("###.", "#.#.", "##.#", "..##"),
    "holes in a row": drawn("#######", "#.#.#.#", "#######", "#.#.#.#", "#######"),
    "island in a hole": drawn("#####", "#...#", "#.#.#", "#...#", "#####"),
    "rings in rings": drawn("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"),
    "holes that touch": drawn("#####", "#.#.#", "##.##", "#.#.#", "#####"),
    "hole beside a step": drawn("..####", "###..#", "######"),
    "mesh": ~((np.indices((41, 41)) % 2 == 1).all(axis=0)),
}


@pytest.mark.parametrize("name", MASKS)
def test_decoding_gives_the_mask_back(name):
    mask = MASKS[name]
    polygons = mask_to_polygons(mask)
    assert np.array_equal(decoded(polygons, mask.shape), mask)
    for ring in polygons:
        corners = np.array(ring).reshape(-1, 2)
        steps = np.diff(np.vstack([corners, corners[:1]]), axis=0)
        assert (np.count_nonzero(steps, axis=1) == 1).all(), "every step goes along one axis, none stands still"


@pytest.mark.parametrize("seed", range(12))
def test_random_masks_come_back_exactly(seed):
    rng = np.random.default_rng(seed)
    for mask in (rng.random((17, 23)) < rng.uniform(0.1, 0.95), blobs(seed)):
        assert np.array_equal(decoded(mask_to_polygons(mask), mask.shape), mask)


def test_parts_share_sides_and_holes_belong_to_them():
    assert len(mask_to_polygons(MASKS["corners touch"])) == 5
    assert len(mask_to_polygons(MASKS["island in a hole"])) == 2
    assert len(mask_to_polygons(MASKS["mesh"])) == 1
    assert mask_to_polygons(np.zeros((4, 5))) == []
    assert mask_to_polygons(drawn("....", "..#.")) == [[2, 1, 3, 1, 3, 2, 2, 2]]
    assert all(isinstance(value, float) for value in mask_to_polygons(MASKS["hole"])[0])
    with pytest.raises(ValueError, match=r"shape \(1, 2, 2\)"):
        mask_to_polygons(np.ones((1, 2, 2)))


@pytest.mark.parametrize("seed", range(4))
def test_parts_joined_into_one_ring_cover_the_same_pixels(seed):
    mask = blobs(seed)
    polygons = mask_to_polygons(mask)
    assert len(polygons) > 1
    assert np.array_equal(decoded([join_polygons(polygons)], mask.shape), mask)
    assert join_polygons(polygons[:1]) == polygons[0]


def test_seams_stay_inside_so_that_other_programs_lose_little():
    """Pillow draws the outline too: a pixel more at the right and at the bottom, and the seams of the holes."""
    mask = blobs(3)
    canvas = Image.new("1", mask.shape[::-1])
    for ring in mask_to_polygons(mask):
        ImageDraw.Draw(canvas).polygon(ring, fill=1)
    grown = np.pad(mask, ((1, 0), (1, 0)))
    grown = grown[1:, 1:] | grown[:-1, 1:] | grown[1:, :-1] | grown[:-1, :-1]
    others = np.asarray(canvas)
    assert not (others & ~grown).any() and not (mask & ~others).any()


def test_real_masks_come_back_exactly(shared_dir):
    file = shared_dir / "data" / "coco_edge_cases" / "coco_edge_permissive.json"
    content = json.loads(file.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    assert len(content["annotations"]) > 50
    for annotation in content["annotations"][:300]:
        shape = sizes[annotation["image_id"]]
        mask = decode_rle(segmentation_to_rle(annotation["segmentation"], *shape))
        assert np.array_equal(decoded(mask_to_polygons(mask), shape), mask), annotation["id"]
