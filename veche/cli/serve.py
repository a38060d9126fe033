"""`veche run NAME…`: services in one process, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from veche.acts import signed_tree
from veche.protocol.errors import ConfigError, VecheError
from veche.runtime import log, memory
from veche.runtime.database.migrate import pending
from veche.runtime.web.dns import look_up_apart
from veche.server.installed import (
    add_config_option,
    chosen_services,
    config_path,
    migration_sets,
    read_config,
    service_specs,
)
from veche.server.offline import opened, transaction

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from twisted.python.failure import Failure

    from veche.runtime.config import Config
    from veche.server.spec import ServiceSpec

STOP_S_MAX: Final = 20.0
"""How long stopping may take before the process ends anyway; what is unsent waits in tables."""
SETTLE_AFTER_S: Final = 5.0
"""When memory is laid for long, after the start."""

logger = logging.getLogger(__name__)


class HostLike(Protocol):
    """The parts of ``veche.server.host.Host`` that this command runs."""

    async def start(self) -> None:
        """Serve; raises if that is impossible."""

    async def stop(self) -> None:
        """End everything, also after a start that failed or was cancelled."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche run`."""
    parser.add_argument("services", nargs="+", metavar="NAME", help="a service, or all")
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run services until SIGTERM or SIGINT; 1 if they could not start."""
    specs = service_specs()
    config = read_config(config_path(arguments.config), specs)
    names = chosen_services(config, arguments.services)
    config = attrs.evolve(config, services={name: config.services[name] for name in names})
    log.set_up(config.log.level, config.log.format)
    with ExitStack() as stack:
        dsn = opened(stack, config.database)
        if missing := pending(dsn, migration_sets({name: specs[name] for name in names})):
            raise ConfigError(f"the database lacks {missing[0]}: veche db migrate -c {config.path}")
        config = attrs.evolve(config, history=transaction(dsn, signed_tree.current))
        return serve(config, specs)


def serve(config: Config, specs: Mapping[str, ServiceSpec]) -> int:
    """Run a host on the process's reactor until it is told to stop; the exit code."""
    # Here and not above, since importing the reactor installs it, and klein imports it.
    from twisted.internet import reactor  # noqa: PLC0415, TID251 -- the composition root

    from veche.server.host import Host  # noqa: PLC0415

    look_up_apart(reactor)
    host = Host(config, specs, reactor)
    running = Running(host, reactor)
    host.logs.when_stopped = running.fail
    running.run()
    return running.exit_code


def serve_host(make: Callable[[Any], HostLike]) -> int:
    """Run what serves on the process's reactor until it is told to stop; the exit code."""
    # Here and not above, since importing the reactor installs it.
    from twisted.internet import reactor  # noqa: PLC0415, TID251 -- the composition root

    look_up_apart(reactor)
    running = Running(make(reactor), reactor)
    running.run()
    return running.exit_code


class Running:
    """A host from its start to the end of the process.

    Attributes:
        exit_code: 1 if the start failed.
    """

    def __init__(self, host: HostLike, reactor: Any) -> None:
        """Nothing happens before ``run``."""
        self._host = host
        self._reactor = reactor
        self._starting: Deferred[None] | None = None
        self._is_stopping = False
        self._is_signalled = False
        self.exit_code = 0

    def run(self) -> None:
        """Run the reactor until SIGTERM, SIGINT or a failed start."""
        with woken_by_signals(self._reactor):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._signalled)
            self._reactor.callWhenRunning(self._start)
            # Twisted's own handlers would stop the reactor under a host that still works.
            self._reactor.run(installSignalHandlers=False)
            # Python takes its handlers away when it ends: one more signal would kill it then, and
            # whoever looks at the exit code would think that it had not stopped in order.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    def _signalled(self, number: int, _frame: object) -> None:
        # Of many in a row each interrupts the handler of the one before: the first is enough.
        if not self._is_signalled:
            self._is_signalled = True
            self._reactor.callFromThread(self._stop, signal.Signals(number).name)

    def _start(self) -> None:
        self._starting = Deferred.fromCoroutine(self._host.start())
        self._starting.addCallbacks(self._started, self._failed)

    def _started(self, _: None) -> None:
        logger.info("started")
        memory.trim()
        # Later, since it takes a moment, and what was left from before is answered first.
        self._reactor.callLater(SETTLE_AFTER_S, memory.settle)

    def _failed(self, failure: Failure) -> None:
        if self._is_stopping and failure.check(CancelledError):
            return
        self.exit_code = 1
        if isinstance(failure.value, VecheError):
            sys.stderr.write(f"veche run: {failure.value}\n")
        else:
            logger.error("the start failed", exc_info=failure.value)
        self._stop("a failed start")

    def fail(self, error: VecheError) -> None:
        """End the process: nothing may run any more."""
        self.exit_code = 1
        logger.error("%s", error)
        self._stop("an error")

    def _stop(self, why: str) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        logger.info("stopping: %s", why)
        if self._starting is not None:
            self._starting.cancel()
        stopping = Deferred.fromCoroutine(self._host.stop())
        stopping.addTimeout(STOP_S_MAX, self._reactor)
        stopping.addErrback(lambda failure: logger.error("stopping", exc_info=failure.value))
        stopping.addBoth(lambda _: self._reactor.stop())


@contextmanager
def woken_by_signals(reactor: Any) -> Iterator[None]:
    """A reactor that sleeps no longer once a signal came.

    Python's handler runs when the main thread executes Python again. A signal that comes just
    before the thread begins to sleep in ``epoll_wait``, or to another thread, does not end that
    sleep: the handler would wait until a timer fires or somebody connects. Hence the handler in
    C writes a byte (``signal.set_wakeup_fd``) to what the reactor reads.

    Args:
        reactor: Not running yet; it must run, and end, within.
    """
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        # A full pipe is as good: it wakes the reactor too.
        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        reactor.addReader(_Waker(reading))
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)


@implementer(IReadDescriptor)
class _Waker:
    """Throws away what the handler in C wrote; that it came is all that counts."""

    def __init__(self, reading: socket.socket) -> None:
        self._reading = reading

    def fileno(self) -> int:
        return self._reading.fileno()

    def logPrefix(self) -> str:
        return "signals"

    def doRead(self) -> None:
        with suppress(BlockingIOError):
            self._reading.recv(4096)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
