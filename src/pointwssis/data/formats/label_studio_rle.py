# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run-length encoding of Label Studio's brush, packed bit by bit and different from COCO's.

Label Studio stores the picture that the brush painted, four bytes per pixel (red, green, blue, alpha) row by row,
packed by the JavaScript package @thi.ng/rle-pack, most significant bit first:

    32 bits   number of values            5 bits   bits of a value, minus 1       4 × 4 bits   sizes of counts, minus 1
    then blocks:   1 bit   one repeated value (1), or separate values (0)
                   2 bits  index of the count's size
                   count   number of values, minus 1
                   values  one, or as many as counted

The mask is the alpha channel: pixels that are at least half opaque (the brush has soft edges).
"""

from collections.abc import Sequence

import numpy as np

from ...ops.user_error import UserError

_CHANNELS = 4  # red, green, blue, alpha
_OPAQUE = 255
_COUNT_BITS = (3, 4, 8, 16)
_DIGITS = bytes([ord("0"), ord("1")]) + bytes(254)


def decode_brush(packed: Sequence[int], height: int, width: int) -> np.ndarray:
    """Return the (height, width) bool mask of a brush region.

    Args:
        packed: the bytes of `value.rle`, 0 … 255.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Raises:
        UserError: the bytes are malformed, or belong to an image of another size.

    Example:
        >>> mask = np.eye(3, dtype=bool)
        >>> bool((decode_brush(encode_brush(mask), 3, 3) == mask).all())
        True
    """
    if not all(isinstance(byte, int) and 0 <= byte < 256 for byte in packed):
        raise UserError("holds something that is not a byte (0 … 255)")
    # Text of zeros and ones, of which `int(…, 2)` reads fields of any length.
    bits = np.unpackbits(np.array(packed, dtype=np.uint8))
    text = bits.tobytes().translate(_DIGITS).decode("ascii")
    place = 0

    def read(count: int) -> int:
        nonlocal place
        if place + count > len(text):
            raise UserError(f"ends after {len(packed)} bytes in the middle of a block")
        place += count
        return int(text[place - count : place], 2)

    # Header: number of values, bits per value, bits of the four sizes of counts
    total, value_bits, count_bits = read(32), read(5) + 1, [read(4) + 1 for _ in range(4)]
    if total != height * width * _CHANNELS:
        raise UserError(f"holds {total} values, not height × width × 4 = {height} × {width} × 4")

    # Read block by block: one value that is repeated, or separate values, which are decoded together.
    is_opaque = np.zeros(total, dtype=bool)
    start = 0
    while start < total:
        # A block states whether it repeats one value, and how many values it covers
        repeated = read(1)
        end = start + read(count_bits[read(2)]) + 1
        if end > total:
            raise UserError(f"holds more than the {total} values that it announces")
        if repeated:
            is_opaque[start:end] = read(value_bits) > _OPAQUE // 2
        else:
            # Separate values, as at soft edges, are unpacked at once
            length = (end - start) * value_bits
            if place + length > len(bits):
                raise UserError(f"ends after {len(packed)} bytes in the middle of a block")
            words = bits[place : place + length].reshape(-1, value_bits)
            is_opaque[start:end] = words @ (1 << np.arange(value_bits - 1, -1, -1)) > _OPAQUE // 2
            place += length
        start = end
    return is_opaque.reshape(height, width, _CHANNELS)[..., -1]


def encode_brush(mask: np.ndarray) -> list[int]:
    """Return the bytes of `value.rle` for a mask.

    Args:
        mask: (H, W), non-zero is foreground.
    """
    flat = (np.asarray(mask) != 0).ravel()
    borders = np.flatnonzero(np.diff(flat, prepend=flat[:1] ^ True))  # first pixel of each run
    # Each pixel counts as four equal bytes: red, green, blue, alpha
    runs = np.diff(borders, append=len(flat)) * _CHANNELS
    # Header as in the module's table, with values of 8 bits
    pieces = [f"{flat.size * _CHANNELS:032b}{8 - 1:05b}", *(f"{bits - 1:04b}" for bits in _COUNT_BITS)]
    for first, length in zip(borders, runs.tolist(), strict=True):
        value = f"{_OPAQUE if flat[first] else 0:08b}"
        while length:
            # A run that is too long is split; a block takes the smallest count that holds it.
            part = min(length, 1 << _COUNT_BITS[-1])
            size = next(index for index, bits in enumerate(_COUNT_BITS) if part <= 1 << bits)
            pieces.append(f"1{size:02b}{part - 1:0{_COUNT_BITS[size]}b}{value}")
            length -= part
    text = "".join(pieces)
    text += "0" * (-len(text) % 8)
    return np.packbits(np.frombuffer(text.encode("ascii"), dtype=np.uint8) - ord("0")).tolist()
