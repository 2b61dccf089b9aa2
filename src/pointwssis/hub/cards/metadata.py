# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The metadata at the top of a trained model's card, which the Hub reads."""

from collections.abc import Mapping

from huggingface_hub import EvalResult, ModelCardData

from .training_facts import TrainingFacts


def metadata(facts: TrainingFacts, name: str, others: Mapping[str, str]) -> ModelCardData:
    """Return the metadata of a card.

    `library_name` is pointwssis: transformers alone cannot load the model, and the Hub would show code that fails.
    `base_model` is what the weights were initialized from; a student that was only trained on a teacher's labels is not
    based on it in the Hub's sense, so the text links the two.

    Args:
        facts: facts of the training run.
        name: Hub repository or folder of the model.
        others: part → Hub repository of the other models of the run.
    """
    # Initial weights from the teacher of the run are named only if the teacher is on the Hub.
    base = others.get("teacher") if facts.base_model == "teacher" else facts.base_model
    extra = {} if base is None else {"base_model": base}
    # The Hub links the dataset only by the id of a repository.
    if facts.data.get("id"):
        extra["datasets"] = [facts.data["id"]]
    # Results require the name of the model.
    results = eval_results(facts)
    if results:
        extra |= {"model_name": name.rstrip("/").rpartition("/")[2], "eval_results": results}
    tags = ["instance-segmentation", "weakly-semi-supervised", "point-labels", facts.model_type, facts.part]
    return ModelCardData(
        library_name="pointwssis", pipeline_tag="image-segmentation", license="unknown", tags=tags, **extra
    )


def eval_results(facts: TrainingFacts) -> list[EvalResult]:
    """Return all measurements of a model, in percent, for `model-index`."""
    results = []
    measured = [("instance segmentation", facts.data.get("val_name"), "validation", facts.metrics)]
    # Teacher and refiner are also measured by the pseudo labels that they make; counts are no metrics.
    if facts.part in ("teacher", "refiner"):
        kind = "rough" if facts.part == "teacher" else "refined"
        quality = facts.pseudo_labels.get(kind) or {}
        quality = {key: value for key, value in quality.items() if key not in ("points", "labels")}
        measured.append(("pseudo labels from points", facts.data["name"], "train", quality))
    # Metrics without ground truth are left out.
    for task, data, split, values in measured:
        for metric, value in (values or {}).items():
            if value is not None:
                results.append(
                    EvalResult(
                        task_type="image-segmentation",
                        task_name=task,
                        dataset_type=facts.data.get("id") or "custom",
                        dataset_name=data,
                        dataset_split=split,
                        metric_type=metric,
                        metric_name="mean IoU (%)" if metric == "mean_iou" else f"mask {metric} (%)",
                        metric_value=round(100 * value, 2),
                    )
                )
    return results
