"""Jobs of the agency outside transactions: rooms, exports, clocks.

Each handler performs what can be repeated, and finishes in the transaction that removes the job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.commands import ROOM_COMMANDS
from appservices.agency.cases.core.effects import InviteClerk
from appservices.agency.cases.core.export import export
from appservices.agency.cases.core.inputs import Return, RoomMade, TimerFired
from appservices.agency.cases.core.states import TimerKind
from appservices.agency.cases.service.cases import (
    case_of,
    definition_of,
    locked_case,
    step_file,
    take_step,
)
from appservices.agency.cases.service.conversation import CATALOGUE, PURPOSE, OfficeParts, PageReply
from appservices.agency.chats.service.person import greet, hear_queued, welcome
from appservices.agency.chats.service.staff import DESK_COMMANDS
from appservices.agency.deliveries.jobs import delivery_handlers
from appservices.agency.desk.service import POST_WAITING, post_waiting
from appservices.agency.documents.jobs import document_handlers
from appservices.agency.fees.jobs import fee_handlers
from appservices.agency.files.jobs import file_handlers
from appservices.agency.offices.core.office import Role, Staff
from appservices.agency.pages.service.acts import OPEN_CHAT
from appservices.agency.pages.service.receiving import begin_on_page
from appservices.agency.signatures.jobs import LOOK_FOR_SIGNER, signature_handlers
from appservices.agency.workflow.service.effect_handlers import (
    CLOCK,
    MAKE_ROOM,
    SEND_EXPORT,
    carry_out,
    show_out,
)
from veche.bots import ChatJob, Join, OpenChat, invite, join_kind
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.canonical import canonical
from veche.protocol.ids import RoomId, UserId
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.matrix.rooms import WITHHELD, RoomPlan
from veche.transparency import envelope
from veche.transparency.act_proof import ACTS_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.fees.client import InvoicingClient
    from appservices.agency.signatures.client import SigningClient
    from veche.messaging.jobs import JobHandler
    from veche.runtime.database import Cursor

MAKE_DESK: Final = "agency.desk"
STAFF_LEFT: Final = "agency.left"
CASES_AT_ONCE: Final = 20
"""Cases that one job about many deals with in one transaction."""
ENVELOPE_KEY_VERSION: Final = "1"
WORKS_HERE_NO_LONGER: Final = "Does not work at this desk any more."
"""Why somebody of the staff is shown out; for the log of acts."""


def handlers(
    parts: OfficeParts, invoicing: InvoicingClient | None, signing_client: SigningClient | None
) -> dict[str, JobHandler]:
    """The handler of each kind of job.

    Args:
        parts: Of the office.
        invoicing: Where its fees are paid; None: it takes none.
        signing_client: Where its documents are signed; None: none are.
    """
    return {
        join_kind(PURPOSE): Join(parts, greet, has_widget=False),
        OPEN_CHAT: _OpenChat(parts),
        MAKE_DESK: _MakeDesk(parts),
        POST_WAITING: _PostWaiting(parts),
        STAFF_LEFT: _StaffLeft(parts),
        MAKE_ROOM: _MakeRoom(parts),
        SEND_EXPORT: _SendExport(parts),
        CLOCK: _Clock(parts),
        **document_handlers(parts),
        **file_handlers(parts, hear_queued),
        **delivery_handlers(parts),
        **fee_handlers(parts, invoicing),
        **signature_handlers(parts, signing_client),
    }


class _OpenChat(OpenChat[OfficeParts]):
    """Makes the chat of a person who began on a page, and begins there what they began."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(result["room"])
        store.end_page_chat(txn, self._bot, person)
        if not invite(scene, room_id, person):
            self._parts.chats.set_greeted(txn, room_id)
            welcome(scene, room_id, person)
        for start in store.waiting_page_starts(txn, self._bot, person):
            act = attrs.evolve(scene, reply=PageReply(start.event_id))
            begin_on_page(act, person, room_id, start.service)


