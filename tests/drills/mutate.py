# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Feed seeded mutations of small valid files to every loader: each ends in rows or in one clear error.

    python -m tests.drills.mutate --loader coco --count 10000

The mutated files are loaded in a child process with a limit of memory and of time per file. A crash, a hang, another
exception than `UserError`, a message without the name of the file, and rows that contradict the schema are failures:
they are printed with their number, from which `--start` repeats them.
"""

import argparse
import base64
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .mutations import mutated
from .saved_models import saved_model_files

SECONDS = 5  # per file; beside other programs a second may pass without reason
GIGABYTES = 2  # beyond what the libraries have taken
MAX_MESSAGE = 2000  # characters

SIZES = {"a.png": (40, 30), "sub/b.png": (20, 16), "c.jpg": (32, 24)}


@dataclass
class Target:
    """A loader with valid files for it.

    Args:
        files: name → content; the mutations change one of them.
        load: function that loads from a folder that holds the files, given `skip_bad`, and raises or returns rows.
    """

    files: dict[str, bytes]
    load: Callable[[Path, bool], Any]


def annotated(name: str, content: bytes, **others: bytes) -> Target:
    """Return the target of one annotation file of the images in `SIZES`."""

    def load(folder: Path, skip_bad: bool) -> Any:
        from pointwssis.data import load_annotations

        return check_rows(load_annotations(folder / name, folder / "images", skip_bad=skip_bad))

    return Target({name: content, **others}, load)


def check_rows(dataset: Any) -> int:
    """Return the number of rows after checking them against the schema."""
    from pointwssis.ops.coco_masks import decode_rle

    for row in dataset.with_format(None):
        for item in row["objects"]:
            point, box, rle = item["point"], item["bbox"], item["segmentation"]
            assert point is None or (0 <= point[0] < row["width"] and 0 <= point[1] < row["height"]), item
            assert box is None or np.isfinite(box).all(), item
            assert rle is None or decode_rle(rle).shape == (row["height"], row["width"]), item
            assert item["area"] is None or item["area"] >= 0, item
            assert item["score"] is None or 0 <= item["score"] <= 1, item
    return len(dataset)


def coco() -> Target:
    sizes = [{"id": n, "file_name": name, "width": w, "height": h} for n, (name, (w, h)) in enumerate(SIZES.items())]
    marks = [
        {"segmentation": [[1, 2, 15.5, 2, 15, 15, 1, 15]], "bbox": [1, 2, 14.5, 13], "area": 188, "iscrowd": 0},
        {"segmentation": {"size": [16, 20], "counts": [5, 6, 10, 4, 295]}, "score": 0.5, "level": 2},
        {"segmentation": {"size": [30, 40], "counts": "P2`0:0j`0"}, "iscrowd": 1},
        {"point": [12.3, 4], "area": 3},
        {"points": [[1, 1], [3, 3]], "bbox": [0, 0, 5, 5]},
        {"keypoints": [1, 1, 2, 5, 5, 1, 0, 0, 0], "num_keypoints": 2},
    ]
    images = [0, 1, 0, 2, 2, 1]
    annotations = [{"id": n, "image_id": images[n], "category_id": n % 2 + 3, **mark} for n, mark in enumerate(marks)]
    annotations[2]["segmentation"]["counts"] = [400, 20, 780]
    sizes[2] |= {"complete": False, "image_labels": [3]}
    categories = [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog", "supercategory": "animal"}]
    content = {"info": {}, "categories": categories, "images": sizes, "annotations": annotations}
    return annotated("coco.json", json.dumps(content).encode())


def cvat() -> Target:
    text = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels><label><name>dog</name><type>any</type></label>
<label><name>cat</name></label></labels></task></meta>
<image id="0" name="a.png" width="40" height="30">
<points label="cat" source="manual" occluded="0" points="10.50,20.50;0.00,30.00" z_order="0"></points>
<mask label="dog" occluded="1" rle="1, 2, 3" left="38" top="27" width="2" height="3" z_order="2"></mask>
<polygon label="cat" points="0.00,0.00;4.00,0.00;4.00,4.00;0.00,4.00" group_id="7"></polygon>
<polygon label="cat" points="20.00,0.00;22.00,0.00;22.00,2.00" group_id="7"></polygon>
<box label="dog" xtl="10.00" ytl="10.00" xbr="20.00" ybr="14.00" rotation="20" z_order="0"></box>
<ellipse label="dog" cx="10.0" cy="9.0" rx="4.0" ry="3.0" rotation="20"></ellipse></image>
<image id="1" name="b.png" subset="sub" width="20" height="16"><tag label="incomplete"/><tag label="cat"/></image>
<image id="2" name="c.jpg" width="32" height="24"/></annotations>"""
    return annotated("cvat.xml", text.encode())


