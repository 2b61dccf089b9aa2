# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A checkup as a text report and as JSON."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from ..ops.wording import counted
from .checkup import Checkup, SplitCheck
from .findings import ERROR, NOTE, WARNING, Finding
from .image_checks import ImageScan
from .label_checks import LabelCounts
from .pyramid import PyramidFit

BAR_LENGTH = 30  # characters
MAX_CLASSES = 20
MAX_EXAMPLES = {WARNING: 5, NOTE: 2}  # of errors all examples are shown
SHORT_NAME, NAMES_PER_LINE = 24, 10  # names of up to so many characters share a line
KINDS = {"full": "masks", "point": "points", "image": "image-level labels", "none": "none"}
SEVERITIES = {"error": "ERROR  ", "warning": "WARNING", "note": "note   "}


def text_report(checkup: Checkup) -> str:
    """Return the report as text: contents of each split, then all findings."""
    parts: list[str] = []
    for name, split in checkup.splits.items():
        parts += _split_text(name, split)
    return "\n\n".join([*parts, _findings_text(checkup)]) + "\n"


def json_report(checkup: Checkup) -> dict[str, Any]:
    """Return the report as plain dictionaries and lists."""
    return {
        "stops_training": checkup.stops_training,
        "findings": [asdict(finding) for finding in checkup.findings],
        "splits": {name: _split_values(split) for name, split in checkup.splits.items()},
    }


# -- text


def _split_text(name: str, split: SplitCheck) -> Iterable[str]:
    """Yield the blocks of text about a split."""
    labels = split.labels
    images, objects = counted(labels.num_images, "image"), counted(labels.num_objects, "object")
    # Title, labels, files and sizes come before the pyramid that they are judged against.
    title = f"{name}: {images}, {objects}, {counted(len(labels.names), 'class', 'classes')}"
    yield f"{title}\n{'═' * len(title)}"
    yield _supervision_text(labels)
    yield _classes_text(labels)
    yield _files_text(split.scan, labels.num_images)
    yield _per_image_text(labels)
    if split.students.sizes:
        yield _sizes_text(split.students)
    # The official teacher has finer grids than the students.
    yield _pyramid_text(split.students, "pyramid" if split.teacher is None else "pyramid of the students")
    if split.teacher is not None:
        yield _pyramid_text(split.teacher, "pyramid of the teacher")


def _supervision_text(labels: LabelCounts) -> str:
    """Return the number of images by kind of supervision."""
    lines = [f"{'supervision':<24}{'images':>9}{'complete':>10}"]
    # Kinds that do not occur are left out.
    for kind, title in KINDS.items():
        complete, unfinished = labels.images[kind, True], labels.images[kind, False]
        if complete + unfinished:
            lines.append(f"{title:<24}{complete + unfinished:>9,}{complete:>10,}")
    # Mixed images and points without a class are rare, and get a line only where they occur.
    if labels.mixed:
        lines.append(
            f"{counted(labels.mixed, 'image')} with points also {'has' if labels.mixed == 1 else 'have'} masks"
        )
    if labels.bare_clicks:
        lines.append(f"{counted(labels.bare_clicks, 'point')} without a class")
    return "\n".join(lines)


def _classes_text(labels: LabelCounts) -> str:
    """Return the annotations by class, the most frequent classes first."""
    # Columns of boxes and crowds appear only if there are any.
    width = max(12, *(min(len(name), 30) for name in labels.names))
    has_boxes = any(counts.boxes for counts in labels.classes)
    has_crowds = any(counts.crowds for counts in labels.classes)
    head = f"{'class':<{width}}{'images':>9}{'masks':>10}{'points':>10}"
    lines = [head + "     boxes" * has_boxes + "    crowds" * has_crowds]
    order = sorted(range(len(labels.names)), key=lambda index: -labels.classes[index].objects)
    for index in order[:MAX_CLASSES]:
        counts = labels.classes[index]
        line = f"{labels.names[index][:30]:<{width}}{counts.images:>9,}{counts.masks:>10,}{counts.points:>10,}"
        line += f"{counts.boxes:>10,}" * has_boxes + f"{counts.crowds:>10,}" * has_crowds
        lines.append(line)
    # The remaining classes share one line.
    rest = order[MAX_CLASSES:]
    if rest:
        objects = sum(labels.classes[index].objects for index in rest)
        lines.append(f"and {counted(len(rest), 'class', 'classes')} more with {counted(objects, 'object')} in total")
    return "\n".join(lines)


