# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Cards of models that were not trained by a run of this package: released, converted and pushed ones.

They are filled from one template and one table. Figures of the paper are labeled as such; `model-index` holds only what
was measured with this package. `python -m pointwssis.hub.cards.released FOLDER` writes the cards of the repositories in
`COMMITTED`. The cards of trained models are in `trained`.
"""

import functools
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData

from .words import listed

HERE = Path(__file__).parent
COMMITTED = ("teacher-coco10", "maskrefinenet-coco10", "student-coco10")
COLUMNS = ("AP", "AP50", "AR100")


@functools.cache
def table() -> dict[str, Any]:
    """Return the facts about the released models (`released.yaml`)."""
    return yaml.safe_load((HERE / "released.yaml").read_text(encoding="utf-8"))


def released_kind(name: str) -> str | None:
    """Return the kind of a released COCO model, "teacher", "maskrefinenet" or "student"; None for any other name.

    Example:
        >>> released_kind("student-coco10"), released_kind("student-coco11"), released_kind("my-model")
        ('student', None, None)
    """
    match = re.fullmatch(r"(teacher|maskrefinenet|student)-coco(\d+)", name)
    return match[1] if match and int(match[2]) in table()["fractions"] else None


def released_card(name: str) -> str:
    """Return the card of a released model.

    Args:
        name: name of the model, such as "teacher-coco10".
    """
    kind, fraction = released_kind(name), int(name.rpartition("coco")[2])
    facts = table()["fractions"][fraction]
    texts = table()["kinds"][kind]
    organization = table()["organization"]
    repos = {part: f"{organization}/{part}-coco{fraction}" for part in ("teacher", "maskrefinenet", "student")}
    links = {part: f"[{repo}](https://huggingface.co/{repo})" for part, repo in repos.items()}
    # Words that the texts of the table may contain as `$name`.
    words = {"name": name, "fraction": fraction, "repo": repos[kind], "teacher": repos["teacher"], **facts}
    words |= {"teacher_link": links["teacher"], "refiner_link": links["maskrefinenet"]}

    # The texts of training and of the other models of the same setting.
    training = texts["training"]
    if kind == "teacher" and "teacher_steps" not in facts:
        training = "The authors released no script for this setting, so the schedule is unknown."
    parts = {"teacher": "teacher", "maskrefinenet": "MaskRefineNet", "student": "student"}
    others = " and ".join(f"{link} ({parts[part]})" for part, link in links.items() if part != kind)
    # The weights remain under the terms of the authors.
    metadata = ModelCardData(
        license="other",
        license_name="authors-terms",
        license_link=table()["repository"],
        datasets=["coco"],
        **_measured(name, repos[kind]),
        **_common(kind),
    )
    return _filled(
        metadata,
        name=name,
        summary=f"{_text(texts['released'], words)}\n\nThe other models of this setting are {others}.",
        provenance=_text(table()["provenance"]["released"], table()),
        usage=_text(texts["usage"], words),
        availability="" if repos[kind] in table()["on_the_hub"] else f"\n{_text(table()['not_on_the_hub'], words)}\n",
        results=_results(name, kind, facts),
        training=_text(training, words),
        remarks=_list(texts["remarks"], words),
    )


def converted_card(repo: str, kind: str, source: str, backbone: str, class_names: str) -> str:
    """Return the card of any other converted model.

    Args:
        repo: the Hub repository or the folder's name.
        kind: "teacher", "maskrefinenet", "student" or "backbone".
        source: name of the checkpoint file.
        backbone: backbone in words, such as "ResNet-50".
        class_names: classes in words, such as "3 classes (cat, dog, fox)".
    """
    texts = table()["kinds"][kind]
    words = {"repo": repo, "backbone": backbone, "class_names": class_names}
    return _filled(
        ModelCardData(license="unknown", **_common(kind)),
        name=repo.rpartition("/")[2],
        summary=_text(texts["converted"], words),
        provenance=_text(table()["provenance"]["converted"], {"source": source}),
        usage=_text(texts.get("usage_alone", texts["usage"]), words),
        results="Not measured.",
        training="Unknown: the checkpoint does not record it.",
        remarks=_list(texts["remarks"], words),
    )


def bare_card(repo: str, config: Any) -> str:
    """Return the card of a model that is pushed without a record of its training.

    Args:
        repo: the Hub repository.
        config: configuration of a SOLOv2 or a MaskRefineNet.
    """
    # The configuration does not tell the roles of a SOLOv2 apart, so it is described as a student.
    kind = "maskrefinenet" if config.model_type == "mask_refine_net" else "student"
    class_names = listed([config.id2label[index] for index in range(config.num_labels)], "class", "classes")
    texts, backbone = table()["kinds"][kind], backbone_name(config.backbone_config)
    words = {"repo": repo, "backbone": backbone, "class_names": class_names}
    return _filled(
        ModelCardData(license="unknown", **_common(kind)),
        name=repo.rpartition("/")[2],
        summary=f"A {texts['title'].split()[0]} with a {backbone} backbone for {class_names}.",
        provenance=_text(table()["provenance"]["pushed"], {}),
        usage=_text(texts.get("usage_alone", texts["usage"]), words),
        results="Not measured.",
        training="Not recorded.",
        remarks=_list(texts["remarks"], words),
    )


def backbone_name(config: Any) -> str:
    """Return the name of a ResNet, such as "ResNet-101" (number of layers with weights), or another model's type."""
    if config.model_type == "efficientnet_lite":
        return "EfficientNet-Lite"
    if config.model_type != "resnet":
        return config.model_type
    # The first convolution and the last linear layer, and 3 or 2 convolutions per block.
    return f"ResNet-{2 + (3 if config.layer_type == 'bottleneck' else 2) * sum(config.depths)}"


