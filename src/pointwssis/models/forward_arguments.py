# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Check of the keyword arguments that the `forward` of both models accepts beyond its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..ops.wording import did_you_mean

# Arguments that transformers passes to every model; ours ignore those that do not apply to them.
GENERAL_ARGUMENTS = frozenset(
    {"return_dict", "output_hidden_states", "output_attentions", "use_cache", "num_items_in_batch"}
)
# Common names of labels in other models, which are too unlike ours for a suggestion by spelling.
OTHER_NAMES = {"labels": "'mask_labels' and 'class_labels'", "masks": "'mask_labels'"}


def check_no_unknown_arguments(
    model_class: str, unknown: Mapping[str, Any], known: Iterable[str], ignored: Iterable[str] = ()
) -> None:
    """Raise a TypeError for a keyword argument of `forward` that neither the model nor transformers knows.

    Args:
        model_class: name of the model's class, for the error.
        unknown: keyword arguments that `forward` received beyond its own.
        known: names of its own arguments.
        ignored: further keys of its image processor's output, so that `model(**inputs)` works.
    """
    for name in sorted(set(unknown) - GENERAL_ARGUMENTS - set(ignored)):
        known = sorted(known)
        hint = f"did you mean {OTHER_NAMES[name]}?" if name in OTHER_NAMES else did_you_mean(name, known)
        raise TypeError(f"{model_class} got an unknown argument {name!r}; {hint or 'use one of ' + ', '.join(known)}")
