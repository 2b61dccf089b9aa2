# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""People at work: each has a place, an open image, and images of their own."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..ops.user_error import UserError
from ..ops.wording import counted
from .image_labeling import Labeling
from .label_store import ImageLabels, LabelStore
from .work_images import WorkImage

AWAY_AFTER = 150.0  # seconds without a sign; a browser slows the timers of a hidden tab down to one per minute


@dataclass
class User:
    """One browser tab; a reload keeps it.

    Args:
        key: random text that the tab sends with each request.
        last_seen: time of its last request, in seconds.
        dropped: images that it has dropped, which no other user sees.
        dropped_labels: their labels, in memory.
        image: image that is open.
        labeling: its labels.
        seen: its saved labels as the user was last shown them.
        background_limit: clicks with a higher background score are rejected.
        lock: lock that one request of the tab holds at a time.
    """

    key: str
    last_seen: float
    dropped: list[WorkImage] = field(default_factory=list)
    dropped_labels: LabelStore = field(default_factory=lambda: LabelStore(None))
    image: WorkImage | None = None
    labeling: Labeling | None = None
    seen: ImageLabels | None = None
    background_limit: float = 1.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Users:
    """The users of an app, at most a given number at once.

    Args:
        max_users: number of places.
        away_after: seconds without a sign of life after which a user is forgotten, with everything dropped, as soon as
            another one is there.
        clock: function that returns the time in seconds.
    """

    def __init__(self, max_users: int, away_after: float = AWAY_AFTER, clock: Callable[[], float] = time.monotonic):
        self.max_users, self.away_after, self.clock = max_users, away_after, clock
        self._by_key: dict[str, User] = {}
        self._lock = threading.Lock()

    def enter(self, key: str) -> User:
        """Return the user of a tab, who gets a place if there is one.

        Raises:
            UserError: all places are taken.
        """
        with self._lock:
            now = self.clock()
            if key in self._by_key:
                self._by_key[key].last_seen = now
            # What others have dropped must not outlive their visit.
            self._by_key = {one.key: one for one in self._by_key.values() if self._is_present(one, now)}
            if key not in self._by_key:
                if len(self._by_key) >= self.max_users:
                    raise UserError(
                        f"This app is full: it has room for {counted(self.max_users, 'person', 'people')} at once. Try "
                        "again in a few minutes."
                    )
                self._by_key[key] = User(key, now)
            return self._by_key[key]

    def others_with(self, image: WorkImage, user: User) -> bool:
        """Return True if another user who is present has the image open; nobody else has a dropped one."""
        if not image.is_shared:
            return False
        with self._lock:
            now = self.clock()
            others = [one for one in self._by_key.values() if one is not user and self._is_present(one, now)]
            return any(one.image == image for one in others)

    def _is_present(self, user: User, now: float) -> bool:
        # A long action, too, is a sign of life.
        return user.lock.locked() or now - user.last_seen <= self.away_after
