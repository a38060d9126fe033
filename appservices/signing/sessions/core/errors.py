"""Why something in a session is refused; nothing has changed then."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from veche.protocol.errors import MalformedError, RefusedError
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "S3": ": with a certificate of your own, by `veche sign --session` or at a provider",
        "S4": ": a qualified one, with your own qualified certificate, by `veche sign --session` or"
        " at a provider",
    }
)
"""What a level takes that the key of a device is not enough for."""

_NOT_OFFERED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "authority": "cannot be {level} here: no authority is configured whose certificates are"
        " taken for that",
        "file": "can be {level} of a PDF alone: this is another file",
        "in_person": "cannot be {level}, a certificate of their own, of who signs in person",
    }
)

_NOT_BY_HAND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "file": "is of a PDF alone that the service can show on the office's tablet",
        "level": "is of signers of level S0 alone",
        "template": "is of a file alone, not of a document from a template, whose boxes it has",
        "witness": "needs one witness: the registrar before whom it is written",
        "interest": "needs a witness who has no other part in the document: name another registrar"
        " as the witness",
    }
)


class NotYourTurnError(RefusedError):
    """The party cannot act: others come first, or there is nothing for them to do (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_YOUR_TURN"


class AlreadySignedError(RefusedError):
    """The party has signed already; a signature is given once (HTTP 409)."""

    errcode = "ORG.VECHE.ALREADY_SIGNED"


class DelegationError(RefusedError):
    """The party may not let somebody else sign, or not this person (HTTP 409)."""

    errcode = "ORG.VECHE.DELEGATION_NOT_ALLOWED"


class StaleRevisionError(RefusedError):
    """Somebody else has signed meanwhile: sign the newer revision (HTTP 409).

    Attributes:
        number: Of the newest revision.
        sha256: Of the file with it.
    """

    errcode = "ORG.VECHE.STALE_REVISION"

    def __init__(self, number: int, sha256: bytes) -> None:
        super().__init__("Somebody else has signed meanwhile. Please sign the newer file.")
        self.number = number
        self.sha256 = sha256

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"revision": {"number": self.number, "sha256": encode_base64(self.sha256)}}


class NotOverError(RefusedError):
    """Only what is over can be deleted; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_OVER"

    def __init__(self) -> None:
        super().__init__(
            "This document is not over yet. Take it back first (cancel), or wait until everyone has"
            " signed and the file is closed; then it can be deleted."
        )


class ApprovalMismatchError(RefusedError):
    """The approval is for another signature or session; nothing is issued (HTTP 409).

    Attributes:
        field: Of what was shown.
    """

    errcode = "ORG.VECHE.APPROVAL_MISMATCH"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"What was approved does not fit this session ({field})."
            " Please open the link from the chat again."
        )
        self.field = field

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"field": self.field}


class ClauseError(RefusedError):
    """A clause was not answered, or one was refused that the document needs (HTTP 409).

    Attributes:
        clause: Id of it.
    """

    errcode = "ORG.VECHE.CLAUSE_NOT_ACCEPTED"

    def __init__(self, clause: str, message: str) -> None:
        super().__init__(message)
        self.clause = clause

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"clause": self.clause}


class NoOrderError(RefusedError):
    """Nothing is being signed at a provider, or it cannot be finished any more (HTTP 409)."""

    errcode = "ORG.VECHE.NO_ORDER"


class SignatureLevelError(RefusedError):
    """The signature is not of the level that the session asks for (HTTP 409).

    Attributes:
        required: The level.
    """

    errcode = "ORG.VECHE.SIGNATURE_LEVEL"

    def __init__(self, required: str) -> None:
        needed = _NEEDED.get(required, "")
        super().__init__(f"This document asks for a signature of level {required}{needed}.")
        self.required = required

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"required": self.required}


class LevelNotOfferedError(MalformedError):
    """Nobody can sign in the way that is asked for; nothing is sent (HTTP 400).

    Attributes:
        level: That was asked for.
        why: What is in the way: no ``authority`` that the operator takes, a ``file`` that is no
            PDF, or that somebody signs ``in_person``.
    """

    errcode = "ORG.VECHE.LEVEL_NOT_OFFERED"

    def __init__(self, level: str, why: Literal["authority", "file", "in_person"]) -> None:
        super().__init__("level", _NOT_OFFERED[why].format(level=level))
        self.level = level
        self.why = why

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"level": self.level, "why": self.why}


class NotIdentifiedError(RefusedError):
    """The person who signs at the office was not identified yet; nothing has changed (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_IDENTIFIED"

    def __init__(self) -> None:
        super().__init__("Whoever asks you has to see first who you are")


class NotRegistrarError(RefusedError):
    """The named registrar may not identify people here (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_REGISTRAR"

    def __init__(self) -> None:
        super().__init__(
            "Only those whom the operator of this service has named may identify somebody in person"
        )


class ByHandError(MalformedError):
    """Nobody can sign by hand in the way that is asked for; nothing is sent (HTTP 400).

    Attributes:
        why: What is in the way: the ``file`` is private or no PDF, or from a ``template``; another
            ``level`` or role than a signer's is asked for; the ``witness`` is missing, or is not
            who sees them write; or has an ``interest``: a part of their own in the document.
    """

    errcode = "ORG.VECHE.NOT_BY_HAND"

    def __init__(self, why: Literal["file", "template", "level", "witness", "interest"]) -> None:
        super().__init__("by_hand", _NOT_BY_HAND[why])
        self.why = why

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"why": self.why}


class NotWrittenError(RefusedError):
    """The handwritten signature no longer counts, or never existed (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_WRITTEN"

    def __init__(self) -> None:
        super().__init__(
            "What was written by hand counts no more: the time was over, or it was refused. Have it"
            " written anew, by a new code."
        )


class IdentificationOverError(RefusedError):
    """Identifying somebody took too long, or something else was first (HTTP 409)."""

    errcode = "ORG.VECHE.IDENTIFICATION_OVER"

    def __init__(self) -> None:
        super().__init__("This is over, or took too long. Begin anew.")


class GuardiansError(RefusedError):
    """Too few of the person's guardians have agreed yet (HTTP 409).

    Attributes:
        is_told: The person has just read in their chat how it stands.
    """

    errcode = "ORG.VECHE.GUARDIANS_FIRST"

    def __init__(self, *, is_told: bool = False) -> None:
        self.is_told = is_told
        super().__init__(
            "Your guardians have to agree to this document first. They are asked once you open it"
            " by itself and sign, or let somebody act. Your chat tells you how it stands."
        )


class MeetingOverError(RefusedError):
    """The link for signing in person was used, replaced, or is too old (HTTP 409)."""

    errcode = "ORG.VECHE.MEETING_OVER"

    def __init__(self) -> None:
        super().__init__(
            "This code was used before, or is too old. Ask for a new one and scan that."
        )
