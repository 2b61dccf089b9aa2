# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""ONNX files, opened by onnxruntime and called with their inputs by name."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ops.user_error import UserError, UserFileNotFoundError
from ..ops.whole_files import digest_of, read_manifest

Provider = str | tuple[str, dict[str, Any]]


class Graph:
    """One ONNX file, called with its inputs by name; returns its outputs in their order."""

    def __init__(self, session: Any):
        self.session = session
        self.output_names = [output.name for output in session.get_outputs()]

    def __call__(self, **inputs: np.ndarray) -> list[np.ndarray]:
        return self.session.run(None, inputs)


def opener(threads: int | None, providers: Sequence[Provider]) -> Callable[[Path], Graph]:
    """Return a function that opens ONNX files with these settings."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("OnnxPointSegmenter needs onnxruntime: pip install onnxruntime") from error
    # Where none of the providers exists, onnxruntime would take the CPU.
    names = [provider if isinstance(provider, str) else provider[0] for provider in providers]
    available = onnxruntime.get_available_providers()
    if not set(names) & set(available):
        raise UserError(
            f"providers is {', '.join(names)}; this onnxruntime has {', '.join(available)} (the package "
            "onnxruntime-gpu has those of NVIDIA)"
        )
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads

    def open_graph(path: Path) -> Graph:
        if not path.is_file():
            raise UserFileNotFoundError(f"{path}: not found; write it again with `pointwssis onnx`")
        # A damaged graph may still run, and find something else.
        known = read_manifest(path.parent).get(path.name)
        if known is not None and digest_of(path) not in known:
            raise UserError(f"{path}: is not as it was written; write it again with `pointwssis onnx`")
        return Graph(onnxruntime.InferenceSession(path, options, list(providers)))

    return open_graph
