# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Prepared datasets: folders that are written once and open instantly, whatever their size.

```
README.md            the dataset card; its `configs` list the files per split and configuration
data/*.arrow         rows of the schema, memory-mapped when opened (on the Hub: data/*.parquet)
```

A file holds rows that always occur together, so that configurations share them: the images of COCO 1% are also in COCO
2%, and are stored once with their masks and once with their points. `datasets.load_dataset(folder, "coco10")`
reads the same files, also with `streaming=True`. Image paths are relative, so the folder can be moved and published.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, DatasetInfo, Features, get_dataset_config_names, load_dataset
from datasets.exceptions import DatasetGenerationError
from datasets.table import InMemoryTable, MemoryMappedTable, Table, concat_tables
from huggingface_hub import DatasetCard
from yaml import YAMLError

from ...ops.documents import read_text
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief


def open_prepared(
    path_or_repo: str | Path, config: str | None = None, image_dir: str | Path | None = None
) -> DatasetDict:
    """Open a configuration of a prepared dataset: rows of the schema, memory-mapped.

    Args:
        path_or_repo: folder, or repository on the Hub (downloaded once).
        config: name of the configuration, such as "coco10"; None if there is only one.
        image_dir: folder that contains the images, as during preparation (`data/coco` with its `train2017`); not
            required if the images are embedded. None leaves their paths relative.

    Raises:
        UserFileNotFoundError: the dataset or one of its files is missing.
        UserError: there is no such configuration; the message lists the existing ones.
    """
    # Check the folders first: otherwise a wrong path would only show up at the first image.
    folder = Path(path_or_repo)
    if image_dir is not None and not Path(image_dir).is_dir():
        raise UserFileNotFoundError(f"{image_dir}: image folder not found; {path_or_repo} names files below it")
    # Arrow files of a local folder are mapped without a copy; a repository has no local card.
    has_card = (folder / "README.md").is_file()
    files, tables = prepared_files(folder) if has_card else {}, {}
    if folder.is_dir() and not files:
        raise UserFileNotFoundError(
            f"{folder}: not a prepared dataset (no README.md that lists its files); give the folder that was written"
        )
    if files:
        config = _chosen(config, list(files), folder)
        for name, paths in files[config].items():
            if all(path.endswith(".arrow") for path in paths):
                tables[name] = _mapped([folder / path for path in paths])
    if not tables or len(tables) < len(files[config]):  # on the Hub, or parquet files in a folder
        with _naming_dataset(path_or_repo):
            tables = {name: rows.data for name, rows in load_dataset(str(path_or_repo), config).items()}
    # Paths are stored relative to the folder of the images; make them absolute.
    if image_dir is not None:
        tables = {name: _with_image_dir(table, Path(image_dir)) for name, table in tables.items()}
    datasets = DatasetDict()
    for name, table in tables.items():
        features = Features.from_arrow_schema(table.schema)
        datasets[name] = Dataset(table, info=DatasetInfo(features=features))
    return datasets


def open_ground_truth(path_or_repo: str | Path, image_dir: str | Path | None = None) -> Dataset | None:
    """Open all labels of the training images of a prepared dataset, including those that its configurations hide.

    Returns:
        The split `train` of the configuration `all`; None if there is none, because no labels are hidden.
    """
    folder = Path(path_or_repo)
    # Only a folder has its card at hand; for a repository the Hub is asked for the configurations.
    with _naming_dataset(path_or_repo):
        configs = prepared_files(folder) if folder.is_dir() else get_dataset_config_names(str(path_or_repo))
    return open_prepared(path_or_repo, "all", image_dir)["train"] if "all" in configs else None


@contextmanager
def _naming_dataset(path_or_repo: str | Path) -> Iterator[None]:
    """Turn the errors of `datasets` about a repository that does not exist, or cannot be read, into one `UserError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserFileNotFoundError(
            f"{path_or_repo}: neither the folder of a prepared dataset nor a dataset on the Hub; check dataset_name"
        ) from error
    except (DatasetGenerationError, pa.ArrowInvalid, ValueError) as error:
        raise UserError(f"{path_or_repo}: cannot be read ({brief(str(error), 200)}); prepare it again") from error


def prepared_files(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return configuration → split → files of a prepared folder, as listed in its card; none for another dataset.

    Raises:
        UserError: the metadata at the top of the card cannot be read.
    """
    card, files = folder / "README.md", {}
    try:
        configs = DatasetCard(read_text(card)).data.get("configs") or []
    except UserError:
        raise
    except (ValueError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{card}: the metadata at its top cannot be read ({reason:.200}); correct it") from error
    try:
        for entry in configs:
            files[entry["config_name"]] = {split["split"]: list(split["path"]) for split in entry["data_files"]}
    except (KeyError, TypeError):  # other datasets describe their files in other forms
        return {}
    return files


def _chosen(config: str | None, known: list[str], folder: Path) -> str:
    if config is None and len(known) == 1:
        return known[0]
    if config not in known:
        problem = "has several configurations" if config is None else f"has no configuration {config!r}"
        raise UserError(f"{folder}: {problem}; use one of {', '.join(known)}")
    return config


def _mapped(paths: Sequence[Path]) -> Table:
    for path in paths:
        if not path.is_file():
            raise UserFileNotFoundError(f"{path}: file of a prepared dataset not found; prepare or copy it again")
    tables = []
    for path in paths:
        try:
            tables.append(MemoryMappedTable.from_file(str(path)))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UserError(
                f"{path}: cannot be read ({brief(str(error), 200)}); it is damaged: prepare or copy the dataset again"
            ) from error
    return concat_tables(tables)


def _with_image_dir(table: Table, image_dir: Path) -> Table:
    """Return the same rows with absolute image paths: a new column in memory beside the columns on disk."""
    if pc.struct_field(table.column("image"), "bytes").null_count < len(table):
        return table  # the images are embedded
    # Join folder and path for all rows at once; the separator is the last argument.
    images = table.column("image").combine_chunks()
    path, data = (images.field(name) for name in ("path", "bytes"))
    paths = pc.binary_join_element_wise(str(image_dir.absolute()), path, os.sep)
    # Rebuild the struct in the order of its fields, and keep the metadata, which describes the features.
    columns = [paths if item.name == "path" else data for item in images.type]
    schema = pa.schema([table.schema.field("image")], metadata=table.schema.metadata)
    whole = pa.StructArray.from_arrays(columns, fields=list(images.type))
    # Columns are joined side by side: the new one in memory, the others still on disk.
    return concat_tables([InMemoryTable(pa.table([whole], schema=schema)), table.drop(["image"])], axis=1)
