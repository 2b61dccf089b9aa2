# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The card of a prepared dataset: its `configs` are how it is opened, its tables say what it holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from ..errors import LoadReport
from .writing import Contents

_KINDS = ("full", "point", "image", "none")
_OBJECTS = ("mask", "point", "crowd", "neither")
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}


@dataclass(frozen=True)
class About:
    """What a card says in words.

    Args:
        title: such as "COCO 2017 with few masks and many points".
        origin: whose data it is, and where it comes from.
        splits: what the configurations and splits mean.
        made: how it was made, with all settings that decide the result.
        license: the terms of the data in words.
        license_fields: the same for the Hub: `license`, and `license_name` and `license_link` of one that it does not
            know.
    """

    title: str
    origin: str
    splits: str
    made: str
    license: str
    license_fields: Mapping[str, str]


def dataset_card(about: About, contents: Contents, embed_images: bool) -> str:
    """The README.md of a prepared dataset.

    Args:
        about: the words.
        contents: the files and what they hold.
        embed_images: whether the image files are in them.
    """
    counts = {
        config: {name: sum((contents.counts[path] for path in paths), Counter()) for name, paths in splits.items()}
        for config, splits in contents.files.items()
    }
    images = "The image files are stored in it." if embed_images else (
        "The image files are not: `image` is a path below the folder that the dataset was prepared from, which "
        "`open_prepared` takes as `image_dir`."
    )  # fmt: skip
    metadata = DatasetCardData(
        **about.license_fields,
        pretty_name=about.title,
        task_categories=["image-segmentation"],
        tags=["instance-segmentation", "weakly-semi-supervised", "point-labels"],
        size_categories=[_size(counts)],
        configs=[_config_entry(config, splits) for config, splits in contents.files.items()],
    )
    first = next(iter(contents.files))
    sections = [
        f"---\n{metadata.to_yaml()}\n---\n\n# {about.title}\n\n{about.origin} {images}",
        "```python\n"
        "from pointwssis.data import open_prepared\n\n"
        f'rows = open_prepared("path or repository", "{first}"{"" if embed_images else ", image_dir=..."})\n'
        "```\n\n"
        f'or `datasets.load_dataset("path or repository", "{first}")`, with `streaming=True` if you like. A row is an '
        "image; supervision is per object: `segmentation` (COCO's run lengths), or only a `point` [x, y] in pixels of "
        "the image. The columns are described in the pointwssis package (`pointwssis.data.schema`).",
        f"## Splits\n\n{about.splits}\n\n{_split_table(counts)}",
        f"## Objects of each class\n\nCrowds are of no class.\n\n{_class_table(counts, contents)}",
        f"## How it was made\n\n{about.made}",
        f"## License\n\n{about.license}",
    ]
    return "\n\n".join(sections) + "\n"


def remarks(reports: Sequence[LoadReport]) -> list[str]:
    """What a card tells of the files that were read: how much of them was taken, skipped, noticed."""
    told = []
    for report in reports:
        source = Path(report.source).name
        told.append(f"`{source}`: {report.images:,} images and {report.objects:,} objects were taken.")
        told += [f"`{source}`: {count:,} × {kind} (skipped)." for kind, count in report.skipped.most_common()]
        told += [f"`{source}`: {count:,} × {kind} (kept)." for kind, count in report.notes.most_common()]
    return told


def _config_entry(config: str, splits: Mapping[str, list[str]]) -> dict[str, Any]:
    return {"config_name": config, "data_files": [{"split": name, "path": paths} for name, paths in splits.items()]}


def _size(counts: Mapping[str, Mapping[str, Counter]]) -> str:
    images = max(sum(_images(split) for split in splits.values()) for splits in counts.values())
    return next((name for limit, name in _SIZES.items() if images < limit), "1M<n<10M")


def _images(counts: Counter) -> int:
    return sum(count for (what, _), count in counts.items() if what == "images")


def _split_table(counts: Mapping[str, Mapping[str, Counter]]) -> str:
    heads = ["images", *(f"… {kind}" for kind in _KINDS), "masks", "points alone", "crowds", "neither"]
    rows = []
    for config, splits in counts.items():
        for name, split in splits.items():
            cells = [_images(split)] + [split["images", kind] for kind in _KINDS]
            rows.append([f"`{config}`", f"`{name}`", *cells, *(split["objects", kind] for kind in _OBJECTS)])
    return _table(["configuration", "split", *heads], rows)


def _class_table(counts: Mapping[str, Mapping[str, Counter]], contents: Contents) -> str:
    """One column for splits of the same files."""
    columns: dict[tuple[str, ...], tuple[str, Counter]] = {}
    for config, splits in contents.files.items():
        for name, paths in splits.items():
            shared = all(other.get(name, paths) == paths for other in contents.files.values())
            columns.setdefault(tuple(paths), (name if shared else f"{config} {name}", counts[config][name]))
    unknown = ["unknown"] if any(split["class", "unknown"] for _, split in columns.values()) else []
    rows = [
        [name, *(split["class", name] for _, split in columns.values())] for name in [*contents.class_names, *unknown]
    ]
    return _table(["class", *(title for title, _ in columns.values())], rows)


def _table(heads: list[str], rows: list[list[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in line) + " |" for line in lines
    )
