"""Answers to errors, and their traces in the log."""

from __future__ import annotations

import contextlib
import inspect
import re
import traceback
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from veche.protocol.errors import (
    ForbiddenError,
    GoneError,
    LevelTooLowError,
    LimitError,
    MalformedError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    SignInError,
    TooLargeError,
    TooSlowError,
    UnavailableError,
    VecheError,
)

PATH_CHARACTERS_MAX: Final = 200
"""How much of a path is logged."""

_PARTS_SHOWN: Final = 4
_UNPRINTABLE: Final = re.compile(r"[^\x21-\x7e]")
_MAY_WAIT: Final = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_STATUS: Final = (
    (TooLargeError, 413),
    (TooSlowError, 408),
    (ProtocolError, 400),
    (ForbiddenError, 403),
    (SignInError, 401),
    (NotFoundError, 404),
    (GoneError, 410),
    (RefusedError, 409),
    (LimitError, 429),
    (UnavailableError, 503),
)


def told_of(error: VecheError) -> tuple[int, list[tuple[bytes, bytes]], dict[str, Any]]:
    """Status, headers and body of the answer to a request that is refused."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    body: dict[str, Any] = {"errcode": error.errcode, "error": str(error), **error.details}
    headers = []
    if isinstance(error, MalformedError):
        body["field"] = error.field
    if isinstance(error, LevelTooLowError):
        body["required"] = error.required
    if isinstance(error, SignInError):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, UnavailableError):
        body["retry_after_ms"] = error.retry_after_ms
        headers.append((b"retry-after", str(-(-error.retry_after_ms // 1000)).encode()))
    return status, headers, body


def shown_path(path: bytes) -> str:
    """A path as it is logged: printable, short, without the query, which may hold secrets."""
    text = path.partition(b"?")[0].decode("ascii", errors="replace")
    return _UNPRINTABLE.sub("?", text)[:PATH_CHARACTERS_MAX]


def begin_of(path: bytes) -> str:
    """The feature that a path is for, without what stands behind it: that may be a secret."""
    parts = shown_path(path).split("/")
    return "/".join(parts if len(parts) <= _PARTS_SHOWN else [*parts[:_PARTS_SHOWN], "..."])


def is_text(path: bytes) -> bool:
    """Return whether a path is UTF-8 once decoded; Klein logs a traceback of any other one."""
    try:
        unquote_to_bytes(path.partition(b"?")[0]).decode()
    except UnicodeDecodeError:
        return False
    return True


def forget(error: BaseException | None) -> None:
    """Let go of all that an answered error holds: bodies, in the frames through which it went.

    A thread of Twisted's keeps its failure in such a frame. That is a cycle, and what it holds
    would stay until the garbage collector comes.
    """
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            # Somebody else may have the same error, and wait for something since.
            if not frame.f_code.co_flags & _MAY_WAIT:
                with contextlib.suppress(RuntimeError):  # it still runs
                    frame.clear()
        error.__traceback__ = None
        before = error.__cause__ or error.__context__
        error.__cause__ = error.__context__ = None
        error = before
