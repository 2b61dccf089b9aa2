# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis budget`: what labels cost, and what so many hours of labeling buy."""

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
from ..runs.data import load_data
from .sources import SOURCE_HELP, recipe_of

TITLES = {"full": "masks", "box": "boxes", "point": "points", "image": "image-level", "none": "none"}
EPILOG = """examples:
  pointwssis budget --images 118287 --full 0.1 --point 0.9       COCO, as in the paper's table 1: 196.73 days
  pointwssis budget --images 118287                              all images with one kind of label
  pointwssis budget --images 500 --classes 1 --present 1 --objects 40 --mask_seconds 30 --hours 20
  pointwssis budget --dataset data/nuclei --hours 20             the numbers of the data, and what 20 hours buy
  pointwssis budget --dataset data/nuclei --hours 20 --masks 500

Days have 24 hours, as in the paper. Of a --dataset, every other option of `pointwssis run` may follow."""


def main(arguments: Sequence[str]) -> None:
    options, words = _parser().parse_known_args(arguments)
    if options.dataset is None and words and not words[0].startswith("--"):
        raise ValueError(f"{words[0]!r} stands alone; data is named by --dataset {words[0]}")
    _check(options)
    speed = LabelingSpeed(**{field.name: getattr(options, f"{field.name}_seconds") for field in fields(LabelingSpeed)})
    dataset = None
    if options.dataset is not None:
        data = load_data(recipe_of(options.dataset, words + _image_dir(options)))
        dataset = concatenate_datasets([data.full, data.point, data.without_points])
        content, images = image_content(data.train), len(data.train)
    elif words:
        raise ValueError(f"unknown option {words[0]}; pointwssis budget --help tells the options")
    else:
        content, images = _given_content(options), options.images
    seconds = _seconds(content, speed)
    print(_about(content, images, seconds))
    mix = {kind: part for kind in ("full", "box", "point", "image") if (part := getattr(options, kind)) is not None}
    if options.hours is not None:
        print("\n" + _plan(options, content, images, seconds, mix))
    elif mix:
        print("\n" + budget_table(_budget_of_parts(mix, images, seconds)))
    elif dataset is not None:
        print("\nThe labels as they are:\n\n" + budget_table(annotation_cost(dataset, speed)))
    elif images is not None:
        print("\n" + _one_kind_each(images, seconds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pointwssis budget",
        description="What labels cost in working time, and what so many hours of labeling buy.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--images", type=int, help="number of images")
    for kind, title in list(TITLES.items())[:4]:
        add(f"--{kind}", type=float, metavar="PART", help=f"part of the images that get {title}, 0 to 1")
    add("--classes", type=int, help="C, classes that the labels distinguish (default: COCO's 80)")
    add("--present", type=float, help="k, classes present in an image on average (COCO: 2.9)")
    add("--objects", type=float, help="n, objects in an image on average (COCO: 7.2)")
    add("--dataset", help=f"takes images, C, k and n from the data: {SOURCE_HELP}")
    add("--image_dir", help="folder of the images, where --dataset is an annotation file")
    add("--hours", type=float, help="what do so many hours of labeling buy?")
    add("--masks", type=int, help="with --hours: so many masks at least; --full PART: masks on this part instead")
    for field in fields(LabelingSpeed):
        what = field.name.replace("_", " ")
        add(f"--{field.name}_seconds", type=float, default=field.default, help=f"of one {what} (%(default)s)")
    return parser


def _check(options: argparse.Namespace) -> None:
    """What was given beside something that has it already, or without what it belongs to, is an error."""
    if options.images is not None and options.images < 1:
        raise ValueError(f"--images is {options.images}; it takes a number of images from 1 on")
    if options.masks is not None and options.hours is None:
        raise ValueError("--masks belongs to --hours: so many masks at least for so many hours")
    own = [name for name in ("images", "classes", "present", "objects") if getattr(options, name) is not None]
    if options.dataset is not None and own:
        raise ValueError(f"--{own[0]} and --dataset are given; the data have it already, so leave one of them out")
    if options.image_dir is not None and options.dataset is None:
        raise ValueError("--image_dir belongs to --dataset, an annotation file")


def _image_dir(options: argparse.Namespace) -> list[str]:
    return [] if options.image_dir is None else ["--image_dir", options.image_dir]


def _given_content(options: argparse.Namespace) -> ImageContent:
    """C, k and n of the command line; COCO's where it says nothing of them."""
    given = (options.classes, options.present, options.objects)
    if given == (None, None, None):
        return COCO_CONTENT
    if None in given:
        raise ValueError("--classes, --present and --objects belong together: give all three, or --dataset")
    return ImageContent(*given)


def _seconds(content: ImageContent, speed: LabelingSpeed) -> dict[str, float]:
    """Seconds an image; those of the paper, which are rounded, where they are asked for."""
    return (
        dict(COCO_SECONDS) if (content, speed) == (COCO_CONTENT, LabelingSpeed()) else labeling_seconds(content, speed)
    )


def _budget_of_parts(mix: Mapping[str, float], images: int | None, seconds: Mapping[str, float]) -> LabelingBudget:
    if images is None:
        raise ValueError("parts of how many images? give --images or --dataset")
    for kind, part in mix.items():
        if not 0 <= part <= 1:
            raise ValueError(f"--{kind} is {part}; it is a part of the images, from 0 to 1")
    rest = 1 - sum(mix.values())
    if rest < -1e-9:
        raise ValueError(f"{' + '.join(f'--{kind} {part:g}' for kind, part in mix.items())} is more than all images")
    parts = {**mix, "none": rest} if rest > 1e-9 else mix
    return labeling_budget({kind: part * images for kind, part in parts.items()}, seconds)


# -- what is printed


def _about(content: ImageContent, images: int | None, seconds: Mapping[str, float]) -> str:
    where = " (COCO, the paper's section 4.2)" if content == COCO_CONTENT else ""
    count = "" if images is None else f"{images:,} images, "
    each = ", ".join(f"{TITLES[kind]} {seconds[kind]:,.1f} s" for kind in ("full", "box", "point", "image"))
    classes = f"{content.num_classes} class{'es' * (content.num_classes != 1)}"
    shown = f"an image shows {content.classes_present:.1f} of them in {content.objects:.1f} objects"
    return f"{count}{classes}; {shown}{where}\nlabels of an image take: {each}"


def budget_table(budget: LabelingBudget) -> str:
    """Images, hours and days by kind of label."""
    lines = [f"{'label':<12}{'images':>10}{'s / image':>11}{'hours':>12}{'days':>9}"]
    for kind, count in budget.images.items():
        each = budget.seconds[kind] / count if count else 0.0
        lines.append(_budget_line(TITLES[kind], count, f"{each:,.1f}", budget.seconds[kind]))
    lines.append(_budget_line("total", sum(budget.images.values()), "", budget.total_seconds))
    return "\n".join(lines)


def _budget_line(title: str, images: float, each: str, seconds: float) -> str:
    return f"{title:<12}{images:>10,.0f}{each:>11}{seconds / 3600:>12,.1f}{seconds / 86400:>9,.2f}"


def _one_kind_each(images: int, seconds: Mapping[str, float]) -> str:
    lines = [f"{'all images':<12}{'':>10}{'s / image':>11}{'hours':>12}{'days':>9}"]
    for kind in ("full", "box", "point", "image"):
        lines.append(_budget_line(TITLES[kind], images, f"{seconds[kind]:,.1f}", images * seconds[kind]))
    return "\n".join(lines)


def _plan(
    options: argparse.Namespace,
    content: ImageContent,
    images: int | None,
    seconds: Mapping[str, float],
    mix: Mapping[str, float],
) -> str:
    """What the hours buy: the table of trade-offs, and the mixtures that follow from what was asked for."""
    if set(mix) - {"full"}:
        raise ValueError("with --hours, --full PART alone tells the mixture: masks on this part, points on the rest")
    hours, chosen = options.hours, {}
    if images is not None and (everything := mix_of_all(hours, seconds, images)) is not None:
        chosen[everything] = "the most masks with which every image has a label"
    if options.masks is not None:
        if not options.masks > 0 or not content.objects:
            raise ValueError(f"--masks is {options.masks}; it takes a number of masks from 1 on")
        wanted = mix_with_masks(math.ceil(options.masks / content.objects), hours, seconds, images)
        if wanted is None:
            raise ValueError(f"{options.masks} masks take more than {hours:g} hours; ask for fewer, or give more hours")
        chosen[wanted] = f"{options.masks:,} masks, as asked"
    if "full" in mix:
        wanted = mix_with_fraction(mix["full"], hours, seconds, images)
        chosen[wanted] = f"masks on {mix['full']:.0%} of the labeled images, as asked"
    mixes = sorted({*trade_offs(hours, seconds, images), *chosen}, key=lambda mix: (mix.full, mix.point))
    head = f"{'images with':>24}{'':>11}{'they hold':>20}"
    lines = [f"{hours:g} hours ({hours / 24:.2f} days) buy one of these:", "", head]
    lines.append(f"{'masks':>12}{'points':>12}{'no label':>11}{'masks':>10}{'points':>10}{'hours':>9}")
    lines += [_mix_line(mix, content) + (f"  ← {chosen[mix]}" if mix in chosen else "") for mix in mixes]
    if images is not None and mix_of_all(hours, seconds, images) is None:
        needed = images * seconds["point"] / 3600
        lines.append(f"\nPoints on all {images:,} images would take {needed:,.1f} hours.")
    return "\n".join(lines)


def _mix_line(mix: LabelMix, content: ImageContent) -> str:
    none = "" if mix.none is None else f"{mix.none:,}"
    held = f"{mix.full * content.objects:>10,.0f}{mix.point * content.objects:>10,.0f}"
    return f"{mix.full:>12,}{mix.point:>12,}{none:>11}{held}{mix.seconds / 3600:>9,.1f}"
