"""The clocks of those who must act: how long they have, and when they are reminded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.cases.core.states import TimerKind
from appservices.agency.working_days.core import DAY_MS

if TYPE_CHECKING:
    from appservices.agency.cases.core.turn import Turn


def start_office_clock(turn: Turn, working_days: int) -> None:
    """From now on the office has this many working days.

    Args:
        turn: The step.
        working_days: At least 1.
    """
    now_ms, calendar = turn.context.now_ms, turn.context.office.calendar
    due_at_ms = calendar.after_working_days(now_ms, working_days)
    turn.change(due_at_ms=due_at_ms, days_left=None)
    turn.set_clock(TimerKind.OVERDUE, due_at_ms)
    reminder_at_ms = calendar.morning_before(due_at_ms)
    if reminder_at_ms > now_ms:
        turn.set_clock(TimerKind.REMINDER, reminder_at_ms)


def stop_office_clock(turn: Turn) -> None:
    """The office need not act for a while: keep the working days that it has left."""
    calendar = turn.context.office.calendar
    left = 1
    if turn.case.due_at_ms is not None:
        left = max(1, calendar.working_days_until(turn.context.now_ms, turn.case.due_at_ms))
    turn.drop_clocks(TimerKind.OVERDUE, TimerKind.REMINDER, TimerKind.EXPIRY)
    turn.change(due_at_ms=None, days_left=left)


def remind_person(turn: Turn, until_ms: int) -> None:
    """Set the clock that reminds the person, outside their quiet hours, if there is time."""
    calendar = turn.context.office.calendar
    morning_ms = calendar.morning_before(until_ms)
    at_ms = calendar.outside(morning_ms, turn.definition.notify.quiet)
    if turn.context.now_ms + DAY_MS < at_ms < until_ms:
        turn.set_clock(TimerKind.REMINDER, at_ms)
