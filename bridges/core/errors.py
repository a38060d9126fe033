"""Errors of sending to a network, by what to do about them."""

from __future__ import annotations


class SendError(Exception):
    """The network did not take what it was sent."""


class TemporaryError(SendError):
    """It may take it later.

    Attributes:
        retry_after_ms: What it says to wait, or None.
    """

    def __init__(self, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class AwayError(SendError):
    """Nothing was sent, since the other side is not there: it is kept, however long that takes."""


class PermanentError(SendError):
    """It never takes it."""


class UncertainError(SendError):
    """The connection broke between what was sent and its answer."""
