"""Meaning of each homeserver answer for a row of the outbox; pure.

Source: the table of the Matrix design (way out); Synapse 1.163, measured.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.runtime.matrix.client import MatrixError
from veche.runtime.ports import Undeliverable

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.protocol.errors import VecheError

RETRY_MS_MIN: Final = 1_000
RETRY_MS_MAX: Final = 60_000
"""So long, at most, a message waits on after the homeserver is back from a long absence."""
LIMITED_MS_MAX: Final = 600_000
DEVICE_RETRY_MS: Final = 60_000
GUARD_KEY: Final = "org.veche.reason"


class Do(enum.Enum):
    """The next step for a row."""

    DONE = "done"
    """It is there already."""
    RETRY = "retry"
    """The same bytes again, later."""
    GIVE_UP = "give_up"
    ASK_MEMBERSHIP = "ask_membership"
    """Forbidden: because the bot is not in the room, or by another rule."""
    DEVICE_LOST = "device_lost"


@attrs.frozen
class Verdict:
    """The next step for a row, and the reason.

    Attributes:
        reason: For ``GIVE_UP``.
        wait_ms: For ``RETRY``: what the homeserver demands, None: by the attempts.
        is_alarm: Somebody must look: it is a bug of ours.
    """

    do: Do
    reason: Undeliverable | None = None
    wait_ms: int | None = None
    is_alarm: bool = False


_MALFORMED: Final = Verdict(Do.GIVE_UP, Undeliverable.MALFORMED, is_alarm=True)
_GUARD: Final = Verdict(Do.GIVE_UP, Undeliverable.GUARD, is_alarm=True)
_BY_CODE: Final = {
    # A reaction is placed once; the second time it is there.
    "M_DUPLICATE_ANNOTATION": Verdict(Do.DONE),
    "M_UNKNOWN_DEVICE": Verdict(Do.DEVICE_LOST, wait_ms=DEVICE_RETRY_MS, is_alarm=True),
    # Our token is refused: nothing at all can be sent until somebody looks.
    "M_UNKNOWN_TOKEN": Verdict(Do.RETRY, is_alarm=True),
    "M_INVITE_BLOCKED": Verdict(Do.GIVE_UP, Undeliverable.INVITES_BLOCKED),
    "M_TOO_LARGE": _MALFORMED,
    "M_BAD_JSON": _MALFORMED,
    # Of our guard, which names itself by the code or by a key.
    "ORG.VECHE.MALFORMED": _GUARD,
}
_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429
_FORBIDDEN: Final = 403


def judge(error: VecheError) -> Verdict:
    """The verdict on a request that was not answered with 200.

    Args:
        error: A ``MatrixError``, or any other: no answer, or none that could be read.
    """
    if not isinstance(error, MatrixError) or error.status >= _SERVER_ERROR:
        return Verdict(Do.RETRY)
    if error.status == _TOO_MANY:
        wait_ms = RETRY_MS_MIN if error.retry_after_ms is None else error.retry_after_ms
        return Verdict(Do.RETRY, wait_ms=max(0, min(wait_ms, LIMITED_MS_MAX)))
    if GUARD_KEY in error.extra:
        return _GUARD
    by_code = _BY_CODE.get(error.errcode)
    if by_code is not None:
        return by_code
    return Verdict(Do.ASK_MEMBERSHIP) if error.status == _FORBIDDEN else _MALFORMED


def retry_ms(attempts: int, chance: Callable[[], float]) -> int:
    """How long to wait after the ``attempts``-th attempt: 1 s doubling to 1 min, half by chance.

    Args:
        attempts: From 1.
        chance: A random number in [0, 1).
    """
    full_ms = min(RETRY_MS_MAX, RETRY_MS_MIN << min(max(attempts, 1) - 1, 20))
    return int(full_ms * (0.5 + chance() / 2))
