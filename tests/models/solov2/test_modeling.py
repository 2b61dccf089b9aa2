# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import copy
import json

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForImageSegmentation,
    AutoModelForInstanceSegmentation,
    ConvNextConfig,
    SwinConfig,
)

from helpers.official_solov2 import TINY, as_input, official_model
from helpers.paths import PARITY
from helpers.small_solov2 import RESNET, drawn_batch, lively_model, rectangles, small_config, small_model
from pointwssis.models.frozen_norms import freeze_norm
from pointwssis.models.solov2.configuration_solov2 import STAGES
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation, SOLOv2Model, resize

UNITS = np.load(PARITY / "e_units.npz")
GOLDEN = np.load(PARITY / "tiny_r18.npz")
LABELS = ("mask_labels", "class_labels")


def raw(outputs) -> dict[str, torch.Tensor]:
    """Return all raw outputs by name."""
    levels = {"class_logits": outputs.class_logits, "kernels": outputs.kernels}
    named = {f"{name}{level}": value for name, values in levels.items() for level, value in enumerate(values)}
    return {**named, "mask_features": outputs.mask_features}


def assert_same(one, other, **tolerance):
    one, other = raw(one), raw(other)
    for name in one:
        torch.testing.assert_close(one[name], other[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}")


EXACT = {"rtol": 0, "atol": 0}
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


# -- parity ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    """Return every tensor of the narrow official network, by its name in the golden file."""
    model, encoded = official_model("solov2_tiny_r18", **TINY), as_input(GOLDEN["image0_bgr"], GOLDEN["image1_bgr"])
    with torch.no_grad():
        features = model.model.backbone(encoded["pixel_values"]).feature_maps
        p2, p3, p4, p5, p6 = pyramid = model.model.feature_pyramid(list(features))
        outputs = model(**encoded)
    assert outputs.valid_sizes.tolist() == [[96, 128], [120, 90]] and outputs.loss is None
    halved, enlarged = resize(p2, (p2.shape[-2] // 2, p2.shape[-1] // 2)), resize(p6, p5.shape[-2:])
    named = {"input": encoded["pixel_values"], "mask": outputs.mask_features}
    for prefix, first, values in (
        ("res", 2, features),
        ("p", 2, pyramid),
        ("insfeat", 0, (halved, p3, p4, p5, enlarged)),
        ("cate", 0, outputs.class_logits),
        ("kernel", 0, outputs.kernels),
    ):
        named.update({f"{prefix}{first + index}": value for index, value in enumerate(values)})
    return {name: value.numpy() for name, value in named.items()}


STATS = json.loads((PARITY / "tiny_r18.json").read_text())["stats"]


@pytest.mark.parametrize("name", sorted(STATS))
def test_every_official_tensor_is_reproduced(tiny, name):
    got, expected = tiny[name], STATS[name]
    assert list(got.shape) == expected["shape"]
    if name in GOLDEN.files:
        np.testing.assert_allclose(got, GOLDEN[name], rtol=1e-4, atol=1e-4)
    else:
        sample = got.flatten()[np.random.default_rng(0).integers(0, got.size, 2048)]
        np.testing.assert_allclose(sample, GOLDEN[f"smp_{name}"], rtol=1e-4, atol=1e-4)
    got = got.astype(np.float64)
    sums = {"abs_sum": np.abs(got).sum(), "sq_sum": (got**2).sum(), "min": got.min(), "max": got.max()}
    for statistic, value in sums.items():
        np.testing.assert_allclose(value, expected[statistic], rtol=1e-4, atol=1e-4, err_msg=statistic)
    np.testing.assert_allclose(got.sum(), expected["sum"], atol=1e-5 * expected["abs_sum"])


def test_no_golden_tensor_is_left_out(tiny):
    images = {"image0_bgr", "image1_bgr"}
    assert {name.removeprefix("smp_") for name in GOLDEN.files} - images == set(tiny) == set(STATS)


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("level", [0, 4])
def test_official_resizing_of_the_outer_levels_is_reproduced(case, level):
    expected = UNITS[f"split{case}/out{level}"]
    got = resize(torch.as_tensor(UNITS[f"split{case}/in{level}"]), expected.shape[-2:])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


# -- saving and loading ------------------------------------------------------------------------------------------------


def test_saving_and_loading_is_exact(tmp_path):
    model, batch = small_model(), drawn_batch((64, 96), (75, 50))
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        expected = model(**batch)
    for auto_class in (AutoModelForInstanceSegmentation, AutoModelForImageSegmentation):
        loaded, report = auto_class.from_pretrained(tmp_path, output_loading_info=True)
        assert type(loaded) is SOLOv2ForInstanceSegmentation and not loaded.training
        assert not report["missing_keys"] and not report["unexpected_keys"]
        weights = loaded.state_dict()
        assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
        with torch.no_grad():
            outputs = loaded(**batch)
        assert_same(outputs, expected, **EXACT)
        assert torch.equal(outputs.loss, expected.loss) and outputs.decoding == expected.decoding


def test_auto_model_is_the_network_without_loss(tmp_path):
    model, batch = small_model(), drawn_batch((64, 96))
    model.save_pretrained(tmp_path)
    network = AutoModel.from_pretrained(tmp_path)
    assert type(network) is SOLOv2Model
    inputs = {"pixel_values": batch["pixel_values"], "pixel_mask": batch["pixel_mask"]}
    with torch.no_grad():
        assert_same(network(**inputs), model(**inputs), **EXACT)


# -- batches and sizes -------------------------------------------------------------------------------------------------


def test_images_of_one_size_in_a_batch_equal_single_images():
    model = small_model()
    pixel_values = torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 50
    with torch.no_grad():
        together = raw(model(pixel_values))
        for image in range(3):
            alone = raw(model(pixel_values[image : image + 1]))
            for name, value in alone.items():
                torch.testing.assert_close(together[name][image], value[0], **CLOSE)


def test_a_batch_of_mixed_sizes_learns():
    model, batch = small_model().train(), drawn_batch((64, 96), (75, 50), (90, 61))
    assert batch["pixel_values"].shape == (3, 3, 96, 96)
    assert model(**batch).valid_sizes.tolist() == [[64, 96], [75, 50], [90, 61]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(25):
        outputs = model(**batch)
        optimizer.zero_grad()
        outputs.loss.backward()
        optimizer.step()
        losses.append({name: value.item() for name, value in outputs.loss_dict.items()})
    assert losses[-1]["loss_mask"] < 0.7 * losses[0]["loss_mask"]
    assert losses[-1]["loss_class"] < 0.7 * losses[0]["loss_class"]


@pytest.mark.parametrize(("height", "width"), [(33, 47), (64, 75), (90, 61), (101, 130)])
def test_sides_that_are_no_multiple_of_32_work(height, width):
    model = small_model()
    masks = rectangles(height, width, (3, 4, 25, 27))
    outputs = model(torch.randn(1, 3, height, width), mask_labels=[masks], class_labels=[torch.tensor([1])])
    outputs.loss.backward()
    assert torch.isfinite(outputs.loss) and outputs.valid_sizes.tolist() == [[height, width]]
    assert outputs.mask_features.shape[-2:] == (-(-height // 4), -(-width // 4))
    (found,) = SOLOv2ImageProcessorPil().post_process_point_instance_segmentation(outputs, [[[width, height], [0, 0]]])
    assert len(found) == 2 and all(result["mask"].shape == (height, width) for result in found)


def test_padding_without_a_mask_counts_as_image_and_any_kind_of_mask_is_read():
    model, pixel_values = small_model(), torch.zeros(2, 3, 64, 64)
    assert model(pixel_values).valid_sizes.tolist() == [[64, 64], [64, 64]]
    pixel_mask = torch.zeros(2, 64, 64)
    pixel_mask[0, :40, :64], pixel_mask[1, :64, :33] = 1, 1
    for dtype in (torch.long, torch.bool, torch.float32):
        sizes = model(pixel_values, pixel_mask.to(dtype)).valid_sizes
        assert sizes.tolist() == [[40, 64], [64, 33]] and not sizes.is_floating_point()


def test_one_class_works():
    model, batch = small_model(num_labels=1).train(), drawn_batch((64, 64))
    batch["class_labels"] = [torch.zeros(2, dtype=torch.long)]
    outputs = model(**batch)
    outputs.loss.backward()
    assert torch.isfinite(outputs.loss) and outputs.class_logits[0].shape == (1, 1, 10, 10)
    (found,) = SOLOv2ImageProcessorPil().post_process_point_instance_segmentation(outputs, [[[9, 9]]])
    assert found[0]["label_id"] == 0 and len(found[0]["alternatives"]) == 1


@pytest.mark.parametrize("num_labels", [1, 3])
def test_channels_last_gives_the_same_loss(num_labels):
    batch = drawn_batch((64, 96), (75, 50))
    batch["class_labels"] = [labels.clamp(max=num_labels - 1) for labels in batch["class_labels"]]
    model = lively_model(num_labels=num_labels)
    expected = model(**batch)
    batch["pixel_values"] = batch["pixel_values"].contiguous(memory_format=torch.channels_last)
    outputs = model.to(memory_format=torch.channels_last)(**batch)
    assert not outputs.class_logits[0].is_contiguous() or num_labels == 1
    for name, loss in expected.loss_dict.items():
        torch.testing.assert_close(outputs.loss_dict[name], loss, **CLOSE)


def test_bfloat16_autocast_trains():
    model, batch = small_model().train(), drawn_batch((64, 96), (75, 50))
    expected = model(**batch).loss
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(**batch)
    outputs.loss.backward()
    assert outputs.loss.dtype == torch.float32
    torch.testing.assert_close(outputs.loss, expected, rtol=0.05, atol=0.05)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
    (found, _) = SOLOv2ImageProcessorPil().post_process_point_instance_segmentation(outputs, [[[9, 9]], []])
    assert 0 <= found[0]["score"] <= 1


def test_a_model_in_bfloat16_decodes(tmp_path):
    small_model().save_pretrained(tmp_path)
    model = SOLOv2ForInstanceSegmentation.from_pretrained(tmp_path, dtype=torch.bfloat16)
    outputs = model.encode(drawn_batch((64, 64))["pixel_values"].bfloat16())
    assert outputs.mask_features.dtype == torch.bfloat16
    (found,) = SOLOv2ImageProcessorPil().post_process_point_instance_segmentation(outputs, [[[9, 9]]])
    assert found[0]["mask"].shape == (64, 64)


# -- backbones and outputs ---------------------------------------------------------------------------------------------

OTHER_BACKBONES = {
    "swin": SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        drop_path_rate=0.0,
        out_features=STAGES,
    ),
    "convnext": ConvNextConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 12, 16, 24], out_features=STAGES),
}


@pytest.mark.parametrize("name", sorted(OTHER_BACKBONES))
def test_other_backbones_train_and_freeze(name, tmp_path):
    config = small_config(backbone_config=OTHER_BACKBONES[name], freeze_backbone_norm=True, freeze_backbone_stages=2)
    model, batch = SOLOv2ForInstanceSegmentation(config).train(), drawn_batch((64, 96), (75, 50))
    outputs = model(**batch)
    assert outputs.mask_features.shape[-2:] == (24, 24)
    outputs.loss.backward()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    # The last norm of transformers' Swin takes no part in a backbone.
    assert without - frozen == (
        {f"model.backbone.swin.layernorm.{p}" for p in ("weight", "bias")} if name == "swin" else set()
    )
    early = ("swin.embeddings.", "swin.encoder.layers.0.") if name == "swin" else ("embeddings.", "encoder.stages.0.")
    early = tuple(f"model.backbone.{part}" for part in early)
    assert frozen == {name for name, _ in model.named_parameters() if name.startswith(early)}
    model.save_pretrained(tmp_path)
    loaded = AutoModelForInstanceSegmentation.from_pretrained(tmp_path)
    assert type(loaded.model.backbone) is type(model.model.backbone)
    with torch.no_grad():
        assert_same(loaded(**batch), model.eval()(**batch), **EXACT)


def test_a_backbone_of_three_maps_is_refused():
    with pytest.raises(ValueError, match="returns 3 feature maps.*out_features"):
        small_model(backbone_config={**RESNET, "out_features": STAGES[1:]})


def test_outputs_also_come_as_a_tuple():
    batch = drawn_batch((64, 64))
    expected = small_model()(**batch)
    assert torch.equal(small_model()(**batch, return_dict=False)[0], expected.loss)
    model = small_model(return_dict=False)
    assert torch.equal(model(**batch)[0], expected.loss)
    assert_same(model.encode(batch["pixel_values"], batch["pixel_mask"]), expected, **EXACT)


def test_masks_without_classes_are_refused():
    batch = drawn_batch((64, 64))
    for name in LABELS:
        with pytest.raises(ValueError, match="give both or neither"):
            small_model()(**{key: value for key, value in batch.items() if key != name})


@pytest.mark.parametrize("frozen", [False, True])
def test_activation_checkpointing_changes_no_gradient(frozen):
    gradients, states, kept = [], [], []
    for checkpointing in (False, True):
        model = small_model(freeze_backbone_norm=frozen, freeze_backbone_stages=2 if frozen else 0).train()
        if checkpointing:
            older = getattr(model, "gradient_checkpointing_enable", None)  # its name before transformers 5.23
            getattr(model, "activation_checkpointing_enable", older)()
        kept.append(kept_numbers(lambda model=model: model(**drawn_batch((64, 64))).loss))
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.requires_grad])
        states.append(model.state_dict())
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, checkpointed, **CLOSE)
    torch.testing.assert_close(states[1], states[0], **EXACT)  # the statistics of norms too
    assert kept[1] < (0.5 if frozen else 0.9) * kept[0]


