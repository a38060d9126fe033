"""SQL of keys, of their enrolment, and of the log that their person reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.access.approvals.core import Enrolment, EnrolmentState, Event, Key, KeyKind
from veche.messaging.inbox.store import HOUSEKEEPING_ROWS_MAX
from veche.protocol.ids import EffectId, RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.runtime.database import Cursor

LISTED_MAX: Final = 200
"""Most keys of a person that are listed, the newest."""
LOG_PAGE: Final = 50
ROWS_MAX: Final = HOUSEKEEPING_ROWS_MAX
"""Most rows that one call of housekeeping removes."""

_KEY: Final = (
    "SELECT key_id, person, kind, public_key, credential_id, transports, sign_count, label,"
    " created_at_ms, held_until_ms, last_used_at_ms, revoked_at_ms FROM runtime.device_key"
)
_ENROLMENT: Final = (
    "SELECT enrolment_id, person, kind, label, state, challenge, opened_at_ms, key_id, public_key,"
    " credential_id, transports, sign_count, code_hash, tries, bot, room_id, effect_id"
    " FROM runtime.key_enrolment"
)


@attrs.frozen
class Logged:
    """A line of a person's log.

    Attributes:
        key_id: None where it is about no key.
        label: Of the key, or empty.
        detail: What the text needs.
    """

    id: int
    at_ms: int
    what: Event
    key_id: str | None
    label: str
    detail: Mapping[str, Any]


# Keys


def add_key(txn: Cursor, key: Key) -> bool:
    """Keep a new key; False if it, or its credential, was ever enrolled before."""
    txn.execute(
        "INSERT INTO runtime.device_key (key_id, person, kind, public_key, credential_id,"
        " transports, sign_count, label, created_at_ms, held_until_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            key.id,
            key.person,
            key.kind.value,
            key.public_key,
            key.credential_id,
            list(key.transports),
            key.sign_count,
            key.label,
            key.created_at_ms,
            key.held_until_ms,
        ),
    )
    return bool(txn.rowcount == 1)


def key_of(txn: Cursor, key_id: str) -> Key | None:
    """A key of whomever."""
    txn.execute(f"{_KEY} WHERE key_id = %s", (key_id,))
    row = txn.fetchone()
    return _key(row) if row else None


def lock_key(txn: Cursor, key_id: str) -> Key | None:
    """A key, locked until the transaction ends."""
    txn.execute(f"{_KEY} WHERE key_id = %s FOR NO KEY UPDATE", (key_id,))
    row = txn.fetchone()
    return _key(row) if row else None


def share_key(txn: Cursor, key_id: str) -> Key | None:
    """Read a key that nobody revokes until the transaction ends; others may read it too."""
    txn.execute(f"{_KEY} WHERE key_id = %s FOR SHARE", (key_id,))
    row = txn.fetchone()
    return _key(row) if row else None


def is_known(txn: Cursor, key_id: str, credential_id: bytes | None) -> bool:
    """Return whether a key, or a credential, was ever enrolled by anybody."""
    txn.execute(
        "SELECT FROM runtime.device_key WHERE key_id = %s OR credential_id = %s LIMIT 1",
        (key_id, credential_id),
    )
    return txn.fetchone() is not None


def keys_of(txn: Cursor, person: UserId) -> list[Key]:
    """A person's keys, those that were revoked too, the newest first."""
    txn.execute(
        f"{_KEY} WHERE person = %s ORDER BY created_at_ms DESC, key_id LIMIT %s",
        (person, LISTED_MAX),
    )
    return [_key(row) for row in txn.fetchall()]


