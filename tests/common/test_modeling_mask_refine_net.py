# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""transformers' common model tests on MaskRefineNet, in both architectures."""

import copy
import unittest

import torch
from transformers import ResNetConfig
from transformers.testing_utils import torch_device

from common.harness import ConfigTester, ModelTesterMixin, floats_tensor
from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement


class MaskRefineNetModelTester:
    """A network of some ten thousand parameters."""

    def __init__(self, parent, architecture="unet", batch_size=2, crop_size=64, num_labels=3, is_training=True):
        self.parent = parent
        self.architecture = architecture
        self.batch_size = batch_size
        self.crop_size = crop_size
        self.num_labels = num_labels
        self.is_training = is_training

    def get_config(self):
        return MaskRefineNetConfig(
            backbone_config=ResNetConfig(
                embedding_size=8,
                hidden_sizes=[8, 8, 16, 16],
                depths=[1, 1, 1, 1],
                layer_type="basic",
                out_features=["stage1", "stage2", "stage3", "stage4"],
            ),
            architecture=self.architecture,
            input_channels=8,
            crop_size=self.crop_size,
            aspp_channels=8,
            decoder_channels=[8, 8, 8, 8],
            fpn_channels=8,
            num_labels=self.num_labels,
        )

    def prepare_config_and_inputs_for_common(self):
        rough_masks = torch.zeros(self.batch_size, 1, self.crop_size, self.crop_size, device=torch_device)
        rough_masks[:, :, 16:40, 20:50] = 1
        inputs = {
            "pixel_values": floats_tensor([self.batch_size, 3, self.crop_size, self.crop_size]),
            "rough_masks": rough_masks,
            "input_points": torch.full((self.batch_size, 2), 30.0, device=torch_device),
            "class_labels": torch.arange(self.batch_size, device=torch_device) % self.num_labels,
        }
        return self.get_config(), inputs


class MaskRefineNetModelTest(ModelTesterMixin, unittest.TestCase):
    all_model_classes = (MaskRefineNetForMaskRefinement,)
    has_attentions = False
    test_resize_embeddings = False

    def setUp(self):
        self.model_tester = MaskRefineNetModelTester(self)
        self.config_tester = ConfigTester(self, config_class=MaskRefineNetConfig, has_text_modality=False)

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        inputs = copy.deepcopy(inputs_dict)
        if return_labels:
            inputs["mask_labels"] = inputs["rough_masks"][:, 0].long()
        return inputs

    def test_config(self):
        self.config_tester.run_common_tests()


class MaskRefineNetFPNModelTest(MaskRefineNetModelTest):
    def setUp(self):
        super().setUp()
        self.model_tester = MaskRefineNetModelTester(self, architecture="fpn")
