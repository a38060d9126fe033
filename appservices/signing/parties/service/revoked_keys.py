"""Effects of a revoked key on what it approved and nobody has signed yet.

Nothing of it counts any more, wherever it is handed in: that is looked at there. Here certificates
by which nothing was signed are revoked, as their keys are in browsers and could sign elsewhere; and
those who wait for each other are told.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.core.issuing import Revoked, revocation_list
from appservices.signing.certificates import store as certificates
from appservices.signing.parties.service import acting
from appservices.signing.parties.texts import delegation_doc, identified_doc, unsigned_doc
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.store import sessions
from veche.access.approvals import revocation_kind, revoked_among
from veche.bots import ChatJob
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.certificates.store import Issued
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.messaging.jobs import Job, JobHandler
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """The handler of the job by which the bot hears of revoked keys."""
    return {revocation_kind(parts.bot.user_id): _Revoked(parts)}


class _Revoked(ChatJob[Parts]):
    """A person has revoked a key."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Sign the lists that say that certificates count no more."""
        person = UserId(job.payload["person"])
        unused = await self._host.database.run("signing.unused", _unused, person)
        made = {}
        if unused:
            now = dt.datetime.fromtimestamp(self._host.now_ms() // 1000, dt.UTC)
            authorities = self._parts.authorities
            made = await self._parts.pool.run(_lists, authorities, unused, now)
        return {"lists": made}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Revoke certificates; tell who acts, or lets act, by what counts no more."""
        for serial, made in result["lists"].items():
            certificates.revoke(txn, serial, made, now_ms)
            logger.info("certificate %x is revoked with the key that approved it", serial)
        scene = self._parts.conversation(txn, job.id, now_ms)
        person = UserId(job.payload["person"])
        for id_ in sessions.relying_on(txn, person):
            session = scene.session(id_)
            if session is not None:
                _tell(scene, session, person)


def _unused(txn: Cursor, person: UserId) -> list[Issued]:
    """The certificates of a person that revoked keys have approved and that signed nothing."""
    found = certificates.unused_of(txn, person)
    void = revoked_among(txn, [one.nonce for one in found])
    return [one for one in found if one.nonce in void]


def _lists(
    authorities: Authorities, unused: Sequence[Issued], now: dt.datetime
) -> dict[int, bytes]:
    """Sign a list for each, by which it never counted; it blocks, so call it in a thread."""
    made = {}
    for one in unused:
        held = x509.load_der_x509_certificate(one.certificate)
        why = Revoked(held.not_valid_before_utc, x509.ReasonFlags.key_compromise)
        listed = revocation_list(authorities.issuing, held, now, why)
        made[one.serial] = listed.public_bytes(Encoding.DER)
    return made


def _tell(scene: Conversation, session: Session, person: UserId) -> None:
    """Tell those who wait in a document for what does not count any more."""
    for member in filter(acting.can_act, session.members):
        if member.person == person and _has_begun(scene, session, member):
            _say(scene, person, unsigned_doc(session, scene.localizer(person)))
        of = next((one for one in session.members if one.delegated_to == member.id), None)
        if of is not None and of.person == person and not acting.may_act(scene, session, member):
            _say(scene, person, delegation_doc(session, member, scene.localizer(person)))
        if acting.was_seen_by_revoked(scene, member):
            for one in dict.fromkeys((person, session.requester)):
                if one.startswith("@"):
                    localizer = scene.localizer(UserId(one))
                    _say(scene, UserId(one), identified_doc(session, member, localizer))


def _has_begun(scene: Conversation, session: Session, member: Member) -> bool:
    """Return whether a party began to sign by an approval that no longer counts."""
    found = certificates.of_party(scene.txn, session.id, member.id)
    return bool(revoked_among(scene.txn, [one.nonce for one in found]))


def _say(scene: Conversation, person: UserId, doc: Doc) -> None:
    room_id = scene.chat_of(person)
    if room_id is not None:
        scene.tell(room_id, person, doc)
