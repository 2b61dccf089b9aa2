# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Actions of a user on the objects of the open image; each is saved at once and answers what has changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ops.user_error import UserError
from ..ops.wording import counted
from .app_state import AppState, open_labeling
from .image_labeling import Labeling
from .label_store import ChangedElsewhereError, ImageLabels, LabelStore
from .labeled_object import to_view
from .users import User

Answer = dict[str, Any]


def encode(app: AppState, user: User) -> Answer:
    """Run the network ahead of the first click."""
    open_labeling(user)[1].encode()
    return {}


def click(app: AppState, user: User, x: float, y: float, label: str | None = None) -> Answer:
    """Add the object at a point."""
    return _change(app, user, lambda labeling: labeling.click((x, y), label, user.background_limit))


def move(app: AppState, user: User, id: int, x: float, y: float) -> Answer:
    """Move the click of an object."""
    return _change(app, user, lambda labeling: labeling.move(id, (x, y)))


def classify(app: AppState, user: User, id: int, label: str | None) -> Answer:
    """Change the class of an object; None lets the model choose it."""
    return _change(app, user, lambda labeling: labeling.classify(id, label))


def confirm(app: AppState, user: User, id: int) -> Answer:
    """State that mask and class of an object are right."""
    return _change(app, user, lambda labeling: labeling.confirm(id))


def remove(app: AppState, user: User, id: int) -> Answer:
    """Remove an object."""
    return _change(app, user, lambda labeling: labeling.remove(id))


def erase(app: AppState, user: User, x: float, y: float, id: int | None = None) -> Answer:
    """Remove the part at a point from a mask."""
    return _change(app, user, lambda labeling: labeling.erase((x, y), id))


def undo(app: AppState, user: User) -> Answer:
    """Take the last change back."""
    if not open_labeling(user)[1].can_undo:
        return {"message": "There is nothing to undo since this image was opened."}
    return _change(app, user, lambda labeling: labeling.undo())


def find_all(app: AppState, user: User, threshold: float) -> Answer:
    """Add all objects that the model finds without clicks."""
    if not 0 <= threshold <= 1:
        raise UserError(f"The lowest score is {threshold}; it must be between 0 and 1.")
    answer = _change(app, user, lambda labeling: labeling.find_all(threshold))
    return {**answer, "message": f"The model found {counted(len(answer['changed']), 'more object')}."}


def finish(app: AppState, user: User, is_finished: bool) -> Answer:
    """State whether all objects of the image are labeled."""
    state_finished(app, user, is_finished)
    return progress(app, user)


def reject(app: AppState, user: User, limit: float) -> Answer:
    """Set the background score above which the user's clicks are rejected."""
    if not 0 <= limit <= 1:
        raise UserError(f"The background limit is {limit}; it must be between 0 and 1.")
    user.background_limit = limit
    return {}


def saved(store: LabelStore, name: str, labeling: Labeling, seen: ImageLabels) -> ImageLabels:
    """Save the objects of an image, and return its new labels.

    Args:
        store: place of the labels.
        name: name of the image.
        labeling: its changed objects.
        seen: its labels as the user was last shown them.

    Raises:
        ChangedElsewhereError: somebody else has changed them since; theirs are kept.
    """

    def renewed(present: ImageLabels | None) -> ImageLabels:
        present = present or ImageLabels(labeling.size)
        if (present.objects, present.clicks) != (seen.objects, seen.clicks):
            raise ChangedElsewhereError(
                f"Somebody else has changed the labels of {name}; your last action was not carried out."
            )
        return replace(present, objects=tuple(labeling.objects.values()), clicks=())

    return store.change(name, renewed)


def state_finished(app: AppState, user: User, is_finished: bool) -> None:
    """Save whether all objects of the open image are labeled, beside the objects that are saved already."""
    image, labeling = open_labeling(user)

    def stated(present: ImageLabels | None) -> ImageLabels:
        return replace(present or ImageLabels(labeling.size), is_finished=is_finished)

    app.store_of(user, image).change(image.name, stated)


def progress(app: AppState, user: User) -> Answer:
    """Return how many images there are, how many are finished, and which one is open."""
    images = app.images_of(user)
    finished = [app.store_of(user, image).is_finished(image.name) for image in images]
    answer = {"images": len(images), "finished_images": sum(finished)}
    if user.image in images:
        index = images.index(user.image)
        answer |= {"index": index, "is_finished": finished[index]}
    return answer


def _change(app: AppState, user: User, change: Callable[[Labeling], Any]) -> Answer:
    """Carry out a change, save the labels, and return what the page must draw anew."""
    image, labeling = open_labeling(user)
    before = labeling.objects
    with labeling.whole_or_not_at_all():  # what cannot be saved must not be shown
        change(labeling)
        user.seen = saved(app.store_of(user, image), image.name, labeling, user.seen)
    after = labeling.objects
    # Objects are never changed in place, so that identity tells which are new.
    changed = [to_view(item) for id, item in after.items() if before.get(id) is not item]
    return {"changed": changed, "removed": [id for id in before if id not in after]}
