# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images that cannot be read by the processes that load data of a training."""

from pathlib import Path

import pytest

from helpers import tiny
from pointwssis.data import load_coco_folder
from pointwssis.ops.user_error import UserError, UserFileNotFoundError
from pointwssis.training import SegmentationTrainer, SegmentationTrainingArguments


@pytest.mark.parametrize("damage", ["cut", "missing"])
@pytest.mark.parametrize("action", ["train", "evaluate"])
def test_one_line_from_a_process_that_loads_data(tmp_path, damage, action):
    rows = load_coco_folder(tiny.shapes_folder(tmp_path / "data", num_train=2, num_val=2))
    paths = [Path(image["path"]) for part in rows.values() for image in part.with_format(None)["image"]]
    for path in paths:
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:100])
        else:
            path.unlink()
    model, processor = tiny.segmenter()
    arguments = SegmentationTrainingArguments(
        output_dir=str(tmp_path / "out"), max_steps=1, dataloader_num_workers=1, use_cpu=True, disable_tqdm=True
    )
    trainer = SegmentationTrainer(
        model, arguments, train_dataset=rows["train"], eval_dataset=rows["validation"], processing_class=processor
    )
    with pytest.raises(UserError if damage == "cut" else UserFileNotFoundError) as caught:
        getattr(trainer, action)()
    message = str(caught.value)
    assert "\n" not in message and any(message.startswith(f"{path}: ") for path in paths)
