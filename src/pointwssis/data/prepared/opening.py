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
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, DatasetInfo, Features, get_dataset_config_names, load_dataset
from datasets.table import InMemoryTable, MemoryMappedTable, Table, concat_tables
from huggingface_hub import DatasetCard


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


def open_ground_truth(path_or_repo: str | Path, image_dir: str | Path | None = None) -> Dataset | None:
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
