"""Errors, grouped by what the caller should do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class VecheError(Exception):
    """Any error that is fit to show to a person.

    Attributes:
        errcode: Stable code that clients can act on.
    """

    errcode = "ORG.VECHE.ERROR"

    @property
    def details(self) -> Mapping[str, object]:
        """Further fields of the answer over HTTP, for programs."""
        return {}


class ProtocolError(VecheError):
    """The request breaks the protocol: correct it, then send it again."""

    errcode = "ORG.VECHE.PROTOCOL"


class MalformedError(ProtocolError):
    """A body, or a payload in an event, does not have the form of its kind.

    Attributes:
        field: Path of the first wrong field.
    """

    errcode = "ORG.VECHE.MALFORMED"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class TooLargeError(ProtocolError):
    """An event, a body or a file is over its named limit."""

    errcode = "ORG.VECHE.TOO_LARGE"


class TooSlowError(ProtocolError):
    """The request did not arrive completely in time."""

    errcode = "ORG.VECHE.TOO_SLOW"


class BadSignatureError(ProtocolError):
    """An envelope's signature does not verify."""

    errcode = "ORG.VECHE.BAD_SIGNATURE"


class RefusedError(VecheError):
    """A rule says no; the same request will be refused again."""

    errcode = "ORG.VECHE.REFUSED"


class NotYetError(RefusedError):
    """A rule says no for now: the same may be granted a moment later, or never (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_YET"


class ForbiddenError(RefusedError):
    """The caller may not do this, whatever the request says (HTTP 403)."""

    errcode = "ORG.VECHE.FORBIDDEN"


class SignInError(RefusedError):
    """Nobody is signed in, or not any more: sign in, then ask again (HTTP 401)."""

    errcode = "ORG.VECHE.SIGN_IN"


class LevelTooLowError(ForbiddenError):
    """The level of the person's sign-in is too low for this (HTTP 403).

    Attributes:
        required: Label of the level that it needs, such as ``room``.
    """

    errcode = "ORG.VECHE.LEVEL_TOO_LOW"

    def __init__(self, message: str, *, required: str) -> None:
        super().__init__(message)
        self.required = required


class NotFoundError(RefusedError):
    """There is no such thing, or it is not the caller's (HTTP 404)."""

    errcode = "ORG.VECHE.NOT_FOUND"


class GoneError(RefusedError):
    """It was here and was deleted, as those whom it concerns were told (HTTP 410)."""

    errcode = "ORG.VECHE.GONE"


class ConflictError(RefusedError):
    """The request contradicts an earlier one, such as other content under the same key."""

    errcode = "ORG.VECHE.CONFLICT"


class ActRequiredError(RefusedError):
    """An act of an organisation on a person came without a valid ``ActToken``."""

    errcode = "ORG.VECHE.ACT_REQUIRED"


class UnavailableError(VecheError):
    """It cannot be done now; try again later.

    Attributes:
        retry_after_ms: How long to wait first.
    """

    errcode = "ORG.VECHE.UNAVAILABLE"

    def __init__(self, message: str, *, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class LimitError(UnavailableError):
    """Too much in too short a time (HTTP 429)."""

    errcode = "M_LIMIT_EXCEEDED"


class ConfigError(VecheError):
    """The configuration is wrong; the message says where, what, and what would be right."""

    errcode = "ORG.VECHE.CONFIG"
