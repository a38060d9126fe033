"""What the signing bot does outside transactions: chats, names, files, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.core.commands import COMMANDS
from appservices.signing.service import acting, cards, delivery, ending
from appservices.signing.service.batch_errands import MakeRow, Sow
from appservices.signing.service.batches import ROW, SOW
from appservices.signing.service.bulk import MAKE, Make
from appservices.signing.service.card_talk import DELEGATE, Delegate
from appservices.signing.service.chats import greet
from appservices.signing.service.checking import CHECK, Check
from appservices.signing.service.clocks import DEADLINE, REMIND, is_current
from appservices.signing.service.closing import Close
from appservices.signing.service.delivery import DELIVER, Deliver, SendFile
from appservices.signing.service.draft_errands import Find, Forget, Freeze
from appservices.signing.service.draft_talk import FIND, FORGET, FREEZE
from appservices.signing.service.mine import EXPORT, Export
from appservices.signing.service.putting import PutSeal
from appservices.signing.service.reading import LIST, READ, Read, ReadList
from appservices.signing.service.renewals import LOOK, RENEW, Look, Renew
from appservices.signing.service.scene import CATALOGUE, ground
from appservices.signing.service.template_talk import FILL, Fill
from appservices.signing.store import chats
from veche.protocol.commands import COMMAND_DESCRIPTION, command_description
from veche.protocol.ids import RoomId, UserId
from veche.runtime.matrix.rooms import RoomPlan, join
from veche.runtime.matrix.store import expect_member

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.service.scene import Parts, Scene
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor
    from veche.runtime.errands import Errand, ErrandHandler

JOIN: Final = "signing.join"
"""Errand: goes into a chat that a person began."""


def handlers(parts: Parts) -> dict[str, ErrandHandler]:
    """The handler of each kind of errand."""
    return {
        JOIN: _Join(parts),
        MAKE: Make(parts),
        cards.OPEN_CHAT: _OpenChat(parts),
        cards.SEND_FILE: SendFile(parts),
        CHECK: Check(parts),
        DEADLINE: _Deadline(parts),
        DELEGATE: Delegate(parts),
        DELIVER: Deliver(parts),
        ending.CLOSE: Close(parts),
        ending.SEAL: PutSeal(parts),
        EXPORT: Export(parts),
        FILL: Fill(parts),
        FIND: Find(parts),
        FORGET: Forget(parts),
        FREEZE: Freeze(parts),
        LIST: ReadList(parts),
        READ: Read(parts),
        REMIND: _Remind(parts),
        ROW: MakeRow(parts),
        SOW: Sow(parts),
        LOOK: Look(),
        RENEW: Renew(parts),
    }


class _Handler:
    """Base: nothing to do outside transactions, nothing special when it is refused."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._host = parts.host
        self._bot = parts.bot.user_id

    async def perform(self, errand: Errand) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def refused(self, txn: Cursor, errand: Errand, error: RefusedError, now_ms: int) -> None:
        """The errand can never be done; it was logged."""

    def _scene(self, txn: Cursor, errand: Errand, now_ms: int) -> Scene:
        return self._parts.scene(txn, errand.id, now_ms)


class _Join(_Handler):
    """Goes into a chat that a person began."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        room_id = RoomId(errand.payload["room"])
        await join(self._host.client, self._bot, self._host.device_id(self._bot), room_id)
        # What is said there is sealed for its members, so they must be known first.
        await self._host.rooms.look(self._bot, room_id)
        return {}

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        chat = chats.chat(txn, RoomId(errand.payload["room"]))
        if chat is not None and not chat.is_greeted:
            greet(self._scene(txn, errand, now_ms), chat.room_id, chat.person)


class _OpenChat(_Handler):
    """Makes a chat with somebody who has none, and goes on there."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        language, room_id = await self._host.database.run("signing.chat", self._read, errand)
        if room_id is not None:
            return {"room": room_id}
        name = self._parts.section.name_in(language)
        state = [{"type": "m.room.name", "state_key": "", "content": {"name": name}}]
        for command in COMMANDS:
            key, content = command_description(command, self._bot, CATALOGUE, language)
            state.append({"type": COMMAND_DESCRIPTION, "state_key": key, "content": content})
        device = self._host.device_id(self._bot)
        plan = RoomPlan(initial_state=state)
        return {"room": await self._host.rooms.create(self._bot, device, plan, errand.id)}

    def _read(self, txn: Cursor, errand: Errand) -> tuple[str, RoomId | None]:
        """The language of the person, and the chat that they have got meanwhile."""
        scene = self._scene(txn, errand, self._host.now_ms())
        person = UserId(errand.payload["person"])
        known = [one.room_id for one in chats.chats_of(txn, person)]
        private = next((one for one in known if scene.is_alone(one, person)), None)
        return scene.language_of(person), private

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._scene(txn, errand, now_ms)
        person, room_id = UserId(errand.payload["person"]), RoomId(result["room"])
        # Before the chat is theirs: whoever steps the session asks for the chat in this order too.
        session = scene.session(errand.payload["session"])
        if chats.chat(txn, room_id) is None:
            chats.keep_chat(txn, room_id, person, now_ms)
            scene.voice.set_membership(room_id, person, "invite", ground(person))
            # The invitation is on its way, so what follows it may be said.
            expect_member(txn, room_id, person, "invite")
        known = chats.chat(txn, room_id)
        if known is not None and not known.is_greeted:
            greet(scene, room_id, person)
        if session is None:
            return
        if errand.payload.get("deliver"):
            delivery.order_for(scene, session, person, errand.payload["verdict"])
        elif session.member(errand.payload["party"]) is not None:
            scene.save(cards.show(scene, session, errand.payload["party"]))


class _Deadline(_Handler):
    """The time of a session, or of one party, is over."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene, payload = self._scene(txn, errand, now_ms), errand.payload
        session = scene.session(payload["session"])
        if session is None or not is_current(session, payload["party"], payload["deadline_at_ms"]):
            return
        if payload["party"]:
            acting.lapsed(scene, session, payload["party"])
        else:
            acting.expired(scene, session)


class _Remind(_Handler):
    """The time of a session, or of one party, soon will be over."""

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene, payload = self._scene(txn, errand, now_ms), errand.payload
        session = scene.session(payload["session"])
        if session is None or not is_current(session, payload["party"], payload["deadline_at_ms"]):
            return
        acting.reminded(scene, session, payload["party"] or None)
