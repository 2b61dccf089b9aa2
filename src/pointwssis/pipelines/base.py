# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Base class of both pipelines: batches are lists of items, so that they may hold images of different sizes."""

from collections.abc import Iterable, Sized
from typing import Any

from torch.utils.data import DataLoader
from transformers import Pipeline
from transformers.pipelines.pt_utils import PipelineDataset, PipelineIterator

from ..hub.mixins import HubPipeline
from ..models.inference import in_fast_layout
from ..ops.parameter_checks import check_run_parameters
from ..ops.user_error import UserError
from ..ops.wording import did_you_mean
from .inputs import as_items


def _only(items: list[Any]) -> Any:
    """Return the item of a batch of one."""
    return items[0]


class ImagePipeline(HubPipeline, Pipeline):
    """A pipeline whose batches are lists of dicts, one per image."""

    _load_processor = False
    _load_image_processor = True
    _load_feature_extractor = False
    _load_tokenizer = False
    _model_type = ""  # the only model type that the pipeline can run

    def __init__(self, *args: Any, **kwargs: Any):
        check_run_parameters(kwargs)
        super().__init__(*args, **kwargs)
        # Find out here that the model is of another kind, rather than in the middle of the first image.
        name, found = self.model.config._name_or_path or type(self.model).__name__, self.model.config.model_type
        if found != self._model_type:
            raise UserError(f"{name}: is a {found} model; {type(self).__name__} needs a {self._model_type} model")
        # A network whose training diverged would find nothing, silently.
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise UserError(f"{name}: its weights hold NaN or infinity, so its training diverged; train it again")
        in_fast_layout(self.model)

    def run(self, inputs: Any, prompts: dict[str, Any], parameters: dict[str, Any]) -> Any:
        """Run the pipeline of transformers on inputs joined with their prompts; an empty list gives an empty list."""
        check_run_parameters(parameters)
        items = as_items(inputs, **prompts)
        return items if items == [] else super().__call__(items, **parameters)

    def get_iterator(self, inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params):
        """Return the iterator over results, as in transformers, but with batches that are lists.

        The stock collation of transformers cannot hold images of different sizes.
        """
        if isinstance(inputs, Sized):
            dataset = PipelineDataset(inputs, self._preprocessed, preprocess_params)
        else:
            # Several workers would each read the whole iterator.
            num_workers = min(num_workers, 1)
            dataset = PipelineIterator(inputs, self._preprocessed, preprocess_params)
        collate = _only if batch_size == 1 else list  # transformers does not unpack a batch of one
        loader = DataLoader(dataset, num_workers=num_workers, batch_size=batch_size, collate_fn=collate)
        model_iterator = PipelineIterator(loader, self.forward, forward_params, loader_batch_size=batch_size)
        return PipelineIterator(model_iterator, self.postprocess, postprocess_params)

    def _preprocessed(self, item: Any, **parameters: Any) -> Any:
        """Return the preprocessed item, or its error, to which a worker process would add its traceback."""
        try:
            return self.preprocess(item, **parameters)
        except UserError as error:
            return error

    def forward(self, model_inputs: Any, **parameters: Any) -> Any:
        """Run the network on an item or a batch of items; raise the error of an item that could not be read."""
        items = model_inputs if isinstance(model_inputs, list) else [model_inputs]
        for item in items:
            if isinstance(item, UserError):
                raise item
        return super().forward(model_inputs, **parameters)

    def _ensure_tensor_on_device(self, inputs, device):
        # Items move their tensors themselves; the stock method would convert their outputs to other types.
        return inputs


def unknown_parameter(unknown: Iterable[str], known: Iterable[str], pipeline_class: str) -> TypeError:
    """Return the error about parameters that a pipeline does not have; it names the first one in alphabetical order."""
    name = min(unknown)
    hint = did_you_mean(name, known) or f"see {pipeline_class}.__call__"
    return TypeError(f"{pipeline_class} has no parameter {name!r}; {hint}")
