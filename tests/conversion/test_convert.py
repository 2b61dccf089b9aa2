# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion as a function: what a file is, what is refused, and that a refusal leaves nothing behind.

The official numbers are in `cli/test_convert.py`.
"""

import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, ResNetBackbone

import pointwssis  # noqa: F401  registers the Auto classes
from helpers.official_files import (
    best_ap_content,
    caffe2_weights,
    tiny_mask_refine_net_weights,
    tiny_solov2_weights,
)
from pointwssis.conversion.convert import convert_checkpoint
from pointwssis.data.class_names import BDD100K_NAMES, COCO_NAMES, read_class_names
from pointwssis.hub.cards.released import released_card
from pointwssis.models.factory import new_segmenter
from pointwssis.models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, SOLOv2Config


@pytest.fixture
def convert(tmp_path):
    """Return a function that writes a checkpoint and converts it into `tmp_path / "out"`."""

    def run(content, **options):
        torch.save(content, tmp_path / "file.pth")
        return convert_checkpoint(tmp_path / "file.pth", tmp_path / "out", **options)

    return run


@pytest.fixture
def convert_pickle(tmp_path):
    def run(content, **options):
        (tmp_path / "R-50.pkl").write_bytes(pickle.dumps(content, protocol=2))
        return convert_checkpoint(tmp_path / "R-50.pkl", tmp_path / "out", **options)

    return run


def small_solov2_weights() -> dict[str, torch.Tensor]:
    """Return the official weights of a narrow network with towers of 2 convolutions."""
    weights = tiny_solov2_weights()
    return {name: value for name, value in weights.items() if "_tower." not in name or int(name.split(".")[2]) < 6}


# -- what a file is ----------------------------------------------------------------------------------------------------


def test_other_depths_of_the_towers_are_seen(convert):
    config = convert(small_solov2_weights()).model.config
    assert config.num_instance_convs == 2 and config.num_grids == SOLOv2Config().num_grids


def test_the_preset_or_else_the_name_decides_what_weights_do_not_tell(convert, tmp_path):
    weights = small_solov2_weights()
    convert(weights)
    for name, options, grids in (
        ("teacher-coco10", {}, TEACHER_NUM_GRIDS),
        ("student-coco10", {}, SOLOv2Config().num_grids),
        ("teacher-coco10b", {}, SOLOv2Config().num_grids),
        ("plain", {"repo": "me/teacher-coco1"}, TEACHER_NUM_GRIDS),
        ("plain2", {"preset": "teacher"}, TEACHER_NUM_GRIDS),
        ("teacher-coco20", {"preset": "student"}, SOLOv2Config().num_grids),
    ):
        converted = convert_checkpoint(tmp_path / "file.pth", tmp_path / name, **options)
        assert converted.model.config.num_grids == list(grids), name
        card = (tmp_path / name / "README.md").read_text("utf-8")
        assert "ResNet-18" in card and "converted from `file.pth`" in card  # of another depth than the released one


def test_the_card_of_a_released_model_is_for_what_fits_it(convert):
    converted = convert(small_solov2_weights())
    assert converted.kind == "student" and converted.card("me/student-coco10") != released_card("student-coco10")
    converted.model.config.id2label = dict(enumerate(COCO_NAMES))
    converted.model.config.backbone_config.layer_type = "bottleneck"
    converted.model.config.backbone_config.depths = [3, 4, 23, 3]
    assert converted.card("me/student-coco10") == released_card("student-coco10")
    assert "student" not in converted.card("me/teacher-coco10").splitlines()[12]
    assert converted.card("teacher-coco10") != released_card("teacher-coco10")


def test_sizes_of_a_mask_refine_net_are_seen(convert):
    config = convert(best_ap_content(tiny_mask_refine_net_weights(5), prefix="module.")).model.config
    assert (config.num_labels, config.input_channels, config.aspp_channels) == (5, 8, 10)
    assert config.decoder_channels == [9, 8, 7, 6] and config.backbone_config.hidden_sizes == [8, 12, 16, 24]
    assert config.class_channel_offset == 1 and config.aspp_rates == [3, 6, 9]


def test_half_precision_becomes_single(convert):
    model = convert({"model": {name: value.half() for name, value in small_solov2_weights().items()}}).model
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32, torch.int64}


# -- names of classes --------------------------------------------------------------------------------------------------


def test_eighty_classes_are_those_of_coco(convert):
    assert convert(tiny_mask_refine_net_weights(80)).class_names == list(COCO_NAMES)


def test_other_numbers_of_classes_have_no_names_of_their_own(convert):
    assert convert(tiny_mask_refine_net_weights(8)).class_names == [f"LABEL_{k}" for k in range(8)]


def test_labels_must_be_as_many_as_the_weights_have(convert, tmp_path):
    with pytest.raises(ValueError, match=r"file\.pth: the weights are for 2 classes, but bdd100k names 8"):
        convert(tiny_mask_refine_net_weights(2), labels="bdd100k")
    assert not (tmp_path / "out").exists()


def test_files_of_labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("\ufeffcat \r\nred fox\r\n\r\n", encoding="utf-8")
    assert read_class_names(path) == ["cat", "red fox"]
    path.write_text("cat\n\ndog\n")
    with pytest.raises(ValueError, match=r"labels\.txt: line 2 is empty"):
        read_class_names(path)
    path.write_text("cat\ndog\ncat\n")
    with pytest.raises(ValueError, match=r"line 3 is a duplicate \('cat'\)"):
        read_class_names(str(path))
    with pytest.raises(FileNotFoundError, match=r"neither coco nor bdd100k nor a file"):
        read_class_names("COCO")


def test_names_of_public_datasets(shared_dir):
    assert len(COCO_NAMES) == len(set(COCO_NAMES)) == 80 and len(BDD100K_NAMES) == 8
    (path, *_) = sorted((shared_dir / "data" / "coco_mini" / "annotations").glob("*.json"))
    categories = sorted(json.loads(path.read_text())["categories"], key=lambda category: category["id"])
    assert [category["name"] for category in categories] == list(COCO_NAMES)


# -- ImageNet weights --------------------------------------------------------------------------------------------------


def reference(arrays: dict[str, np.ndarray], images: torch.Tensor, detectron: bool) -> torch.Tensor:
    """Return the last feature map of Caffe2's arrays, with the stride in the first 1 × 1 convolution of a block."""
    import torch.nn.functional as F

    weights = {name: torch.as_tensor(value) for name, value in arrays.items()}

    def layer(features, name, norm, stride=1):
        kernel = weights[f"{name}_w"]
        features = F.conv2d(features, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        if detectron:
            scale, shift = weights[f"{norm}_bn_s"], weights[f"{norm}_bn_b"]
            return features * scale[:, None, None] + shift[:, None, None]
        mean, variance, gamma, beta = (
            weights[f"{norm}_bn_{leaf}"] for leaf in ("running_mean", "running_var", "gamma", "beta")
        )
        return F.batch_norm(features, mean, variance, gamma, beta, eps=1e-5)

    features = F.max_pool2d(F.relu(layer(images, "conv1", "res_conv1", 2)), 3, 2, 1)
    for stage in (2, 3, 4, 5):
        stride, name = 1 if stage == 2 else 2, f"res{stage}_0_branch"
        inside = F.relu(layer(features, f"{name}2a", f"{name}2a", stride))
        inside = F.relu(layer(inside, f"{name}2b", f"{name}2b"))
        features = F.relu(layer(inside, f"{name}2c", f"{name}2c") + layer(features, f"{name}1", f"{name}1", stride))
    return features


@pytest.mark.parametrize("detectron", [False, True])
@pytest.mark.parametrize("wrap", [lambda arrays: arrays, lambda arrays: {"blobs": arrays}])
def test_imagenet_weights_become_a_backbone(convert_pickle, tmp_path, detectron, wrap):
    arrays = caffe2_weights(detectron)
    assert convert_pickle(wrap(arrays)).kind == "backbone"
    backbone = ResNetBackbone.from_pretrained(tmp_path / "out")
    assert backbone.config.downsample_in_bottleneck and backbone.config.depths == [1, 1, 1, 1]
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = backbone(images).feature_maps
    assert [feature.shape[1:] for feature in features] == [(16, 16, 16), (24, 8, 8), (32, 4, 4), (40, 2, 2)]
    torch.testing.assert_close(features[-1], reference(arrays, images, detectron), rtol=1e-4, atol=1e-4)


def test_a_training_takes_over_weights_channel_order_and_mean(convert_pickle, tmp_path):
    arrays = caffe2_weights()
    convert_pickle(arrays)
    model = {"fpn_channels": 16, "instance_channels": 16, "num_instance_convs": 1, "mask_channels": 16}
    size = {"shortest_edge": 64, "longest_edge": 96}
    segmenter, processor = new_segmenter(["cell"], model, size, backbone_name_or_path=str(tmp_path / "out"))
    stem = segmenter.model.backbone.embedder.embedder.convolution.weight
    assert torch.equal(stem, torch.as_tensor(arrays["conv1_w"]))
    assert segmenter.config.backbone_config.downsample_in_bottleneck and segmenter.config.freeze_backbone_norm
    assert processor.do_flip_channel_order
    red = np.zeros((32, 32, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    pixels = processor(red, do_resize=False, return_tensors="pt")["pixel_values"][0, :, 0, 0]
    torch.testing.assert_close(pixels, torch.tensor([-103.53, -116.28, 255 - 123.675]), rtol=0, atol=1e-3)
    assert AutoImageProcessor.from_pretrained(tmp_path / "out").size["shortest_edge"] == 800


# -- refusals ----------------------------------------------------------------------------------------------------------


class Runs:
    """Ends the process when it is unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


def without(weights: dict, *names: str) -> dict:
    return {name: value for name, value in weights.items() if name not in names}


def renamed(weights: dict, old: str, new: str) -> dict:
    return {name.replace(old, new): value for name, value in weights.items()}


REFUSED = {
    "code": ({"model": {**small_solov2_weights(), "x": Runs()}}, r"is refused, because loading it would run .*_exit"),
    "another network": (
        {"model": {"roi_heads.box.weight": torch.ones(1)}},
        r"neither a SOLOv2 .* are roi_heads",
    ),
    "no weights": ({"iteration": 3}, "'iteration' is int"),
    "a missing weight": (
        without(small_solov2_weights(), "backbone.fpn_lateral3.bias"),
        r"1 missing: backbone\.fpn_lateral3\.bias\)",
    ),
    "a missing weight that determines a size": (
        without(small_solov2_weights(), "ins_head.cate_pred.weight"),
        r"lack ins_head\.cate_pred\.weight",
    ),
    "deformable convolutions": (
        {**small_solov2_weights(), "backbone.bottom_up.res3.0.conv2_offset.weight": torch.ones(1)},
        r"1 unexpected: backbone\.bottom_up\.res3\.0\.conv2_offset\.weight\)",
    ),
    "a SOLOv2 on another backbone": (
        renamed(small_solov2_weights(), "bottom_up.stem", "bottom_up.patch_embed"),
        r"lack backbone\.bottom_up\.stem\.conv1\.weight",
    ),
    "a missing weight of MaskRefineNet": (
        best_ap_content(without(tiny_mask_refine_net_weights(), "aspp.project.1.running_var")),
        r"file\.pth: these weights are not those of this MaskRefineNet \(1 missing: aspp\.project\.1\.running_var\)",
    ),
    "a U-Net without prompts": (
        {**tiny_mask_refine_net_weights(), "layer0.0.weight": torch.ones(8, 3, 7, 7)},
        r"layer0\.0\.weight has the shape \(8, 3, 7, 7\).*3 \+ C \+ 1 \+ 1",
    ),
    "other dilations": (
        without(tiny_mask_refine_net_weights(), *[n for n in tiny_mask_refine_net_weights() if "aspp.convs.4" in n]),
        r"6 missing: aspp\.convs\.4\.0\.weight",
    ),
    "a weight without dimensions": (
        {**tiny_mask_refine_net_weights(), "aspp.project.0.weight": torch.tensor(1.0)},
        r"aspp\.project\.0\.weight has the shape \(\)",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refusals_say_why_and_write_nothing(convert, tmp_path, case):
    content, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as error:
        convert(content)
    assert str(tmp_path / "file.pth") in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file.pth"]


def test_refusals_of_pickles(convert_pickle, tmp_path):
    arrays = caffe2_weights()
    with pytest.raises(ValueError, match=r"R-50\.pkl: is refused, because loading it would run .*_exit"):
        convert_pickle({**arrays, "x": Runs()})
    with pytest.raises(ValueError, match=r"1 missing: res4\.0\.shortcut\.norm\.running_var"):
        convert_pickle(without(arrays, "res4_0_branch1_bn_running_var"))
    with pytest.raises(ValueError, match=r"1 unexpected: res4_0_branch3_w"):
        convert_pickle({**arrays, "res4_0_branch3_w": np.zeros(1)})
    with pytest.raises(ValueError, match="neither a SOLOv2"):
        convert_pickle({"model": {"stem.conv1.weight": np.zeros(1)}, "__author__": "torchvision"})
    (tmp_path / "R-50.pkl").write_bytes(pickle.dumps(arrays)[:-1000])
    with pytest.raises(ValueError, match=r"R-50\.pkl: is not a checkpoint, or is damaged"):
        convert_checkpoint(tmp_path / "R-50.pkl", tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"R-101\.pkl: no such checkpoint file"):
        convert_checkpoint(tmp_path / "R-101.pkl", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["R-50.pkl"]


def test_a_folder_that_holds_something_is_left_alone(convert, tmp_path):
    (tmp_path / "out").mkdir()
    convert(tiny_mask_refine_net_weights())  # an empty one is fine
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    with pytest.raises(ValueError, match="exists and is not empty"):
        convert(tiny_mask_refine_net_weights())
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    with pytest.raises(ValueError, match="exists and is not empty"):
        convert_checkpoint(tmp_path / "file.pth", tmp_path / "file.pth")


def test_a_write_that_fails_leaves_nothing(convert, tmp_path, monkeypatch):
    monkeypatch.setattr("pointwssis.conversion.convert.converted_card", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        convert(tiny_mask_refine_net_weights())
    assert [path.name for path in tmp_path.iterdir()] == ["file.pth"]


def test_an_unknown_preset(convert, tmp_path):
    with pytest.raises(ValueError, match="preset must be one of teacher, student; got 'pupil'"):
        convert(small_solov2_weights(), preset="pupil")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are those of POSIX")
def test_the_folder_has_ordinary_rights(convert, tmp_path):
    convert(tiny_mask_refine_net_weights())
    (tmp_path / "made").mkdir()
    assert Path(tmp_path / "out").stat().st_mode == (tmp_path / "made").stat().st_mode
