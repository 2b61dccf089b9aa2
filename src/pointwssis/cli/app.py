# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis app`: label images in the browser, with a mask per click."""

import argparse
import dataclasses
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..ops.user_error import UserError, as_user_error
from ..ops.wording import counted
from .image_paths import image_files
from .saved_segmenter import BF16_OF_DTYPE, class_names, load_pipeline

if TYPE_CHECKING:
    from datasets import Dataset

    from ..app.label_store import ImageLabels, LabelStore
    from ..app.work_images import Limits, WorkImage
    from ..review.worst_images import ImageDoubt

LISTED_IMAGES = 10  # most images whose doubtful labels are printed
EPILOG = """examples:
  pointwssis app outputs/demo/student_refined images --refiner outputs/demo/refiner
  pointwssis app me/nuclei                                   # images are dropped or pasted into the page
  pointwssis app outputs/mine/student_refined images --labels labels.json
  # pseudo labels of a run, worst first; an output folder belongs to one folder of images
  pointwssis app outputs/mine/student_refined --refiner outputs/mine/refiner \\
    --labels outputs/mine/pseudo/refined --output_dir outputs/corrections

Labels of images on the command line are saved in output_dir/labels after every change, and the same command goes on
with them. When the app is stopped (Ctrl-C), all of them are in output_dir/labels.json (COCO). Labels of dropped images
live in the browser's session: download them. Nothing is written outside of output_dir."""


def main(arguments: Sequence[str]) -> None:
    """Serve the labeling app until it is stopped."""
    options = _parser().parse_args(arguments)
    # Imported after the options, so that the help does not wait for torch.
    from ..app.web_page import check_gradio
    from ..ops.folder_lock import holding_folder
    from ..registration import register

    # Everything that can be wrong is checked before the weights are loaded.
    check_gradio()
    limits = _limits(options)
    register()
    print("loading the images and the model…", flush=True)
    names = class_names(options.model)
    work = _work(options, names)
    for name, start in work.start_labels.items():
        limits.check_objects(name, len(start.objects) + len(start.clicks))
    # Another app would write its own labels over these. Labels of dropped images are not written.
    with holding_folder(options.output_dir) if work.images else nullcontext():
        serve(options, work, names, limits)


def serve(options: argparse.Namespace, work: "Work", names: Sequence[str], limits: "Limits") -> None:
    """Serve the app with checked options until it is stopped, and write the labels."""
    from ..app.app_state import AppState, open_labels
    from ..app.label_exchange import write_labels
    from ..app.web_page import launch

    labels = open_labels(options.output_dir, work.images, names)
    _print_worst(work, labels)
    pipe, start_labels = load_pipeline(options), work.start_labels
    app = AppState(pipe, work.images, options.output_dir, limits, labels=labels, start_labels=start_labels)
    with as_user_error(OSError, source=f"--host {options.host} --port {options.port}"):
        page, address = launch(app, options.host, options.port)
    print(f"open {address} in a browser; Ctrl-C stops the app", flush=True)
    if work.images:
        print(f"every change is saved in {options.output_dir / 'labels'}; the same command goes on with it", flush=True)
    try:
        wait_until_stopped()
    except KeyboardInterrupt:  # the way to stop a server, not a failure
        pass
    finally:
        page.close(verbose=False)
        if written := write_labels(app.all_labels(), app.class_names, options.output_dir):
            print(f"labels: {written}", flush=True)


class Work(NamedTuple):
    """The images to label."""

    images: list["WorkImage"]
    start_labels: dict[str, "ImageLabels"]  # labels that they start with, by name
    worst: list["ImageDoubt"]  # doubts about the pseudo labels of the first images


