# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image files with their clicks: read ahead by processes, segmented in batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.data import DataLoader, Dataset
from transformers.utils import ModelOutput

from ..ops.user_error import UserError
from ..pipelines import PointInstanceSegmentationPipeline

Segmented = tuple[Image.Image, list[dict[str, Any]]]  # an image, and its instances with masks as RLEs


class ImageFiles(Dataset):
    """Items of the pipeline: the pixels of each image for eye and network, and its clicks if there are any.

    Args:
        paths: paths of the images.
        clicks: the clicks on each image; None without clicks.
        preprocess: method of the pipeline that reads and scales an image.
    """

    def __init__(self, paths: Sequence[Path], clicks: Mapping[Path, Any] | None, preprocess: Callable[[Any], Any]):
        self.paths, self.clicks, self.preprocess = paths, clicks, preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any] | UserError:
        """Return the item of an image, or the error of one that cannot be read, which other images survive."""
        path = self.paths[index]
        prompts = {} if self.clicks is None else vars(self.clicks[path])
        try:
            return self.preprocess({"image": path, **prompts})
        except UserError as error:
            return error
        except OSError as error:  # no permission, or a broken disk
            return UserError(f"{path}: cannot be read ({error})")


def segmented(
    pipe: PointInstanceSegmentationPipeline, files: ImageFiles, threshold: float, batch_size: int, num_workers: int
) -> Iterator[Segmented | UserError]:
    """Yield each image with its instances, in order, or the error of one that cannot be read.

    Args:
        pipe: the pipeline.
        files: images.
        threshold: lowest score of an instance without a click.
        batch_size: images per pass through the network.
        num_workers: processes that read images ahead.
    """
    # More processes than images would have nothing to read.
    num_workers = min(num_workers, len(files))
    for items in DataLoader(files, batch_size=batch_size, num_workers=num_workers, collate_fn=list):
        # Only what was read goes through the network.
        readable = [item for item in items if not isinstance(item, UserError)]
        outputs = pipe.forward(readable, threshold=threshold, mask_format="rle") if readable else {"instances": []}
        found = iter(outputs["instances"])
        for item in items:
            if isinstance(item, UserError):
                yield item
            else:
                instances = pipe.postprocess(ModelOutput(instances=next(found)), mask_format="rle")
                yield item["image"], instances
