# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Folders of models in which one file is that of another model, or a folder: one error, and no random weights."""

import shutil

import pytest

from helpers import tiny
from pointwssis.models.factory import saved_model
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.onnx_export.saved_models import load_segmenter
from pointwssis.ops.user_error import UserError


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "solov2": tiny.saved_segmenter(folder / "solov2"),
        "other": tiny.saved_segmenter(folder / "other", names=["cow"]),
        "refiner": tiny.saved(folder / "refiner", tiny.refiner()),
    }


@pytest.mark.parametrize(
    ("source", "name", "part"),
    [
        ("refiner", "model.safetensors", "not those of a SOLOv2ForInstanceSegmentation"),
        ("other", "model.safetensors", "cannot be loaded"),
        ("other", "config.json", "cannot be loaded"),
        ("refiner", "preprocessor_config.json", "another model; expected SOLOv2ImageProcessor"),
        (None, "model.safetensors", "cannot be loaded"),
        (None, "preprocessor_config.json", "cannot be loaded"),
    ],
)
def test_one_file_of_another_model(folders, tmp_path, source, name, part):
    folder = tmp_path / "mixed"
    shutil.copytree(folders["solov2"], folder)
    (folder / name).unlink()
    if source is None:
        (folder / name).mkdir()
    else:
        shutil.copy(f"{folders[source]}/{name}", folder)
    with pytest.raises(UserError, match=part) as caught:
        load_segmenter(str(folder))
    assert str(folder) in str(caught.value)


def test_loading_in_python(folders, tmp_path):
    for kind, own, other in (
        (SOLOv2ForInstanceSegmentation, "solov2", "refiner"),
        (MaskRefineNetForMaskRefinement, "refiner", "solov2"),
    ):
        folder = tmp_path / own
        shutil.copytree(folders[own], folder)
        shutil.copy(f"{folders[other]}/model.safetensors", folder)
        with pytest.raises(UserError, match=f"^{folder}: its weights are not those of a {kind.__name__}"):
            kind.from_pretrained(folder)
        model, info = kind.from_pretrained(folders[own], output_loading_info=True)
        assert isinstance(model, kind) and not info["missing_keys"]
    assert saved_model(folders["solov2"], tiny.NAMES)[0].config.num_labels == len(tiny.NAMES)


def test_an_image_processor_for_gray_images(folders, tmp_path):
    with pytest.raises(UserError, match="image_mean is .0.5.; it must be finite numbers, one for each channel"):
        SOLOv2ImageProcessorPil.from_pretrained(folders["solov2"], image_mean=[0.5])
    assert SOLOv2ImageProcessorPil.from_pretrained(folders["solov2"], image_mean=0.5).image_mean == 0.5


def test_a_model_of_the_other_kind(folders):
    for kind, other in ((SOLOv2ForInstanceSegmentation, "refiner"), (MaskRefineNetForMaskRefinement, "solov2")):
        with pytest.raises(UserError, match=f"^{folders[other]}: is a .* model; {kind.config_class.__name__} needs a "):
            kind.from_pretrained(folders[other])


def test_a_file_in_the_place_of_a_folder(folders, tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UserError, match=f"^{tmp_path}/notes: a file is in the place of this folder"):
        SOLOv2ForInstanceSegmentation.from_pretrained(folders["solov2"]).save_pretrained(tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_pointer_in_the_place_of_weights(folders, tmp_path):
    folder = tmp_path / "pointer"
    shutil.copytree(folders["solov2"], folder)
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n")
    with pytest.raises(UserError, match=f"^{folder}/model.safetensors: cannot be loaded .*git lfs pull"):
        SOLOv2ForInstanceSegmentation.from_pretrained(folder)
