"""The agency as a service of the runtime: its bots, and what reaches them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.agency import store
from appservices.agency.config import AgencySection
from appservices.agency.service.chats import hear_in_case, hear_in_chat, warn_of_plain
from appservices.agency.service.desks import hear_at_desk
from appservices.agency.service.errands import JOIN, MAKE_DESK, Parts, handlers, invite_staff
from appservices.agency.service.offices import open_workplaces
from appservices.agency.service.scene import CATALOGUE, Scene
from veche.protocol.ids import effect_id
from veche.runtime import errands
from veche.runtime.errands import Errand
from veche.runtime.migrate import MigrationSet
from veche.runtime.service import ServiceSpec
from veche.runtime.speak import Voice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.service.offices import Workplace
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor
    from veche.runtime.errands import ErrandHandler
    from veche.runtime.host import Host
    from veche.runtime.ports import Undelivered
    from veche.runtime.service import BotAccount

logger = logging.getLogger(__name__)

_HEARD: Final = frozenset(
    {
        "m.room.message",
        "m.reaction",
        "org.matrix.msc3381.poll.response",
        "m.poll.response",
        "org.matrix.msc4139.conversation.reply",
        "m.conversation.reply",
    }
)


class Agency:
    """Organisations whose offices serve persons in rooms."""

    def __init__(self, host: Host, section: AgencySection) -> None:
        """Make the service.

        Raises:
            ConfigError: A service file is wrong, or does not fit its office.
        """
        self._host = host
        workplaces = open_workplaces(section, host.server_name, CATALOGUE)
        self._workplaces: Mapping[UserId, Workplace] = {one.bot.user_id: one for one in workplaces}
        self._handlers = handlers(Parts(host, self._scene, self._workplaces))

    @property
    def bots(self) -> Sequence[BotAccount]:
        """One bot an office."""
        return [one.bot for one in self._workplaces.values()]

    def errand_handlers(self) -> Mapping[str, ErrandHandler]:
        """Rooms, documents, exports, clocks."""
        return self._handlers

    async def started(self) -> None:
        """Let each desk have its room, with everybody who works there invited."""
        await self._host.database.run("agency.desks", self._open_desks, self._host.now_ms())

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event that reached a bot."""
        workplace = self._workplaces[inbound.bot]
        scene = self._scene(txn, inbound.bot, inbound.event_id, inbound.at_ms)
        if inbound.event_type == "m.room.member":
            self._membership(scene, inbound)
            return
        if inbound.event_type not in _HEARD or inbound.state_key is not None:
            return
        if store.desk_of_room(txn, inbound.bot, inbound.room_id) is not None:
            member = workplace.member(inbound.sender)
            if member is not None and not warn_of_plain(scene, inbound, inbound.sender):
                hear_at_desk(scene, inbound, member)
            return
        self._hear_person(scene, inbound)

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        """Something never arrives: the case goes on, and its clock brings it up again."""
        logger.warning(
            "%s in %s was not delivered: %s",
            undelivered.effect_id,
            undelivered.room_id,
            undelivered.reason.value,
        )

    def _hear_person(self, scene: Scene, inbound: Inbound) -> None:
        case_id = store.case_of_room(scene.txn, inbound.bot, inbound.room_id)
        file = store.lock_case(scene.txn, case_id) if case_id else None
        if file is not None:
            # Clerks who were let in speak to the person here, not to the bot.
            if inbound.sender == file.person and not warn_of_plain(scene, inbound, file.person):
                hear_in_case(scene, inbound, file)
            return
        chat = store.chat(scene.txn, inbound.bot, inbound.room_id)
        is_theirs = chat is not None and chat.person == inbound.sender
        if is_theirs and not warn_of_plain(scene, inbound, inbound.sender):
            hear_in_chat(scene, inbound, inbound.sender)

    def _membership(self, scene: Scene, inbound: Inbound) -> None:
        """Follow an invitation of a person to a chat."""
        is_invite = inbound.content.get("membership") == "invite"
        if not is_invite or inbound.state_key != inbound.bot:
            return
        store.keep_chat(scene.txn, inbound.bot, inbound.room_id, inbound.sender)
        payload = {"bot": inbound.bot, "room": inbound.room_id}
        errand = Errand(effect_id(JOIN, inbound.event_id), JOIN, payload, inbound.at_ms)
        errands.schedule(scene.txn, errand)

    def _open_desks(self, txn: Cursor, now_ms: int) -> None:
        for bot, workplace in self._workplaces.items():
            for desk in workplace.desks:
                self._open_desk(txn, bot, desk, now_ms)

    def _open_desk(self, txn: Cursor, bot: UserId, desk: str, now_ms: int) -> None:
        room_id = store.desk_room(txn, bot, desk)
        if room_id is None:
            payload = {"bot": bot, "desk": desk}
            errands.schedule(
                txn, Errand(effect_id(MAKE_DESK, bot, desk), MAKE_DESK, payload, now_ms)
            )
            return
        scene = self._scene(txn, bot, f"staff of {desk} at {now_ms}", now_ms)
        invite_staff(scene, desk, room_id)

    def _scene(self, txn: Cursor, bot: UserId, cause: str, now_ms: int) -> Scene:
        workplace = self._workplaces[bot]
        voice = Voice(txn, self._host.act_log, workplace.bot, cause, now_ms)
        return Scene(txn, voice, workplace)


SERVICE: Final = ServiceSpec(
    name="agency",
    config=AgencySection,
    migrations=MigrationSet("agency", "appservices.agency"),
    make=Agency,
)
