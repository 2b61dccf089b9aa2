# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Networks prepared for inference, and compiled ones, against the plain networks."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from transformers import RTDetrResNetConfig, pipeline

import pointwssis
from helpers import tiny
from pointwssis.data import load_coco
from pointwssis.data.demo_images import DEMO_NUCLEI
from pointwssis.models.inference import fold_batch_norms, prepare_for_inference
from pointwssis.models.mask_refine_net.named_mask_refine_net import find_refiner
from pointwssis.ops.coco_masks import decode_rle
from pointwssis.ops.points import point_from_mask
from pointwssis.ops.user_error import UserError
from pointwssis.pipelines.refiners import load_refiner

CPU = torch.device("cpu")
SIZES = {"embedding_size": 8, "hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 1, 1], "layer_type": "basic"}
FEATURES = ["stage1", "stage2", "stage3", "stage4"]
RT_DETR_RESNET = RTDetrResNetConfig(**SIZES, out_features=FEATURES).to_dict()


def with_statistics(model: nn.Module) -> nn.Module:
    """Return the model with batch norms that change their input, as after a training."""
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, std=0.2)
            nn.init.normal_(norm.running_mean, std=0.2)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return model


def segmenter(backbone: dict) -> nn.Module:
    return with_statistics(tiny.segmenter(backbone_config=backbone)[0])


def refiner(**fields) -> nn.Module:
    return with_statistics(tiny.refiner(**fields)[0])


def images(count: int = 2) -> dict[str, torch.Tensor]:
    """Return a batch of which one image is padded."""
    mask = torch.ones(count, 64, 96, dtype=torch.long)
    mask[0, :, 80:] = 0
    return {"pixel_values": torch.randn(count, 3, 64, 96), "pixel_mask": mask}


def crops(count: int = 3) -> dict[str, torch.Tensor]:
    return {
        "pixel_values": torch.randn(count, 3, 48, 48),
        "rough_masks": (torch.rand(count, 1, 48, 48) > 0.5).float(),
        "input_points": torch.rand(count, 2) * 48,
        "class_labels": torch.arange(count),
    }


def numbers_of(output) -> torch.Tensor:
    """Return everything that a network computed, as one vector in float32."""
    parts = [output.logits] if "logits" in output else [*output.class_logits, *output.kernels, output.mask_features]
    return torch.cat([part.flatten().float() for part in parts])


@pytest.fixture(params=["resnet", "efficientnet_lite", "rt_detr_resnet", "refiner", "fpn_refiner"])
def network(request) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """Return a network and its input."""
    torch.manual_seed(0)
    backbones = {"resnet": tiny.RESNET, "efficientnet_lite": tiny.EFFICIENTNET_LITE, "rt_detr_resnet": RT_DETR_RESNET}
    if request.param in backbones:
        return segmenter(backbones[request.param]), images()
    architecture = "fpn" if request.param == "fpn_refiner" else "unet"
    return refiner(architecture=architecture), crops()


class TestFoldBatchNorms:
    @torch.no_grad()
    def test_outputs_are_equal_and_the_model_is_untouched(self, network):
        model, inputs = network
        before, state = numbers_of(model(**inputs)), copy.deepcopy(model.state_dict())
        folded = fold_batch_norms(model)
        torch.testing.assert_close(numbers_of(folded(**inputs)), before, rtol=1e-4, atol=1e-4)
        # The original computes, trains and saves as before.
        assert torch.equal(numbers_of(model(**inputs)), before)
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        assert all(parameter.requires_grad for parameter in model.parameters())

    def test_only_the_input_layer_of_a_refiner_keeps_its_norm(self, network):
        folded = fold_batch_norms(network[0])
        left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
        assert left == (["encoder.input_layer.normalization"] if hasattr(folded, "decoder") else [])

    def test_a_folded_model_is_in_evaluation_mode_without_gradients(self, network):
        folded = fold_batch_norms(network[0].train())
        assert not folded.training and not any(parameter.requires_grad for parameter in folded.parameters())

    def test_a_folded_model_cannot_be_saved(self, network, tmp_path):
        with pytest.raises(UserError, match="save the model that it was made from"):
            fold_batch_norms(network[0]).save_pretrained(tmp_path)
        assert not list(tmp_path.iterdir())


