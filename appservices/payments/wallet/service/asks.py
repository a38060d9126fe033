"""Open requests for a person's key about a matter, as the page offers them beside the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.wallet.service.visit import asked_by
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from appservices.payments.wallet.service.visit import Visit


class AskView(Wire):
    """Something that the person's key is asked for now.

    Attributes:
        id: Of the choice, as the question in the chat has it.
        label: What it does, in words.
        asked: The approval (``AskedApproval``).
    """

    id: str
    label: str
    asked: dict[str, Any]


def asks_of(visit: Visit, about: str) -> list[AskView]:
    """List the requests for the key in a matter's open questions, each once.

    Args:
        visit: The person.
        about: As the questions were asked: in the chat, and in a room besides.
    """
    found: dict[str, AskView] = {}
    for one in visit.offered(about):
        asked = asked_by(one)
        if asked is not None:
            found.setdefault(one.id, AskView(id=one.id, label=one.label, asked=asked))
    return list(found.values())
