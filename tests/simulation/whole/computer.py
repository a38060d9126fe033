"""A machine that a whole process runs on: Twisted's reactor, on a made-up clock and network.

Threads are none: what a thread would do happens in between, whole, and its result comes later.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
)
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from tests.simulation.processes import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.whole.moments import Moments
    from tests.simulation.whole.wires import Listening, Wires

THREAD_S: Final = 0.0005
"""How long a thread takes for something."""


class Computer(Machine):
    """A machine with an address.

    Attributes:
        name: For the history.
        address: Of IPv4; the machines of one institution have the same.
        wires: What it is connected to.
        is_cut: Dead.
    """

    def __init__(self, world: Moments, wires: Wires, address: str, name: str) -> None:
        super().__init__(world)
        self.name = name
        self.address = address
        self.wires = wires
        self.is_cut = False
        self.nameResolver = _Names()
        # What is left out of these nobody here asks for.
        alsoProvides(self.nameResolver, IHostnameResolver)
        alsoProvides(self, IReactorTime, IReactorTCP, IReactorPluggableNameResolver)

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> Listening:
        """As a reactor does."""
        del backlog, interface
        return self.wires.listen(self, port, factory)

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, **_: object
    ) -> Any:
        """As a reactor does."""
        return self.wires.connect(self, host, port, factory, timeout)

    def callFromThread(self, act: Callable[..., Any], *args: Any, **named: Any) -> None:
        """As a reactor does."""
        self.callLater(0, lambda: act(*args, **named))

    def getThreadPool(self) -> Computer:
        """It is its own."""
        return self

    def callInThreadWithCallback(
        self, tell: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any, **named: Any
    ) -> None:
        """As a pool of threads does, at once and whole."""

        def run() -> None:
            try:
                done, is_good = work(*args, **named), True
            except Exception:  # noqa: BLE001 -- the thread's edge: told
                done, is_good = Failure(), False
            tell(is_good, done)

        self.callLater(THREAD_S, run)

    def getDelayedCalls(self) -> list[Any]:
        """Nobody asks for them."""
        return []


class _Names:
    """Numbers are their own names."""

    def resolveHostName(
        self,
        receiver: Any,
        name: str,
        **more: Any,
    ) -> Any:
        """As a reactor's."""
        receiver.resolutionBegan(self)
        address = str(ipaddress.ip_address(name))
        receiver.addressResolved(IPv4Address("TCP", address, more.get("portNumber", 0)))
        receiver.resolutionComplete()
        return receiver
