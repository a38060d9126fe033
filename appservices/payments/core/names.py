"""What somebody is called where money is approved."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from veche.protocol.approval import NAME_CHARACTERS_MAX, showable

if TYPE_CHECKING:
    from veche.protocol.ids import UserId


def name_of(person: UserId, chosen: str) -> str:
    """The name of a person: the one they chose if it can be shown, else that of their account.

    A chosen one with an at sign would pass for the address of somebody else, which stands beside
    it.

    Args:
        person: Whose.
        chosen: As their profile has it; may be empty.
    """
    name = " ".join(showable(chosen).split())[:NAME_CHARACTERS_MAX]
    if not name or "@" in unicodedata.normalize("NFKC", name):
        return person.removeprefix("@").partition(":")[0]
    return name