def _files_text(scan: ImageScan, images: int) -> str:
    """Return the pixel formats and the sizes of the image files."""
    # The most frequent formats and sizes come first.
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in scan.kinds.most_common())
    sizes = [f"{width} × {height} ({count:,})" for (width, height), count in scan.sizes.most_common(4)]
    more = [f"… {len(scan.sizes) - 4:,} more"] if len(scan.sizes) > 4 else []
    lines = [f"image files    {kinds}", f"width × height {', '.join([*sizes, *more])}"]
    # Deep images show their range, because the scaling to 8 bits depends on it.
    if scan.deep_ranges:
        low = min(found.minimum for found in scan.deep_ranges)
        high = max(found.maximum for found in scan.deep_ranges)
        lines.append(f"               values {low:g} … {high:g}; each image is scaled from its own range to 8 bits")
    return "\n".join(lines) if images else "image files    none"


def _per_image_text(labels: LabelCounts) -> str:
    """Return the distribution of the number of objects per image."""
    if not len(labels.objects_per_image):
        return "objects per image   no images"
    # Quartiles describe skewed counts better than a mean.
    counts = np.asarray(labels.objects_per_image)
    quartiles = ", ".join(f"{value:.0f}" for value in np.percentile(counts, (25, 50, 75)))
    empty = int((counts == 0).sum())
    none = f"; {counted(empty, 'image')} without objects" if empty else ""
    return f"objects per image   quartiles {quartiles}; maximum {counts.max()}{none}"


def _sizes_text(fit: PyramidFit) -> str:
    """Return a histogram of the object sizes at the network's input."""
    # The caption states the scaling, since sizes in pixels depend on it.
    edge, longest = fit.settings.image_size["shortest_edge"], fit.settings.image_size.get("longest_edge")
    scaled = f"{edge}" + (f", at most {longest}" if longest else "")
    if fit.settings.tile_size is not None:
        scaled = f"{edge} of tiles of {fit.settings.tile_size}"
    objects = counted(len(fit.sizes), "object")
    lines = [f"object sizes at the input: √(box area) of {objects}; shortest edge {scaled} pixels"]
    # Empty bins at both ends are cut off; a bin in use shows at least a sliver.
    bins = fit.histogram()
    fullest = max(count for _, _, count in bins)
    used = [index for index, (_, _, count) in enumerate(bins) if count]
    for low, high, count in bins[used[0] : used[-1] + 1]:
        span = f"≥ {low:g}" if np.isinf(high) else f"{low:g} – {high:g}"
        bar = "█" * round(BAR_LENGTH * count / fullest) or "▏" * bool(count)
        lines.append(f"{span:>12} {count:>9,} {count / len(fit.sizes):>5.0%}  {bar}".rstrip())
    return "\n".join(lines)


def _pyramid_text(fit: PyramidFit, title: str) -> str:
    """Return a table of grids, scale ranges, objects and shared cells per pyramid level."""
    lines = [f"{title}\n{'level':<8}{'grid':>9}{'scale range':>15}{'objects':>11}{'points in shared cells':>26}"]
    # The finest level of the pyramid is P2.
    for level, (grid, (low, high)) in enumerate(zip(fit.settings.num_grids, fit.settings.scale_ranges, strict=True)):
        share = f" ({fit.crowded[level] / fit.points:.1%})" if fit.points else ""
        cells, sizes, shared = f"{grid} × {grid}", f"{low:g} – {high:g}", f"{fit.crowded[level]:,}{share}"
        lines.append(f"P{level + 2:<7}{cells:>9}{sizes:>15}{fit.level_objects[level]:>11,}{shared:>26}")
    return "\n".join(lines)