def _common(kind: str) -> dict[str, Any]:
    # A backbone is an ordinary ResNet of transformers; all other models need this package.
    tags = {"maskrefinenet": "mask_refine_net", "backbone": "resnet"}
    return {
        "library_name": "transformers" if kind == "backbone" else "pointwssis",
        "pipeline_tag": "image-feature-extraction" if kind == "backbone" else "image-segmentation",
        "tags": ["instance-segmentation", "weakly-semi-supervised", "point-labels", tags.get(kind, "solov2")],
    }


def _measured(name: str, repo: str) -> dict[str, Any]:
    """Return the fields of `model-index`; none without a measurement."""
    results = []
    for task, data, *values, _ in table()["measured"].get(name, []):
        for metric, value in zip(COLUMNS, values, strict=True):
            if value is not None:
                results.append(EvalResult("image-segmentation", "coco", data, metric, value, task_name=task))
    return {"model_name": repo, "eval_results": results} if results else {}


def _results(name: str, kind: str, facts: Mapping[str, Any]) -> str:
    # Figures of the paper come first, then those of the authors' repository and of this package.
    rows = list(table()["published"].get(name, []))
    if kind == "student":
        rows.append(["instances", "COCO test-dev", facts["student_test_dev"], None, None, "the authors' repository"])
    measured = table()["measured"].get(name, [])
    # A missing cell is a dash; without any row there is no table, only the remarks.
    lines = ["| task | data | AP (%) | AP50 (%) | AR100 (%) | source |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows + measured:
        cells = ["–" if cell is None else str(cell) for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    remarks = [] if rows else ["Neither the paper nor the authors' repository reports a figure for this model alone."]
    if not measured:
        remarks.append("Not measured with this package yet.")
    return "\n\n".join(["\n".join(lines)] * bool(rows + measured) + remarks)


def _text(text: str, words: Mapping[str, Any]) -> str:
    return Template(text).substitute(words)


def _list(texts: list[str], words: Mapping[str, Any]) -> str:
    return "\n".join(f"- {_text(text, words)}" for text in texts)


def _filled(metadata: ModelCardData, **parts: str) -> str:
    template = Template((HERE / "released.md").read_text(encoding="utf-8"))
    return template.substitute({"availability": "", "metadata": metadata.to_yaml(), **parts})


def write_committed_cards(folder: str | Path) -> None:
    """Write the cards that are committed under `model_cards/`, one file per Hub repository."""
    for name in COMMITTED:
        (Path(folder) / f"{name}.md").write_text(released_card(name), encoding="utf-8")


if __name__ == "__main__":
    write_committed_cards(sys.argv[1])
