"""Errors, grouped by what the caller should do."""

from __future__ import annotations


class VecheError(Exception):
    """Any error that is fit to show to a person.

    Attributes:
        errcode: Stable code that clients can act on.
    """

    errcode = "ORG.VECHE.ERROR"


class ProtocolError(VecheError):
    """What was sent breaks the protocol: correct it, then send it again."""

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


class BadSignatureError(ProtocolError):
    """An envelope's signature does not verify."""

    errcode = "ORG.VECHE.BAD_SIGNATURE"


class RefusedError(VecheError):
    """A rule says no; the same request will be refused again."""

    errcode = "ORG.VECHE.REFUSED"


class ForbiddenError(RefusedError):
    """The caller may not do this, whatever the request says (HTTP 403)."""

    errcode = "ORG.VECHE.FORBIDDEN"


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


class ConfigError(VecheError):
    """The configuration is wrong; the message says where, what, and what would be right."""

    errcode = "ORG.VECHE.CONFIG"