def count_active(txn: Cursor, person: UserId) -> int:
    """How many keys of a person are not revoked; nobody else enrols one until the end."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended('keys ' || %s, 0))", (person,))
    txn.execute(
        "SELECT count(*) FROM runtime.device_key WHERE person = %s AND revoked_at_ms IS NULL",
        (person,),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def set_used(txn: Cursor, key_id: str, sign_count: int, now_ms: int) -> None:
    """Note that a key was used."""
    txn.execute(
        "UPDATE runtime.device_key SET last_used_at_ms = %s, sign_count = %s WHERE key_id = %s",
        (now_ms, sign_count, key_id),
    )


def set_revoked(txn: Cursor, key_id: str, now_ms: int) -> None:
    """Note that a key was revoked."""
    txn.execute(
        "UPDATE runtime.device_key SET revoked_at_ms = %s"
        " WHERE key_id = %s AND revoked_at_ms IS NULL",
        (now_ms, key_id),
    )


# Enrolments


def add_enrolment(txn: Cursor, enrolment: Enrolment) -> None:
    """Keep a new enrolment."""
    txn.execute(
        "INSERT INTO runtime.key_enrolment (enrolment_id, person, kind, label, state, challenge,"
        " opened_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            enrolment.id,
            enrolment.person,
            enrolment.kind.value,
            enrolment.label,
            enrolment.state.value,
            enrolment.challenge,
            enrolment.opened_at_ms,
        ),
    )


def count_enrolments(txn: Cursor, person: UserId, since_ms: int) -> int:
    """Enrolments that a person began since a moment."""
    txn.execute(
        "SELECT count(*) FROM runtime.key_enrolment WHERE person = %s AND opened_at_ms > %s",
        (person, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def lock_enrolment(txn: Cursor, person: UserId, enrolment_id: str) -> Enrolment | None:
    """An enrolment of a person, locked until the transaction ends."""
    txn.execute(
        f"{_ENROLMENT} WHERE enrolment_id = %s AND person = %s FOR UPDATE", (enrolment_id, person)
    )
    row = txn.fetchone()
    return _enrolment(row) if row else None


def save_enrolment(txn: Cursor, enrolment: Enrolment) -> None:
    """Write down what changed of an enrolment."""
    txn.execute(
        "UPDATE runtime.key_enrolment SET state = %s, key_id = %s, public_key = %s,"
        " credential_id = %s, transports = %s, sign_count = %s, code_hash = %s, tries = %s,"
        " bot = %s, room_id = %s, effect_id = %s WHERE enrolment_id = %s",
        (
            enrolment.state.value,
            enrolment.key_id,
            enrolment.public_key,
            enrolment.credential_id,
            list(enrolment.transports),
            enrolment.sign_count,
            enrolment.code_hash,
            enrolment.tries,
            enrolment.bot,
            enrolment.room_id,
            enrolment.effect_id,
            enrolment.id,
        ),
    )


def forget_enrolments(txn: Cursor, before_ms: int) -> int:
    """Remove old enrolments; how many."""
    txn.execute(
        "DELETE FROM runtime.key_enrolment WHERE enrolment_id IN (SELECT enrolment_id"
        " FROM runtime.key_enrolment WHERE opened_at_ms < %s ORDER BY opened_at_ms LIMIT %s)",
        (before_ms, ROWS_MAX),
    )
    return int(txn.rowcount)


# The log


def log(
    txn: Cursor, person: UserId, what: Event, now_ms: int, *, key: Key | None = None, **detail: Any
) -> None:
    """Add a line to a person's log; ``detail`` holds words and numbers for its text."""
    txn.execute(
        "INSERT INTO runtime.key_event (person, at_ms, what, key_id, label, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (
            person,
            now_ms,
            what.value,
            key.id if key else None,
            key.label if key else "",
            json.dumps(detail),
        ),
    )


def logged(txn: Cursor, person: UserId, before: int | None) -> list[Logged]:
    """Lines of a person's log before one, the newest first, ``LOG_PAGE`` at most."""
    txn.execute(
        "SELECT id, at_ms, what, key_id, label, detail FROM runtime.key_event"
        " WHERE person = %s AND (%s::bigint IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        (person, before, before, LOG_PAGE),
    )
    return [Logged(row[0], row[1], Event(row[2]), *row[3:]) for row in txn.fetchall()]


def _key(row: tuple[Any, ...]) -> Key:
    return Key(
        id=row[0],
        person=UserId(row[1]),
        kind=KeyKind(row[2]),
        public_key=bytes(row[3]),
        credential_id=None if row[4] is None else bytes(row[4]),
        transports=tuple(row[5]),
        sign_count=row[6],
        label=row[7],
        created_at_ms=row[8],
        held_until_ms=row[9],
        last_used_at_ms=row[10],
        revoked_at_ms=row[11],
    )


def _enrolment(row: tuple[Any, ...]) -> Enrolment:
    return Enrolment(
        id=row[0],
        person=UserId(row[1]),
        kind=KeyKind(row[2]),
        label=row[3],
        state=EnrolmentState(row[4]),
        challenge=bytes(row[5]),
        opened_at_ms=row[6],
        key_id=row[7],
        public_key=None if row[8] is None else bytes(row[8]),
        credential_id=None if row[9] is None else bytes(row[9]),
        transports=tuple(row[10]),
        sign_count=row[11],
        code_hash=None if row[12] is None else bytes(row[12]),
        tries=row[13],
        bot=None if row[14] is None else UserId(row[14]),
        room_id=None if row[15] is None else RoomId(row[15]),
        effect_id=None if row[16] is None else EffectId(row[16]),
    )
