# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Write the files of a prepared dataset (see `opening.py`) in bounded memory."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.whole_files import UNFINISHED
from ..schema import class_names as names_of
from ..schema import dataset_features, row_tables
from ..statistics import count_table, hide_masks_of_table

_ROWS_PER_CHUNK = 1000
_BYTES_PER_FILE = 500 << 20


@dataclass(frozen=True)
class Split:
    """Rows of a split of a configuration.

    Args:
        rows: rows of the schema.
        positions: positions of the rows in the split.
        points_only: hide masks, boxes and areas (see `hide_masks`).
    """

    rows: Dataset
    positions: Sequence[int]
    points_only: bool = False


@dataclass
class Contents:
    """Files written by `write_files`.

    Attributes:
        files: configuration → split → its files, relative to the folder.
        counts: file → its `count_table`.
        class_names: class names in the order of their indices.
    """

    files: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    counts: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    class_names: list[str] = field(default_factory=list)


def rows_on_disk(rows: Iterable[Mapping[str, Any]], class_names: Sequence[str], path: Path) -> Dataset:
    """Write rows one chunk at a time and open them memory-mapped.

    Args:
        rows: rows of the schema.
        class_names: class names in the order of their indices.
        path: path of the Arrow file to write.
    """
    features = dataset_features(class_names)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, features.arrow_schema) as writer:
        for table in row_tables(rows, features):
            writer.write_table(table)
    return Dataset.from_file(str(path))


def write_files(
    folder: Path, configs: Mapping[str, Mapping[str, Split]], image_root: Path, embed_images: bool = False
) -> Contents:
    """Write the rows of configurations into `folder/data`; configurations share each row that they have in common.

    A row is stored at most twice: with masks, and with points only.

    Args:
        folder: output folder.
        configs: configuration → split → its rows, all with the same classes. A split without rows is omitted.
        image_root: folder that contains all images; their paths become relative to it.
        embed_images: store the image files as well.
    """
    first_config = next(iter(configs.values()))
    first_split = next(iter(first_config.values()))
    contents = Contents(class_names=names_of(first_split.rows))

    # Splits of the same rows in the same form share files.
    sources: dict[tuple[int, bool], list[tuple[str, str, Split]]] = {}
    for config, splits in configs.items():
        for name, split in splits.items():
            sources.setdefault((id(split.rows), split.points_only), []).append((config, name, split))

    # Each group of rows that always occur together becomes a series of files.
    (folder / "data").mkdir(parents=True)
    titles: set[str] = set()
    for members in sources.values():
        _, title, source = members[0]
        title = title if title not in titles else f"{title}-{len(titles)}"
        titles.add(title)
        # Rows that occur in the same splits form a group, which gets files of its own.
        for group, (of_splits, positions) in enumerate(_groups([split for _, _, split in members])):
            tables = _finished(source.rows.select(positions), source.points_only, image_root, embed_images)
            for path, counts in _write(folder, f"data/{title}-{group:03d}", tables, contents.class_names):
                contents.counts[path] = counts
                # Register each file with every split that contains its rows.
                for index in of_splits:
                    config, name, _ = members[index]
                    contents.files.setdefault(config, {}).setdefault(name, []).append(path)
    # Restore the requested order of configurations and splits.
    found, contents.files = contents.files, {}
    for config, splits in configs.items():
        if config in found:
            contents.files[config] = {name: found[config][name] for name in splits if name in found[config]}
    return contents


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `folder` at the end, and removed after an error.

    Raises:
        UserError: `folder` is not empty, or is a file.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is not empty; choose another output folder or delete it")
    # A neighbor of the folder lies on the same file system, as renaming requires; remove what an interrupted run left.
    unfinished = folder.with_name(UNFINISHED + folder.name)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    # An empty target has to go first, because not every system replaces a folder by renaming.
    if folder.is_dir():
        folder.rmdir()
    os.replace(unfinished, folder)


def _groups(splits: Sequence[Split]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield groups of rows that belong to the same splits: (indices of splits, positions), by their first rows."""
    # A row of this matrix tells which splits contain a row of the dataset.
    belongs = np.zeros((len(splits[0].rows), len(splits)), dtype=bool)
    for index, split in enumerate(splits):
        belongs[np.asarray(split.positions, dtype=np.int64), index] = True
    # Equal rows form a group; the first row of each group decides the order of the groups.
    patterns, first, pattern_of = np.unique(belongs, axis=0, return_index=True, return_inverse=True)
    for pattern in np.argsort(first):
        # Rows that no split contains are not written.
        if patterns[pattern].any():
            yield np.flatnonzero(patterns[pattern]).tolist(), np.flatnonzero(pattern_of.ravel() == pattern)


def _finished(rows: Dataset, points_only: bool, image_root: Path, embed_images: bool) -> Iterator[pa.Table]:
    """Yield tables of rows in the form in which they are stored: relative image paths, perhaps without masks."""
    # Embedded images make rows large, so a chunk then holds fewer of them.
    for table in rows.with_format("arrow").iter(100 if embed_images else _ROWS_PER_CHUNK):
        table = hide_masks_of_table(table.combine_chunks()) if points_only else table.combine_chunks()
        # Only the image column changes: relative path, and the bytes if they are embedded.
        images = [_image(image, image_root.absolute(), embed_images) for image in table["image"].to_pylist()]
        place = table.schema.get_field_index("image")
        yield table.set_column(place, table.schema.field(place), pa.array(images, type=table.schema.field(place).type))


def _image(image: dict[str, Any], image_root: Path, embed_images: bool) -> dict[str, Any]:
    path, data = Path(image["path"]), image["bytes"]
    if not path.is_relative_to(image_root):
        raise UserError(f"{path}: lies outside {image_root}; paths are stored relative to it, so move the images there")
    if embed_images and data is None:
        if not path.is_file():
            raise UserFileNotFoundError(f"{path}: image file not found; it is only required with embed_images")
        data = path.read_bytes()
    return {"bytes": data, "path": path.relative_to(image_root).as_posix()}


def _write(
    folder: Path, stem: str, tables: Iterator[pa.Table], class_names: Sequence[str]
) -> Iterator[tuple[str, Counter[tuple[str, str]]]]:
    """Write tables into files of bounded size; yield the path and the counts of each file."""
    shard, table = 0, next(tables, None)
    while table is not None:
        path, counts, size = f"{stem}-{shard:03d}.arrow", Counter(), 0
        with pa.OSFile(str(folder / path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            # The size is checked before each table, so a file exceeds the limit by less than one table.
            while table is not None and size < _BYTES_PER_FILE:
                writer.write_table(table)
                counts += count_table(table, class_names)
                size += table.nbytes
                table = next(tables, None)
        yield path, counts
        shard += 1
