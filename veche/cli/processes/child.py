"""One child process: started with its output in a file, asked to stop, killed if it must be."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.cli.processes.guard import LAUNCHER, STOP_TIMEOUT_S, Guard, signal_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTPUT_LINES_MAX: Final = 24
"""How many of its last lines a message about a dead child shows."""

OUTPUT_BYTES_MAX: Final = 16 << 20
"""An output file larger than this is put aside at the next start, as ``….old``."""

_OUTPUT_TAIL_BYTES: Final = 16_384


class Child:
    """One child process, in a session of its own, its output in a file.

    A session of its own, so that Ctrl-C in the terminal reaches the parent alone, which
    then stops its children in the right order.

    Attributes:
        name: What it is called in messages.
        output: The file; what an earlier child wrote is kept, up to 16 MiB.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        output: Path,
        environment: Mapping[str, str] | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.name = name
        self.output = output
        self._guard = guard
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.exists() and output.stat().st_size > OUTPUT_BYTES_MAX:
            output.replace(output.with_name(f"{output.name}.old"))
        with output.open("ab") as stream:
            self._output_start = stream.tell()
            self._process = subprocess.Popen(  # noqa: S603 -- our own commands
                [*(LAUNCHER if guard else ()), *command],
                stdin=guard.pipe if guard else subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(environment or {}),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until it has ended.

        Returns:
            Its exit code, as ``exit_code`` gives it.

        Raises:
            TimeoutError: It still runs.
        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as e:
            raise TimeoutError(f"{self.name} still runs after {timeout_s} s") from e

    def ask_to_stop(self) -> None:
        """Ask it to end, and do not wait."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask it to end, and kill it and all that it started if it does not.

        Returns:
            Its exit code.
        """
        self.ask_to_stop()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            signal_group(self.pid, signal.SIGKILL)
        code = self._process.wait()
        if self._guard:
            self._guard.forget(self.pid)
        return code

    def resident_bytes(self) -> int:
        """How much memory it has now; 0 where the system does not tell (it is Linux that does)."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * resource.getpagesize()

    def last_lines(self) -> str:
        """The end of what it wrote itself, at most ``OUTPUT_LINES_MAX`` lines."""
        return tail(self.output, start=self._output_start)


def how(code: int) -> str:
    """An exit code in words: ``code 1``, ``signal SIGKILL``."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def tail(path: Path, lines_max: int = OUTPUT_LINES_MAX, *, start: int = 0) -> str:
    """The last lines of a text file from byte ``start`` on; empty if there is no such file."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(start, path.stat().st_size - _OUTPUT_TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines_max:])
