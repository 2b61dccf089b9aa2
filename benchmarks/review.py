# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure whether doubt finds wrong pseudo labels, and whether correcting the worst ones helps a student.

The data of the runs must hold the hidden masks. `find` prints the AUROC of each signal and of the doubt, for labels
that are wrong by themselves (IoU below one half) and for injected errors, and how much better the labels become when
the worst of them are corrected instead of random ones. `train` continues the student of each run from its teacher,
with no, random, the worst, or all labels corrected.

    python benchmarks/review.py find outputs/seed_1 outputs/seed_2
    python benchmarks/review.py train outputs/seed_1 outputs/seed_2 --output_dir outputs/review --max_steps 120
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, concatenate_datasets

from pointwssis.data import class_names, dataset_from_rows
from pointwssis.data.schema import masks_by_id
from pointwssis.ops import decode_rle, encode_mask
from pointwssis.ops.coco_masks import rle_area, rle_iou
from pointwssis.pseudo_labeling.doubt import REASONS, LabelDoubt, label_doubts, pseudo_labels, worst_first
from pointwssis.registration import register
from pointwssis.review.worst_images import worst_images
from pointwssis.runs.data import RunData, load_data
from pointwssis.runs.held_back import with_validation
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.saved_rows import stored_rows
from pointwssis.runs.segmenter_stage import SegmenterTraining, train_segmenter

ERRORS = ("swapped", "eroded", "shifted", "merged")
ERROR_FRACTION = 0.1  # of the labels that are made wrong
WRONG_IOU = 0.5
Item = dict[str, Any]


# -- measures


def ranks(values: Sequence[float]) -> np.ndarray:
    """Return the ranks from 1; equal values share their mean rank."""
    _, inverse, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def auroc(doubts: Sequence[float], is_wrong: np.ndarray) -> float:
    """Return the probability that a wrong label is doubted more than a right one; ties count one half."""
    wrong, right = int(is_wrong.sum()), int((~is_wrong).sum())
    if not wrong or not right:
        return float("nan")
    return float((ranks(doubts)[is_wrong].sum() - wrong * (wrong + 1) / 2) / (wrong * right))


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the rank correlation; nan for a signal that does not vary."""
    if len(set(first)) < 2:
        return float("nan")
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


# -- injected errors


def eroded(mask: np.ndarray) -> np.ndarray:
    """Return a mask that lost pixels at its border until half of its area is left."""
    kept = mask
    while kept.sum() > mask.sum() / 2:
        padded = np.pad(kept, 1)
        smaller = kept & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        if not smaller.any():
            break
        kept = smaller
    return kept


def shifted(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a mask that is moved by 0.4 √area in a random direction."""
    distance, angle = 0.4 * np.sqrt(mask.sum()), generator.uniform(0, 2 * np.pi)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + round(distance * np.sin(angle)), columns + round(distance * np.cos(angle))
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved = np.zeros_like(mask)
    moved[rows[inside], columns[inside]] = True
    return moved


def with_errors(labels: Dataset, seed: int) -> tuple[Dataset, dict[int, str]]:
    """Return labels with errors in rough and refined masks alike, and object id → error of the wrong ones."""
    generator, errors, rows = np.random.default_rng(seed), {}, []
    for row in labels.with_format(None):
        items = [item for item in pseudo_labels(row) if rle_area(item["segmentation"]) and item["point"]]
        for item in items:
            if generator.random() < ERROR_FRACTION and item["id"] not in errors:
                error = ERRORS[generator.integers(len(ERRORS))]
                _make_wrong(error, item, items, errors, generator)
        rows.append(row)
    return dataset_from_rows(rows, class_names(labels)), errors


def _make_wrong(
    error: str, item: Item, items: Sequence[Item], errors: dict[int, str], generator: np.random.Generator
) -> None:
    """Make one label wrong in place, unless it has no neighbor to swap or to merge with."""
    others = [other for other in items if other["id"] != item["id"] and other["id"] not in errors]
    if error in ("swapped", "merged") and not others:
        return
    state = generator.bit_generator.state
    nearest = min(others, key=lambda other: np.hypot(*np.subtract(other["point"], item["point"])), default=None)
    for field in ("segmentation", "rough_segmentation"):
        generator.bit_generator.state = state  # both masks move the same way
        mask = decode_rle(item[field])
        if error == "swapped":
            item[field], nearest[field] = nearest[field], item[field]
        elif error == "merged":
            item[field] = encode_mask(mask | decode_rle(nearest[field]))
        else:
            item[field] = encode_mask(eroded(mask) if error == "eroded" else shifted(mask, generator))
    errors[item["id"]] = error
    if error == "swapped":
        errors[nearest["id"]] = error


