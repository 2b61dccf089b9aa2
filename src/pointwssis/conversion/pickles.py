# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A safe reader of pickled NumPy arrays, the format of detectron2's `.pkl` files: it runs no other code."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

# The functions that NumPy writes into a pickle: one creates an empty array; from protocol 5 on, another fills it.
EMPTY_ARRAY, FILLED_ARRAY = np.zeros(1).__reduce__()[0], np.zeros(1).__reduce_ex__(5)[0]


class RefusedGlobalError(pickle.UnpicklingError):
    """An object in a pickle that is not part of an array; the argument is its name."""


def encoded(text: str, encoding: str) -> bytes:
    """Encode the bytes of an array, which Python 3 writes as latin-1 text for old readers."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are written as {encoding}, not latin1")
    return text.encode(encoding)


ARRAY_GLOBALS = {
    "numpy.core.multiarray._reconstruct": EMPTY_ARRAY,  # name of the module before NumPy 2.0
    "numpy._core.multiarray._reconstruct": EMPTY_ARRAY,
    "numpy.core.numeric._frombuffer": FILLED_ARRAY,
    "numpy._core.numeric._frombuffer": FILLED_ARRAY,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "_codecs.encode": encoded,
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler of containers, numbers, text and NumPy arrays; it refuses any other global before looking it up."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of `ARRAY_GLOBALS`; raise a `RefusedGlobalError` for any other global."""
        if f"{module}.{name}" not in ARRAY_GLOBALS:
            raise RefusedGlobalError(f"{module}.{name}")
        return ARRAY_GLOBALS[f"{module}.{name}"]


def read_array_pickle(path: str | Path) -> Any:
    """Read a pickle of arrays; text and arrays of Python 2 are read as latin-1.

    Raises:
        RefusedGlobalError: it contains anything else, for instance code.
        Exception: the file is damaged; pickle raises errors of many types.
    """
    with Path(path).open("rb") as file:
        return ArrayUnpickler(file, encoding="latin1").load()