class _MakeDesk(ChatJob[OfficeParts]):
    """Makes the room of a desk and invites its staff."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        workplace, desk = self._parts.section, job.payload["desk"]
        language = workplace.language
        name = CATALOGUE.text(
            language, "{office} · desk {desk}", office=workplace.name_in(language), desk=desk
        )
        # Who is let in here is for the office to say, not for everybody who works here.
        plan = RoomPlan(power_levels=WITHHELD)
        return await self.make_room(job, name, DESK_COMMANDS, language, plan)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        desk, room_id = job.payload["desk"], RoomId(result["room"])
        store.keep_desk(txn, self._bot, desk, room_id)
        payload = {"bot": self._bot, "desk": desk}
        jobs.schedule(txn, Job(scene.sender.fresh_id(POST_WAITING), POST_WAITING, payload, now_ms))
        keep_staff_of(scene, desk, room_id, {})
        words = CATALOGUE.text(
            scene.workplace.language,
            "This is the desk {desk}. Cases come here, each in a thread of its own; take one, and"
            " decide it there.",
            desk=desk,
        )
        scene.say(room_id, (message.Paragraph(words),), scene.desk_ground(), is_quiet=True)


def keep_staff_of(
    scene: Conversation, desk: str, room_id: RoomId, former: Mapping[str, UserId]
) -> None:
    """Invite who works at a desk and is not in its room; show out who does so no longer.

    Args:
        scene: The transaction.
        desk: The desk.
        room_id: Its room.
        former: Who does not work at the office any more.
    """
    present = scene.present(room_id)
    wanted = {member.user_id for member in scene.workplace.at_desk(desk)}
    ours = {member.user_id for member in scene.workplace.members} | set(former.values())
    ground = attrs.evolve(scene.desk_ground(), why=WORKS_HERE_NO_LONGER)
    for user in sorted(wanted - present):
        scene.sender.set_membership(room_id, user, "invite", scene.desk_ground())
    for user in sorted((present & ours) - wanted):
        scene.sender.set_membership(room_id, user, "leave", ground)


class _Batch(ChatJob[OfficeParts]):
    """Deals with some cases a transaction, until there are no more."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._parts.conversation(txn, job.id, now_ms)
        case_ids = self.cases(txn, job)
        # All are locked before anything is said, see `cases.take_step`.
        files = [file for id_ in case_ids if (file := store.lock_case(txn, id_)) is not None]
        for file in files:
            self.deal_with(scene, job, file)
        if len(case_ids) == CASES_AT_ONCE:
            again = scene.sender.fresh_id(job.kind)
            payload = {**job.payload, "after": case_ids[-1]}
            jobs.schedule(txn, Job(again, job.kind, payload, now_ms))

    def cases(self, txn: Cursor, job: Job) -> list[str]:
        """Ids of the next cases after ``after`` of the payload, at most ``CASES_AT_ONCE``."""
        raise NotImplementedError

    def deal_with(self, scene: Conversation, job: Job, file: CaseFile) -> None:
        """Do it."""
        raise NotImplementedError


class _PostWaiting(_Batch):
    """Puts cases on a desk that waited for its room."""

    def cases(self, txn: Cursor, job: Job) -> list[str]:
        desk = job.payload["desk"]
        if store.desk_room(txn, self._bot, desk) is None:
            return []
        return store.cases_waiting_for(txn, self._bot, desk, _after(job), CASES_AT_ONCE)

    def deal_with(self, scene: Conversation, job: Job, file: CaseFile) -> None:  # noqa: ARG002 -- of the base
        locked = locked_case(scene, file)
        post_waiting(locked)
        store.save_case(scene.txn, locked.file)


