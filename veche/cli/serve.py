"""`veche run NAME…`: services in one process, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.cli.db import opened
from veche.cli.installed import (
    add_config_option,
    chosen_services,
    config_path,
    read_config,
    service_specs,
)
from veche.protocol.errors import VecheError
from veche.runtime import log

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from veche.runtime.config import Config
    from veche.runtime.service import ServiceSpec

STOP_S_MAX: Final = 20.0
"""How long stopping may take before the process ends anyway; what is unsent waits in tables."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `veche run`."""
    parser.add_argument("services", nargs="+", metavar="NAME", help="a service, or all")
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run services until SIGTERM or SIGINT; 1 if they could not start or broke."""
    specs = service_specs()
    config = read_config(config_path(arguments.config), specs)
    names = chosen_services(config, arguments.services)
    config = attrs.evolve(config, services={name: config.services[name] for name in names})
    log.set_up(config.log.level, config.log.format)
    with ExitStack() as stack:
        opened(stack, config.database)
        return serve(config, specs)


def serve(config: Config, specs: Mapping[str, ServiceSpec]) -> int:
    """Run a host on the process's reactor until it is told to stop; the exit code.

    Args:
        config: Its ``services`` are those that run.
        specs: The services there are, by name.
    """
    # Imported here, since importing the reactor installs it.
    from twisted.internet import reactor  # noqa: PLC0415, TID251 -- the composition root

    from veche.runtime.host import Host  # noqa: PLC0415 -- imports klein, which does so too

    running = _Running(Host(config, specs, reactor), reactor)
    running.run()
    return running.exit_code


class _Running:
    """A host from its start to the end of the process."""

    def __init__(self, host: Any, reactor: Any) -> None:
        self._host = host
        self._reactor = reactor
        self._is_stopping = False
        self.exit_code = 0

    def run(self) -> None:
        """Until SIGTERM, SIGINT or a failed start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self._reactor.callWhenRunning(self._start)
        # Twisted's own handlers would stop the reactor under a host that still works.
        self._reactor.run(installSignalHandlers=False)

    def _signalled(self, number: int, _frame: object) -> None:
        self._reactor.callFromThread(self._stop, signal.Signals(number).name)

    def _start(self) -> None:
        from twisted.internet.defer import Deferred  # noqa: PLC0415 -- with the reactor

        Deferred.fromCoroutine(self._started())

    async def _started(self) -> None:
        try:
            await self._host.start()
        except VecheError as e:
            sys.stderr.write(f"veche run: {e}\n")
            self._fail()
        except Exception:
            logger.exception("the start failed")
            self._fail()
        else:
            logger.info("started")

    def _fail(self) -> None:
        self.exit_code = 1
        self._stop("a failed start")

    def _stop(self, why: str) -> None:
        from twisted.internet.defer import Deferred  # noqa: PLC0415 -- with the reactor

        if self._is_stopping:
            return
        self._is_stopping = True
        logger.info("stopping after %s", why)
        stopping = Deferred.fromCoroutine(self._stopped())
        stopping.addTimeout(STOP_S_MAX, self._reactor)
        stopping.addErrback(lambda failure: logger.error("stopping", exc_info=failure.value))
        stopping.addBoth(lambda _: self._reactor.stop())

    async def _stopped(self) -> None:
        await self._host.stop()
