"""The agency as a service of the runtime: its bots, and what reaches them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appservices.agency import store
from appservices.agency.service import reach
from appservices.agency.service.chats import hear_in_case, hear_in_chat, signs_out, tell_if_public
from appservices.agency.service.clerk_words import note_words
from appservices.agency.service.desks import hear_at_desk
from appservices.agency.service.documents import document_handlers
from appservices.agency.service.fees import FeeNews, fee_handlers
from appservices.agency.service.file_checks import file_handlers
from appservices.agency.service.jobs import (
    JOIN,
    MAKE_DESK,
    STAFF_LEFT,
    Parts,
    handlers,
    keep_staff_of,
)
from appservices.agency.service.listening import counts
from appservices.agency.service.offering import Offering
from appservices.agency.service.offices import open_workplaces
from appservices.agency.service.page_hearing import hear_on_page
from appservices.agency.service.scene import CATALOGUE, Scene
from appservices.agency.service.signatory import Signatory
from appservices.agency.service.signatures import SigningNews, signature_handlers
from appservices.agency.service.till import Till
from appservices.agency.service.wiping import Wiping
from veche.api.sealing_client import sealer_of
from veche.bots import answer_invitation
from veche.chat.attention import HEARD, SAID
from veche.chat.sending import MEMBER, Sender
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.protocol.inbound import Trust
from veche.runtime.config import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.config import AgencySection
    from appservices.agency.service.offices import Workplace
    from veche.bots.ports import BotPorts
    from veche.chat.sending import Ground
    from veche.messaging.jobs import JobHandler
    from veche.messaging.service import BotAccount
    from veche.protocol.ids import EffectId, EventId, RoomId, UserId
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

logger = logging.getLogger(__name__)

_COMING = frozenset({"invite", "join"})


class Agency:
    """Organisations whose offices serve persons in rooms and on pages.

    Attributes:
        offering: What all of them offer.
        workplaces: The offices by bot.
    """

    def __init__(self, host: BotPorts, section: AgencySection) -> None:
        """Make the service.

        Raises:
            ConfigError: A service file is wrong, or does not fit its office; the key of an
                organisation cannot be read.
        """
        self._host = host
        workplaces = open_workplaces(section, host.server_name, CATALOGUE)
        self.offering = Offering(workplaces)
        self.workplaces: Mapping[UserId, Workplace] = {one.bot.user_id: one for one in workplaces}
        parts = Parts(host, self.scene, self.workplaces)
        tills = {
            one.id: Till(host.reactor, one.payments.url, read_secret(one.payments.key_path))
            for one in section.organisations
            if one.payments is not None
        }
        self._news = [FeeNews(parts, organisation, till) for organisation, till in tills.items()]
        sealers = {
            one.id: sealer_of(host.reactor, one.seal, one.id) for one in section.organisations
        }
        signing = {
            one.organisation
            for one in workplaces
            if any(service.definition.signs for service in one.services.values())
        }
        signatories = {
            one.id: Signatory(host.reactor, one.seal.url, read_secret(one.seal.key_path))
            for one in section.organisations
            if one.seal is not None and one.id in signing
        }
        self._signing = [SigningNews(parts, *one) for one in signatories.items()]
        self._wiping = Wiping(host, _kept_ms(section, workplaces))
        self._sealers = {name: one for name, one in sealers.items() if one is not None}
        self._handlers = {
            **handlers(parts),
            **document_handlers(parts, self._sealers),
            **file_handlers(parts),
            **fee_handlers(parts, tills),
            **signature_handlers(parts, signatories),
        }

    @property
    def bots(self) -> Sequence[BotAccount]:
        """One bot an office."""
        return [one.bot for one in self.workplaces.values()]

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Rooms, documents, exports, clocks, files, fees, signatures."""
        return self._handlers

    async def started(self) -> None:
        """Let each desk have its room, with everybody who works there invited."""
        if self._host.links is None:
            self._warn_of_keys()
        await self._host.database.run("agency.desks", self._open_desks, self._host.now_ms())
        for news in self._news:
            self._host.spawn(f"fees of {news.organisation}", news.follow())
            self._host.at_stop(news.till.close)
        for heard in self._signing:
            self._host.spawn(f"signatures of {heard.organisation}", heard.follow())
            self._host.at_stop(heard.signatory.close)
        self._wiping.start()
        for sealer in self._sealers.values():
            self._host.at_stop(sealer.close)

    def _warn_of_keys(self) -> None:
        for workplace in self.workplaces.values():
            for service in workplace.services.values():
                if service.definition.needs_key:
                    logger.warning(
                        "nobody can submit %s at %s: it asks for a key, and there are no pages to"
                        " approve on; add the section `pages`, or take `approve` out of its form",
                        service.definition.id,
                        workplace.slug,
                    )

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event that reached a bot."""
        scene = self.scene(txn, inbound.bot, inbound.event_id, inbound.at_ms)
        if inbound.event_type == MEMBER:
            self._membership(scene, inbound)
        elif inbound.event_type in SAID and inbound.state_key is None:
            if store.desk_of_room(txn, inbound.bot, inbound.room_id) is not None:
                self._hear_staff(scene, inbound)
            else:
                self._hear_person(scene, inbound)

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Act on what a person did on a page."""
        # No page waits for what becomes of an approval: that it came too late is said in the room.
        waiting = None if act.trust is Trust.SIGNED else act.event_id
        hear_on_page(self.scene(txn, act.bot, act.event_id, act.at_ms, waiting), act)

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Learn that something it said never arrives."""
        cause = f"lost {undelivered.effect_id}"
        scene = self.scene(txn, undelivered.bot, cause, self._host.now_ms())
        reach.undelivered(scene, undelivered)

    def scene(
        self,
        txn: Cursor,
        bot: UserId,
        cause: str,
        now_ms: int,
        page_act: EventId | None = None,
    ) -> Scene:
        """The scene of a transaction.

        Args:
            txn: The transaction.
            bot: Of one of the offices.
            cause: Id of what makes the bot act, see ``Sender``.
            now_ms: The moment of the cause, UTC.
            page_act: The act on a page that is the cause, if one is.
        """
        workplace = self.workplaces[bot]
        host = self._host
        sender = Sender(txn, host.act_log, workplace.bot, cause, now_ms)
        return Scene(txn, sender, workplace, host.approvals, host.links, page_act)

    def _hear_staff(self, scene: Scene, inbound: Inbound) -> None:
        if inbound.event_type not in HEARD:
            return
        member = scene.workplace.member(inbound.sender)
        # Staff mend their talk as everybody does; only persons are told that it changes nothing.
        if member is not None and counts(scene, inbound, scene.desk_ground(), is_edit_told=False):
            hear_at_desk(scene, inbound, member)

    def _hear_person(self, scene: Scene, inbound: Inbound) -> None:
        ground = scene.ground(inbound.sender)
        case_id = store.case_of_room(scene.txn, inbound.bot, inbound.room_id)
        file = store.lock_case(scene.txn, case_id) if case_id else None
        if file is not None:
            # Clerks who were let in speak to the person here, not to the bot.
            member = scene.workplace.member(inbound.sender)
            if inbound.sender != file.person:
                if member is not None:
                    note_words(scene, inbound, file, member)
            elif inbound.event_type in HEARD and self._counts(scene, inbound, ground):
                hear_in_case(scene, inbound, file)
            return
        chat = store.chat(scene.txn, inbound.bot, inbound.room_id)
        if chat is None or chat.person != inbound.sender or inbound.event_type not in HEARD:
            return
        if self._counts(scene, inbound, ground):
            hear_in_chat(scene, inbound, chat)

    def _counts(self, scene: Scene, inbound: Inbound, ground: Ground) -> bool:
        """Whether it is left to act on what a person said."""
        return not signs_out(scene, inbound, inbound.sender) and counts(scene, inbound, ground)

    def _membership(self, scene: Scene, inbound: Inbound) -> None:
        """Follow an invitation to a chat; notice who is not there any more."""
        membership = inbound.content.get("membership")
        if inbound.state_key == inbound.bot:
            if membership == "invite":
                self._invited(scene, inbound)
            elif membership in reach.GONE:
                self._shown_out(scene, inbound.room_id)
            return
        case_id = store.case_of_room(scene.txn, inbound.bot, inbound.room_id)
        file = store.lock_case(scene.txn, case_id) if case_id else None
        if file is not None and inbound.state_key == file.person and isinstance(membership, str):
            reach.person_moved(scene, file, membership)
        chat = store.chat(scene.txn, inbound.bot, inbound.room_id)
        if chat is not None and inbound.state_key != chat.person and membership in _COMING:
            tell_if_public(scene, inbound.room_id, chat.person)

    def _invited(self, scene: Scene, inbound: Inbound) -> None:
        chats = store.all_chats_of(scene.txn, inbound.bot, inbound.sender)
        if answer_invitation(scene.txn, inbound, chats, JOIN, {"bot": inbound.bot}):
            store.keep_chat(scene.txn, inbound.bot, inbound.room_id, inbound.sender)

    def _shown_out(self, scene: Scene, room_id: RoomId) -> None:
        bot = scene.sender.bot.user_id
        desk = store.desk_of_room(scene.txn, bot, room_id)
        if desk is None:
            reach.room_lost(scene, room_id)
            return
        logger.error("the room of desk %s of %s is lost; it gets a new one", desk, bot)
        store.lose_desk(scene.txn, bot, desk)
        self._make_desk(scene, desk, scene.sender.fresh_id(MAKE_DESK))

    def _open_desks(self, txn: Cursor, now_ms: int) -> None:
        for bot, workplace in self.workplaces.items():
            scene = self.scene(txn, bot, f"start at {now_ms}", now_ms)
            users = {member.staff.id: member.user_id for member in workplace.members}
            former = store.keep_staff(txn, bot, users)
            for staff in former:
                payload = {"bot": bot, "staff": staff}
                job = Job(scene.sender.fresh_id(STAFF_LEFT), STAFF_LEFT, payload, now_ms)
                jobs.schedule(txn, job)
            rooms = store.desk_rooms(txn, bot)
            for desk in workplace.desks:
                if desk not in rooms:
                    self._make_desk(scene, desk, effect_id(MAKE_DESK, bot, desk))
            for desk, room_id in rooms.items():
                keep_staff_of(scene, desk, room_id, former)

    def _make_desk(self, scene: Scene, desk: str, id_: EffectId) -> None:
        payload = {"bot": scene.sender.bot.user_id, "desk": desk}
        jobs.schedule(scene.txn, Job(id_, MAKE_DESK, payload, scene.now_ms))


def _kept_ms(section: AgencySection, workplaces: Sequence[Workplace]) -> Mapping[UserId, int]:
    """By the bot of an office: how long after its end a case is kept whole."""
    by_organisation = {one.id: one.cases_kept_ms for one in section.organisations}
    return {one.bot.user_id: by_organisation[one.organisation] for one in workplaces}
