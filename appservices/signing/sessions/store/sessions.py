"""SQL of sessions and their parties."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.evidence.core.handwriting import HandRecord
from appservices.signing.places.core.places import Area, Place, Row, Side
from appservices.signing.sessions.core.guests import Identified, Papers, Registrar, Written
from appservices.signing.sessions.core.parties import Party, PartyState, Role, Stage
from appservices.signing.sessions.core.records import (
    Before,
    Clause,
    ClauseKind,
    Member,
    Mode,
    Paper,
    Session,
    SessionEffect,
    Subject,
)
from appservices.signing.sessions.core.session import State
from veche.protocol.ids import EffectId, RoomId, Ulid, UserId
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

_SESSION: Final = (
    "id, state, requester, room_id, effect, level_min, may_delegate, stages, sealed,"
    " document_sha256, size, pages, blob_sha256, revision, head_sha256, final_sha256,"
    " deadline_at_ms, made_at_ms, sent_at_ms, ended_at_ms, closed_at_ms, mode, title_sha256"
)
_PARTY: Final = (
    "id, person, role, state, witness_of, field, level_min, sealed, deadline_at_ms, delegated_to,"
    " room_id, card"
)


def add(txn: Cursor, vault: Vault, session: Session) -> None:
    """Keep a new session with its parties."""
    txn.execute(
        "INSERT INTO signing.session (id, state, requester, room_id, effect, level_min,"
        " may_delegate, stages, sealed, deadline_at_ms, made_at_ms, mode, title_sha256)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            session.id,
            session.state.value,
            session.requester,
            session.room_id,
            session.effect.value,
            session.level_min.value,
            session.may_delegate,
            json.dumps(_stages(session.stages)),
            _sealed_subject(vault, session.subject),
            session.deadline_at_ms,
            session.made_at_ms,
            session.mode.value,
            session.title_sha256,
        ),
    )
    _save_members(txn, vault, session, session.made_at_ms)


def add_once(
    txn: Cursor, vault: Vault, session: Session, key: str, sha256: bytes
) -> tuple[Ulid, bytes] | None:
    """Keep a new session of an organisation, once for each of its keys.

    Args:
        txn: The transaction.
        vault: Seals.
        session: The new one.
        key: ``Idempotency-Key``.
        sha256: Of what was asked.

    Returns:
        None: it is kept. Else the id of the session that is there under the key, and the digest of
        what was asked then.
    """
    txn.execute(
        "SELECT pg_advisory_xact_lock(hashtext(%s))", (f"signing {session.requester} {key}",)
    )
    txn.execute(
        "SELECT id, caller_sha256 FROM signing.session WHERE requester = %s AND caller_key = %s",
        (session.requester, key),
    )
    row = txn.fetchone()
    if row is not None:
        return Ulid(row[0]), bytes(row[1])
    add(txn, vault, session)
    txn.execute(
        "UPDATE signing.session SET caller_key = %s, caller_sha256 = %s WHERE id = %s",
        (key, sha256, session.id),
    )
    return None


def read(txn: Cursor, vault: Vault, session_id: str) -> Session | None:
    """A session; None: there is no such."""
    return _read(txn, vault, session_id, "")


def lock(txn: Cursor, vault: Vault, session_id: str) -> Session | None:
    """A session, which nobody else steps until the transaction ends; None: there is no such."""
    return _read(txn, vault, session_id, " FOR UPDATE")


def save(txn: Cursor, vault: Vault, session: Session, now_ms: int) -> None:
    """Keep a session that is locked, with its parties."""
    paper = session.paper
    txn.execute(
        "UPDATE signing.session SET state = %s, effect = %s, level_min = %s, may_delegate = %s,"
        " stages = %s, sealed = %s, document_sha256 = %s, size = %s, pages = %s, blob_sha256 = %s,"
        " revision = %s, head_sha256 = %s, final_sha256 = %s, deadline_at_ms = %s,"
        " sent_at_ms = %s, ended_at_ms = %s, closed_at_ms = %s WHERE id = %s",
        (
            session.state.value,
            session.effect.value,
            session.level_min.value,
            session.may_delegate,
            json.dumps(_stages(session.stages)),
            _sealed_subject(vault, session.subject),
            None if paper is None else paper.sha256,
            None if paper is None else paper.size,
            None if paper is None else paper.pages,
            None if paper is None else paper.blob_sha256,
            session.revision,
            session.head_sha256,
            session.final_sha256,
            session.deadline_at_ms,
            session.sent_at_ms,
            session.ended_at_ms,
            session.closed_at_ms,
            session.id,
        ),
    )
    _save_members(txn, vault, session, now_ms)


def of_requester(txn: Cursor, requester: str, count: int) -> list[Ulid]:
    """The sessions that somebody asked for, the newest first."""
    txn.execute(
        "SELECT id FROM signing.session WHERE requester = %s ORDER BY made_at_ms DESC LIMIT %s",
        (requester, count),
    )
    return [Ulid(one) for (one,) in txn.fetchall()]


def of_person(txn: Cursor, person: UserId, count: int) -> list[Ulid]:
    """The sessions in which somebody is or was a party, without drafts, the newest first."""
    txn.execute(
        "SELECT DISTINCT s.id, s.made_at_ms FROM signing.session s"
        " JOIN signing.party p ON p.session_id = s.id"
        " WHERE p.person = %s AND s.state <> 'draft' ORDER BY s.made_at_ms DESC LIMIT %s",
        (person, count),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]


def waiting_for(txn: Cursor, person: UserId, count: int) -> list[Ulid]:
    """The open sessions in which somebody is asked for something, the oldest first."""
    txn.execute(
        "SELECT DISTINCT s.id, s.sent_at_ms FROM signing.session s"
        " JOIN signing.party p ON p.session_id = s.id"
        " WHERE p.person = %s AND p.state IN ('invited', 'viewed') AND s.state = 'open'"
        " ORDER BY s.sent_at_ms, s.id LIMIT %s",
        (person, count),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]


def relying_on(txn: Cursor, person: UserId) -> list[Ulid]:
    """The open sessions in which somebody is a party, or says who signs in person."""
    txn.execute(
        "SELECT id FROM signing.session s WHERE state = 'open' AND (EXISTS"
        " (SELECT 1 FROM signing.party p WHERE p.session_id = s.id AND p.person = %s) OR EXISTS"
        " (SELECT 1 FROM signing.meeting m WHERE m.session_id = s.id AND m.registrar = %s))"
        " ORDER BY id",
        (person, person),
    )
    return [Ulid(row[0]) for row in txn.fetchall()]


def forgettable(
    txn: Cursor,
    mode: Mode,
    warned: str,
    closed_before_ms: int,
    now: tuple[int, int],
    count: int,
) -> list[str]:
    """Ids of closed documents of which something is to be done, the longest closed first.

    Args:
        txn: The transaction.
        mode: Those of it.
        warned: The event by which their people were told.
        closed_before_ms: What was closed before is kept no longer, UTC.
        now: The moment, UTC, and for how long before they are told, milliseconds.
        count: How many at most.
    """
    now_ms, warned_ms = now
    txn.execute(
        "SELECT s.id FROM signing.session s LEFT JOIN LATERAL ("
        "  SELECT min(e.at_ms) AS at_ms FROM signing.event e"
        "  WHERE e.session_id = s.id AND e.what = %s) AS told ON true"
        " WHERE s.mode = %s AND s.closed_at_ms <= %s"
        " AND (told.at_ms IS NULL OR (told.at_ms <= %s AND s.closed_at_ms <= %s))"
        " AND EXISTS (SELECT 1 FROM signing.blob b"
        "  WHERE b.session_id = s.id AND b.kind = 'document')"
        " ORDER BY s.closed_at_ms, s.id LIMIT %s",
        (
            warned,
            mode.value,
            closed_before_ms + warned_ms,
            now_ms - warned_ms,
            closed_before_ms,
            count,
        ),
    )
    return [row[0] for row in txn.fetchall()]


def late_drafts(txn: Cursor, now_ms: int, count: int) -> list[str]:
    """Ids of drafts of organisations that cannot be sent any more: their time is over."""
    txn.execute(
        "SELECT id FROM signing.session WHERE state = 'draft' AND deadline_at_ms <= %s"
        " AND requester NOT LIKE '@%%' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (now_ms, count),
    )
    return [row[0] for row in txn.fetchall()]


def drafts_of(txn: Cursor, requester: str) -> int:
    """How many drafts somebody has."""
    txn.execute(
        "SELECT count(*) FROM signing.session WHERE requester = %s AND state = 'draft'",
        (requester,),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def of_file(txn: Cursor, sha256: bytes) -> Ulid | None:
    """The session whose closed file has a digest."""
    txn.execute("SELECT id FROM signing.session WHERE final_sha256 = %s", (sha256,))
    row = txn.fetchone()
    return Ulid(row[0]) if row else None


def drop(txn: Cursor, session_id: str) -> None:
    """Forget a draft that was never sent."""
    txn.execute("DELETE FROM signing.session WHERE id = %s AND state = 'draft'", (session_id,))


def _read(txn: Cursor, vault: Vault, session_id: str, locking: str) -> Session | None:
    txn.execute(f"SELECT {_SESSION} FROM signing.session WHERE id = %s{locking}", (session_id,))  # noqa: S608 -- constants
    row = txn.fetchone()
    if row is None:
        return None
    query = f"SELECT {_PARTY} FROM signing.party WHERE session_id = %s ORDER BY place"  # noqa: S608 -- a constant
    txn.execute(query, (row[0],))
    return _session(vault, row, tuple(_member(vault, one) for one in txn.fetchall()))


def _save_members(txn: Cursor, vault: Vault, session: Session, now_ms: int) -> None:
    txn.execute(
        "DELETE FROM signing.party WHERE session_id = %s AND NOT id = ANY (%s)",
        (session.id, [one.id for one in session.members]),
    )
    for place, one in enumerate(session.members):
        txn.execute(
            "INSERT INTO signing.party (session_id, place, id, person, role, state, witness_of,"
            " field, level_min, sealed, deadline_at_ms, delegated_to, room_id, card, changed_at_ms)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (session_id, id) DO UPDATE SET (place, person, role, state, witness_of,"
            " field, level_min, sealed, deadline_at_ms, delegated_to, room_id, card, changed_at_ms)"
            " = (EXCLUDED.place, EXCLUDED.person, EXCLUDED.role, EXCLUDED.state,"
            " EXCLUDED.witness_of, EXCLUDED.field, EXCLUDED.level_min, EXCLUDED.sealed,"
            " EXCLUDED.deadline_at_ms, EXCLUDED.delegated_to, EXCLUDED.room_id, EXCLUDED.card,"
            " EXCLUDED.changed_at_ms)",
            (
                session.id,
                place,
                one.id,
                one.person,
                one.party.role.value,
                one.party.state.value,
                one.party.of,
                one.field or None,
                one.level_min.value,
                _sealed_member(vault, one),
                one.deadline_at_ms,
                one.delegated_to or None,
                one.room_id,
                one.card,
                now_ms,
            ),
        )


def _session(vault: Vault, row: Sequence[Any], members: tuple[Member, ...]) -> Session:
    paper = None
    if row[12] is not None:
        paper = Paper(sha256=bytes(row[9]), size=row[10], pages=row[11], blob_sha256=bytes(row[12]))
    return Session(
        id=Ulid(row[0]),
        state=State(row[1]),
        requester=row[2],
        room_id=None if row[3] is None else RoomId(row[3]),
        effect=SessionEffect(row[4]),
        level_min=Level(row[5]),
        may_delegate=row[6],
        stages=tuple(Stage(tuple(one["parties"]), one["need"]) for one in row[7]),
        members=members,
        subject=_subject(vault, bytes(row[8])),
        paper=paper,
        revision=row[13],
        head_sha256=None if row[14] is None else bytes(row[14]),
        final_sha256=None if row[15] is None else bytes(row[15]),
        deadline_at_ms=row[16],
        made_at_ms=row[17],
        sent_at_ms=row[18],
        ended_at_ms=row[19],
        closed_at_ms=row[20],
        mode=Mode(row[21]),
        title_sha256=None if row[22] is None else bytes(row[22]),
    )


def _member(vault: Vault, row: Sequence[Any]) -> Member:
    told = vault.open(bytes(row[7]))
    return Member(
        party=Party(row[0], Role(row[2]), PartyState(row[3]), row[4]),
        person=row[1],
        name=told["name"],
        field=row[5] or "",
        level_min=Level(row[6]),
        deadline_at_ms=row[8],
        delegated_to=row[9] or "",
        room_id=None if row[10] is None else RoomId(row[10]),
        card=None if row[11] is None else EffectId(row[11]),
        reason=(told["reason"][0], told["reason"][1]),
        place=_place(told.get("place")),
        registrar=_registrar(told.get("registrar")),
        identified=_identified(told.get("identified")),
        is_by_hand=bool(told.get("by_hand")),
        written=_written(told.get("written")),
    )


def _sealed_member(vault: Vault, member: Member) -> bytes:
    told = _told_place(member.place)
    content: dict[str, object] = {"name": member.name, "reason": list(member.reason), "place": told}
    if member.registrar is not None:
        content["registrar"] = _told_of(member.registrar)
    one = member.identified
    if one is not None:
        person, name, organisation = _told_of(one.by)
        seen = [person, name, one.papers.value, one.at_ms, one.nonce, organisation, one.about]
        content["identified"] = seen
    if member.is_by_hand:
        content["by_hand"] = True
    if member.written is not None:
        held = member.written
        content["written"] = [held.meeting, held.record.told, held.until_ms]
    return vault.seal(content)


def _written(told: Sequence[Any] | None) -> Written | None:
    if told is None:
        return None
    meeting, record, until_ms = told
    return Written(meeting, parse(HandRecord, record, where="record"), until_ms)


def _told_of(registrar: Registrar) -> list[str]:
    return [registrar.person, registrar.name, registrar.organisation]


def _registrar(told: Sequence[Any] | None) -> Registrar | None:
    return None if told is None else Registrar(UserId(told[0]), *told[1:])


def _identified(told: Sequence[Any] | None) -> Identified | None:
    if told is None:
        return None
    # Those of before have no organisation, and are of guests.
    person, name, papers, at_ms, nonce, *more = told
    organisation, about = more or ("", "")
    by = Registrar(UserId(person), name, organisation)
    return Identified(by, Papers(papers), at_ms, nonce, about)


def _told_place(place: Place | None) -> list[object] | None:
    if place is None:
        return None
    told: list[object] = [place.page, place.side and place.side.value]
    if place.is_free:
        told += [place.row and place.row.value, place.area and list(attrs.astuple(place.area))]
    return told


def _place(told: Sequence[Any] | None) -> Place | None:
    if told is None:
        return None
    # Those at a foot end here.
    page, side, *more = told
    row, area = more or (None, None)
    return Place(page, side and Side(side), row and Row(row), area and Area(*area))


def _stages(stages: Sequence[Stage]) -> list[dict[str, object]]:
    return [{"need": one.need, "parties": list(one.parties)} for one in stages]


def _sealed_subject(vault: Vault, subject: Subject) -> bytes:
    return vault.seal(
        {
            "title": subject.title,
            "filename": subject.filename,
            "requester_name": subject.requester_name,
            "key": encode_base64(subject.key),
            "reference": subject.reference,
            "is_each": subject.is_each,
            "template": subject.template,
            "pages": subject.pages,
            "kind": subject.kind,
            "before": None if subject.before is None else attrs.asdict(subject.before),
            "clauses": [_clause_json(one) for one in subject.clauses],
        }
    )


def _before(told: Mapping[str, Any] | None) -> Before | None:
    if told is None:
        return None
    return Before(told["verdict"], tuple(told["signers"]), tuple(told["fields"]))


def _subject(vault: Vault, sealed: bytes) -> Subject:
    told = vault.open(sealed)
    clauses = tuple(_clause(one) for one in told["clauses"])
    return Subject(
        title=told["title"],
        filename=told["filename"],
        requester_name=told["requester_name"],
        key=decode_base64(told["key"]),
        clauses=clauses,
        reference=told["reference"],
        is_each=told["is_each"],
        template=told["template"],
        pages=told.get("pages", 0),
        before=_before(told.get("before")),
        kind=told.get("kind", ""),
    )


def _clause_json(one: Clause) -> dict[str, object]:
    sha256 = one.title_sha256
    told: dict[str, object] = {
        "id": one.id,
        "title": one.title,
        "kind": one.kind.value,
        "page": one.page,
        "fields": list(one.fields),
    }
    return told if sha256 is None else {**told, "title_sha256": encode_base64(sha256)}


def _clause(told: Mapping[str, Any]) -> Clause:
    sha256 = told.get("title_sha256")
    return Clause(
        told["id"],
        told["title"],
        ClauseKind(told["kind"]),
        told["page"],
        # Sessions of before clauses were signed by themselves have none.
        fields=tuple(told.get("fields", ())),
        title_sha256=None if sha256 is None else decode_base64(sha256),
    )
