"""Children watched together: started again when they die, or everything ends with them."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final

import attrs

from veche.cli.processes.child import Child, how
from veche.cli.processes.guard import STOP_TIMEOUT_S, signal_group
from veche.protocol.errors import VecheError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

RESTARTS_MAX: Final = 8
"""How often in a row a child that dies young is started again."""

HEALTHY_S: Final = 60.0
"""A child that ran for so long was well: the next restart comes at once again."""

BACKOFF_S_MAX: Final = 30.0
"""The longest wait before a restart."""

_BACKOFF_START_S: Final = 0.5
_POLL_S: Final = 0.05


class ChildEndedError(VecheError):
    """A required child process ended; the message has its last lines."""

    errcode = "ORG.VECHE.CHILD_ENDED"


class StoppedError(VecheError):
    """Somebody asked to stop: Ctrl-C, SIGTERM, or the terminal was closed."""

    errcode = "ORG.VECHE.STOPPED"


@attrs.define
class Backoff:
    """When a child that died is started again: at once, then later and later, then never.

    Attributes:
        failures: How often in a row it died young.
    """

    failures: int = 0

    def next_s(self, ran_s: float) -> float | None:
        """How long to wait before the next start; None: it is not worth it any more."""
        self.failures = 0 if ran_s >= HEALTHY_S else self.failures + 1
        if self.failures > RESTARTS_MAX:
            return None
        return min(BACKOFF_S_MAX, _BACKOFF_START_S * (1 << max(0, self.failures - 1)))


@attrs.define
class _Kept:
    """A child that is started again when it dies."""

    start: Callable[[], Child]
    child: Child
    started_s: float
    backoff: Backoff = attrs.field(factory=Backoff)
    restart_s: float | None = None


class Supervisor:
    """Watches children until a signal comes, or one ends that the others need.

    It looks at them some times a second, from one thread. So nothing happens between two looks,
    and a signal only has to leave a note.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Watch nothing yet.

        Args:
            tell: Shows a line to the person at the terminal.
        """
        self._tell = tell
        self._kept: list[_Kept] = []
        self._essential: list[tuple[Callable[[], int | None], Callable[[int], str]]] = []
        self._signal: signal.Signals | None = None

    def catch_signals(self) -> None:
        """Let SIGINT, SIGTERM and SIGHUP make ``check`` raise; for the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def ask(self, number: signal.Signals) -> None:
        """Stop, as if this signal had come."""
        self._signal = number

    def need(self, exit_code: Callable[[], int | None], failure: Callable[[int], str]) -> None:
        """Raise from ``check`` when this process has ended.

        Args:
            exit_code: None while it runs.
            failure: What to say about it, given the exit code.
        """
        self._essential.append((exit_code, failure))

    def keep(self, child: Child, start: Callable[[], Child]) -> None:
        """Watch a child, and start another one like it whenever it dies."""
        self._kept.append(_Kept(start, child, time.monotonic()))

    def check(self) -> None:
        """Look at every child once.

        Raises:
            StoppedError: A signal came.
            ChildEndedError: One ended that is needed, or died too often.
        """
        if self._signal is not None:
            raise StoppedError(self._signal.name)
        for exit_code, failure in self._essential:
            code = exit_code()
            if code is not None:
                raise ChildEndedError(failure(code))
        for kept in self._kept:
            self._check_kept(kept, time.monotonic())

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Look again and again until ``until`` holds.

        Raises:
            StoppedError, ChildEndedError: As ``check``.
        """
        while not until():
            self.check()
            time.sleep(_POLL_S)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop what it keeps, all at the same time; its children do not come back."""
        kept, self._kept = self._kept, []
        for one in kept:
            one.child.ask_to_stop()
        for one in kept:
            one.child.stop(timeout_s)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)

    def _check_kept(self, kept: _Kept, now_s: float) -> None:
        if kept.restart_s is not None:
            if now_s >= kept.restart_s:
                kept.child, kept.started_s, kept.restart_s = kept.start(), now_s, None
            return
        code = kept.child.exit_code()
        if code is None:
            return
        # What it started itself, and the guard's note of it, end with it.
        signal_group(kept.child.pid, signal.SIGKILL)
        kept.child.stop()
        delay_s = kept.backoff.next_s(now_s - kept.started_s)
        what = f"{kept.child.name}: ended with {how(code)}"
        if delay_s is None:
            raise ChildEndedError(f"{what}, too often in a row\n{kept.child.last_lines()}")
        self._tell(f"{what}; starting it again in {delay_s:g} s ({kept.child.output})")
        kept.restart_s = now_s + delay_s
