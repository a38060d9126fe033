"""Texts on the wallet's page about refusals and scanned codes."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer


class Trouble(enum.Enum):
    """Why something on the page was not done."""

    NO_PAYMENT = "no_payment"
    NO_INVOICE = "no_invoice"
    NO_MANDATE = "no_mandate"
    TOO_LATE = "too_late"
    NOT_FROZEN = "not_frozen"
    CODE_UNKNOWN = "code_unknown"
    CODE_BROKEN = "code_broken"
    CODE_ALTERED = "code_altered"
    CODE_ELSEWHERE = "code_elsewhere"
    CODE_OURS = "code_ours"
    """It sends money from another bank to an account that is kept here."""
    CURRENCY = "currency"
    INVOICE_OBJECTED = "invoice_objected"
    INVOICE_REPLACED = "invoice_replaced"
    NOTHING_BOOKED = "nothing_booked"
    NO_RECEIPT = "no_receipt"
    NO_TAX_INVOICE = "no_tax_invoice"
    NO_ALLOWANCE = "no_allowance"
    NO_DISPUTE = "no_dispute"
    NO_ESCROW = "no_escrow"
    MANY_ESCROWS = "many_escrows"
    TOO_MUCH = "too_much"
    BAD_TIP = "bad_tip"
    BAD_PLACE = "bad_place"
    KEY_REVOKED = "key_revoked"


_WORDS: Final[Mapping[Trouble, str]] = {
    Trouble.NO_PAYMENT: N_("You have no such payment."),
    Trouble.NO_INVOICE: N_(
        "There is no such invoice. The link or code is incomplete, or was altered: ask whoever gave"
        " it to you for a new one."
    ),
    Trouble.NO_MANDATE: N_("You have no such mandate."),
    Trouble.TOO_LATE: N_("It is too late for that. Nothing has changed."),
    Trouble.KEY_REVOKED: N_(
        "You revoked the key that approved this mandate. To let it go on, approve it with another"
        " key: you are asked in your chat."
    ),
    Trouble.NOT_FROZEN: N_("Nothing is stopped."),
    Trouble.CODE_UNKNOWN: N_("This is no payment code of a kind that is known here."),
    Trouble.CODE_BROKEN: N_(
        "This code is damaged or was altered, so nothing of it is taken. Scan it again,"
        " or ask whoever shows it."
    ),
    Trouble.CODE_ALTERED: N_(
        "The amount in this code is not that of the invoice it names: somebody altered it. Do not"
        " pay it, and ask whoever shows it."
    ),
    Trouble.CODE_ELSEWHERE: N_("This link leads to another institution, {server}: open it there."),
    Trouble.CODE_OURS: N_(
        "This code sends money from another bank to an account here. To pay somebody here, ask them"
        " for their code of “Be paid”."
    ),
    Trouble.CURRENCY: N_("This currency is not kept here."),
    Trouble.INVOICE_OBJECTED: N_(
        "Somebody objected to this invoice: until the office answers, nothing is due."
    ),
    Trouble.INVOICE_REPLACED: N_(
        "There is a newer version of this invoice. Open the newest link, or look in your wallet."
    ),
    Trouble.NOTHING_BOOKED: N_("You have no account in this currency yet."),
    Trouble.NO_RECEIPT: N_("This payment has no receipt."),
    Trouble.NO_ALLOWANCE: N_("There is no such allowance any more."),
    Trouble.NO_DISPUTE: N_("You have no such dispute."),
    Trouble.NO_ESCROW: N_("You take part in no such escrow."),
    Trouble.MANY_ESCROWS: N_("You have {most} escrows that are not over: end one first."),
    Trouble.TOO_MUCH: N_("The seller can get {amount} at most: that is all there is."),
    Trouble.BAD_TIP: N_("Write a tip such as 1.50, at most {amount}."),
    Trouble.BAD_PLACE: N_("Write where to, in one line."),
    Trouble.NO_TAX_INVOICE: N_("There is no tax invoice of this payment: ask who was paid."),
}
_NOT_FROM_HERE: Final = N_(
    "It was read, and is not altered as far as a code can show. This institution has no way to pay"
    " it: pay it with the app of a bank in its country."
)
_REFERENCE_STAYS: Final = N_(
    "It is paid out to this account, as from your bank. Read the name: a code proves nothing."
)
_WHOEVER: Final = N_("The maker of this link can write what they want: read the name first.")
_GUARDIANS: Final = N_("Your guardians are asked before it is paid.")


def trouble_words(trouble: Trouble, localizer: Localizer, **values: object) -> str:
    """Why something was not done, and what to do."""
    return localizer.text(_WORDS[trouble], **values)


def not_from_here(localizer: Localizer) -> str:
    """Say that a code is valid, but cannot be paid from here."""
    return localizer.text(_NOT_FROM_HERE)


def by_bank(localizer: Localizer) -> str:
    """How a code with the number of an account is paid."""
    return localizer.text(_REFERENCE_STAYS)


def whoever_made_it(localizer: Localizer) -> str:
    """Warn that a link to a person proves nothing."""
    return localizer.text(_WHOEVER)


def guardians_first(localizer: Localizer) -> str:
    """Say that guardians are asked."""
    return localizer.text(_GUARDIANS)


def code_facts(names: Mapping[str, str], localizer: Localizer) -> list[tuple[str, str]]:
    """List the filled fields of a code, with their names in words.

    Args:
        names: Values by one of ``name city country account bank bic reference note scheme``.
        localizer: How the person is spoken to.
    """
    words = {
        "name": localizer.text("Name"),
        "city": localizer.text("Town"),
        "country": localizer.text("Country"),
        "account": localizer.text("Account"),
        "bank": localizer.text("Bank"),
        "bic": localizer.text("Number of the bank"),
        "reference": localizer.text("Reference"),
        "note": localizer.text("What for"),
        "scheme": localizer.text("Scheme"),
    }
    return [(words[name], value) for name, value in names.items() if value]
