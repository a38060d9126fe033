"""A network that is made up: connections between the machines of a world, as TCP gives them.

Bytes come whole and in order, or not at all: a connection is refused, breaks before or after what
was written arrived, or is slow. So it is their users who do something twice or never.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.interfaces import ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from twisted.internet.defer import Deferred

    from tests.simulation.whole.computer import Computer

LATENCY_S: Final = (0.0002, 0.004)
SLOW_S: Final = (0.05, 12.0)
_FIRST_PORT: Final = 40_000


@attrs.define
class Weather:
    """How bad it is: chances, from 0 to 1, of each connection or each write."""

    refused: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    slow: float = 0.0


class Wires:
    """Between all machines.

    Attributes:
        weather: How bad it is now.
        pipes: Ends of connections that are up.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.weather = Weather()
        self.pipes: list[Pipe] = []
        self._listening: list[Listening] = []
        self._ports = itertools.count(_FIRST_PORT)

    def listen(self, computer: Computer, port: int, factory: Any) -> Listening:
        """Serve."""
        one = Listening(computer, port or next(self._ports), factory, self)
        self._listening.append(one)
        factory.doStart()
        return one

    def connect(
        self, computer: Computer, host: str, port: int, factory: Any, timeout_s: float
    ) -> Connector:
        """Try to connect; one of those who serve there takes it."""
        connector = Connector(computer, host, port, factory, self)
        connector.begin(timeout_s)
        return connector

    def server(self, host: str, port: int) -> Listening | None:
        """Who takes the next connection to an address."""
        found = [
            one
            for one in self._listening
            if one.computer.address == host and one.port == port and not one.computer.is_cut
        ]
        return self.chance.choice(found) if found else None

    def forget(self, one: Listening) -> None:
        """It serves no more."""
        if one in self._listening:
            self._listening.remove(one)

    def cut(self, computer: Computer) -> None:
        """A machine is dead: whoever is connected with it hears of that."""
        self._listening = [one for one in self._listening if one.computer is not computer]
        for pipe in list(self.pipes):
            if pipe.computer is computer:
                pipe.lose()

    def takes_s(self) -> float:
        """How long something is on its way."""
        is_slow = self.chance.random() < self.weather.slow
        return self.chance.uniform(*(SLOW_S if is_slow else LATENCY_S))


class Listening:
    """A port that is served, as ``IListeningPort``."""

    def __init__(self, computer: Computer, port: int, factory: Any, wires: Wires) -> None:
        self.computer = computer
        self.port = port
        self.factory = factory
        self._wires = wires

    def getHost(self) -> IPv4Address:
        """Where."""
        return IPv4Address("TCP", self.computer.address, self.port)

    def stopListening(self) -> Deferred[None]:
        """Serve no more."""
        self._wires.forget(self)
        self.factory.doStop()
        return succeed(None)


class Connector:
    """A connection that is being made, as ``IConnector``."""

    def __init__(
        self, computer: Computer, host: str, port: int, factory: Any, wires: Wires
    ) -> None:
        self._computer = computer
        self._host, self._port = host, port
        self._factory = factory
        self._wires = wires
        self._alarm: Any = None
        self._is_over = False
        self._pipe: Pipe | None = None

    def begin(self, timeout_s: float) -> None:
        """Say hello."""
        self._factory.doStart()
        self._factory.startedConnecting(self)
        self._alarm = self._computer.callLater(timeout_s, self._fail, error.TimeoutError())
        server = self._wires.server(self._host, self._port)
        takes_s = self._wires.takes_s()
        is_refused = self._wires.chance.random() < self._wires.weather.refused
        if server is None or is_refused:
            self._computer.callLater(takes_s, self._fail, error.ConnectionRefusedError())
        else:
            server.computer.callLater(takes_s, self._arrive, server)

    def stopConnecting(self) -> None:
        """Give up."""
        self._fail(error.UserError())

    def disconnect(self) -> None:
        """Give up, or end it."""
        if self._pipe is None:
            self.stopConnecting()
        else:
            self._pipe.loseConnection()

    def getDestination(self) -> IPv4Address:
        """Where to."""
        return IPv4Address("TCP", self._host, self._port)

    def _arrive(self, server: Listening) -> None:
        if self._is_over:
            return
        here = Pipe(self._computer, self._wires, server.getHost())
        there = Pipe(server.computer, self._wires, IPv4Address("TCP", self._computer.address, 1))
        here.other, there.other = there, here
        protocol = server.factory.buildProtocol(there.getPeer())
        if protocol is None:
            self._computer.callLater(0, self._fail, error.ConnectionRefusedError())
            return
        there.begin(protocol)
        self._computer.callLater(self._wires.takes_s(), self._made, here)

    def _made(self, pipe: Pipe) -> None:
        if self._is_over:
            pipe.abortConnection()
            return
        self._is_over = True
        self._alarm.cancel()
        self._pipe = pipe
        factory = self._factory
        pipe.when_lost = lambda why: (factory.clientConnectionLost(self, why), factory.doStop())
        pipe.begin(factory.buildProtocol(pipe.getPeer()))

    def _fail(self, why: Exception) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._alarm.active():
            self._alarm.cancel()
        self._factory.clientConnectionFailed(self, Failure(why))
        self._factory.doStop()


