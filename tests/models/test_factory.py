# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from pathlib import Path

import pytest
import torch
from transformers import ConvNextConfig, ConvNextModel, ResNetConfig, ResNetForImageClassification, ResNetModel

from helpers import tiny
from pointwssis.models.factory import is_saved_model, new_refiner, new_segmenter, saved_model, with_classes
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation

PREPROCESSING = {
    "image_processor_type": "ConvNextImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "rescale_factor": 0.5,
    "do_resize": True,
    "size": {"shortest_edge": 32},
    "crop_pct": 0.9,
    "image_mean": [0.1, 0.2, 0.3],
    "image_std": [0.4, 0.5, 0.6],
}


@pytest.fixture(params=[ResNetModel, ResNetForImageClassification])
def backbone(request, tmp_path) -> tuple:
    """Save a ResNet, as bare model and as classifier, whose stride placement and input differ from ours."""
    torch.manual_seed(5)
    sizes = {"embedding_size": 8, "hidden_sizes": [16, 24, 32, 48], "depths": [1, 1, 1, 1]}
    config = ResNetConfig(layer_type="bottleneck", downsample_in_bottleneck=True, **sizes)
    model = request.param(config)
    model.base_model.embedder.embedder.normalization.running_mean.fill_(0.25)
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    return str(tmp_path), model.base_model.state_dict()


def fields() -> dict:
    return {name: value for name, value in tiny.SEGMENTER.items() if name != "backbone_config"}


def test_a_pretrained_backbone_is_really_loaded_into_solov2(backbone):
    path, weights = backbone
    model, processor = new_segmenter(tiny.NAMES, fields(), tiny.IMAGE_SIZE, None, path)
    loaded = model.model.backbone.state_dict()
    assert tiny.same_weights({name: weights[name] for name in loaded}, loaded)
    config = model.config.backbone_config
    assert config.downsample_in_bottleneck and config.out_features == tiny.RESNET["out_features"]
    assert model.model.backbone.encoder.stages[1].layers[0].layer[0].convolution.stride == (2, 2)
    assert list(processor.image_mean) == [0.1, 0.2, 0.3] and list(processor.image_std) == [0.4, 0.5, 0.6]
    assert processor.rescale_factor == 0.5 and not processor.do_flip_channel_order
    assert model.config.freeze_backbone_norm and model.config.freeze_backbone_stages == 2  # as for official weights
    assert model.config.id2label == dict(enumerate(tiny.NAMES))


def test_the_stride_lies_where_the_backbone_has_it(backbone):
    path, _ = backbone
    config = json.loads(Path(path, "config.json").read_text())
    config["downsample_in_bottleneck"] = False
    Path(path, "config.json").write_text(json.dumps(config))
    model, _ = new_segmenter(tiny.NAMES, fields(), tiny.IMAGE_SIZE, None, path)
    strides = [layer.convolution.stride for layer in model.model.backbone.encoder.stages[1].layers[0].layer]
    assert strides == [(1, 1), (2, 2), (1, 1)]


def test_a_pretrained_backbone_is_really_loaded_into_mask_refine_net(backbone):
    path, weights = backbone
    model, processor = new_refiner(tiny.NAMES, {"crop_size": 48}, path)
    loaded = model.encoder.backbone.state_dict()
    assert len(loaded) > 50 and tiny.same_weights({name: weights[name] for name in loaded}, loaded)
    stem = model.encoder.input_layer
    assert torch.equal(stem.convolution.image_weight, weights["embedder.embedder.convolution.weight"])
    assert torch.equal(stem.normalization.running_mean, torch.full((8,), 0.25))
    assert stem.convolution.point_weight.std() > 0  # what reads the point is fresh
    assert model.config.backbone_config.downsample_in_bottleneck and model.config.input_channels == 8
    assert list(processor.image_mean) == [0.1, 0.2, 0.3] and processor.rescale_factor == 0.5
    assert processor.size["height"] == processor.size["width"] == 48


def test_a_bgr_backbone_gives_the_same_features_to_both(backbone, tmp_path):
    """SOLOv2 turns its images around, MaskRefineNet its weights."""
    path, weights = backbone
    flipped = {**PREPROCESSING, "image_processor_type": "MobileViTImageProcessor", "do_flip_channel_order": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(flipped))
    teacher, processor = new_segmenter(tiny.NAMES, fields(), tiny.IMAGE_SIZE, None, path)
    refiner, refiner_processor = new_refiner(tiny.NAMES, {"crop_size": 64}, path)
    assert processor.do_flip_channel_order
    image = tiny.picture()
    seen = processor([image], return_tensors="pt")["pixel_values"]
    rgb = refiner_processor([image], return_tensors="pt")["pixel_values"]
    assert torch.allclose(seen, rgb.flip(1), atol=1e-5) and not torch.allclose(seen, rgb)
    wanted = torch.nn.functional.conv2d(seen, weights["embedder.embedder.convolution.weight"], stride=2, padding=3)
    weight = refiner.encoder.input_layer.convolution.image_weight
    assert torch.allclose(torch.nn.functional.conv2d(rgb, weight, stride=2, padding=3), wanted, atol=1e-4)
    assert isinstance(weight, torch.nn.Parameter) and weight.requires_grad