def wait_until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM, both of which raise a `KeyboardInterrupt` here."""
    threading.Event().wait()


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="pointwssis app",
        description="Label images in the browser: click an object, get its mask, correct it, save.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="folder or Hub repository of a SOLOv2")
    add("paths", metavar="IMAGES", nargs="*", help="images, or folders of them; more can be dropped into the page")
    add("--refiner", help="MaskRefineNet that refines the masks of clicks: a folder, a Hub repository, or general")
    add("--labels", help="labels to correct: pseudo/refined of a run, or an annotation file of the folder IMAGES")
    add("--output_dir", default="outputs/app", type=Path, help="folder for the labels (%(default)s)")
    # The server
    add("--host", default="127.0.0.1", help="address to listen at (%(default)s: this machine only; 0.0.0.0: any)")
    add("--port", type=int, help="port to listen at (a free one from 7860 on)")
    add("--dtype", default="float32", choices=tuple(BF16_OF_DTYPE), help="number format of the networks (%(default)s)")
    # Limits, with the names and defaults of `Limits`
    add("--max_megapixels", type=float, help="largest image, in millions of pixels (50)")
    add("--max_megabytes", type=float, help="largest file that may be dropped, in millions of bytes (25)")
    add("--max_objects", type=int, help="most objects of an image (1000)")
    add("--max_users", type=int, help="most people at once, and most waiting requests over HTTP (8)")
    add("--max_dropped", type=int, help="most dropped images per person (50)")
    add("--max_dropped_megabytes", type=float, help="their size together, in millions of bytes (200)")
    return parser


def _limits(options: argparse.Namespace) -> "Limits":
    """Return the limits of the options."""
    from ..app.work_images import Limits

    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Limits)}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if value <= 0:
            raise UserError(f"--{name} is {value}; it must be positive")
    return Limits(**given)


def _worst_first(rows: "Dataset") -> tuple["Dataset", list["ImageDoubt"], dict[int, str]]:
    """Rank the images of pseudo labels by what a correction of their labels brings.

    Returns:
        The images in their order, those without pseudo labels last; the doubts about the others; and object id → what
        speaks against its label, for the most doubtful labels.
    """
    from ..pseudo_labeling.doubt import NOTHING_UNUSUAL, label_doubts
    from ..review.worst_images import worst_images

    worst = worst_images(label_doubts(rows))
    reasons = {}
    for image in worst:
        for label in image.labels[: image.doubtful]:
            if label.reason != NOTHING_UNUSUAL:
                reasons[label.item["id"]] = label.reason
    order = dict.fromkeys([*(image.row for image in worst), *range(len(rows))])
    return rows.select(list(order)), worst, reasons


def _print_worst(work: Work, labels: "LabelStore") -> None:
    """Print the images whose pseudo labels need correction most, but for those whose saved labels are finished."""
    left = [(image.name, doubt) for image, doubt in zip(work.images, work.worst, strict=False)]
    left = [(name, doubt) for name, doubt in left if not labels.is_finished(name)]
    if left:
        print(f"{counted(len(left), 'image')} with pseudo labels, those that need correction most first:")
    for name, doubt in left[:LISTED_IMAGES]:
        label = doubt.labels[0]
        print(f"  {name}: {doubt.doubtful} doubtful of {counted(len(doubt.labels), 'label')}", end="")
        print(f"; the worst: doubt {label.doubt:.2f}, {label.reason}")


def _work(options: argparse.Namespace, names: Sequence[str]) -> Work:
    """Return the images to label; those of --labels with their labels, the worst pseudo labels first.

    Raises:
        UserError: a file is missing or invalid, or labels have a class that the model does not know.
    """
    from ..app.work_images import WorkImage

    if options.labels is not None:
        return _labeled_work(options, names)
    files = image_files(options.paths) if options.paths else {}
    return Work([WorkImage(name, path) for path, name in files.items()], {}, [])


def _labeled_work(options: argparse.Namespace, names: Sequence[str]) -> Work:
    from ..app.label_exchange import labels_of_rows
    from ..app.work_images import WorkImage, free_name
    from ..data.formats.image_index import lies_inside
    from ..data.schema import class_names as names_of
    from .export import labels_of

    if len(options.paths) > 1:
        raise UserError(f"--labels takes one folder of images, got {len(options.paths)} paths")
    rows, worst, reasons = _worst_first(labels_of(options.labels, options.paths[0] if options.paths else None))
    if unknown := set(names_of(rows)) - set(names):
        raise UserError(f"{options.labels}: the model does not know the class {min(unknown)!r}; it knows {names}")
    labels = labels_of_rows(rows, reasons)
    if labels.warning:
        print(f"{options.labels}: {labels.warning}")
    # Saved labels must lie inside the output folder, whatever the name of an image, and each in a file of its own.
    inside = {name for name in rows["file_name"] if lies_inside(Path("labels"), name)}
    images: list[WorkImage] = []
    start: dict[str, ImageLabels] = {}
    for row in rows.select_columns(["image", "file_name"]):
        name = row["file_name"]
        if row["image"]["bytes"] is not None:
            raise UserError(
                f"{options.labels}: holds its images in its rows, and the app opens files; write its labels to a file "
                "(pointwssis export), and give that file with the folder of the images"
            )
        if name not in inside:
            name = free_name(Path(name).name, {*inside, *start})
        images.append(WorkImage(name, Path(row["image"]["path"])))
        start[name] = labels.by_name[row["file_name"]]
    return Work(images, start, worst)
