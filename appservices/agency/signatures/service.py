"""Documents that persons sign: sent to be signed, taken back, fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from appservices.agency.cases.core.effects import AskSignatures, FetchSigned, GiveUpSignatures
    from appservices.agency.cases.service.locked_case import LockedCase

ASK_SIGNATURES: Final = "agency.sign"
GIVE_UP_SIGNATURES: Final = "agency.sign_back"
FETCH_SIGNED: Final = "agency.signed"


def ask_signatures(locked: LockedCase, effect: AskSignatures) -> None:
    """Have the document of a case made and sent to be signed."""
    # Another key after each failure: what the service refused once it may take changed.
    payload = {"number": effect.number, "template": effect.template, "try": locked.file.case.serial}
    locked.send_off(ASK_SIGNATURES, payload)


def give_up_signatures(locked: LockedCase, effect: GiveUpSignatures) -> None:
    """Have a document taken back that is not to be signed any more."""
    locked.send_off(GIVE_UP_SIGNATURES, {"session": effect.session})


def fetch_signed(locked: LockedCase, effect: FetchSigned) -> None:
    """Have the signed document fetched."""
    locked.send_off(FETCH_SIGNED, {"session": effect.session})
