"""What each answer of the homeserver means for a row of the outbox; pure.

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
RETRY_MS_MAX: Final = 300_000
LIMITED_MS_MAX: Final = 600_000
DEVICE_RETRY_MS: Final = 60_000
GUARD_KEY: Final = "org.veche.reason"


class Do(enum.Enum):
    """What to do with the row."""

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
    """What to do with the row, and why.

    Attributes:
        reason: For ``GIVE_UP``.
        wait_ms: For ``RETRY``: what the homeserver demands, None: by the attempts.
        is_alarm: Somebody must look: it is a bug of ours.
    """

    do: Do
    reason: Undeliverable | None = None
    wait_ms: int | None = None
    is_alarm: bool = False


_MALFORMED: Final = frozenset(
    ("M_TOO_LARGE", "M_BAD_JSON", "M_NOT_JSON", "M_INVALID_PARAM", "M_MISSING_PARAM")
)


def judge(error: VecheError) -> Verdict:
    """The verdict on a request that was not answered with 200.

    Args:
        error: A ``MatrixError``, or any other: no answer, or none that could be read.
    """
    if not isinstance(error, MatrixError):
        return Verdict(Do.RETRY)
    if error.status == 429:  # noqa: PLR2004 -- too many requests
        wait_ms = RETRY_MS_MIN if error.retry_after_ms is None else error.retry_after_ms
        return Verdict(Do.RETRY, wait_ms=max(0, min(wait_ms, LIMITED_MS_MAX)))
    if error.status >= 500:  # noqa: PLR2004 -- the server's fault
        return Verdict(Do.RETRY)
    if error.errcode == "M_DUPLICATE_ANNOTATION":
        return Verdict(Do.DONE)
    if error.errcode == "M_UNKNOWN_DEVICE":
        return Verdict(Do.DEVICE_LOST, wait_ms=DEVICE_RETRY_MS, is_alarm=True)
    if error.status == 401:  # noqa: PLR2004 -- our token is refused: nothing can be sent at all
        return Verdict(Do.RETRY, is_alarm=True)
    if GUARD_KEY in error.extra or error.errcode.startswith("ORG.VECHE."):
        return Verdict(Do.GIVE_UP, Undeliverable.GUARD, is_alarm=True)
    if error.errcode == "M_INVITE_BLOCKED":
        return Verdict(Do.GIVE_UP, Undeliverable.INVITES_BLOCKED)
    if error.errcode in _MALFORMED or error.status == 413:  # noqa: PLR2004 -- too large
        return Verdict(Do.GIVE_UP, Undeliverable.MALFORMED, is_alarm=True)
    if error.status == 403:  # noqa: PLR2004 -- forbidden
        return Verdict(Do.ASK_MEMBERSHIP)
    return Verdict(Do.GIVE_UP, Undeliverable.MALFORMED, is_alarm=True)


def retry_ms(attempts: int, chance: Callable[[], float]) -> int:
    """How long to wait after the ``attempts``-th attempt: 1 s doubling to 5 min, 50–100% of it.

    Args:
        attempts: From 1.
        chance: A random number in [0, 1).
    """
    full_ms = min(RETRY_MS_MAX, RETRY_MS_MIN << min(max(attempts, 1) - 1, 20))
    return int(full_ms * (0.5 + chance() / 2))
