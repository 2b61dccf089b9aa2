# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Numbers in any common container as NumPy arrays, without what NumPy would silently make numbers of."""

from typing import Any

import numpy as np

NUMBERS = "iuf"  # kinds of dtypes: signed, unsigned, floating point
NO_NUMBERS = (str, bytes, bool, np.bool_, np.datetime64, np.timedelta64)


def plain_array(values: Any) -> np.ndarray:
    """Return a list, an array, or a tensor as an array.

    A tensor may be on a GPU, require gradients, or be of a type that NumPy lacks, such as bfloat16.

    Raises:
        ValueError: it is ragged, or a masked array, which has no value where it is masked.

    Example:
        >>> plain_array([[3, 4.5]]).tolist()
        [[3.0, 4.5]]
    """
    # Tensors are recognized by what they do, because this module does without torch.
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() and values.element_size() == 2 else values
    if np.ma.is_masked(values):
        raise ValueError("masked values are no numbers")
    return np.asarray(values)


def numbers_of(values: Any) -> np.ndarray:
    """Return numbers as a float64 array; texts, booleans, and dates are none, although NumPy converts them.

    Raises:
        TypeError: a value is no number.
        ValueError: the values are ragged or masked.
        OverflowError: a number is beyond the range of float64.

    Example:
        >>> numbers_of([(True, False)])
        Traceback (most recent call last):
        TypeError: True is not a number
    """
    array = plain_array(values)
    # A list is looked at value by value, because NumPy has made one type of all of them.
    is_list = isinstance(values, (list, tuple))
    if array.dtype.kind in NUMBERS and not is_list:
        return array.astype(np.float64)
    originals = np.asarray(values, dtype=object) if is_list else array
    for value in originals.flat:
        if value is None or isinstance(value, NO_NUMBERS):
            raise TypeError(f"{value!r:.40} is not a number")
    return array.astype(np.float64)
