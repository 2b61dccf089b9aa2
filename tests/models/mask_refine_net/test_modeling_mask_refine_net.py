# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The model and its configuration: initialization, input layer, prompts, training, saving."""

import pytest
import torch
import torch.nn.functional as F
from huggingface_hub.errors import StrictDataclassClassValidationError, StrictDataclassFieldValidationError
from torch import nn
from transformers import AutoConfig, AutoModel, ResNetConfig

from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from pointwssis.models.mask_refine_net.heatmaps_mask_refine_net import draw_point_heatmaps
from pointwssis.models.mask_refine_net.loss_mask_refine_net import mask_refinement_loss
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement

STAGES = ["stage1", "stage2", "stage3", "stage4"]
ARCHITECTURES = ["unet", "fpn"]


class TestConfig:
    def test_defaults_are_the_official_model(self):
        config = MaskRefineNetConfig(num_labels=80)
        assert config.num_point_channels == 81 and config.class_channel_offset == 1
        assert config.backbone_config.depths == [3, 4, 23, 3] and not config.backbone_config.downsample_in_bottleneck
        assert (config.crop_size, config.point_sigma, config.box_scale, config.train_box_scale) == (256, 6, 2, [1, 2])

    def test_round_trip(self, make_config, tmp_path):
        config = make_config(
            architecture="fpn",
            class_conditional=False,
            decoder_channels=(32, 16, 8, 8),
            num_labels=1,
            id2label={0: "nucleus"},
        )
        config.save_pretrained(tmp_path)
        loaded = MaskRefineNetConfig.from_pretrained(tmp_path)
        assert loaded.to_dict() == config.to_dict()
        assert loaded.id2label == {0: "nucleus"} and loaded.num_point_channels == 1

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"architecture": "deeplab"}, "'deeplab'"),
            ({"class_channel_offset": 2}, "0 or 1"),
            ({"crop_size": 32}, "crop_size must be at least 33"),
            ({"point_sigma": 0}, "positive"),
            ({"train_box_scale": [2.0, 1.0]}, "lower <= upper"),
            ({"train_box_scale": [0.5, 1.0]}, "1 <= lower"),
            ({"box_scale": 0.9}, "box_scale must be at least 1"),
            ({"decoder_channels": [8, 8]}, "decoder_channels must have 4 entries"),
            ({"input_channels": 16}, "make them equal"),
            ({"id2label": {0: "a", 1: "b", 7: "c"}}, "the ids 0 to 2"),
            ({"backbone_config": ResNetConfig(out_features=["stage4"])}, "leave out its out_features"),
        ],
    )
    def test_bad_values_are_errors(self, make_config, values, message):
        with pytest.raises(StrictDataclassClassValidationError) as error:
            make_config(**values)
        assert message in str(error.value.__cause__)

    def test_bad_types_are_errors(self, make_config):
        with pytest.raises(StrictDataclassFieldValidationError):
            make_config(crop_size="64")


class TestInitialization:
    def test_convolutions_are_kaiming_and_the_head_is_small(self, make_model):
        widths = {"embedding_size": 64, "hidden_sizes": [64] * 4, "depths": [1] * 4}
        backbone_config = ResNetConfig(**widths, layer_type="basic", out_features=STAGES)
        model = make_model(input_channels=64, backbone_config=backbone_config)
        convolution = model.encoder.input_layer.convolution
        expected = (2 / (64 * 49)) ** 0.5
        for weight in (convolution.image_weight, convolution.mask_weight, convolution.point_weight):
            assert weight.std().item() == pytest.approx(expected, rel=0.1) and abs(weight.mean().item()) < expected / 10
        block = model.decoder.blocks[0][1].convolution.weight  # 3 x 3
        assert block.std().item() == pytest.approx((2 / (block.shape[0] * 9)) ** 0.5, rel=0.1)
        assert model.head.weight.std().item() == pytest.approx(0.01, rel=0.3)
        assert model.head.bias.tolist() == [0, 0]

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_norms_and_biases(self, make_model, architecture):
        model = make_model(architecture=architecture)
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        assert len(norms) > 8
        for norm in norms:
            assert norm.eps == 1e-5
            assert (norm.weight == 1).all() and (norm.bias == 0).all()
            assert (norm.running_mean == 0).all() and (norm.running_var == 1).all()
        assert all((value == 0).all() for name, value in model.named_parameters() if name.endswith("bias"))

    def test_weights_missing_in_a_checkpoint_are_initialized(self, make_model, tmp_path):
        model = make_model()
        weights = {name: value for name, value in model.state_dict().items() if "input_layer" not in name}
        model.save_pretrained(tmp_path, state_dict=weights)
        loaded, info = MaskRefineNetForMaskRefinement.from_pretrained(tmp_path, output_loading_info=True)
        assert len(info["missing_keys"]) == 8
        convolution = loaded.encoder.input_layer.convolution
        assert convolution.point_weight.std().item() == pytest.approx((2 / (8 * 49)) ** 0.5, rel=0.1)
        assert convolution.mask_weight.isfinite().all() and convolution.mask_weight.std() > 0


