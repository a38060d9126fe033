"""Jobs of drafts outside transactions: names, boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.signing.cards.texts.talk import nobody_doc
from appservices.signing.drafting.core.order import read_order
from appservices.signing.drafting.service import draft_talk, drafting
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.drafting.service.laying import boxed, misplaced, sizes_of
from appservices.signing.drafting.texts import misplaced_doc, no_page_doc, own_page_doc, sent_doc
from appservices.signing.papers.core.uploads import UploadError, UploadTooLargeError, refusal_text
from appservices.signing.places.core.boxes import BoxError
from appservices.signing.requests import service as requests
from appservices.signing.sessions.core.errors import NotRegistrarError
from appservices.signing.sessions.core.guests import Registrar, guest_id
from appservices.signing.sessions.core.parties import PlanError, Role, Stage
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.conversation import CATALOGUE, Parts
from appservices.signing.sessions.service.naming import known_name, user_named
from appservices.signing.sessions.store import blobs, sessions
from veche.bots import ChatJob
from veche.protocol.errors import MalformedError
from veche.protocol.ids import RoomId, UserId
from veche.protocol.message import Paragraph
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.drafting.core.order import Wanted
    from appservices.signing.sessions.core.records import Session
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor


class Find(ChatJob[Parts]):
    """Finds out what those are called who are to sign; then all of it is shown."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver for each name; somebody may not be there."""
        order = read_order(job.payload["typed"])
        me = UserId(job.payload["person"])
        names: dict[str, str] = {}
        wanted = [one for stage in order.stages for one in stage.wanted]
        persons = [one.person for one in wanted if one.role is not Role.SEAL and not one.is_guest]
        for typed in (*persons, *order.copies):
            found = user_named(typed, self._parts.bot.user_id, me)
            name = None
            if found is not None:
                name = await known_name(self._parts.host.client, self._parts.bot.user_id, found)
            if name is None:
                return {"nobody": typed}
            names[typed] = name
        if not any(one.place is not None and one.place.is_free for one in wanted):
            return {"names": names}
        host = self._parts.host
        read = await host.database.run("signing.sizes", self._read, job)
        if read is None:
            return {"names": names}
        try:
            sizes = await in_thread(host.reactor, sizes_of, *read)
        except UploadError as e:
            return {"problem": e}
        return {"names": names, "sizes": sizes}

    def _read(self, txn: Cursor, job: Job) -> tuple[Session, bytes] | None:
        session = sessions.read(txn, self._parts.vault, job.payload["session"])
        cipher = blobs.of_kind(txn, job.payload["session"], "upload")
        return None if session is None or cipher is None else (session, cipher)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep who takes part, and show all of it."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        wanted = job.payload
        person, room_id = UserId(wanted["person"]), RoomId(wanted["room"])
        session = draft_talk.draft_of(scene, wanted["session"], person)
        if session is None:
            return
        if "nobody" in result:
            scene.tell(room_id, person, nobody_doc(result["nobody"], scene.localizer(person)))
            return
        localizer = scene.localizer(person)
        if "problem" in result:
            words = refusal_text(CATALOGUE, localizer.language, result["problem"])
            scene.tell(room_id, person, (Paragraph(words),))
            return
        invited, stages = self._invited(session, wanted["typed"], person, result["names"])
        try:
            is_each = read_order(wanted["typed"]).is_each
            session = drafting.with_parties(session, invited, stages, is_each=is_each)
        except (PlanError, MalformedError, NotRegistrarError) as e:
            words = localizer.text("These cannot sign together: {why}.", why=str(e))
            scene.tell(room_id, person, (Paragraph(words),))
            return
        astray = drafting.off_page(session)
        if astray is not None:
            scene.tell(room_id, person, no_page_doc(session, astray, localizer))
            return
        found = misplaced(session, result.get("sizes", ()), localizer.language)
        if "sizes" in result and found is not None:
            scene.tell(room_id, person, misplaced_doc(session, found, localizer))
            return
        draft_talk.review(scene, scene.save(session), room_id)

    def _invited(
        self, session: Session, typed: str, me: UserId, names: Mapping[str, str]
    ) -> tuple[list[Invited], list[Stage]]:
        order = read_order(typed)
        wanted = [one for stage in order.stages for one in stage.wanted]
        ids = {one.person: f"p{n}" for n, one in enumerate(wanted, 1)}
        invited = [
            self._guest(session, one, ids) if one.is_guest else self._one(one, ids, me, names)
            for one in wanted
        ]
        invited = [self._before(one, invited) for one in invited]
        for n, copy in enumerate(order.copies, len(wanted) + 1):
            found = user_named(copy, self._parts.bot.user_id, me)
            invited.append(Invited(f"p{n}", Role.VIEWER, str(found), names[copy]))
        stages = [
            Stage(tuple(ids[one.person] for one in stage.wanted), stage.need)
            for stage in order.stages
        ]
        return invited, stages

    def _guest(self, session: Session, one: Wanted, ids: Mapping[str, str]) -> Invited:
        """Somebody without an account: whoever asks has to see who they are."""
        id_, of = ids[one.person], ids[one.of] if one.of else ""
        asker = UserId(session.requester)
        organisation = self._parts.section.registers_for(asker)
        registrar = Registrar(asker, session.subject.requester_name, organisation)
        person = guest_id(session.id, id_, self._parts.host.server_name)
        guest = Invited(id_, one.role, person, one.person, of, place=one.place, registrar=registrar)
        return attrs.evolve(guest, is_by_hand=one.is_by_hand)

    def _before(self, one: Invited, invited: Sequence[Invited]) -> Invited:
        """Make the named witness the registrar of a party who signs by hand; else keep it."""
        witness = next((other for other in invited if other.of == one.id), None)
        if not one.is_by_hand or witness is None:
            return one
        organisation = self._parts.section.registers_for(witness.person)
        registrar = Registrar(UserId(witness.person), witness.name, organisation)
        return attrs.evolve(one, registrar=registrar)

    def _one(
        self, one: Wanted, ids: Mapping[str, str], me: UserId, names: Mapping[str, str]
    ) -> Invited:
        if one.role is Role.SEAL:
            name = self._parts.seals.name(one.person, self._parts.host.now_ms())
            return Invited(ids[one.person], one.role, one.person, name, place=one.place)
        found = user_named(one.person, self._parts.bot.user_id, me)
        of = ids[one.of] if one.of else ""
        name = names[one.person]
        return Invited(ids[one.person], one.role, str(found), name, of, one.level, place=one.place)