def label_studio() -> Target:
    from pointwssis.data.formats.label_studio_rle import encode_brush

    size = {"original_width": 40, "original_height": 30, "image_rotation": 0}
    mask = np.zeros((30, 40), bool)
    mask[5:20, 4:30] = True
    values = [
        ("keypointlabels", {"x": 50, "y": 20.5, "width": 0.4, "keypointlabels": ["cat"]}),
        ("brushlabels", {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["cat"]}),
        ("polygonlabels", {"points": [[1, 2], [40, 2], [30, 50.5]], "closed": True, "polygonlabels": ["dog"]}),
        ("ellipselabels", {"x": 50, "y": 50, "radiusX": 8, "radiusY": 9, "rotation": 9, "ellipselabels": ["dog"]}),
        ("rectanglelabels", {"x": 5, "y": 5, "width": 20, "height": 30, "rotation": 0, "rectanglelabels": ["dog"]}),
        ("choices", {"choices": ["incomplete"]}),
    ]
    results = [{"id": f"r{n}", "type": kind, **size, "value": value} for n, (kind, value) in enumerate(values)]
    tasks = [
        {"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-a.png"}, "annotations": [{"id": 1, "result": results}]},
        {"id": 2, "data": {"image": "sub/b.png"}, "annotations": [{"result": [], "was_cancelled": False}]},
        {"id": 3, "data": {"image": "c.jpg"}, "annotations": [], "predictions": [{"result": []}]},
    ]
    return annotated("tasks.json", json.dumps(tasks).encode())


def csv() -> Target:
    lines = ["image,x,y,label,width,height,complete", "a.png,10,20.5,cat,40,30,yes", "a.png,3,4,,,,"]
    lines += ["sub/b.png,19,15,dog,,,no", "c.jpg,,,,,,", '"a.png",7,9,"dog, big",,,']
    return annotated("clicks.csv", ("\n".join(lines) + "\n").encode())


def jsonl() -> Target:
    lines = [
        {"image": "a.png", "x": 10, "y": 20.5, "label": "cat", "complete": True},
        {"image": "a.png", "x": 3, "y": 4},
    ]
    lines += [{"file_name": "sub/b.png", "x": 0, "y": 0, "class": "dog", "width": 20, "height": 16}, {"image": "c.jpg"}]
    return annotated("clicks.jsonl", "\n".join(json.dumps(line) for line in lines).encode())


def labelme() -> Target:
    mask = io.BytesIO()
    Image.fromarray(np.full((3, 5), 255, np.uint8)).save(mask, "PNG")
    shapes = [
        {"label": "cat", "shape_type": "point", "points": [[1.5, 1]], "group_id": None},
        {"label": "dog", "shape_type": "polygon", "points": [[1, 2], [15, 2.5], [9, 20]], "group_id": 1},
        {"label": "dog", "shape_type": "circle", "points": [[20, 20], [25, 20]], "group_id": 1},
        {"label": "cat", "shape_type": "rectangle", "points": [[3, 4], [20, 22]]},
        {
            "label": "cat",
            "shape_type": "mask",
            "points": [[3, 4], [8, 7]],
            "mask": base64.b64encode(mask.getvalue()).decode(),
        },
    ]
    content = {"version": "5.5.0", "flags": {"sunny": True}, "shapes": shapes, "imagePath": "../a.png"}
    content |= {"imageData": None, "imageHeight": 30, "imageWidth": 40}
    return annotated("a.json", json.dumps(content).encode())


