# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Our EfficientNet-Lite against timm's, from which the arithmetic is known; and transformers' tests of a backbone."""

import unittest

import pytest
import torch

from common.harness import BackboneTesterMixin, ConfigTester, floats_tensor
from helpers import tiny
from pointwssis.models.efficientnet_lite.configuration_efficientnet_lite import EfficientNetLiteConfig
from pointwssis.models.efficientnet_lite.convert_efficientnet_lite import pretrained_efficientnet_lite, weights_file
from pointwssis.models.efficientnet_lite.modeling_efficientnet_lite import EfficientNetLiteBackbone


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("size", [(128, 128), (97, 131)])
def test_features_equal_those_of_timm(version, size):
    import timm  # where it was fetched

    name = f"efficientnet-lite{version}"
    weights = torch.load(weights_file(name), weights_only=True)
    classifier = timm.create_model(f"tf_efficientnet_lite{version}")
    named = dict(zip(classifier.state_dict(), weights.values(), strict=True))
    expected = timm.create_model(f"tf_efficientnet_lite{version}", features_only=True, out_indices=(0, 1, 2, 3, 4))
    expected.load_state_dict({key: named[key] for key in expected.state_dict()})
    backbone = pretrained_efficientnet_lite(name)
    # Our stem includes the first group of blocks, as timm's first feature map does.
    backbone.config.out_features = backbone.stage_names
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    # In double precision, rounding does not depend on the number of threads and on the memory format.
    with torch.no_grad():
        pairs = zip(backbone.double()(images).feature_maps, expected.double().eval()(images), strict=True)
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


class EfficientNetLiteBackboneTest(BackboneTesterMixin, unittest.TestCase):
    all_model_classes = (EfficientNetLiteBackbone,)
    config_class = EfficientNetLiteConfig
    has_attentions = False

    def setUp(self):
        self.model_tester = self

    def prepare_config_and_inputs_for_common(self):
        return EfficientNetLiteConfig(**tiny.EFFICIENTNET_LITE), {"pixel_values": floats_tensor([2, 3, 64, 64])}

    def test_config(self):  # the mixin's own expects one entry of `depths` per stage
        common = {"config_class": EfficientNetLiteConfig, "common_properties": ["num_channels", "depths"]}
        ConfigTester(self, has_text_modality=False, **common).run_common_tests()
