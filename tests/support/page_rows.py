"""Rows of the inbox that came from pages, as the worker reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from veche.messaging.inbox import pages
from veche.messaging.inbox.store import Claim, Item, State
from veche.protocol.inbound import PageAct, PromptAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: Final = (
    "SELECT room_id, bot, event_id, sender, event_type, event, received_at_ms FROM runtime.inbox"
    " WHERE event_id LIKE 'page:%%' AND state < 2 ORDER BY seq"
)


def read_page_rows(select: Callable[[str], list[tuple[Any, ...]]]) -> list[PageAct]:
    """Read what pages have handed in and no bot has heard, in order.

    Args:
        select: Runs a query.
    """
    acts = []
    for room_id, bot, event_id, sender, kind, event, at_ms in select(ROWS):
        claim = Claim(room_id, bot, 0, True, None)
        item = Item(0, event_id, sender, kind, event, State.NEW, None, at_ms, 0)
        acts.append(pages.read(claim, item))
    return acts


def read_page_answers(select: Callable[[str], list[tuple[Any, ...]]]) -> list[PromptAnswer]:
    """The same, where all are answers to questions."""
    acts = read_page_rows(select)
    assert all(isinstance(one, PromptAnswer) for one in acts), acts
    return [one for one in acts if isinstance(one, PromptAnswer)]
