# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The card of a trained model: the facts that its run has recorded, and "not measured" for the rest.

`README.md` of a trained folder is written from `training_facts.json`: with the path of the folder on disk, and with the
name of the repository for the Hub.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

from ...ops.documents import dump_yaml
from ...ops.whole_files import write_text
from ...ops.wording import counted
from .metadata import metadata
from .training_facts import FACTS_FILE, PARTS, TrainingFacts
from .words import days, listed, percent, table

CURVES_FILE = "curves.png"
# A README.md that ends with this line is updated when more is known; without the line it is never changed.
MARKER = "<!-- Written by pointwssis. Delete this line to keep your own changes to this file. -->"

PURPOSES = {
    "teacher": "one mask per click, to label images",
    "refiner": "refining the masks of clicks (`refiner=` of the teacher's pipeline)",
    "student": "segmenting images without clicks",
}
# Examples of usage; `$name`, `$teacher` and `$label` are filled in for each model.
_HEAD = "import pointwssis  # registers the model with transformers\nfrom transformers import pipeline\n\n"
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
    "control": _SEGMENTER + _INSTANCES,
    "upper_bound": _SEGMENTER + _INSTANCES,
    "refiner": _HEAD
    + 'segmenter = pipeline("point-instance-segmentation", model="$teacher", refiner="$name")'
    + _CLICKS,
    "refiner alone": "import numpy as np\nfrom PIL import Image\n\n"
    + _HEAD
    + """refiner = pipeline("point-mask-refinement", model="$name")
image = Image.open("photo.jpg")
rough_mask = np.zeros((image.height, image.width), bool)
rough_mask[20:40, 10:50] = True  # the mask that another model predicted for this point
for instance in refiner(image, rough_masks=[rough_mask], points=[(30, 30)], labels=[$label]):
    print(instance["label"], instance["mask"].size)""",
}
USAGE_NOTES = {
    "teacher": "Points are (x, y) in pixels of the image; each gets one mask. The class of a point is optional.",
    "student": "It also works with the `image-segmentation` pipeline of transformers. With `points=[(x, y), …]`, it "
    "predicts one mask per point.",
    "refiner": "Points are (x, y) in pixels of the image.",
}
LABEL_TITLES = {  # kind of label → its row, with the letters of the paper's tables
    "full": "masks (F)",
    "box": "boxes",
    "point": "points (P)",
    "image": "image-level labels (I)",
    "none": "no labels (U)",
}


def write_card(folder: str | Path, family: Mapping[str, str]) -> None:
    """Write `README.md` of a trained folder from its facts, unless its marker was deleted.

    Args:
        folder: folder of the model, with `training_facts.json`.
        family: part → folder of the models of the same run.
    """
    text = card_of(folder, local_name(folder), family)
    if text is not None:
        write_text(Path(folder) / "README.md", text)


def local_name(folder: str | Path) -> str:
    """Return the name of a folder in cards: its path if that is relative, else its last two parts.

    Example:
        >>> local_name("outputs/nuclei/teacher"), local_name("/runs/nuclei/teacher")
        ('outputs/nuclei/teacher', 'nuclei/teacher')
    """
    folder = Path(folder)
    is_inside = not folder.is_absolute() and ".." not in folder.parts
    return str(folder if is_inside else Path(*folder.parts[-2:]))


def card_of(folder: str | Path, name: str, family: Mapping[str, str], on_hub: bool = False) -> str | None:
    """Return the card of a trained folder; None without facts, or if the marker of its card was deleted.

    Args:
        folder: folder of the model.
        name: name that loads the model: the folder itself, or its Hub repository.
        family: part → name of the models of the same run.
        on_hub: True if these names are repositories; else they are folders.
    """
    path = Path(folder) / "README.md"
    if not (Path(folder) / FACTS_FILE).is_file():
        return None
    card = trained_card(TrainingFacts.load(folder), name, family, on_hub, (Path(folder) / CURVES_FILE).is_file())
    present = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else card
    # The beginning of our card is what is left of a damaged one.
    return card if is_ours(present) or card.startswith(present) else None


def is_ours(text: str) -> bool:
    """Return True for a card that ends with the marker."""
    return text.rstrip().endswith(MARKER)