def with_random_clicks(labels: Dataset, truth: Mapping[int, Any], seed: int) -> Dataset:
    """Return labels whose clicks lie anywhere in the true masks, not at their centers."""
    generator, rows = np.random.default_rng(seed), []
    for row in labels.with_format(None):
        for item in row["objects"]:
            if item["point"] is not None and item["id"] in truth:
                inside = np.argwhere(decode_rle(truth[item["id"]]))
                y, x = inside[generator.integers(len(inside))]
                item["point"] = [float(x), float(y)]
        rows.append(row)
    return dataset_from_rows(rows, class_names(labels))


# -- finding wrong labels


def measured(labels: Dataset, truth: Mapping[int, Any]) -> tuple[list[LabelDoubt], np.ndarray]:
    """Return the doubts about labels, and the (N,) IoUs with the true masks."""
    doubts = [label for label in label_doubts(labels) if label.item["id"] in truth]
    ious = [rle_iou(label.item["segmentation"], truth[label.item["id"]]) for label in doubts]
    return doubts, np.array(ious)


def print_found(labels: Dataset, truth: Mapping[int, Any], seed: int) -> None:
    """Print a table with one row per signal: how well it finds wrong labels."""
    doubts, ious = measured(labels, truth)
    wrong, errors = with_errors(labels, seed)
    injected, _ = measured(wrong, truth)
    kinds = np.array([errors.get(label.item["id"], "") for label in injected])
    print(f"{len(doubts)} labels, {np.mean(ious < WRONG_IOU):.1%} wrong, {len(errors)} errors injected")
    print(
        f"| | IoU < {WRONG_IOU} | Spearman | all injected | {' | '.join(ERRORS)} |\n|---|{'---|' * (3 + len(ERRORS))}"
    )
    getters: dict[str, Callable[[LabelDoubt], float]] = {
        name: lambda label, name=name: -label.signals[name] for name in REASONS
    }
    getters["doubt"] = lambda label: label.doubt
    for name, value in getters.items():
        own, of_injected = [value(label) for label in doubts], np.array([value(label) for label in injected])
        cells = [auroc(own, ious < WRONG_IOU), spearman(np.negative(own), ious), auroc(of_injected, kinds != "")]
        for error in ERRORS:
            chosen = (kinds == "") | (kinds == error)
            cells.append(auroc(of_injected[chosen], kinds[chosen] == error))
        print(f"| {name} | {' | '.join('–' if np.isnan(cell) else f'{cell:.3f}' for cell in cells)} |")


def print_gains(labels: Dataset, truth: Mapping[int, Any], seed: int) -> None:
    """Print the mean IoU of the labels when some are corrected, chosen by doubt or at random."""
    doubts, ious = measured(labels, truth)
    order = {id(label): place for place, label in enumerate(doubts)}
    worst = [order[id(label)] for label in worst_first(doubts)]
    drawn = np.random.default_rng(seed).permutation(len(doubts))
    print("| corrected masks | random | worst by doubt | worst by the true IoU |\n|---|---|---|---|")
    for fraction in (0, 0.05, 0.1, 0.2, 0.4):
        count, cells = round(fraction * len(doubts)), []
        for chosen in (drawn, worst, np.argsort(ious, kind="stable")):
            corrected = ious.copy()
            corrected[chosen[:count]] = 1
            cells.append(f"{100 * corrected.mean():.1f}")
        print(f"| {fraction:.0%} ({count}) | {' | '.join(cells)} |")
    _print_image_gains(doubts, ious, seed)


