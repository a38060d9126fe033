"""Payments to people of other institutions, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.transfers.texts.refusals import (
    PEER_CLOSED,
    PEER_CURRENCY,
    PEER_INVOICE_OVER,
    PEER_LIMIT,
    PEER_NO,
    PEER_NO_PAYEE,
    PEER_REFUSALS,
    PEER_SILENT,
)
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

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


def no_peer_words(server: str, localizer: Localizer) -> str:
    """Say that nobody of a server can be paid from here."""
    return localizer.text(
        "Your institution has no agreement with {server}, so nobody there can be paid from here.",
        server=server,
    )


def peer_doc(words: str) -> Doc:
    """The same as a message."""
    return (Paragraph(words),)