def via() -> Target:
    shapes = [
        {"name": "point", "cx": 3, "cy": 4.5},
        {"name": "polygon", "all_points_x": [1, 15, 9], "all_points_y": [2, 2.5, 20]},
        {"name": "circle", "cx": 20, "cy": 20, "r": 5.5},
        {"name": "ellipse", "cx": 20, "cy": 20, "rx": 5, "ry": 3, "theta": 0.5},
        {"name": "rect", "x": 3, "y": 4, "width": 10, "height": 9},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {"label": "cat"}} for shape in shapes]
    images = {
        "a.png1": {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {"complete": "no"}},
        "b.png1": {"filename": "sub/b.png", "size": 1, "regions": [], "file_attributes": {"label": {"dog": True}}},
    }
    return annotated("via.json", json.dumps({"_via_settings": {}, "_via_img_metadata": images}).encode())


def yolo() -> Target:
    labels = b"0 0.1 0.2 0.4 0.2 0.4 0.6\n1 0.5 0.5 0.2 0.1\n"
    yaml = b"path: .\ntrain: images\nval: images/sub\nnc: 2\nnames:\n  0: cat\n  1: dog\n"
    return annotated("data.yaml", yaml, **{"labels/a.txt": labels, "labels/sub/b.txt": b"1 0.5 0.5 0.1 0.1"})


def bdd100k() -> Target:
    corners = {"vertices": [[1, 2], [15, 2], [9, 20], [4, 20]], "types": "LLCC", "closed": True}
    label = {"id": "1", "category": "car", "poly2d": [{**corners, "types": "LLLL"}], "box2d": {"x1": 1, "y1": 2}}
    frames = [
        {"name": "a.png", "size": {"width": 40, "height": 30}, "labels": [label]},
        {
            "name": "c.jpg",
            "labels": [{"id": "2", "category": "rider", "rle": {"size": [24, 32], "counts": [5, 6, 757]}}],
        },
        {"name": "sub/b.png", "labels": None},
    ]

    def load(folder: Path, skip_bad: bool) -> Any:
        from pointwssis.data.formats.bdd100k import load_bdd100k

        return check_rows(load_bdd100k(folder / "frames.json", folder / "images", skip_bad=skip_bad))

    return Target({"frames.json": json.dumps({"frames": frames}).encode()}, load)


def recipe() -> Target:
    def load(folder: Path, skip_bad: bool) -> Any:
        from pointwssis.runs.recipe import Recipe

        Recipe.load(folder / "recipe.yaml")

    text = "# a comment\ndata_dir: x\nseed: 2\nlabeled_fraction: 0.1\nmodel: {fpn_channels: 64}\n"
    text += "training:\n  learning_rate: 1e-4\n  max_steps: 20\nlabel_map:\n  Car: car\n"
    text += "augmentation: {horizontal_flip: 0.5}\n"
    text += "stages: &a [teacher, student]\n"
    return Target({"recipe.yaml": text.encode()}, load)