def trained_card(
    facts: TrainingFacts, name: str, family: Mapping[str, str], on_hub: bool = False, has_curves: bool = False
) -> str:
    """Return the text of a card.

    Args:
        facts: facts of the training run.
        name: see `card_of`.
        family: see `card_of`.
        on_hub: see `card_of`.
        has_curves: True if the folder holds a picture of the training curves.
    """
    # Metadata link to the other models only by names of repositories.
    others = {part: other for part, other in family.items() if part != facts.part}
    template = Template(Path(__file__).with_name("trained.md").read_text(encoding="utf-8"))
    return template.substitute(
        metadata=metadata(facts, name, others if on_hub else {}).to_yaml(),
        title=name.rstrip("/").rpartition("/")[2],
        summary=_summary(facts),
        family=_family({**others, facts.part: name}, facts.part, on_hub),
        usage=_usage(facts, name, others.get("teacher")),
        usage_note=USAGE_NOTES["student" if facts.part in ("control", "upper_bound") else facts.part],
        results=_results(facts),
        data=_data(facts),
        training=_training(facts, others),
        curves=f"![Training curves]({CURVES_FILE})" if has_curves else "",
        recipe=dump_yaml(facts.recipe, allow_unicode=True, default_flow_style=None).strip(),
        limits="\n".join(f"- {limit}" for limit in _limits(facts)),
        marker=MARKER,
    )


def _summary(facts: TrainingFacts) -> str:
    class_names = listed(facts.class_names, "class", "classes")
    count = facts.learned_from
    # The refiner is a MaskRefineNet, all other models are SOLOv2.
    if facts.part == "refiner":
        return (
            f"A MaskRefineNet with a {facts.backbone} backbone for {class_names}. Given an image, a rough mask, and "
            "the point and class of the object, it predicts a refined mask. It was trained on "
            f"{counted(count['full'], 'image')} with masks, to correct the rough masks that the teacher of the same "
            "run predicts from points."
        )
    trained = (
        f"A SOLOv2 with a {facts.backbone} backbone for {class_names}, trained on {counted(count['full'], 'image')}"
    )
    if facts.part == "teacher":
        return f"{trained} with masks. It is the teacher that labels the other images of its run."
    if facts.part == "control":
        return (
            f"{trained} with masks, for as many steps as the student of its run. It is the control that the student is "
            "compared with: it has never seen a point."
        )
    if facts.part == "upper_bound":
        return f"{trained}, all with masks. It is the upper bound that the student of its run is compared with."
    repeats = f" (each {count['full_repeats']} times per epoch)" if count.get("full_repeats", 1) > 1 else ""
    return (
        f"{trained} with masks{repeats} and on {counted(count['pseudo'], 'image')} with pseudo labels, which the "
        "teacher of the same run made."
    )


def _family(family: Mapping[str, str], own: str, on_hub: bool) -> str:
    """Return a table of the models of a run and their purposes."""
    if len(family) == 1:
        return ""
    # Only models of this run with a purpose of their own are listed; repositories become links.
    lines = ["| purpose | model |", "| --- | --- |"]
    for part, purpose in PURPOSES.items():
        if part in family:
            name = family[part]
            shown = f"[{name}](https://huggingface.co/{name})" if on_hub else f"`{name}`"
            lines.append(f"| {purpose} | {shown}{' (this model)' if part == own else ''}, the {PARTS[part]} |")
    return "\n".join(lines)


def _usage(facts: TrainingFacts, name: str, teacher: str | None) -> str:
    # Without its teacher, a refiner is shown with a rough mask made by hand.
    alone = facts.part == "refiner" and teacher is None
    text = USAGES["refiner alone" if alone else facts.part]
    # JSON quotes the class name in a form that Python reads too.
    words = {"name": name, "teacher": teacher, "label": json.dumps(facts.class_names[0], ensure_ascii=False)}
    return Template(text).substitute(words)


def _results(facts: TrainingFacts) -> str:
    return "\n\n".join([*_average_precision(facts), *_label_quality(facts)])


def _average_precision(facts: TrainingFacts) -> list[str]:
    """Return the blocks about the AP of a model on validation images; a refiner has none."""
    if not facts.metrics:
        return [] if facts.part == "refiner" else ["Not measured: the run had no evaluation data."]
    # The columns that the evaluation has
    possible = ("AP", "AP@100", "AP50", "AP75", "APs", "APm", "APl", f"AR{facts.max_detections}")
    columns = [name for name in possible if name in facts.metrics]
    caption = (
        f"Mask AP in percent on {facts.data['val_name']} ({counted(facts.data['val_images'], 'image')}), at most "
        f"{facts.max_detections} detections per image:"
    )
    return [caption, table(columns, [[percent(facts.metrics[name]) for name in columns]])]


