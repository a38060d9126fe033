"""What the agency does outside transactions: rooms, exports, clocks.

Each handler performs what can be repeated, and finishes in the transaction that removes the job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency import store
from appservices.agency.core.commands import ROOM_COMMANDS
from appservices.agency.core.export import export
from appservices.agency.core.inputs import (
    Rang,
    Return,
    RoomMade,
    Staff,
)
from appservices.agency.core.states import Role, TimerKind
from appservices.agency.service.cases import definition_of, matter_of, step_file, take_step
from appservices.agency.service.chats import CHAT_COMMANDS, greet, is_private, welcome
from appservices.agency.service.deeds import CLOCK, MAKE_ROOM, SEND_EXPORT
from appservices.agency.service.desk_deeds import POST_WAITING, post_waiting
from appservices.agency.service.desks import DESK_COMMANDS
from appservices.agency.service.page_acts import OPEN_CHAT
from appservices.agency.service.page_hearing import begin_on_page
from appservices.agency.service.scene import CATALOGUE
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.canonical import canonical
from veche.protocol.errors import RefusedError
from veche.protocol.ids import RoomId, UserId
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.matrix.rooms import WITHHELD, RoomPlan, introduced, join, leave
from veche.runtime.matrix.store import readers
from veche.runtime.widget import widget_state
from veche.transparency import envelope
from veche.transparency.act_proof import ACTS_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.agency.service.offices import Workplace
    from appservices.agency.service.scene import Scene
    from appservices.agency.store import CaseFile
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.commands import Command
    from veche.runtime.database import Cursor

JOIN: Final = "agency.join"
MAKE_DESK: Final = "agency.desk"
STAFF_LEFT: Final = "agency.left"
CASES_AT_ONCE: Final = 20
"""Cases that one job about many deals with in one transaction."""
ENVELOPE_KEY_VERSION: Final = "1"
WORKS_HERE_NO_LONGER: Final = "Does not work at this desk any more."
"""Why somebody of the staff is shown out; for the log of acts."""


@attrs.frozen
class Parts:
    """What the handlers share.

    Attributes:
        host: Client, database, devices.
        scene: Makes the scene of a transaction: cursor, bot, cause, moment.
        workplaces: By bot.
    """

    host: BotPorts
    scene: Callable[[Cursor, UserId, str, int], Scene]
    workplaces: Mapping[UserId, Workplace]

    def scene_of(self, txn: Cursor, job: Job, now_ms: int) -> Scene:
        """The scene of a job."""
        return self.scene(txn, UserId(job.payload["bot"]), job.id, now_ms)


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """The handler of each kind of job."""
    return {
        JOIN: _Join(parts),
        OPEN_CHAT: _OpenChat(parts),
        MAKE_DESK: _MakeDesk(parts),
        POST_WAITING: _PostWaiting(parts),
        STAFF_LEFT: _StaffLeft(parts),
        MAKE_ROOM: _MakeRoom(parts),
        SEND_EXPORT: _SendExport(parts),
        CLOCK: _Clock(parts),
    }


class Handler:
    """Base: nothing special when a job is refused."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._host = parts.host

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The job can never be done; it was logged."""


class _Join(Handler):
    """Goes into a chat that a person began."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        bot, room_id = UserId(job.payload["bot"]), RoomId(job.payload["room"])
        if (reason := job.payload.get("reason")) is not None:
            await leave(self._host.client, bot, room_id, reason)
            return {}
        await join(self._host.client, bot, self._host.device_id(bot), room_id)
        # What is said there is sealed for its members, so they must be known first.
        await self._host.rooms.look(bot, room_id)
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._parts.scene_of(txn, job, now_ms)
        bot, room_id = scene.sender.bot.user_id, RoomId(job.payload["room"])
        chat = store.chat(txn, bot, room_id)
        if chat is not None and not chat.is_greeted and "reason" not in job.payload:
            greet(scene, room_id, chat.person)


