# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
import pickle
import random

import pytest

from pointwssis.data.formats import json_stream as json_records
from pointwssis.data.formats.json_stream import JsonRecords, read_json

GOOD = [
    "{}",
    "[]",
    " [ 1 , 22,\t333\n] ",
    '{"a": [1, 22, "é\\u00e9", {"b": "ü}]"}], "b": {"c": [1]}, "d": 3.5}',
    '\ufeff{"a": [NaN, -Infinity, 1e400, 99999999999999999999]}',
    "[1e5 , -0.5E-3, 12.5e+2, 1.0]",
    "[[1, [2]], [[]], {}, null, true]",
    '["\\ud83d\\ude00", "😀", "\\"]"]',
    '{"": []}',
    "12",
    '"text"',
]
BAD = {
    "": "Expecting value at byte 0",
    " ": "Expecting value at byte 1",
    '{"a": [1,]}': "Expecting value at byte 9",
    '{"a": [1 2]}': "Expecting ',' delimiter at byte 9",
    '{"a": 1,}': "double quotes at byte 8",
    '{"a" 1}': "Expecting ':' delimiter at byte 5",
    "{1: 2}": "double quotes at byte 1",
    '{"a": 1} x': "Extra data at byte 9",
    "[1": "Expecting ',' delimiter at byte 2",
    '["ü", tru]': "Expecting value at byte 7",
    '{"a": "abc': "Unterminated string starting at at byte 6",
    '{"a": [{"b": 1}': "Expecting ',' delimiter",
    '["\\u12"]': "escape at byte 3",
}
CHUNKS = [1, 2, 3, 7, 1 << 20]


@pytest.fixture(params=CHUNKS)
def chunk(request, monkeypatch):
    monkeypatch.setattr(json_records, "_CHUNK", request.param)


def plain(value):
    """Return the content with lists in place of records."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, JsonRecords) else value


@pytest.mark.parametrize("text", GOOD)
def test_reads_what_the_standard_library_reads(tmp_path, chunk, text):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    assert repr(plain(read_json(path))) == repr(json.loads(text.lstrip("\ufeff")))


@pytest.mark.parametrize("text", BAD)
def test_says_what_is_wrong_and_where(tmp_path, chunk, text):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="at byte") as caught:
        read_json(path)
    assert BAD[text] in str(caught.value)
    with pytest.raises(ValueError):
        json.loads(text)


@pytest.mark.parametrize("data", [b'["a\xff"]', b'["\xc3"', b'{"\xc3\x28": 1}'])
def test_bytes_that_are_no_utf8(tmp_path, chunk, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ValueError, match="not UTF-8 text after byte .: save it as UTF-8"):
        read_json(tmp_path / "a.json")


def test_a_file_that_ends_inside_a_character(tmp_path, chunk):
    (tmp_path / "a.json").write_bytes('["é'.encode()[:-1])
    with pytest.raises(ValueError, match="ends inside a character after byte .: it is cut off; restore it"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": [1], "b": {"c": 1}, "a": [2]}', "a"),
        ('{"a": [1], "b": {"c": 1, "c": 2}}', "c"),
        ('[{"a": 1}, {"b": {"c": 1, "a": 1, "c": 2}}]', "c"),
    ],
)
def test_a_repeated_key_of_any_object(tmp_path, text, key):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"key '{key}' is given twice at byte"):
        read_json(path)


def test_an_error_is_found_without_reading_the_rest(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text('{"a": [{"b": nul}, ' + "1, " * 100_000)
    monkeypatch.setattr(json_records, "_CHUNK", 64)
    read = []
    more = json_records._Window.more
    monkeypatch.setattr(json_records._Window, "more", lambda self: (read.append(1), more(self)))
    with pytest.raises(ValueError, match="byte 13"):
        read_json(path)
    assert len(read) < 5


def test_records_are_a_sequence(tmp_path):
    content = [{"id": number, "text": "ä" * number} for number in random.Random(0).sample(range(50), 20)]
    (tmp_path / "a.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    records = read_json(tmp_path / "a.json")
    assert len(records) == 20 and records[7] == content[7] and records[-1] == content[-1]
    assert records[3:9:2] == content[3:9:2] and list(reversed(records)) == content[::-1]
    first, second = iter(records), iter(records)
    assert [next(first), next(second), next(first)] == [content[0], content[0], content[1]]
    with pytest.raises(IndexError):
        records[20]
    assert list(pickle.loads(pickle.dumps(records))) == content


def test_real_annotations(shared_dir):
    for file in sorted((shared_dir / "data").glob("coco_*/**/*.json")):
        assert plain(read_json(file)) == json.loads(file.read_text("utf-8")), file
