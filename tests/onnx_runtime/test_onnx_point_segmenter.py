# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`OnnxPointSegmenter` gives the results of the pipeline."""

import json
import shutil
import tracemalloc
import weakref

import numpy as np
import pytest

from helpers import tiny
from helpers.exported_onnx import Exported, exported
from helpers.instances import assert_same_instances
from pointwssis.onnx_runtime import OnnxPointSegmenter
from pointwssis.ops.user_error import UserError, UserFileNotFoundError

POINTS = [(10, 20), (70.5, 33), (96, 64), (0, 0)]
LABELS = [tiny.NAMES[1], None, 0, -1]


@pytest.fixture(scope="module")
def export() -> Exported:
    return exported()


@pytest.fixture(scope="module")
def segmenter(export) -> OnnxPointSegmenter:
    return OnnxPointSegmenter(export.onnx)


@pytest.fixture(scope="module")
def pipe(export):
    return export.pipeline()


@pytest.mark.parametrize("size", [(64, 96), (130, 97)])
@pytest.mark.parametrize("strategy", ["adaptive", "finest"])
def test_points(segmenter, pipe, size, strategy):
    options = {"points": POINTS[:2] + POINTS[3:], "labels": LABELS[:2] + LABELS[3:], "level_strategy": strategy}
    options["mask_format"] = "numpy"
    image = tiny.picture(*size)
    found = segmenter(image, refine=False, **options)
    assert_same_instances(found, pipe(image, **options))
    assert any(instance["mask"].any() for instance in found)
    # Arrays are images, too, and several points give the same as one each.
    session = segmenter.encode(np.asarray(image))
    for point, label, whole in zip(options["points"], options["labels"], found, strict=True):
        one = session([point], [label], mask_format="numpy", level_strategy=strategy, refine=False)
        assert_same_instances(one, [whole])


def test_points_on_the_border_and_none(segmenter, pipe):
    image = tiny.picture(64, 96)
    for points in (POINTS, []):
        options = {"points": points, "mask_format": "numpy", "top_k": 2}
        assert_same_instances(segmenter(image, refine=False, **options), pipe(image, **options))


def test_ordinary_segmentation(segmenter, pipe):
    image = tiny.picture(64, 96)
    for options in ({}, {"threshold": 0.2}, {"top_k": 2}):
        found = segmenter(image, mask_format="numpy", **options)
        assert_same_instances(found, pipe(image, mask_format="numpy", **options))
        assert found or options


def test_refined_points(segmenter, pipe, export):
    image = tiny.picture(64, 96)
    options = {"points": POINTS, "labels": LABELS, "mask_format": "numpy"}
    found = segmenter(image, **options)
    assert_same_instances(found, pipe(image, refiner=export.refiner, **options))
    assert any((instance["mask"] != instance["rough_mask"]).any() for instance in found)


def test_tiles(export, tmp_path):
    shutil.copytree(export.onnx, tmp_path / "tiled")
    path = tmp_path / "tiled" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["image_processor"]["tile_size"] = 60
    path.write_text(json.dumps(config), "utf-8")
    segmenter, pipe = OnnxPointSegmenter(tmp_path / "tiled"), export.pipeline(tile_size=60)
    image = tiny.picture(80, 130)
    options = {"points": [(10, 20), (120, 33), (60, 70)], "mask_format": "numpy"}
    assert_same_instances(segmenter(image, refine=False, **options), pipe(image, **options))
    # Models that were trained on whole images take tiles on request.
    untiled = OnnxPointSegmenter(export.onnx)
    assert_same_instances(untiled(image, tile_size=60, refine=False, **options), pipe(image, **options))
    found = segmenter(image, mask_format="numpy")
    assert found
    # A pixel at the border of a small mask may round the other way.
    assert_same_instances(found, pipe(image, mask_format="numpy"), min_iou=0.99)


class CountingEncoder:
    """An encoder that counts its tiles, and of the arrays that it has returned those that are in memory."""

    def __init__(self, encoder):
        self.encoder, self.tiles, self.most_in_memory, self._returned = encoder, 0, 0, []

    def __call__(self, pixel_values):
        outputs = self.encoder(pixel_values=pixel_values)
        self.tiles += len(pixel_values)
        self._returned.append(weakref.ref(outputs[0]))
        self.most_in_memory = max(self.most_in_memory, sum(one() is not None for one in self._returned))
        return outputs


def test_a_call_keeps_few_tiles_in_memory_and_encodes_those_with_points(export, monkeypatch):
    segmenter, image, points = OnnxPointSegmenter(export.onnx), tiny.picture(80, 130), [(10, 20), (120, 33)]
    options = {"mask_format": "numpy", "refine": False}
    monkeypatch.setattr("pointwssis.onnx_runtime.encoded_tiles.TILES_PER_PASS", 1)
    session = segmenter.encode(image, tile_size=60)
    clicked, everything = session(points, **options), session(mask_format="numpy")
    assert everything
    encoder = segmenter._encoder = CountingEncoder(segmenter._encoder)
    assert_same_instances(segmenter(image, tile_size=60, mask_format="numpy"), everything)
    assert encoder.tiles == len(session.windows) == 6 and encoder.most_in_memory == 1
    assert_same_instances(segmenter(image, points, tile_size=60, **options), clicked)
    assert encoder.tiles == 6 + 2 and encoder.most_in_memory == 1
    # What is wrong with the points is said before the encoder runs.
    with pytest.raises(UserError, match="outside the image"):
        segmenter(image, [(500, 3)])
    assert segmenter(image, [], tile_size=60) == [] and encoder.tiles == 8
    # A session keeps all tiles, so that no click encodes again.
    again = segmenter.encode(image, tile_size=60)
    assert_same_instances(again(points, **options), clicked)
    assert_same_instances(again(mask_format="numpy"), everything)
    assert encoder.tiles == 8 + 6 and encoder.most_in_memory == 6


