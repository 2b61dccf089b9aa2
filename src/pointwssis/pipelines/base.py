# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What both pipelines share: items instead of tensors, so that a batch may hold images of different sizes."""

from collections.abc import Sized
from typing import Any

from torch.utils.data import DataLoader
from transformers import Pipeline
from transformers.pipelines.pt_utils import PipelineDataset, PipelineIterator

from ..hub.mixins import HubPipeline
from .inputs import as_items


def _only(items: list[Any]) -> Any:
    """The item of a batch of one."""
    return items[0]


class ImagePipeline(HubPipeline, Pipeline):
    """A pipeline whose batches are lists of dicts, one an image."""

    _load_processor = False
    _load_image_processor = True
    _load_feature_extractor = False
    _load_tokenizer = False
    _model_type = ""  # the only one that the pipeline can run

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        found = self.model.config.model_type
        if found != self._model_type:
            name = self.model.config._name_or_path or type(self.model).__name__
            raise ValueError(f"{name}: is a {found} model; {type(self).__name__} takes a {self._model_type} model")

    def run(self, inputs: Any, prompts: dict[str, Any], parameters: dict[str, Any]) -> Any:
        """What `__call__` does once it knows the prompts; an empty list of images gives an empty list."""
        items = as_items(inputs, **prompts)
        return items if items == [] else super().__call__(items, **parameters)

    def get_iterator(self, inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params):
        """As in transformers, but a batch is a list: its stock collation cannot hold images of different sizes."""
        if isinstance(inputs, Sized):
            dataset = PipelineDataset(inputs, self.preprocess, preprocess_params)
        else:
            num_workers = min(num_workers, 1)
            dataset = PipelineIterator(inputs, self.preprocess, preprocess_params)
        collate = _only if batch_size == 1 else list  # transformers does not take a batch of one apart
        loader = DataLoader(dataset, num_workers=num_workers, batch_size=batch_size, collate_fn=collate)
        model_iterator = PipelineIterator(loader, self.forward, forward_params, loader_batch_size=batch_size)
        return PipelineIterator(model_iterator, self.postprocess, postprocess_params)

    def _ensure_tensor_on_device(self, inputs, device):
        # The batches are lists of items that place themselves; the stock method would turn their outputs into other
        # types.
        return inputs
