"""``twisted.words`` as a bridge needs it: the connection of a component, kept up.

- A stanza that is too large is cut, and the stream goes on: it is one person's, the stream all's.
- Text comes in few pieces, and what was read becomes a value at once.
- A message counts as sent once a ping that was written after it has come back to us: a server
  deals with all stanzas of a stream in order (RFC 6120, 10.1). The same ping finds dead servers.
"""

# Most of twisted.words has no types.
# mypy: disable-error-code="no-untyped-call, union-attr"

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.words.protocols.jabber.component import ConnectComponentAuthenticator
from twisted.words.protocols.jabber.xmlstream import STREAM_AUTHD_EVENT, XmlStream
from twisted.words.xish import domish

from bridges.core.errors import AwayError, UncertainError
from bridges.xmpp import core

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridges.core.errors import SendError
    from bridges.xmpp.core import Stanza

logger = logging.getLogger(__name__)

STANZA_SIZE_MAX: Final = 256 << 10
"""Octets of names, attributes and text; an element counts ``ELEMENT_SIZE`` more."""
ELEMENT_SIZE: Final = 256
ANSWER_S_MAX: Final = 15
"""After which a server that says nothing counts as gone; shorter than the lease of a message."""
IDLE_S: Final = 20
CLOSE_S_MAX: Final = 2
RECONNECT_S_MAX: Final = 10
AWAY: Final = "the XMPP server is not reached"


