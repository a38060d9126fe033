"""Rooms of disputes and escrows outside transactions: made, reminded in, left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.cases.service.talk import COMMANDS
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.disputes.core.dispute import LIVE, DisputeState
from appservices.payments.disputes.service import asking as dispute_asking
from appservices.payments.disputes.service import records as dispute_files
from appservices.payments.disputes.texts.dispute import Side
from appservices.payments.disputes.texts.room import dispute_name, dispute_reminder
from appservices.payments.escrows.core.escrow import HOLDING, EscrowState
from appservices.payments.escrows.service import asking as escrow_asking
from appservices.payments.escrows.service import records as escrow_files
from appservices.payments.escrows.texts.room import escrow_name, escrow_reminder
from appservices.payments.organisations.service.standing import clerks_of
from appservices.payments.rooms import service as case_rooms
from appservices.payments.rooms import store
from veche.bots import ChatJob
from veche.protocol.ids import RoomId
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.rooms import WITHHELD, RoomPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.rooms.store import Kind
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

_NOT_THERE: Final = frozenset({403, 404})


class MakeRoom(ChatJob[Parts]):
    """Makes the room, invites everybody, shows how it stands and asks what is to be answered."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make it, or find the one that an earlier attempt made; none if it is over by now."""
        named = await self._host.database.run("payments.case_room", self._read, job)
        if named is None:
            return {"room": None}
        name, language = named
        commands = COMMANDS[job.payload["kind"]]
        return await self.make_room(job, name, commands, language, RoomPlan(power_levels=WITHHELD))

    def _read(self, txn: Cursor, job: Job) -> tuple[str, str] | None:
        """Name and language of the room; None if nothing is to be talked about any more."""
        scene = self._parts.conversation(txn, job.id, self._host.now_ms())
        if job.payload["kind"] == "dispute":
            case = dispute_files.lock(scene, job.payload["matter"])
            if case is None or case.dispute.state not in LIVE:
                return None
            localizer = dispute_asking.room_localizer(scene, case)
            return dispute_name(case.view.number, localizer), localizer.language
        deal = escrow_files.lock(scene, job.payload["matter"])
        if deal is None or deal.escrow.state not in HOLDING:
            return None
        localizer = escrow_asking.room_localizer(scene, deal)
        return escrow_name(deal.view.number, localizer), localizer.language

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Invite, show, ask; it happens once, with the row."""
        if result["room"] is None:
            return
        scene, wanted = self._parts.conversation(txn, job.id, now_ms), job.payload
        open_room(scene, wanted["kind"], wanted["matter"], RoomId(result["room"]))


def open_room(scene: Conversation, kind: Kind, matter_id: str, room_id: RoomId) -> None:
    """Have those in a room that was made who take part, with the card and the questions."""
    opened = _open_dispute if kind == "dispute" else _open_escrow
    opened(scene, matter_id, room_id)


def _open_dispute(scene: Conversation, dispute_id: str, room_id: RoomId) -> None:
    case = dispute_files.lock(scene, dispute_id)
    assert case is not None, "disputes are kept"  # noqa: S101 -- our bug
    place = store.keep(scene.txn, "dispute", dispute_id, room_id, scene.now_ms)
    sides = [one for _, one in case.sides(scene)]
    case_rooms.let_in(scene, place, [*sides, *case.judges(scene)])
    dispute_asking.show_card(scene, case, place)
    for side, person in dispute_asking.everybody(scene, case):
        dispute_asking.ask_in_room(scene, case, side, person)


def _open_escrow(scene: Conversation, escrow_id: str, room_id: RoomId) -> None:
    deal = escrow_files.lock(scene, escrow_id)
    assert deal is not None, "escrows are kept"  # noqa: S101 -- our bug
    place = store.keep(scene.txn, "escrow", escrow_id, room_id, scene.now_ms)
    clerks = clerks_of(scene, deal.view.seller)
    case_rooms.let_in(scene, place, [*escrow_asking.persons(deal), *clerks])
    escrow_asking.show_card(scene, deal, place)
    for voter in deal.escrow.voters:
        escrow_asking.ask_in_room(scene, deal, voter)


class Remind(ChatJob[Parts]):
    """Says that the time of a state is nearly over, if it still is that state."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Say it to those who are to answer."""
        scene, wanted = self._parts.conversation(txn, job.id, now_ms), job.payload
        remind(scene, wanted["kind"], wanted["matter"], wanted["due_at_ms"])


def remind(scene: Conversation, kind: Kind, matter_id: str, due_at_ms: int) -> None:
    """Say in the room that the time of a state is nearly over, unless it has another one now."""
    reminded = _remind_dispute if kind == "dispute" else _remind_escrow
    reminded(scene, matter_id, due_at_ms)


def _remind_dispute(scene: Conversation, dispute_id: str, due_at_ms: int) -> None:
    case = dispute_files.lock(scene, dispute_id)
    place = case_rooms.of_matter(scene, dispute_id)
    if case is None or place is None or case.dispute.due_at_ms != due_at_ms:
        return
    state = case.dispute.state
    if state in LIVE:
        sides = [
            one
            for side, one in case.sides(scene)
            if state is DisputeState.DECIDED or side is Side.PAYEE
        ]
        asked = case.desk(scene) or sides
        doc = dispute_reminder(case.view, dispute_asking.room_localizer(scene, case))
        case_rooms.ring(scene, place, asked, doc)


def _remind_escrow(scene: Conversation, escrow_id: str, due_at_ms: int) -> None:
    deal = escrow_files.lock(scene, escrow_id)
    place = case_rooms.of_matter(scene, escrow_id)
    if deal is None or place is None or deal.escrow.due_at_ms != due_at_ms:
        return
    if deal.escrow.state is EscrowState.FUNDED:
        silent = (deal.person_of(one) for one in deal.escrow.voters if one.to_seller is None)
        asked = [one for one in silent if one is not None]
        doc = escrow_reminder(deal.view, escrow_asking.room_localizer(scene, deal))
        case_rooms.ring(scene, place, asked, doc)


class LeaveRoom(ChatJob[Parts]):
    """The bot goes; the room stays with the people."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Go out; not being there is fine."""
        where = path("rooms", job.payload["room"], "leave")
        try:
            await self._host.client.call("POST", where, user=self._bot, body={})
        except MatrixError as e:
            if e.status not in _NOT_THERE:
                raise
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Note that it is not there."""
        store.set_left(txn, RoomId(job.payload["room"]))
