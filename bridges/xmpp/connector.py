"""XMPP as a component of the operator's server, which vouches for who writes."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, ClassVar, Final

from twisted.internet.task import deferLater

from bridges.core.errors import PermanentError, TemporaryError
from bridges.core.model import (
    BridgeName,
    EventSender,
    PortalKey,
    RemoteMessage,
    RemoteReport,
    Sent,
)
from bridges.xmpp import core
from bridges.xmpp.config import XmppSection
from bridges.xmpp.core import Why, bare
from bridges.xmpp.stream import Link
from bridges.xmpp.texts import CATALOGUE, REFUSED
from veche.protocol.errors import ConfigError, UnavailableError
from veche.runtime import metrics
from veche.runtime.config import read_secret
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from bridges.core.model import Outgoing
    from bridges.core.ports import Bridge
    from bridges.xmpp.core import Stanza
    from veche.runtime.config.sections import Section

logger = logging.getLogger(__name__)

WAITING_MAX: Final = 1_000
"""Messages that are not yet committed; the senders of more are told to try again."""
DRAIN_S_MAX: Final = 5
_DRAIN_LOOK_S: Final = 0.02
ECHOES_MAX: Final = 10_000
"""People whose last messages are known, to see what comes back unchanged."""
ECHOES_OF_ONE: Final = 5
_PERSONAL: Final = frozenset({"", "chat", "normal"})

_refused = metrics.counter(
    "veche_bridge_xmpp_refused_total",
    "Stanzas that were refused, by why: address, size, encrypted, correction, file, or later.",
    ["why"],
)


class Connector:
    """The network ``xmpp``; see ``bridges.core.ports.NetworkConnector``."""

    name: ClassVar[BridgeName] = BridgeName("xmpp", "XMPP")
    config: ClassVar[type[Section]] = XmppSection
    carries_files: ClassVar[bool] = False

    def __init__(self, bridge: Bridge, section: XmppSection) -> None:
        """Make it; nothing is connected before ``start``."""
        domain = section.domain
        strangers = [one for one in section.offices if one.partition("@")[2] != domain]
        if strangers:
            raise ConfigError(f"bridges.xmpp.offices: {min(strangers)} is not of {domain}")
        self._bridge, self._section = bridge, section
        self._names = {jid: office.name for jid, office in section.offices.items()}
        self._key = bridge.seed("receipts")
        self._tasks = Tasks(running_max=WAITING_MAX)
        self._lanes: dict[str, deque[Stanza]] = {}
        self._waiting_count = 0
        self._said: OrderedDict[str, deque[str]] = OrderedDict()
        address = (section.server_address, section.server_port)
        secret = read_secret(section.secret_path)
        self._link = Link(bridge.reactor, address, domain, secret, self._take)

    @property
    def trouble(self) -> str:
        """Why the server is not reached; empty if it is."""
        return self._link.trouble

    async def start(self) -> None:
        """Connect to the server."""
        self._link.start()

    async def stop(self) -> None:
        """End the stream, and commit all that has come."""
        await self._link.stop()
        for _ in range(int(DRAIN_S_MAX / _DRAIN_LOOK_S)):
            if not self._lanes:
                break
            await deferLater(self._bridge.reactor, _DRAIN_LOOK_S)
        await self._tasks.stop()

    async def handle_matrix_message(self, msg: Outgoing) -> Sent:
        """Send a message; a repetition has the same id."""
        office = self._section.offices.get(msg.office)
        if office is None:
            raise PermanentError("the office has no address any more")
        id_ = core.outbound_id(msg.effect_id, msg.recipient, self._key)
        words = msg.rendered.text
        self._note_said(msg.recipient, words)
        markup = core.message(id_, msg.office, office.name, msg.recipient, words)
        await self._link.send(id_, markup)
        return Sent(id_)

    # From the network

    def _take(self, stanza: Stanza) -> None:
        if stanza.name == "message":
            self._take_message(stanza)
        elif stanza.name == "iq" and stanza.kind in {"get", "set"}:
            answer = None
            if stanza.kind == "get" and not stanza.is_cut:
                answer = core.answer(stanza, self._section.domain, self._names)
            self._link.write(answer or core.unknown(stanza))
        elif stanza.name == "presence":
            self._take_presence(stanza)

    def _take_message(self, stanza: Stanza) -> None:
        if stanza.kind == "error":
            self._bounced(stanza)
        elif stanza.receipt_for:
            effect = core.effect_of(stanza.receipt_for, stanza.sender, self._key)
            self._report(stanza, effect, "delivered")
        elif stanza.kind in _PERSONAL and (stanza.body or stanza.is_cut):
            why = core.refusal(stanza, self._names)
            if why is None and self._waiting_count >= WAITING_MAX:
                why = Why.LATER
            if why is not None:
                self._refuse(stanza, why)
            else:
                self._queue(stanza)

    def _take_presence(self, stanza: Stanza) -> None:
        """Let everybody see that the office is there, and what it is called."""
        name = self._names.get(bare(stanza.recipient))
        if name is None:
            return
        if stanza.kind == "subscribe":
            self._link.write(core.presence(stanza, "subscribed", name))
        if stanza.kind in {"subscribe", "probe"}:
            self._link.write(core.presence(stanza, "", name))
        if stanza.kind == "unsubscribe":
            self._link.write(core.presence(stanza, "unsubscribed", name))

    def _bounced(self, stanza: Stanza) -> None:
        effect = core.effect_of(stanza.id, stanza.sender, self._key)
        if effect is None:
            return
        for_now = stanza.error == "wait"
        error = (TemporaryError if for_now else PermanentError)(stanza.condition)
        if not self._link.refuse(stanza.id, error):
            self._report(stanza, effect, "failed")

    def _report(self, stanza: Stanza, effect: str | None, grade: str) -> None:
        if effect is not None:
            report = RemoteReport(effect, bare(stanza.sender), grade, stanza.condition[:100])
            self._tasks.spawn("xmpp.report", self._bridge.queue_remote_event(report))

    def _queue(self, stanza: Stanza) -> None:
        """Have a message taken after those that the same person wrote before."""
        self._waiting_count += 1
        person = bare(stanza.sender)
        if person in self._lanes:
            self._lanes[person].append(stanza)
        else:
            self._lanes[person] = deque([stanza])
            self._tasks.spawn("xmpp.lane", self._work(person))

    async def _work(self, person: str) -> None:
        lane = self._lanes[person]
        try:
            while lane:
                stanza = lane.popleft()
                self._waiting_count -= 1
                await self._commit(stanza)
        finally:
            self._waiting_count -= len(lane)
            del self._lanes[person]

    async def _commit(self, stanza: Stanza) -> None:
        """Take one message; only then say that it is kept."""
        person, office = bare(stanza.sender), bare(stanza.recipient)
        words = core.said(stanza.body)
        message = RemoteMessage(
            portal_key=PortalKey(f"{person} {office}"),
            sender=EventSender(person),
            id=core.inbound_id(stanza, secrets.token_hex(16)),
            text=words or "…",
            office=office,
            office_bot=self._section.offices[office].bot,
            thread=(stanza.reply_to,) if stanza.reply_to else (),
            is_automatic=self._is_own(person) or words in self._said.get(person, ()),
        )
        try:
            await self._bridge.queue_remote_event(message)
        except UnavailableError:
            self._refuse(stanza, Why.LATER)
        except Exception:
            logger.exception("a message was not taken")
            self._refuse(stanza, Why.LATER)
        else:
            if (core.RECEIPTS, "request") in stanza.inside and stanza.id:
                self._link.write(core.receipt(stanza))

    def _refuse(self, stanza: Stanza, why: Why) -> None:
        _refused.labels(why.name.lower()).inc()
        words = CATALOGUE.text(self._bridge.language, REFUSED[why])
        self._link.write(core.error(stanza, why, self._bridge.language, words))

    # What would come back for ever

    def _is_own(self, person: str) -> bool:
        return person.rpartition("@")[2] == self._section.domain

    def _note_said(self, person: str, words: str) -> None:
        last = self._said.setdefault(person, deque(maxlen=ECHOES_OF_ONE))
        self._said.move_to_end(person)
        last.append(words.strip())
        if len(self._said) > ECHOES_MAX:
            self._said.popitem(last=False)