class _Elements(domish.ExpatElementStream):
    is_cut: bool
    """Whether the element that is read was too large, and has only its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.parser.buffer_text = True
        self.parser.buffer_size = 64 << 10
        self._depth = self._size = 0
        self.is_cut = False

    def _onStartElement(self, name: str, attrs: dict[Any, str]) -> None:
        self._depth += 1
        if self._depth > 1:
            length = len(name) + sum(len(key) + len(it) for key, it in attrs.items())
            self._measure(ELEMENT_SIZE + length)
        if not self.is_cut or self.currElem is None:
            super()._onStartElement(name, attrs)
        else:
            self.localPrefixes = {}

    def _onEndElement(self, name: str) -> None:
        self._depth -= 1
        if self._depth <= 1 or not self.is_cut:
            super()._onEndElement(name)
        if self._depth == 1:
            self.is_cut, self._size = False, 0

    def _onCdata(self, data: str) -> None:
        self._measure(len(data))
        if not self.is_cut:
            super()._onCdata(data)

    def _measure(self, size: int) -> None:
        """Forget what is inside a stanza that is too large."""
        self._size += size
        if self._size > STANZA_SIZE_MAX and not self.is_cut:
            self.is_cut = True
            while self.currElem is not None and self.currElem.parent is not None:
                self.currElem = self.currElem.parent
            if self.currElem is not None:
                self.currElem.children.clear()


class _Stream(XmlStream):
    def __init__(self, link: Link, authenticator: Any) -> None:
        super().__init__(authenticator)
        self._link = link
        self.addOnetimeObserver(STREAM_AUTHD_EVENT, self._known)

    def _initializeStream(self) -> None:
        self.stream = _Elements()
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def _known(self, _: object) -> None:
        # Past Twisted's dispatch, which asks each observer by XPath and hides its errors.
        self.setDispatchFn(self._take)
        self._link.opened(self)

    def _take(self, element: domish.Element) -> None:
        if element.name == "error":
            self.onStreamError(element)
        else:
            self._link.take(element, is_cut=self.stream.is_cut)

    def onStreamError(self, errelem: Any) -> None:
        """Say why the server ends the stream, such as a wrong secret."""
        words = [one.name for one in errelem.elements() if one.name != "text"]
        logger.warning("the XMPP server ends the stream: %s", ", ".join(words))
        self._link.trouble = f"the XMPP server ends the stream: {', '.join(words)}"[:200]
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = connectionDone) -> None:
        super().connectionLost(reason)
        self._link.ended(self)


class _Streams(Factory):
    noisy = False

    def __init__(self, link: Link, secret: str) -> None:
        self._link, self._secret = link, secret

    def buildProtocol(self, addr: Any) -> Any:
        del addr
        return _Stream(self._link, ConnectComponentAuthenticator(self._link.domain, self._secret))


class Link:
    """The connection to the server.

    Attributes:
        domain: Of the component.
        trouble: Why there is no connection; empty if there is one.
    """

    def __init__(
        self,
        reactor: Any,
        address: tuple[str, int],
        domain: str,
        secret: str,
        heard: Callable[[Stanza], None],
    ) -> None:
        """Make it; nothing is connected before ``start``.

        Args:
            reactor: Clock and network.
            address: Of the server.
            domain: Of the component.
            secret: By which the server knows it.
            heard: Is given each stanza but those of this class.
        """
        self.domain, self.trouble = domain, AWAY
        self._reactor, self._heard = reactor, heard
        self._stream: _Stream | None = None
        self._sending: dict[str, Deferred[None]] = {}
        self._written: list[str] = []
        self._asked: list[str] = []
        self._ping_id, self._ping_count = "", 0
        self._deadline: Any = None
        self._closed: Deferred[None] | None = None
        self._service = ClientService(
            TCP4ClientEndpoint(reactor, *address),
            _Streams(self, secret),
            retryPolicy=backoffPolicy(0.5, RECONNECT_S_MAX),
            clock=reactor,
        )
        self._idle = LoopingCall(self._ask)
        self._idle.clock = reactor

    def start(self) -> None:
        """Connect, and again whenever the connection ends."""
        self._service.startService()
        self._idle.start(IDLE_S, now=False)

    async def stop(self) -> None:
        """End the stream, and take what the server wrote before it knew of that."""
        if not self._idle.running:
            return
        self._idle.stop()
        if self._stream is not None:
            self._closed = Deferred()
            self._stream.sendFooter()
            closed, timer = self._closed, self._reactor.callLater(CLOSE_S_MAX, self._closes)
            await closed
            if timer.active():
                timer.cancel()
        await self._service.stopService()

    async def send(self, id_: str, markup: str) -> None:
        """Write a message, and return once the server has dealt with it.

        Args:
            id_: Of the message.
            markup: All of it.

        Raises:
            AwayError: There is no connection; nothing was written.
            TemporaryError: The server bounced it for now.
            PermanentError: The server bounced it.
            UncertainError: The connection ended before anything was known.
        """
        if self._stream is None:
            raise AwayError("the XMPP server is not reached")
        done: Deferred[None] = Deferred()
        self._sending[id_] = done
        self._written.append(id_)
        self._stream.send(markup)
        if not self._ping_id:
            self._ask()
        try:
            await done
        finally:
            self._sending.pop(id_, None)

    def write(self, markup: str) -> None:
        """Write what nobody waits for; nothing if there is no connection."""
        if self._stream is not None:
            self._stream.send(markup)

    def refuse(self, id_: str, error: SendError) -> bool:
        """Fail a message that is being sent; False if it is not."""
        done = self._sending.pop(id_, None)
        if done is not None:
            done.errback(error)
        return done is not None

    # For the stream

    def opened(self, stream: _Stream) -> None:
        """Begin to use a connection."""
        logger.info("%s is connected", self.domain)
        self._stream, self.trouble = stream, ""

    def ended(self, stream: _Stream) -> None:
        """Fail what was written into a connection that has ended."""
        if self._stream is not stream:
            return
        logger.warning("%s is no longer connected", self.domain)
        self._stream, self._ping_id, self.trouble = None, "", self.trouble or AWAY
        self._closes()
        self._written, self._asked = [], []
        self._at_deadline(None)
        for id_ in list(self._sending):
            self.refuse(id_, UncertainError("the connection ended"))

    def take(self, element: domish.Element, *, is_cut: bool) -> None:
        """Take an element from the stream; no error of ours may end it."""
        try:
            stanza = read(element, is_cut=is_cut)
            if stanza.sender == self.domain and stanza.id == self._ping_id:
                self._came_back()
            else:
                self._heard(stanza)
        except Exception:
            logger.exception("a stanza was not taken")

    def _ask(self) -> None:
        """Write a ping; when it comes back, all before it was sent."""
        if self._stream is None or self._ping_id:
            return
        self._asked, self._written = self._written, []
        self._ping_count += 1
        self._ping_id = f"veche-{self._ping_count}"
        self._stream.send(core.ping(self.domain, self._ping_id))
        self._at_deadline(self._reactor.callLater(ANSWER_S_MAX, self._give_up))

    def _came_back(self) -> None:
        self._at_deadline(None)
        self._ping_id, asked = "", self._asked
        self._asked = []
        for id_ in asked:
            done = self._sending.pop(id_, None)
            if done is not None:
                done.callback(None)
        if self._written:
            self._ask()

    def _closes(self) -> None:
        closed, self._closed = self._closed, None
        if closed is not None:
            closed.callback(None)

    def _give_up(self) -> None:
        self._deadline = None
        logger.warning("the XMPP server does not answer")
        transport: Any = self._stream.transport if self._stream is not None else None
        if transport is not None:
            transport.abortConnection()

    def _at_deadline(self, call: Any) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = call


def read(element: domish.Element, *, is_cut: bool) -> Stanza:
    """Read an element of the stream."""
    body = receipt_for = reply_to = error = condition = ""
    inside = set()
    for one in element.elements():
        inside.add((one.uri, one.name))
        if one.name == "body" and not body:
            body = str(one)
        elif (one.uri, one.name) == (core.RECEIPTS, "received"):
            receipt_for = one.getAttribute("id", "")
        elif (one.uri, one.name) == (core.REPLY, "reply"):
            reply_to = one.getAttribute("id", "")
        elif one.name == "error":
            error = one.getAttribute("type", "")
            condition = next((it.name for it in one.elements() if it.name != "text"), "")
    return core.Stanza(
        name=element.name,
        kind=element.getAttribute("type", ""),
        id=element.getAttribute("id", "")[: core.ID_CHARACTERS_MAX],
        sender=element.getAttribute("from", ""),
        recipient=element.getAttribute("to", ""),
        body=body,
        inside=frozenset(inside),
        receipt_for=receipt_for,
        reply_to=reply_to,
        error=error,
        condition=condition,
        is_cut=is_cut,
    )
