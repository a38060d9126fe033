"""Starts the Python programs of tests: forks a process that has imported their modules already.

Most of what a homeserver, the services or the client of a person take until they are there is the
import of their modules, and a run of the tests starts hundreds of them. A fork server (as in
``multiprocessing.forkserver``) imports the modules once for a process of the tests, and then only
forks: each program is a process with a session, a folder, an environment and an output of its own,
which runs as ``python -m MODULE`` would. The server has one thread, starts no reactor and opens
nothing, so that a fork has nothing of another. All of it ends with the process of the tests.

Run as ``python -m tests.support.fork_server MODULE...``, with the socket of requests as its input.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYNAPSE: Final = ("synapse.app.homeserver",)
"""What a homeserver imports."""
SERVICES: Final = (
    "veche.cli.main",
    "veche.cli.serve",
    "veche.server.host",
    "appservices.agency.spec",
    "appservices.payments.spec",
    "appservices.signing.spec",
    "appservices.widgets.spec",
)
"""What the services import, those of the tests too."""
DEMO_BANK: Final = "appservices.payments.demo_bank"
"""A program of its own, which imports most of what services do."""

_ROOT: Final = Path(__file__).parents[2]
_SAID: Final = struct.Struct("ci")
"""What is said of a process, with a number."""
_BEGAN: Final = b"b"
"""It begins; its id."""
_ENDED: Final = b"e"
"""It has ended; its exit code."""
_REQUEST_BYTES_MAX: Final = 128 * 1024
_PR_SET_PDEATHSIG: Final = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""

_servers: Final[dict[tuple[str, ...], socket.socket]] = {}
_turn: Final = threading.Lock()
_started: Final[list[subprocess.Popen[bytes]]] = []
_END_S_MAX: Final = 20


class Process:
    """A process that a fork server started, with the interface of ``subprocess.Popen``.

    Attributes:
        pid: Its process id, and that of its session.
        returncode: How it ended, as ``subprocess.Popen`` says it; None: it was not seen to end.
    """

    def __init__(self, pid: int, status: int) -> None:
        """It has begun.

        Args:
            pid: See above.
            status: Descriptor where the server writes how it ended.
        """
        self.pid = pid
        self.returncode: int | None = None
        self._status = status
        self._lock = threading.Lock()
        # Not at the exit: a thread may still wait here for the process to end.
        weakref.finalize(self, os.close, status).atexit = False

    def poll(self) -> int | None:
        """How it ended, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has.

        Raises:
            subprocess.TimeoutExpired: It has not, in ``timeout`` seconds.
        """
        if (code := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _look(self, timeout_s: float | None) -> int | None:
        said = select.poll()
        said.register(self._status, select.POLLIN)
        if self.returncode is None and not said.poll(
            None if timeout_s is None else timeout_s * 1000
        ):
            return None
        with self._lock:
            if self.returncode is None:
                # Nothing: the server was killed, and each fork is killed with it.
                code = _read(self._status, _ENDED)
                self.returncode = -signal.SIGKILL if code is None else code
            return self.returncode


class Client(Process):
    """A process that the tests talk to.

    Attributes:
        stdin: Of the process; it ends when this is closed.
        stdout: Of the process.
    """

    stdin: IO[bytes]
    stdout: IO[bytes]


P = TypeVar("P", bound=Process)


def modules_of(command: Sequence[str]) -> tuple[str, ...] | None:
    """What a server imports that starts this command; None: it is started by itself.

    Outside of pytest nothing is forked: benchmarks measure what operators have.
    """
    if "PYTEST_VERSION" not in os.environ or tuple(command[:2]) != (sys.executable, "-m"):
        return None
    if command[2] == "synapse.app.homeserver":
        return SYNAPSE
    is_ours = command[2].startswith("tests.") or command[2] == DEMO_BANK
    # `up` starts others itself, as an operator does.
    is_command = command[2] == "veche.cli.main" and command[3] != "up"
    return SERVICES if is_ours or is_command else None


def fork(
    modules: tuple[str, ...],
    command: Sequence[str],
    *,
    folder: Path = _ROOT,
    environment: Mapping[str, str] | None = None,
    standard: tuple[int, int, int],
    kind: type[P],
) -> P:
    """Start a command in a session of its own, by the server that has imported ``modules``.

    Args:
        modules: See ``modules_of``.
        command: ``python -m MODULE ARGUMENT...``.
        folder: Where it runs.
        environment: Its variables; None: ours.
        standard: Descriptors of its input, its output and its errors.
        kind: Of what is returned.

    Raises:
        RuntimeError: The server has ended; what it said of it is in the output of the test.
    """
    request = json.dumps([list(command[2:]), str(folder), {**os.environ, **(environment or {})}])
    # Only our end is left in this process, and no child of ours inherits it.
    status, its_status = os.pipe()
    try:
        with _turn:
            _send(modules, request.encode(), (*standard, its_status))
    except BaseException:
        os.close(status)
        raise
    finally:
        os.close(its_status)
    # In its session already, so that who ends the session ends it.
    if (pid := _read(status, _BEGAN)) is None:
        os.close(status)
        raise _ended(modules)
    return kind(pid, status)


def fork_client(module: str, log: IO[bytes]) -> Client:
    """Start a module that is told what to do by lines, and whose errors go to ``log``.

    Raises:
        RuntimeError: As ``fork``.
    """
    its_input, stdin = os.pipe()
    stdout, its_output = os.pipe()
    try:
        standard = (its_input, its_output, log.fileno())
        client = fork((module,), [sys.executable, "-m", module], standard=standard, kind=Client)
    except BaseException:
        os.close(stdin)
        os.close(stdout)
        raise
    finally:
        os.close(its_input)
        os.close(its_output)
    client.stdin, client.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
    return client


def _read(pipe: int, wanted: bytes) -> int | None:
    if not (said := os.read(pipe, _SAID.size)):
        return None
    what, number = _SAID.unpack(said)
    assert what == wanted, f"the fork has ended with {number} before it began"
    return int(number)


def _send(modules: tuple[str, ...], request: bytes, descriptors: Sequence[int]) -> None:
    if modules not in _servers:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.support.fork_server", *modules]
            _started.append(subprocess.Popen(command, cwd=_ROOT, stdin=theirs.fileno()))
        _servers[modules] = ours
    try:
        socket.send_fds(_servers[modules], [request], descriptors)
    except (BrokenPipeError, ConnectionResetError):
        raise _ended(modules) from None


def _ended(modules: tuple[str, ...]) -> RuntimeError:
    if server := _servers.pop(modules, None):
        server.close()
    return RuntimeError(f"the fork server of {' '.join(modules)} has ended")


@atexit.register
def _end() -> None:
    """Have the servers end, and wait for them; after whoever ends the forks, which came later."""
    while _servers:
        _servers.popitem()[1].close()
    while _started:
        server = _started.pop()
        try:
            server.wait(_END_S_MAX)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(_END_S_MAX)


# The server


class _Server:
    """Forks, and says how each fork ended, until whoever asks is gone."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._poll = select.poll()
        self._poll.register(requests, select.POLLIN)
        self._children: dict[int, tuple[int, int]] = {}
        """Of each child, by the descriptor of its process: its id, and where its end is said."""

    def serve(self) -> None:
        while True:
            for ready, _ in self._poll.poll():
                if ready in self._children:
                    self._reap(ready)
                elif not self._answer():
                    return

    def _reap(self, process: int) -> None:
        pid, status = self._children.pop(process)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._poll.unregister(process)
        with suppress(BrokenPipeError):
            os.write(status, _SAID.pack(_ENDED, code))
        os.close(status)
        os.close(process)

    def _answer(self) -> bool:
        request, descriptors, flags, _ = socket.recv_fds(
            self._requests, _REQUEST_BYTES_MAX, 4, socket.MSG_CMSG_CLOEXEC
        )
        if not request:
            return False
        assert not flags & socket.MSG_TRUNC, "the environment is too large"
        *standard, status = descriptors
        ours = os.getpid()
        if (pid := os.fork()) == 0:
            _run(json.loads(request), standard, status, ours, self._close)
        for one in standard:
            os.close(one)
        process = os.pidfd_open(pid)
        self._children[process] = pid, status
        self._poll.register(process, select.POLLIN)
        return True

    def _close(self) -> None:
        """In a child: let go of what is the server's."""
        self._requests.close()
        for process, (_, status) in self._children.items():
            os.close(process)
            os.close(status)


