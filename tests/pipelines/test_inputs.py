# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import base64
import http.server
import io
import threading

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from transformers.pipelines.pt_utils import KeyDataset

from helpers import tiny
from helpers.answers import assert_same
from pointwssis.pipelines.inputs import as_image, as_items, read_item


def png(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def server():
    """Yield the address of a server that has `picture.png` and nothing else."""
    content = png(tiny.picture(40, 60))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/picture.png" else 404)
            self.end_headers()
            self.wfile.write(content if self.path == "/picture.png" else b"")

        def log_message(self, *arguments):
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as opened:
        threading.Thread(target=opened.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{opened.server_port}"
        opened.shutdown()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# -- one image


def test_every_kind_of_one_image_gives_the_same(pipe, tmp_path, server):
    image = tiny.picture(40, 60)
    image.save(tmp_path / "a.png")
    content, array = png(image), np.asarray(image)
    channels_first, text = np.moveaxis(array, -1, 0), base64.b64encode(content).decode()
    wrapped = "\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    kinds = [
        *(str(tmp_path / "a.png"), tmp_path / "a.png", f"{server}/picture.png"),
        *(text, wrapped, f"data:image/png;base64,{text}"),
        *(array, channels_first, torch.from_numpy(channels_first.copy()), np.dstack([array, array[..., 0]])),
        *({"image": image}, {"image": str(tmp_path / "a.png")}, content),
        *({"bytes": content, "path": None}, {"bytes": None, "path": str(tmp_path / "a.png")}),
    ]
    wanted = pipe(image, points=[(3, 4)])
    for kind in kinds:
        assert_same(pipe(kind, points=[(3, 4)]), wanted, pixels=0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_modes_of_pictures(pipe, mode):
    image = tiny.picture(40, 60).convert(mode)
    flat = image.convert("RGBA").convert("RGB") if mode == "P" else image.convert("RGB")
    found = pipe(image, points=[(3, 4), (59, 39)])
    assert_same(found, pipe(flat, points=[(3, 4), (59, 39)]), pixels=0)
    assert found[0]["mask"].size == (60, 40)


def test_16_bit_images_are_scaled_not_clipped(pipe, tmp_path):
    gray = np.random.default_rng(0).integers(0, 200, (40, 60)).astype(np.uint8)
    low, high = int(gray.min()), int(gray.max())
    wanted = np.rint((gray.astype(float) - low) * 255 / (high - low)).astype(np.uint8)
    deep = (gray.astype(np.uint16) * 20) + 700  # 12 bits in 16
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    text = base64.b64encode((tmp_path / "deep.tif").read_bytes()).decode()
    expected = pipe(np.stack([wanted] * 3, axis=-1), points=[(3, 4)])
    for image in (str(tmp_path / "deep.tif"), text, deep, deep.astype(np.int64), deep.astype(np.float32)):
        assert_same(pipe(image, points=[(3, 4)]), expected, pixels=0)


def test_points_and_masks_are_those_of_the_upright_picture(pipe, tmp_path):
    upright = tiny.picture(40, 60)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    assert Image.open(tmp_path / "turned.png").size == (40, 60)
    for image in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png")):
        found = pipe(image, points=[(59, 2)])
        assert found[0]["mask"].size == (60, 40)
        assert_same(found, pipe(upright, points=[(59, 2)]), pixels=0)
    with pytest.raises(ValueError, match=r"point 0 of .*turned\.png is \(2, 59\), outside the image of 60 × 40"):
        pipe(tmp_path / "turned.png", points=[(2, 59)])


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        ("nowhere.png", FileNotFoundError, "nowhere.png: image file not found; expected a path, a URL or a base64"),
        ("abcd", FileNotFoundError, "abcd: image file not found"),  # base64 too, of three bytes
        ("x" * 100_000 + "!", FileNotFoundError, "^x{200}: image file not found"),
        ("data:image/png;base64,???", ValueError, "data:image/png;base64,…: not valid base64 text"),
        ("data:image/png;base64,", ValueError, "base64 image: not a readable image"),
        (base64.b64encode(bytes(300)).decode(), ValueError, "base64 image: not a readable image"),
        ({"bytes": b"rubbish", "path": None}, ValueError, "image of 7 bytes: not a readable image"),
        (b"rubbish", ValueError, "image of 7 bytes: not a readable image"),
        ({"picture": "a.png"}, TypeError, "an image must be a path, the bytes of an image file, .*, got"),
        (None, TypeError, "an image must be a path"),
        (7, TypeError, "an image must be a path.*got int 7"),
        (
            np.zeros((8, 9, 3), np.float32),
            ValueError,
            r"an image array must have .*uint8.*got shape \(8, 9, 3\) and dtype float32",
        ),
        (np.zeros((8, 9, 5), np.uint8), ValueError, "an image array must have"),
        (np.zeros((2, 8, 9, 3), np.uint8), ValueError, "an image array must have"),
        (np.zeros((0, 9, 3), np.uint8), ValueError, "an image array must have"),
        (np.array([["a"]]), ValueError, "an image array must have .*dtype <U1"),
        (np.ones((8, 9), complex), ValueError, "an image array must have .*dtype complex128"),
        (Image.new("RGB", (0, 3)), ValueError, r"image in memory: has no pixels \(0 × 3\)"),
        (io.BytesIO(png(tiny.picture())), TypeError, "an image must be a path, the bytes of an image .*got BytesIO"),
    ],
)
def test_what_is_no_image(pipe, image, kind, message):
    with pytest.raises(kind, match=message):
        pipe(image)


