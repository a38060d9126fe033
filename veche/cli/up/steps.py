"""Steps of a start: each in a thread, as soon as those before it are done, with its seconds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


class BlockedError(Exception):
    """A step was not taken, since one before it failed."""


@attrs.define(eq=False)
class Step:
    """One step.

    Attributes:
        name: Shown in its progress line.
        seconds: How long it took; None while it is not done.
        error: What it failed with.
    """

    name: str
    seconds: float | None = None
    error: BaseException | None = None
    _ended: threading.Event = attrs.field(factory=threading.Event)

    @property
    def has_ended(self) -> bool:
        """Return whether it is done, or failed."""
        return self._ended.is_set()

    def join(self, timeout_s: float) -> bool:
        """Wait until it has ended; False if it has not in time."""
        return self._ended.wait(timeout_s)

    def wait_until_done(self) -> None:
        """Wait until it is done.

        Raises:
            BlockedError: It failed.
        """
        self._ended.wait()
        if self.error is not None:
            raise BlockedError(self.name)

    def run(self, work: Callable[[], object], after: tuple[Step, ...]) -> None:
        """Do the work once all of ``after`` are done; for a thread of its own."""
        try:
            for step in after:
                step.wait_until_done()
            started_s = time.monotonic()
            work()
            self.seconds = time.monotonic() - started_s
        except BaseException as e:  # noqa: BLE001 -- handed to the main thread
            self.error = e
        finally:
            self._ended.set()


class Steps:
    """The steps of one start."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Begin with no step.

        Args:
            tell: Shows a line to the person at the terminal.
        """
        self._tell = tell
        self._steps: list[Step] = []
        self._told: set[str] = set()

    def take(self, name: str, work: Callable[[], object], *after: Step) -> Step:
        """Start a step in a thread that does not keep the process alive."""
        step = Step(name)
        self._steps.append(step)
        thread = threading.Thread(target=step.run, args=(work, after), name=name, daemon=True)
        thread.start()
        return step

    def have_ended(self) -> bool:
        """Tell what got done since the last call; whether all are done.

        Raises:
            BaseException: What the first failed step failed with.
        """
        for step in self._steps:
            if not step.has_ended or step.name in self._told:
                continue
            if isinstance(step.error, BlockedError):
                continue
            if step.error is not None:
                raise step.error
            self._told.add(step.name)
            self._tell(f"  {step.name:<14}{step.seconds:6.1f} s")
        return all(step.has_ended for step in self._steps)
