# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Label many images and train for long: resident memory and open files must stay flat.

python -m drills.soak --images 20000 --minutes 60    # in the folder of the tests; Linux only
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from helpers import tiny
from pointwssis.data import hide_masks
from pointwssis.pseudo_labeling import generate_pseudo_labels, mask_refine_net_refiner, solov2_teacher
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.trainer import SegmentationTrainer

from .memory import open_files, resident_megabytes

IMAGES_PER_CALL = 50
STEPS_PER_SAMPLE = 10
SIZES = [(64, 64), (64, 96), (48, 80)]  # (height, width), so that batches have several shapes
MOST_MEGABYTES = 24  # growth over the second half: what caches of the allocator may add
MOST_FILES = 2


@dataclass
class Record:
    """Samples of the memory and the open files of this process."""

    megabytes: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def sample(self) -> None:
        self.megabytes.append(resident_megabytes())
        self.files.append(open_files())

    def problems(self, name: str) -> list[str]:
        """Print the growth over the second half of the samples, and return what exceeds the limits."""
        found = []
        for values, most, unit in ((self.megabytes, MOST_MEGABYTES, "MB"), (self.files, MOST_FILES, "open files")):
            grown = growth(values)
            text = f"{name}: {grown:+.1f} {unit} over the second half of {len(values)} samples, to {values[-1]:.0f}"
            print(text, flush=True)
            if grown > most:
                found.append(f"{text}; at most {most} are allowed")
        return found


def growth(values: list[float] | list[int]) -> float:
    """Return how much the least-squares line through the second half of values rises from its start to its end.

    Example:
        >>> growth([9, 0, 4, 4, 5, 6, 7])
        3.0
    """
    second = np.asarray(values[len(values) // 2 :], dtype=float)
    if len(second) < 2:
        raise ValueError(f"{len(values)} samples are too few to tell a growth; let the drill take longer")
    slope = np.polyfit(np.arange(len(second)), second, 1)[0]
    return round(float(slope) * (len(second) - 1), 6)


def label(folder: Path, num_images: int) -> Record:
    """Label images by their points, with a teacher and a refiner, a few per call."""
    teacher = solov2_teacher(tiny.saved_segmenter(folder / "teacher"))
    refiner = mask_refine_net_refiner(tiny.saved_refiner(folder / "refiner"))
    rows, record = hide_masks(tiny.shapes(IMAGES_PER_CALL, SIZES)), Record()
    for start in range(0, num_images, IMAGES_PER_CALL):
        labeled = generate_pseudo_labels(rows.select(range(min(IMAGES_PER_CALL, num_images - start))), teacher, refiner)
        assert all(item["rough_segmentation"] for row in labeled for item in row["objects"])
        record.sample()
    return record


class Sampling(TrainerCallback):
    """Sample during a training, and end it when its time has passed."""

    def __init__(self, record: Record, seconds: float):
        self.record, self.end = record, time.monotonic() + seconds

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % STEPS_PER_SAMPLE == 0:
            self.record.sample()
        control.should_training_stop |= time.monotonic() > self.end


def train(folder: Path, seconds: float) -> Record:
    """Train a tiny network, with evaluations and checkpoints, as long as wanted."""
    model, processor = tiny.segmenter()
    record = Record()
    arguments = SegmentationTrainingArguments(
        output_dir=str(folder / "training"),
        per_device_train_batch_size=2,
        max_steps=10**6,
        logging_steps=50,
        eval_strategy="steps",
        eval_steps=100,
        save_steps=100,
        save_total_limit=2,
        learning_rate=1e-4,
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
    )
    trainer = SegmentationTrainer(
        model=model.train(),
        args=arguments,
        train_dataset=tiny.shapes(40, SIZES),
        eval_dataset=tiny.shapes(6, SIZES, seed=4),
        processing_class=processor,
        callbacks=[Sampling(record, seconds)],
    )
    trainer.train()
    return record


def main(arguments: list[str] | None = None) -> int:
    """Run the drill and return 0 if memory and open files stayed flat."""
    parser = argparse.ArgumentParser(prog="drills.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000, help="images to label")
    parser.add_argument("--minutes", type=float, default=60, help="time to train")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name, record in _records(Path(folder), options.images, 60 * options.minutes):
            problems += record.problems(name)
    print(*problems, f"{len(problems)} problems", sep="\n")
    return min(len(problems), 1)


def _records(folder: Path, num_images: int, seconds: float) -> Iterator[tuple[str, Record]]:
    """Yield the samples of labeling and of training; nothing of the first is left during the second."""
    yield f"labeling of {num_images} images", label(folder, num_images)
    yield f"training for {seconds:.0f} s", train(folder, seconds)


if __name__ == "__main__":
    sys.exit(main())
