"""Somebody on a page of their wallet: who they are in a transaction, their chat, what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from appservices.payments.conversation.service.conversation import CATALOGUE, wallet_topic
from appservices.payments.wallet.service import acts
from appservices.payments.wallet.service.visit import Visit
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from veche.api import Call
    from veche.api.long_polling import Follower
    from veche.runtime.database import Cursor

CHAT_MS_MAX: Final = 5_000
"""How long one waits for a chat that is being made."""
_RETRY_AFTER_MS: Final = 1_500


class Versioned(Protocol):
    """A page's view, and its version."""

    version: str


N = TypeVar("N", bound=Versioned)


async def have_chat(follower: Follower, parts: Parts, call: Call) -> None:
    """Wait until the person has a chat, where they are asked too; one is made if need be.

    Raises:
        UnavailableError: It takes longer.
    """

    def opened(txn: Cursor) -> bool:
        return acts.open_chat(visit_of(parts, txn, call))

    def is_there(txn: Cursor) -> bool:
        return scene_of(parts, txn, call).chat_of(call.signed_in.person) is not None

    async def look(left_ms: int) -> bool | None:
        has_chat = await follower.gate.database.run("payments.chat", is_there)
        return has_chat or (False if left_ms <= 0 else None)

    if await follower.gate.database.run("payments.chat", opened):
        return
    topics = [wallet_topic(call.signed_in.person)]
    if not await follower.live.follow(topics, CHAT_MS_MAX, look):
        words = CATALOGUE.text(call.language, "Your chat with the bank is being opened.")
        raise UnavailableError(words, retry_after_ms=_RETRY_AFTER_MS)


async def news(follower: Follower, parts: Parts, call: Call, view_of: Callable[[Visit], N]) -> N:
    """Return the view of somebody's wallet, once it differs from the one they have.

    Args:
        follower: Waits for it.
        parts: Of the institution.
        call: Who asks, and after which version.
        view_of: What they see, with its version.
    """

    def read(txn: Cursor, is_last: bool) -> N | None:
        view = view_of(visit_of(parts, txn, call))
        return None if view.version == call.query.after and not is_last else view

    topic = wallet_topic(call.signed_in.person)
    return await follower.news("payments.wallet", call, topic, read)


def visit_of(parts: Parts, txn: Cursor, call: Call) -> Visit:
    """Return the signed-in person's visit, in a transaction."""
    return Visit(scene_of(parts, txn, call), call.signed_in.person, call.language)


def scene_of(parts: Parts, txn: Cursor, call: Call) -> Conversation:
    """One request, one cause: what is said because of it has ids of its own."""
    who = "" if call.session is None else f"{call.session.id} {call.idempotency_key or ''}"
    cause = f"page {call.request.path.decode(errors='replace')} {who} {call.now_ms}"
    return parts.conversation(txn, cause, call.now_ms)
