# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis budget`: the labeling time of a dataset, and the labels that a number of hours buys."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields

from datasets import concatenate_datasets

from ..data import ImageContent, LabelingBudget, LabelingSpeed
from ..data.annotation_cost import (
    COCO_CONTENT,
    COCO_SECONDS,
    annotation_cost,
    image_content,
    labeling_budget,
    labeling_seconds,
)
from ..data.labeling_plan import LabelMix, mix_of_all, mix_with_fraction, mix_with_masks, trade_offs
from ..ops.user_error import UserError
from ..ops.wording import counted
from ..runs.data import load_data
from .source_help import SOURCE_HELP
from .sources import recipe_of

TITLES = {"full": "masks", "box": "boxes", "point": "points", "image": "image-level", "none": "none"}
LABELED = ("full", "box", "point", "image")  # kinds that take time
EPILOG = """examples:
  pointwssis budget --images 118287 --full 0.1 --point 0.9       COCO, as in the paper's table 1: 196.73 days
  pointwssis budget --images 118287                              one kind of label for all images
  pointwssis budget --images 500 --classes 1 --present 1 --objects 40 --mask_seconds 30 --hours 20
  pointwssis budget --dataset data/nuclei --hours 20             statistics of the data, and what 20 hours buy
  pointwssis budget --dataset data/nuclei --hours 20 --masks 500

Days have 24 hours, as in the paper. With --dataset, every option of `pointwssis run` is accepted."""


