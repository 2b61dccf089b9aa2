# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis predict MODEL PATH…`: instances of images as COCO JSON, CSV, label images and overlays."""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ops.folders import make_folder
from ..ops.images import IMAGE_SUFFIXES
from ..ops.parameter_checks import check_num_workers
from ..ops.user_error import UserError
from ..ops.whole_files import UNFINISHED, file_version
from ..ops.wording import counted
from .image_paths import PICTURE_FOLDERS, image_files
from .prediction_files import instance_records, write_pictures, write_tables
from .prediction_journal import PredictionJournal
from .saved_segmenter import BF16_OF_DTYPE, class_names, load_pipeline
from .submission import read_image_info, results_of_image

if TYPE_CHECKING:
    from ..pipelines import PointInstanceSegmentationPipeline

EPILOG = """written to output_dir:
  instances.json   COCO annotations with masks (RLE), boxes, areas, scores, and the click of each instance
  instances.csv    one row per instance: image, class, score, area, box, center of mass
  labels/          one 16-bit image per input: 0 is background, n is the n-th instance
  overlays/        one PNG per input with the masks drawn on it
Tables are written at the end. Until then, unfinished-instances.jsonl holds the results of the finished images; after a
stop, the same command goes on behind them.

examples:
  pointwssis predict outputs/nuclei/student_refined images --threshold 0.4
  pointwssis predict outputs/nuclei/student_refined slide.tif --tile_size 512
  pointwssis predict me/nuclei photo.png --points clicks.csv --refiner me/nuclei-refiner
  pointwssis predict outputs/coco10/student_refined data/coco/test2017 --test_dev image_info_test-dev2017.json"""
RESULTS_FILE = "detections_test-dev2017_pointwssis_results.json"
JOURNAL = UNFINISHED + "instances.jsonl"


def main(arguments: Sequence[str]) -> None:
    """Segment images and write the instances."""
    options = _parser().parse_args(arguments)
    # Imported after the options, so that the help does not wait for torch.
    from ..ops.folder_lock import holding_folder
    from ..ops.full_disk import naming_full_disk
    from ..registration import register

    register()
    # Arguments, files and classes are checked before the weights are loaded.
    _check(options)
    with holding_folder(options.output_dir), naming_full_disk(options.output_dir):
        predict(options)


def predict(options: argparse.Namespace) -> None:
    """Segment images with checked options, in an output folder that nobody else writes into."""
    picture_folders = [options.output_dir / name for name in PICTURE_FOLDERS]
    files = image_files(options.paths, picture_folders)
    names = class_names(options.model)
    if options.test_dev is not None:
        write_test_dev(options, list(files), names)
        return
    clicks = None
    if options.points is not None:
        from ..data.formats.click_table import read_click_table  # imports datasets, which images alone do not need

        clicks = read_click_table(options.points, files, names, options.skip_bad)
    pipe = load_pipeline(options)
    for folder in picture_folders:
        make_folder(folder)
    # Results are written image by image, so that a stop loses none.
    journal = PredictionJournal(options.output_dir / JOURNAL, result_settings(options, str(pipe.model.dtype)))
    segment_files(pipe, files, clicks, journal, options)
    num_images, num_instances = write_tables(journal, options.output_dir, names)
    errors = [record["error"] for record in journal.records() if "error" in record]
    journal.remove()
    print(f"{counted(num_instances, 'instance')} in {counted(num_images, 'image')}: {options.output_dir}")
    if errors:
        print(f"{counted(len(errors), 'image')} skipped:", *errors, sep="\n  ", file=sys.stderr)


def write_test_dev(options: argparse.Namespace, found: Sequence[Path], names: Sequence[str]) -> None:
    """Segment the images of a list, and write all detections in the form of COCO's evaluation server."""
    from .segmented_files import ImageFiles, segmented

    listed = read_image_info(options.test_dev, found, names)
    pipe, records = load_pipeline(options), []
    # The server ranks detections by score, so that none is left out.
    images = ImageFiles(list(listed.files), None, partial(pipe.preprocess, tile_size=options.tile_size))
    answers = segmented(pipe, images, 0.0, options.batch_size, options.num_workers)
    for image_id, answer in zip(listed.files.values(), answers, strict=True):
        if isinstance(answer, UserError):
            raise answer
        _, instances = answer
        records += results_of_image(image_id, instances, listed.category_ids)
    make_folder(options.output_dir)
    path = options.output_dir / RESULTS_FILE
    path.write_text(json.dumps(records), encoding="utf-8")
    print(f"{counted(len(records), 'detection')} in {counted(len(listed.files), 'image')}: {path}")


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="pointwssis predict",
        description="Segment images with a SOLOv2: all instances, or exactly one per click.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
    add = parser.add_argument
    # What to segment, and with what
    add("model", metavar="MODEL", help="folder or Hub repository of a SOLOv2")
    add("paths", metavar="PATH", nargs="+", help=f"images ({suffixes}), or folders, searched with their subfolders")
    # Where results go, and which instances are kept
    add("--output_dir", default="outputs/predictions", type=Path, help="folder for the results (%(default)s)")
    add("--threshold", default=0.3, type=float, help="minimum score of an instance, 0 to 1 (%(default)s)")
    # Clicks: one mask for each, whatever its score
    add("--points", type=Path, help="table of clicks: image, x, y and optionally label (CSV, TSV, JSON lines)")
    add("--refiner", help="MaskRefineNet that refines the masks of clicks: a folder, a Hub repository, or general")
    add(
        "--tile_size",
        type=int,
        metavar="PIXELS",
        help="side of overlapping tiles for images larger than those that the model was trained on, such as their side",
    )
    add(
        "--test_dev",
        type=Path,
        metavar="FILE",
        help=f"image_info_test-dev2017.json: write {RESULTS_FILE} for COCO's evaluation server, and nothing else",
    )
    # Damaged files, format and speed
    add("--skip_bad", action="store_true", help="leave out unreadable images and bad lines of the table; list them")
    add("--label_format", default="png", choices=("png", "tiff"), help="format of the label images (%(default)s)")
    add("--batch_size", default=4, type=int, help="images per forward pass (%(default)s)")
    add("--num_workers", default=0, type=int, help="processes that read images ahead (%(default)s: none)")
    help_text = (
        "number format of the networks (%(default)s: the same masks on any machine); auto: bfloat16 where faster"
    )
    add("--dtype", default="float32", choices=tuple(BF16_OF_DTYPE), help=help_text)
    return parser


