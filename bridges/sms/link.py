"""The connection to a message centre, kept up.

- A connection counts once the centre has let us in; while it refuses, we come more and more seldom.
- A message counts as sent once it is answered. An answer that does not come ends the connection.
- A message that came is answered once it is kept. The centre knows that when an enquiry that was
  written after the answer has come back; until then it may bring the message again.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, TimeoutError  # noqa: A004
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall, deferLater

from bridges.core.errors import AwayError, PermanentError, TemporaryError, UncertainError
from bridges.sms import core
from bridges.sms.core import Command, FramingError, Pdu, PduError, ShortMessage, Status
from veche.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IStreamClientEndpoint

logger = logging.getLogger(__name__)

ANSWER_S_MAX: Final = 10
"""After which a centre that does not answer counts as gone; shorter than the lease of a message."""
IDLE_S: Final = 30
CLOSE_S_MAX: Final = 2
AWAY_S_MAX: Final = 10
REFUSED_S_MAX: Final = 300
"""How seldom we ask to be let in by a centre that refuses."""
THROTTLED_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6)

_refused = metrics.counter(
    "veche_bridge_sms_refused_total",
    "PDUs that were refused, by why: length, command, body, address, or later.",
    ["why"],
)
_throttled = metrics.counter(
    "veche_bridge_sms_throttled_total", "Times that the message centre asked to send slower."
)


class BindError(Exception):
    """The centre does not let us in."""


class _Session(Protocol):
    """One connection; its requests fail when it ends."""

    transport: Any

    def __init__(self, link: Link) -> None:
        self.id = secrets.token_hex(8)
        self._link, self._buffer, self._sequence = link, b"", 0
        self._waiting: dict[int, Deferred[Pdu]] = {}
        self.is_open, self.closed = True, Deferred[None]()

    def dataReceived(self, data: bytes) -> None:
        buffer = self._buffer + data
        while True:
            try:
                pdus, self._buffer = core.split(buffer)
            except FramingError as e:
                _refused.labels("length").inc()
                logger.warning("the message centre sent %s: the connection ends", e)
                self.write(Pdu(Command.NACK, Status.BAD_LENGTH, 0))
                self.transport.loseConnection()
                self._buffer = b""
                return
            for pdu in pdus:
                self._take(pdu)
            if not pdus:
                return
            buffer = self._buffer

    def _take(self, pdu: Pdu) -> None:
        if pdu.command & core.RESPONSE:
            if (done := self._waiting.pop(pdu.sequence, None)) is not None:
                done.callback(pdu)
        elif pdu.command == Command.DELIVER:
            self._link.deliver(self, pdu)
        elif pdu.command in {Command.ENQUIRE, Command.UNBIND}:
            self.write(Pdu(pdu.command | core.RESPONSE, Status.OK, pdu.sequence))
            if pdu.command == Command.UNBIND:
                self.transport.loseConnection()
        else:
            _refused.labels("command").inc()
            self.write(Pdu(Command.NACK, Status.BAD_COMMAND, pdu.sequence))

    def write(self, pdu: Pdu) -> None:
        if self.is_open:
            self.transport.write(core.joined(pdu))

    async def request(self, command: Command, body: bytes = b"") -> Pdu:
        """The answer to a request.

        Raises:
            UncertainError: None came, and the connection has ended.
        """
        if not self.is_open:
            raise UncertainError("the connection has ended")
        self._sequence = self._sequence % core.SEQUENCE_MAX + 1
        sequence, done = self._sequence, Deferred[Pdu]()
        self._waiting[sequence] = done
        self.write(Pdu(command, Status.OK, sequence, body))
        done.addTimeout(ANSWER_S_MAX, self._link.reactor)
        try:
            return await done
        except TimeoutError as e:
            logger.warning("the message centre does not answer")
            self.transport.abortConnection()
            raise UncertainError("no answer came") from e
        finally:
            self._waiting.pop(sequence, None)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        del reason
        self.is_open = False
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            done.errback(UncertainError("the connection ended"))
        self._link.ended(self)
        self.closed.callback(None)


class _Sessions(Factory):
    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: Any) -> _Session:
        del addr
        return _Session(self._link)


class Link:
    """The account at the message centre.

    Attributes:
        reactor: Clock.
        trouble: Why there is no connection; empty if there is one.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        bind_body: bytes,
        window: int,
        heard: Callable[[ShortMessage, bytes, Answer], None],
        known: Callable[[Sequence[str]], None],
    ) -> None:
        """Make it; nothing is connected before ``start``.

        Args:
            reactor: Clock and network.
            endpoint: Of the centre.
            bind_body: By which it lets us in.
            window: Most messages that wait for an answer.
            heard: Is given each message, all its octets, and how to answer it.
            known: Is given ids of messages that the centre does not bring again.
        """
        self.reactor, self._heard, self._known = reactor, heard, known
        self._body = bind_body
        self._window = DeferredSemaphore(window)
        self._session: _Session | None = None
        self._is_refused = False
        self.trouble = "the message centre is not reached"
        self._answered: list[str] = []
        self._is_asking = False
        self._endpoint, self._running = endpoint, Deferred[None]()
        self._idle = LoopingCall(self._ask)
        self._idle.clock = reactor

    def start(self) -> None:
        """Connect, and again whenever the connection ends."""
        self._running = Deferred.fromCoroutine(self._run())
        self._idle.start(IDLE_S, now=False)

    async def stop(self) -> None:
        """Say goodbye, and end the connection."""
        if not self._idle.running:
            return
        self._idle.stop()
        if (session := self._session) is not None:
            goodbye = Deferred.fromCoroutine(session.request(Command.UNBIND))
            goodbye.addTimeout(CLOSE_S_MAX, self.reactor)
            goodbye.addErrback(lambda f: f.trap(UncertainError, TimeoutError, CancelledError))
            await goodbye
        self._running.addErrback(lambda f: f.trap(CancelledError))
        self._running.cancel()
        if session is not None:
            session.transport.abortConnection()

    async def submit(self, sm: ShortMessage, reference: int) -> str:
        """Send a part; the centre's id of it, which may be empty.

        Raises:
            AwayError: The centre does not take it now.
            TemporaryError: It may take it later.
            PermanentError: It never takes it.
            UncertainError: The connection ended before it was answered.
        """
        body = core.submit_body(sm, reference)
        await self._window.acquire()
        try:
            for delay_s in (*THROTTLED_S, None):
                if self._session is None:
                    raise AwayError(self.trouble)
                answer = await self._session.request(Command.SUBMIT, body)
                if answer.status not in {Status.THROTTLED, Status.QUEUE_FULL}:
                    break
                _throttled.inc()
                if delay_s is None:
                    raise AwayError("the message centre takes no more now")
                await deferLater(self.reactor, delay_s)
        finally:
            self._window.release()
        if answer.status in {Status.BAD_SOURCE, Status.BAD_DESTINATION}:
            raise PermanentError(f"the number is refused with status {answer.status:#x}")
        if answer.status or answer.command & ~core.RESPONSE != Command.SUBMIT:
            raise TemporaryError(f"status {answer.status:#x}")
        return answer.body.partition(b"\0")[0].decode("latin-1")[:64]

    # For the connection

    def deliver(self, session: _Session, pdu: Pdu) -> None:
        """Read a message and have it taken; no error of ours may end the connection."""
        answer = Answer(self, session, pdu.sequence)
        try:
            sm = core.short_message(pdu.body)
            self._heard(sm, pdu.body, answer)
        except PduError as e:
            logger.warning("a message is refused: %s", e)
            answer.refuse(Status.NEVER, "body")
        except Exception:
            logger.exception("a message was not taken")
            answer.refuse(Status.LATER, "later")

    def answered(self, session: _Session, id_: str) -> None:
        """Find out when the centre knows that a message is kept."""
        if session is self._session:
            self._answered.append(id_)
            if not self._is_asking:
                self._ask()

    def ended(self, session: _Session) -> None:
        """Have no connection."""
        if self._session is session:
            logger.warning("the message centre is no longer connected")
            self._session, self._answered = None, []
            self.trouble = "the message centre is not reached"

    async def _run(self) -> None:
        # Not ClientService: it takes a connection amiss that ends since we were not let in.
        failed_count = 0
        while True:
            try:
                session: Any = await self._endpoint.connect(_Sessions(self))
                await self._bind(session)
            except Exception as e:  # noqa: BLE001 -- whatever it is, only another try helps
                if not self._idle.running:
                    return
                failed_count += 1
                logger.info("no connection: %s", type(e).__name__)
            else:
                failed_count = 0
                await session.closed
            await deferLater(self.reactor, self._delay_s(failed_count))

    async def _bind(self, session: _Session) -> None:
        answer = await session.request(Command.BIND, self._body)
        if answer.status:
            self._is_refused = True
            self.trouble = f"the message centre refuses the account: {answer.status:#x}"
            logger.warning("%s", self.trouble)
            session.transport.abortConnection()
            raise BindError(self.trouble)
        logger.info("the message centre is connected")
        self._session, self._is_refused, self.trouble = session, False, ""

    def _delay_s(self, failed_count: int) -> float:
        longest_s = REFUSED_S_MAX if self._is_refused else AWAY_S_MAX
        return float(backoffPolicy(0.5, longest_s)(failed_count))

    def _ask(self) -> None:
        session = self._session
        if session is not None and not self._is_asking:
            self._is_asking = True
            Deferred.fromCoroutine(self._enquire(session))

    async def _enquire(self, session: _Session) -> None:
        asked, self._answered = self._answered, []
        try:
            await session.request(Command.ENQUIRE)
        except UncertainError:
            return  # the connection has ended, and says so itself
        finally:
            self._is_asking = False
        if asked:
            self._known(asked)
        if self._answered:
            self._ask()


class Answer:
    """How to answer a message that came, once.

    Attributes:
        id: Of the message on its connection.
        connection: Its id.
    """

    def __init__(self, link: Link, session: _Session, sequence: int) -> None:
        self.id, self.connection = f"{session.id}-{sequence}", session.id
        self._link, self._session, self._sequence = link, session, sequence

    def accept(self) -> None:
        """Say that it is kept."""
        self._write(Status.OK)
        self._link.answered(self._session, self.id)

    def refuse(self, status: Status, why: str) -> None:
        """Say that it is not, and count it."""
        _refused.labels(why).inc()
        self._write(status)

    def _write(self, status: Status) -> None:
        command = Command.DELIVER | core.RESPONSE
        self._session.write(Pdu(command, status, self._sequence, b"\0"))
