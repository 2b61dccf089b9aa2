# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import pytest

from pointwssis.data.errors import AnnotationError
from pointwssis.data.formats.image_index import ImageIndex
from pointwssis.ops.user_error import UserError, UserFileNotFoundError


@pytest.fixture
def folder(tmp_path):
    names = [
        "a.png",
        "x/a.png",
        "x/b.png",
        "y/b.png",
        "y/deep/c.png",
        "my photo (1).png",
        "0123abcd-own.png",
        "notes.txt",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return ImageIndex(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a.png"),  # exact, though x/a.png ends so too
        ("x/a.png", "x/a.png"),
        ("elsewhere/x/a.png", "x/a.png"),  # the longer common end wins over a.png
        ("elsewhere/a.png", "a.png"),
        ("/srv/set/y/b.png", "y/b.png"),
        ("c.png", "y/deep/c.png"),
        ("deep/c.png", "y/deep/c.png"),
        ("z:\\set\\y\\b.png", "y/b.png"),
        ("./y//b.png", "y/b.png"),
    ],
)
def test_finds_by_path_then_by_the_end_of_it(folder, name, expected):
    assert folder.name_of(folder.find(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a1b2c3d4-c.png", "y/deep/c.png"),
        ("upload/3/a1b2c3d4-my_photo_1.png", "my photo (1).png"),
        ("0123abcd-own.png", "0123abcd-own.png"),  # the prefix is its own
        ("upload/3/0123abcd-own.png", "0123abcd-own.png"),
    ],
)
def test_finds_uploads_by_their_first_name(folder, name, expected):
    assert folder.name_of(folder.find(name, uploaded=True)) == expected


@pytest.mark.parametrize(
    ("name", "options", "kind", "remedy"),
    [
        ("b.png", {}, "several image files match", "x/b.png, y/b.png"),  # never by the bare name
        ("a1b2c3d4-b.png", {"uploaded": True}, "several image files match", "x/b.png, y/b.png"),
        ("z/b.png", {}, "missing image file", "did you mean x/b.png?"),
        ("a1b2c3d4-c.png", {}, "missing image file", "check the image folder"),  # of an upload only
        ("A.PNG", {}, "missing image file", "check the image folder"),
        ("", {}, "missing image file", "check the image folder"),
    ],
)
def test_nothing_is_guessed(folder, name, options, kind, remedy):
    with pytest.raises(AnnotationError) as caught:
        folder.find(name, field="file", **options)
    bad = caught.value
    assert (bad.problem, bad.field, bad.value) == (kind, "file", name) and remedy in bad.hint
    assert bad.error is (UserFileNotFoundError if kind.startswith("missing") else UserError)


def test_lists_images_and_names_files_elsewhere_in_full(folder, tmp_path):
    names = [folder.name_of(path) for path in folder.images()]
    assert names == sorted(names) and len(names) == 7 and "notes.txt" not in names
    outside = tmp_path.parent / "outside.png"
    assert folder.name_of(outside) == outside.as_posix()
    with pytest.raises(FileNotFoundError, match="image folder not found"):
        ImageIndex(tmp_path / "gone")


def test_hidden_files_are_found_by_name_and_not_listed(tmp_path):
    for name in (".a.png", "._b.png", "b.png", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).touch()
    folder = ImageIndex(tmp_path)
    assert [path.name for path in folder.images()] == ["b.png"]
    assert folder.find(".a.png") == tmp_path / ".a.png"


def test_accents_may_be_written_in_two_ways(tmp_path):
    (tmp_path / "Bu\u0308ro").mkdir()
    (tmp_path / "Bu\u0308ro" / "Ba\u0308r.png").touch()  # as an archive of a Mac has it
    folder = ImageIndex(tmp_path)
    assert folder.find("B\u00fcro/B\u00e4r.png") == folder.find("B\u00e4r.png") == next(tmp_path.rglob("*.png"))
