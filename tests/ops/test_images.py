# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import io
import warnings

import numpy as np
import pytest
from PIL import Image

from helpers.hand_made import write_png16
from pointwssis.data import check_image, read_image
from pointwssis.ops.user_error import UserError

RGB = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
DEEP = np.linspace(300, 4095, 48 * 64).reshape(48, 64).astype(np.uint16)  # 12 bits in 16
TURNED = Image.Exif()
TURNED[274] = 6  # 90°


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("gray.png", Image.fromarray(RGB[..., 0]), {}),
        ("bilevel.png", Image.fromarray(RGB).convert("1"), {}),
        ("palette.png", Image.fromarray(RGB).quantize(16), {}),
        ("palette_transparent.png", Image.fromarray(RGB).quantize(16), {"transparency": 0}),
        ("gray_alpha.png", Image.fromarray(RGB).convert("LA"), {}),
        ("rgba.png", Image.fromarray(RGB).convert("RGBA"), {}),
        ("cmyk.jpg", Image.fromarray(RGB).convert("CMYK"), {}),
        ("16.png", Image.fromarray(DEEP), {}),
        ("16.tif", Image.fromarray(DEEP), {}),
        ("32.tif", Image.fromarray(DEEP.astype(np.int32)), {}),
        ("float.tif", Image.fromarray(DEEP.astype(np.float32) / 7), {}),
    ],
)
def test_every_kind_becomes_rgb(tmp_path, name, image, options):
    image.save(tmp_path / name, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_image(tmp_path / name) == (64, 48)
        read = read_image(tmp_path / name)
    assert read.mode == "RGB" and read.size == (64, 48)
    assert len(np.unique(np.asarray(read))) > 1


def test_values_of_8_bit_images_stay(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    Image.fromarray(RGB[..., 0]).save(tmp_path / "gray.png")
    rgba = np.concatenate([RGB, np.zeros((48, 64, 1), np.uint8)], axis=2)
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)
    assert np.array_equal(read_image(tmp_path / "gray.png"), RGB[..., :1].repeat(3, axis=2))
    assert np.array_equal(read_image(tmp_path / "rgba.png"), RGB)  # alpha is dropped, not blended


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_scaled_between_percentiles(tmp_path, name):
    hot = DEEP.copy()
    hot[5, 5] = 65535
    Image.fromarray(hot).save(tmp_path / name)
    gray = np.asarray(read_image(tmp_path / name))[..., 0].astype(int)
    expected = (DEEP.astype(float) - 300) / (4095 - 300) * 255
    expected[5, 5] = 255  # one hot pixel leaves all others as they are
    assert np.abs(gray - expected).max() <= 1
    assert len(np.unique(gray)) == 256 and np.count_nonzero(gray == 255) < 15


@pytest.mark.parametrize("channels", [3, 4])
def test_colors_of_16_bits_follow_the_rule_of_gray(tmp_path, channels):
    colors = np.stack([DEEP, DEEP // 2, DEEP // 3, DEEP][:channels], axis=-1)
    with (tmp_path / "a.png").open("wb") as file:
        write_png16(colors, file)
    image = np.asarray(read_image(tmp_path / "a.png")).astype(int)
    low, high = np.percentile(colors[..., :3], (0.1, 99.9))
    assert np.abs(image - np.clip((colors[..., :3] - low) * 255 / (high - low), 0, 255)).max() <= 1
    assert image.max() == 255 and image.min() == 0


def test_a_flat_16_bit_image_is_black(tmp_path):
    Image.fromarray(np.full((5, 5), 700, np.uint16)).save(tmp_path / "flat.png")
    assert not np.asarray(read_image(tmp_path / "flat.png")).any()


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.jpg", RGB),
        ("a.webp", RGB),
        ("a.png", RGB),
        ("a.tif", RGB),
        ("a.tif", RGB[..., 0]),
        ("a.png", DEEP),
        ("a.tif", DEEP),
    ],
)
def test_orientation_is_applied(tmp_path, name, pixels):
    image = Image.fromarray(pixels)
    image.save(tmp_path / name, exif=TURNED)
    assert check_image(tmp_path / name) == (48, 64)
    read = read_image(tmp_path / name)
    assert read.size == (48, 64)
    upright = read_image(image.transpose(Image.Transpose.ROTATE_270))
    assert np.abs(np.asarray(read).astype(int) - np.asarray(upright)).mean() < (
        0.5 if name[-3:] in ("png", "tif") else 60
    )


def test_sources(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for source in (
        str(tmp_path / "a.png"),
        {"path": str(tmp_path / "a.png"), "bytes": None},
        {"path": "gone.png", "bytes": data},
        data,
        {"image": {"path": None, "bytes": data}, "image_id": 1},
        Image.fromarray(RGB),
    ):
        assert np.array_equal(read_image(source), RGB)
    for source in (3, None, {"path": None, "bytes": None}, RGB):
        with pytest.raises(TypeError, match="an image must be a path"):
            read_image(source)


JPEG = encoded(Image.fromarray(RGB.repeat(8, 0).repeat(8, 1)), "JPEG")
PNG = encoded(Image.fromarray(RGB), "PNG")
NOT_A_NUMBER = np.where(np.arange(64) == 3, np.nan, DEEP).astype(np.float32)
PAGES = {"save_all": True, "append_images": [Image.fromarray(255 - RGB)]}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("half.jpg", JPEG[: len(JPEG) // 2], "truncated"),
        ("no_end.jpg", JPEG[:-100], "truncated"),
        ("header_only.jpg", JPEG[:300], "."),
        ("half.png", PNG[: len(PNG) // 2], "truncated"),
        ("empty.jpg", b"", "not a readable image"),
        ("text.png", b"hello", "not a readable image"),
        ("nan.tif", encoded(Image.fromarray(NOT_A_NUMBER), "TIFF"), "NaN"),
        ("stack.tif", encoded(Image.fromarray(RGB), "TIFF", **PAGES), "2 pages"),
        ("animation.gif", encoded(Image.fromarray(RGB), "GIF", **PAGES), "2 pages"),
    ],
)
def test_bad_files_name_themselves(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_image(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    if name != "nan.tif":  # only its pixels are bad
        with pytest.raises(ValueError, match=name):
            check_image(tmp_path / name)


def test_missing_file(tmp_path):
    for function in (read_image, check_image):
        with pytest.raises(FileNotFoundError, match="gone.jpg"):
            function(tmp_path / "gone.jpg")


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm(tmp_path):
    (tmp_path / "a.jpg").write_bytes(JPEG + b"x" * 9000)
    assert check_image(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").size == (512, 384)


def test_a_bad_image_in_memory_is_named_by_its_row():
    row = {"image": {"path": None, "bytes": b"junk"}, "file_name": "sub/a.png"}
    with pytest.raises(UserError, match="^sub/a.png: not a readable image"):
        read_image(row)
