# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Prepared datasets: a folder that is written once and opened in a moment, whatever its size.

```
README.md            the dataset card; its `configs` say which files make up which split of which configuration
data/*.arrow         rows of the schema, memory-mapped when opened (on the Hub: data/*.parquet)
```

A file holds the rows that always go together, so that configurations share them: the images of COCO 1% are also in
COCO 2%, and are stored once with their masks and once with their points. `datasets.load_dataset(folder, "coco10")`
reads the same files, also with `streaming=True`. Paths of images are relative: the folder can be moved and published.
"""

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
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, DatasetInfo, Features, get_dataset_config_names, load_dataset
from datasets.table import InMemoryTable, MemoryMappedTable, Table, concat_tables
from huggingface_hub import DatasetCard

from .schema import class_names, dataset_features, row_tables
from .tables import count_table, hide_masks_of_table

_ROWS_A_CHUNK = 1000
_BYTES_A_FILE = 500 << 20


@dataclass(frozen=True)
class Split:
    """What a split of a configuration is made of.

    Args:
        rows: of the schema.
        positions: which of them.
        points_only: leave out what a click does not tell (see `hide_masks`).
    """

    rows: Dataset
    positions: Sequence[int]
    points_only: bool = False


@dataclass
class Contents:
    """What `write_files` has written.

    Attributes:
        files: configuration → split → its files, relative to the folder.
        counts: file → `count_table` of it.
        names: the class names.
    """

    files: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    counts: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def rows_on_disk(rows: Iterable[Mapping[str, Any]], names: Sequence[str], path: Path) -> Dataset:
    """Writes rows as they come and opens them memory-mapped: they are never in memory together.

    Args:
        rows: of the schema.
        names: the class names.
        path: of the Arrow file to write.
    """
    features = dataset_features(names)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, features.arrow_schema) as writer:
        for table in row_tables(rows, features):
            writer.write_table(table)
    return Dataset.from_file(str(path))


def write_files(
    folder: Path, configs: Mapping[str, Mapping[str, Split]], image_root: Path, embed_images: bool = False
) -> Contents:
    """Writes the rows of configurations into `folder/data`, each row of a source once for every form that it has.

    Args:
        folder: to write into.
        configs: configuration → split → its rows; all of the same classes. A split without rows is left out.
        image_root: folder that all images lie below; their paths become relative to it.
        embed_images: store the image files themselves.
    """
    contents = Contents(names=class_names(next(iter(next(iter(configs.values())).values())).rows))
    sources: dict[tuple[int, bool], list[tuple[str, str, Split]]] = {}
    for config, splits in configs.items():
        for name, split in splits.items():
            sources.setdefault((id(split.rows), split.points_only), []).append((config, name, split))
    (folder / "data").mkdir(parents=True)
    titles: set[str] = set()
    for members in sources.values():
        _, title, source = members[0]
        title = title if title not in titles else f"{title}-{len(titles)}"
        titles.add(title)
        for group, (of_splits, positions) in enumerate(_groups([split for _, _, split in members])):
            tables = _finished(source.rows.select(positions), source.points_only, image_root, embed_images)
            for path, counts in _write(folder, f"data/{title}-{group:03d}", tables, contents.names):
                contents.counts[path] = counts
                for index in of_splits:
                    config, name, _ = members[index]
                    contents.files.setdefault(config, {}).setdefault(name, []).append(path)
    # In the order that was asked for, not in that of the files.
    found = contents.files
    contents.files = {
        c: {s: found[c][s] for s in splits if s in found[c]} for c, splits in configs.items() if c in found
    }
    return contents


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """A folder to write into that appears under its name when all is written, and not at all after an error.

    Raises:
        ValueError: there is something under this name already.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: holds something already; choose another output folder or delete it")
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    if folder.is_dir():
        folder.rmdir()
    os.replace(unfinished, folder)


def open_prepared(
    path_or_repo: str | Path, config: str | None = None, image_dir: str | Path | None = None
) -> DatasetDict:
    """Opens a configuration of a prepared dataset: rows of the schema, memory-mapped.

    Args:
        path_or_repo: folder, or repository on the Hub (which is downloaded once).
        config: such as "coco10"; None where there is only one.
        image_dir: folder that the images lie below, as at the preparation (`data/coco` with its `train2017`); not
            needed where the images are stored too. None leaves their paths relative.

    Raises:
        FileNotFoundError: there is no such dataset, or a file of it is missing.
        ValueError: there is no such configuration; the message names those that there are.
    """
    folder = Path(path_or_repo)
    if image_dir is not None and not Path(image_dir).is_dir():
        raise FileNotFoundError(f"{image_dir}: image folder not found; {path_or_repo} names files below it")
    if folder.is_dir() and not (folder / "README.md").is_file():
        raise FileNotFoundError(
            f"{folder}: is no prepared dataset, it has no README.md; give the folder that was written"
        )
    files = prepared_files(folder) if folder.is_dir() else {}
    if files:
        config = _chosen(config, list(files), folder)
    if files and all(path.endswith(".arrow") for paths in files[config].values() for path in paths):
        tables = {name: _mapped([folder / path for path in paths]) for name, paths in files[config].items()}
    else:
        tables = {name: rows.data for name, rows in load_dataset(str(path_or_repo), config).items()}
    if image_dir is not None:
        tables = {name: _with_image_dir(table, Path(image_dir)) for name, table in tables.items()}
    infos = {name: DatasetInfo(features=Features.from_arrow_schema(table.schema)) for name, table in tables.items()}
    return DatasetDict({name: Dataset(table, info=infos[name]) for name, table in tables.items()})