@implementer(ITransport)
class Pipe:
    """One end of a connection."""

    disconnecting = False

    def __init__(self, computer: Computer, wires: Wires, peer: IPv4Address) -> None:
        self.computer = computer
        self.other: Pipe = self
        self.when_lost: Callable[[Failure], Any] = lambda _: None
        self._wires = wires
        self._peer = peer
        self._protocol: Any = None
        self._early: list[Callable[[], None]] = []
        self._free_at_s = 0.0
        self._is_over = False
        self._is_torn = False
        self._producer: Any = None

    def begin(self, protocol: Any) -> None:
        """It is up, and somebody is at this end."""
        self._protocol = protocol
        self._wires.pipes.append(self)
        protocol.makeConnection(self)
        early, self._early = self._early, []
        for act in early:
            act()

    def write(self, data: bytes) -> None:
        """Send."""
        if self._is_over or self._is_torn or not data:
            return
        chance, weather = self._wires.chance, self._wires.weather
        fate = chance.random()
        if fate < weather.lost_before:
            # What is written after it does not come either: a stream has no gaps.
            self._is_torn = True
            self.lose()
            return
        self._later(lambda: self.other.take(data))
        if fate < weather.lost_before + weather.lost_after:
            self._later(self.other.lose)

    def writeSequence(self, parts: Any) -> None:
        """Send."""
        self.write(b"".join(parts))

    def take(self, data: bytes) -> None:
        """Something came."""
        if self._protocol is None and not self._is_over:
            self._early.append(lambda: self.take(data))
        elif not self._is_over:
            self._protocol.dataReceived(data)

    def loseConnection(self, _reason: object = None) -> None:
        """End it once all has been sent."""
        if not self._is_over:
            self._later(lambda: self.other.end(error.ConnectionDone()))
            self.computer.callLater(0, self.end, error.ConnectionDone())

    def abortConnection(self) -> None:
        """End it now."""
        if not self._is_over:
            self._later(lambda: self.other.end(error.ConnectionLost()))
            self.computer.callLater(0, self.end, error.ConnectionLost())

    def lose(self) -> None:
        """It breaks, for both."""
        for one in (self, self.other):
            one.computer.callLater(self._wires.takes_s(), one.end, error.ConnectionLost())

    def end(self, reason: Exception) -> None:
        """It is over."""
        if self._is_over:
            return
        self._is_over = True
        if self in self._wires.pipes:
            self._wires.pipes.remove(self)
        if self._protocol is not None:
            why = Failure(reason)
            self._protocol.connectionLost(why)
            self.when_lost(why)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Whoever writes much is asked for more at once."""
        self._producer = producer
        while not streaming and self._producer is producer and not self._is_over:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """It has written all."""
        self._producer = None

    def getPeer(self) -> IPv4Address:
        """Who is there."""
        return self._peer

    def getHost(self) -> IPv4Address:
        """Who is here."""
        return IPv4Address("TCP", self.computer.address, 1)

    def _nothing(self, *_: object) -> None:
        """What only real sockets need."""

    setTcpNoDelay = setTcpKeepAlive = _nothing
    pauseProducing = resumeProducing = stopProducing = _nothing

    def _later(self, act: Callable[[], None]) -> None:
        now_s = self.computer.true_s()
        self._free_at_s = max(self._free_at_s, now_s + self._wires.takes_s())
        self.other.computer.callLater(self._free_at_s - now_s, act)
