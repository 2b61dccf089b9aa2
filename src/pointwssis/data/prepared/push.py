# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Upload of a prepared dataset to the Hub: the same files as parquet, the same card."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, HfApi

from ...hub.client import LOGIN_HINT, PushError, first_line
from .opening import prepared_files


def push_prepared(folder: str | Path, repo_id: str, private: bool = False) -> str:
    """Publish a prepared dataset; the contents of the repository's `data` folder are replaced.

    A compressed copy needs free disk space during the upload. Check that you may publish the data: images stored in it
    have their own licenses.

    Args:
        folder: folder written by `prepare_coco` or `prepare_bdd100k`.
        repo_id: repository, such as "user/name"; created if it does not exist.
        private: make a new repository private.

    Returns:
        The URL of the repository.

    Raises:
        PushError: the upload failed; the folder is unchanged.
    """
    folder, api = Path(folder), HfApi()
    files = prepared_files(folder)
    # Build the upload in a temporary folder.
    with TemporaryDirectory() as made:
        upload = Path(made)
        # Configurations share files; each one is converted once.
        paths: set[str] = set()
        for splits in files.values():
            paths.update(*splits.values())
        for path in sorted(paths):
            target = upload / _parquet(path)
            target.parent.mkdir(exist_ok=True)
            _convert(folder / path, target)
        # The card lists the parquet files instead.
        card = DatasetCard.load(folder / "README.md")
        for entry in card.data["configs"]:
            for split in entry["data_files"]:
                split["path"] = [_parquet(path) for path in split["path"]]
        card.save(upload / "README.md")
        try:
            address = api.create_repo(repo_id, repo_type="dataset", private=private or None, exist_ok=True)
            # Files of an earlier upload are deleted in the same commit, so that none is left over.
            options = {"delete_patterns": "data/*", "commit_message": "Prepared dataset"}
            api.upload_folder(repo_id=address.repo_id, repo_type="dataset", folder_path=upload, **options)
        except Exception as error:  # the client raises many kinds of errors; each must name the folder
            raise PushError(
                f"{repo_id}: upload failed ({first_line(error)}). Nothing is lost, {folder} is complete; upload it "
                f"later with push_prepared({str(folder)!r}, {repo_id!r}); {LOGIN_HINT}"
            ) from error
    return str(address)


def _parquet(path: str) -> str:
    return path.removesuffix(".arrow") + ".parquet"


def _convert(source: Path, target: Path) -> None:
    """Convert an Arrow file to a parquet file, one batch at a time."""
    with (
        pa.OSFile(str(source)) as file,
        pa.ipc.open_stream(file) as batches,
        pq.ParquetWriter(target, batches.schema, compression="zstd") as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
