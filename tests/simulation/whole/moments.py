"""The made-up time of a whole world: what is to happen, in order.

As Twisted's ``Clock``, which sorts all that waits each time something is added: a world has
thousands of time-outs that never come.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Moments:
    """What is to happen; of two things at the same moment, first what was said first."""

    def __init__(self, begins_s: float) -> None:
        self._now_s = begins_s
        self._numbers = itertools.count()
        self._calls: list[tuple[float, int, Callable[[], Any]]] = []

    def seconds(self) -> float:
        """Now."""
        return self._now_s

    def callLater(self, delay_s: float, act: Callable[..., Any], *args: Any, **named: Any) -> None:
        """Have something happen; it cannot be called off, but by whoever it calls."""
        due_s = self._now_s + max(0.0, delay_s)
        heapq.heappush(self._calls, (due_s, next(self._numbers), lambda: act(*args, **named)))

    def leap(self, for_s: float) -> None:
        """Let time pass in which nothing happens; what was due in it happens after, in order."""
        self._now_s += for_s

    def go_on(self, until_s: float) -> bool:
        """Let the next thing happen, or time pass until a moment; whether something happened."""
        if not self._calls or self._calls[0][0] > until_s:
            self._now_s = until_s
            return False
        due_s, _, act = heapq.heappop(self._calls)
        self._now_s = max(self._now_s, due_s)
        act()
        return True
