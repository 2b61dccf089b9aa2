# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`import pointwssis`: silent, idempotent, quick, and enough for transformers' own doors."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageSegmentation,
    AutoModelForInstanceSegmentation,
    pipeline,
)

import pointwssis
from helpers import tiny
from helpers.answers import as_array
from pointwssis.registration import register


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    tiny.saved_segmenter(path / "teacher")
    tiny.saved_refiner(path / "refiner")
    return path


@pytest.fixture(scope="module")
def stock(folder):
    return pipeline("image-segmentation", model=str(folder / "teacher"), device="cpu")


class Records(logging.Handler):
    """A handler that keeps the warnings and errors that transformers logs."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@pytest.fixture
def logged():
    records = Records()
    logging.getLogger("transformers").addHandler(records)
    yield records.texts
    logging.getLogger("transformers").removeHandler(records)


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


def test_import_replaces_no_method_of_transformers():
    code = (
        "from transformers import AutoConfig, AutoImageProcessor, AutoModel, Pipeline, pipeline\n"
        "classes = (AutoConfig, AutoImageProcessor, AutoModel, Pipeline)\n"
        "before = [dict(vars(each)) for each in classes]\n"
        "import pointwssis\n"
        "assert [dict(vars(each)) for each in classes] == before\n"
        "assert AutoConfig.from_pretrained.__func__ is before[0]['from_pretrained'].__func__\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "kind",
    [
        pointwssis.SOLOv2Config,
        pointwssis.MaskRefineNetConfig,
        pointwssis.SOLOv2ForInstanceSegmentation,
        pointwssis.MaskRefineNetForMaskRefinement,
    ],
)
def test_our_classes_say_what_to_do_about_a_missing_model(kind, tmp_path):
    with pytest.raises(OSError, match="pointwssis/no-such was not found; pointwssis has released") as caught:
        kind.from_pretrained("pointwssis/no-such", cache_dir=tmp_path)
    assert str(caught.value).count("was not found; pointwssis") == 1


def test_registering_again_changes_nothing(logged):
    mapping = AutoModelForInstanceSegmentation._model_mapping
    before = (len(mapping), len(mapping.keys()))
    register()
    assert (len(mapping), len(mapping.keys())) == before and logged == []


def test_import_is_silent_idempotent_and_brings_only_what_it_registers():
    code = (
        "import sys, pointwssis, importlib\n"
        "late = {'datasets', 'pandas', 'supervision', 'transformers.trainer', 'pointwssis.data'} & set(sys.modules)\n"
        "assert not late, late\n"
        "importlib.reload(pointwssis)\n"
        "from transformers.pipelines import PIPELINE_REGISTRY as known\n"
        "for task in ('point-instance-segmentation', 'point-mask-refinement'):\n"
        "    kind = known.check_task(task)[1]['impl']\n"
        "    assert kind is getattr(pointwssis, kind.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", pointwssis.__all__)
def test_public_names_are_there(name):
    assert getattr(pointwssis, name).__name__ == name and name in dir(pointwssis)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'pointwssis' has no attribute 'Teacher'"):
        pointwssis.Teacher  # noqa: B018


# -- students in transformers' own image-segmentation pipeline


def ordinary(folder, image, **parameters):
    pipe = pipeline("point-instance-segmentation", model=str(folder / "teacher"), device="cpu")
    return pipe(image, **parameters)


def test_the_stock_pipeline_runs_a_student_without_a_word(folder, logged):
    stock = pipeline("image-segmentation", model=str(folder / "teacher"), device="cpu")
    found = stock(tiny.picture(40, 60), threshold=0.0)
    assert logged == []
    assert found and found[0]["mask"].size == (60, 40)
    assert {entry["label"] for entry in found} <= set(tiny.NAMES)
    own = ordinary(folder, tiny.picture(40, 60))
    assert found[0]["score"] == pytest.approx(own[0]["score"], abs=1e-5)
    assert (as_array(found[0]["mask"]) == as_array(own[0]["mask"])).all()


def test_thresholds_of_the_stock_pipeline(folder, stock):
    image = tiny.picture(40, 60)
    own = ordinary(folder, image)
    scores = [entry["score"] for entry in own]
    assert scores[0] < 0.9 and stock(image) == []  # its default threshold
    every = stock(image, threshold=0.0, overlap_mask_area_threshold=0.0)
    half = stock(image, threshold=0.0, overlap_mask_area_threshold=0.5)
    none = stock(image, threshold=0.0, overlap_mask_area_threshold=1.0)
    assert len(every) > len(half) >= 1 and none == []
    above = stock(image, threshold=scores[3], overlap_mask_area_threshold=0.0)
    assert {entry["score"] for entry in above} <= set(scores[:4])
    tight = stock(image, threshold=0.0, mask_threshold=0.9)
    assert all(as_array(entry["mask"]).sum() < 40 * 60 for entry in tight)


def test_the_stock_pipeline_shows_each_pixel_once_the_best_on_top(folder, stock):
    image = tiny.picture(40, 60)
    shown = stock(image, threshold=0.0, overlap_mask_area_threshold=0.0)
    masks = np.stack([as_array(entry["mask"]) for entry in shown])
    assert masks.sum(axis=0).max() == 1
    assert (masks[0] == as_array(ordinary(folder, image)[0]["mask"])).all()


@pytest.mark.parametrize("pad_size", [{"height": 128, "width": 160}, None])
def test_padding_stays_out_of_the_stock_pipelines_masks(folder, tmp_path, pad_size):
    model, processor = tiny.segmenter()
    processor.pad_size = pad_size
    path = tiny.saved(tmp_path, (model, processor))
    stock = pipeline("image-segmentation", model=path, device="cpu")
    own = pipeline("point-instance-segmentation", model=path, device="cpu")
    for image in (tiny.picture(40, 60), tiny.picture(61, 37)):  # neither is a multiple of 32 when resized
        first, wanted = stock(image, threshold=0.0)[0], own(image)[0]
        assert first["mask"].size == image.size
        assert (as_array(first["mask"]) == as_array(wanted["mask"])).all()


def test_the_stock_pipeline_takes_lists_and_subtasks(stock):
    images = [tiny.picture(40, 60), tiny.picture(64, 64)]
    found = stock(images, threshold=0.0)
    assert [entries[0]["mask"].size for entries in found] == [(60, 40), (64, 64)]
    assert len(stock(images[0], threshold=0.0, subtask="instance")) == len(found[0])
    with pytest.raises(ValueError, match="Subtask panoptic is not supported"):
        stock(images[0], subtask="panoptic")
