"""Names of payees, here or at another institution, or why they cannot be paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.conversation.service import naming
from appservices.payments.institutions.service.client import NoAnswerFromPeerError
from appservices.payments.peers.service import peers
from appservices.payments.peers.texts import why_of
from appservices.payments.transfers.texts.paying import NOT_PAYABLE
from appservices.payments.transfers.texts.refusals import PEER_CLOSED, PEER_CURRENCY, PEER_SILENT

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


async def payee_name(parts: Parts, payee: UserId, currency: str) -> tuple[str | None, str]:
    """Return the name of a payee; None and a code if they cannot be paid.

    Args:
        parts: Of the institution.
        payee: Of this server, or of a peer's.
        currency: ISO 4217.
    """
    host, bot = parts.host, parts.bot.user_id
    if peers.server_of(payee) == host.server_name:
        return await naming.known_name(host.client, bot, payee), NOT_PAYABLE

    def read(txn: Cursor) -> str | None:
        return problem(parts.conversation(txn, "peer", host.now_ms()), payee, currency)

    why = await host.database.run("payments.peer", read)
    if why is not None or parts.peers is None:
        return None, why or NOT_PAYABLE
    try:
        answer, _ = await parts.peers.ask(
            peers.server_of(payee), "who", address=payee, currency=currency
        )
    except NoAnswerFromPeerError:
        return None, PEER_SILENT
    return (answer.name, "") if answer.state == "known" else (None, why_of(answer.code))


def problem(scene: Conversation, payee: UserId, currency: str) -> str | None:
    """Why somebody at another institution cannot be paid, as far as this one knows."""
    peer = peers.peer_of(scene, payee)
    if peer is None:
        return NOT_PAYABLE
    if peers.is_closed(scene, peer):
        return PEER_CLOSED
    return PEER_CURRENCY if peer.we_owe_minor(currency) is None else None