def _findings_text(checkup: Checkup) -> str:
    """Return all findings and the verdict."""
    lines = ["findings", "════════"]
    # Errors come first, as in `Findings`.
    for finding in checkup.findings:
        lines += _finding_lines(finding)
    if not len(checkup.findings):
        lines.append("none")
    stops = checkup.findings.count(ERROR)
    verdict = f"{counted(stops, 'problem')} would stop training." if stops else "Nothing would stop training."
    return "\n".join([*lines, "", verdict])


def _finding_lines(finding: Finding) -> list[str]:
    """Return severity, number and kind, then examples (all of them for errors), then the remedy."""
    examples = finding.examples
    lines = [f"{SEVERITIES[finding.severity]} {finding.count:>7,}  {finding.what}"]
    # File and class names are short enough to share a line.
    if all(len(example) <= SHORT_NAME for example in examples) and finding.severity != ERROR:
        more = [f"… {len(examples) - NAMES_PER_LINE:,} more"] if len(examples) > NAMES_PER_LINE else []
        lines.append(f"{'':>17}{', '.join([*examples[:NAMES_PER_LINE], *more])}")
    else:
        # All errors are listed, as each has to be fixed.
        shown = examples if finding.severity == ERROR else examples[: MAX_EXAMPLES[finding.severity]]
        lines += [f"{'':>17}{example}" for example in shown]
        if len(examples) > len(shown):
            lines.append(f"{'':>17}… {finding.count - len(shown):,} more")
    return [*lines, f"{'':>15}→ {finding.remedy}"]


# -- JSON


def _split_values(split: SplitCheck) -> dict[str, Any]:
    """Return the JSON of a split."""
    labels, scan = split.labels, split.scan
    counts = Counter(labels.objects_per_image)
    supervision = []
    for (kind, complete), count in labels.images.items():
        supervision.append({"kind": kind, "complete": complete, "images": count})
    # Everything is a plain number, text or list, as JSON requires.
    return {
        "images": labels.num_images,
        "objects": labels.num_objects,
        "supervision": supervision,
        "mixed_images": labels.mixed,
        "bare_clicks": labels.bare_clicks,
        "classes": {name: asdict(c) for name, c in zip(labels.names, labels.classes, strict=True)},
        "objects_per_image": {str(number): counts[number] for number in sorted(counts)},
        "image_kinds": dict(scan.kinds),
        "image_sizes": [{"width": w, "height": h, "images": count} for (w, h), count in scan.sizes.most_common()],
        "unreadable_images": scan.unreadable,
        "students": _fit_values(split.students),
        "teacher": None if split.teacher is None else _fit_values(split.teacher),
    }


def _fit_values(fit: PyramidFit) -> dict[str, Any]:
    """Return the JSON of the fit to a pyramid."""
    # Bins of object sizes; JSON has no infinity for the end of the last one.
    sizes = []
    for low, high, count in fit.histogram():
        sizes.append({"from": low, "below": None if np.isinf(high) else high, "objects": count})
    # One entry per pyramid level.
    levels = []
    columns = (fit.settings.num_grids, fit.settings.scale_ranges, fit.level_objects, fit.crowded)
    for grid, scale_range, objects, crowded in zip(*columns, strict=True):
        levels.append({"grid": grid, "scale_range": list(scale_range), "objects": objects, "crowded_points": crowded})
    return {
        "image_size": dict(fit.settings.image_size),
        "pad_size": None if fit.settings.pad_size is None else dict(fit.settings.pad_size),
        "tile_size": fit.settings.tile_size,
        "max_detections": fit.settings.max_detections,
        "sizes": sizes,
        "levels": levels,
        "unlearned_objects": fit.unlearned,
        "points": fit.points,
        "lost_by_official_code": fit.lost,
        "images_over_cap": fit.over_cap["images"],
        "most_objects": fit.most,
    }
