"""Carry messages from a network into a room, and from a room to a network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from bridges.core.answer import answer
from bridges.core.delivery import Input, step
from bridges.core.ids import ghost_id, inbound_effect, outbound_effect
from bridges.core.model import (
    TEXT_CHARACTERS_MAX,
    Outgoing,
    PartReport,
    PortalKey,
    RemoteMessage,
    Rendered,
)
from bridges.core.release import Level, released
from bridges.core.render import is_shown, prompt_in, render
from bridges.core.speaking import spoken
from bridges.host import outbox, portals, receipts, store
from bridges.host.store import Portal, PortalId
from bridges.host.texts import CATALOGUE, NEWS, NO_FILES, READABLE
from veche.chat.sending import Ground, Sender
from veche.messaging.jobs import Job, schedule
from veche.messaging.outbox import Relation
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import EventId, UserId, effect_id
from veche.protocol.inbound import Trust
from veche.protocol.message import RelationKind
from veche.protocol.prompts import ANSWER_KEY, PROMPT_KEY, Answer
from veche.protocol.wire import mapping
from veche.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridges.core.model import ReceivedPart, RemoteReport, Sent, SentPart
    from bridges.host.portals import Network
    from bridges.host.store import OutRow
    from veche.acts import ActLog
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

logger = logging.getLogger(__name__)

PURPOSE: Final = "bridge"
BASIS: Final = "message of a person by another network"
FLOOD_MS: Final = 60_000
FLOOD_MAX: Final = 30
"""Messages of one chat in ``FLOOD_MS``; the network is asked to bring more later."""
CHATS_MAX: Final = 60
"""Chats that begin in ``FLOOD_MS``: each is a room, and a sender is easily invented."""

PARTS_KIND: Final = "bridges.parts"
PARTS_MS: Final = 600_000
"""After which a message is passed on without the parts that have not come."""
GAP: Final = "[…]"

_in = metrics.counter(
    "veche_bridge_in_total", "Messages from a network, by outcome.", ["network", "end"]
)
_contradictions = metrics.counter(
    "veche_bridge_contradictions_total",
    "Receipts that say the opposite of earlier ones.",
    ["network"],
)


@attrs.frozen
class Bridging:
    """The parts that both directions need.

    Attributes:
        networks: By their codes.
        act_log: Of the acts of the bridge.
        vault: Seals what the database keeps of persons.
        language: In which the bridge speaks itself.
        server_name: Of the homeserver.
    """

    networks: Mapping[str, Network]
    act_log: ActLog
    vault: Vault
    language: str
    server_name: str

    # From a network

    def take(
        self,
        txn: Cursor,
        network: str,
        event: RemoteMessage | RemoteReport | PartReport,
        now_ms: int,
    ) -> None:
        """Take what came from a network, once.

        Raises:
            UnavailableError: Too much comes in this chat: later.
        """
        if isinstance(event, PartReport):
            self._sum_up(txn, network, receipts.reported(txn, network, event, now_ms))
            return
        if not isinstance(event, RemoteMessage):
            self._reported(txn, network, event)
            return
        key = event.portal_key
        id_ = PortalId(network, self.vault.mark(f"{network}\0{key.id}").hex(), key.receiver)
        store.lock_portal(txn, id_)
        effect = inbound_effect(network, key.receiver, key, event.sender.id, event.id)
        if not store.note_inbound(txn, id_, effect, event, now_ms):
            _in.labels(network, "double").inc()
            return
        if event.is_automatic:
            _in.labels(network, "automatic").inc()
            return
        if store.inbound_since(txn, id_, now_ms - FLOOD_MS) > FLOOD_MAX:
            _in.labels(network, "flood").inc()
            raise UnavailableError("too much comes in this chat", retry_after_ms=FLOOD_MS)
        portal = store.read_portal(txn, id_)
        if portal is None:
            if store.chats_since(txn, network, now_ms - FLOOD_MS) >= CHATS_MAX:
                _in.labels(network, "flood").inc()
                raise UnavailableError("too many begin to write", retry_after_ms=FLOOD_MS)
            portal = self._begin(txn, id_, event, now_ms)
        store.note_message(txn, id_, event.id, now_ms)
        _in.labels(network, "taken").inc()
        if event.part is not None:
            self._take_part(txn, portal, effect, event.part, event.text, now_ms)
        else:
            self._pass_on(txn, portal, effect, event.text, event.thread, now_ms)

    def _pass_on(
        self,
        txn: Cursor,
        portal: Portal,
        effect: str,
        text: str,
        thread: tuple[str, ...],
        now_ms: int,
    ) -> None:
        """Say it in the room, or keep it until there is one."""
        if portal.room_id is None:
            waiting = {"text": text, "thread": list(thread)}
            store.keep_waiting(txn, portal.id, effect, self.vault.seal_text(waiting))
        else:
            self._say(txn, portal, effect, {"text": text, "thread": thread}, now_ms)

    def _take_part(
        self,
        txn: Cursor,
        portal: Portal,
        effect: str,
        part: ReceivedPart,
        text: str,
        now_ms: int,
    ) -> None:
        """Keep a part, and pass the message on once it is whole or has waited long enough."""
        sealed = self.vault.seal_text({"text": text})
        count = store.keep_part(txn, portal.id, part, effect, sealed)
        if count >= part.total:
            self.end_parts(txn, portal, part.message_key, now_ms)
        elif count == 1:
            where = {"bridge": portal.id.bridge, "portal": portal.id.portal}
            payload = {**where, "receiver": portal.id.receiver, "message": part.message_key}
            id_ = effect_id(PARTS_KIND, effect)
            schedule(txn, Job(id_, PARTS_KIND, payload, now_ms + PARTS_MS))

    def end_parts(self, txn: Cursor, portal: Portal, message_key: str, now_ms: int) -> None:
        """Pass on what has come of a message, with signs where parts are missing."""
        found = store.take_parts(txn, portal.id, message_key)
        if not found:
            return
        texts = dict.fromkeys(range(1, found[0][1] + 1), GAP)
        for number, _, _, sealed in found:
            texts[number] = str(self.vault.open_text(sealed)["text"])
        whole = "".join(texts.values())[:TEXT_CHARACTERS_MAX]
        self._pass_on(txn, portal, found[-1][2], whole, (), now_ms)

    def note_sent_part(
        self, txn: Cursor, network: str, effect: str, part: SentPart, now_ms: int
    ) -> None:
        """The network took a part: it is not sent again."""
        self._sum_up(txn, network, receipts.noted(txn, network, effect, part, now_ms))

    def _sum_up(self, txn: Cursor, network: str, report: RemoteReport | None) -> None:
        if report is not None:
            self._reported(txn, network, report)

    def flush(self, txn: Cursor, portal: Portal, now_ms: int) -> None:
        """Say in the room of a chat what has waited for it."""
        for effect, sealed in store.take_waiting(txn, portal.id):
            self._say(txn, portal, effect, self.vault.open_text(sealed), now_ms)

    def opened(self, portal: Portal) -> dict[str, Any]:
        """Open the secrets of a chat: ``id, address, name, title, office``."""
        return self.vault.open_text(portal.sealed)

    def _begin(self, txn: Cursor, id_: PortalId, event: RemoteMessage, now_ms: int) -> Portal:
        network = self.networks[id_.bridge]
        person = event.sender
        ghost = ghost_id(id_.bridge, person.id, network.secret, self.server_name)
        known = {
            "id": event.portal_key.id,
            "address": person.id,
            "name": person.name or _masked(person.id),
            "title": event.title,
            "office": event.office,
        }
        sealed = self.vault.seal_text(known)
        portal = Portal(id_, ghost, UserId(event.office_bot), None, sealed, is_told=False)
        store.add_portal(txn, portal, now_ms)
        portals.order(txn, id_, now_ms)
        return portal

    def _say(
        self, txn: Cursor, portal: Portal, effect: str, said: Mapping[str, Any], now_ms: int
    ) -> None:
        """Say in the room what the person wrote; what answers a question names it."""
        assert portal.room_id is not None  # noqa: S101 -- of the callers
        network = self.networks[portal.id.bridge]
        words, content, relation = str(said["text"]), {}, None
        found = answer(words, said["thread"], store.open_prompts(txn, portal.id))
        if found is not None:
            relation = Relation(RelationKind.REFERENCE, EventId(found.prompt.event_id))
            given = Answer(v=1, prompt=found.prompt.id, choice=found.choice)
            content = {ANSWER_KEY: given.model_dump(mode="json", exclude_none=True)}
        name = f"{self.opened(portal)['name']} ({network.name.display_name})"
        whole = spoken(portal.ghost, portal.id.bridge, name, content, words)
        sender = Sender(txn, self.act_log, network.bot, effect, now_ms)
        sender.say(portal.room_id, whole, Ground(portal.ghost, PURPOSE, BASIS), relation=relation)

    def _reported(self, txn: Cursor, network: str, report: RemoteReport) -> None:
        state = store.state_of(txn, network, report.effect_id)
        given = _REPORTED.get(report.grade)
        if state is None or given is None:
            _in.labels(network, "unmatched").inc()
            return
        after = step(state, given)
        if after.is_contradiction:
            _contradictions.labels(network).inc()
            logger.warning("%s: %s after %s", report.effect_id, report.grade, state.value)
        if after.state is not state:
            store.set_state(txn, network, report.effect_id, after.state, reason=report.reason)
        _in.labels(network, "report").inc()

    # To a network

    def hear(self, txn: Cursor, inbound: Inbound, now_ms: int) -> None:
        """Have the network told what the office's bot says in the room of a chat.

        Only what its own verified device encrypted counts; a homeserver could write the rest.
        """
        portal = store.portal_of_room(txn, inbound.room_id)
        if portal is None or inbound.sender != portal.office_bot:
            return
        if inbound.trust < Trust.VERIFIED:
            logger.warning("%s is passed over: its trust is %s", inbound.event_id, inbound.trust)
            return
        if self._is_edit(txn, portal, inbound.content):
            return
        level = released(inbound.content, Level.CONTENT)
        if level is Level.CONTENT and not is_shown(inbound.content):
            return
        network = self.networks[portal.id.bridge]
        if level is Level.CONTENT:
            rendered = self._carried(render(inbound.content, CATALOGUE), network)
        else:
            rendered = Rendered(self._text(NEWS, network))
        if not portal.is_told:
            text = f"{rendered.text}\n\n{self._text(READABLE, network)}"
            rendered = attrs.evolve(rendered, text=text)
            store.set_told(txn, portal.id)
        self._queue(txn, portal, inbound, rendered, now_ms)

    def _carried(self, rendered: Rendered, network: Network) -> Rendered:
        """Adapt a message to a network: without files, with words on how to get them."""
        file = rendered.file
        if file is None or network.carries_files:
            return rendered
        return Rendered(self._text(NO_FILES, network, name=file.name))

    def _queue(
        self, txn: Cursor, portal: Portal, inbound: Inbound, rendered: Rendered, now_ms: int
    ) -> None:
        known = self.opened(portal)
        effect = outbound_effect(portal.id.bridge, inbound.room_id, inbound.event_id)
        outgoing = Outgoing(
            effect_id=effect,
            portal_key=PortalKey(known["id"], portal.id.receiver),
            recipient=known["address"],
            office=known["office"],
            office_name="",
            title=known["title"],
            rendered=rendered,
        )
        sealed = self.vault.seal_text(outbox.dumped(outgoing))
        store.queue(txn, portal.id, effect, inbound.event_id, sealed, now_ms)
        if (prompt := outbox.asked(rendered, inbound.event_id)) is not None:
            store.open_prompt(txn, portal.id, prompt)

    def outgoing(self, txn: Cursor, row: OutRow) -> Outgoing:
        """The message of a row, with its thread."""
        outgoing = outbox.loaded(self.vault.open_text(row.sealed), store.thread(txn, row.id))
        parts_sent = receipts.sent_numbers(txn, row.id.bridge, row.effect_id)
        return attrs.evolve(outgoing, parts_sent=parts_sent)

    def took(self, txn: Cursor, row: OutRow, sent: Sent, now_ms: int) -> None:
        """The network has a message: replies may name it."""
        store.note_message(txn, row.id, sent.remote_id, now_ms)
        store.name_prompt(txn, row.id, row.event_id, sent.remote_id)

    def _is_edit(self, txn: Cursor, portal: Portal, content: Mapping[str, Any]) -> bool:
        """Return whether it edits a message that the network has; it may close a question."""
        relates = mapping(content.get("m.relates_to"))
        if relates.get("rel_type") != RelationKind.REPLACE.value:
            return False
        new = mapping(content.get("m.new_content"))
        prompt_id = mapping(new.get(PROMPT_KEY)).get("id")
        if isinstance(prompt_id, str) and prompt_in(new) is None:
            store.close_prompt(txn, portal.id, prompt_id)
        return True

    def _text(self, text: str, network: Network, **values: str) -> str:
        shown = network.name.display_name
        return CATALOGUE.text(self.language, text, network=shown, **values)


_REPORTED: Final = {
    "delivered": Input.DELIVERED,
    "displayed": Input.DISPLAYED,
    "failed": Input.NOT_DELIVERED,
}


def _masked(address: str) -> str:
    """An address as far as a room shows it: "a…@x.test", "+7…01"."""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}…@{host}" if at else f"{address[:2]}…{address[-2:]}"
