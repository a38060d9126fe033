"""A message as the client of a person in a test has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Wanted = str | re.Pattern[str]


@attrs.frozen
class Message:
    """One event as the person's client has it.

    Attributes:
        content: As decrypted; of an edit the whole outer content.
        is_readable: False: the client could not decrypt it (yet).
    """

    room: str
    event_id: str
    sender: str
    type: str
    content: Mapping[str, Any]
    state_key: str | None
    at_ms: int
    is_encrypted: bool
    is_readable: bool

    @property
    def body(self) -> str:
        """Text that the client shows; of an edit the new text."""
        shown = self.content.get("m.new_content", self.content)
        return str(shown.get("body", "")) if isinstance(shown, dict) else ""

    @property
    def relation(self) -> Mapping[str, Any]:
        """``m.relates_to``, empty if it has none."""
        found = self.content.get("m.relates_to", {})
        return found if isinstance(found, dict) else {}

    @property
    def replaces(self) -> str | None:
        """Event id of what it edits."""
        is_edit = self.relation.get("rel_type") == "m.replace"
        return str(self.relation["event_id"]) if is_edit else None


def condition(wanted: Wanted | Callable[[Message], bool]) -> Callable[[Message], bool]:
    """Return whether a message is the one that is waited for: its text has what is wanted."""
    if callable(wanted):
        return wanted
    pattern = re.compile(wanted)
    return lambda message: pattern.search(message.body) is not None
