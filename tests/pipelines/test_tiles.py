# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images much larger than the network's input: every object is found once, whichever tiles show it."""

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from helpers.seeing_solov2 import seeing_segmenter
from pointwssis import load_coco
from pointwssis.data.demo_images import DEMO_NUCLEI
from pointwssis.data.schema import objects_with_mask
from pointwssis.models.solov2 import tiled_solov2
from pointwssis.ops.rle import decode_rle, encode_mask
from pointwssis.ops.user_error import UserError
from pointwssis.pipelines import PointInstanceSegmentationPipeline

SIDE = 256  # of the network's input
TILE = 512  # of drawn objects; nuclei are smaller
SCENES = [("drawn", np.uint16, TILE), ("mosaic", np.uint8, SIDE)]


@pytest.fixture(scope="module")
def segmenter():
    model, processor = seeing_segmenter(SIDE)
    return PointInstanceSegmentationPipeline(model=model, image_processor=processor, mask_format="rle")


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Return 2048 × 2048 numbers of 400 ellipses, up to 96 pixels long; 0 is background."""
    generator, numbers = np.random.default_rng(0), np.zeros((2048, 2048), dtype=np.int32)
    rows, columns = np.mgrid[:102, :102]
    for index in range(400):
        # One in each field of 102 × 102 pixels, at least 3 away from the border of its field
        radii = generator.uniform(18, 48, 2)
        y, x = generator.uniform(radii + 3, 99 - radii)
        inside = ((rows - y) / radii[0]) ** 2 + ((columns - x) / radii[1]) ** 2 <= 1
        top, left = (102 * n for n in divmod(index, 20))
        numbers[top : top + 102, left : left + 102][inside] = index + 1
    return numbers


@pytest.fixture(scope="module")
def mosaic() -> np.ndarray:
    """Return the numbers of the real nuclei of some pictures of the package, side by side."""
    rows = load_coco(DEMO_NUCLEI / "annotations" / "instances_train.json", DEMO_NUCLEI / "images")
    numbers, left, top, widest, count = np.zeros((1200, 1600), dtype=np.int32), 0, 0, 0, 0
    for row in rows:
        # Pictures fill the mosaic column by column.
        height, width = row["height"], row["width"]
        if top + height > len(numbers):
            left, top, widest = left + widest, 0, 0
        if left + width > numbers.shape[1]:
            break
        for item in objects_with_mask(row):
            count += 1
            numbers[top : top + height, left : left + width][decode_rle(item["segmentation"])] = count
        top, widest = top + height, max(widest, width)
    # Masks of few pixels, at a quarter of the input, are none to SOLOv2.
    areas = np.bincount(numbers.ravel())
    return np.where(areas[numbers] >= 300, numbers, 0)


def rles(numbers: np.ndarray) -> list[dict]:
    return [encode_mask(numbers == number) for number in np.unique(numbers)[1:]]


def pictured(numbers: np.ndarray, dtype: type = np.uint8) -> np.ndarray:
    """Return a gray picture of the objects, each of another brightness than those near it, in 8 or in 16 bits."""
    bright = np.where(numbers > 0, 50 + numbers % 200, 0)
    bright[bright == 249] = 255  # enough pixels for the upper percentile of a 16-bit image
    return bright.astype(np.uint8) if dtype == np.uint8 else (300 + 12 * bright).astype(dtype)


def overlaps(found: list[dict], expected: list[dict]) -> np.ndarray:
    """Return the (found, expected) IoU."""
    masks = [[{**rle, "counts": rle["counts"].encode()} for rle in group] for group in (found, expected)]
    return np.asarray(coco_mask.iou(*masks, [0] * len(expected)))


@pytest.mark.parametrize(("scene", "dtype", "tile_size"), SCENES)
def test_without_clicks_no_object_is_lost_or_doubled(segmenter, request, scene, dtype, tile_size):
    numbers = request.getfixturevalue(scene)
    expected = rles(numbers)
    assert len(expected) == 400 if scene == "drawn" else len(expected) > 150
    found = segmenter(pictured(numbers, dtype), tile_size=tile_size, threshold=0.3)
    matches = overlaps([one["mask"] for one in found], expected) > 0.5
    # Each finds one object, and each object is found by one.
    assert matches.sum(axis=0).tolist() == [1] * len(expected) and matches.sum(axis=1).tolist() == [1] * len(found)


@pytest.mark.parametrize(("scene", "dtype", "tile_size"), SCENES)
def test_each_click_gets_its_object(segmenter, request, scene, dtype, tile_size):
    numbers = request.getfixturevalue(scene)
    expected, points = rles(numbers), []
    for number in np.unique(numbers)[1:]:
        rows, columns = np.nonzero(numbers == number)
        nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        points.append((float(columns[nearest]), float(rows[nearest])))
    found = segmenter(pictured(numbers, dtype), points=points, tile_size=tile_size)
    assert [one["point"] for one in found] == [[*point] for point in points]
    own = np.diag(overlaps([one["mask"] for one in found], expected))
    assert (own > 0.5).all()
    # An encoded image gives the same, click by click.
    session = segmenter.encode(pictured(numbers, dtype), tile_size=tile_size)
    masks = [one["mask"] for one in session(points=points[150:152])]
    assert masks == [one["mask"] for one in found[150:152]]
    assert len(session(threshold=0.3)) == len(expected)


def test_only_tiles_with_clicks_go_through_the_network(segmenter, drawn, monkeypatch):
    seen, encode = [], segmenter.model.encode
    monkeypatch.setattr(tiled_solov2, "TILES_PER_PASS", 4)
    monkeypatch.setattr(
        segmenter.model, "encode", lambda pixels, mask: seen.append(len(pixels)) or encode(pixels, mask)
    )
    image = pictured(drawn[:1500, :1500])
    segmenter(image, points=[(100, 100), (110, 90), (1400, 1450)], tile_size=TILE)
    assert seen == [2]
    # Without clicks all do, a few at a time.
    seen.clear()
    segmenter(image, tile_size=TILE)
    assert seen == [4, 4, 4, 4]
    # No click needs no tile.
    seen.clear()
    assert segmenter(image, points=[], tile_size=TILE) == [] and seen == []


def test_an_object_larger_than_the_overlap_is_joined(segmenter):
    image = np.full((600, 1400), 10, dtype=np.uint8)
    image[250:350, 100:1300] = 200
    (found,) = segmenter(image, tile_size=TILE, threshold=0.3)
    assert decode_rle(found["mask"]).sum() == pytest.approx(100 * 1200, rel=0.05)


def test_the_model_s_own_tiles_are_the_default(segmenter, drawn):
    image = pictured(drawn[:700, :900])
    model, processor = seeing_segmenter(SIDE)
    processor.tile_size = TILE
    own = PointInstanceSegmentationPipeline(model=model, image_processor=processor, mask_format="rle")
    expected = segmenter(image, tile_size=TILE, threshold=0.3)
    assert own(image, threshold=0.3) == expected and len(expected) > 30
    # Several images, of which one is smaller than a tile
    small = Image.fromarray(image[:200, :300])
    assert own([image, small], threshold=0.3, batch_size=2)[0] == expected
    assert len(own(image, threshold=0.3, top_k=7)) == 7


@pytest.mark.parametrize("value", [0, 2.5, "512"])
def test_a_wrong_side_is_refused(segmenter, value):
    with pytest.raises(UserError, match=f"tile_size must be a whole number of at least 1, got {value!r}"):
        segmenter(np.zeros((8, 8), dtype=np.uint8), tile_size=value)