def main(modules: Sequence[str]) -> None:
    """Import the modules, then fork whenever somebody asks, until they are gone."""
    # It ends with its socket alone: a Ctrl-C at the tests is for them, and they end their children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = socket.socket(fileno=os.dup(0))
    for one in modules:
        importlib.import_module(one)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"a module has started {threads - 1} threads, which no fork would have"
    # What is there for good is left alone in each fork, and so stays shared.
    gc.collect()
    gc.freeze()
    _Server(requests).serve()


def _run(request: Any, standard: Sequence[int], status: int, server: int, close: Any) -> NoReturn:
    code = 1
    try:
        close()
        (module, *arguments), folder, environment = request
        os.setsid()
        os.write(status, _SAID.pack(_BEGAN, os.getpid()))
        os.close(status)
        _separate(standard, folder, environment, server)
        code = _run_module(module, arguments)
    except BaseException:  # noqa: BLE001 -- the edge: it is in the output of the child
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _separate(
    standard: Sequence[int], folder: str, environment: Mapping[str, str], server: int
) -> None:
    """Make this fork a process as if it had been started by itself."""
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != server:
        raise RuntimeError("the fork server has ended")
    for own, given in enumerate(standard):
        os.dup2(given, own)
        os.close(given)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    before = _python_path()
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [folder, *_python_path(), *(one for one in sys.path[1:] if one not in before)]
    _separate_reactor()


def _python_path() -> list[str]:
    return [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]


def _separate_reactor() -> None:
    """Replace what Twisted's reactor opened when it was imported: forks would share it."""
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        return
    # Under the same numbers, since Synapse wraps the poller.
    with select.epoll() as poller:
        os.dup2(poller.fileno(), reactor._poller.fileno(), inheritable=False)
    for new, old in zip(os.pipe(), (reactor.waker.i, reactor.waker.o), strict=True):
        os.set_blocking(new, False)
        os.dup2(new, old, inheritable=False)
        os.close(new)
    reactor._poller.register(reactor.waker.fileno(), select.EPOLLIN)


def _run_module(module: str, arguments: Sequence[str]) -> int:
    """Run a module as ``python -m`` does, to the end of the interpreter; the exit code."""
    sys.argv[:] = [module, *arguments]
    # As the main module it is another one, and so it is read again.
    sys.modules.pop(module, None)
    code: Any = None
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as e:
        code = e.code
    # As multiprocessing ends its children: what was imported is not taken down.
    threading._shutdown()  # type: ignore[attr-defined]  # not public
    atexit._run_exitfuncs()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    main(sys.argv[1:])
