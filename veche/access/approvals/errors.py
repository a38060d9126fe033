"""Why a key is not enrolled, or an approval not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from veche.protocol.errors import RefusedError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_date_time, show_money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.catalogue import Catalogue

TIME_ZONE: Final = "UTC"
"""In which moments are told: where a person is, we do not know."""


class ApprovalError(RefusedError):
    """Keys or approvals: a rule says no, and the text says what to do.

    Attributes:
        message: Id of the text in the catalogue.
        values: For the fields of the text: words, numbers, amounts as ``Money``; a moment has a
            name that ends with ``_ms``.
    """

    errcode = "ORG.VECHE.APPROVAL_REFUSED"

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.values = values

    def told(self, catalogue: Catalogue, language: str) -> Self:
        """The same, said in a language."""
        said = type(self)(self.message, **self.values)
        shown = {name: _shown(name, value, language) for name, value in self.values.items()}
        said.args = (catalogue.text(language, self.message, **shown),)
        return said

    @property
    def details(self) -> Mapping[str, object]:
        """The values of the text, for programs."""
        return {
            name: value.model_dump(mode="json") if isinstance(value, Money) else value
            for name, value in self.values.items()
        }


def _shown(name: str, value: object, language: str) -> object:
    if isinstance(value, Money):
        return show_money(value, language)
    if name.endswith("_ms") and isinstance(value, int):
        return show_date_time(value, language, TIME_ZONE)
    return value


class ApprovalOverError(ApprovalError):
    """The approval was given, refused or withdrawn before, or its question is closed."""

    errcode = "ORG.VECHE.APPROVAL_OVER"


class ApprovalClockError(ApprovalError):
    """The moment in the approval is too far from ours: sign again with the time of the service."""

    errcode = "ORG.VECHE.APPROVAL_CLOCK"


class ApprovalDiffersError(ApprovalError):
    """The signed text differs from the question."""

    errcode = "ORG.VECHE.APPROVAL_DIFFERS"


class KeyUnknownError(ApprovalError):
    """The key is no key of that person."""

    errcode = "ORG.VECHE.KEY_UNKNOWN"


class KeyRevokedError(ApprovalError):
    """The key was revoked."""

    errcode = "ORG.VECHE.KEY_REVOKED"


class KeyHeldError(ApprovalError):
    """The key is new and may not approve this yet; the text says from when on it may."""

    errcode = "ORG.VECHE.KEY_HELD"


class KeyKnownError(ApprovalError):
    """This key was enrolled before, by you or somebody else: make another."""

    errcode = "ORG.VECHE.KEY_KNOWN"


class PasskeysError(ApprovalError):
    """Browsers make no passkeys for this address: use a key of the browser."""

    errcode = "ORG.VECHE.KEY_NO_PASSKEYS"


class LimitTooHighError(ApprovalError):
    """The operator allows no such daily limit."""

    errcode = "ORG.VECHE.CODE_LIMIT_TOO_HIGH"


class IdentityUnchangedError(ApprovalError):
    """There is no changed identity of the person's Matrix account that could be confirmed."""

    errcode = "ORG.VECHE.IDENTITY_UNCHANGED"


class NotApprovedError(ApprovalError):
    """Nothing was approved under this number, or it was declined."""

    errcode = "ORG.VECHE.NOT_APPROVED"


class KeyCounterError(ApprovalError):
    """The passkey counts fewer uses than before: there may be a copy of it."""

    errcode = "ORG.VECHE.KEY_COUNTER"


class KeyCodeError(ApprovalError):
    """The code is not the one that was sent for this key; it can be typed once more."""

    errcode = "ORG.VECHE.KEY_CODE_WRONG"


class EnrolmentOverError(ApprovalError):
    """The enrolment was used, burned by wrong codes, or is too old: begin anew."""

    errcode = "ORG.VECHE.KEY_ENROLMENT_OVER"


class NoRoomError(ApprovalError):
    """No bot has a private, encrypted chat with the person that only verified devices read."""

    errcode = "ORG.VECHE.KEY_NO_ROOM"


class TooManyKeysError(ApprovalError):
    """The person has as many keys, or began as many enrolments, as are allowed."""

    errcode = "ORG.VECHE.KEYS_TOO_MANY"
