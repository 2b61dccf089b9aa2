# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The one door of the page: a user's action as plain values in, what has changed as plain values out."""

import logging
from collections.abc import Callable
from typing import Any

from ..ops.user_error import UserError
from . import image_actions, object_actions
from .app_state import AppState
from .object_actions import Answer

logger = logging.getLogger(__name__)

MAX_KEY_LENGTH = 64  # characters of the text by which a tab is known

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
        user = app.users.enter(key)
        with user.lock:
            # After the server was restarted, the page may still show an image that this user has not open.
            if image is not None and (user.image is None or user.image.name != image):
                message = "The app was restarted meanwhile, so the last action was not carried out."
                return {**image_actions.hello(app, user), "message": message}
            return ACTIONS[action](app, user, **values)
    except UserError as error:
        return {"error": str(error)}
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # our page sends no such request
        logger.warning("refused the request %.200r: %r", request, error)
        return {"error": "The app does not understand this request; reload the page."}