def test_formats_and_boxes(segmenter):
    session = segmenter.encode(tiny.picture(64, 96))
    (dense,) = session([(10, 20)], mask_format="numpy", refine=False)
    x0, y0, x1, y1 = dense["box"]
    assert dense["mask"][y0:y1, x0:x1].sum() == dense["mask"].sum() > 0
    (drawn,) = session([(10, 20)], refine=False)
    assert drawn["mask"].size == (96, 64) and (np.asarray(drawn["mask"]) > 0).sum() == dense["mask"].sum()
    (encoded,) = session([(10, 20)], mask_format="rle", refine=False)
    assert encoded["mask"]["size"] == [64, 96]


def test_masks_of_many_points_are_compressed_one_by_one(segmenter):
    session = segmenter.encode(tiny.picture(1000, 1000))
    points = [(10 * index, 990 - 10 * index) for index in range(99)]
    tracemalloc.start()
    found = session(points, mask_format="rle", refine=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # One million bytes each, were all dense at once
    assert len(found) == 99 and peak < 50e6


def test_gray_arrays_of_any_depth_are_images(segmenter):
    gray = np.asarray(tiny.picture(64, 96))[..., 0]
    options = {"points": [(10, 20)], "mask_format": "rle", "refine": False}
    assert segmenter(gray, **options) == segmenter(np.repeat(gray[..., None], 3, axis=2), **options)
    assert len(segmenter(gray.astype(np.uint16) * 16, **options)) == 1


def test_int8_runs(export):
    (instance,) = OnnxPointSegmenter(export.onnx, int8=True, threads=1)(tiny.picture(64, 96), points=[(10, 20)])
    assert 0 <= instance["score"] <= 1


def test_every_kind_of_image_gives_the_same(segmenter, tmp_path):
    image = tiny.picture(64, 96)
    image.save(tmp_path / "a.png")
    expected = segmenter(image, points=[(10, 20)], mask_format="numpy")
    for kind in (tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes(), np.asarray(image)):
        assert_same_instances(segmenter(kind, points=[(10, 20)], mask_format="numpy"), expected)
    with pytest.raises(UserError, match="image of 7 bytes: not a readable image"):
        segmenter(b"rubbish")
    with pytest.raises(UserError, match="an image array must have shape .* dtype float32"):
        segmenter(np.zeros((8, 9, 3), np.float32))


def test_providers(export, segmenter):
    image, options = tiny.picture(64, 96), {"points": [(10, 20)], "mask_format": "numpy"}
    chosen = OnnxPointSegmenter(export.onnx, providers=[("CPUExecutionProvider", {})])
    assert_same_instances(chosen(image, **options), segmenter(image, **options))
    with pytest.raises(UserError, match="providers is Gpu; this onnxruntime has .*CPUExecutionProvider"):
        OnnxPointSegmenter(export.onnx, providers=["Gpu"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile_size": 0}, "tile_size must be a whole number of at least 1, got 0"),
        ({"points": [(97, 3)]}, "outside the image of 96 × 64 pixels"),
        ({"points": [(1, 1)], "labels": ["zebra"]}, "unknown label 'zebra'"),
        ({"labels": [0]}, "labels are given without points"),
        ({"mask_format": "png"}, "mask_format must be one of 'pil'"),
        ({"level_strategy": "best"}, "level_strategy must be one of"),
        ({"threshold": 1.01}, "threshold must be a score from 0 to 1, got 1.01"),
        ({"top_k": -1}, "top_k must be a whole number of at least 1, got -1"),
        ({"points": [(1, 1)], "top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
    ],
)
def test_bad_input_is_named(segmenter, options, message):
    with pytest.raises(UserError, match=message):
        segmenter(tiny.picture(64, 96), **options)


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content[:-1] + b"!"])
def test_a_damaged_graph_is_named(export, tmp_path, damage):
    shutil.copytree(export.onnx, tmp_path / "damaged")
    path = tmp_path / "damaged" / "encoder.onnx"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="encoder.onnx: is not as it was written; write it again with"):
        OnnxPointSegmenter(tmp_path / "damaged")
    (tmp_path / "damaged" / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: not valid JSON .*; write it again with"):
        OnnxPointSegmenter(tmp_path / "damaged")


def test_missing_files_are_named(export, tmp_path):
    with pytest.raises(UserFileNotFoundError, match="config.json: not found"):
        OnnxPointSegmenter(tmp_path)
    shutil.copy(export.onnx / "config.json", tmp_path)
    with pytest.raises(UserFileNotFoundError, match="encoder.onnx: not found; write it again"):
        OnnxPointSegmenter(tmp_path)
