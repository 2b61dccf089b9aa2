# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image files with their clicks as a dataset, so that processes can read them ahead."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset


class ImageFiles(Dataset):
    """Inputs of the pipeline: the path of each image, and its clicks if there are any."""

    def __init__(self, paths: Sequence[Path], clicks: Mapping[Path, Any] | None):
        self.paths, self.clicks = paths, clicks

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.paths[index]
        prompts = {} if self.clicks is None else vars(self.clicks[path])
        return {"image": str(path), **prompts}
