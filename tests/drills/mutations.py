# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Seeded mutations of a file: bytes, numbers, JSON structure, markup and encodings."""

import json
import random
import re
from typing import Any

NUMBERS = [
    "0", "-1", "1", "-0.0", "0.5", "1e-9", "1e308", "-1e308", "1e999", "nan", "NaN", "Infinity", "-Infinity", "inf",
    "9223372036854775807", "-9223372036854775809", "2147483648", "4294967295", "99999999999999999999", "0x10", "1_0",
    "1,5", "true", "null", "~", "1e", "00012", "٣", "9" * 401, "9" * 5000, '"1"', '"x"', "[]", "{}", "[1]", "",
]  # fmt: skip
TEXTS = [
    b"", b"\0", b"\xff", b"\xc3", b"\r", b"\n", b"\t", b"\\", b'"', b"'", b"<", b"&", b"]]>", b"../../../etc/passwd",
    b"/etc/hostname", "\u2028".encode(), "\u202e".encode(), b"\\ud800", b"\xed\xa0\x80", b"&a", b"*a", b"!!bool x",
    b"!!timestamp x", b"!!python/object:os.system x", b"!!int x", b"- " * 3000, b"[" * 3000, b'{"a":' * 3000,
    b"<a>" * 3000, b"x" * 5000, b"&#0;", b"&x;", b"%PDF", b"%!PS-Adobe EPSF", b"\x89PNG\r\n\x1a\n", b"#", b"---\n",
]  # fmt: skip
JUNK: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, 17, -140, 1e308, float("nan"), float("inf"), 10**30, 10**400, 2**63, -(2**63),
    2**31, "", "x", "\0", "\ud800", "a\nb", "a" * 5000, "1e9", "nan", "../../x.png", "/", [], [[]], [None], [1], ["x"],
    {}, {"x": []}, {"size": [1, 1], "counts": "oooooooooooooooooooo0"}, [[1e308] * 6], [["1e9"] * 6],
    {"size": [30, 40], "counts": [2**63, 2**63, 1200]}, [[0.1, 0.1, 0.5, 0.1, 0.5, 0.5]],
    [[0, 0, 1e5, 1e5, -1e5, 1e5]], [[n * 37 % 80 for n in range(4000)]],
]  # fmt: skip
CHARSETS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp1252", "utf-7", "latin-1")


def mutated(content: bytes, generator: random.Random) -> bytes:
    """Return the content after one to three mutations."""
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        kind = generator.choice(
            (_bytes, _bytes, _numbers, _numbers, _structure, _structure, _structure, _lines, _charset)
        )
        content = kind(content, generator)
    return content


def _bytes(content: bytes, generator: random.Random) -> bytes:
    """Flip, insert, remove, repeat or cut bytes."""
    data = bytearray(content)
    at = generator.randrange(len(data) + 1)
    length = min(generator.choice((1, 1, 2, 4, 16, 100)), len(data) - at)
    kind = generator.randrange(7)
    if kind == 0 and length:
        data[at] ^= 1 << generator.randrange(8)
    elif kind == 1 and length:
        data[at : at + length] = generator.randbytes(length)
    elif kind == 2:
        del data[at : at + length]
    elif kind == 3:
        data[at:at] = data[at : at + length]
    elif kind == 4:
        del data[at:]
    elif kind == 5:
        data[at:at] = generator.choice(TEXTS)
    else:
        data[at : at + length] = generator.choice(TEXTS)
    return bytes(data)


def _numbers(content: bytes, generator: random.Random) -> bytes:
    """Replace a number of the text."""
    found = list(re.finditer(rb"-?[0-9]+(\.[0-9]+)?", content[:100_000]))
    if not found:
        return _bytes(content, generator)
    match = generator.choice(found)
    return content[: match.start()] + generator.choice(NUMBERS).encode() + content[match.end() :]


def _structure(content: bytes, generator: random.Random) -> bytes:
    """Replace, remove, nest, repeat or move a value of JSON; of other files, a quoted value."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return _quoted(content, generator)
    places = _places(value)
    if not places:
        return _bytes(content, generator)
    holder, key = generator.choice(places)
    kind = generator.randrange(8)
    if kind < 4:
        holder[key] = generator.choice(JUNK)
    elif kind == 4:
        del holder[key]
    elif kind == 5:
        for _ in range(generator.choice((1, 3, 200, 900))):
            holder[key] = [holder[key]] if generator.random() < 0.5 else {"a": holder[key]}
    elif kind == 6 and isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        other, name = generator.choice(places)
        # A value inside itself would be endless.
        holder[key] = json.loads(json.dumps(other[name]))
    try:
        text = json.dumps(value)
    except (ValueError, RecursionError):
        return _bytes(content, generator)
    if generator.random() < 0.1:
        # A key given twice
        keys = re.findall(r'"[a-z_]+": ', text)
        text = text.replace("{", "{" + generator.choice(keys) + "0, ", 1) if keys else text
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return (holder, key) of all values below."""
    places, stack = [], [value]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        places += [(holder, key) for key in keys]
        stack += [holder[key] for key in keys]
    return places


def _quoted(content: bytes, generator: random.Random) -> bytes:
    """Replace the value of an attribute or cell by text."""
    found = list(re.finditer(rb'(?<==")[^"]*(?=")|(?<=: )[^\n]+|[^,\n<>]+', content[:100_000]))
    if not found:
        return _bytes(content, generator)
    match = generator.choice(found)
    junk = generator.choice([*TEXTS, *(number.encode() for number in NUMBERS)])
    return content[: match.start()] + junk + content[match.end() :]


def _lines(content: bytes, generator: random.Random) -> bytes:
    """Remove, repeat or swap lines."""
    lines = content.split(b"\n")
    first, second = generator.randrange(len(lines)), generator.randrange(len(lines))
    kind = generator.randrange(4)
    if kind == 0:
        del lines[first]
    elif kind == 1:
        lines.insert(second, lines[first])
    elif kind == 2:
        lines[first], lines[second] = lines[second], lines[first]
    else:
        lines[first] = b""
    return b"\n".join(lines)


def _charset(content: bytes, generator: random.Random) -> bytes:
    """Write the text in another encoding, or name one."""
    if generator.random() < 0.3 and b"encoding=" in content:
        name = generator.choice(
            (b"x", b"utf-16", b"cp1252", b"utf-7", b"rot13", b"idna", b"shift_jis", b"punycode", b"")
        )
        return re.sub(rb'encoding="[^"]*"', b'encoding="' + name + b'"', content)
    try:
        return content.decode("utf-8").encode(generator.choice(CHARSETS), "replace")
    except UnicodeDecodeError:
        return _bytes(content, generator)