class TestInputLayer:
    def dense(self, convolution, pixel_values, rough_masks, heatmaps, channels):
        """Return the official computation: one channel per class, all zero except the sample's own."""
        maps = torch.zeros(len(channels), len(convolution.point_weight), *pixel_values.shape[-2:])
        maps[torch.arange(len(channels)), channels] = heatmaps[:, 0]
        weight = torch.cat(
            [convolution.image_weight, convolution.point_weight.transpose(0, 1), convolution.mask_weight], dim=1
        )
        return F.conv2d(torch.cat([pixel_values, maps, rough_masks], dim=1), weight, stride=2, padding=3)

    @pytest.mark.parametrize("size", [(64, 64), (65, 50)])
    def test_equals_the_dense_computation_and_its_gradients(self, make_model, size):
        convolution = make_model(num_labels=5).encoder.input_layer.convolution
        pixel_values, rough_masks = torch.randn(4, 3, *size), torch.rand(4, 1, *size).round()
        heatmaps = draw_point_heatmaps(torch.tensor([[3, 4], [0, 0], [49, 49], [-5, 0]]), size)[:, None]
        channels = torch.tensor([1, 5, 5, 2])
        weights = list(convolution.parameters())
        results = []
        for function in (convolution, lambda *inputs: self.dense(convolution, *inputs)):
            output = function(pixel_values, rough_masks, heatmaps, channels)
            results.append((output, torch.autograd.grad(output.square().mean(), weights)))
        (ours, our_gradients), (dense, dense_gradients) = results
        torch.testing.assert_close(ours, dense, rtol=1e-4, atol=1e-5)
        for ours, dense in zip(our_gradients, dense_gradients, strict=True):
            torch.testing.assert_close(ours, dense, rtol=1e-3, atol=1e-5)

    def test_no_tensor_grows_with_the_number_of_classes(self, make_model, make_inputs):
        """The largest result of any operation of a forward pass is the same for 3 and for 300 classes."""

        class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
            def __init__(self):
                super().__init__()
                self.largest = 0

            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                result = function(*args, **(kwargs or {}))
                for tensor in result if isinstance(result, (tuple, list)) else (result,):
                    if isinstance(tensor, torch.Tensor):
                        self.largest = max(self.largest, tensor.numel())
                return result

        largest = []
        for num_labels in (3, 300):
            model, inputs = make_model(num_labels=num_labels), make_inputs()
            with Sizes() as sizes, torch.no_grad():
                model(**inputs)
            largest.append(sizes.largest)
        assert largest[0] == largest[1] < 301 * 64 * 64