def main(arguments: Sequence[str]) -> None:
    """Print the labeling time of a mixture of labels, or the mixtures that a number of hours buys."""
    # Options of a recipe are passed on to the loader of --dataset.
    options, words = _parser().parse_known_args(arguments)
    if options.dataset is None and words and not words[0].startswith("--"):
        raise UserError(f"unexpected argument {words[0]!r}; give data as --dataset {words[0]}")
    _check(options)
    speed = LabelingSpeed(**{field.name: getattr(options, f"{field.name}_seconds") for field in fields(LabelingSpeed)})
    # Statistics of the images: measured on the data, or as given.
    dataset = None
    if options.dataset is not None:
        data = load_data(recipe_of(options.dataset, words + _image_dir(options)))
        dataset = concatenate_datasets([data.full, data.point, data.without_points])
        content, images = image_content(data.train), len(data.train)
    # Without a dataset no recipe takes the remaining words.
    elif words:
        raise UserError(f"unknown option {words[0]}; pointwssis budget --help lists the options")
    else:
        content, images = _given_content(options), options.images
    seconds = _seconds(content, speed)
    print(_about(content, images, seconds))
    mix = {kind: part for kind in LABELED if (part := getattr(options, kind)) is not None}
    if options.hours is not None:
        print("\n" + _plan(options, content, images, seconds, mix))
    elif mix:
        print("\n" + budget_table(_budget_of_parts(mix, images, seconds)))
    elif dataset is not None:
        print("\nThe existing labels:\n\n" + budget_table(annotation_cost(dataset, speed)))
    elif images is not None:
        print("\n" + _one_kind_each(images, seconds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pointwssis budget",
        description="Compute the working time that labels take, and the labels that a number of hours buys.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    # The images and their labels.
    add("--images", type=int, help="number of images")
    for kind in LABELED:
        add(f"--{kind}", type=float, metavar="FRACTION", help=f"fraction of the images with {TITLES[kind]}, 0 to 1")
    # Statistics of the images; the letters are those of the paper's section 4.2.
    add("--classes", type=int, help="C, number of classes (default: COCO's 80)")
    add("--present", type=float, help="k, mean number of classes present per image (COCO: 2.9)")
    add("--objects", type=float, help="n, mean number of objects per image (COCO: 7.2)")
    add("--dataset", nargs="+", help=f"data that images, C, k and n are taken from: {SOURCE_HELP}")
    add("--image_dir", help="folder of the images, if --dataset is an annotation file")
    # The question to answer, and the speed of the annotators.
    add("--hours", type=float, help="show what this many hours of labeling buy")
    add("--masks", type=int, help="with --hours: minimum number of masks; --full FRACTION fixes their fraction instead")
    # Times per item have the paper's values as defaults.
    for field in fields(LabelingSpeed):
        what = field.name.replace("_", " ")
        add(f"--{field.name}_seconds", type=float, default=field.default, help=f"time per {what} (%(default)s)")
    return parser


def _check(options: argparse.Namespace) -> None:
    """Raise a `UserError` for options that contradict each other, or that lack the option they belong to."""
    if options.images is not None and options.images < 1:
        raise UserError(f"--images is {options.images}; it must be at least 1")
    # Without hours, a number of masks has nothing to limit it.
    if options.masks is not None and options.hours is None:
        raise UserError("--masks requires --hours: it is the minimum number of masks for these hours")
    # The dataset determines its own statistics.
    stated = [name for name in ("images", "classes", "present", "objects") if getattr(options, name) is not None]
    if options.dataset is not None and stated:
        raise UserError(f"--{stated[0]} and --dataset exclude each other; the dataset determines it")
    if options.image_dir is not None and options.dataset is None:
        raise UserError("--image_dir requires --dataset, an annotation file")


def _image_dir(options: argparse.Namespace) -> list[str]:
    """Return --image_dir as words of a command line."""
    return [] if options.image_dir is None else ["--image_dir", options.image_dir]


def _given_content(options: argparse.Namespace) -> ImageContent:
    """Return C, k and n of the command line; those of COCO if none is given."""
    # Averages of different datasets do not mix: all three are given, or none.
    given = (options.classes, options.present, options.objects)
    if given == (None, None, None):
        return COCO_CONTENT
    if None in given:
        raise UserError("--classes, --present and --objects require each other: give all three, or --dataset")
    return ImageContent(*given)


def _seconds(content: ImageContent, speed: LabelingSpeed) -> dict[str, float]:
    """Return kind of label → seconds per image; for COCO the rounded values of the paper."""
    # The paper rounds its seconds per image; its totals are reproduced with these.
    if (content, speed) == (COCO_CONTENT, LabelingSpeed()):
        return dict(COCO_SECONDS)
    return labeling_seconds(content, speed)


def _budget_of_parts(mix: Mapping[str, float], images: int | None, seconds: Mapping[str, float]) -> LabelingBudget:
    """Return the labeling time of a mixture given as kind of label → fraction of the images."""
    # Fractions require a number of images, and must not exceed the whole.
    if images is None:
        raise UserError("fractions of how many images? give --images or --dataset")
    for kind, part in mix.items():
        if not 0 <= part <= 1:
            raise UserError(f"--{kind} is {part}; it must be a fraction of the images, from 0 to 1")
    # The tolerance absorbs rounding: 0.1 + 0.9 leaves nothing without labels.
    rest = 1 - sum(mix.values())
    if rest < -1e-9:
        stated = " + ".join(f"--{kind} {part:g}" for kind, part in mix.items())
        raise UserError(f"{stated} is more than all images")
    parts = {**mix, "none": rest} if rest > 1e-9 else mix
    return labeling_budget({kind: part * images for kind, part in parts.items()}, seconds)


# -- what is printed


def _about(content: ImageContent, images: int | None, seconds: Mapping[str, float]) -> str:
    """Return the statistics of the images and the seconds per image of each kind of label."""
    where = " (COCO, paper, section 4.2)" if content == COCO_CONTENT else ""
    count = "" if images is None else f"{counted(images, 'image')}, "
    each = ", ".join(f"{TITLES[kind]} {seconds[kind]:,.1f} s" for kind in LABELED)
    classes = counted(content.num_classes, "class", "classes")
    shown = f"per image {content.classes_present:.1f} classes and {content.objects:.1f} objects on average"
    return f"{count}{classes}; {shown}{where}\nlabeling time per image: {each}"


def budget_table(budget: LabelingBudget) -> str:
    """Return a table of images, hours and days by kind of label."""
    lines = [f"{'label':<12}{'images':>10}{'s / image':>11}{'hours':>12}{'days':>9}"]
    # Kinds without images have no time per image.
    for kind, count in budget.images.items():
        each = budget.seconds[kind] / count if count else 0.0
        lines.append(_budget_line(TITLES[kind], count, f"{each:,.1f}", budget.seconds[kind]))
    lines.append(_budget_line("total", sum(budget.images.values()), "", budget.total_seconds))
    return "\n".join(lines)


def _budget_line(title: str, images: float, each: str, seconds: float) -> str:
    """Return one line of `budget_table`."""
    return f"{title:<12}{images:>10,.0f}{each:>11}{seconds / 3600:>12,.1f}{seconds / 86400:>9,.2f}"


def _one_kind_each(images: int, seconds: Mapping[str, float]) -> str:
    """Return a table of the time for all images, one line per kind of label."""
    lines = [f"{'all images':<12}{'':>10}{'s / image':>11}{'hours':>12}{'days':>9}"]
    for kind in LABELED:
        lines.append(_budget_line(TITLES[kind], images, f"{seconds[kind]:,.1f}", images * seconds[kind]))
    return "\n".join(lines)


def _plan(
    options: argparse.Namespace,
    content: ImageContent,
    images: int | None,
    seconds: Mapping[str, float],
    mix: Mapping[str, float],
) -> str:
    """Return the table of mixtures that the hours buy; mixtures that an option asks for are marked."""
    # A plan shares the hours between masks and points only.
    if set(mix) - {"full"}:
        raise UserError("with --hours, only --full FRACTION is accepted: masks for this fraction, points for the rest")
    hours, chosen = options.hours, {}  # mixture to mark in the table → the reason
    if images is not None and (everything := mix_of_all(hours, seconds, images)) is not None:
        chosen[everything] = "the most masks while every image has a label"
    # Masks are objects, but plans count images: divide by the mean number of objects.
    if options.masks is not None:
        if not options.masks > 0 or not content.objects:
            raise UserError(f"--masks is {options.masks}; it must be at least 1, and the images must contain objects")
        wanted = mix_with_masks(math.ceil(options.masks / content.objects), hours, seconds, images)
        if wanted is None:
            masks = counted(options.masks, "mask")
            raise UserError(f"{masks} take more than {counted_hours(hours)}; reduce --masks or raise --hours")
        chosen[wanted] = f"{counted(options.masks, 'mask')}, as requested"
    if "full" in mix:
        wanted = mix_with_fraction(mix["full"], hours, seconds, images)
        chosen[wanted] = f"masks for {mix['full']:.0%} of the labeled images, as requested"
    # The table, from few to many masks.
    mixes = sorted({*trade_offs(hours, seconds, images), *chosen}, key=lambda mix: (mix.full, mix.point))
    head = f"{'images with':>24}{'':>11}{'objects with':>20}"
    lines = [f"{counted_hours(hours)} ({hours / 24:.2f} days) of labeling buy one of these mixtures:", "", head]
    lines.append(f"{'masks':>12}{'points':>12}{'no label':>11}{'masks':>10}{'points':>10}{'hours':>9}")
    lines += [_mix_line(mix, content) + (f"  ← {chosen[mix]}" if mix in chosen else "") for mix in mixes]
    if images is not None and mix_of_all(hours, seconds, images) is None:
        needed = images * seconds["point"] / 3600
        lines.append(f"\nPoints for all images ({images:,}) would take {needed:,.1f} hours.")
    return "\n".join(lines)


def counted_hours(hours: float) -> str:
    """Return hours with their noun.

    Example:
        >>> counted_hours(1), counted_hours(2.5)
        ('1 hour', '2.5 hours')
    """
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def _mix_line(mix: LabelMix, content: ImageContent) -> str:
    """Return one line of the table of mixtures."""
    none = "" if mix.none is None else f"{mix.none:,}"
    held = f"{mix.full * content.objects:>10,.0f}{mix.point * content.objects:>10,.0f}"
    return f"{mix.full:>12,}{mix.point:>12,}{none:>11}{held}{mix.seconds / 3600:>9,.1f}"