def open_truth(path_or_repo: str | Path, image_dir: str | Path | None = None) -> Dataset | None:
    """All labels of the training images of a prepared dataset, also those that its configurations hide.

    Returns:
        The split `train` of the configuration `all`; None where there is none, because there are no hidden labels.
    """
    folder = Path(path_or_repo)
    configs = prepared_files(folder) if folder.is_dir() else get_dataset_config_names(str(path_or_repo))
    return open_prepared(path_or_repo, "all", image_dir)["train"] if "all" in configs else None


def prepared_files(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Configuration → split → files of a prepared folder, as its card says."""
    configs = DatasetCard.load(folder / "README.md").data.get("configs") or []
    return {
        entry["config_name"]: {split["split"]: list(split["path"]) for split in entry["data_files"]}
        for entry in configs
    }


def _chosen(config: str | None, known: list[str], folder: Path) -> str:
    if config is None and len(known) == 1:
        return known[0]
    if config not in known:
        said = "has several configurations" if config is None else f"has no configuration {config!r}"
        raise ValueError(f"{folder}: {said}; choose one of {', '.join(known)}")
    return config


def _mapped(paths: Sequence[Path]) -> Table:
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: file of a prepared dataset not found; prepare or copy it again")
    return concat_tables([MemoryMappedTable.from_file(str(path)) for path in paths])


def _with_image_dir(table: Table, image_dir: Path) -> Table:
    """The same rows with whole paths: a new column beside those on disk, which stay where they are."""
    if pc.struct_field(table.column("image"), "bytes").null_count < len(table):
        return table  # the images are here
    images = table.column("image").combine_chunks()
    path, data = (images.field(name) for name in ("path", "bytes"))
    paths = pc.binary_join_element_wise(str(image_dir.absolute()), path, os.sep)
    columns = [paths if item.name == "path" else data for item in images.type]
    schema = pa.schema([table.schema.field("image")], metadata=table.schema.metadata)
    whole = pa.StructArray.from_arrays(columns, fields=list(images.type))
    return concat_tables([InMemoryTable(pa.table([whole], schema=schema)), table.drop(["image"])], axis=1)


def _groups(splits: Sequence[Split]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Rows that belong to the same splits: (which splits, which rows), in the order of their first rows."""
    belongs = np.zeros((len(splits[0].rows), len(splits)), dtype=bool)
    for index, split in enumerate(splits):
        belongs[np.asarray(split.positions, dtype=np.int64), index] = True
    patterns, first, pattern_of = np.unique(belongs, axis=0, return_index=True, return_inverse=True)
    for pattern in np.argsort(first):
        if patterns[pattern].any():
            yield np.flatnonzero(patterns[pattern]).tolist(), np.flatnonzero(pattern_of.ravel() == pattern)


def _finished(rows: Dataset, points_only: bool, image_root: Path, embed_images: bool) -> Iterator[pa.Table]:
    """Rows as they are stored."""
    for table in rows.with_format("arrow").iter(100 if embed_images else _ROWS_A_CHUNK):
        table = hide_masks_of_table(table.combine_chunks()) if points_only else table.combine_chunks()
        images = []
        for image in table["image"].to_pylist():
            path, data = Path(image["path"]), image["bytes"]
            if embed_images and data is None:
                data = path.read_bytes()
            images.append({"bytes": data, "path": path.relative_to(image_root.absolute()).as_posix()})
        place = table.schema.get_field_index("image")
        yield table.set_column(place, table.schema.field(place), pa.array(images, type=table.schema.field(place).type))


def _write(
    folder: Path, stem: str, tables: Iterator[pa.Table], names: Sequence[str]
) -> Iterator[tuple[str, Counter[tuple[str, str]]]]:
    """Writes tables into files of bounded size; yields each with what it holds."""
    shard, table = 0, next(tables, None)
    while table is not None:
        path, counts, size = f"{stem}-{shard:03d}.arrow", Counter(), 0
        with pa.OSFile(str(folder / path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            while table is not None and size < _BYTES_A_FILE:
                writer.write_table(table)
                counts += count_table(table, names)
                size += table.nbytes
                table = next(tables, None)
        yield path, counts
        shard += 1
