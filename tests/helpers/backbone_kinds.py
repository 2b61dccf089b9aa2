# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of a backbone of any kind, given a folder in which it was saved."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from helpers import tiny
from pointwssis.models import new_refiner, new_segmenter, saved_model
from pointwssis.models.backbone_stages import frozen_modules
from pointwssis.training import SegmentationTrainer, SegmentationTrainingArguments

PREPROCESSING = {
    "image_processor_type": "ConvNextImageProcessor",
    "do_rescale": True,
    "rescale_factor": 0.5,
    "image_mean": [0.1, 0.2, 0.3],
    "image_std": [0.4, 0.5, 0.6],
}
# Parameters that transformers defines and a backbone does not use: the last norm of Swin
UNUSED = ("swin.layernorm.",)
# Norms of the returned feature maps belong to no stage, and pretrained weights do not contain them.
OUTPUT_NORMS = ("hidden_states_norms.",)


def saved_with_preprocessing(backbone: Any, folder: Path) -> str:
    """Save a backbone as Hub repositories hold it."""
    backbone.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    return str(folder)


def teacher(path: str, **fields: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    return new_segmenter(tiny.NAMES, {**tiny.HEADS, **fields}, tiny.IMAGE_SIZE, None, path)


def train(model: Any, processor: Any, rows: Any, folder: Path) -> None:
    """Train two steps, and check that all that is not frozen has changed."""
    before = {name: value.clone() for name, value in model.named_parameters()}
    # AdamW moves weights with tiny gradients as well.
    options = {"optim": "adamw_torch", "optim_args": None, "learning_rate": 0.01, "warmup_steps": 0, "milestones": []}
    args = SegmentationTrainingArguments(
        str(folder),
        max_steps=2,
        per_device_train_batch_size=2,
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
        **options,
    )
    SegmentationTrainer(model, args, train_dataset=rows, processing_class=processor).train()
    for name, value in model.named_parameters():
        changed = not torch.equal(before[name], value)
        if not any(unused in name for unused in UNUSED):
            assert changed == value.requires_grad, name


def check_teacher(path: str, backbone: Any, folder: Path) -> None:
    """Check weights, training, and saving of a SOLOv2 with a saved backbone."""
    model, processor = teacher(path)
    ours = model.model.backbone.state_dict()
    weights = {name: value for name, value in backbone.state_dict().items() if not name.startswith(OUTPUT_NORMS)}
    assert len(weights) > 10 and all(torch.equal(ours[name], value) for name, value in weights.items())
    assert len(model.model.backbone.channels) == 4
    train(model, processor, tiny.shapes(4), folder / "run")
    check_saving(model, processor, {"pixel_values": torch.randn(1, 3, 64, 64)}, folder / "saved")


def check_refiner(path: str, backbone: Any, folder: Path) -> None:
    """Check weights, training, and saving of a MaskRefineNet with a saved backbone."""
    torch.manual_seed(0)
    model, processor = new_refiner(tiny.NAMES, {"input_channels": 8, "crop_size": 64}, path)
    ours = model.encoder.backbone.state_dict()
    shared = [name for name, value in backbone.state_dict().items() if name in ours and ours[name].shape == value.shape]
    shared = [name for name in shared if not name.startswith(OUTPUT_NORMS)]
    assert len(shared) > 10 and all(torch.equal(ours[name], backbone.state_dict()[name]) for name in shared)
    rows = tiny.shapes(4)
    train(model, processor, rows.map(_with_rough, features=rows.features), folder / "run")
    inputs = {"pixel_values": torch.randn(1, 3, 64, 64), "rough_masks": torch.ones(1, 1, 64, 64)}
    prompts = {"input_points": torch.tensor([[20.0, 30.0]]), "class_labels": torch.tensor([1])}
    check_saving(model, processor, {**inputs, **prompts}, folder / "saved")


def _with_rough(row: dict[str, Any]) -> dict[str, Any]:
    return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}


def check_saving(model: Any, processor: Any, inputs: dict[str, Any], folder: Path) -> None:
    """Check that a saved and loaded model has the same weights and outputs."""
    loaded, _ = saved_model(tiny.saved(folder, (model, processor)), tiny.NAMES)
    assert tiny.same_weights(loaded.state_dict(), model.state_dict())
    field = "logits" if "rough_masks" in inputs else "mask_features"
    with torch.no_grad():
        found, expected = loaded.eval()(**inputs)[field], model.eval()(**inputs)[field]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def check_freezing(path: str, count: int) -> None:
    """Check that the first parts of a backbone, and nothing else, are frozen."""
    model, _ = teacher(path, freeze_backbone_stages=count, freeze_backbone_norm=False)
    backbone = model.train().model.backbone
    frozen = {name for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    total = {name for name, _ in backbone.named_parameters() if not name.startswith((*OUTPUT_NORMS, *UNUSED))}
    # Part by part more is frozen, at last everything.
    fewer = {id(module) for module in frozen_modules(backbone, max(count - 1, 0))}
    more = {id(module) for module in frozen_modules(backbone, count)}
    assert (fewer < more) if count else not frozen
    assert frozen < total if count < 5 else frozen == total
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.training == norm.weight.requires_grad for norm in norms)
    # What is frozen comes first: the map of the last frozen stage has no graph, that of the next one has.
    maps = backbone(torch.randn(1, 3, 64, 64)).feature_maps
    if not any(name.startswith(OUTPUT_NORMS) for name, _ in backbone.named_parameters()):
        assert [feature.requires_grad for feature in maps] == [stage + 2 > count for stage in range(4)]
