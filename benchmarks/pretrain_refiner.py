# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Train the general refiner of the package: class-agnostic, on photos, composites and drawn scenes.

Its encoder starts from ImageNet weights, and its rough masks are perturbed ground truth. With `--held_out`, this
fraction of the photos is only measured. Prints the mean IoU of rough and refined masks on drawn shapes, on the photos
held out and on each folder of `--measure`, and writes it to `measured.json`.

    python benchmarks/pretrain_refiner.py --output_dir outputs/general_refiner --photos data/coco_mini
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets
from refiner_images import composites, drawn_blobs, drawn_shapes, photo_windows
from transformers import set_seed

import pointwssis  # noqa: F401  registers the models
from pointwssis.data import dataset_from_rows, load_annotations, make_shapes_dataset
from pointwssis.models.efficientnet_lite.convert_efficientnet_lite import PREPROCESSING, pretrained_efficientnet_lite
from pointwssis.models.factory import label_maps
from pointwssis.models.mask_refine_net import (
    MaskRefineNetConfig,
    MaskRefineNetForMaskRefinement,
    MaskRefineNetImageProcessorPil,
)
from pointwssis.training import (
    MASK_REFINE_NET_ARGUMENTS,
    Augmentation,
    RefinementDataset,
    RefinementSampling,
    SegmentationTrainer,
    SegmentationTrainingArguments,
)

CLASSES = ["object"]
SAMPLING = RefinementSampling(point_jitter=0.2, perturb=0.92, drop_rough=0.08, color_jitter=0.3)
# Only these are measured: every rough mask is perturbed, and the points lie near the centers.
MEASURED_SAMPLING = RefinementSampling(point_jitter=0.1, perturb=1.0)
AUGMENTATION = Augmentation(horizontal_flip=0.5, vertical_flip=0.2, brightness=0.2, contrast=0.3)


def new_general_refiner(crop_size: int) -> tuple[MaskRefineNetForMaskRefinement, MaskRefineNetImageProcessorPil]:
    """Return the refiner with ImageNet weights in its encoder: EfficientNet-Lite0 without its last blocks."""
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = {"model_type": "efficientnet_lite", "depths": [1, 2, 2, 3, 3, 1, 0], "out_features": stages}
    config = MaskRefineNetConfig(
        backbone_config=backbone,
        class_conditional=False,
        crop_size=crop_size,
        point_sigma=crop_size / 24,
        train_box_scale=[1.4, 2.6],
        input_channels=16,
        aspp_channels=64,
        decoder_channels=[64, 48, 32, 24],
        **label_maps(CLASSES),
    )
    model = MaskRefineNetForMaskRefinement(config)
    # Weights of the blocks that both have; blocks are numbered from the first one.
    weights = pretrained_efficientnet_lite("efficientnet-lite0").state_dict()
    truncated = type(model.encoder.backbone)(config.backbone_config)
    truncated.load_state_dict({name: weights[name] for name in truncated.state_dict()})
    model.init_from_backbone(truncated)
    # The refiner reads RGB in any case.
    preprocessing = {name: value for name, value in PREPROCESSING.items() if name != "do_flip_channel_order"}
    size = {"height": crop_size, "width": crop_size}
    return model, MaskRefineNetImageProcessorPil(size=size, box_scale=config.box_scale, **preprocessing)


def load_rows(folder: Path, splits: Sequence[str]) -> list[Dataset]:
    """Return the splits of a folder in COCO's layout."""
    return [load_annotations(folder / f"annotations/instances_{split}.json", folder / "images") for split in splits]


@torch.inference_mode()
def mean_ious(model: torch.nn.Module, dataset: RefinementDataset, limit: int = 400) -> dict[str, float]:
    """Return the mean IoU of rough and refined masks with the ground truth, in the crops, and how many became worse."""
    model.eval()
    rough_ious, refined_ious = [], []
    indices = np.random.default_rng(0).permutation(len(dataset))[:limit].tolist()
    for start in range(0, len(indices), 50):
        samples = [dataset[index] for index in indices[start : start + 50]]
        batch = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
        truth = batch.pop("mask_labels").bool()
        refined = model(**batch).logits.argmax(dim=1).bool()
        for masks, ious in ((batch["rough_masks"][:, 0].bool(), rough_ious), (refined, refined_ious)):
            intersection, union = (masks & truth).sum((1, 2)), (masks | truth).sum((1, 2))
            ious += (intersection / union.clamp(min=1)).tolist()
    rough, refined = np.array(rough_ious), np.array(refined_ious)
    values = {"objects": len(rough), "rough": rough.mean(), "refined": refined.mean()}
    values |= {"refined_over_75": (refined > 0.75).mean(), "worse": (refined < rough).mean()}
    return {name: round(float(value), 4) for name, value in values.items()}


