"""SQL of what persons chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


@attrs.frozen
class Person:
    """The stored facts about a person.

    Attributes:
        language: Code of a catalogue.
        has_chosen: The person said so; else it is the default.
    """

    language: str
    has_chosen: bool


def read(txn: Cursor, user_id: UserId, *, default_language: str) -> Person:
    """Read the stored facts about a person, or the defaults."""
    txn.execute("SELECT language, chosen FROM runtime.person WHERE user_id = %s", (user_id,))
    row = txn.fetchone()
    return Person(*row) if row else Person(default_language, has_chosen=False)


def choose_language(txn: Cursor, user_id: UserId, language: str) -> None:
    """Keep the language that a person chose."""
    txn.execute(
        "INSERT INTO runtime.person (user_id, language, chosen) VALUES (%s, %s, TRUE)"
        " ON CONFLICT (user_id) DO UPDATE SET language = EXCLUDED.language, chosen = TRUE",
        (user_id, language),
    )
