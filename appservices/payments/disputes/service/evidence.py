"""Files that a side of a dispute sends in its chat, or in the room: fetched, hashed, evidence.

Nothing of a file is kept here but its hash and, sealed, where it is and what opens it: the others
get the same file from there. The hash is that of what is in it, so anybody who has the file can see
that it is the one.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.sent_files import (
    FileProblem,
    LookAtFile,
    caption,
    claims_of,
    is_file,
    payload_of,
)
from appservices.payments.disputes.core.dispute import LIVE
from appservices.payments.disputes.core.evidence import FILE_BYTES_MAX, FILES_MAX, Evidence
from appservices.payments.disputes.service import asking
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.service.evidence_files import looked_at
from appservices.payments.disputes.store import disputes as store
from appservices.payments.disputes.store import evidence as rows
from appservices.payments.disputes.store.evidence import EvidenceRow
from appservices.payments.disputes.texts.evidence import (
    EvidenceProblem,
    evidence_doc,
    evidence_problem_doc,
    sent_doc,
)
from appservices.payments.organisations.service.standing import holders_of
from appservices.payments.rooms import service as case_rooms
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.ids import RoomId, UserId, effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.service.records import Case
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

SENT: Final = "evidence"
"""What an organisation hears when the payer has sent a file."""
TAKE: Final = "payments.evidence"
"""Job: fetches a file and makes it evidence."""


def take(scene: Conversation, inbound: Inbound) -> bool:
    """A person may have sent a file: fetch it as evidence, or say why not; False if it is none."""
    if not is_file(inbound):
        return False
    found = _dispute_of(scene, inbound.sender, caption(inbound))
    if isinstance(found, EvidenceProblem):
        _tell(scene, inbound.room_id, inbound.sender, found)
    else:
        take_for(scene, inbound, found)
    return True


def take_for(scene: Conversation, inbound: Inbound, dispute_id: str) -> None:
    """Fetch a file as evidence of a dispute, or say why not."""
    claims = claims_of(scene, inbound, FILE_BYTES_MAX)
    if isinstance(claims, FileProblem):
        _tell(scene, inbound.room_id, inbound.sender, EvidenceProblem(claims.value))
        return
    payload = {"dispute": dispute_id, **payload_of(scene, inbound, claims)}
    id_ = effect_id(TAKE, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, TAKE, payload, scene.now_ms))


def of_case(scene: Conversation, case: Case) -> list[Evidence]:
    """The evidence of a dispute, as it came."""
    return cases.evidence_of(scene, case.dispute.id)


def send(scene: Conversation, case: Case, person: UserId, wanted: Sequence[Evidence]) -> None:
    """Send files to one who may see the dispute, each with what it is.

    They come into their chat; who has none, and is in the room of the dispute, gets them there.
    """
    room_id = scene.chat_of(person) or case_rooms.room_with(scene, case.dispute.id, person)
    if room_id is None:
        return
    localizer = scene.localizer(person)
    for one in wanted:
        scene.tell(room_id, person, _sent_doc(case, one, localizer))
        scene.sender.say(room_id, _content(one), scene.ground(person))


def send_all(scene: Conversation, case: Case, person: UserId) -> None:
    """Send one who may see the dispute all its evidence."""
    send(scene, case, person, of_case(scene, case))


class TakeEvidence(LookAtFile):
    """Fetches a file, and makes it evidence."""

    bytes_max = FILE_BYTES_MAX

    def look(self, content: bytes, mimetype: str) -> Mapping[str, Any]:
        """Hash, size and kind of what is in a file."""
        return looked_at(content, mimetype)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep it, and hand it to the others; or say why not."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(job.payload["room"])
        if "problem" in result:
            _tell(scene, room_id, person, EvidenceProblem(result["problem"]))
            return
        case = cases.lock(scene, job.payload["dispute"])
        side = case.side_of(person, scene) if case is not None else None
        if case is None or side is None:
            return
        holder_id = case.holder_of(side)
        problem = keep(scene, case, holder_id, {**self.claims(job), **result})
        if problem is not None:
            _tell(scene, room_id, person, problem)
            return
        hand_on(scene, case.dispute.id, person, room_id)


def hindrance(scene: Conversation, case: Case, holder_id: int) -> EvidenceProblem | None:
    """Why a side cannot send a file now; None if it can.

    Args:
        scene: The transaction.
        case: The dispute.
        holder_id: Number of that side.
    """
    if case.dispute.state not in LIVE:
        return EvidenceProblem.TOO_LATE
    before = rows.of_dispute(scene.txn, case.dispute.id)
    is_full = sum(one.by == holder_id for one in before) >= FILES_MAX
    return EvidenceProblem.TOO_MANY if is_full else None


def keep(
    scene: Conversation, case: Case, holder_id: int, found: Mapping[str, Any]
) -> EvidenceProblem | None:
    """Make a file that lies with the homeserver evidence; or why it is none.

    Args:
        scene: The transaction.
        case: The dispute, locked.
        holder_id: Number of the side that sends it.
        found: Name, kind, hash, size, and what opens it.
    """
    problem = hindrance(scene, case, holder_id)
    if problem is not None:
        return problem
    sealed = {name: found[name] for name in ("name", "mimetype", "file")}
    row = EvidenceRow(
        n=len(rows.of_dispute(scene.txn, case.dispute.id)) + 1,
        by=holder_id,
        sha256=bytes.fromhex(found["sha256"]),
        size_bytes=found["size_bytes"],
        sealed=scene.vault.seal(sealed),
        at_ms=scene.now_ms,
    )
    return None if rows.add(scene.txn, case.dispute.id, row) else EvidenceProblem.TWICE


def hand_on(
    scene: Conversation, dispute_id: str, sender: UserId | None, room_id: RoomId | None = None
) -> None:
    """Tell who sent the newest file that it counts; give it to the others who see the dispute.

    Args:
        scene: The transaction.
        dispute_id: Of which dispute.
        sender: The person who sent it; None: an organisation did.
        room_id: The room in which they sent it; None: it came from elsewhere.
    """
    case = cases.lock(scene, dispute_id)
    assert case is not None, "it has evidence"  # noqa: S101 -- our bug
    newest = of_case(scene, case)[-1]
    told = room_id or (scene.chat_of(sender) if sender is not None else None)
    if sender is not None and told is not None:
        doc = evidence_doc(newest, case.view.number, scene.localizer(sender))
        scene.tell(told, sender, doc)
    place = case_rooms.of_matter(scene, case.dispute.id)
    there = case_rooms.joined(scene, place) if place is not None else set()
    if place is not None:
        asking.show_card(scene, case, place)
        if place.room_id != room_id:
            case_rooms.say(
                scene, place, _sent_doc(case, newest, asking.room_localizer(scene, case))
            )
            case_rooms.put(scene, place, _content(newest))
    for _, other in asking.everybody(scene, case):
        if other != sender and other not in there:
            send(scene, case, other, [newest])
        # Who reads it in the room has a page too.
        scene.announce_change(other)
    if newest.by == case.dispute.payer and case.view.payee.person is None:
        asking.tell_organisation(scene, case, SENT)


def _sent_doc(case: Case, evidence: Evidence, localizer: Localizer) -> Doc:
    sender = case.view.payer if evidence.by == case.dispute.payer else case.view.payee
    return sent_doc(evidence, sender.name, case.view.number, localizer)


def _content(evidence: Evidence) -> message.Content:
    return message.file(
        filename=evidence.name,
        caption="",
        encrypted_file=evidence.file,
        mimetype=evidence.mimetype,
        size_bytes=evidence.size_bytes,
    )


def _dispute_of(scene: Conversation, person: UserId, words: str) -> str | EvidenceProblem:
    """To which dispute a file belongs: the one that its caption names, else the only one."""
    holders = holders_of(scene, person)
    live = [one for holder in holders for one in store.live_of(scene.txn, holder)]
    for word, holder in itertools.product(words.upper().split(), holders):
        named = store.numbered(scene.txn, holder, word)
        if named in live:
            return str(named)
    if len(live) > 1:
        return EvidenceProblem.WHICH
    return live[0] if live else EvidenceProblem.NO_DISPUTE


def _tell(scene: Conversation, room_id: RoomId, person: UserId, problem: EvidenceProblem) -> None:
    scene.tell(room_id, person, evidence_problem_doc(problem, scene.localizer(person)))