def one_class(rows: Dataset) -> Dataset:
    """Return rows whose objects are all of the class "object"; crowds and empty masks stay out by themselves."""
    renamed = []
    for row in rows.with_format(None):
        renamed.append({**row, "objects": [{**item, "category": 0} for item in row["objects"]]})
    return dataset_from_rows(renamed, CLASSES)


def training_rows(photos: Dataset, amount: float, seed: int) -> Dataset:
    """Return windows of photos, composites, and drawn scenes."""
    generator = np.random.default_rng(seed)
    parts = [
        photo_windows(photos, max(1, round(5 * amount)), generator),
        composites(photos, round(600 * amount), generator),
        drawn_shapes(round(300 * amount), generator),
        drawn_blobs(round(220 * amount), generator),
    ]
    tables = [dataset_from_rows(part, CLASSES) for part in parts]
    print("objects:", [sum(map(len, table["objects"])) for table in tables], flush=True)
    return concatenate_datasets(tables)


def training_arguments(args: argparse.Namespace) -> SegmentationTrainingArguments:
    """Return the training arguments that follow from the command line."""
    own = {
        "output_dir": str(args.output_dir / "checkpoints"),
        "max_steps": args.max_steps,
        "per_device_train_batch_size": args.batch_size,
        "learning_rate": args.learning_rate,
        "weight_decay": 0.01,
        "warmup_steps": args.max_steps // 20,
        "logging_steps": 50,
        "save_strategy": "no",
        "seed": args.seed,
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return SegmentationTrainingArguments(**{**MASK_REFINE_NET_ARGUMENTS, **own})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder in COCO's layout; both splits are used")
    parser.add_argument(
        "--measure", type=Path, nargs="*", default=[], help="folders in COCO's layout, never trained on"
    )
    parser.add_argument("--held_out", type=float, default=0.0, help="fraction of the photos that is only measured")
    parser.add_argument("--crop_size", type=int, default=96)
    parser.add_argument("--max_steps", type=int, default=1000)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=2e-3)
    parser.add_argument("--amount", type=float, default=1.0, help="factor of the number of images")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    set_seed(args.seed)

    # Photos of both splits, in a random order, of which the first are held out
    photos = concatenate_datasets([one_class(rows) for rows in load_rows(args.photos, ("train", "val"))])
    order = np.random.default_rng(0).permutation(len(photos)).tolist()
    held_out = round(args.held_out * len(photos))
    rows = training_rows(photos.select(order[held_out:]), args.amount, args.seed)
    model, processor = new_general_refiner(args.crop_size)
    print(f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.2f}M parameters", flush=True)

    # Sets to measure: photos held out, other drawn shapes, and other folders
    generator = np.random.default_rng(99)
    measured = {"shapes": one_class(make_shapes_dataset(80, (128, 128), seed=77))}
    if held_out:
        measured["photos"] = dataset_from_rows(photo_windows(photos.select(order[:held_out]), 2, generator), CLASSES)
    for folder in args.measure:
        measured[folder.name] = one_class(load_rows(folder, ("val",))[0])
    scale = model.config.box_scale
    datasets = {
        name: RefinementDataset(each, processor, (scale, scale), MEASURED_SAMPLING) for name, each in measured.items()
    }

    scales = tuple(model.config.train_box_scale)
    dataset = RefinementDataset(rows, processor, scales, SAMPLING, AUGMENTATION, args.seed)
    model = model.to(memory_format=torch.channels_last)  # a third faster on CPUs
    arguments = training_arguments(args)
    trainer = SegmentationTrainer(model=model, args=arguments, train_dataset=dataset, processing_class=processor)
    trainer.train()
    # Half precision halves the file; the configuration makes it load in float32.
    model.half().save_pretrained(args.output_dir)
    model.config.dtype = "float32"
    model.config.save_pretrained(args.output_dir)
    processor.save_pretrained(args.output_dir)
    # What is measured is what was saved.
    saved = MaskRefineNetForMaskRefinement.from_pretrained(args.output_dir)
    results = {name: mean_ious(saved, each) for name, each in datasets.items()}
    print(json.dumps(results, indent=1), flush=True)
    (args.output_dir / "measured.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
