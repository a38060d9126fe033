"""Texts for people whose money is stopped on its way by a fault of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.message import Doc, Mono, Paragraph

if TYPE_CHECKING:
    from appservices.payments.transfers.texts.views import PaymentView
    from veche.protocol.texts.localizer import Localizer


def stuck_payment_doc(view: PaymentView, localizer: Localizer) -> Doc:
    """To who pays: that a payment rests, and that there is nothing for them to do."""
    words = localizer.text(
        "Your payment {number} of {amount} to {name} rests because of a fault here, not of yours."
        " No more of it moves and none is lost; somebody looks at it, and you are told how it ends."
        " Please do not pay it again.",
        number=view.number,
        amount=localizer.money(view.amount_minor, view.currency),
        name=view.payee.name,
    )
    return (Paragraph(words),)


def stuck_doc(number: str, localizer: Localizer) -> Doc:
    """The same to those who take part in an escrow or a dispute."""
    words = localizer.text(
        "{number} rests because of a fault here, not of yours. No more money of it moves and none"
        " is lost; somebody looks at it, and you are told how it ends.",
        number=number,
    )
    return (Paragraph(words),)


def operator_doc(kind: str, about: str, localizer: Localizer) -> Doc:
    """To who runs the institution: what rests, and what to do."""
    words = localizer.text(
        "A fault of the program: a movement of money rests ({kind}, {about}). Nothing moved. Look"
        " at it on the server, and have it tried again once it is mended:",
        kind=kind,
        about=about,
    )
    return (Paragraph(words, "\n", Mono("veche ledger dead")),)
