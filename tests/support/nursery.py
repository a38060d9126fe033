"""Where the clients of persons come from: a process that has imported what they are made of.

Half of what a client takes until it is there is the import of its libraries, and a run of the tests
has hundreds of them. A nursery imports a client's module once for a process of the tests and does
nothing else: each client is a fork of it, a process of its own with a session of its own, that has
only begun already. It ends with whoever started it, since its socket does.

Run as ``python -m tests.support.nursery MODULE``, with the socket as its input.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import weakref
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from types import ModuleType

_STANDARD: Final = (0, 1, 2)
"""What a client gets with its life: its input, its output, its log."""
_ONE: Final = b"1"

_nurseries: Final[dict[str, socket.socket]] = {}
_turn: Final = threading.Lock()
_started: Final[list[subprocess.Popen[bytes]]] = []
"""Kept: Python would complain about a child nobody waits for, and they end after us."""


class Client:
    """A client's process, as ``subprocess.Popen`` would show it.

    Attributes:
        stdin: Of the client; it ends when this is closed.
        stdout: Of the client.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], process: int) -> None:
        """It has begun.

        Args:
            stdin: See above.
            stdout: See above.
            process: Descriptor of the process (``pidfd_open(2)``), so that no other is ever meant.
        """
        self.stdin = stdin
        self.stdout = stdout
        self._process = process
        weakref.finalize(self, os.close, process)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return not self._has_ended(0)

    def wait(self, timeout_s: float | None = None) -> None:
        """Return once it has ended.

        Raises:
            TimeoutError: It has not, in time.
        """
        if not self._has_ended(timeout_s):
            raise TimeoutError(f"the client still runs after {timeout_s} s")

    def kill(self) -> None:
        """End it as a power cut would."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def _has_ended(self, timeout_s: float | None) -> bool:
        ended = select.poll()
        ended.register(self._process, select.POLLIN)
        return bool(ended.poll(None if timeout_s is None else timeout_s * 1000))


def bear(module: str, log: IO[bytes]) -> Client:
    """A new client of ``module``, whose errors go to ``log``; its ``main()`` runs.

    Raises:
        RuntimeError: The nursery has ended; what it said of it is in the output of the test.
    """
    # Only our ends are left in this process, and no child of ours inherits them.
    its_input, stdin = os.pipe()
    stdout, its_output = os.pipe()
    try:
        with _turn:
            process = _asked(_nursery(module), (its_input, its_output, log.fileno()), module)
    except BaseException:
        os.close(stdin)
        os.close(stdout)
        raise
    finally:
        os.close(its_input)
        os.close(its_output)
    return Client(os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), process)


def _nursery(module: str) -> socket.socket:
    if module not in _nurseries:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.support.nursery", module]
            _started.append(subprocess.Popen(command, cwd=ROOT, stdin=theirs.fileno()))
        _nurseries[module] = ours
    return _nurseries[module]


def _asked(nursery: socket.socket, standard: tuple[int, ...], module: str) -> int:
    with suppress(BrokenPipeError, ConnectionResetError):
        socket.send_fds(nursery, [_ONE], standard)
        _, found, _, _ = socket.recv_fds(nursery, len(_ONE), 1, socket.MSG_CMSG_CLOEXEC)
        if found:
            return found[0]
    _nurseries.pop(module).close()
    raise RuntimeError(f"the nursery of {module} has ended")


def main(module: str) -> None:
    """Bear a client whenever somebody asks, until they are gone."""
    # It ends with its socket alone: a Ctrl-C at the tests is for them, and they end their clients.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    client = importlib.import_module(module)
    # What is there for good is left alone in each client, and so stays shared.
    gc.collect()
    gc.freeze()
    births = socket.socket(fileno=os.dup(0))
    while True:
        asked, standard, _, _ = socket.recv_fds(
            births, len(_ONE), len(_STANDARD), socket.MSG_CMSG_CLOEXEC
        )
        if not asked:
            return
        _bury()
        child = os.fork()
        if child == 0:
            births.close()
            _live(client, standard)
        for one in standard:
            os.close(one)
        # Nobody waits for it before the next birth, so that its number is still its own.
        process = os.pidfd_open(child)
        try:
            socket.send_fds(births, [_ONE], [process])
        finally:
            os.close(process)


def _bury() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _live(client: ModuleType, standard: list[int]) -> None:
    status = 1
    try:
        for own, given in zip(_STANDARD, standard, strict=True):
            os.dup2(given, own)
            os.close(given)
        asyncio.run(client.main())
        status = 0
    except BaseException:  # noqa: BLE001 -- the edge: it is in the client's log
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