def kept_numbers(run) -> int:
    """Return the numbers that a forward pass keeps for its backward pass, which is run too."""
    storages = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = run()
    numbers = sum(tensor.numel() for tensor in storages.values() if tensor.is_floating_point())
    loss.backward()
    return numbers


def test_frozen_stages_keep_no_activations_and_change_no_other_gradient():
    batch, found = drawn_batch((64, 64)), {}
    for stages in (0, 2, 5):
        model = small_model(freeze_backbone_norm=True, freeze_backbone_stages=stages).train()
        maps = model.model.backbone(batch["pixel_values"]).feature_maps
        # Stages with a number below that of the first trainable part have no graph.
        assert [features.requires_grad for features in maps] == [stages < first for first in (2, 3, 4, 5)]
        kept = kept_numbers(lambda model=model: model(**batch).loss)
        found[stages] = kept, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert found[5][0] < found[2][0] < found[0][0]
    for stages in (2, 5):
        gradients = found[stages][1]
        torch.testing.assert_close(gradients, {name: found[0][1][name] for name in gradients}, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_frozen_norms_are_plain_ones_that_keep_less(dtype):
    torch.manual_seed(0)
    plain = torch.nn.BatchNorm2d(6)
    with torch.no_grad():
        for values in (plain.weight, plain.bias, plain.running_mean, plain.running_var):
            values.uniform_(0.5, 2)
    plain.eval().requires_grad_(False)
    frozen = copy.deepcopy(plain)
    freeze_norm(frozen)
    assert isinstance(frozen, torch.nn.BatchNorm2d) and frozen.state_dict().keys() == plain.state_dict().keys()
    results = []
    for norm in (plain, frozen):
        features = torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        output = norm(features)
        output.square().sum().backward()
        results.append((output, features.grad))
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[1][1], results[0][1])
    # A norm that learns again is a plain one.
    frozen.train().requires_grad_(True)
    frozen(torch.randn(2, 6, 5, 7)).square().sum().backward()
    assert frozen.weight.grad is not None and frozen.num_batches_tracked == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("labels", "got an unknown argument 'labels'; did you mean 'mask_labels' and 'class_labels'"),
        ("mask_label", "got an unknown argument 'mask_label'; did you mean 'mask_labels'"),
        ("Boxes", "got an unknown argument 'Boxes'; did you mean 'boxes'"),
        ("foo", "got an unknown argument 'foo'; use one of boxes, class_labels, ignore_points"),
    ],
)
def test_unknown_arguments_are_not_swallowed(name, message):
    model = small_model()
    pixel_values = drawn_batch((64, 64))["pixel_values"]
    with pytest.raises(TypeError, match=f"SOLOv2ForInstanceSegmentation {message}"):
        model(pixel_values, **{name: [torch.ones(1, 64, 64)]})
    with pytest.raises(TypeError, match="SOLOv2Model got an unknown argument"):
        model.model(pixel_values, **{name: None})
    general = {"output_hidden_states": False, "output_attentions": False, "num_items_in_batch": 3, "use_cache": False}
    assert model(pixel_values, return_dict=True, **general).loss is None