class Freeze(ChatJob[Parts]):
    """Lays the boxes of those who sign; then the document cannot change, and is sent."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make the document ready, outside the reactor's thread."""
        host = self._parts.host
        read = await host.database.run("signing.freeze", self._read, job)
        if read is None:
            return {}
        session, cipher, language = read
        try:
            pdf = await in_thread(
                host.reactor, boxed, session, cipher, language, self._check_link()
            )
        except BoxError as e:
            return {"misplaced": e}
        except (UploadError, UploadTooLargeError) as e:
            return {"problem": e}
        return {"pdf": pdf, "session": session}

    def _check_link(self) -> str:
        links = self._parts.host.links
        return "" if links is None else links.page("verify")

    def _read(self, txn: Cursor, job: Job) -> tuple[Session, bytes, str] | None:
        session = sessions.read(txn, self._parts.vault, job.payload["session"])
        cipher = blobs.of_kind(txn, job.payload["session"], "upload")
        if session is None or session.state is not State.DRAFT or cipher is None:
            return None
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        return session, cipher, scene.language_of(UserId(job.payload["person"]))

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Send it, or say why it cannot be; what was changed meanwhile is shown again."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(job.payload["room"])
        session = draft_talk.draft_of(scene, job.payload["session"], person)
        if session is None or not result:
            return
        localizer = scene.localizer(person)
        if "misplaced" in result:
            scene.tell(room_id, person, misplaced_doc(session, result["misplaced"], localizer))
            draft_talk.review(scene, session, room_id)
            return
        if "problem" in result:
            words = refusal_text(CATALOGUE, localizer.language, result["problem"])
            scene.tell(room_id, person, (Paragraph(words),))
            draft_talk.review(scene, session, room_id)
            return
        if result["session"] != session:
            # The page of signatures has the title and the rules as well as the parties.
            draft_talk.review(scene, session, room_id)
            return
        session = drafting.freeze(scene, session, result["pdf"])
        try:
            drafting.check_deadline(scene, session.deadline_at_ms)
        except MalformedError:
            draft_talk.review(scene, session, room_id)
            return
        page = own_page_doc(requests.page_of(scene, session), localizer)
        scene.tell(room_id, person, (*sent_doc(session, localizer), *page))
        drafting.send(scene, session)


class Forget(ChatJob[Parts]):
    """Forgets a draft that was not sent."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Forget it, unless it was sent."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        if session is not None and session.state is State.DRAFT:
            draft_talk.close(scene, session)
            sessions.drop(txn, session.id)
