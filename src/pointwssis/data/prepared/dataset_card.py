# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The card of a prepared dataset: its `configs` define how it is opened, its tables describe its contents."""

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
    """The texts of a card.

    Args:
        title: title, such as "COCO 2017 with few masks and many points".
        origin: authors and source of the data.
        splits: meaning of the configurations and splits.
        made: how the dataset was made, with all settings that affect the result.
        license: the license of the data in words.
        license_fields: license fields for the Hub: `license`, and `license_name` and `license_link` if the Hub does not
            know it.
    """

    title: str
    origin: str
    splits: str
    made: str
    license: str
    license_fields: Mapping[str, str]


def dataset_card(about: About, contents: Contents, embed_images: bool) -> str:
    """Return the README.md of a prepared dataset.

    Args:
        about: texts of the card.
        contents: files of the dataset and their counts.
        embed_images: True if the image files are embedded.
    """
    # Counts of a split are the sums over its files.
    counts: dict[str, dict[str, Counter]] = {}
    for config, splits in contents.files.items():
        counts[config] = {}
        for name, paths in splits.items():
            counts[config][name] = sum((contents.counts[path] for path in paths), Counter())
    if embed_images:
        images = "The image files are embedded."
    else:
        images = (
            "The image files are not embedded: `image` is a path below the folder that the dataset was prepared from; "
            "pass this folder to `open_prepared` as `image_dir`."
        )
    # `configs` is what `load_dataset` and `open_prepared` read; the other fields are for the search on the Hub.
    metadata = DatasetCardData(
        **about.license_fields,
        pretty_name=about.title,
        task_categories=["image-segmentation"],
        tags=["instance-segmentation", "weakly-semi-supervised", "point-labels"],
        size_categories=[_size(counts)],
        configs=[_config_entry(config, splits) for config, splits in contents.files.items()],
    )
    # Metadata, a short example, then one section per text and table.
    first = next(iter(contents.files))
    sections = [
        f"---\n{metadata.to_yaml()}\n---\n\n# {about.title}\n\n{about.origin} {images}",
        "```python\n"
        "from pointwssis.data import open_prepared\n\n"
        f'rows = open_prepared("path or repository", "{first}"{"" if embed_images else ", image_dir=..."})\n'
        "```\n\n"
        f'or `datasets.load_dataset("path or repository", "{first}")`, optionally with `streaming=True`. A row is an '
        "image; supervision is per object: `segmentation` (COCO's run lengths), or only a `point` [x, y] in pixels of "
        "the image. The columns are described in the pointwssis package (`pointwssis.data.schema`).",
        f"## Splits\n\n{about.splits}\n\n{_split_table(counts)}",
        f"## Objects per class\n\nCrowds have no class.\n\n{_class_table(counts, contents)}",
        f"## How it was made\n\n{about.made}",
        f"## License\n\n{about.license}",
    ]
    return "\n\n".join(sections) + "\n"


def remarks(reports: Sequence[LoadReport]) -> list[str]:
    """Return sentences about the files that were read: numbers of records that were loaded, skipped and noted."""
    sentences = []
    for report in reports:
        # The name of the file suffices: the card is published, and local paths mean nothing to its readers.
        source = Path(report.source).name
        sentences.append(f"`{source}`: {report.images:,} images and {report.objects:,} objects were loaded.")
        for fate, counts in (("skipped", report.skipped), ("kept", report.notes)):
            for problem, count in counts.most_common():
                sentences.append(f"`{source}`: {count:,} × {problem} ({fate}).")
    return sentences


def _config_entry(config: str, splits: Mapping[str, list[str]]) -> dict[str, Any]:
    return {"config_name": config, "data_files": [{"split": name, "path": paths} for name, paths in splits.items()]}


def _size(counts: Mapping[str, Mapping[str, Counter]]) -> str:
    images = 0  # in the largest configuration
    for splits in counts.values():
        images = max(images, sum(_images(split) for split in splits.values()))
    return next((name for limit, name in _SIZES.items() if images < limit), "1M<n<10M")


def _images(counts: Counter) -> int:
    return sum(count for (what, _), count in counts.items() if what == "images")


def _split_table(counts: Mapping[str, Mapping[str, Counter]]) -> str:
    heads = ["images", *(f"… {kind}" for kind in _KINDS), "masks", "points only", "crowds", "neither"]
    rows = []
    for config, splits in counts.items():
        for name, split in splits.items():
            cells = [_images(split)] + [split["images", kind] for kind in _KINDS]
            rows.append([f"`{config}`", f"`{name}`", *cells, *(split["objects", kind] for kind in _OBJECTS)])
    return _table(["configuration", "split", *heads], rows)


def _class_table(counts: Mapping[str, Mapping[str, Counter]], contents: Contents) -> str:
    """Return a table with one column for all splits of the same files."""
    # A split with the same files in all configurations gets one column, named without the configuration.
    columns: dict[tuple[str, ...], tuple[str, Counter]] = {}
    for config, splits in contents.files.items():
        for name, paths in splits.items():
            shared = all(other.get(name, paths) == paths for other in contents.files.values())
            columns.setdefault(tuple(paths), (name if shared else f"{config} {name}", counts[config][name]))
    # Objects without a class get a row only where there are any.
    titles, splits = zip(*columns.values(), strict=True)
    has_unknown = any(split["class", "unknown"] for split in splits)
    rows = []
    for name in [*contents.class_names, *(["unknown"] if has_unknown else [])]:
        rows.append([name, *(split["class", name] for split in splits)])
    return _table(["class", *titles], rows)


def _table(heads: list[str], rows: list[list[Any]]) -> str:
    lines = []
    for row in [heads, ["---"] * len(heads), *rows]:
        cells = [f"{cell:,}" if isinstance(cell, int) else cell for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