def _print_image_gains(doubts: Sequence[LabelDoubt], ious: np.ndarray, seed: int) -> None:
    """Print how much of the error lies in the worst images, and how many masks."""
    rows = np.array([label.row for label in doubts])
    chosen_by = {"worst": [image.row for image in worst_images(doubts)]}
    chosen_by["random"] = np.random.default_rng(seed).permutation(np.unique(rows)).tolist()
    print("| a tenth of the images | share of the masks | share of the error (1 − IoU) |\n|---|---|---|")
    for name, images in chosen_by.items():
        inside = np.isin(rows, images[: max(1, len(images) // 10)])
        print(f"| {name} | {inside.mean():.1%} | {(1 - ious)[inside].sum() / (1 - ious).sum():.1%} |")


# -- students


def corrected(labels: Dataset, truth: Mapping[int, Any], ids: set[int]) -> Dataset:
    """Return labels in which some objects have their true masks, as annotated ones."""
    rows = []
    for row in labels.with_format(None):
        for item in row["objects"]:
            if item["id"] in ids:
                item["segmentation"], item["score"] = truth[item["id"]], None
        rows.append(row)
    return dataset_from_rows(rows, class_names(labels))


def choices(labels: Dataset, truth: Mapping[int, Any], fraction: float, seed: int) -> dict[str, set[int]]:
    """Return name → ids of the corrected objects."""
    doubts, _ = measured(labels, truth)
    ids = [label.item["id"] for label in doubts]
    count = round(fraction * len(ids))
    return {
        "none": set(),
        "random": set(np.random.default_rng(seed).permutation(ids)[:count].tolist()),
        "worst": {label.item["id"] for label in worst_first(doubts)[:count]},
        "all": set(ids),
    }


def train_students(arguments: argparse.Namespace, run: Path, data: RunData, recipe: Recipe) -> None:
    """Train the students of one run, and print a row per student."""
    labels, truth = stored_rows(run / "pseudo" / "refined"), masks_by_id(data.train)
    own = replace(
        recipe, output_dir=str(arguments.output_dir / f"{run.name}_{recipe.seed}"), max_steps=arguments.max_steps
    )
    Path(own.output_dir).mkdir(parents=True, exist_ok=True)
    settings = {**own.student, "per_device_train_batch_size": arguments.batch_size}
    fields = {"max_detections": own.max_detections, **own.model}
    chosen = choices(labels, truth, arguments.fraction, own.seed)
    for name in arguments.students:
        rows = concatenate_datasets([*[data.full] * own.full_repeats, corrected(labels, truth, chosen[name])])
        training = SegmenterTraining(name, rows, fields, settings, str(run / "teacher"))
        metrics = train_segmenter(own, training, data.validation)
        values = " / ".join(f"{100 * (metrics[metric] or 0):.1f}" for metric in ("AP", "AP50", "AP75"))
        print(f"| {run.name}, seed {own.seed} | {name} | {len(chosen[name])} | {values} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("find", "train"))
    parser.add_argument("runs", type=Path, nargs="+", help="output folders of runs, with teacher and pseudo labels")
    parser.add_argument("--data_dir", type=Path, help="where the data of the runs lies now")
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/review"))
    parser.add_argument("--seed", type=int, help="of injected errors, random choice, and students; that of the run")
    parser.add_argument("--fraction", type=float, default=0.2, help="labels that are corrected")
    parser.add_argument("--students", nargs="+", default=["none", "random", "worst", "all"])
    parser.add_argument("--max_steps", type=int, default=120)
    parser.add_argument("--batch_size", type=int, default=4)
    arguments = parser.parse_args()
    register()
    if arguments.part == "train":
        print("| run | corrected | masks | AP / AP50 / AP75 |\n|---|---|---|---|", flush=True)
    for run in arguments.runs:
        recipe = Recipe.load(run / "recipe.yaml")
        if arguments.data_dir is not None:
            recipe = replace(recipe, data_dir=str(arguments.data_dir))
        data = with_validation(recipe, load_data(recipe))
        # The seed of the run has drawn its images with masks.
        recipe = replace(recipe, seed=recipe.seed if arguments.seed is None else arguments.seed)
        if arguments.part == "train":
            train_students(arguments, run, data, recipe)
            continue
        labels, truth = stored_rows(run / "pseudo" / "refined"), masks_by_id(data.train)
        print(f"\n## {run.name}, clicks as they are")
        print_found(labels, truth, recipe.seed)
        print(f"\n## {run.name}, clicks anywhere in the objects")
        print_found(with_random_clicks(labels, truth, recipe.seed), truth, recipe.seed)
        print()
        print_gains(labels, truth, recipe.seed)


if __name__ == "__main__":
    main()