def test_gray_tensors_of_any_type():
    gray = torch.arange(64.0).reshape(8, 8)
    for image in (gray.bfloat16(), gray.clone().requires_grad_()):
        assert np.array_equal(as_image(image), as_image(gray))


def test_addresses_that_do_not_answer(pipe, server):
    with pytest.raises(OSError, match=rf"{server}/gone\.png: cannot be fetched \(.*404"):
        pipe(f"{server}/gone.png")
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:9/a\.png: cannot be fetched"):
        as_image("http://127.0.0.1:9/a.png", timeout=2)


def test_errors_in_a_list_name_the_image(tmp_path):
    bad = as_items([tiny.picture(), np.zeros((8, 9, 5), np.uint8)])
    with pytest.raises(ValueError, match="image 1: an image array must have"):
        read_item(bad[1])
    tiny.picture().save(tmp_path / "b.png")
    names = [read_item(item)["name"] for item in as_items([tiny.picture(), tmp_path / "b.png"])]
    assert names == ["image 0", f"image 1 ({tmp_path / 'b.png'})"]
    assert read_item(as_items(tiny.picture()))["name"] == "the image"
    assert read_item(as_items(str(tmp_path / "b.png")))["name"] == str(tmp_path / "b.png")


# -- several images


class Items(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Stream(torch.utils.data.IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


def table_of(items: list[dict], decode: bool = True) -> datasets.Dataset:
    features = datasets.Features(
        image=datasets.Image(decode=decode),
        points=datasets.List(datasets.List(datasets.Value("float32"))),
        labels=datasets.List(datasets.Value("string")),
        other=datasets.Value("string"),
    )
    columns = {key: [item[key] for item in items] for key in items[0]}
    if not decode:
        columns["image"] = [{"bytes": png(image), "path": None} for image in columns["image"]]
    return datasets.Dataset.from_dict({**columns, "other": ["text"] * len(items)}, features=features)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_lists_generators_and_datasets(pipe, batch_size):
    images = [tiny.picture(64, 64, 1), tiny.picture(40, 60, 2), tiny.picture(64, 64, 3)]
    items = [{"image": image, "points": [[3.0, 4.0]], "labels": ["star"]} for image in images]
    items[1] |= {"points": None, "labels": None}  # one image without points
    wanted = [pipe(item) for item in items]
    assert [len(found) > 1 for found in wanted] == [False, True, False]
    table = table_of(items)
    kinds = [items, tuple(items), (item for item in items), map(dict, items), Items(items), Stream(items)]
    kinds += [table, table_of(items, decode=False), table.to_iterable_dataset()]
    for inputs in kinds:
        found = list(pipe(inputs, batch_size=batch_size))
        assert len(found) == 3
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    for column in (KeyDataset(table, "image"), table["image"], KeyDataset(table_of(items, decode=False), "image")):
        assert_same(list(pipe(column, batch_size=batch_size))[2], pipe(images[2]))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_images_may_be_read_by_other_processes(pipe, num_workers):
    images = [tiny.picture(64, 64, 1), tiny.picture(40, 60, 2), tiny.picture(64, 64, 3)]
    items = [{"image": image, "points": [[3.0, 4.0]]} for image in images]
    for inputs in (items, Items(items), (item for item in items)):
        found = list(pipe(inputs, batch_size=2, num_workers=num_workers))
        assert [len(instances) for instances in found] == [1, 1, 1]
        assert_same(found[1], pipe(images[1], points=[(3, 4)]))


def test_lists_come_at_once_and_streams_as_they_are_read(pipe):
    asked = []

    def stream():
        for seed in range(3):
            asked.append(seed)
            yield tiny.picture(seed=seed)

    answers = pipe(stream())
    assert len(asked) <= 1 and not isinstance(answers, list)
    assert isinstance(next(iter(answers)), list) and len(asked) < 3
    assert isinstance(pipe([tiny.picture()]), list) and len(pipe([tiny.picture()])) == 1


def test_nothing_gives_nothing(pipe):
    assert pipe([]) == [] and pipe((), points=[]) == []
    assert list(pipe(image for image in [])) == [] and list(pipe(Items([]))) == []


def test_rows_of_our_schema_are_inputs(pipe):
    rows = tiny.shapes(2)
    found = list(pipe(rows))
    assert len(found) == 2 and found[0][0]["mask"].size == (64, 64)


def test_a_bad_row_names_its_position(pipe):
    items = [{"image": tiny.picture(), "points": [(3, 4)]}, {"image": tiny.picture(), "points": [(3, 4), (3, 70)]}]
    for inputs in (items, (item for item in items), Items(items)):
        with pytest.raises(ValueError, match=r"point 1 of image 1 is \(3, 70\), outside the image of 64 × 64"):
            list(pipe(inputs))


@pytest.mark.parametrize("name", ["point", "input_points", "point_coords"])
def test_points_by_another_name_are_not_ignored(name):
    item = {"image": tiny.picture(), name: [(3, 4)]}
    with pytest.raises(ValueError, match=f"the item has the key '{name}', which is not read; call it 'points'"):
        as_items(item)
    assert as_items({**item, "points": [(3, 4)]})["points"] == [(3, 4)]


def test_prompts_of_several_images(pipe):
    images = [tiny.picture(), tiny.picture(seed=1)]
    for points in (np.full((2, 1, 2), 7.0), torch.full((2, 1, 2), 7.0), ([(7, 7)], [(7, 7)])):
        assert [len(found) for found in pipe(images, points=points)] == [1, 1]
    inside = [{"image": image, "points": [(7, 7)]} for image in images]
    assert [found[0]["label"] for found in pipe(inside, points=[[(1, 1)]] * 2, labels=[["star"], ["ellipse"]])] == [
        "star",
        "ellipse",
    ]  # what is given beside the items counts
    with pytest.raises(
        ValueError, match="points must be a list with one entry for each of the 2 images, got 1 entries"
    ):
        pipe(images, points=[[(3, 4)]])
    with pytest.raises(ValueError, match="labels must be a list with one entry for each of the 1 images, got 'star'"):
        pipe(images[:1], points=[[(3, 4)]], labels="star")
    with pytest.raises(ValueError, match=r"points of image 0 must have the shape .*got the shape \(2,\)"):
        pipe(images, points=[(3, 4), (5, 6)])  # flat
    with pytest.raises(ValueError, match="give points inside its items"):
        pipe((image for image in images), points=[[(3, 4)]] * 2)
    with pytest.raises(ValueError, match="give points and labels inside its items"):
        pipe(Items(images), points=[[(3, 4)]] * 2, labels=[[0]] * 2)
