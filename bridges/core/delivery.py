"""The delivery of a message to the network: one table for all networks.

A network says no more than it knows: that it took a message, that a device has it, that somebody
saw it. Receipts come late, twice, and before the answer that tells the id; the table says what
each of them means in each state.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

ATTEMPTS_MAX: Final = 12
"""Attempts after which a failure for now counts as one for good."""
RETRY_MS_MIN: Final = 1_000
RETRY_MS_MAX: Final = 600_000
AWAY_MS: Final = 5_000
"""After which it is looked whether the other side is there again; that is no attempt."""


class State(enum.Enum):
    """Where a message is."""

    QUEUED = "queued"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    """It may have arrived: the connection broke."""
    SENT = "sent"
    """The network took it."""
    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    FAILED = "failed"
    EXPIRED = "expired"
    """Its time ended before the network took it."""
    UNKNOWN = "unknown"
    """The network took it and never said more."""


class Input(enum.Enum):
    """An event in the delivery of a message."""

    BEGIN = "begin"
    """It is handed to the network."""
    SENT = "sent"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNCERTAIN = "uncertain"
    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    NOT_DELIVERED = "not_delivered"
    """A receipt says that it did not arrive."""
    EXPIRED = "expired"
    AWAY = "away"
    """The other side is not there, and nothing was sent."""


@attrs.frozen
class Step:
    """The outcome of an input.

    Attributes:
        state: From now on.
        is_contradiction: The network said the opposite before: an alarm.
    """

    state: State
    is_contradiction: bool = False


def _rows() -> dict[tuple[State, Input], Step]:
    s, i = State, Input
    table = {(state, given): Step(state) for state in s for given in i}
    table[s.QUEUED, i.BEGIN] = Step(s.SENDING)
    table[s.QUEUED, i.EXPIRED] = Step(s.EXPIRED)
    for state in (s.SENDING, s.UNCERTAIN):
        table |= {
            (state, i.SENT): Step(s.SENT),
            (state, i.TEMPORARY): Step(s.QUEUED),
            (state, i.PERMANENT): Step(s.FAILED),
            (state, i.UNCERTAIN): Step(s.UNCERTAIN),
            (state, i.AWAY): Step(s.QUEUED),
            (state, i.EXPIRED): Step(s.EXPIRED),
        }
    for state in (s.SENDING, s.UNCERTAIN, s.SENT):
        table |= {
            (state, i.DELIVERED): Step(s.DELIVERED),
            (state, i.DISPLAYED): Step(s.DISPLAYED),
            (state, i.NOT_DELIVERED): Step(s.FAILED),
        }
    table[s.SENT, i.PERMANENT] = Step(s.FAILED)
    table[s.SENT, i.EXPIRED] = Step(s.UNKNOWN)
    table[s.DELIVERED, i.DISPLAYED] = Step(s.DISPLAYED)
    table[s.DELIVERED, i.NOT_DELIVERED] = Step(s.FAILED, is_contradiction=True)
    for given in (i.DELIVERED, i.DISPLAYED):
        late = s.DELIVERED if given is i.DELIVERED else s.DISPLAYED
        table[s.EXPIRED, given] = table[s.UNKNOWN, given] = Step(late)
        table[s.FAILED, given] = Step(s.FAILED, is_contradiction=True)
    return table


TABLE: Final[Mapping[tuple[State, Input], Step]] = MappingProxyType(_rows())
"""The next state for each input in each state; complete."""


def step(state: State, given: Input, attempts: int = 0) -> Step:
    """Take one step.

    Args:
        state: Before it.
        given: What happened.
        attempts: How often it was handed to the network, this time included.
    """
    if given is Input.TEMPORARY and attempts >= ATTEMPTS_MAX:
        given = Input.PERMANENT
    return TABLE[state, given]


def retry_delay_ms(attempts: int, asked_ms: int | None = None) -> int:
    """How long to wait after the ``attempts``-th failure: 1 s, doubling to 10 min, or as asked."""
    delay_ms = min(RETRY_MS_MAX, RETRY_MS_MIN << min(max(attempts - 1, 0), 20))
    return delay_ms if asked_ms is None else min(RETRY_MS_MAX, max(delay_ms, asked_ms))
