"""Who may begin a chat with a bot now, and who is next.

The idea: a homeserver that works on many requests at once finishes all of them at the end. Two
hundred people who make a room at the same moment all wait until two hundred rooms are made. One
after another takes as long in total, and half of the people wait half of that.
"""

from __future__ import annotations

from typing import Final

WAITING_MAX: Final = 10_000
"""How many people wait; whoever comes after them begins at once."""


class Queue:
    """Places for ``at_once`` people, and those who wait for one, in order of arrival."""

    def __init__(self, at_once: int) -> None:
        """All places are free."""
        self._at_once = at_once
        self._going: set[str] = set()
        self._waiting: dict[str, None] = {}

    def has(self, person: str) -> bool:
        """Return whether a person has a place, or waits for one."""
        return person in self._going or person in self._waiting

    def come(self, person: str) -> bool:
        """Give a place to a person who has none; False: they wait until ``leave`` names them."""
        if len(self._going) >= self._at_once and len(self._waiting) < WAITING_MAX:
            self._waiting[person] = None
            return False
        self._going.add(person)
        return True

    def leave(self, person: str) -> list[str]:
        """Give a place back, or wait no longer; return who begins now."""
        self._going.discard(person)
        self._waiting.pop(person, None)
        following = []
        while self._waiting and len(self._going) < self._at_once:
            one = next(iter(self._waiting))
            del self._waiting[one]
            self._going.add(one)
            following.append(one)
        return following
