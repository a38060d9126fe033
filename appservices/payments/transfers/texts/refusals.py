"""Why allowances and other institutions let nothing be paid, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.transfers.core.rules import UseProblem
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

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


USE_REFUSALS: Final[Mapping[str, str]] = {
    UseProblem.NOT_ACTIVE.value: N_("This allowance is ended. Nothing was paid."),
    UseProblem.NOT_BEGUN.value: N_("This allowance has not begun yet. Nothing was paid."),
    UseProblem.OVER.value: N_("The time of this allowance is over. Nothing was paid."),
    UseProblem.OTHER_PAYEE.value: N_(
        "This allowance is for other payees. Write “allowances” to see them. Nothing was paid."
    ),
    UseProblem.ABOVE_EACH.value: N_(
        "It is more than this allowance lets you pay at once. Nothing was paid."
    ),
    UseProblem.ABOVE_PERIOD.value: N_(
        "It is more than is left of this allowance. Write “allowances” to see how much that is."
        " Nothing was paid."
    ),
}
"""By the code of why a payment was refused."""


def room_words(room_minor: int, currency: str, localizer: Localizer) -> str:
    """How much can go to another institution, where somebody wants to pay more."""
    if room_minor == 0:
        return localizer.text(PEER_REFUSALS[PEER_LIMIT])
    return localizer.text(
        "Your institution can pay theirs {amount} at most for now. Nothing was paid. Pay less, or"
        " try again once the two have settled.",
        amount=localizer.money(room_minor, currency),
    )
