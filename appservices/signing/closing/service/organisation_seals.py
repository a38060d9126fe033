"""Putting the seal of an organisation on a document, once its turn in the session has come.

By policy, not by a gesture: who may order it stands in the configuration. Each time is an act, and
a seal never stands for a person.

The time in a seal is when its turn came, not when it was begun: so whoever begins it anew, after a
process was killed or a stamp was not to be had, prepares the same bytes, which are known in the log
already. That time is only told; when it was sealed, the stamp proves.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.keys.document_cipher import encrypt, increment_of
from appservices.signing.parties.service import acting
from appservices.signing.places.core.appearance import look_of, look_that_fits
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.conversation import CATALOGUE, PURPOSE, Parts
from appservices.signing.sessions.service.ending import SEAL
from appservices.signing.sessions.service.files import read_kept
from appservices.signing.sessions.store import revisions
from appservices.signing.sessions.store.revisions import Revision
from appservices.signing.sessions.store.signatures import Signature
from appservices.signing.stamps.store import add_seal, has_seal
from veche.acts import spend
from veche.bots import ChatJob
from veche.chat.sending import Ground
from veche.documents.asic import container
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import NewField, Proofs, prepare_signature, room_for_signature
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.acts import ActClass, call_form
from veche.protocol.errors import RefusedError
from veche.protocol.ids import effect_id
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.files import Grow, Kept
    from veche.documents.pdf.signing import Prepared
    from veche.runtime.database import Cursor

BASIS = "policy of the organisation for its seal"


class PutSeal(ChatJob[Parts]):
    """Puts a seal on the file of a session."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Prepare the revision; what signs it is used in the transaction that records it."""
        kept = await self._host.database.run(
            "signing.seal", read_kept, self._parts, job.payload["session"]
        )
        member = _to_seal(kept.session, job.payload["party"])
        if member is None:
            return {}
        reactor = self._host.reactor
        # Of a job that an earlier release has ordered: when it was due.
        at_ms = job.payload.get("at_ms", job.due_at_ms)
        prepared, grow = await in_thread(reactor, _prepare, self._parts, kept, member, at_ms)
        # What is sealed is known in the log before the seal leaves the key.
        run = self._host.database.run
        await run("signing.seal_record", self._record, job, kept, prepared.digest)
        now_ms = self._host.now_ms()
        sealed = await self._parts.pool.run(
            self._parts.seals.seal, member.person, prepared.digest, now_ms
        )
        increment = prepared.filled(decode_base64(sealed.signature))
        sha256 = await in_thread(reactor, _sha256, grow, increment)
        return {"increment": increment, "sha256": sha256, "revision": kept.session.revision}

    def _record(self, txn: Cursor, job: Job, kept: Kept, digest: bytes) -> None:
        """Commit the act, and the record of the seal, once."""
        session, now_ms = kept.session, self._host.now_ms()
        member = session.member(job.payload["party"])
        assert member is not None, "its turn has come"  # noqa: S101 -- our bug
        reference = f"session {session.id}"
        if has_seal(txn, member.person, digest, reference):
            return
        scene = self._parts.conversation(txn, f"{job.id} {digest.hex()}", now_ms)
        form = call_form(
            "signing", "seal", session=session.id, digest=encode_base64(digest), by=member.person
        )
        ground = Ground(None, PURPOSE, BASIS, case=session.id)
        spend(txn, scene.sender.commit(ActClass.SEAL, form, ground), form)
        add_seal(txn, member.person, digest, reference, now_ms)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep it, unless somebody has signed meanwhile: then it is made anew."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        member = None if session is None else _to_seal(session, job.payload["party"])
        if session is None or member is None:
            return
        if not result or result["revision"] != session.revision:
            again = job.payload.get("again", 0) + 1
            payload = {**job.payload, "again": again, "at_ms": now_ms}
            id_ = effect_id(SEAL, session.id, member.id, again)
            jobs.schedule(txn, Job(id_, SEAL, payload, now_ms))
            return
        _keep(scene, session, member, result["increment"], result["sha256"])

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """The organisation has no seal here any more: its party lapses, and all are told."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        if session is not None:
            acting.lapsed(scene, session, job.payload["party"])


def _to_seal(session: Session, party: str) -> Member | None:
    """The party, if a seal is still to be put for them."""
    if session.state is not State.OPEN:
        return None
    try:
        return acting.able(session, party)
    except RefusedError:
        return None


def _prepare(
    parts: Parts, kept: Kept, member: Member, at_ms: int
) -> tuple[Prepared | container.Prepared, Grow]:
    """The revision without its seal, and how the file is with one; the same bytes each time."""
    view = parts.seals.view(member.person, parts.host.now_ms())
    proofs = Proofs(
        [decode_base64(one) for one in view.certificates],
        [decode_base64(one) for one in view.lists],
    )
    if kept.session.has_container:
        step = container.prepare(kept.container(), [kept.session.subject.kind])
        return step.carrying(proofs), kept.container
    pdf = kept.whole()
    document, room = Document(pdf), room_for_signature(proofs.certificates)
    words = look_of(CATALOGUE, parts.section.language, Role.SEAL.value, Level.SEAL.value)
    if kept.session.subject.before is not None:
        field = NewField(member.field)
        made = prepare_signature(document, field, proofs, view.name, at_ms, bytes_max=room)
        return made, pdf.__add__
    look = look_that_fits(document, member.field, view.name, words)
    prepared = prepare_signature(
        document, member.field, proofs, view.name, at_ms, look=look, bytes_max=room
    )
    return prepared, pdf.__add__


def _sha256(grow: Grow, increment: bytes) -> bytes:
    return hashlib.sha256(grow(increment)).digest()


def _keep(
    scene: Conversation, session: Session, member: Member, increment: bytes, sha256: bytes
) -> None:
    head, number = session.head_sha256, session.revision + 1
    assert head is not None, "an open session has a document"  # noqa: S101 -- our bug
    revision = Revision(
        number=number,
        party=member.id,
        previous_sha256=head,
        sha256=sha256,
        size=len(increment),
        increment=encrypt(session.subject.key, increment, increment_of(number)),
        at_ms=scene.now_ms,
    )
    revisions.add(scene.txn, session.id, revision)
    session = attrs.evolve(session, revision=number, head_sha256=sha256)
    signature = Signature(member.id, Level.SEAL, scene.now_ms, revision=number)
    acting.signed(scene, session, member.id, signature)
