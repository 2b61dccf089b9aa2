# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""JSON files larger than memory: the elements of their arrays are located once and decoded on access.

An array takes 16 bytes per element, its position in the file. The standard library's decoder does the decoding, so NaN
and numbers of any size have the same meaning as with `json.load`. A key that an object repeats is an error.
"""

import codecs
import json
import weakref
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from ...ops.documents import unique_keys
from ...ops.user_error import UserError
from ...ops.wording import brief

_CHUNK = 1 << 20  # bytes read at once
_BLANK = " \t\n\r"
_decode = json.JSONDecoder(object_pairs_hook=unique_keys).raw_decode


class JsonRecords(Sequence[Any]):
    """The elements of one array of a JSON file, decoded on access.

    Not thread-safe: threads would share one file handle. A copy for another process opens the file again.

    Args:
        path: path of the UTF-8 file.
        starts: position of the first byte of each element.
        ends: position of the byte after each element.
    """

    def __init__(self, path: Path, starts: Sequence[int], ends: Sequence[int]) -> None:
        self.path, self._starts, self._ends = path, starts, ends
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> list[Any]: ...
    def __getitem__(self, position: int | slice) -> Any:
        if isinstance(position, slice):
            return [self[index] for index in range(*position.indices(len(self)))]
        start, end = self._starts[position], self._ends[position]
        self._file.seek(start)
        try:
            return json.loads(self._file.read(end - start).decode("utf-8"))
        except RecursionError:  # the scan, from fewer calls, could just decode it
            raise UserError(f"{self.path}: the value at byte {start} is nested too deeply") from None

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self)))

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return JsonRecords, (self.path, self._starts, self._ends)


def read_json(path: str | Path, visit: Mapping[str, Callable[[Any], None]] | None = None) -> Any:
    """Read a JSON file without loading its large arrays: the outermost one, or those directly in the outermost object.

    Args:
        path: path of the UTF-8 file, with or without a byte order mark.
        visit: key of an array → function that is called with each of its elements, in order, while the file is scanned.

    Returns:
        The same as `json.load`, with `JsonRecords` in place of these arrays.

    Raises:
        UserError: the file is not valid JSON; the message states the reason and the byte.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "a.json")
        ...     _ = path.write_text('{"info": {"year": 2017}, "images": [{"id": 4}, {"id": 9}]}')
        ...     content = read_json(path)
        ...     content["info"], len(content["images"]), content["images"][1]
        ({'year': 2017}, 2, {'id': 9})
    """
    path = Path(path)
    with path.open("rb") as file:
        text = _Window(file)
        try:
            value = _outermost(path, text, visit or {})
            # Only blanks may follow the outermost value
            text.expect("", "Extra data")
        except json.JSONDecodeError as error:
            # The decoder counts characters of the window; the message states bytes of the file.
            raise UserError(f"{error.msg} at byte {text.byte_of(error.pos)}") from error
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                raise UserError(f"ends inside a character after byte {text.byte}: it is cut off; restore it") from error
            raise UserError(f"not UTF-8 text after byte {text.byte}: save it as UTF-8") from error
    return value


def _outermost(path: Path, text: "_Window", visit: Mapping[str, Callable[[Any], None]]) -> Any:
    if text.peek() == "[":
        return _array(path, text)
    if text.peek() != "{":
        return text.value()

    # Arrays that are values of the object are only located; everything else is decoded.
    text.expect("{", "Expecting an object")
    content: dict[str, Any] = {}
    separator = "}" if text.peek() == "}" else ","
    while separator == ",":
        if text.peek() != '"':
            raise text.error("Expecting property name enclosed in double quotes")
        key = text.value()
        text.expect(":", "Expecting ':' delimiter")
        # `json.load` would silently take the last one.
        if key in content:
            raise text.error(f"key {brief(key)} is given twice")
        content[key] = _array(path, text, visit.get(key)) if text.peek() == "[" else text.value()
        separator = text.peek()
        if separator == ",":
            text.expect(",", "")
    text.expect("}", "Expecting ',' delimiter")
    return content


def _array(path: Path, text: "_Window", visit: Callable[[Any], None] | None = None) -> JsonRecords:
    text.expect("[", "Expecting an array")
    # Signed 64-bit integers: 16 bytes per element
    starts, ends = array("q"), array("q")
    separator = "]" if text.peek() == "]" else ","
    while separator == ",":
        text.peek()  # skips blanks
        starts.append(text.byte)
        # Decoding finds the end of the element; the value itself is only for a visitor.
        value = text.value()
        ends.append(text.byte)
        if visit is not None:
            visit(value)
        separator = text.peek()
        if separator == ",":
            text.expect(",", "")
    text.expect("]", "Expecting ',' delimiter")
    return JsonRecords(path, starts, ends)


class _Window:
    """A section of a UTF-8 file as text; `at` is the next character and `byte` its position in the file."""

    def __init__(self, file: Any) -> None:
        self.file, self.text, self.at = file, "", 0
        # Start behind a byte order mark
        self.byte = len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0
        file.seek(self.byte)
        # Incremental, because a chunk may end inside a character.
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.at_end = False

    def more(self) -> None:
        """Drop the text that was read and append more; the rest doubles, so that long values take few attempts."""
        data = self.file.read(max(_CHUNK, len(self.text) - self.at))
        self.at_end = not data
        self.text, self.at = self.text[self.at :] + self.decoder.decode(data, final=self.at_end), 0

    def byte_of(self, position: int) -> int:
        """Return the position in the file of a character of the window."""
        passed = self.text[self.at : position]
        # ASCII, the usual case, has one byte per character and need not be encoded.
        return self.byte + (len(passed) if passed.isascii() else len(passed.encode("utf-8")))

    def move(self, position: int) -> None:
        """Make a character of the window the next one to read."""
        self.byte, self.at = self.byte_of(position), position

    def peek(self) -> str:
        """Return the next character that is not blank, "" at the end of the file."""
        while True:
            position = self.at
            while position < len(self.text) and self.text[position] in _BLANK:
                position += 1
            self.move(position)
            # If only blanks were left in the window, the value comes with the next chunk.
            if self.at < len(self.text) or self.at_end:
                return self.text[self.at : self.at + 1]
            self.more()

    def expect(self, character: str, problem: str) -> None:
        """Skip this character ("": check that the file ends)."""
        if self.peek() != character:
            raise self.error(problem)
        self.move(self.at + len(character))

    def value(self) -> Any:
        """Decode the next value and skip it."""
        self.peek()
        while True:
            try:
                value, end = _decode(self.text, self.at)
                if end + len("e+") < len(self.text) or self.at_end:  # a number may continue past the window
                    self.move(end)
                    return value
            except RecursionError:
                raise self.error("Nested too deeply") from None
            except json.JSONDecodeError as error:
                # A value that the window cuts off fails at its last characters, or is an unterminated string.
                cut_off = error.pos > len(self.text) - 16 or error.msg.startswith("Unterminated")
                if self.at_end or not cut_off:
                    raise
            except ValueError as error:  # an integer of thousands of digits, or a key that an object repeats
                raise self.error(str(error)) from error
            self.more()

    def error(self, problem: str) -> json.JSONDecodeError:
        """Return an error at the next character."""
        return json.JSONDecodeError(problem, self.text, self.at)
