# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The card of a model that was trained here: only what its run has recorded, and "not measured" for the rest.

`README.md` of a trained folder is written from `training_facts.json`: with the folder's name as long as it lies on a
disk, with the repository's name when it goes to the Hub.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

import yaml

from .metadata import metadata
from .training_facts import FACTS_FILE, PARTS, TrainingFacts, write_if_changed
from .words import days, images, listed, percent, table

CURVES_FILE = "curves.png"
# As long as a README.md ends with this line, it belongs to us and is written anew when more is known.
MARKER = "<!-- Written by pointwssis. Delete this line to keep your own changes to this file. -->"

PURPOSES = {
    "teacher": "one mask for every click, to label images",
    "refiner": "mending the masks of clicks: `refiner=` of the teacher's pipeline",
    "student": "segmenting images without any click",
}
_HEAD = "import pointwssis  # makes the model known to transformers\nfrom transformers import pipeline\n\n"
_CLICKS = """
for instance in segmenter("photo.jpg", points=[(30, 30), (50, 20)], labels=[$label, None]):
    print(instance["label"], instance["score"], instance["mask"].size)"""
_INSTANCES = """
for instance in segmenter("photo.jpg", threshold=0.3):
    print(instance["label"], instance["score"], instance["mask"].size)"""
_SEGMENTER = _HEAD + 'segmenter = pipeline("point-instance-segmentation", model="$name")'
USAGES = {
    "teacher": _SEGMENTER + _CLICKS,
    "student": _SEGMENTER + _INSTANCES,
    "upper_bound": _SEGMENTER + _INSTANCES,
    "refiner": _HEAD
    + 'segmenter = pipeline("point-instance-segmentation", model="$teacher", refiner="$name")'
    + _CLICKS,
    "refiner alone": "import numpy as np\nfrom PIL import Image\n\n"
    + _HEAD
    + """refiner = pipeline("point-mask-refinement", model="$name")
image = Image.open("photo.jpg")
rough_mask = np.zeros((image.height, image.width), bool)
rough_mask[20:40, 10:50] = True  # whatever another model gave for this point
for instance in refiner(image, rough_masks=[rough_mask], points=[(30, 30)], labels=[$label]):
    print(instance["label"], instance["mask"].size)""",
}
USAGE_NOTES = {
    "teacher": "Points are (x, y) in pixels of the image, one mask each; the class of a click may be given or not.",
    "student": "It also runs in transformers' own `image-segmentation` pipeline. With `points=[(x, y), …]` it gives "
    "one mask for each of them.",
    "refiner": "Points are (x, y) in pixels of the image.",
}
KINDS = {  # of labels, with the letters of the paper's tables
    "full": "masks (F)",
    "box": "boxes",
    "point": "points (P)",
    "image": "image-level labels (I)",
    "none": "no labels (U)",
}


def write_card(folder: str | Path, family: Mapping[str, str]) -> None:
    """Writes `README.md` of a trained folder from its facts, unless a person has taken it over.

    Args:
        folder: with `training_facts.json`.
        family: part → folder of the models of the same run.
    """
    text = card_of(folder, str(folder), family)
    if text is not None:
        write_if_changed(Path(folder) / "README.md", text)


def card_of(folder: str | Path, name: str, family: Mapping[str, str], on_hub: bool = False) -> str | None:
    """The card of a trained folder; None where there are no facts, or where a person has taken the card over.

    Args:
        folder: of the model.
        name: what people load it by: the folder itself, or its Hub repository.
        family: part → name of the models of the same run.
        on_hub: whether all these names are repositories; else they are folders.
    """
    path = Path(folder) / "README.md"
    is_taken = path.is_file() and not is_ours(path.read_text(encoding="utf-8"))
    if is_taken or not (Path(folder) / FACTS_FILE).is_file():
        return None
    return trained_card(TrainingFacts.load(folder), name, family, on_hub, (Path(folder) / CURVES_FILE).is_file())


def is_ours(text: str) -> bool:
    """Whether nobody has taken a card over."""
    return text.rstrip().endswith(MARKER)


def trained_card(
    facts: TrainingFacts, name: str, family: Mapping[str, str], on_hub: bool = False, has_curves: bool = False
) -> str:
    """The text of a card; arguments as in `card_of`."""
    others = {part: other for part, other in family.items() if part != facts.part}
    template = Template(Path(__file__).with_name("trained.md").read_text(encoding="utf-8"))
    return template.substitute(
        metadata=metadata(facts, name, others if on_hub else {}).to_yaml(),
        title=name.rstrip("/").rpartition("/")[2],
        summary=_summary(facts),
        family=_family({**others, facts.part: name}, facts.part, on_hub),
        usage=_usage(facts, name, others.get("teacher")),
        usage_note=USAGE_NOTES["student" if facts.part == "upper_bound" else facts.part],
        results=_results(facts),
        data=_data(facts),
        training=_training(facts, others),
        curves=f"![The losses of the training]({CURVES_FILE})" if has_curves else "",
        recipe=yaml.safe_dump(facts.recipe, sort_keys=False, allow_unicode=True, default_flow_style=None).strip(),
        limits="\n".join(f"- {limit}" for limit in _limits(facts)),
        marker=MARKER,
    )


