"""A mandate: a payer lets a payee debit them, within caps, until they take it back.

The periods are counted from the start by the calendar, so a month that begins on the 31st ends on
the last day of a shorter one and is on the 31st again afterwards. What is not used is lost.
Source: design of Veche, payments §8.4; limits as in the grants of Open Payments.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import DAY_MS
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.amounts.core.periods import Period

MANDATE_MS_MAX: Final = 3_653 * DAY_MS
"""Ten years: longest life of a mandate."""
MANDATES_MAX: Final = 10
"""Most mandates that one payer gives one payee."""
ASKED_MS: Final = 7 * DAY_MS
"""How long a proposed mandate can be approved."""


class MandateState(enum.Enum):
    """Where a mandate has got to."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class MandateInput(enum.Enum):
    """An input to the state machine of a mandate."""

    APPROVE = "approve"
    DECLINE = "decline"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    """Revoked by the payer, given up by the payee, frozen, or its time or count is over."""


MANDATE_TABLE: Final[Mapping[tuple[MandateState, MandateInput], MandateState]] = {
    (MandateState.PROPOSED, MandateInput.APPROVE): MandateState.ACTIVE,
    (MandateState.PROPOSED, MandateInput.DECLINE): MandateState.ENDED,
    (MandateState.PROPOSED, MandateInput.END): MandateState.ENDED,
    (MandateState.ACTIVE, MandateInput.PAUSE): MandateState.PAUSED,
    (MandateState.PAUSED, MandateInput.RESUME): MandateState.ACTIVE,
    (MandateState.ACTIVE, MandateInput.END): MandateState.ENDED,
    (MandateState.PAUSED, MandateInput.END): MandateState.ENDED,
}
"""Whatever is not in it is refused and changes nothing."""


class ChargeProblem(enum.Enum):
    """Why a charge is refused; nothing moves and no part of the period is used."""

    NOT_ACTIVE = "not_active"
    NOT_BEGUN = "not_begun"
    OVER = "over"
    """Its end is reached, or its count."""
    ABOVE_EACH = "above_each"
    ABOVE_PERIOD = "above_period"
    NO_NOTICE = "no_notice"
    """The payer was not told early enough."""


class ChargeError(RefusedError):
    """A mandate does not let this be debited; nothing has changed (HTTP 409).

    Attributes:
        problem: Why.
    """

    errcode = "ORG.VECHE.MANDATE_REFUSED"

    def __init__(self, problem: ChargeProblem) -> None:
        super().__init__(f"the mandate does not allow it: {problem.value}")
        self.problem = problem

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"reason": self.problem.value}


@attrs.frozen
class Terms:
    """The terms of a mandate.

    Attributes:
        each_max_minor: Most of one charge, with its fee.
        period: Unit of ``period_max_minor``.
        period_max_minor: Most in one period, at least ``each_max_minor``.
        starts_at_ms: UTC.
        ends_at_ms: UTC; at most ``MANDATE_MS_MAX`` later.
        count_max: Most charges; None: any number.
        notice_ms: How long before a charge the payer is told.
    """

    each_max_minor: int
    period: Period
    period_max_minor: int
    starts_at_ms: int
    ends_at_ms: int
    count_max: int | None = None
    notice_ms: int = DAY_MS


@attrs.frozen
class Used:
    """The past use of a mandate.

    Attributes:
        state: Of the mandate.
        count: Charges so far.
        period_minor: Debited in the period of the charge.
        noticed_at_ms: When the payer was told of the charge, UTC; None: not.
    """

    state: MandateState
    count: int
    period_minor: int
    noticed_at_ms: int | None


def step_mandate(state: MandateState, heard: MandateInput) -> MandateState | None:
    """The next state; None where the table has no such step."""
    return MANDATE_TABLE.get((state, heard))


def judge_charge(minor: int, terms: Terms, used: Used, now_ms: int) -> ChargeProblem | None:
    """Why a charge is refused; None if it is allowed.

    Args:
        minor: What the payer is debited with, at least 1.
        terms: Of the mandate.
        used: Of it so far.
        now_ms: UTC.
    """
    is_noticed = used.noticed_at_ms is not None and used.noticed_at_ms + terms.notice_ms <= now_ms
    reached = terms.count_max is not None and used.count >= terms.count_max
    checks = (
        (used.state is not MandateState.ACTIVE, ChargeProblem.NOT_ACTIVE),
        (now_ms < terms.starts_at_ms, ChargeProblem.NOT_BEGUN),
        (now_ms >= terms.ends_at_ms or reached, ChargeProblem.OVER),
        (minor > terms.each_max_minor, ChargeProblem.ABOVE_EACH),
        (used.period_minor + minor > terms.period_max_minor, ChargeProblem.ABOVE_PERIOD),
        (terms.notice_ms > 0 and not is_noticed, ChargeProblem.NO_NOTICE),
    )
    return next((problem for is_so, problem in checks if is_so), None)