class TestForward:
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    @pytest.mark.parametrize("size", [64, 96, 70])
    def test_logits_have_the_size_of_the_crop(self, make_model, make_inputs, architecture, size):
        outputs = make_model(architecture=architecture)(**make_inputs(size=size))
        assert outputs.logits.shape == (2, 2, size, size)
        assert outputs.loss is None and outputs.hidden_states is None

    def test_resnet18_at_small_crops(self):
        """The sizes in which the refiner is trained on a CPU."""
        backbone_config = ResNetConfig(
            hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", out_features=STAGES
        )
        model = MaskRefineNetForMaskRefinement(
            MaskRefineNetConfig(backbone_config=backbone_config, num_labels=1)
        ).eval()
        assert model.decoder.aspp.project.convolution.out_channels == 128
        assert [block[1].convolution.out_channels for block in model.decoder.blocks] == [64, 64, 64, 64]
        assert sum(parameter.numel() for parameter in model.parameters()) < 14e6
        for size in (64, 96):
            outputs = model(
                pixel_values=torch.randn(2, 3, size, size),
                rough_masks=torch.ones(2, 1, size, size),
                input_points=torch.tensor([[0, 0], [size - 1, size - 1]]),
                class_labels=torch.zeros(2, dtype=torch.long),
            )
            assert outputs.logits.shape == (2, 2, size, size)

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_batch_equals_singles(self, make_model, make_inputs, architecture):
        model, inputs = make_model(architecture=architecture), make_inputs(batch_size=3)
        with torch.no_grad():
            together = model(**inputs).logits
            alone = [model(**{name: value[i : i + 1] for name, value in inputs.items()}).logits for i in range(3)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-6)

    def test_every_input_matters(self, make_model, make_inputs):
        model, inputs = make_model(), make_inputs()
        changes = {
            "pixel_values": inputs["pixel_values"] + 1,
            "rough_masks": 1 - inputs["rough_masks"],
            "input_points": (inputs["input_points"] + 20) % 64,
            "class_labels": (inputs["class_labels"] + 1) % 3,
        }
        with torch.no_grad():
            before = model(**inputs).logits
            for name, value in changes.items():
                assert not torch.allclose(model(**{**inputs, name: value}).logits, before, atol=1e-7), name

    def test_the_class_channel_follows_the_offset(self, make_model, make_inputs):
        model, inputs = make_model(), make_inputs()
        with torch.no_grad():
            before = model(**inputs).logits
            model.config.class_channel_offset = 0
            torch.testing.assert_close(model(**{**inputs, "class_labels": inputs["class_labels"] + 1}).logits, before)

    def test_point_outside_of_the_crop_is_no_point(self, make_model, make_inputs):
        model, inputs = make_model(), make_inputs()
        outside = [{**inputs, "input_points": torch.full((2, 2), value)} for value in (-1, 64)]
        with torch.no_grad():
            first, second = (model(**batch).logits for batch in outside)
        torch.testing.assert_close(first, second, rtol=0, atol=0)

    def test_class_agnostic(self, make_model, make_inputs):
        model, inputs = make_model(class_conditional=False), make_inputs()
        assert len(model.encoder.input_layer.convolution.point_weight) == 1
        labels = inputs.pop("class_labels")
        with torch.no_grad():
            without = model(**inputs).logits
            with_labels = model(**inputs, class_labels=labels + 100).logits  # a class is accepted and not looked at
        torch.testing.assert_close(without, with_labels, rtol=0, atol=0)

    def test_boolean_masks_and_extra_keys_of_the_processor(self, make_model, make_inputs):
        model, inputs = make_model(), make_inputs()
        extra = {"crop_boxes": torch.zeros(2, 4), "image_indices": torch.zeros(2)}
        with torch.no_grad():
            expected = model(**inputs).logits
            actual = model(**{**inputs, "rough_masks": inputs["rough_masks"].bool()}, **extra).logits
        torch.testing.assert_close(actual, expected)

    def test_no_objects(self, make_model, make_inputs):
        inputs = {name: value[:0] for name, value in make_inputs().items()}
        with torch.no_grad():
            assert make_model()(**inputs).logits.shape == (0, 2, 64, 64)

    def test_hidden_states(self, make_model, make_inputs):
        outputs = make_model()(**make_inputs(), output_hidden_states=True)
        assert [state.shape[-1] for state in outputs.hidden_states] == [32, 16, 8, 4, 2]

    @pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
    def test_unknown_class_is_an_error(self, make_model, make_inputs, labels):
        with pytest.raises(ValueError, match="class_labels must lie between 0 and 2"):
            make_model()(**{**make_inputs(), "class_labels": torch.tensor(labels)})

    def test_missing_class_is_an_error(self, make_model, make_inputs):
        inputs = make_inputs()
        del inputs["class_labels"]
        with pytest.raises(ValueError, match="class_labels is missing"):
            make_model()(**inputs)

    def test_masks_without_a_channel_are_an_error(self, make_model, make_inputs):
        inputs = make_inputs()
        with pytest.raises(ValueError, match=r"must have the shape \(2, 1, 64, 64\)"):
            make_model()(**{**inputs, "rough_masks": inputs["rough_masks"][:, 0]})


