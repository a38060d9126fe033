"""People who have an XMPP account: slixmpp, with a connection of its own for each.

It runs on asyncio, in a thread of its own; the tests call it from theirs.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

import attrs
import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.support.processes import wait_until
from tests.support.xmpp_server import PASSWORD, PEOPLE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

WAIT_S: Final = 30
_END_S: Final = 0.1
_PLUGINS: Final = ("xep_0030", "xep_0054", "xep_0172", "xep_0184", "xep_0199", "xep_0359")


@attrs.frozen
class Received:
    """A message that somebody got.

    Attributes:
        id: Its own.
        sender: Address without a device.
        words: Its body; of an error, what it says to people.
        error: Type and condition of an error; empty else.
        nick: What the sender calls themselves.
    """

    id: str
    sender: str
    words: str
    error: str = ""
    nick: str = ""


class _Client(slixmpp.ClientXMPP):
    def __init__(self, person: XmppPerson) -> None:
        super().__init__(f"{person.name}@{PEOPLE}/{person.device}", PASSWORD)
        for plugin in _PLUGINS:
            self.register_plugin(plugin)
        self.plugin["xep_0184"].auto_ack = person.acknowledges
        self.enable_starttls = self.enable_direct_tls = False
        self.enable_plaintext = True
        mechanisms = self.plugin["feature_mechanisms"]
        mechanisms.unencrypted_plain = mechanisms.unencrypted_scram = True
        self._person = person
        self.add_event_handler("session_start", self._begin)
        self.add_event_handler("receipt_received", lambda m: person.receipts.append(m["receipt"]))
        self.add_event_handler("presence_available", person.note_presence)
        everything = MatchXPath("{jabber:client}message")
        self.register_handler(Callback("all", everything, person.note))

    async def _begin(self, _: object) -> None:
        self.send_presence()
        self._person.ready.set()


@attrs.define
class XmppPerson:
    """Somebody with an account of ``xmpp.test``; connect and stop them.

    Attributes:
        name: Before the @.
        port: Of the server.
        device: What their program calls itself.
        acknowledges: Whether it says that it has got a message.
        received: What they have got, the oldest first; errors too.
        receipts: Ids of their messages that were acknowledged.
        presences: (Sender, name) of those who say that they are there.
    """

    name: str
    port: int
    device: str = "phone"
    acknowledges: bool = True
    received: list[Received] = attrs.field(factory=list)
    receipts: list[str] = attrs.field(factory=list)
    presences: list[tuple[str, str]] = attrs.field(factory=list)
    ready: threading.Event = attrs.field(factory=threading.Event)
    _client: Any = None

    @property
    def address(self) -> str:
        """Without a device."""
        return f"{self.name}@{PEOPLE}"

    def connect(self) -> None:
        """Be there, with a new connection."""
        self.ready.clear()

        async def begin() -> Any:
            client = _Client(self)
            client.connect("127.0.0.1", self.port)
            return client

        self._client = _run(begin())
        assert self.ready.wait(WAIT_S), "no session"

    def stop(self) -> None:
        """Be gone."""
        client, self._client = self._client, None
        if client is not None:

            async def end() -> None:
                await client.disconnect(wait=1)
                await asyncio.sleep(_END_S)  # its tasks end

            _run(end())

    def send(self, words: str, to: str, id_: str = "", kind: str = "chat") -> str:
        """Send a message that asks for a receipt; its id, by which it can be sent again."""

        async def write() -> str:
            one = self._client.make_message(mto=to, mbody=words, mtype=kind)
            if id_:
                one["id"] = id_
            one["request_receipt"] = True
            one.send()
            return str(one["id"])

        return str(_run(write()))

    def send_many(self, many: Sequence[str], to: str) -> None:
        """Send messages that ask for receipts, all at once."""

        async def write() -> None:
            for words in many:
                one = self._client.make_message(mto=to, mbody=words, mtype="chat")
                one["request_receipt"] = True
                one.send()

        _run(write())

    def send_raw(self, markup: str) -> None:
        """Write into the stream, whatever it is."""

        async def write() -> None:
            self._client.send_raw(markup)

        _run(write())

    def query(self, plugin: str, name: str, **arguments: Any) -> Any:
        """Ask by a method of a plugin; its answer."""

        async def ask() -> Any:
            return await getattr(self._client.plugin[plugin], name)(**arguments, timeout=WAIT_S)

        return _run(ask())

    def note(self, one: Any) -> None:
        """Remember a message: for the client."""
        sender, error = one["from"].bare, ""
        words = str(one["body"])
        if one["type"] == "error":
            conditions = [child.tag.rpartition("}")[2] for child in one["error"].xml]
            error = f"{one['error']['type']} {conditions[0]}"
            words = str(one["error"]["text"])
        if words or error:
            found = Received(str(one["id"]), sender, words, error, str(one["nick"]["nick"]))
            self.received.append(found)

    def note_presence(self, one: Any) -> None:
        """Remember who is there: for the client."""
        self.presences.append((one["from"].bare, str(one["nick"]["nick"])))

    def messages(self) -> list[Received]:
        """What they have got but errors; what came twice counts once, as programs show it."""
        return list({one.id: one for one in self.received if not one.error}.values())

    def error_to(self, id_: str) -> Received:
        """Wait for the error that answers a message."""
        found: list[Received] = []

        def has_come() -> bool:
            found[:] = [one for one in self.received if one.error and one.id == id_]
            return bool(found)

        wait_until(has_come, WAIT_S, f"no error, but {self.received}")
        return found[0]

    def has_receipt(self, id_: str, wait_s: float = WAIT_S) -> bool:
        """Whether a message is acknowledged within a time."""
        try:
            wait_until(lambda: id_ in self.receipts, wait_s, "no receipt")
        except TimeoutError:
            return False
        return True


_loops: Final[list[asyncio.AbstractEventLoop]] = []


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in the thread of the clients."""
    if not _loops:
        loop = asyncio.new_event_loop()
        _loops.append(loop)

        def serve() -> None:
            asyncio.set_event_loop(loop)
            loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loops[0]).result(WAIT_S)
