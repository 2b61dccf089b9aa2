# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers.official_solov2 import (
    GRIDS_AND_RANGES,
    R50,
    as_input,
    labels_of,
    official_model,
    official_shapes,
    our_names,
)
from helpers.paths import PARITY
from helpers.small_solov2 import drawn_batch, lively_model, rectangles, small_config, small_model
from pointwssis.models.solov2 import loss_solov2
from pointwssis.models.solov2.grid_solov2 import assign_cells
from pointwssis.models.solov2.loss_solov2 import image_targets, solov2_loss
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.models.solov2.official_prompts_solov2 import truncated
from pointwssis.ops.mask_ops import centers_of_mass, masks_to_boxes

GOLDEN = np.load(PARITY / "c_losses.npz")
FACTS = json.loads((PARITY / "c_losses.json").read_text())["losses"]
IMAGES = "ABC"
PADDED = (352, 416)
TAGS = sorted(GRIDS_AND_RANGES)


def batch_labels() -> dict[str, list[torch.Tensor]]:
    masks, classes, boxes = zip(*(labels_of(GOLDEN, image) for image in IMAGES), strict=True)
    return {"mask_labels": list(masks), "class_labels": list(classes), "boxes": list(boxes)}


# -- parity: losses and gradients --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", TAGS)
def test_official_losses_and_gradients_are_reproduced(tag):
    model = official_model("solov2_r50", **R50, **GRIDS_AND_RANGES[tag]).train()
    expected = FACTS[tag]
    assert model.config.num_grids == expected["num_grids"] and model.config.scale_ranges == expected["scale_ranges"]
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == expected["num_trainable"]
    learning = [name for name, p in model.model.backbone.named_parameters() if p.requires_grad]
    assert expected["frozen_bottom_up_blocks"] == ["res2", "stem"]
    assert {name.split(".layers")[0] for name in learning} == {f"encoder.stages.{stage}" for stage in (1, 2, 3)}
    outputs = model(**as_input(*(GOLDEN[f"image{image}_bgr"] for image in IMAGES)), **batch_labels())
    losses = {name: outputs.loss_dict[name].item() for name in ("loss_mask", "loss_class")}
    np.testing.assert_allclose(losses["loss_mask"], expected["loss_ins"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(losses["loss_class"], expected["loss_cate"], rtol=1e-4, atol=1e-4)
    assert outputs.loss.item() == pytest.approx(sum(losses.values()))

    parameters = dict(model.named_parameters())
    names = our_names(official_shapes("solov2_r50", 3), model.state_dict())
    wanted = [parameters[names[name]] for name in expected["grads"]]
    for (name, facts), gradient in zip(
        expected["grads"].items(), torch.autograd.grad(outputs.loss, wanted), strict=True
    ):
        gradient = gradient.double()
        got = {"sum": gradient.sum().item(), "norm": gradient.norm().item(), "max": gradient.abs().max().item()}
        for statistic, value in facts.items():
            np.testing.assert_allclose(got[statistic], value, rtol=1e-3, err_msg=f"{name} {statistic}")


@pytest.mark.parametrize("tag", TAGS)
def test_official_losses_on_given_outputs_are_reproduced(tag):
    """The rule of the golden file draws the outputs, so that targets and losses alone decide."""
    expected, config = FACTS[tag]["isolated"], small_config(kernel_channels=32, **ranges(tag))
    random = np.random.default_rng(777)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.as_tensor(random.standard_normal(shape).astype(np.float32))

    class_logits = [drawn(3, 3, grid, grid) for grid in config.num_grids]
    kernels = [0.2 * drawn(3, 32, grid, grid) for grid in config.num_grids]
    leaves = [*class_logits, *kernels, drawn(3, 32, 88, 104).clamp(min=0)]
    for leaf in leaves:
        leaf.requires_grad_()
    outputs = SimpleNamespace(
        class_logits=leaves[:5],
        kernels=leaves[5:10],
        mask_features=leaves[10],
        valid_sizes=torch.tensor([GOLDEN[f"gt{image}_hw"].tolist() for image in IMAGES]),
    )
    losses = solov2_loss(outputs, **batch_labels(), config=config)
    np.testing.assert_allclose(losses["loss_mask"].item(), expected["loss_ins"], rtol=1e-4)
    np.testing.assert_allclose(losses["loss_class"].item(), expected["loss_cate"], rtol=1e-4)
    sum(losses.values()).backward()
    norms = [leaf.grad.double().norm().item() for leaf in leaves]
    np.testing.assert_allclose(norms[:5], expected["grad_cate_norm"], rtol=1e-3)
    np.testing.assert_allclose(norms[5:10], expected["grad_kernel_norm"], rtol=1e-3)
    np.testing.assert_allclose(norms[10], expected["grad_mask_norm"], rtol=1e-3)
    np.testing.assert_allclose(leaves[10].grad.double().sum().item(), expected["grad_mask_sum"], rtol=1e-3)


# -- parity: target assignment -----------------------------------------------------------------------------------------


def ranges(tag: str) -> dict:
    """Return the grids and scale ranges of a tag."""
    return {name: FACTS[tag][name] for name in ("num_grids", "scale_ranges")}


def targets(tag: str, mode: str, image: int):
    """Return our targets of one golden image, its canvas, valid size, and class labels."""
    masks, classes, boxes = labels_of(GOLDEN, IMAGES[image])
    valid = tuple(int(side) for side in GOLDEN[f"gt{IMAGES[image]}_hw"])
    # Training pads to the batch; at test time the official code sees one image at a time, and reads one cell per level.
    canvas = PADDED if mode == "train" else tuple(-(-side // 32) * 32 for side in valid)
    config = SimpleNamespace(**ranges(tag), center_sigma=0.2 if mode == "train" else 0)
    if mode == "eval_point_allranges":
        config.scale_ranges = [[1, 100_000]] * 5
    return *image_targets(masks, boxes, canvas, config), canvas, valid, masks, classes


CASES = sorted({"/".join(name.split("/")[:3]) for name in GOLDEN.files if "/" in name})


@pytest.mark.parametrize("case", CASES)
def test_official_targets_are_reproduced(case):
    tag, mode, image = case.split("/")
    levels, reduced, canvas, valid, masks, classes = targets(tag, mode, int(image.removeprefix("img")))
    codes = {name: point_codes(masks, size) for name, size in (("point_enc", canvas), ("point_ori", valid))}
    for index, level in enumerate(levels):
        expected = {name: GOLDEN[f"{case}/lvl{index}/{name}"] for name in NAMES}
        assert level.cells.tolist() == expected["grid_order"].tolist()
        owners = level.owners.numpy()
        owned = owners >= 0
        assert (owned == expected["ins_ind_label"]).all()
        np.testing.assert_array_equal(with_default(classes.numpy(), owners, 3), expected["cate_label"].flatten())
        for name, code in codes.items():
            np.testing.assert_array_equal(with_default(code, owners, 0), expected[name].flatten(), err_msg=name)
        learned = reduced[level.objects]
        assert list(learned.shape) == expected["ins_label_shape"].tolist()
        assert learned.flatten(1).sum(1).tolist() == expected["ins_label_sums"].tolist()
        packed = np.packbits(learned.flatten(1).numpy(), axis=1)
        assert (packed == expected["ins_label_packed"]).all() if len(learned) else packed.size == 0


NAMES = (
    "cate_label",
    "ins_ind_label",
    "grid_order",
    "ins_label_shape",
    "ins_label_sums",
    "ins_label_packed",
    "point_enc",
    "point_ori",
)


def test_no_golden_target_is_left_out():
    # Three images in training; at test time the official code raises on the one without objects.
    assert {case.split("/")[1] for case in CASES} == {"train", "eval_point_allranges", "eval_point_ownranges"}
    assert {name.split("/")[-1] for name in GOLDEN.files if "/" in name} == set(NAMES)
    assert {case.split("/")[0] for case in CASES} == set(TAGS)


def with_default(values: np.ndarray, owners: np.ndarray, default: int) -> np.ndarray:
    """Return the value of the owner of each cell, and `default` for a cell without an owner."""
    return np.where(owners >= 0, values[owners], default) if len(values) else np.full(len(owners), default)


def point_codes(masks: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Return the official integer of each center: y and x in ten-thousandths of the sides."""
    sides = torch.tensor([size[1], size[0]], dtype=torch.float64)
    x, y = (truncated(centers_of_mass(masks), size) / sides * 1e4).round().long().unbind(dim=1)
    return (y * 10_000 + x).numpy()


@pytest.mark.parametrize("tag", TAGS)
def test_number_of_positive_cells(tag):
    images = [targets(tag, "train", image)[0] for image in range(3)]
    assert [[len(level.cells) for level in levels] for levels in images] == FACTS[tag]["cells_per_level"]
    unique = sum(len(level.cells.unique()) for levels in images for level in levels)
    assert unique == FACTS[tag]["unique_positive_cells"]


# -- edges of the assignment -------------------------------------------------------------------------------------------


def one_level(boxes: list, scale_range=(1, 2048), grid: int = 4, canvas=(64, 64), sigma: float = 0.2):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return assign_cells((boxes[:, :2] + boxes[:, 2:]) / 2, boxes, grid, scale_range, canvas, sigma)


def test_scale_ranges_include_their_lower_end_only():
    boxes = [[0, 0, 16, 16], [0, 0, 32, 32], [0, 0, 31, 33]]
    assert one_level(boxes, (16, 32)).objects.unique().tolist() == [0, 2]
    assert one_level(boxes, (32, 64)).objects.unique().tolist() == [1]
    assert one_level([[3, 3, 3.5, 3.5]]).objects.tolist() == []  # below one pixel: no level, as in the official code


def test_the_later_object_takes_a_shared_cell_and_the_earlier_keeps_its_mask():
    found = one_level([[4, 4, 12, 12], [6, 6, 14, 14]])
    assert found.cells.tolist() == [0, 0] and found.objects.tolist() == [0, 1]
    assert found.owners[0] == 1 and (found.owners[1:] == -1).all()


def test_positive_cells_are_at_most_three_by_three_and_stay_in_the_grid():
    assert one_level([[0, 0, 64, 64]], sigma=1.0).cells.tolist() == [5, 6, 7, 9, 10, 11, 13, 14, 15]
    assert one_level([[0, 0, 64, 64]], sigma=0).cells.tolist() == [10]
    assert one_level([[48, 48, 64, 64]], sigma=1.0).cells.tolist() == [15]  # its region ends where the grid ends


def test_an_object_that_vanished_teaches_nothing_even_with_ranges_from_zero():
    masks = rectangles(64, 64, (0, 0, 0, 0), (12, 12, 32, 32))
    config = small_config(scale_ranges=[[0, 2048]] * 5)
    for boxes in (None, torch.tensor([[5.0, 5, 25, 25], [12, 12, 32, 32]])):
        levels, reduced = image_targets(masks, boxes, (64, 64), config)
        assert all(set(level.objects.tolist()) == {1} for level in levels)
        assert reduced[0].sum() == 0 and reduced[1].sum() == 25


def test_absent_boxes_are_the_extents_of_the_masks():
    model, batch = small_model(), drawn_batch((64, 96), (75, 50))
    extents = [masks_to_boxes(masks) for masks in batch["mask_labels"]]
    assert extents[0].tolist() == [[4, 6, 26, 30], [48, 32, 94, 60]]
    absent, given = model(**batch), model(**batch, boxes=extents)
    assert torch.equal(absent.loss, given.loss)
    larger = model(**batch, boxes=[boxes * torch.tensor([0, 0, 1, 1]) for boxes in extents])
    assert not torch.equal(absent.loss, larger.loss)


def test_targets_do_not_depend_on_how_many_objects_are_made_at_once(monkeypatch):
    corners = [(5 * k, 3 * k, 5 * k + 9, 3 * k + 20) for k in range(11)]
    masks, config = rectangles(75, 91, *corners), small_config()
    (levels, reduced) = image_targets(masks, None, (96, 96), config)
    monkeypatch.setattr(loss_solov2, "OBJECTS_PER_CHUNK", 1000)
    (expected, all_at_once) = image_targets(masks, None, (96, 96), config)
    assert torch.equal(reduced, all_at_once)
    for got, want in zip(levels, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


# -- edges of the loss -------------------------------------------------------------------------------------------------


def assert_every_parameter_learns(model: SOLOv2ForInstanceSegmentation, outputs):
    outputs.loss.backward()
    assert torch.isfinite(outputs.loss)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


def test_an_image_without_objects_beside_one_with_objects():
    model, batch = small_model().train(), drawn_batch((64, 96), (75, 50))
    batch["mask_labels"][1], batch["class_labels"][1] = torch.zeros(0, 96, 96), torch.zeros(0, dtype=torch.long)
    outputs = model(**batch)
    assert outputs.loss_dict["loss_mask"] > 0
    assert_every_parameter_learns(model, outputs)


EMPTY = {
    "no object": (rectangles(64, 64), [], None),
    "objects that vanished": (torch.zeros(2, 64, 64), [0, 1], [[5, 5, 30, 30], [9, 9, 12, 12]]),
    "objects beyond every range": (rectangles(64, 64, (5, 5, 9, 9)), [2], [[0, 0, 5000, 5000]]),
}


@pytest.mark.parametrize("case", sorted(EMPTY))
@pytest.mark.parametrize("frozen", [False, True])
def test_a_batch_without_a_positive_reaches_every_parameter(case, frozen):
    """The official code raises here; gradients everywhere keep distributed training from waiting for them."""
    masks, classes, boxes = EMPTY[case]
    model = small_model(freeze_backbone_norm=frozen, freeze_backbone_stages=2 if frozen else 0).train()
    outputs = model(
        torch.randn(2, 3, 64, 64),
        mask_labels=[masks] * 2,
        class_labels=[torch.tensor(classes, dtype=torch.long)] * 2,
        boxes=None if boxes is None else [torch.tensor(boxes, dtype=torch.float32)] * 2,
    )
    assert outputs.loss_dict["loss_mask"] == 0 and outputs.loss_dict["loss_class"] > 0
    assert_every_parameter_learns(model, outputs)


def test_more_objects_than_opencv_can_take():
    """The official code fails on more than 512 objects per level (OpenCV 4)."""
    corners = [(x, y, x + 3, y + 3) for x in range(0, 90, 4) for y in range(0, 108, 4)]
    masks = rectangles(108, 92, *corners)
    assert len(masks) > 600
    model = small_model().train()
    outputs = model(torch.randn(1, 3, 108, 92), mask_labels=[masks], class_labels=[torch.zeros(len(masks), dtype=int)])
    assert_every_parameter_learns(model, outputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_chunks_of_positive_cells_change_no_gradient(monkeypatch, dtype):
    batch, found = drawn_batch((64, 96), (75, 50)), []
    for pixels in (2**22, 1500):  # all cells at once; three or four at a time
        monkeypatch.setattr(loss_solov2, "LOSS_PIXELS_PER_CHUNK", pixels)
        model = lively_model().train()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            outputs = model(**batch)
        outputs.loss.backward()
        found.append([outputs.loss, *(parameter.grad for parameter in model.parameters())])
    # Only the order of the sums over cells differs; how much that changes depends on the processor.
    tolerance = 1e-4 if dtype == torch.float32 else 0.02
    for whole, chunked in zip(*found, strict=True):
        torch.testing.assert_close(chunked, whole, rtol=tolerance, atol=tolerance * whole.abs().max().item())


def test_the_memory_of_the_mask_loss_does_not_grow_with_the_cells(monkeypatch):
    # Autograd keeps no mask per positive cell: the largest tensor is the mask features, 8 · 32 · 32.
    monkeypatch.setattr(loss_solov2, "LOSS_PIXELS_PER_CHUNK", 20_000)
    kept = []
    for count in (40, 160):
        cells, objects = torch.arange(count) % 64, torch.arange(count)
        level = SimpleNamespace(cells=cells, objects=objects)
        outputs = SimpleNamespace(
            kernels=[torch.randn(1, 8, 8, 8, requires_grad=True)], mask_features=torch.randn(1, 8, 32, 32)
        )
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, saved=saved: saved.append(t) or t, lambda t: t):
            losses = loss_solov2.positive_cell_losses(outputs, 0, [level], torch.zeros(count, 32, 32).bool())
        assert losses.requires_grad and len(losses) == count
        kept.append(max(tensor.numel() for tensor in saved if tensor.is_floating_point()))
    assert max(kept) < 20_000


def test_the_weights_of_the_losses_scale_them():
    batch = drawn_batch((64, 64))
    plain, weighted = (lively_model(**weights)(**batch).loss_dict for weights in ({}, WEIGHTS))
    for name, ratio in (("loss_class", 2), ("loss_mask", 0.5)):
        torch.testing.assert_close(weighted[name], ratio * plain[name])


WEIGHTS = {"class_loss_weight": 2, "mask_loss_weight": 1.5}


# -- labels that do not fit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask_labels": []}, "mask_labels has 0 entries for a batch of 1"),
        ({"class_labels": [torch.zeros(2, dtype=torch.long)] * 2}, "class_labels has 2 entries for a batch of 1"),
        ({"boxes": []}, "boxes has 0 entries"),
        (
            {"class_labels": [torch.tensor([0])]},
            r"image 0.*mask_labels and class_labels .* got \(2, 64, 96\) and \(1,\)",
        ),
        ({"mask_labels": [torch.zeros(64, 96)]}, r"image 0.*\(N, height, width\)"),
        ({"class_labels": [torch.tensor([0, 3])]}, r"class_labels must lie between 0 and 2, got \[0, 3\]"),
        ({"class_labels": [torch.tensor([-1, 0])]}, r"class_labels must .* got \[-1, 0\]"),
        ({"boxes": [torch.zeros(1, 4)]}, r"boxes must have the shape \(2, 4\).* got \(1, 4\)"),
        ({"mask_labels": [torch.ones(2, 128, 192)]}, "128 × 192 pixels, but the image is 64 × 96.*resize"),
        ({"mask_labels": [torch.ones(2, 32, 48)]}, "32 × 48 pixels, but the image is 64 × 96.*resize"),
    ],
)
def test_labels_that_do_not_fit_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        small_model()(**{**drawn_batch((64, 96)), **change})


def test_masks_count_with_and_without_padding():
    model, batch = small_model(), drawn_batch((64, 96), (75, 50))
    sizes = [(64, 96), (75, 50)]
    cropped = [masks[:, :height, :width] for masks, (height, width) in zip(batch["mask_labels"], sizes, strict=True)]
    assert torch.equal(model(**batch).loss, model(**{**batch, "mask_labels": cropped}).loss)