class _StaffLeft(_Batch):
    """Gives the cases of somebody who left back to their desks; they sign nothing any more.

    What they approved first counts no more, else they could be the second under another id. Who is
    there by another account now keeps their cases: that one comes into the rooms instead.
    """

    def cases(self, txn: Cursor, job: Job) -> list[str]:
        staff = job.payload["staff"]
        if job.payload.get("user") in {None, self._parts.section.user_of(staff)}:
            return []  # they are back, or it is made anew with the account at this start
        return store.cases_of_clerk(txn, self._bot, staff, _after(job), CASES_AT_ONCE)

    def deal_with(self, scene: Conversation, job: Job, file: CaseFile) -> None:
        staff, asked = job.payload["staff"], file.case.signatures
        is_replaced = self._parts.section.user_of(staff) is not None
        if file.case.first_approval == staff:
            file = attrs.evolve(file, case=attrs.evolve(file.case, first_approval=None))
            store.save_case(scene.txn, file)
        if file.case.clerk == staff and is_replaced:
            locked = locked_case(scene, file)
            show_out(locked, UserId(job.payload["user"]))
            carry_out(locked, [InviteClerk(staff)])
        elif file.case.clerk == staff:
            step_file(scene, file, Return(Staff(staff, Role.CLERK)))
        elif asked is not None and asked.clerk == staff and asked.session is not None:
            locked_case(scene, file).send_off(
                LOOK_FOR_SIGNER, {"number": asked.number, "session": asked.session}
            )


class _MakeRoom(ChatJob[OfficeParts]):
    """Makes the room of a case and invites the person.

    Who is in the chat in which the case began may also join without an invitation: a person whose
    client takes none, or who has left, comes in by a link. In that chat is the person alone.
    """

    async def perform(self, job: Job) -> Mapping[str, Any]:
        language, chat_id = await self._host.database.run("agency.room", self._read, job)
        allow = [{"type": "m.room_membership", "room_id": chat_id}]
        rules = {"join_rule": "restricted", "allow": allow}
        joining = {"type": "m.room.join_rules", "state_key": "", "content": rules}
        plan = RoomPlan(initial_state=(joining, *self._parts.widget(language)))
        return await self.make_room(job, job.payload["name"], ROOM_COMMANDS, language, plan)

    def _read(self, txn: Cursor, job: Job) -> tuple[str, RoomId]:
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        file = case_of(txn, job)
        return scene.language_of(file.person), file.chat_id

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        room_id = RoomId(result["room"])
        # The card that may stand in the chat cannot be edited from another room.
        file = attrs.evolve(case_of(txn, job), room_id=room_id, card_effect=None)
        locked = locked_case(scene, file)
        scene.sender.set_membership(room_id, file.person, "invite", locked.ground)
        store.save_case(txn, file)
        step_file(scene, file, RoomMade())


class _SendExport(ChatJob[OfficeParts]):
    """Signs everything of a case and sends it as a file."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        data = await self._host.database.run("agency.export", self._read, job)
        file = await upload_encrypted(self._host.client, self._bot, data)
        return {"file": file, "size_bytes": len(data)}

    def _read(self, txn: Cursor, job: Job) -> bytes:
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        file = case_of(txn, job)
        context = scene.context(file.person)
        exported = export(definition_of(scene, file), file.case, context)
        organisation = scene.workplace.organisation
        seed = self._host.seed(f"envelope/{organisation}")
        key = envelope.signing_key(ENVELOPE_KEY_VERSION, seed)
        public = encode_base64(envelope.public_key(key))
        acts = self._host.act_heads
        subject = scene.sender.pseudonym(file.person)
        whole = {
            "org.veche.signed": exported,
            ACTS_KEY: acts.proof(
                txn, organisation, subject, self._host.now_ms(), case=file.case.id
            ),
            "signer": organisation,
            "keys": {f"ed25519:{ENVELOPE_KEY_VERSION}": public},
        }
        signed = acts.signer(organisation).sign_object(whole)
        return canonical(envelope.sign(signed, organisation, key))

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        file = case_of(txn, job)
        content = message.file(
            filename=job.payload["filename"],
            caption="",
            encrypted_file=result["file"],
            mimetype="application/json",
            size_bytes=result["size_bytes"],
        )
        scene.sender.say(file.person_room, content, locked_case(scene, file).ground)


class _Clock(ChatJob[OfficeParts]):
    """Rings."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._parts.conversation(txn, job.id, now_ms)
        timer = TimerKind(job.payload["timer"])
        take_step(scene, job.payload["case"], TimerFired(timer, job.payload["serial"]))


def _after(job: Job) -> str:
    return str(job.payload.get("after", ""))
