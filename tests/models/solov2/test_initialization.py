# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForInstanceSegmentation,
)

from helpers.small_solov2 import drawn_batch, small_config, small_model
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation, SOLOv2Model

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


# -- initialization ----------------------------------------------------------------------------------------------------


def kaiming_std(convolution) -> float:
    """Return the deviation of Kaiming-normal initialization over the output channels, as in transformers' ResNet."""
    return math.sqrt(2 / (convolution.out_channels * math.prod(convolution.kernel_size)))


def assert_initialized(model: SOLOv2ForInstanceSegmentation):
    network = model.model
    head = network.instance_head
    torch.testing.assert_close(head.class_head.bias, torch.full_like(head.class_head.bias, -4.59512), **CLOSE)
    assert not head.kernel_head.bias.any()
    for convolution in [*network.feature_pyramid.lateral, *network.feature_pyramid.output]:
        weight, bound = convolution.weight, math.sqrt(3 / convolution.weight[0].numel())
        assert not convolution.bias.any() and 0.95 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)  # uniform, not normal
    towers = [
        *head.class_tower,
        *head.kernel_tower,
        *(layer for level in network.mask_feature_head.levels for layer in level),
    ]
    for layer in [*towers, network.mask_feature_head.output]:
        assert layer.convolution.bias is None and (layer.norm.weight == 1).all() and not layer.norm.bias.any()
    for convolution in [layer.convolution for layer in towers] + [head.class_head, head.kernel_head]:
        assert convolution.weight.std().item() == pytest.approx(0.01, rel=0.1)
        assert abs(convolution.weight.mean().item()) < 0.002
    convolutions = [module for module in network.backbone.modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(convolutions) == 12  # stem, two a stage, three shortcuts
    for convolution in convolutions:
        assert convolution.weight.std().item() == pytest.approx(kaiming_std(convolution), rel=0.2)


def test_initialization_of_the_class():
    assert_initialized(small_model())


def test_initialization_through_the_auto_class():
    torch.manual_seed(1)
    model = AutoModelForInstanceSegmentation.from_config(small_config())
    assert type(model) is SOLOv2ForInstanceSegmentation
    assert_initialized(model)


def test_another_prior_is_obeyed():
    bias = small_model(prior_probability=0.2).model.instance_head.class_head.bias
    torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, 0.2))


def test_what_a_checkpoint_lacks_is_initialized_and_the_rest_kept(tmp_path):
    model = small_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    kept = "model.feature_pyramid.lateral.0.bias"
    save_file({kept: load_file(file)[kept]}, file, metadata={"format": "pt"})
    torch.manual_seed(2)
    loaded, report = SOLOv2ForInstanceSegmentation.from_pretrained(tmp_path, output_loading_info=True)
    assert "model.instance_head.class_head.bias" in report["missing_keys"]
    lateral = loaded.model.feature_pyramid.lateral[0]
    assert (lateral.bias == 0.5).all()
    with torch.no_grad():
        lateral.bias.zero_()
    assert_initialized(loaded)


def test_another_number_of_classes_starts_a_new_class_head(tmp_path):
    model = small_model()
    model.save_pretrained(tmp_path)
    loaded = SOLOv2ForInstanceSegmentation.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    head, old = loaded.model.instance_head, model.model.instance_head
    assert head.class_head.bias.tolist() == pytest.approx([-4.59512] * 5, abs=1e-4)
    assert head.class_head.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert torch.equal(head.kernel_head.weight, old.kernel_head.weight)


# -- freezing ----------------------------------------------------------------------------------------------------------


def assert_frozen(model, stages: int):
    """Assert that the stem and `stages - 1` stages have no gradient, no norm changes, and everything else learns."""
    model.train()
    backbone = model.model.backbone
    early = [backbone.embedder, *backbone.encoder.stages][:stages]
    frozen = {id(parameter) for part in early for parameter in part.parameters()}
    norms = [module for module in backbone.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == 12 and not any(norm.training for norm in norms)
    frozen |= {id(parameter) for norm in norms for parameter in norm.parameters()}
    assert frozen and all(parameter.requires_grad == (id(parameter) not in frozen) for parameter in model.parameters())
    before = {name: value.clone() for name, value in backbone.state_dict().items() if "running" in name}
    model(**drawn_batch((64, 64))).loss.backward()
    after = backbone.state_dict()
    assert before and all(torch.equal(value, after[name]) for name, value in before.items())
    assert all((parameter.grad is None) == (id(parameter) in frozen) for parameter in model.parameters())


@pytest.mark.parametrize("stages", [1, 2, 3, 5])
def test_freezing_survives_training_mode(stages):
    assert_frozen(small_model(freeze_backbone_norm=True, freeze_backbone_stages=stages), stages)


def test_freezing_survives_loading(tmp_path):
    small_model(freeze_backbone_norm=True, freeze_backbone_stages=2).save_pretrained(tmp_path)
    assert_frozen(AutoModelForInstanceSegmentation.from_pretrained(tmp_path), 2)


def test_without_freezing_everything_learns_and_the_norms_move():
    model = small_model().train()
    norm = model.model.backbone.embedder.embedder.normalization
    before = norm.running_mean.clone()
    model(**drawn_batch((64, 64))).loss.backward()
    assert norm.training and not torch.equal(before, norm.running_mean)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_base_model_freezes_too():
    network = SOLOv2Model(small_config(freeze_backbone_norm=True, freeze_backbone_stages=1)).train()
    assert not network.backbone.embedder.embedder.convolution.weight.requires_grad
    assert not network.backbone.embedder.embedder.normalization.training
