# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labels that are not complete: what nobody marked is no background, and masks count as much as they are worth."""

import pytest
import torch

from helpers.small_solov2 import drawn_batch, small_model
from pointwssis.models.solov2.grid_solov2 import cell_of
from pointwssis.models.solov2.loss_mask_solov2 import IncompleteLabels
from pointwssis.models.solov2.loss_solov2 import image_targets, solov2_loss

SIZE = (96, 96)


def gradients(model, **labels) -> list[torch.Tensor]:
    """Return the gradient of the loss by each class logit, (B, C, S, S) per level."""
    outputs = model.model(labels["pixel_values"], labels["pixel_mask"])
    logits = [level.detach().requires_grad_() for level in outputs.class_logits]
    outputs.class_logits = logits
    partial = IncompleteLabels(*(labels.get(name) for name in IncompleteLabels._fields))
    losses = solov2_loss(outputs, labels["mask_labels"], labels["class_labels"], None, model.config, partial)
    return list(torch.autograd.grad(losses["loss_class"], logits))


def one_of_two(batch: dict) -> dict:
    """Return the batch with only the first object of the first image."""
    first = {name: [batch[name][0][:1], *batch[name][1:]] for name in ("mask_labels", "class_labels")}
    return {**batch, **first}


def test_nothing_partial_is_the_ordinary_loss():
    model, batch = small_model().train(), drawn_batch(SIZE, SIZE)
    plain = model(**batch).loss_dict
    partial = model(
        **batch,
        mask_weights=[torch.ones(2), torch.ones(2)],
        incomplete_classes=torch.zeros(2, 3, dtype=torch.bool),
        ignore_points=[torch.zeros(0, 2), torch.zeros(0, 2)],
    ).loss_dict
    assert all(torch.equal(plain[name], partial[name]) for name in plain)


def test_an_incomplete_image_has_no_class_loss_outside_of_its_masks():
    model, batch = small_model().train(), one_of_two(drawn_batch(SIZE, SIZE))
    incomplete = torch.tensor([[True] * 3, [False] * 3])
    found = gradients(model, **batch, incomplete_classes=incomplete)
    levels, reduced = image_targets(batch["mask_labels"][0], None, SIZE, model.config)
    for gradient, level in zip(found, levels, strict=True):
        grid = gradient.shape[-1]
        inside = torch.nn.functional.adaptive_avg_pool2d(reduced.any(0)[None, None].float(), grid)[0, 0] >= 0.5
        claimed = inside | (level.owners >= 0).view(grid, grid)
        assert (gradient[0][:, ~claimed] == 0).all()
        assert (gradient[0][:, claimed] != 0).all()
        assert (gradient[1] != 0).all()  # the complete image learns everywhere
    assert any((gradient[0] != 0).any() for gradient in found)


def test_an_image_level_label_leaves_its_own_classes_open_only():
    model, batch = small_model().train(), drawn_batch(SIZE)
    empty = {**batch, "mask_labels": [batch["mask_labels"][0][:0]], "class_labels": [batch["class_labels"][0][:0]]}
    for gradient in gradients(model, **empty, incomplete_classes=torch.tensor([[False, True, False]])):
        assert (gradient[0, 1] == 0).all() and (gradient[0, [0, 2]] != 0).all()


def test_the_cells_around_a_point_without_a_mask_teach_nothing():
    model, batch = small_model().train(), one_of_two(drawn_batch(SIZE))
    point = torch.tensor([[70.0, 68.0]])
    for gradient in gradients(model, **batch, ignore_points=[point]):
        grid = gradient.shape[-1]
        column, row = cell_of(point, grid, SIZE)[0].tolist()
        near = torch.zeros(grid, grid, dtype=torch.bool)
        near[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = True
        # The other object keeps the cells that are its own, even next to the point.
        owned = gradient[0, 0] < 0
        assert (gradient[0][:, near & ~owned] == 0).all()
        assert (gradient[0][:, ~near] != 0).all()


def test_a_mask_that_counts_nothing_has_no_gradient_and_halves_are_weighed():
    model, batch = small_model().train(), drawn_batch(SIZE)
    alone = one_of_two(batch)
    weighed = model(**batch, mask_weights=[torch.tensor([1.0, 0.0])]).loss_dict["loss_mask"]
    assert torch.allclose(weighed, model(**alone).loss_dict["loss_mask"])
    both, second = (model(**batch, mask_weights=[w]).loss_dict["loss_mask"] for w in torch.tensor([[1.0, 1], [0, 1]]))
    low, high = sorted([weighed.item(), second.item()])
    assert low < both.item() < high
    assert model(**batch, mask_weights=[torch.zeros(2)]).loss_dict["loss_mask"].item() == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"mask_weights": [torch.ones(2)]}, "mask_weights has 1 entries for a batch of 2"),
        (
            {"mask_weights": [torch.ones(2), torch.ones(3)]},
            r"image 1 of the batch: mask_weights must have the shape \(2,\).* got \(3,\)",
        ),
        ({"incomplete_classes": torch.zeros(2, 2)}, r"incomplete_classes must have the shape \(2, 3\).* got \(2, 2\)"),
        ({"ignore_points": [torch.zeros(1, 2)]}, "ignore_points has 1 entries for a batch of 2"),
        (
            {"ignore_points": [torch.zeros(1, 2), torch.zeros(1, 3)]},
            r"image 1 of the batch: ignore_points must have the sh",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_error(labels, message):
    with pytest.raises(ValueError, match=message):
        small_model()(**drawn_batch(SIZE, SIZE), **labels)


def test_what_the_network_finds_unlikely_may_be_taken_for_background():
    model, batch = small_model().train(), one_of_two(drawn_batch(SIZE))
    with torch.no_grad():
        logits = model.model(batch["pixel_values"], batch["pixel_mask"]).class_logits
    levels, reduced = image_targets(batch["mask_labels"][0], None, SIZE, model.config)
    middle = torch.cat([level.flatten() for level in logits]).sigmoid().median().item()
    open_image = torch.ones(1, 3, dtype=torch.bool)
    for threshold in (0, middle, 1):
        model.config.background_threshold = threshold
        found = gradients(model, **batch, incomplete_classes=open_image)
        for gradient, level, values in zip(found, levels, logits, strict=True):
            grid = gradient.shape[-1]
            inside = torch.nn.functional.adaptive_avg_pool2d(reduced.any(0)[None, None].float(), grid)[0, 0] >= 0.5
            claimed = inside | (level.owners >= 0).view(grid, grid)
            assert torch.equal(gradient[0] != 0, claimed | (values[0].sigmoid() < threshold))
    everything = gradients(model, **batch)
    assert all(torch.equal(one, other) for one, other in zip(found, everything, strict=True))