def _label_quality(facts: TrainingFacts) -> list[str]:
    """Return the blocks about the masks that a teacher or a refiner makes from points."""
    kinds = {"teacher": ["rough"], "refiner": ["rough", "refined"]}.get(facts.part, [])
    known = [kind for kind in kinds if facts.pseudo_labels.get(kind)]
    if not known:
        unknown = "The masks predicted from points were not measured: their ground truth is not known."
        return [unknown] if kinds else []
    # One row per kind of mask, with the same columns and the number of points that got a mask
    titles = {"AP": "AP", "AP50": "AP50", "AR100": "AR100", "mean_iou": "mean IoU"}
    names = [name for name in titles if name in facts.pseudo_labels[known[0]]]
    rows = []
    for kind in known:
        quality = facts.pseudo_labels[kind]
        count = f"{quality['labels']} of {quality['points']}"
        rows.append([f"{kind} masks", *(percent(quality[name]) for name in names), count])
    caption = f"Masks predicted from the points of {facts.data['name']}, compared with the hidden masks, in percent:"
    return [caption, table(["", *(titles[name] for name in names), "points with a mask"], rows)]


def _data(facts: TrainingFacts) -> str:
    total = sum(facts.labels.values())
    rows = []
    for kind, title in LABEL_TITLES.items():
        if facts.labels.get(kind):
            share = f"{100 * facts.labels[kind] / total:.1f}%"
            rows.append([title, str(facts.labels[kind]), share, days(facts.label_days[kind])])
    rows.append(["all", str(total), "100%", days(sum(facts.label_days.values()))])
    source = facts.data["name"]
    if facts.data.get("id"):
        source = f"[{facts.data['id']}](https://huggingface.co/datasets/{facts.data['id']})"
    columns = ["labels", "images", "share", "labeling time (days)"]
    return f"Training data of the run: {source}.\n\n{table(columns, rows)}"


def _training(facts: TrainingFacts, others: Mapping[str, str]) -> str:
    # Initial weights, with the name of the teacher where the model began as the teacher of the run.
    start = f"from {facts.start}"
    if facts.base_model == "teacher" and "teacher" in others:
        start += f" ({others['teacher']})"
    software = ", ".join(f"{package} {version}" for package, version in facts.versions.items())
    # A run without masks takes over a trained model and has no settings to report.
    if not facts.training:
        return f"Not trained in this run, taken {start}: there were no images with masks. Software: {software}."

    # The refiner sees crops of objects, the others whole images.
    settings, samples, sizes = facts.training, "objects", ""
    if facts.part != "refiner":
        samples, edges = "images", settings["image_size"]
        if settings.get("tile_size"):
            samples = f"windows of {settings['tile_size']} × {settings['tile_size']} pixels"
        sizes = f", shortest edge {edges['shortest_edge']} pixels"
        sizes += f", longest edge at most {edges['longest_edge']} pixels" if "longest_edge" in edges else ""
    rate = f"{settings['optimizer']} with learning rate {settings['learning_rate']:g}"
    return (
        f"{settings['steps']:,} steps of {settings['batch_size']} {samples}, {rate}, {settings['precision']}, trained "
        f"{start}{sizes}, seed {settings['seed']}. Software: {software}."
    )


def _limits(facts: TrainingFacts) -> list[str]:
    limits = [f"The model only knows {listed(facts.class_names, 'class', 'classes')}."]
    if facts.metrics:
        limits.append(
            f"It was measured once, with one seed, on {facts.data['val_name']}; results on other images may differ."
        )
        # AP is None for a size of which the evaluation images show no object.
        missing = [key for key in ("APs", "APm", "APl") if key in facts.metrics and facts.metrics[key] is None]
        sizes = {"APs": "small", "APm": "medium", "APl": "large"}
        if missing:
            shown = " and no ".join(sizes[key] for key in missing)
            limits.append(f"The evaluation images contain no {shown} objects.")
    else:
        limits.append("The quality of its masks on new images was not measured.")
    # Pseudo labels carry the errors of the model that made them.
    pseudo, full = facts.learned_from.get("pseudo", 0), facts.learned_from["full"]
    if pseudo:
        limits.append(f"The masks of {pseudo} of its {pseudo + full} training images are predictions of a model.")
    return limits
