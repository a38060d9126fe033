"""Deliberate faults of the demo's bank, chosen by the last two digits of an amount.

So a tutorial, a test and a person at the keyboard can all cause it: 10.06 EUR comes back.
"""

from __future__ import annotations

import enum
from typing import Final


class Habit(enum.Enum):
    """The fate of an order; the value is the last two minor digits."""

    CLOSED_ACCOUNT = 1
    """``RJCT AC04``."""
    NO_FUNDS = 2
    """``RJCT AM04``."""
    LOST_BOOKED = 3
    """The answer is lost; it is booked."""
    LOST = 4
    """The answer is lost; it is never booked."""
    PENDING = 5
    """``PDNG`` until the day ends."""
    RETURNED = 6
    """Booked, and given back with ``MS03`` when the day ends."""
    TWICE = 7
    """The camt.054 comes twice, and the line again in the camt.053."""
    EARLY = 8
    """The camt.054 comes before the pain.002."""
    REJECTED_BOOKED = 9
    """``RJCT``, and booked all the same."""
    WRONG_STATEMENT = 10
    """The day's camt.053 does not add up; a right one follows it."""


LOST_ANSWERS: Final = frozenset({Habit.LOST_BOOKED, Habit.LOST})
_BY_DIGITS: Final = {habit.value: habit for habit in Habit}
_HUNDRED: Final = 100


def habit_of(amount_minor: int) -> Habit | None:
    """Return the fault for an order of an amount; None: none."""
    return _BY_DIGITS.get(amount_minor % _HUNDRED)