def _check(options: argparse.Namespace) -> None:
    """Raise a `UserError` for numbers out of range."""
    if not 0 <= options.threshold <= 1:
        raise UserError(f"--threshold is {options.threshold}; it must be between 0 and 1")
    if options.test_dev is not None and (options.points or options.refiner):
        raise UserError("--test_dev takes no --points and no --refiner; COCO's evaluation server expects detections")
    if options.refiner is not None and options.points is None:
        raise UserError("--refiner refines the masks of clicks; give the clicks with --points")
    if (options.output_dir / "config.json").is_file():
        raise UserError(f"--output_dir is {options.output_dir}, which holds a model; choose another folder")
    if options.batch_size < 1:
        raise UserError(f"--batch_size is {options.batch_size}; it must be at least 1")
    if options.tile_size is not None and options.tile_size < 1:
        raise UserError(f"--tile_size is {options.tile_size}; it must be at least 1 pixel")
    if options.num_workers < 0:
        raise UserError(f"--num_workers is {options.num_workers}; it must be at least 0")
    check_num_workers("--num_workers", options.num_workers)


def result_settings(options: argparse.Namespace, dtype: str) -> dict[str, Any]:
    """Return everything that results depend on beside the images, as values that JSON can hold.

    Args:
        options: options of the command; its models are loaded already.
        dtype: dtype of the networks.
    """
    from ..models.mask_refine_net.named_mask_refine_net import find_refiner

    # Clicks and weights are known by their files, because their paths may get other content.
    points = None if options.points is None else hashlib.sha256(options.points.read_bytes()).hexdigest()
    return {
        "model": model_version(options.model),
        "refiner": None if options.refiner is None else model_version(find_refiner(options.refiner)),
        "points": points,
        "threshold": options.threshold,
        "tile_size": options.tile_size,
        "label_format": options.label_format,
        "dtype": dtype,
    }


def model_version(name_or_path: str) -> list[Any]:
    """Return what changes with the content of a model: sizes and times of its files, or the revision on the Hub."""
    folder = Path(name_or_path)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        return [name_or_path, str(try_to_load_from_cache(name_or_path, "config.json"))]
    return [[path.name, *file_version(path)] for path in sorted(folder.iterdir()) if path.is_file()]


def image_key(path: Path, name: str) -> list[Any]:
    """Return what identifies an image, its content, and the name of its results; a missing one has no content."""
    try:
        return [str(path), name, *file_version(path)]
    except OSError:
        return [str(path), name]


def segment_files(
    pipe: "PointInstanceSegmentationPipeline",
    files: Mapping[Path, str],
    clicks: Mapping[Path, Any] | None,
    journal: PredictionJournal,
    options: argparse.Namespace,
) -> None:
    """Segment the images that are not finished yet; write their pictures, and their records to the journal.

    Raises:
        UserError: an image cannot be read, and `--skip_bad` is not given.
    """
    from .segmented_files import ImageFiles, segmented

    # Go on behind the images that are finished.
    names = dict(zip(files, output_names(files), strict=True))
    keys = (image_key(path, name) for path, name in names.items())
    done, changed = journal.resume(keys, options.skip_bad)
    if changed:
        print(f"unfinished results are replaced, because these settings have changed: {', '.join(changed)}")
    elif done:
        print(f"{counted(done, 'image')} of {len(files):,} finished before; going on")
    paths = list(files)[done:]
    loaded = ImageFiles(paths, clicks, partial(pipe.preprocess, tile_size=options.tile_size))
    results = segmented(pipe, loaded, options.threshold, options.batch_size, options.num_workers)
    for path, result in zip(paths, results, strict=True):
        record = {"key": image_key(path, names[path]), "path": str(path), "file_name": files[path]}
        if isinstance(result, UserError):
            if not options.skip_bad:
                raise UserError(
                    f"{result}. {done:,} of {counted(len(files), 'image')} finished: {journal.path}, labels and "
                    "overlays beside it. The same command goes on behind them; --skip_bad leaves out unreadable images"
                ) from result
            record["error"] = str(result)
        else:
            image, instances = result
            write_pictures(image, instances, options.output_dir, names[path], options.label_format)
            record |= {"width": image.width, "height": image.height, "instances": instance_records(instances)}
        # The record comes last: an image with a record is finished.
        journal.append(record)
        done += 1


def output_names(files: Iterable[Path]) -> Iterator[str]:
    """Yield the files' names without suffix; repeated names are numbered, so that nothing is overwritten.

    Example:
        >>> list(output_names([Path("a.png"), Path("sub/a.png"), Path("a_2.png")]))
        ['a', 'a_2', 'a_2_2']
    """
    used: set[str] = set()
    for file in files:
        # A numbered name may be taken by another file, so numbers are tried until one is free.
        name, number = file.stem, 1
        while name in used:
            number += 1
            name = f"{file.stem}_{number}"
        used.add(name)
        yield name
