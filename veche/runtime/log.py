"""The process log: lines with ids, never with what people wrote.

A line carries the id of the request it was written for, wherever in the call chain that was.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from twisted.logger import STDLibLogObserver, globalLogBeginner

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE_CHARACTERS_MAX: Final = 2_000
"""A longer message is cut: somebody logged what is no line of a log."""
TRACEBACK_CHARACTERS_MAX: Final = 20_000

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Id of the request that is being answered; empty outside of one."""

_LOUD: Final[Mapping[str, int]] = {"urllib3": logging.WARNING, "asyncio": logging.WARNING}


class AddRequestId(logging.Filter):
    """Gives every record the attribute ``request_id``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add it, and keep the record."""
        record.request_id = REQUEST_ID.get()
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and request_id, error if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "at": _at(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _cut(record.getMessage(), MESSAGE_CHARACTERS_MAX),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        if record.exc_info:
            line["error"] = _cut(self.formatException(record.exc_info), TRACEBACK_CHARACTERS_MAX)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line to read: time, level, logger, request id, message, and the traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines."""
        request_id = getattr(record, "request_id", "")
        message = _cut(record.getMessage(), MESSAGE_CHARACTERS_MAX)
        # A line break in a message would let what it quotes look like a line of ours.
        message = message.replace("\r", "\\r").replace("\n", "\\n")
        where = f"{record.name} [{request_id}]" if request_id else record.name
        line = f"{_at(record)} {record.levelname:<7} {where}: {message}"
        if record.exc_info:
            trace = _cut(self.formatException(record.exc_info), TRACEBACK_CHARACTERS_MAX)
            line = f"{line}\n{trace}"
        return line


def set_up(level: str, form: Literal["json", "text"], stream: TextIO | None = None) -> None:
    """Send the log of this process, Twisted's and Python's warnings included, to one stream.

    Args:
        level: Name of the least important level to write.
        form: ``json`` or ``text``.
        stream: Standard error if None.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(AddRequestId())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in _LOUD.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(capture=True)
    _bridge_twisted()
    _quieten(level)


@functools.cache
def _bridge_twisted() -> None:
    # Once a process: Twisted adds up what it is given.
    globalLogBeginner.beginLoggingTo(
        [STDLibLogObserver("twisted")], discardBuffer=True, redirectStandardIO=False
    )


def _quieten(level: str) -> None:
    # A line for each connection and each factory is of no use to an operator.
    least = max(logging.WARNING, logging.getLevelNamesMapping()[level])
    logging.getLogger("twisted").setLevel(least)


def _at(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03}Z"


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else f"{text[:characters_max]}…"
