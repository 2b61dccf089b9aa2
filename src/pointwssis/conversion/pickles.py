# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Pickles of numpy arrays, the form of detectron2's `.pkl` files, read without running anything else."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

# The functions that numpy writes into a pickle: one makes an empty array, from protocol 5 on one fills it too.
EMPTY_ARRAY, FILLED_ARRAY = np.zeros(1).__reduce__()[0], np.zeros(1).__reduce_ex__(5)[0]


class RefusedGlobalError(pickle.UnpicklingError):
    """The pickle wants something that is no part of an array; its argument is the name."""


def encoded(text: str, encoding: str) -> bytes:
    """What Python 3 writes the bytes of an array as, for readers of old; always latin-1."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are written as {encoding}, not latin1")
    return text.encode(encoding)


ARRAY_GLOBALS = {
    "numpy.core.multiarray._reconstruct": EMPTY_ARRAY,  # the module's name before numpy 2.0
    "numpy._core.multiarray._reconstruct": EMPTY_ARRAY,
    "numpy.core.numeric._frombuffer": FILLED_ARRAY,
    "numpy._core.numeric._frombuffer": FILLED_ARRAY,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "_codecs.encode": encoded,
}


class ArrayUnpickler(pickle.Unpickler):
    """Containers, numbers, text and numpy arrays; every other global is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in ARRAY_GLOBALS:
            raise RefusedGlobalError(f"{module}.{name}")
        return ARRAY_GLOBALS[f"{module}.{name}"]


def read_array_pickle(path: str | Path) -> Any:
    """Content of a pickle of arrays; text and arrays of Python 2 are read as latin-1.

    Raises:
        RefusedGlobalError: it holds something else, for instance code.
        Exception: of any kind, when it is damaged.
    """
    with Path(path).open("rb") as file:
        return ArrayUnpickler(file, encoding="latin1").load()
