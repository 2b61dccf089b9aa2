# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image files: pixel formats, unusable files, duplicates, and train–val leakage."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.hand_made import png, row, write_png16
from pointwssis.checking.findings import ERROR, NOTE, WARNING, Findings
from pointwssis.checking.image_checks import scan_image, scan_images
from pointwssis.checking.leaks import find_leaks
from pointwssis.data import make_shapes_dataset


def scanned(dataset, split="train"):
    findings = Findings()
    return scan_images(dataset, split, findings), findings


def variant(data: bytes, change) -> bytes:
    stream = io.BytesIO()
    change(Image.open(io.BytesIO(data)).convert("RGB"), stream)
    return stream.getvalue()


def test_kinds_of_pixels(make):
    sixteen = io.BytesIO()
    colors = np.random.default_rng(0).integers(0, 2**16, (30, 40, 3), dtype=np.uint16)
    write_png16(colors, sixteen)
    data = [png(mode="L"), png(mode="P"), png(mode="RGBA"), png(mode="1"), png(mode="I;16"), sixteen.getvalue()]
    data += [png(mode="CMYK", file_format="JPEG"), png(mode="I;16", file_format="TIFF")]
    scan, findings = scanned(make(*[row(i + 1, data=item) for i, item in enumerate(data)]))
    assert scan.kinds == {
        "8-bit gray": 1, "palette": 1, "8-bit color with alpha": 1, "1-bit": 1, "16-bit gray": 2, "16-bit color": 1,
        "CMYK": 1,
    }  # fmt: skip
    assert len(scan.deep_ranges) == 3 and max(found.maximum for found in scan.deep_ranges) > 255
    assert scan.sizes == {(40, 30): 8} and scan.unreadable == 0 and len(findings) == 0


def test_every_useless_file_is_listed(make, tmp_path):
    whole = png(seed=1, file_format="JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    names = ["cut.jpg", "text.png", "empty.png", "missing.png"]
    rows = [row(i + 2, image={"path": str(tmp_path / name), "bytes": None}) for i, name in enumerate(names)]
    dataset = make(row(1), *rows, row(8, width=30, height=40), *[row(20 + i, data=b"x%d" % i) for i in range(150)])
    scan, findings = scanned(dataset)
    finding = next(iter(findings))
    assert (finding.severity, finding.what, finding.count) == (ERROR, "image files that cannot be used", 155)
    assert len(finding.examples) == 155 and scan.unreadable == 155
    for name, example in zip(names, finding.examples, strict=False):
        assert name in example
    assert "has 40 × 30 pixels, but 30 × 40 in the annotations" in finding.examples[4]
    assert scan.kinds["unreadable"] == 155 and len(scan.names) == len(scan.digests) == len(scan.thumbnails) == 156


def test_upright_size_counts():
    image = Image.open(io.BytesIO(png(30, 40)))
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif)
    assert scan_image(row(1, data=stream.getvalue())).problem is None
    assert "30 × 40" in scan_image(row(1, data=png(30, 40))).problem


def test_files_that_come_twice(make):
    dataset = make(row(1, data=png(seed=9)), row(2), row(3, data=png(seed=9)), row(4, data=b"bad"), row(5, data=b"bad"))
    _, findings = scanned(dataset)
    twice = [finding for finding in findings if finding.severity == WARNING]
    assert [(finding.what, finding.examples) for finding in twice] == [
        ("duplicate image files in a split", ["3.png equals 1.png"])
    ]
    assert twice[0].rows == [("train", 0), ("train", 2)]


CHANGES = {
    "saved as JPEG": lambda image, stream: image.save(stream, "JPEG", quality=60),
    "smaller": lambda image, stream: image.resize((80, 60)).save(stream, "PNG"),
    "brighter": lambda image, stream: image.point(lambda value: min(255, value + 20)).save(stream, "PNG"),
    "gray": lambda image, stream: image.convert("L").save(stream, "PNG"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changed_copies_look_alike(make, change):
    original = png(160, 120, seed=3)
    copied = variant(original, change)
    size = Image.open(io.BytesIO(copied)).size
    train, _ = scanned(make(row(1), row(2), row(3, data=original, width=160, height=120)))
    validation, _ = scanned(make(row(7), row(8, data=copied, width=size[0], height=size[1])), "validation")
    findings = Findings()
    find_leaks(train, validation, findings)
    finding = next(iter(findings))
    assert (finding.severity, finding.count) == (NOTE, 1)
    assert finding.examples[0].startswith("8.png resembles 3.png of train")
    assert finding.rows == [("train", 2), ("validation", 1)]


def test_identical_files_are_leaks_and_no_look_alikes(make):
    train, _ = scanned(make(row(1), row(2), row(3, data=b"bad")))
    validation, _ = scanned(make(row(9, data=png(seed=2)), row(4, data=b"bad")), "validation")
    findings = Findings()
    find_leaks(train, validation, findings)
    assert [(f.severity, f.what, f.count) for f in findings][0] == (
        WARNING, "validation images that are also training images", 2
    )  # fmt: skip
    assert len(findings) == 1


def test_different_images_are_not_alike(make):
    flat = [row(i, data=flat_png(i)) for i in range(1, 6)]
    train, _ = scanned(make(*flat[:3], *[row(i) for i in range(10, 60)]))
    validation, _ = scanned(make(*flat[3:], *[row(i) for i in range(60, 90)]), "validation")
    shapes = [scanned(make_shapes_dataset(20, (64, 64), seed))[0] for seed in (1, 2)]
    for pair in ((train, validation), shapes):
        find_leaks(*pair, findings := Findings())
        assert len(findings) == 0


def flat_png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


def test_empty_splits(make):
    nothing, _ = scanned(make())
    something, _ = scanned(make(row(1)))
    for pair in ((nothing, something), (something, nothing), (nothing, nothing)):
        find_leaks(*pair, findings := Findings())
        assert len(findings) == 0


def test_nuclei_have_no_false_alarms(make, shared_dir):
    files = sorted((shared_dir / "data" / "nuclei" / "images").iterdir())[:180]
    rows = []
    for number, path in enumerate(files):
        width, height = Image.open(path).size
        rows.append(row(number, image={"path": str(path), "bytes": None}, width=width, height=height))
    train, found = scanned(make(*rows[:120]))
    validation, _ = scanned(make(*rows[120:]), "validation")
    find_leaks(train, validation, findings := Findings())
    assert len(findings) == len(found) == train.unreadable == 0