def image_target(file_format: str, mode: str = "RGB", **options: Any) -> Target:
    """Return the target of an image file of 20 × 16 pixels."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
    picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 16) if mode == "I;16" else picture
    picture.save(stream, file_format, **options)

    def load(folder: Path, skip_bad: bool) -> Any:
        from pointwssis.ops.images import check_image, read_image

        check_image(folder / "image.bin")
        assert read_image(folder / "image.bin").mode == "RGB"

    return Target({"image.bin": stream.getvalue()}, load)


TARGETS: dict[str, Callable[[], Target]] = {
    "coco": coco,
    "cvat": cvat,
    "label_studio": label_studio,
    "csv": csv,
    "jsonl": jsonl,
    "labelme": labelme,
    "via": via,
    "yolo": yolo,
    "bdd100k": bdd100k,
    "recipe": recipe,
    "model": lambda: Target(*saved_model_files()),
    "png": lambda: image_target("PNG"),
    "png16": lambda: image_target("PNG", "I;16"),
    "palette": lambda: image_target("PNG", "P"),
    "jpeg": lambda: image_target("JPEG"),
    "tiff": lambda: image_target("TIFF"),
    "tiff_lzw": lambda: image_target("TIFF", "RGB", compression="tiff_lzw"),
    "gif": lambda: image_target("GIF", "P"),
    "bmp": lambda: image_target("BMP"),
    "webp": lambda: image_target("WEBP"),
}


# -- the child process


def write_images(folder: Path) -> None:
    for name, (width, height) in SIZES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)


def outcome(target: Target, folder: Path, skip_bad: bool) -> str:
    """Return "rows" or "error", or else what went wrong."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        target.load(folder, skip_bad)
    except Exception as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        kind, message = type(error).__name__, str(error)
        if kind not in ("UserError", "UserFileNotFoundError", "NoClassError"):
            return f"{kind}\n{traceback.format_exc()[-1500:]}"
        if str(folder) not in message:
            return f"message without the file: {message[:300]}"
        if "\n" in message or len(message) > MAX_MESSAGE:
            return f"message of {len(message)} characters or several lines: {message[:300]}"
        message.encode("utf-8")
        return "error"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "rows"


def hang(number: int, frame: Any) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


def work(name: str, start: int, count: int, folder: Path) -> None:
    """Load mutations `start` … `start + count - 1`, printing one JSON line for each number before and after it."""
    import logging

    from datasets import arrow_dataset

    logging.disable(logging.CRITICAL)
    # The fingerprints of datasets take most of the time, and are of no use here.
    arrow_dataset.generate_fingerprint = lambda dataset: "none"
    target = TARGETS[name]()
    write_images(folder / "images")
    for file, content in target.files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    # The valid files themselves load, which also imports everything before the limit is set.
    target.load(folder, False)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + GIGABYTES * 2**30,) * 2)
    signal.signal(signal.SIGALRM, hang)

    for number in range(start, start + count):
        generator = random.Random(f"{name} {number}")
        file = generator.choice(sorted(target.files))
        content = mutated(target.files[file], generator)
        (folder / file).write_bytes(content)
        print(json.dumps([number, "begins"]), flush=True)
        for skip_bad in (False, True):
            found = outcome(target, folder, skip_bad)
            print(json.dumps([number, found]), flush=True)
            if found == "rows":
                break
        (folder / file).write_bytes(target.files[file])


# -- the parent process


def run(name: str, count: int, start: int = 0) -> tuple[Counter[str], list[str]]:
    """Return the number of each outcome and a description of every failure.

    Args:
        name: key of `TARGETS`.
        count: number of mutations.
        start: number of the first one.
    """
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    end = start + count
    while start < end:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", __spec__.name, "--child", folder, "--loader", name]
            command += ["--start", str(start), "--count", str(end - start)]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("[")]
        for number, found in lines:
            if found in ("rows", "error"):
                outcomes[found] += 1
            elif found != "begins":
                failures.append(f"{name} {number}: {found}")
        if result.returncode == 0:
            break
        if not lines:
            raise RuntimeError(result.stderr)
        # The process ended at this mutation; go on behind it.
        failures.append(f"{name} {lines[-1][0]}: crash, exit code {result.returncode}: {result.stderr[-500:]}")
        start = lines[-1][0] + 1
    return outcomes, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loader", choices=TARGETS, action="append", help="default: all")
    parser.add_argument("--count", type=int, default=10_000, help="mutations per loader")
    parser.add_argument("--start", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        work(arguments.loader[0], arguments.start, arguments.count, Path(arguments.child))
        return 0
    failed = 0
    for name in arguments.loader or TARGETS:
        outcomes, failures = run(name, arguments.count, arguments.start)
        failed += len(failures)
        print(f"{name:<14} {arguments.count:>7} mutations: {dict(outcomes)}, {len(failures)} failures", flush=True)
        print(*failures[:20], sep="\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