def _summary(facts: TrainingFacts) -> str:
    classes = listed(facts.classes, "class", "classes")
    count = facts.learned_from
    if facts.part == "refiner":
        return (
            f"A MaskRefineNet with a {facts.backbone} for {classes}: given an image, a rough mask and the point and "
            f"class of its object, it gives a better mask. It learned on {images(count['full'])} with masks, from what "
            "the teacher of the same run made of their points."
        )
    what = f"A SOLOv2 with a {facts.backbone} for {classes}"
    if facts.part == "teacher":
        return f"{what}. It learned from {images(count['full'])} with masks and is the teacher that labels the others."
    if facts.part == "upper_bound":
        return f"{what}. It learned from {images(count['full'])}, all with masks: what the method is measured against."
    repeats = f", each {count['full_repeats']} times as often" if count.get("full_repeats", 1) > 1 else ""
    return (
        f"{what}. It learned from {images(count['full'])} with masks{repeats}, and from {images(count['pseudo'])} "
        "whose masks are pseudo labels: the teacher of the same run made them."
    )


def _family(family: Mapping[str, str], own: str, on_hub: bool) -> str:
    """Which of the models of a run to load for what."""
    if len(family) == 1:
        return ""
    lines = ["| for | load |", "| --- | --- |"]
    for part, purpose in PURPOSES.items():
        if part in family:
            name = family[part]
            shown = f"[{name}](https://huggingface.co/{name})" if on_hub else f"`{name}`"
            lines.append(f"| {purpose} | {shown}{' (this one)' if part == own else ''}, the {PARTS[part]} |")
    return "\n".join(lines)


def _usage(facts: TrainingFacts, name: str, teacher: str | None) -> str:
    alone = facts.part == "refiner" and teacher is None
    text = USAGES["refiner alone" if alone else facts.part]
    words = {"name": name, "teacher": teacher, "label": json.dumps(facts.classes[0], ensure_ascii=False)}
    return Template(text).substitute(words)


def _results(facts: TrainingFacts) -> str:
    blocks = []
    if facts.metrics:
        columns = [c for c in ("AP", "AP@100", "AP50", "AP75", "APs", "APm", "APl") if c in facts.metrics]
        columns += [f"AR{facts.max_detections}"] if f"AR{facts.max_detections}" in facts.metrics else []
        caption = (
            f"Mask AP in percent on {facts.data['val_name']} ({images(facts.data['val_images'])}), at most "
            f"{facts.max_detections} detections an image:"
        )
        blocks += [caption, table(columns, [[percent(facts.metrics[column]) for column in columns]])]
    elif facts.part != "refiner":
        blocks.append("Not measured: the run had no images to evaluate on.")
    kinds = {"teacher": ["rough"], "refiner": ["rough", "refined"]}.get(facts.part, [])
    known = [kind for kind in kinds if facts.pseudo_labels.get(kind)]
    if known:
        names = [c for c in ("AP", "AP50", "AR100", "mean_iou") if c in facts.pseudo_labels[known[0]]]
        rows = []
        for kind in known:
            quality = facts.pseudo_labels[kind]
            count = f"{quality['labels']} of {quality['points']}"
            rows.append([f"{kind} masks", *(percent(quality[c]) for c in names), count])
        blocks.append(
            f"Masks of the points of {facts.data['name']} against the true masks, which were hidden, in percent:"
        )
        blocks.append(table(["", *("mean IoU" if c == "mean_iou" else c for c in names), "points with a mask"], rows))
    elif kinds:
        blocks.append("The masks that it makes of points were not measured: their truth is not known.")
    return "\n\n".join(blocks)


def _data(facts: TrainingFacts) -> str:
    total = sum(facts.labels.values())
    rows = []
    for kind, title in KINDS.items():
        if facts.labels.get(kind):
            share = f"{100 * facts.labels[kind] / total:.1f}%"
            rows.append([title, str(facts.labels[kind]), share, days(facts.label_days[kind])])
    rows.append(["all", str(total), "100%", days(sum(facts.label_days.values()))])
    source = facts.data["name"]
    if facts.data.get("id"):
        source = f"[{facts.data['id']}](https://huggingface.co/datasets/{facts.data['id']})"
    columns = ["labels", "images", "share", "days of labeling"]
    return f"The run's training data: {source}.\n\n{table(columns, rows)}"


def _training(facts: TrainingFacts, others: Mapping[str, str]) -> str:
    start = f"from {facts.start}"
    if facts.base_model == "teacher" and "teacher" in others:
        start += f" ({others['teacher']})"
    software = ", ".join(f"{package} {version}" for package, version in facts.versions.items())
    if not facts.training:
        return f"It was taken as it was, {start}: there was nothing to learn from. Software: {software}."
    settings, samples, sizes = facts.training, "objects", ""
    if facts.part != "refiner":
        samples, edges = "images", settings["image_size"]
        sizes = f", images with a shortest edge of {edges['shortest_edge']} pixels"
        sizes += f" and a longest of at most {edges['longest_edge']}" if "longest_edge" in edges else ""
    rate = f"{settings['optimizer']} with learning rate {settings['learning_rate']:g}"
    return (
        f"{settings['steps']:,} steps of {settings['batch_size']} {samples}, {rate}, {settings['precision']}, {start}"
        f"{sizes}, seed {settings['seed']}. Software: {software}."
    )


def _limits(facts: TrainingFacts) -> list[str]:
    limits = [f"It knows {listed(facts.classes, 'class', 'classes')} and nothing else."]
    if facts.metrics:
        limits.append(
            f"Measured once, with one seed, on {facts.data['val_name']} alone; on other images nothing is known."
        )
        missing = [key for key in ("APs", "APm", "APl") if key in facts.metrics and facts.metrics[key] is None]
        sizes = {"APs": "small", "APm": "medium", "APl": "large"}
        if missing:
            limits.append(f"The evaluation images hold no {' and no '.join(sizes[key] for key in missing)} objects.")
    else:
        limits.append("How good its masks are on new images was not measured.")
    pseudo, full = facts.learned_from.get("pseudo", 0), facts.learned_from["full"]
    if pseudo:
        limits.append(f"{pseudo} of the {pseudo + full} images that it learned from have masks that a model made.")
    return limits
