"""In which order a process sends to rooms: first to people who have heard nothing yet.

The homeserver is what a crowd waits for, and the more is asked of it at once, the later everything
ends. So people are served one after another: while somebody waits for the first words of a bot,
all that is said to others goes on in ``OTHERS_MAX`` rooms only. Nobody waits for ever: those rooms
change as they are done with, and a room that takes long, such as one of a slow server, no longer
counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.protocol.ids import RoomId, UserId

    Key = tuple[UserId, RoomId]

ROOMS_MAX: Final = 16
"""Rooms that one process sends to at once."""
OTHERS_MAX: Final = 1
"""Of them, those where the bot has spoken before, while somebody waits for its first words."""
BUSY_ROOMS_MIN: Final = 4
"""Rooms that one process sends to at once, from which on reactions wait."""
WAITING_MAX: Final = 1_000
"""Announced rooms that wait for their turn; what is beyond is found by looking."""
SPOKEN_MAX: Final = 20_000
"""Rooms that are remembered as spoken in."""
SLOW_MS: Final = 3_000
"""After which nobody waits any more for what is at work: it may be of a slow server."""


class Order:
    """Which rooms are sent to now, and which wait; it neither sends nor looks at a clock.

    Attributes:
        joining_count: Returns how many chats a bot is going into, to say its first words there.
        when_first_ends: Called when first words were said, or cannot be said now.
    """

    def __init__(self) -> None:
        """Nobody is sent to."""
        self.joining_count: Callable[[], int] = lambda: 0
        self.when_first_ends: Callable[[], None] = lambda: None
        self._at_work: dict[Key, int] = {}
        self._again: set[Key] = set()
        self._first: dict[Key, None] = {}
        self._others: dict[Key, None] = {}
        self._spoken: set[Key] = set()

    @property
    def has_waiting(self) -> bool:
        """Whether a room waits for its turn."""
        return bool(self._first or self._others)

    def first_count(self, now_ms: int) -> int:
        """Return in how many rooms the bot's first words wait, or are on their way."""
        return len(self._first) + len(self._brisk(now_ms) - self._spoken)

    def is_crowded(self, now_ms: int) -> bool:
        """Return whether somebody waits for first words, or many rooms are sent to."""
        return self._has_newcomers(now_ms) or len(self._at_work) >= BUSY_ROOMS_MIN

    def is_at_work(self, key: Key) -> bool:
        """Return whether a room is being sent to."""
        return key in self._at_work

    def ask(self, key: Key, now_ms: int) -> bool:
        """Return whether to begin with a room now; ``following`` names it later if not."""
        if key in self._at_work:
            self._again.add(key)
        elif self._has_place(key, now_ms):
            self._at_work[key] = now_ms
            return True
        else:
            self._wait(key)
        return False

    def note_spoken(self, key: Key) -> None:
        """Note that the bot has said something in a room."""
        if len(self._spoken) >= SPOKEN_MAX:
            self._spoken.clear()
        if key not in self._spoken:
            self._spoken.add(key)
            self.when_first_ends()

    def leave_rest(self, key: Key) -> None:
        """Let a room that is at work have another turn after those that wait."""
        self._again.add(key)

    def begin_turn(self, key: Key) -> None:
        """Note that what was asked for so far is read now."""
        self._again.discard(key)

    def has_more(self, key: Key) -> bool:
        """Return whether a room that is at work was asked for since its turn began."""
        return key in self._again

    def end(self, key: Key) -> None:
        """Note that a room is done with."""
        self._at_work.pop(key, None)
        if key not in self._spoken:
            self.when_first_ends()
        if key in self._again:
            self._again.discard(key)
            self._wait(key)

    def following(self, now_ms: int) -> list[Key]:
        """Return the rooms to begin with now, of those that wait."""
        begun = []
        for waiting in (self._first, self._others):
            while waiting and self._has_place(key := next(iter(waiting)), now_ms):
                del waiting[key]
                self._at_work[key] = now_ms
                begun.append(key)
        return begun

    def _wait(self, key: Key) -> None:
        if len(self._first) + len(self._others) < WAITING_MAX:
            (self._others if key in self._spoken else self._first)[key] = None

    def _has_place(self, key: Key, now_ms: int) -> bool:
        if len(self._at_work) >= ROOMS_MAX:
            return False
        is_first = key not in self._spoken or not self._has_newcomers(now_ms)
        return is_first or len(self._brisk(now_ms) & self._spoken) < OTHERS_MAX

    def _has_newcomers(self, now_ms: int) -> bool:
        return self.first_count(now_ms) > 0 or self.joining_count() > 0

    def _brisk(self, now_ms: int) -> set[Key]:
        """Return the rooms at work that have not taken long yet."""
        return {key for key, began_ms in self._at_work.items() if now_ms - began_ms < SLOW_MS}
