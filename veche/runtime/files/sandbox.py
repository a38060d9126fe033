"""Running a judgement over a hostile file: in a process of its own, with bounds on what it takes.

A fork server, a process of one thread, imports what judgements need and forks a child for each; it
never sees a file. The child has nothing of ours but what it is given, and nothing of another child.
It gets no more memory and time than is named, writes no files, and what it prints goes nowhere. The
server starts with the first judgement and ends with our process.
"""

from __future__ import annotations

import gc
import os
import pickle  # what we and our own child say to each other
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MEMORY_BYTES_MAX: Final = 512 * 1024 * 1024
CPU_S_MAX: Final = 10
FILES_MAX: Final = 64
IMPORTS: Final = "SANDBOX_IMPORTS"
"""The variable by which a module has its functions begin sooner: names of what they import while
they work. The fork server imports these and the module once; without the variable, each child
does."""
_START_S: Final = 20
"""To begin: Python and our modules, on a busy machine."""
_LENGTH: Final = struct.Struct("!Q")
"""Before an answer, so that one that was cut off is none."""
_BEGIN: Final = """
import sys
sys.path[:] = sys.argv[1:]
from veche.runtime.files.sandbox import _serve
_serve()
"""
"""What the server runs: it finds modules where we do, not in the folder where somebody is, and
imports what its children need alone. What multiprocessing starts would look into that folder first,
and import the program that we are as well."""

P = ParamSpec("P")
R = TypeVar("R")


class SandboxError(Exception):
    """The child gave no answer: it took too long or too much memory, or failed."""


def in_sandbox(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do some work in a child with bounds. It blocks: never call it in the reactor's thread.

    Args:
        work: A function at the top of a module; its arguments and its result can be pickled.
        *args: Of it.
        **kwargs: Of it.

    Raises:
        SandboxError: It gave no answer.
    """
    ends_s = time.monotonic() + CPU_S_MAX + _START_S
    ours, theirs = socket.socketpair()
    lasting, life = os.pipe()
    try:
        with ours:
            with theirs:
                _server.fork(_imports(work), (theirs.fileno(), lasting))
            ours.settimeout(_left_s(ends_s))
            ours.sendall(pickle.dumps((work, args, kwargs)))
            said = _receive(ours, ends_s)
    except TimeoutError as e:
        raise SandboxError("it takes too long") from e
    except OSError as e:
        raise SandboxError("it takes too long, or too much memory") from e
    finally:
        os.close(lasting)
        os.close(life)  # at which the server ends the child
    is_done, found = pickle.loads(said)  # noqa: S301 -- of our own child
    if not is_done and found == MemoryError.__name__:
        raise SandboxError("it takes too much memory")
    if not is_done:
        raise SandboxError("it cannot be read") from RuntimeError(found)
    return cast("R", found)


def _imports(work: Callable[..., Any]) -> Sequence[str]:
    module = getattr(work, "__module__", "")
    names = getattr(sys.modules.get(module), IMPORTS, None)
    return () if names is None else (module, *names)


class _Server:
    """The fork server, as our process has it; any thread may ask it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def fork(self, imports: Sequence[str], descriptors: Sequence[int]) -> None:
        """Ask for a child; a server that has ended is started again, once.

        Args:
            imports: What the server imports before.
            descriptors: The child's socket, and a pipe: when it ends, the server ends the child.

        Raises:
            OSError: The server has ended again.
        """
        names = " ".join(imports).encode()
        request = _LENGTH.pack(len(names)) + names
        with self._turn:
            if self._requests is not None:
                with suppress(OSError):
                    socket.send_fds(self._requests, [request], descriptors)
                    return
            socket.send_fds(self._start(), [request], descriptors)

    def _start(self) -> socket.socket:
        if self._requests is not None and self._process is not None:
            self._requests.close()
            self._process.wait()
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- ourselves
                # Without what `site` would look for: where modules are, it is told.
                [sys.executable, "-S", "-c", _BEGIN, *sys.path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return self._requests


_server: Final = _Server()


def _receive(of: socket.socket, ends_s: float) -> bytearray:
    [length] = _LENGTH.unpack(_receive_exactly(of, _LENGTH.size, ends_s))
    if length > MEMORY_BYTES_MAX:
        raise ConnectionError("more than a child can have")
    return _receive_exactly(of, length, ends_s)


def _receive_exactly(of: socket.socket, length: int, ends_s: float) -> bytearray:
    said = bytearray(length)
    rest = memoryview(said)
    while rest:
        of.settimeout(_left_s(ends_s))
        if not (count := of.recv_into(rest)):
            raise ConnectionError("it has ended")
        rest = rest[count:]
    return said


def _left_s(ends_s: float) -> float:
    # To a socket, 0 says that it may never block, and less is an error.
    return max(0.001, ends_s - time.monotonic())


def _serve() -> NoReturn:
    """Fork a child whenever our process asks, until that is gone: all that the server does."""
    # Whoever stops us lets us finish what we have begun.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    requests = socket.socket(fileno=os.dup(0))
    os.dup2(1, 0)  # which is nothing
    events = select.poll()
    events.register(requests, select.POLLIN)
    children: dict[int, int] = {}
    at_start = _mapped_bytes()
    while True:
        for descriptor, _ in events.poll():
            if descriptor in children:
                events.unregister(descriptor)
                _end(descriptor, children.pop(descriptor))
            elif (asked := _asked(requests)) is None:
                for lasting, child in children.items():
                    _end(lasting, child)
                os._exit(0)
            else:
                job, lasting = asked
                if (child := os.fork()) == 0:
                    for one in (requests.fileno(), lasting, *children):
                        os.close(one)
                    _answer(job, at_start)
                os.close(job)
                children[lasting] = child
                events.register(lasting, 0)


def _asked(requests: socket.socket) -> tuple[int, int] | None:
    """The child's socket and the pipe, with its modules imported; None: nobody asks any more."""
    length, descriptors, _, _ = socket.recv_fds(requests, _LENGTH.size, 2)
    if not length:
        return None
    [size] = _LENGTH.unpack(length)
    names = requests.recv(size, socket.MSG_WAITALL) if size else b""
    if missing := [one for one in names.decode().split() if one not in sys.modules]:
        for one in missing:
            with suppress(Exception):  # which the child gets as well, and says
                import_module(one)
        # What is there for good is left alone in each child, and so stays shared.
        gc.collect()
        gc.freeze()
    return descriptors[0], descriptors[1]


def _end(lasting: int, child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(lasting)


def _mapped_bytes() -> int:
    """Return how much address space this process has; 0 where the system does not say it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _answer(descriptor: int, at_start: int) -> NoReturn:
    try:
        # Before it reads anything. It gets no more time than our process waits, if that is gone.
        signal.alarm(CPU_S_MAX + _START_S)
        # What was imported for other jobs takes nothing away from this one.
        memory = MEMORY_BYTES_MAX + _mapped_bytes() - at_start
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
        with socket.socket(fileno=descriptor) as job:
            said = _done(job)
            job.sendall(_LENGTH.pack(len(said)))
            job.sendall(said)
    finally:
        # All is said: taking down what was imported would cost as much as half of it.
        os._exit(0)


def _done(job: socket.socket) -> bytes:
    try:
        with job.makefile("rb") as asked:
            work, args, kwargs = pickle.load(asked)  # noqa: S301 -- of our parent
        return pickle.dumps((True, work(*args, **kwargs)))
    except Exception as e:  # noqa: BLE001 -- the edge: whatever it was is no answer
        return pickle.dumps((False, type(e).__name__))