class TestBfloat16:
    @torch.no_grad()
    def test_outputs_are_close(self, network):
        model, inputs = network
        exact = numbers_of(model(**inputs))
        prepared = prepare_for_inference(model, CPU, torch.bfloat16)
        assert model.dtype == torch.float32 and prepared.dtype == torch.bfloat16
        rounded = numbers_of(prepared(**inputs))
        assert torch.corrcoef(torch.stack([exact, rounded]))[0, 1] > 0.999
        assert (rounded - exact).abs().max() < 0.1 * exact.abs().max()

    def test_the_channels_are_last_only_in_bfloat16(self, network):
        layouts = {}
        for dtype in (torch.float32, torch.bfloat16):
            prepared = prepare_for_inference(network[0], CPU, dtype)
            weights = [weight for weight in prepared.parameters() if weight.ndim == 4 and min(weight.shape[1:]) > 1]
            layouts[dtype] = {weight.is_contiguous(memory_format=torch.channels_last) for weight in weights}
        assert layouts == {torch.float32: {False}, torch.bfloat16: {True}}

    def test_masks_of_the_general_refiner(self):
        """The trained weights of the package, on a real image."""
        row = load_coco(DEMO_NUCLEI / "annotations" / "instances_val.json", DEMO_NUCLEI / "images")[0]
        image = Image.open(row["image"]["path"]).convert("RGB")
        # Masks of the first nuclei, displaced, so that there is something to refine
        masks = np.stack([decode_rle(nucleus["segmentation"]) for nucleus in row["objects"][:6]])
        points, rough = [point_from_mask(mask) for mask in masks], np.roll(masks, (3, -2), (1, 2))
        found = []
        for dtype in (torch.float32, torch.bfloat16):
            pipe = pipeline("point-mask-refinement", model=find_refiner("general"), dtype=dtype, device="cpu")
            assert pipe.model.dtype == dtype
            found.append(pipe.refine(image, rough, points, None)["masks"])
        iou = (found[0] & found[1]).sum((1, 2)) / (found[0] | found[1]).sum((1, 2))
        assert len(iou) == 6 and iou.min() > 0.9 and iou.mean() > 0.97


class TestPipelines:
    def test_an_explicit_dtype_wins_and_the_saved_one_is_the_default(self, tmp_path):
        folder = tiny.saved_segmenter(tmp_path / "segmenter")
        for given, expected in ({}, torch.float32), ({"dtype": torch.bfloat16}, torch.bfloat16):
            pipe = pipeline("point-instance-segmentation", model=str(folder), device="cpu", **given)
            assert pipe.model.dtype == expected

    def test_a_pipeline_runs_a_prepared_model(self, tmp_path):
        folder = tiny.saved(tmp_path, (segmenter(tiny.RESNET), tiny.segmenter()[1]))
        pipe = pipeline("point-instance-segmentation", model=folder, device="cpu")
        inputs = {"points": [(3, 4), (40, 30)], "labels": ["star", None], "mask_format": "numpy"}
        plain = pipe(tiny.picture(), **inputs)
        pipe.model = pointwssis.prepare_for_inference(pipe.model, pipe.device)
        for one, other in zip(pipe(tiny.picture(), **inputs), plain, strict=True):
            assert one["label"] == other["label"] and one["score"] == pytest.approx(other["score"], abs=1e-4)
            assert (one["mask"] != other["mask"]).mean() < 0.001

    def test_a_refiner_in_bfloat16_is_folded_before_it_is_rounded(self, tmp_path):
        model, processor = tiny.refiner()
        folder = tiny.saved(tmp_path, (with_statistics(model), processor))
        pipe = load_refiner(folder, CPU, torch.bfloat16)
        assert tiny.same_weights(
            pipe.model.state_dict(), prepare_for_inference(model, CPU, torch.bfloat16).state_dict()
        )
        assert load_refiner(folder, CPU, None).model.dtype == torch.float32

    def test_a_pipeline_in_bfloat16_saves_the_same_weights(self, tmp_path):
        folder = tiny.saved_segmenter(tmp_path / "segmenter")
        pipe = pipeline("point-instance-segmentation", model=str(folder), dtype=torch.bfloat16, device="cpu")
        pipe.save_pretrained(tmp_path / "again")
        saved = tiny.state_of(tmp_path / "again")
        original = tiny.state_of(folder)
        assert tiny.same_weights({name: value.bfloat16().float() for name, value in original.items()}, saved)


class TestCompilation:
    @torch.no_grad()
    @pytest.mark.parametrize("kind", ["segmenter", "refiner"])
    def test_one_graph(self, kind):
        model, inputs = (refiner(), crops()) if kind == "refiner" else (segmenter(tiny.RESNET), images())
        plain = model(**inputs)
        compiled = torch.compile(model, fullgraph=True, backend="eager")(**inputs)
        assert type(compiled) is type(plain)
        assert torch.equal(numbers_of(compiled), numbers_of(plain))

    def test_a_pipeline_runs_a_compiled_network(self, tmp_path):
        pipe = pipeline("point-instance-segmentation", model=tiny.saved_segmenter(tmp_path), device="cpu")
        inputs = {"inputs": tiny.picture(), "points": [(3, 4), (40, 30)], "mask_format": "rle"}
        plain, graphs = pipe(**inputs), []

        def backend(graph, _):
            graphs.append(graph)
            return graph.forward

        pipe.model.model.compile(backend=backend, fullgraph=True)
        assert pipe(**inputs) == plain
        assert len(graphs) == 1
