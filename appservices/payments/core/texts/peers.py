"""Payments to people of other institutions, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol.message import Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

PEER_SILENT: Final = "peer_silent"
"""The other institution did not answer in time."""
PEER_NO_PAYEE: Final = "peer_no_payee"
PEER_LIMIT: Final = "peer_limit"
"""One institution owes the other as much as it may."""
PEER_ROOM: Final = "peer_room"
"""The payment alone is more than may still go to the other institution."""
PEER_CURRENCY: Final = "peer_currency"
PEER_CLOSED: Final = "peer_closed"
PEER_NO: Final = "peer_no"
PEER_INVOICE_OVER: Final = "peer_invoice_over"
PEER_REFUSALS: Final[Mapping[str, str]] = {
    PEER_SILENT: N_(
        "Their institution does not answer. Nothing was paid; your money is yours. You can try"
        " again later."
    ),
    # As at home: what somebody has or does there is not for others to find out.
    PEER_NO_PAYEE: N_(
        "Nobody of this name can be paid at their institution. Look at how the name is written, or"
        " ask them. Nothing was paid."
    ),
    PEER_LIMIT: N_(
        "Your institution and theirs can pay one another no more until they have settled. Nothing"
        " was paid; your money is yours. You can try again later, or pay less."
    ),
    PEER_CURRENCY: N_("Their institution takes no payments in this currency. Nothing was paid."),
    PEER_CLOSED: N_(
        "Payments between your institution and theirs are stopped for now. Nothing was paid; your"
        " money is yours."
    ),
    PEER_INVOICE_OVER: N_(
        "This invoice is paid already, or cannot be paid any more. Nothing was paid; your money is"
        " yours."
    ),
    PEER_NO: N_(
        "Their institution does not take the payment. Nothing was paid; your money is yours."
    ),
}
_CODES: Final[Mapping[str, str]] = {
    "invoice_over": PEER_INVOICE_OVER,
    "invoice_paid": PEER_INVOICE_OVER,
    "no_such_payee": PEER_NO_PAYEE,
    "no_credit": PEER_LIMIT,
    "other_currency": PEER_CURRENCY,
    "closed": PEER_CLOSED,
    "expired": PEER_SILENT,
    "busy": PEER_SILENT,
}


def why_of(code: str | None) -> str:
    """Why a payment is refused, by the code of another institution."""
    return _CODES.get(code or "", PEER_NO)


def peer_words(why: str, localizer: Localizer) -> str:
    """Why somebody of another institution cannot be paid; ``why`` is a code of this module."""
    return localizer.text(PEER_REFUSALS[why])


def room_words(room_minor: int, currency: str, localizer: Localizer) -> str:
    """How much can go to another institution, where somebody wants to pay more."""
    if room_minor == 0:
        return localizer.text(PEER_REFUSALS[PEER_LIMIT])
    return localizer.text(
        "Your institution can pay theirs {amount} at most for now. Nothing was paid. Pay less, or"
        " try again once the two have settled.",
        amount=localizer.money(room_minor, currency),
    )


def no_peer_words(server: str, localizer: Localizer) -> str:
    """That nobody of a server can be paid from here."""
    return localizer.text(
        "Your institution has no agreement with {server}, so nobody there can be paid from here.",
        server=server,
    )


def peer_doc(words: str) -> Doc:
    """The same as a message."""
    return (Paragraph(words),)
