"""A process that is made up: its clock, which may be wrong, and the ways in which it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    class World(Protocol):
        """Its clock."""

        def seconds(self) -> float:
            """Now."""
            ...

        @property
        def callLater(self) -> Callable[..., object]:
            """Have something happen."""
            ...


@attrs.define(eq=False)
class Call:
    """Something that is to happen in a process, as Twisted's ``IDelayedCall``."""

    act: Callable[[], None] | None
    again: Callable[[float, Call], None]
    turn: int = 0
    """How often it was put off: what was due before does not count."""

    def active(self) -> bool:
        """Whether it is still to happen."""
        return self.act is not None

    def cancel(self) -> None:
        """It does not happen."""
        self.act = None

    def reset(self, delay_s: float) -> None:
        """It happens so long from now."""
        self.turn += 1
        self.again(delay_s, self)

    def happen(self) -> None:
        """Now, once."""
        act, self.act = self.act, None
        if act is not None:
            act()


class Machine:
    """What a process runs on: the reactor that the product's code is given.

    Attributes:
        skew_s: By how much its clock is wrong.
        is_running: False while it is stopped, as by SIGSTOP, or dead.
    """

    def __init__(self, world: World) -> None:
        self.skew_s = 0.0
        self.is_running = True
        self._world = world
        self._missed: list[Call] = []

    def seconds(self) -> float:
        """What its clock says."""
        return self._world.seconds() + self.skew_s

    def true_s(self) -> float:
        """What a right clock would say."""
        return self._world.seconds()

    def callLater(self, delay_s: float, act: Callable[..., Any], *args: Any, **named: Any) -> Call:
        """As a reactor does; what falls due while it is stopped happens once it goes on."""
        call = Call(lambda: act(*args, **named), self._schedule)
        self._schedule(delay_s, call)
        return call

    def _schedule(self, delay_s: float, call: Call) -> None:
        self._world.callLater(delay_s, self._due, call, call.turn)

    def stop(self) -> None:
        """Nothing happens any more."""
        self.is_running = False

    def go_on(self) -> None:
        """What was missed happens now."""
        self.is_running = True
        while self._missed and self.is_running:
            self._missed.pop(0).happen()

    def _due(self, call: Call, turn: int) -> None:
        if call.turn != turn:
            return
        if self.is_running:
            call.happen()
        else:
            self._missed.append(call)
