# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure time and memory of preparing a dataset of the size of COCO 2017, compared with `json.load` of the same file.

python benchmarks/prepare_coco.py

The annotations are synthetic and have the dimensions of `instances_train2017.json`: number of images and annotations,
corners per outline, and annotations not grouped by image. There are no image files, so the preparation does not check
them. Every step runs in a separate process, whose peak resident memory is reported; it includes Python and the imported
libraries.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

IMAGES, ANNOTATIONS = 118_287, 860_001
CLASSES = 80


def write_annotations(path: Path, images: int, annotations: int) -> None:
    """Write a COCO file of synthetic outlines."""
    rng = np.random.default_rng(0)
    sizes = rng.choice(np.array([[640, 480], [480, 640], [640, 427], [500, 375]]), images)
    ids = rng.permutation(600_000)[:images]
    with path.open("w", encoding="ascii") as file:
        file.write('{"info": {"year": 2017}, "licenses": [], "images": [')
        for number in range(images):
            (width, height), name = sizes[number].tolist(), f"{ids[number]:012d}.jpg"
            record = {"license": 3, "file_name": name, "coco_url": f"http://images.cocodataset.org/train2017/{name}"}
            record |= {"height": height, "width": width, "date_captured": "2013-11-14 11:18:45"}
            record |= {"flickr_url": f"http://farm9.staticflickr.com/8186/{name[2:]}", "id": int(ids[number])}
            file.write(("" if number == 0 else ", ") + json.dumps(record))
        file.write('], "annotations": [')
        for number, place in enumerate(rng.integers(0, images, annotations).tolist()):
            record = outline(rng, *sizes[place].tolist())
            record |= {"iscrowd": 0, "image_id": int(ids[place]), "category_id": number % CLASSES + 1, "id": number + 1}
            file.write(("" if number == 0 else ", ") + json.dumps(record))
        categories = [{"supercategory": "thing", "id": index + 1, "name": f"class {index}"} for index in range(CLASSES)]
        file.write(f'], "categories": {json.dumps(categories)}}}')


def outline(rng: np.random.Generator, width: int, height: int) -> dict:
    """Return a star-shaped object; sizes are distributed as in COCO (median side about 50 pixels)."""
    radius = np.exp(rng.normal(3.2, 0.9))
    corners = int(np.clip(rng.lognormal(3.2, 0.6), 4, 200))
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    far = radius * rng.uniform(0.7, 1.0, corners)
    points = np.array([rng.random() * width, rng.random() * height]) + np.stack(
        [far * np.cos(angles), far * np.sin(angles)], axis=1
    )
    points = np.clip(points, 0, [width, height]).round(2)
    low, high = points.min(axis=0), points.max(axis=0)
    box = np.concatenate([low, np.maximum(high - low, 1)]).round(2).tolist()
    return {"segmentation": [points.ravel().tolist()], "area": round(box[2] * box[3] * 0.6, 4), "bbox": box}


def json_load(folder: Path) -> str:
    """Read the annotation file with `json.loads`."""
    content = json.loads((folder / "annotations" / "instances_train2017.json").read_text("utf-8"))
    return f"{len(content['annotations'])} annotations"


def prepare(folder: Path) -> str:
    """Prepare the dataset."""
    from pointwssis.data import prepare_coco

    prepare_coco(folder, folder / "prepared", check_images=False)
    size = sum(path.stat().st_size for path in (folder / "prepared" / "data").iterdir())
    return f"{size / 1e6:.0f} MB on disk"


def open_it(folder: Path) -> str:
    """Open the prepared dataset and read one row."""
    from pointwssis.data import open_prepared

    started = time.perf_counter()
    rows = open_prepared(folder / "prepared", "coco10", folder)
    opened = time.perf_counter() - started
    row = rows["point"][len(rows["point"]) // 2]
    first = time.perf_counter() - started - opened
    counts = ", ".join(f"{len(part)} {name}" for name, part in rows.items())
    return f"opened in {opened:.2f} s, a row after {first:.3f} s more ({counts}; {len(row['objects'])} objects)"


def stream(folder: Path) -> str:
    """Stream the first row of the prepared dataset, as from the Hub."""
    from datasets import load_dataset

    started = time.perf_counter()
    rows = load_dataset(str(folder / "prepared"), "coco10", split="point", streaming=True)
    row = next(iter(rows))
    return f"first row after {time.perf_counter() - started:.2f} s ({len(row['objects'])} objects)"


def import_only(_: Path) -> str:
    """Import the libraries, the baseline of the memory."""
    import pointwssis.data  # noqa: F401

    return "the libraries alone"


STEPS = {"import": import_only, "json.load": json_load, "prepare": prepare, "open": open_it, "stream": stream}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--annotations", type=int, default=ANNOTATIONS)
    parser.add_argument("--step", choices=STEPS, help="run one step on --folder, as the benchmark itself does")
    parser.add_argument("--folder", help="folder of the annotations, for --step")
    options = parser.parse_args()
    # One step, in this process.
    if options.step:
        started, note = time.perf_counter(), STEPS[options.step](Path(options.folder))
        used = resource.getrusage(resource.RUSAGE_SELF)
        peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime  # kilobytes on Linux
        print(f"| {options.step} | {time.perf_counter() - started:.1f} | {cpu:.1f} | {peak:.0f} | {note} |")
        return
    # All steps, each in a new process.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "annotations").mkdir()
        for split, part in (("train", 1.0), ("val", 0.04)):
            path = Path(folder) / "annotations" / f"instances_{split}2017.json"
            write_annotations(path, int(options.images * part), int(options.annotations * part))
            print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB", flush=True)
        print("| step | seconds | CPU seconds | peak memory (MiB) | |\n| --- | --- | --- | --- | --- |", flush=True)
        for step in STEPS:
            subprocess.run([sys.executable, __file__, "--step", step, "--folder", folder], check=True)


if __name__ == "__main__":
    main()
