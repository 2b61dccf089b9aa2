# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The one door of the page: a user's action as plain values in, what has changed as plain values out."""

import inspect
import logging
from collections.abc import Callable
from typing import Any, get_args

from ..ops.user_error import UserError
from . import image_actions, object_actions
from .app_state import AppState
from .label_store import ChangedElsewhereError
from .object_actions import Answer
from .users import User

logger = logging.getLogger(__name__)

MAX_KEY_LENGTH = 64  # characters of the text by which a tab is known

LOST_PLACE = (
    "Your place was given to somebody else, or the app was restarted; the action was not carried out, and images that "
    "you had dropped are gone."
)
MOVED_ON = "Another image is open by now, so the last action was not carried out; this is the open image."

ACTIONS: dict[str, Callable[..., Answer]] = {
    "hello": image_actions.hello,
    "open": image_actions.open_image,
    "next": image_actions.go_on,
    "drop": image_actions.drop,
    "download": image_actions.download,
    "load": image_actions.load,
    "encode": object_actions.encode,
    "click": object_actions.click,
    "move": object_actions.move,
    "classify": object_actions.classify,
    "confirm": object_actions.confirm,
    "remove": object_actions.remove,
    "erase": object_actions.erase,
    "undo": object_actions.undo,
    "find_all": object_actions.find_all,
    "finish": object_actions.finish,
    "reject": object_actions.reject,
    "ping": lambda app, user: {},
}


def act(app: AppState, request: Any) -> Answer:
    """Carry out one action of a user.

    Args:
        app: the app.
        request: dict with `key` (random text of the user's tab), `action` (a key of `ACTIONS`), `image` (name of the
            image that the page shows, for actions on it) and the values of the action.

    Returns:
        JSON values: `error`, a sentence for the user, if the action was refused; otherwise what has changed.
    """
    try:
        values = dict(request)
        key, action, image = values.pop("key"), values.pop("action"), values.pop("image", None)
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY_LENGTH:
            raise TypeError("key")
        values = _arguments(ACTIONS[action], values)
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # our page sends no such request
        logger.warning("refused the request %.200r: %r", request, error)
        return {"error": "The app does not understand this request; reload the page."}
    try:
        user = app.users.enter(key)
        with user.lock:
            return _carry_out(app, user, action, image, values)
    except UserError as error:
        return {"error": str(error)}
    except Exception:
        logger.exception("the action %s has met a bug", action)
        raise


def _carry_out(app: AppState, user: User, action: str, image: str | None, values: dict[str, Any]) -> Answer:
    """Carry out an action, if the page shows the image that the user has open."""
    current = None if user.image is None else user.image.name
    if image is not None and image != current:
        # The network may run ahead in vain; nobody has asked for it.
        if action == "encode":
            return {}
        message = LOST_PLACE if current is None else MOVED_ON
        return {**image_actions.hello(app, user), "message": message}
    try:
        return ACTIONS[action](app, user, **values)
    except ChangedElsewhereError as error:
        return {**image_actions.hello(app, user), "message": str(error)}


def _arguments(action: Callable[..., Answer], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a request as arguments of an action; integers become floats where these are due.

    Raises:
        TypeError: values are missing, unknown or of another type.
        OverflowError: an integer is too large for a float.
    """
    signature = inspect.signature(action)
    signature.bind(None, None, **values)
    arguments = {}
    for name, value in values.items():
        annotation = signature.parameters[name].annotation
        kinds = get_args(annotation) or (annotation,)
        if float in kinds and type(value) is int:
            value = float(value)
        if type(value) not in kinds:
            raise TypeError(f"{name} is {value!r:.60}")
        arguments[name] = value
    return arguments
