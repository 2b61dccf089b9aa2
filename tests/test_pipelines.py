# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageSegmentation,
    AutoModelForInstanceSegmentation,
    pipeline,
)
from transformers.pipelines.pt_utils import KeyDataset

import pointwssis
import tiny
from pointwssis.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.masks import decode_rle, encode_mask

POINTS = [(10.0, 12.0), (40.5, 30.0), (63.0, 63.0)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A saved teacher and a saved refiner."""
    path = tmp_path_factory.mktemp("models")
    tiny.saved_segmenter(path / "teacher")
    tiny.saved_refiner(path / "refiner")
    return path


@pytest.fixture(scope="module")
def pipe(folder):
    return pipeline("point-instance-segmentation", model=str(folder / "teacher"), device="cpu")


@pytest.fixture(scope="module")
def refine(folder):
    return pipeline("point-mask-refinement", model=str(folder / "refiner"), device="cpu")


def as_array(mask) -> np.ndarray:
    return np.asarray(mask) > 0


def assert_same(first: list[dict], second: list[dict], pixels: int = 3) -> None:
    """Two answers are equal up to rounding: a batch multiplies in another order than a single image."""
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
        assert (as_array(one["mask"]) != as_array(other["mask"])).sum() <= pixels


# -- points


def test_one_instance_a_point_in_their_order(pipe):
    found = pipe(tiny.picture(), points=POINTS, labels=["star", 0, None])
    assert [instance["point"] for instance in found] == [list(point) for point in POINTS]
    assert [instance["label"] for instance in found[:2]] == ["star", "ellipse"]
    assert [len(instance["alternatives"]) for instance in found] == [0, 0, 4]  # all four classes of the bare click
    best = max(found[2]["alternatives"], key=lambda entry: entry["score"])
    assert found[2]["label"] == best["label"]
    for instance in found:
        assert instance["mask"].size == (64, 64) and instance["mask"].mode == "L"
        x, y = (min(round(value), 63) for value in instance["point"])
        assert instance["point_in_mask"] == bool(as_array(instance["mask"])[y, x])
        assert 0 <= instance["level"] <= 4 and len(instance["level_scores"]) == 5
        assert 0 <= instance["background_score"] <= 1
    masks = [as_array(instance["mask"]) for instance in found]
    assert any(mask.any() for mask in masks) and not (masks[0] == masks[1]).all()


def test_reversed_points_give_the_reversed_answer(pipe):
    forward = pipe(tiny.picture(), points=POINTS, labels=["star", 0, None])
    backward = pipe(tiny.picture(), points=POINTS[::-1], labels=[None, 0, "star"])
    assert_same(forward, backward[::-1], pixels=0)


def test_no_points_is_ordinary_segmentation_and_an_empty_list_is_not(pipe):
    image = tiny.picture()
    found = pipe(image)
    assert len(found) > 1 and found[0].keys() == {"label", "label_id", "score", "mask"}
    scores = [instance["score"] for instance in found]
    assert scores == sorted(scores, reverse=True)
    threshold = scores[len(scores) // 2]
    assert len(pipe(image, threshold=threshold)) == sum(score >= threshold for score in scores)
    assert len(pipe(image, top_k=2)) == 2
    assert pipe(image, points=[]) == []
    assert pipe(image, points=np.zeros((0, 2)), labels=[]) == []


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_images_of_different_sizes_give_what_each_gives_alone(pipe, batch_size):
    images = [tiny.picture(64, 64, 1), tiny.picture(40, 90, 2), tiny.picture(64, 64, 3), tiny.picture(90, 40, 4)]
    points = [POINTS, [(80.0, 5.0)], [], [(5.0, 80.0), (6.0, 7.0)]]
    together = pipe(images, points=points, batch_size=batch_size)
    alone = [pipe(image, points=own) for image, own in zip(images, points, strict=True)]
    assert [len(found) for found in together] == [3, 1, 0, 2]
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other)
    ordinary = pipe(images, batch_size=batch_size)
    assert_same(ordinary[1], pipe(images[1]))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_images_with_and_without_points_may_share_a_batch(pipe, batch_size):
    items = [{"image": tiny.picture(), "points": POINTS}, tiny.picture(), {"image": tiny.picture(), "points": []}]
    found = pipe(items, batch_size=batch_size)
    assert_same(found[0], pipe(tiny.picture(), points=POINTS))
    assert_same(found[1], pipe(tiny.picture()))
    assert found[2] == []


# -- what goes in


class Items(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_generators_and_datasets(pipe, batch_size):
    images = [tiny.picture(64, 64, 1), tiny.picture(40, 60, 2), tiny.picture(64, 64, 3)]
    items = [{"image": image, "points": [[3.0, 4.0]], "labels": ["star"]} for image in images]
    wanted = [pipe(item) for item in items]
    features = datasets.Features(
        image=datasets.Image(),
        points=datasets.List(datasets.List(datasets.Value("float32"))),
        labels=datasets.List(datasets.Value("string")),
    )
    columns = {key: [item[key] for item in items] for key in items[0]}
    table = datasets.Dataset.from_dict(columns, features=features)
    for inputs in (items, (item for item in items), Items(items), table):
        found = list(pipe(inputs, batch_size=batch_size))
        assert len(found) == 3
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    plain = list(pipe(KeyDataset(table, "image"), batch_size=batch_size))
    assert_same(plain[1], pipe(images[1]))


def test_rows_of_our_schema_are_inputs(pipe):
    rows = tiny.shapes(2)
    found = list(pipe(rows))
    assert len(found) == 2 and found[0][0]["mask"].size == (64, 64)


def test_every_kind_of_one_image_gives_the_same(pipe, tmp_path):
    image = tiny.picture(40, 60)
    image.save(tmp_path / "a.png")
    array = np.asarray(image)
    wanted = pipe(image, points=[(3, 4)])
    tensor = torch.from_numpy(np.moveaxis(array, -1, 0).copy())
    for other in (str(tmp_path / "a.png"), array, np.moveaxis(array, -1, 0), tensor, {"image": image}):
        assert_same(pipe(other, points=[(3, 4)]), wanted, pixels=0)


def test_16_bit_images_are_scaled_not_clipped(pipe, tmp_path):
    grey = np.random.default_rng(0).integers(0, 200, (40, 60)).astype(np.uint8)
    low, high = int(grey.min()), int(grey.max())
    wanted = np.rint((grey.astype(float) - low) * 255 / (high - low)).astype(np.uint8)
    deep = (grey.astype(np.uint16) * 20) + 700  # 12 bits in 16
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    expected = pipe(np.stack([wanted] * 3, axis=-1), points=[(3, 4)])
    for image in (str(tmp_path / "deep.tif"), deep, deep.astype(np.int64), deep.astype(np.float32)):
        assert_same(pipe(image, points=[(3, 4)]), expected, pixels=0)


@pytest.mark.parametrize(
    "array", [np.zeros((8, 9, 3), np.float32), np.zeros((8, 9, 5), np.uint8), np.zeros((2, 8, 9, 3), np.uint8)]
)
def test_an_array_that_is_no_image(pipe, array):
    with pytest.raises(ValueError, match="an image array has the shape .*uint8"):
        pipe(array)


# -- what comes out


def test_mask_formats_hold_the_same_mask(pipe):
    image = tiny.picture(40, 60)
    masks = {name: pipe(image, points=[(3, 4)], mask_format=name)[0]["mask"] for name in ("pil", "rle", "numpy")}
    assert masks["numpy"].dtype == bool and masks["numpy"].shape == (40, 60)
    assert (as_array(masks["pil"]) == masks["numpy"]).all() and masks["pil"].getextrema()[1] in (0, 255)
    assert (decode_rle(masks["rle"]) == masks["numpy"]).all() and isinstance(masks["rle"]["counts"], str)


def test_parameters_may_be_given_when_the_pipeline_is_made(folder):
    made = pipeline(
        "point-instance-segmentation",
        model=str(folder / "teacher"),
        device="cpu",
        mask_format="rle",
        top_k=2,
        refiner=str(folder / "refiner"),
    )
    once = made(tiny.picture(), points=[(3, 4)])
    session = made.encode(tiny.picture())(points=[(3, 4)])
    assert once == session
    assert "rough_mask" in once[0] and "counts" in once[0]["mask"] and len(once[0]["alternatives"]) == 2


# -- sessions


def test_encoding_once_equals_one_shot(pipe):
    image = tiny.picture(50, 70)
    session = pipe.encode(image)
    for points, labels in (([(3, 4)], None), ([(60, 40), (3, 4)], ["star", None]), ([], None), (None, None)):
        once = pipe(image, points=points, labels=labels, mask_format="rle")
        assert session(points=points, labels=labels, mask_format="rle") == once
    with pytest.raises(TypeError, match="foo"):
        session(points=[(3, 4)], foo=1)


# -- refiner


def test_refiner_as_folder_path_model_and_pipeline(pipe, refine, folder):
    image, points = tiny.picture(), [(10, 12), (40, 30)]
    model = AutoModel.from_pretrained(folder / "refiner")
    wanted = None
    for refiner in (str(folder / "refiner"), folder / "refiner", model, refine):
        found = pipe(image, points=points, labels=["star", None], refiner=refiner)
        wanted = wanted or found
        assert_same(found, wanted, pixels=0)
    plain = pipe(image, points=points, labels=["star", None])
    for refined, rough in zip(wanted, plain, strict=True):
        assert (as_array(refined["rough_mask"]) == as_array(rough["mask"])).all()
        assert refined["score"] == rough["score"] and refined["label"] == rough["label"]
    assert any((as_array(r["mask"]) != as_array(p["mask"])).any() for r, p in zip(wanted, plain, strict=True))
    again = refine(image, rough_masks=[p["mask"] for p in plain], points=points, labels=[p["label"] for p in plain])
    for one, other in zip(again, wanted, strict=True):
        assert (as_array(one["mask"]) == as_array(other["mask"])).all()


def test_a_point_on_the_far_border_is_refined_too(pipe, refine):
    found = pipe(tiny.picture(), points=[(64, 64), (0, 0)], refiner=refine)
    assert found[0]["point"] == [64.0, 64.0]
    assert found[0]["point_in_mask"] == bool(as_array(found[0]["mask"])[63, 63])


def test_what_is_no_refiner(pipe, folder):
    with pytest.raises(ValueError, match="solov2 model; it takes a MaskRefineNet"):
        pipe(tiny.picture(), points=POINTS, refiner=str(folder / "teacher"))
    fresh = MaskRefineNetForMaskRefinement(tiny.refiner()[0].config)
    with pytest.raises(ValueError, match="give its folder"):
        pipe(tiny.picture(), points=POINTS, refiner=fresh)


def test_a_class_that_the_refiner_does_not_know(pipe, tmp_path):
    other = tiny.saved_refiner(tmp_path, names=["cat", "dog"])
    with pytest.raises(
        ValueError, match="label 'star' of mask 0 for the refiner is unknown; the model knows 'cat', 'dog'"
    ):
        pipe(tiny.picture(), points=[(3, 4)], labels=["star"], refiner=other)


def test_a_class_agnostic_refiner_needs_no_class(pipe, tmp_path):
    agnostic = tiny.saved_refiner(tmp_path, class_conditional=False)
    assert len(pipe(tiny.picture(), points=POINTS, refiner=agnostic)) == 3
    alone = pipeline("point-mask-refinement", model=agnostic, device="cpu")
    found = alone(tiny.picture(), rough_masks=[np.ones((64, 64))], points=[(3, 4)])
    assert found[0]["label"] is None and found[0]["mask"].size == (64, 64)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_refinement_of_a_list_takes_masks_in_every_form(refine, batch_size):
    masks = np.zeros((2, 64, 64), bool)
    masks[0, 10:40, 5:30], masks[1, 30:60, 30:60] = True, True
    images = [tiny.picture(), tiny.picture(seed=1), tiny.picture(50, 80, 2)]
    rough = [[encode_mask(masks[0]), Image.fromarray(masks[1])], [], [np.ones((50, 80), np.uint8)]]
    points, labels = [[(10, 20), (40, 40)], [], [(3, 4)]], [["star", 1], [], ["ellipse"]]
    found = refine(images, rough_masks=rough, points=points, labels=labels, batch_size=batch_size, mask_format="numpy")
    assert [len(answers) for answers in found] == [2, 0, 1]
    alone = refine(images[0], rough_masks=list(masks), points=points[0], labels=labels[0], mask_format="numpy")
    assert [(a["mask"] == b["mask"]).all() for a, b in zip(found[0], alone, strict=True)] == [True, True]


def test_more_objects_than_go_through_the_refiner_at_once(refine):
    count = 70
    masks = np.zeros((count, 64, 64), bool)
    for index, mask in enumerate(masks):
        mask[index % 50 : index % 50 + 9, 10:20] = True
    points = [(15, index % 50 + 4) for index in range(count)]
    many = refine.refine(tiny.picture(), list(masks), points, ["star"] * count)["masks"]
    few = refine.refine(tiny.picture(), list(masks[66:69]), points[66:69], ["star"] * 3)["masks"]
    assert many.shape == (count, 64, 64) and (many[66:69] != few).sum() <= 9


def test_an_empty_refined_mask_keeps_the_rough_one(tmp_path):
    model, processor = tiny.refiner()
    with torch.no_grad():
        model.head.bias.copy_(torch.tensor([50.0, -50.0]))  # all background
    tiny.saved(tmp_path, (model, processor))
    refine = pipeline("point-mask-refinement", model=str(tmp_path), device="cpu")
    mask = np.zeros((64, 64), bool)
    mask[5:9, 5:9] = True
    found = refine(tiny.picture(), rough_masks=[mask], points=[(6, 6)], labels=["star"], mask_format="numpy")
    assert found[0]["kept_rough_mask"] and (found[0]["mask"] == mask).all()


# -- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"points": [(3, 4)], "labels": ["cow"]},
            "label 'cow' of point 0 of the image is unknown; the model knows 'ellipse', 'rectangle'",
        ),
        (
            {"points": [(3, 4)], "labels": [4]},
            "label 4 of point 0 of the image is unknown; give a name, an id from 0 to 3",
        ),
        ({"points": [(3, 4)], "labels": "star"}, "give a list with one entry a point"),
        ({"points": [(3, 4)], "labels": ["star", "star"]}, "are 2 for 1 points"),
        ({"points": [(3, 4), (65, 4)]}, r"point 1 of the image is \(65, 4\), outside of the image of 64 × 64"),
        ({"points": [(3, -0.5)]}, "outside of the image"),
        ({"points": [(float("nan"), 4)]}, "outside of the image"),
        ({"points": [(1, 2, 3)]}, r"\(number of points, 2\)"),
        ({"points": [(3, 4)], "level_strategy": "best"}, "level_strategy is 'best'"),
        ({"mask_format": "coco"}, "mask_format is 'coco'"),
    ],
)
def test_bad_prompts(pipe, arguments, message):
    with pytest.raises(ValueError, match=message):
        pipe(tiny.picture(), **arguments)


def test_bad_calls(pipe, refine):
    images = [tiny.picture(), tiny.picture()]
    with pytest.raises(ValueError, match="points has 1; it takes a list with one entry for each of the 2 images"):
        pipe(images, points=[[(3, 4)]])
    with pytest.raises(ValueError, match="give points inside of its items"):
        pipe((image for image in images), points=[[(3, 4)]] * 2)
    with pytest.raises(TypeError, match="foo"):
        pipe(images[0], foo=1)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        pipe("nowhere.png")
    with pytest.raises(ValueError, match="rough_masks and points missing"):
        refine(images[0])
    with pytest.raises(ValueError, match="labels are missing for the image; this refiner is class-conditional"):
        refine(images[0], rough_masks=[np.ones((64, 64))], points=[(3, 4)])
    with pytest.raises(ValueError, match=r"rough_masks\[0\] of the image has the shape \(60, 64\)"):
        refine(images[0], rough_masks=[np.ones((60, 64))], points=[(3, 4)], labels=["star"])


# -- transformers' own doors


def test_auto_classes_load_saved_folders(folder):
    teacher, refiner = str(folder / "teacher"), str(folder / "refiner")
    assert AutoConfig.from_pretrained(teacher).model_type == "solov2"
    assert isinstance(AutoModel.from_pretrained(teacher), pointwssis.SOLOv2Model)
    for auto in (AutoModelForInstanceSegmentation, AutoModelForImageSegmentation):
        model = auto.from_pretrained(teacher)
        assert isinstance(model, pointwssis.SOLOv2ForInstanceSegmentation)
        assert tiny.same_weights(model.state_dict(), tiny.segmenter()[0].state_dict())
    assert isinstance(AutoModel.from_pretrained(refiner), pointwssis.MaskRefineNetForMaskRefinement)
    assert type(AutoImageProcessor.from_pretrained(teacher)) is pointwssis.SOLOv2ImageProcessorPil
    assert type(AutoImageProcessor.from_pretrained(refiner)) is pointwssis.MaskRefineNetImageProcessorPil


def test_the_stock_pipeline_runs_a_student(folder, pipe):
    stock = pipeline("image-segmentation", model=str(folder / "teacher"), device="cpu")
    image = tiny.picture(40, 60)
    found = stock(image, threshold=0.0)
    assert found and found[0]["mask"].size == (60, 40)
    assert {entry["label"] for entry in found} <= set(tiny.NAMES)
    assert found[0]["score"] == pytest.approx(pipe(image)[0]["score"], abs=1e-5)


def test_importing_twice_is_silent_and_changes_nothing():
    code = (
        "import pointwssis, importlib; importlib.reload(pointwssis)\n"
        "from transformers.pipelines import PIPELINE_REGISTRY as r\n"
        "assert r.check_task('point-instance-segmentation')[1]['impl'].__name__ == 'PointInstanceSegmentationPipeline'"
    )
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