def test_another_kind_of_backbone(tmp_path):
    config = ConvNextConfig(num_stages=4, hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 1, 1])
    model = ConvNextModel(config)
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    teacher, _ = new_segmenter(
        tiny.NAMES, fields() | {"freeze_backbone_stages": 0}, tiny.IMAGE_SIZE, None, str(tmp_path)
    )
    refiner, _ = new_refiner(tiny.NAMES, {"input_channels": 8, "crop_size": 64}, str(tmp_path))
    name = "encoder.stages.2.layers.0.dwconv.weight"
    assert torch.equal(teacher.model.backbone.state_dict()[name], model.state_dict()[name])
    assert torch.equal(refiner.encoder.backbone.state_dict()[name], model.state_dict()[name])


def test_a_backbone_that_lacks_weights(backbone):
    path, weights = backbone
    config = json.loads(Path(path, "config.json").read_text())
    config["depths"] = [1, 1, 1, 2]
    Path(path, "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"lacks \d+ backbone weights, first"):
        new_segmenter(tiny.NAMES, fields(), tiny.IMAGE_SIZE, None, path)


def test_from_scratch_everything_learns_unless_told_otherwise():
    model, processor = tiny.segmenter()
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not model.config.freeze_backbone_norm and processor.size["shortest_edge"] == 64
    frozen, _ = tiny.segmenter(freeze_backbone_stages=2)
    assert frozen.config.freeze_backbone_stages == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tiny.segmenter(fpn_chanels=8), "SOLOv2Config has no field 'fpn_chanels'; did you mean 'fpn_channels'"),
        (lambda: tiny.refiner(cropsize=8), "MaskRefineNetConfig has no field 'cropsize'; did you mean 'crop_size'"),
    ],
)
def test_unknown_fields_are_not_kept_in_silence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- other classes

OLD, NEW = ["cat", "dog", "bird"], ["cow", "bird", "cat", "horse"]


def test_solov2_keeps_the_rows_of_classes_with_the_same_name():
    model, _ = tiny.segmenter(names=OLD)
    changed = with_classes(model, NEW)
    before, after = model.state_dict(), changed.state_dict()
    rows = {"model.instance_head.class_head.weight", "model.instance_head.class_head.bias"}
    assert all(torch.equal(before[name], after[name]) for name in before if name not in rows)
    weight, bias = (after[f"model.instance_head.class_head.{name}"] for name in ("weight", "bias"))
    assert len(weight) == len(bias) == 4
    for new, old in ((1, 2), (2, 0)):
        assert torch.equal(weight[new], before["model.instance_head.class_head.weight"][old])
        assert torch.equal(bias[new], before["model.instance_head.class_head.bias"][old])
    for new in (0, 3):  # fresh, with the prior of a class head
        assert bias[new] == pytest.approx(-4.595, abs=1e-3) and 0 < weight[new].std() < 0.02
    assert changed.config.id2label == dict(enumerate(NEW)) and changed.config.label2id["horse"] == 3
    assert changed.config.num_labels == 4 and changed.config.num_grids == tiny.SEGMENTER["num_grids"]
    assert model.config.id2label == dict(enumerate(OLD))  # the given model stays


@pytest.mark.parametrize("offset", [0, 1])
def test_mask_refine_net_keeps_the_rows_of_classes_with_the_same_name(offset):
    model, _ = tiny.refiner(names=OLD, class_channel_offset=offset)
    changed = with_classes(model, NEW)
    name = "encoder.input_layer.convolution.point_weight"
    before, after = model.state_dict(), changed.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before if key != name)
    assert after[name].shape[0] == 5
    for new, old in ((1, 2), (2, 0)):
        assert torch.equal(after[name][new + offset], before[name][old + offset])
    for new in (0, 3):
        assert all(not torch.equal(after[name][new + offset], row) for row in before[name])


def test_the_kept_classes_answer_as_before():
    model, processor = tiny.segmenter(names=OLD)
    batch = processor([tiny.picture()], return_tensors="pt")
    with torch.no_grad():
        before, after = model(**batch), with_classes(model, NEW)(**batch)
    for level in range(5):
        assert torch.allclose(before.class_logits[level][:, [2, 0]], after.class_logits[level][:, [1, 2]], atol=1e-5)


def test_a_class_agnostic_refiner_goes_everywhere():
    model, _ = tiny.refiner(names=OLD, class_conditional=False)
    changed = with_classes(model, NEW)
    assert tiny.same_weights(model.state_dict(), changed.state_dict())
    assert list(changed.config.id2label.values()) == NEW


def test_the_same_classes_are_the_same_model():
    model, _ = tiny.segmenter(names=OLD)
    assert with_classes(model, OLD) is model
    assert with_classes(model, OLD[::-1]) is not model
    model.train()
    assert with_classes(model, NEW).training


def test_saved_models_with_other_classes(tmp_path):
    teacher, refiner = tmp_path / "teacher", tmp_path / "refiner"
    tiny.saved_segmenter(teacher, names=OLD)
    tiny.saved_refiner(refiner, names=OLD)
    model, processor = saved_model(str(teacher), NEW, size={"shortest_edge": 32}, pad_size=None)
    assert isinstance(model, SOLOv2ForInstanceSegmentation) and model.config.num_labels == 4
    assert processor.size["shortest_edge"] == 32
    assert isinstance(saved_model(str(refiner), OLD)[0], MaskRefineNetForMaskRefinement)
    assert is_saved_model(teacher) and not is_saved_model(tmp_path)
    ResNetConfig().save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match="is a resnet model; expected one of solov2, mask_refine_net"):
        saved_model(str(tmp_path / "other"), OLD)
