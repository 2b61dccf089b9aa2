# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""transformers' common model tests on SOLOv2."""

import copy
import unittest
from unittest.mock import patch

import torch
from transformers import ResNetConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES
from transformers.testing_utils import torch_device

from common.harness import ConfigTester, ModelTesterMixin, floats_tensor
from pointwssis.models.solov2.configuration_solov2 import SOLOv2Config
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation, SOLOv2Model


class SOLOv2ModelTester:
    """A network of some ten thousand parameters; `frozen` fixes what the official models fix."""

    def __init__(self, parent, batch_size=2, image_size=64, num_labels=3, is_training=True, frozen=False):
        self.parent = parent
        self.frozen = frozen
        self.batch_size = batch_size
        self.image_size = image_size
        self.num_labels = num_labels
        self.is_training = is_training

    def get_config(self):
        return SOLOv2Config(
            backbone_config=ResNetConfig(
                embedding_size=8,
                hidden_sizes=[8, 8, 16, 16],
                depths=[1, 1, 1, 1],
                layer_type="basic",
                out_features=["stage1", "stage2", "stage3", "stage4"],
            ),
            freeze_backbone_norm=self.frozen,
            freeze_backbone_stages=2 if self.frozen else 0,
            fpn_channels=8,
            num_grids=[8, 6, 4, 3, 2],
            scale_ranges=[[1, 16], [8, 32], [16, 64], [32, 128], [64, 2048]],
            instance_channels=16,
            num_instance_convs=2,
            kernel_channels=8,
            mask_channels=8,
            num_labels=self.num_labels,
        )

    def prepare_config_and_inputs_for_common(self):
        shape = [self.batch_size, self.image_size, self.image_size]
        pixel_mask = torch.ones(shape, dtype=torch.long, device=torch_device)
        pixel_mask[-1, -16:] = 0
        pixel_values = floats_tensor([self.batch_size, 3, self.image_size, self.image_size])
        return self.get_config(), {"pixel_values": pixel_values, "pixel_mask": pixel_mask}

    def labels(self):
        """One small and one large object in the first image, one in the others."""
        masks = torch.zeros(2, self.image_size, self.image_size, device=torch_device)
        masks[0, 4:16, 8:20] = 1
        masks[1, 20:60, 10:50] = 1
        classes = torch.tensor([0, self.num_labels - 1], device=torch_device)
        counts = [2] + [1] * (self.batch_size - 1)
        return {"mask_labels": [masks[:n] for n in counts], "class_labels": [classes[:n] for n in counts]}


class SOLOv2ModelTest(ModelTesterMixin, unittest.TestCase):
    all_model_classes = (SOLOv2Model, SOLOv2ForInstanceSegmentation)
    has_attentions = False
    test_resize_embeddings = False

    def setUp(self):
        self.model_tester = SOLOv2ModelTester(self)
        self.config_tester = ConfigTester(self, config_class=SOLOv2Config, has_text_modality=False)
        # The mixin finds by this table which classes are without a loss.
        base_models = patch.dict(MODEL_MAPPING_NAMES, {SOLOv2Config.model_type: SOLOv2Model.__name__})
        base_models.start()
        self.addCleanup(base_models.stop)

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        labels = self.model_tester.labels() if return_labels and model_class is not SOLOv2Model else {}
        return {**copy.deepcopy(inputs_dict), **labels}

    def test_config(self):
        self.config_tester.run_common_tests()


class SOLOv2FrozenModelTest(SOLOv2ModelTest):
    def setUp(self):
        super().setUp()
        self.model_tester = SOLOv2ModelTester(self, frozen=True)
