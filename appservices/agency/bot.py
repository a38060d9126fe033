"""The agency as a service of the runtime: its bots, and what reaches them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from twisted.internet.defer import DeferredSemaphore

from appservices.agency.cases import store
from appservices.agency.cases.service.cases import locked_case
from appservices.agency.cases.service.conversation import CATALOGUE, PURPOSE, OfficeParts
from appservices.agency.catalogue.service import ServiceCatalogue
from appservices.agency.chats.service.attention import counts
from appservices.agency.chats.service.person import (
    ANSWERS,
    hear,
    hear_in_case,
    is_heard,
    tell_if_public,
)
from appservices.agency.chats.service.staff import TOPICS, hear_at_desk
from appservices.agency.deliveries.service import note_answer, note_lost
from appservices.agency.fees.client import InvoicingClient
from appservices.agency.fees.jobs import InvoiceEventPoller
from appservices.agency.files.jobs import FETCHED_AT_ONCE
from appservices.agency.jobs import MAKE_DESK, STAFF_LEFT, handlers, keep_staff_of
from appservices.agency.offices.service import open_workplaces
from appservices.agency.pages.service.receiving import hear_on_page
from appservices.agency.reach import service as reach
from appservices.agency.signatures.client import SigningClient
from appservices.agency.signatures.jobs import SigningEventPoller
from appservices.agency.wiping.service import housekeeping_of
from appservices.agency.workflow.service.steps import step_file
from veche.api.sealing_client import sealer_of
from veche.bots import by_bot, check_topics, commit_words, receive
from veche.chat.attention import SAID, is_said
from veche.chat.sending import MEMBER
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.protocol.inbound import Trust
from veche.runtime.config import read_secret
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.config import AgencySection
    from appservices.agency.offices.service import Workplace
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.messaging.service import BotAccount, Cleanup
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

logger = logging.getLogger(__name__)

_COMING = frozenset({"invite", "join"})


class Agency:
    """Organisations whose offices serve persons in rooms and on pages.

    Attributes:
        catalogue: What all of them offer.
        offices: The offices by bot.
    """

    def __init__(self, host: BotPorts, section: AgencySection) -> None:
        """Make the service.

        Raises:
            ConfigError: A service file is wrong, or does not fit its office; the key of an
                organisation cannot be read.
        """
        check_topics(OfficeParts.profile.topics, [*ANSWERS, *TOPICS])
        self._host = host
        workplaces = open_workplaces(section, host.server_name, CATALOGUE)
        self.catalogue = ServiceCatalogue(workplaces)
        organisations, reactor = section.organisations, host.reactor
        invoicing_clients = {
            one.id: InvoicingClient(reactor, one.payments.url, read_secret(one.payments.key_path))
            for one in organisations
            if one.payments is not None
        }
        sealers = {one.id: sealer_of(reactor, one.seal, one.id) for one in organisations}
        signing = {one.organisation for one in workplaces if one.signs}
        signing_clients = {
            one.id: SigningClient(reactor, one.seal.url, read_secret(one.seal.key_path))
            for one in organisations
            if one.seal is not None and one.id in signing
        }
        vault, fetches = Vault(host.seed(PURPOSE)), DeferredSemaphore(FETCHED_AT_ONCE)
        self.offices: Mapping[UserId, OfficeParts] = {
            one.bot.user_id: OfficeParts(
                host,
                one,
                one.bot,
                vault,
                sealers[one.organisation],
                fetches,
                step_file,
            )
            for one in workplaces
        }
        self._news = [
            InvoiceEventPoller(host, self.offices, *one) for one in invoicing_clients.items()
        ]
        self._signing = [
            SigningEventPoller(host, self.offices, *one) for one in signing_clients.items()
        ]
        self._kept_ms = _kept_ms(section, workplaces)
        self._sealers = [one for one in sealers.values() if one is not None]
        by_office = {
            bot: handlers(
                one,
                invoicing_clients.get(one.section.organisation),
                signing_clients.get(one.section.organisation),
            )
            for bot, one in self.offices.items()
        }
        self._handlers = by_bot(by_office)

    @property
    def bots(self) -> Sequence[BotAccount]:
        """One bot an office."""
        return [one.bot for one in self.offices.values()]

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
            self._host.at_stop(news.invoicing.close)
        for heard in self._signing:
            self._host.spawn(f"signatures of {heard.organisation}", heard.follow())
            self._host.at_stop(heard.signing_client.close)
        for sealer in self._sealers:
            self._host.at_stop(sealer.close)

    def housekeeping(self) -> Sequence[Cleanup]:
        """Wipe what is in clear of cases that ended long ago."""
        return housekeeping_of(self._kept_ms)

    def _warn_of_keys(self) -> None:
        for office in self.offices.values():
            for service in office.section.services.values():
                if service.definition.needs_key:
                    logger.warning(
                        "nobody can submit %s at %s: it asks for a key, and there are no pages to"
                        " approve on; add the section `pages`, or take `approve` out of its form",
                        service.definition.id,
                        office.section.slug,
                    )

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event that reached a bot."""
        scene = self.offices[inbound.bot].conversation(txn, inbound.event_id, inbound.at_ms)
        if inbound.event_type == MEMBER:
            self._follow(scene, inbound)
            receive(scene, inbound, hear)
        elif inbound.event_type in SAID and inbound.state_key is None:
            is_at_desk = store.desk_of_room(txn, inbound.bot, inbound.room_id) is not None
            if is_at_desk:
                self._hear_staff(scene, inbound)
            elif not self._hear_in_case(scene, inbound):
                receive(scene, inbound, hear)

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Act on what a person did on a page."""
        # No page waits for what becomes of an approval: that it came too late is said in the room.
        waiting = None if act.trust is Trust.SIGNED else act.event_id
        office = self.offices[act.bot]
        hear_on_page(office.conversation(txn, act.event_id, act.at_ms, waiting), act)

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:
        """Learn that something it said never arrives."""
        cause = f"lost {undelivered.effect_id}"
        scene = self.offices[undelivered.bot].conversation(txn, cause, self._host.now_ms())
        note_lost(scene, undelivered.effect_id)
        reach.undelivered(scene, undelivered)

    def _hear_staff(self, scene: Conversation, inbound: Inbound) -> None:
        member = scene.workplace.member(inbound.sender)
        # Staff mend their talk as everybody does; only persons are told that it changes nothing.
        if member is not None and is_said(inbound) and counts(scene, inbound, scene.desk_ground()):
            hear_at_desk(scene, inbound, member)

    def _hear_in_case(self, scene: Conversation, inbound: Inbound) -> bool:
        """Hear what is said in the room of a case; False if it is none."""
        case_id = store.case_of_room(scene.txn, inbound.bot, inbound.room_id)
        file = store.lock_case(scene.txn, case_id) if case_id else None
        if file is None:
            return False
        # Clerks who were let in speak to the person here, not to the bot.
        member = scene.workplace.member(inbound.sender)
        if inbound.sender != file.person:
            if member is not None:
                work = locked_case(scene, file, f"role:{member.staff.role.value}")
                commit_words(scene, inbound, "clerk_says", [work.ground])
        elif is_said(inbound) and is_heard(scene, inbound):
            note_answer(scene, inbound)
            hear_in_case(scene, inbound, store.lock_case(scene.txn, file.case.id) or file)
        return True

    def _follow(self, scene: Conversation, inbound: Inbound) -> None:
        """Notice who comes and goes, in rooms of desks and cases too."""
        membership = inbound.content.get("membership")
        if inbound.state_key == inbound.bot:
            if membership in reach.GONE:
                self._shown_out(scene, inbound.room_id)
            return
        case_id = store.case_of_room(scene.txn, inbound.bot, inbound.room_id)
        file = store.lock_case(scene.txn, case_id) if case_id else None
        if file is not None and inbound.state_key == file.person and isinstance(membership, str):
            reach.person_moved(scene, file, membership)
        chat = scene.parts.chats.read(scene.txn, inbound.room_id)
        if chat is not None and inbound.state_key != chat.person and membership in _COMING:
            tell_if_public(scene, inbound.room_id, chat.person)

    def _shown_out(self, scene: Conversation, room_id: RoomId) -> None:
        bot = scene.sender.bot.user_id
        desk = store.desk_of_room(scene.txn, bot, room_id)
        if desk is None:
            reach.room_lost(scene, room_id)
            return
        logger.error("the room of desk %s of %s is lost; it gets a new one", desk, bot)
        store.lose_desk(scene.txn, bot, desk)
        self._make_desk(scene, desk, scene.sender.fresh_id(MAKE_DESK))

    def _open_desks(self, txn: Cursor, now_ms: int) -> None:
        for bot, office in self.offices.items():
            workplace = office.section
            scene = office.conversation(txn, f"start at {now_ms}", now_ms)
            users = {member.staff.id: member.user_id for member in workplace.members}
            former = store.keep_staff(txn, bot, users)
            for staff, user in former.items():
                payload = {"bot": bot, "staff": staff, "user": user}
                job = Job(scene.sender.fresh_id(STAFF_LEFT), STAFF_LEFT, payload, now_ms)
                jobs.schedule(txn, job)
            rooms = store.desk_rooms(txn, bot)
            for desk in workplace.desks:
                if desk not in rooms:
                    self._make_desk(scene, desk, effect_id(MAKE_DESK, bot, desk))
            for desk, room_id in rooms.items():
                keep_staff_of(scene, desk, room_id, former)

    def _make_desk(self, scene: Conversation, desk: str, id_: EffectId) -> None:
        payload = {"bot": scene.sender.bot.user_id, "desk": desk}
        jobs.schedule(scene.txn, Job(id_, MAKE_DESK, payload, scene.now_ms))


def _kept_ms(section: AgencySection, workplaces: Sequence[Workplace]) -> Mapping[UserId, int]:
    """By the bot of an office: how long after its end a case is kept whole."""
    by_organisation = {one.id: one.cases_kept_ms for one in section.organisations}
    return {one.bot.user_id: by_organisation[one.organisation] for one in workplaces}
