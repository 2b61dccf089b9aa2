# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""MaskRefineNet on any backbone, and started from one that was trained on images."""

import pytest
import torch
from torch import nn
from transformers import ConvNextConfig, HGNetV2Config, ResNetBackbone, ResNetConfig, SwinBackbone, SwinConfig

from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement

STAGES = ["stage1", "stage2", "stage3", "stage4"]
ARCHITECTURES = ["unet", "fpn"]


class TestBackbones:
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    @pytest.mark.parametrize(
        "backbone_config",
        [
            ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], out_features=STAGES),
            SwinConfig(embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2, out_features=STAGES),
        ],
        ids=lambda config: config.model_type,
    )  # fmt: skip
    def test_any_backbone(self, make_model, make_inputs, backbone_config, architecture, tmp_path):
        model = make_model(backbone_config=backbone_config, architecture=architecture)
        inputs = make_inputs()
        with torch.no_grad():
            before = model(**inputs).logits
            assert before.shape == (2, 2, 64, 64)
            model.save_pretrained(tmp_path)
            loaded = MaskRefineNetForMaskRefinement.from_pretrained(tmp_path)
            assert loaded.config.backbone_config.num_channels == 3
            torch.testing.assert_close(loaded(**inputs).logits, before, rtol=0, atol=0)

    def test_a_backbone_that_cannot_take_more_channels_is_an_error(self, make_model):
        with pytest.raises(ValueError, match="HGNetV2Backbone ignores num_channels"):
            make_model(backbone_config=HGNetV2Config(out_features=STAGES))

    def test_resnet_starts_from_an_image_backbone(self, make_model, make_inputs):
        model = make_model()
        backbone = pretrained(ResNetBackbone(model.config.backbone_config))
        fresh = model.encoder.input_layer.convolution.point_weight.clone()
        model.init_from_backbone(backbone)
        inputs = make_inputs()
        blind = {**inputs, "rough_masks": torch.zeros(2, 1, 64, 64), "input_points": torch.full((2, 2), -1)}
        with torch.no_grad():
            features = model(**blind, output_hidden_states=True).hidden_states[1:]
            expected = backbone(inputs["pixel_values"]).feature_maps
        for ours, theirs in zip(features, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.encoder.input_layer.convolution.point_weight, fresh, rtol=0, atol=0)

    def test_other_backbones_start_from_an_image_backbone(self, make_model, make_inputs):
        config = SwinConfig(
            embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2, image_size=64, out_features=STAGES
        )
        model, backbone = make_model(backbone_config=config), pretrained(SwinBackbone(config))
        model.init_from_backbone(backbone)
        inputs = make_inputs()
        with torch.no_grad():
            features = model(**inputs, output_hidden_states=True).hidden_states[1:]
            expected = backbone(inputs["pixel_values"]).feature_maps
        for ours, theirs in zip(features, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)

    def test_another_backbone_does_not_fit(self, make_model):
        model = make_model()
        deeper = ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[2, 1, 1, 1], layer_type="basic", out_features=STAGES
        )
        with pytest.raises(RuntimeError, match="stages.0.layers.1"):
            model.init_from_backbone(ResNetBackbone(deeper))


def pretrained(backbone):
    """Return the backbone with norm statistics that differ from those of a new network."""
    generator = torch.Generator().manual_seed(5)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return backbone.eval()
