# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Text, JSON and YAML from files of users: any damage is one short error that states its place, within a second."""

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from .file_kinds import HEAD_BYTES, check_regular, problem_of_content
from .user_error import UserError
from .wording import brief

_MAX_YAML_CHARACTERS = 1_000_000  # PyYAML takes seconds for more
_MAX_YAML_DEPTH = 50  # brackets inside each other
_MAX_YAML_VALUES = 200_000  # after each alias is replaced by what it stands for

_BINARY = "not UTF-8 text: it seems to be binary, or UTF-16 without a byte order mark; save it as UTF-8"

# The longer marks come first: that of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(data: bytes) -> str:
    """Return the encoding that the byte order mark of a file states, UTF-8 without one.

    Example:
        >>> encoding_of("a".encode("utf-16")), encoding_of(b"a")
        ('utf-16', 'utf-8')
    """
    found = (encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if data.startswith(mark))
    return next(found, "utf-8")


def problem_of_text(path: Path) -> str:
    """Return why a file cannot be a text, judged by its first bytes, with a remedy; "" if it may be one."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    is_binary = b"\0" in head and encoding_of(head) == "utf-8"
    return problem_of_content(head) or (_BINARY if is_binary else "")


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, or in the encoding that its byte order mark states.

    Raises:
        UserError: the file has another encoding; the message names the likely one and the first wrong place.
    """
    check_regular(path)
    data = path.read_bytes()
    # An empty text is a text.
    if data.strip() and (problem := problem_of_content(data[:HEAD_BYTES])):
        raise UserError(f"{path}: {problem}")
    encoding = encoding_of(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")  # a second mark, written by a second program
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {_encoding_problem(data, encoding, error)}") from error


def _encoding_problem(data: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    remedy = "; save it as UTF-8"
    if encoding != "utf-8":
        return f"not valid {encoding.upper()} at byte {error.start}, although it begins like it" + remedy
    # Every other byte of ASCII characters in UTF-16 is zero.
    line = data.count(b"\n", 0, error.start) + 1
    if error.reason == "unexpected end of data":
        return f"ends inside a character (line {line}, byte {error.start}): it is cut off; restore its end"
    if b"\0" in data[:100]:
        return _BINARY
    try:
        word = data[max(error.start - 10, 0) : error.start + 10].decode("cp1252").splitlines()
    except UnicodeDecodeError:
        return f"not UTF-8 text (line {line}, byte {error.start})" + remedy
    around = " ".join(word).strip()
    return f"not UTF-8 text (line {line}, byte {error.start}); as Windows-1252 (cp1252) it reads {around!r}" + remedy


def parse_json(text: str) -> Any:
    """Parse JSON text.

    Raises:
        ValueError: the text is not JSON, is nested too deeply, holds an integer of thousands of digits, or repeats the
            key of an object.
    """
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; of a repeated key, `json.loads` would silently take the last value.

    Raises:
        ValueError: a key is repeated.
    """
    content = dict(pairs)
    if len(content) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {brief(key)} is given twice")
    return content


def parse_yaml(text: str, source: str) -> Any:
    """Parse YAML.

    Args:
        text: YAML document.
        source: file or option that the text comes from, for the message.

    Raises:
        UserError: the text is not YAML, or an alias multiplies its content without end.
    """
    if len(text) > _MAX_YAML_CHARACTERS:
        raise UserError(f"{source}: YAML of {len(text):,} characters, at most {_MAX_YAML_CHARACTERS:,} are read")
    try:
        loader = _Loader(text)
        document = loader.get_single_node()
        if document is None:
            return None
        _check_size(document, {})
        return loader.construct_document(document)
    except yaml.YAMLError as error:
        raise UserError(f"{source}: not valid YAML ({' '.join(str(error).split())})") from error
    except RecursionError:
        raise UserError(f"{source}: not valid YAML (nested too deeply)") from None


def dump_yaml(value: Any, **options: Any) -> str:
    """Return YAML that `parse_yaml` reads as the same value, in the order of its keys.

    Args:
        value: numbers, texts, lists and mappings.
        options: keyword arguments of `yaml.dump`.

    Example:
        >>> dump_yaml({"names": ["cat", "1e3", "no"]}, default_flow_style=True).strip()
        "{names: [cat, '1e3', 'no']}"
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, **options)


def lines_of_keys(text: str) -> dict[str, int]:
    """Return the line, from 1, of each key of the mappings in a YAML document that `parse_yaml` reads.

    Args:
        text: YAML document.

    Returns:
        Key → line; a key of an inner mapping follows that of the mapping, after a dot.

    Example:
        >>> lines_of_keys("model: {depth: 2}")
        {'model': 1, 'model.depth': 1}
    """
    lines: dict[str, int] = {}

    def add(node: yaml.Node | None, above: str) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                lines[above + key.value] = key.start_mark.line + 1
                add(value, f"{above}{key.value}.")

    add(_Loader(text).get_single_node(), "")
    return lines


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that also reads 1e-4 as a number, and states the place of a value that it cannot read."""

    def fetch_flow_collection_start(self, TokenClass: type) -> None:  # noqa: N803 (PyYAML's name)
        # The time that PyYAML takes grows with the square of the depth.
        if self.flow_level >= _MAX_YAML_DEPTH:
            raise yaml.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        # PyYAML would silently take the last one of several equal keys.
        keys = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in keys:
                problem = f"key {brief(key.value, 60)} is given twice"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            keys.add(name)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            # The constructors of PyYAML check neither dates nor the texts of explicit tags.
            kind = node.tag.rpartition(":")[2]
            problem = f"{brief(node.value, 60)} cannot be read as {kind}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper that quotes texts which `_Loader` would take for numbers."""


# Digits with an optional dot, and an exponent with an optional sign; YAML 1.1 requires the dot.
_EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")
for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, [*"-+.0123456789"])


def _check_size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return the number of values below a node, each alias counted as what it stands for.

    Args:
        node: node of a document, in which an alias is the same object as its anchor.
        sizes: size of each finished node by its `id`; 0 for one that is being counted.
    """
    if id(node) in sizes:
        if not sizes[id(node)]:
            problem = "an alias contains itself"
            raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
        return sizes[id(node)]
    sizes[id(node)] = 0
    children = []
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    size = 1 + sum(_check_size(child, sizes) for child in children)
    if size > _MAX_YAML_VALUES:
        problem = f"aliases multiply to more than {_MAX_YAML_VALUES:,} values; write the values without aliases"
        raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
    sizes[id(node)] = size
    return size