class TestTraining:
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_a_few_steps_reduce_the_loss(self, make_model, make_inputs, architecture):
        model, inputs = make_model(architecture=architecture).train(), make_inputs(batch_size=4)
        inputs["mask_labels"] = torch.zeros(4, 64, 64, dtype=torch.long)
        inputs["mask_labels"][:, 8:40, 16:56] = 1  # larger than the rough mask, and bright
        inputs["pixel_values"] += 3 * inputs["mask_labels"][:, None]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        losses = []
        for _ in range(8):
            loss = model(**inputs).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] - 0.1

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_every_parameter_learns(self, make_model, make_inputs, architecture):
        model, inputs = make_model(architecture=architecture).train(), make_inputs()
        model(**inputs, mask_labels=inputs["rough_masks"][:, 0].long()).loss.backward()
        assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
        touched = model.encoder.input_layer.convolution.point_weight.grad.flatten(1).abs().sum(1) > 0
        assert touched.tolist() == [False, True, True, False]  # classes 0 and 1, channels 1 and 2

    def test_a_last_batch_of_one_trains(self, make_model, make_inputs):
        model, inputs = make_model().train(), make_inputs(batch_size=1)
        pooled = model.decoder.aspp.pooled.normalization
        loss = model(**inputs, mask_labels=inputs["rough_masks"][:, 0].long()).loss
        loss.backward()
        assert loss.isfinite() and all(parameter.grad.isfinite().all() for parameter in model.parameters())
        assert pooled.num_batches_tracked == 0 and model.encoder.input_layer.normalization.num_batches_tracked == 1

    def test_bfloat16_autocast(self, make_model, make_inputs):
        model, inputs = make_model().train(), make_inputs()
        labels = inputs["rough_masks"][:, 0].long()
        full = model.eval()(**inputs, mask_labels=labels).loss
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(**inputs, mask_labels=labels)
        assert outputs.loss.dtype == torch.float32
        assert outputs.loss.item() == pytest.approx(full.item(), abs=0.02)
        outputs.loss.backward()
        assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())

    def test_bfloat16_weights_and_channels_last(self, make_model, make_inputs):
        model, inputs = make_model(), make_inputs()
        expected = model(**inputs).logits
        channels_last = model.to(memory_format=torch.channels_last)
        inputs["pixel_values"] = inputs["pixel_values"].to(memory_format=torch.channels_last)
        torch.testing.assert_close(channels_last(**inputs).logits, expected, rtol=1e-4, atol=1e-6)
        inputs["pixel_values"] = inputs["pixel_values"].bfloat16()
        assert channels_last.to(torch.bfloat16)(**inputs).logits.dtype == torch.bfloat16

    def test_trainer_divides_the_loss_of_accumulated_batches(self):
        assert MaskRefineNetForMaskRefinement.accepts_loss_kwargs is False


class TestLoss:
    def test_ignored_pixels_are_background(self):
        logits = torch.randn(2, 2, 5, 6)
        labels = torch.randint(0, 2, (2, 5, 6))
        ignored = torch.where(labels == 0, 255, labels)
        torch.testing.assert_close(mask_refinement_loss(logits, ignored), mask_refinement_loss(logits, labels))

    def test_empty_target_has_a_finite_gradient(self):
        logits = torch.full((1, 2, 4, 4), 100.0, requires_grad=True)
        mask_refinement_loss(logits, torch.zeros(1, 4, 4, dtype=torch.long)).backward()
        assert logits.grad.isfinite().all()

    def test_extreme_logits(self):
        logits = torch.tensor([1000.0, -1000.0])[None, :, None, None].expand(1, 2, 3, 3)
        assert mask_refinement_loss(logits, torch.zeros(1, 3, 3)).item() == pytest.approx(
            0.5
        )  # only background is right
        assert mask_refinement_loss(logits, torch.ones(1, 3, 3)).item() == pytest.approx(1)

    def test_half_precision_logits_are_summed_in_full(self):
        logits, labels = torch.randn(4, 2, 64, 64), torch.randint(0, 2, (4, 64, 64))
        half = mask_refinement_loss(logits.bfloat16(), labels)
        assert half.dtype == torch.float32
        assert half.item() == pytest.approx(mask_refinement_loss(logits.bfloat16().float(), labels).item(), abs=1e-6)


class TestSaving:
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_round_trip_through_auto_model(self, make_model, make_inputs, architecture, tmp_path):
        AutoConfig.register("mask_refine_net", MaskRefineNetConfig, exist_ok=True)
        AutoModel.register(MaskRefineNetConfig, MaskRefineNetForMaskRefinement, exist_ok=True)
        model, inputs = make_model(architecture=architecture), make_inputs()
        model.save_pretrained(tmp_path)
        loaded = AutoModel.from_pretrained(tmp_path)
        assert isinstance(loaded, MaskRefineNetForMaskRefinement) and not loaded.training
        with torch.no_grad():
            torch.testing.assert_close(loaded(**inputs).logits, model(**inputs).logits, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [("labels", "did you mean 'mask_labels' and 'class_labels'"), ("input_point", "did you mean 'input_points'")],
)
def test_unknown_arguments_are_not_swallowed(make_model, make_inputs, name, message):
    model, inputs = make_model(), make_inputs()
    with pytest.raises(TypeError, match=f"MaskRefineNetForMaskRefinement got an unknown argument '{name}'; {message}"):
        model(**inputs, **{name: inputs["input_points"]})
    assert model(**inputs, return_dict=True, output_attentions=False, num_items_in_batch=2).logits is not None


@pytest.mark.parametrize(("field", "name"), [("use_rough_mask", "rough_masks"), ("use_point", "input_points")])
def test_an_input_that_is_withheld_has_no_effect(make_model, make_inputs, field, name):
    inputs = make_inputs()
    other = {**inputs, name: 1 - inputs[name] if name == "rough_masks" else inputs[name] + 5}
    with torch.no_grad():
        for is_used in (True, False):
            model = make_model(**{field: is_used})
            assert torch.equal(model(**inputs).logits, model(**other).logits) is not is_used