class _RoomHandler(Handler):
    async def _make(
        self,
        job: Job,
        name: str,
        commands: Sequence[Command],
        language: str,
        *more_state: Mapping[str, Any],
        power_levels: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        bot = UserId(job.payload["bot"])
        state = introduced(name, commands, bot, CATALOGUE, language)
        plan = RoomPlan(initial_state=(*state, *more_state), power_levels=power_levels)
        device = self._host.device_id(bot)
        return {"room": await self._host.rooms.create(bot, device, plan, job.id)}

    @property
    def _widget_url(self) -> str | None:
        links = self._host.links
        return links.widget() if links is not None else None


class _OpenChat(_RoomHandler):
    """Makes the chat of a person who began on a page, and begins there what they began."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        bot = UserId(job.payload["bot"])
        language, room_id = await self._host.database.run("agency.chat", self._read, job)
        if room_id is not None:
            return {"room": room_id}
        name = self._parts.workplaces[bot].office.name(language)
        widget = widget_state(self._widget_url, bot, name)
        return await self._make(job, name, CHAT_COMMANDS, language, *widget)

    def _read(self, txn: Cursor, job: Job) -> tuple[str, RoomId | None]:
        """The language of the person, and the chat that they have got meanwhile."""
        scene = self._parts.scene_of(txn, job, self._host.now_ms())
        person = UserId(job.payload["person"])
        chats = store.chats_of(txn, scene.sender.bot.user_id, person)
        return scene.language_of(person), next(
            (one for one in chats if is_private(scene, one, person)), None
        )

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.scene_of(txn, job, now_ms)
        bot, person = scene.sender.bot.user_id, UserId(job.payload["person"])
        room_id = RoomId(result["room"])
        store.end_page_chat(txn, bot, person)
        if store.chat(txn, bot, room_id) is None:
            store.keep_chat(txn, bot, room_id, person)
            store.set_greeted(txn, bot, room_id, is_greeted=True)
            scene.sender.set_membership(room_id, person, "invite", scene.ground(person))
            welcome(scene, room_id, person)
        for start in store.waiting_page_starts(txn, bot, person):
            act = attrs.evolve(scene, page_act=start.event_id)
            begin_on_page(act, person, room_id, start.service)


class _MakeDesk(_RoomHandler):
    """Makes the room of a desk and invites its staff."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        workplace = self._parts.workplaces[UserId(job.payload["bot"])]
        language = workplace.office.language
        desk = job.payload["desk"]
        localizer = workplace.context(0, language).staff
        name = localizer.text(
            "{office} · desk {desk}", office=workplace.office.name(language), desk=desk
        )
        # Who is let in here is for the office to say, not for everybody who works here.
        return await self._make(job, name, DESK_COMMANDS, language, power_levels=WITHHELD)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.scene_of(txn, job, now_ms)
        desk, room_id = job.payload["desk"], RoomId(result["room"])
        bot = scene.sender.bot.user_id
        store.keep_desk(txn, bot, desk, room_id)
        payload = {"bot": bot, "desk": desk}
        jobs.schedule(txn, Job(scene.sender.fresh_id(POST_WAITING), POST_WAITING, payload, now_ms))
        keep_staff_of(scene, desk, room_id, {})
        localizer = scene.workplace.context(now_ms, scene.workplace.office.language).staff
        words = localizer.text(
            "This is the desk {desk}. Cases come here, each in a thread of its own; take one, and"
            " decide it there.",
            desk=desk,
        )
        scene.tell(room_id, (message.Paragraph(words),), scene.desk_ground(), is_quiet=True)


def keep_staff_of(scene: Scene, desk: str, room_id: RoomId, former: Mapping[str, UserId]) -> None:
    """Invite who works at a desk and is not in its room; show out who does so no longer.

    Args:
        scene: The transaction.
        desk: The desk.
        room_id: Its room.
        former: Who does not work at the office any more.
    """
    present = {user_id for user_id, _ in readers(scene.txn, room_id)}
    wanted = {member.user_id for member in scene.workplace.at_desk(desk)}
    ours = {member.user_id for member in scene.workplace.members} | set(former.values())
    ground = attrs.evolve(scene.desk_ground(), why=WORKS_HERE_NO_LONGER)
    for user in sorted(wanted - present):
        scene.sender.set_membership(room_id, user, "invite", scene.desk_ground())
    for user in sorted((present & ours) - wanted):
        scene.sender.set_membership(room_id, user, "leave", ground)


class _Batch(Handler):
    """Deals with some cases a transaction, until there are no more."""

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._parts.scene_of(txn, job, now_ms)
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

    def deal_with(self, scene: Scene, job: Job, file: CaseFile) -> None:
        """Do it."""
        raise NotImplementedError


class _PostWaiting(_Batch):
    """Puts cases on a desk that waited for its room."""

    def cases(self, txn: Cursor, job: Job) -> list[str]:
        bot, desk = UserId(job.payload["bot"]), job.payload["desk"]
        if store.desk_room(txn, bot, desk) is None:
            return []
        return store.cases_waiting_for(txn, bot, desk, _after(job), CASES_AT_ONCE)

    def deal_with(self, scene: Scene, job: Job, file: CaseFile) -> None:  # noqa: ARG002 -- of the base
        matter = matter_of(scene, file)
        post_waiting(matter)
        store.save_case(scene.txn, matter.file)


class _StaffLeft(_Batch):
    """Gives the cases of somebody who left back to their desks."""

    def cases(self, txn: Cursor, job: Job) -> list[str]:
        bot, staff = UserId(job.payload["bot"]), job.payload["staff"]
        workplace = self._parts.workplaces[bot]
        if workplace.user_of(staff) is not None:
            return []  # they are back
        return store.cases_of_clerk(txn, bot, staff, _after(job), CASES_AT_ONCE)

    def deal_with(self, scene: Scene, job: Job, file: CaseFile) -> None:
        step_file(scene, file, Return(Staff(job.payload["staff"], Role.CLERK)))


class _MakeRoom(_RoomHandler):
    """Makes the room of a case and invites the person.

    Who is in the chat in which the case began may also join without an invitation: a person whose
    client takes none, or who has left, comes in by a link. In that chat is the person alone.
    """

    async def perform(self, job: Job) -> Mapping[str, Any]:
        language, chat_id = await self._host.database.run("agency.room", self._read, job)
        allow = [{"type": "m.room_membership", "room_id": chat_id}]
        rules = {"join_rule": "restricted", "allow": allow}
        joining = {"type": "m.room.join_rules", "state_key": "", "content": rules}
        bot, name = UserId(job.payload["bot"]), job.payload["name"]
        office = self._parts.workplaces[bot].office.name(language)
        widget = widget_state(self._widget_url, bot, office)
        return await self._make(job, name, ROOM_COMMANDS, language, joining, *widget)

    def _read(self, txn: Cursor, job: Job) -> tuple[str, RoomId]:
        scene = self._parts.scene_of(txn, job, self._host.now_ms())
        file = case_of(txn, job)
        return scene.language_of(file.person), file.chat_id

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.scene_of(txn, job, now_ms)
        room_id = RoomId(result["room"])
        # The card that may stand in the chat cannot be edited from another room.
        file = attrs.evolve(case_of(txn, job), room_id=room_id, card_effect=None)
        matter = matter_of(scene, file)
        scene.sender.set_membership(room_id, file.person, "invite", matter.ground)
        store.save_case(txn, file)
        step_file(scene, file, RoomMade())


class _SendExport(Handler):
    """Signs everything of a case and sends it as a file."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        data = await self._host.database.run("agency.export", self._read, job)
        bot = UserId(job.payload["bot"])
        file = await upload_encrypted(self._host.client, bot, data)
        return {"file": file, "size_bytes": len(data)}

    def _read(self, txn: Cursor, job: Job) -> bytes:
        scene = self._parts.scene_of(txn, job, self._host.now_ms())
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
            ACTS_KEY: acts.proof_of_case(
                txn, organisation, subject, file.case.id, self._host.now_ms()
            ),
            "signer": organisation,
            "keys": {f"ed25519:{ENVELOPE_KEY_VERSION}": public},
        }
        signed = acts.signer(organisation).sign_object(whole)
        return canonical(envelope.sign(signed, organisation, key))

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.scene_of(txn, job, now_ms)
        file = case_of(txn, job)
        content = message.file(
            filename=job.payload["filename"],
            caption="",
            encrypted_file=result["file"],
            mimetype="application/json",
            size_bytes=result["size_bytes"],
        )
        scene.sender.say(file.person_room, content, matter_of(scene, file).ground)


class _Clock(Handler):
    """Rings."""

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._parts.scene_of(txn, job, now_ms)
        timer = TimerKind(job.payload["timer"])
        take_step(scene, job.payload["case"], Rang(timer, job.payload["serial"]))


def _after(job: Job) -> str:
    return str(job.payload.get("after", ""))


def case_of(txn: Cursor, job: Job) -> CaseFile:
    """The case of a job, locked.

    Raises:
        RefusedError: There is none.
    """
    file = store.lock_case(txn, job.payload["case"])
    if file is None:
        raise RefusedError("there is no such case")
    return file
