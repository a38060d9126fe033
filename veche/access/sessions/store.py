"""SQL of attempts to sign in, of sessions, and of OpenID tokens that were taken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from veche.access.sessions.core import IDLE_MS_MAX, Agent, Level, Recipient, Sent, Session, SignIn
from veche.messaging.inbox.store import HOUSEKEEPING_ROWS_MAX
from veche.protocol.ids import EffectId, RoomId, UserId
from veche.runtime.crypto.core.trust import IdentityView
from veche.runtime.live import announce

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

_ENCRYPTED: Final = "m.room.encrypted"

_SIGN_IN: Final = (
    "SELECT sign_in_id, person, browser, system, language, opened_at_ms, bot, room_id, effect_id,"
    " code_hash, tries, ended_at_ms FROM runtime.sign_in"
)
_SESSION: Final = (
    "SELECT s.session_id, s.person, s.level, p.language, s.browser, s.system, s.begun_at_ms,"
    " s.used_at_ms, s.ends_at_ms,"
    # News of the person's keys that were not asked for yet.
    " CASE WHEN s.level > 1 AND k.queried_seq < k.outdated_seq"
    "  THEN k.outdated_seq END"
    " FROM runtime.session AS s"
    " LEFT JOIN runtime.person AS p ON p.user_id = s.person"
    " LEFT JOIN crypto.person AS k ON k.user_id = s.person"
)
# One that began under an identity is over once the person has another, or none; one that began
# without rests while what is there now is in doubt. The lowest level (1) does not depend on it.
_SAME_IDENTITY: Final = (
    "(s.level = 1 OR s.master_key = k.master_key"
    " OR (s.master_key IS NULL AND k.master_key IS NOT DISTINCT FROM k.master_pinned))"
)


# Attempts


def count_asked(txn: Cursor, address_hash: bytes, since_ms: int) -> tuple[int, int]:
    """Requests since a moment: from an address, and from anywhere."""
    txn.execute(
        "SELECT (SELECT count(*) FROM runtime.sign_in"
        "  WHERE address_hash = %(address)s AND opened_at_ms > %(since)s),"
        " (SELECT count(*) FROM runtime.sign_in"
        "  WHERE address_hash IS NOT NULL AND opened_at_ms > %(since)s)",
        {"address": address_hash, "since": since_ms},
    )
    [(of_address, of_all)] = txn.fetchall()
    return of_address, of_all


def count_sent(txn: Cursor, person: UserId, since_ms: int, *, with_code: bool) -> int:
    """Messages with a link that a person got since a moment: asked for by pages, or by command."""
    txn.execute(
        "SELECT count(*) FROM runtime.sign_in WHERE person = %s AND opened_at_ms > %s"
        " AND bot IS NOT NULL AND (code_hash IS NOT NULL) = %s",
        (person, since_ms, with_code),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def count_wrong(txn: Cursor, since_ms: int) -> int:
    """Wrong codes since a moment, all persons together, of requests for which one was sent.

    Where none was, none can be hit: counting those too would let anybody turn codes off.
    """
    txn.execute(
        "SELECT COALESCE(sum(tries), 0) FROM runtime.sign_in"
        " WHERE opened_at_ms > %s AND tries > 0 AND code_hash IS NOT NULL",
        (since_ms,),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def add_request(
    txn: Cursor, sign_in: SignIn, *, request_hash: bytes | None, address_hash: bytes | None
) -> None:
    """Keep a new attempt, for which nothing was sent yet."""
    txn.execute(
        "INSERT INTO runtime.sign_in (sign_in_id, person, request_hash, browser, system, language,"
        " address_hash, opened_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            sign_in.id,
            sign_in.person,
            request_hash,
            sign_in.agent.browser,
            sign_in.agent.system,
            sign_in.language,
            address_hash,
            sign_in.opened_at_ms,
        ),
    )


def set_sent(
    txn: Cursor, sign_in_id: str, sent: Sent, *, link_hash: bytes, code_hash: bytes | None
) -> None:
    """Note what was sent for an attempt."""
    txn.execute(
        "UPDATE runtime.sign_in SET link_hash = %s, code_hash = %s, bot = %s, room_id = %s,"
        " effect_id = %s WHERE sign_in_id = %s",
        (link_hash, code_hash, sent.bot, sent.room_id, sent.effect_id, sign_in_id),
    )


def lock_sign_in(txn: Cursor, sign_in_id: str) -> SignIn | None:
    """An attempt, locked until the transaction ends."""
    txn.execute(f"{_SIGN_IN} WHERE sign_in_id = %s FOR UPDATE", (sign_in_id,))
    return _sign_in(txn)


def lock_request(txn: Cursor, request_hash: bytes) -> SignIn | None:
    """The attempt of a request, locked until the transaction ends."""
    txn.execute(f"{_SIGN_IN} WHERE request_hash = %s FOR UPDATE", (request_hash,))
    return _sign_in(txn)


def lock_link(txn: Cursor, link_hash: bytes) -> SignIn | None:
    """The attempt of a link, locked until the transaction ends."""
    txn.execute(f"{_SIGN_IN} WHERE link_hash = %s FOR UPDATE", (link_hash,))
    return _sign_in(txn)


def count_try(txn: Cursor, sign_in_id: str) -> None:
    """Note a wrong code."""
    txn.execute("UPDATE runtime.sign_in SET tries = tries + 1 WHERE sign_in_id = %s", (sign_in_id,))


def end_sign_in(txn: Cursor, sign_in_id: str, now_ms: int) -> None:
    """Note that an attempt succeeded: its link and its code are used up."""
    txn.execute(
        "UPDATE runtime.sign_in SET ended_at_ms = %s WHERE sign_in_id = %s", (now_ms, sign_in_id)
    )


def end_sign_ins(txn: Cursor, person: UserId, now_ms: int) -> None:
    """Make every link and code of a person useless."""
    txn.execute(
        "UPDATE runtime.sign_in SET ended_at_ms = %s WHERE person = %s AND ended_at_ms IS NULL",
        (now_ms, person),
    )


def recipients(txn: Cursor, sent: Sent) -> list[Recipient]:
    """The devices that got the key of a message; none if that is not known any more.

    A session that was replaced after the message takes the note of who had it along.
    """
    txn.execute(
        "SELECT sealed, sealed_type, sealed_device FROM runtime.outbox"
        " WHERE room_id = %s AND effect_id = %s",
        (sent.room_id, sent.effect_id),
    )
    row = txn.fetchone()
    if row is None or row[0] is None or row[1] != _ENCRYPTED:
        return []
    session_id = json.loads(row[0]).get("session_id")
    txn.execute(
        "SELECT g.user_id, d.curve25519 IS NOT NULL AND d.curve25519 = g.curve25519,"
        " COALESCE(d.is_cross_signed, FALSE), p.master_key, p.master_pinned,"
        " p.pinned_at_ms IS NOT NULL AND p.master_pinned IS NULL"
        " FROM crypto.device AS b"
        " JOIN crypto.room_key_shared AS g ON g.device_no = b.device_no AND g.room_id = %s"
        "  AND g.session_id = %s AND g.first_index IS NOT NULL"
        " LEFT JOIN crypto.person AS p ON p.user_id = g.user_id"
        " LEFT JOIN crypto.person_device AS d"
        "  ON d.user_id = g.user_id AND d.device_id = g.device_id"
        " WHERE b.user_id = %s AND b.device_id = %s",
        (sent.room_id, session_id, sent.bot, row[2]),
    )
    return [
        Recipient(user_id, is_known, is_cross_signed, IdentityView(*identity))
        for user_id, is_known, is_cross_signed, *identity in txn.fetchall()
    ]


# Sessions


def add_session(txn: Cursor, session: Session, token_hash: bytes) -> None:
    """Keep a new session, bound to the identity that the person has now."""
    txn.execute(
        "INSERT INTO runtime.session (session_id, token_hash, person, level, browser, system,"
        " begun_at_ms, used_at_ms, ends_at_ms, master_key)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s,"
        "  (SELECT master_key FROM crypto.person WHERE user_id = %s AND %s)",
        (
            session.id,
            token_hash,
            session.person,
            int(session.level),
            session.agent.browser,
            session.agent.system,
            session.begun_at_ms,
            session.used_at_ms,
            session.ends_at_ms,
            session.person,
            # The lowest level does not rest on the identity.
            session.level > Level.LOW,
        ),
    )


def session_of(txn: Cursor, token_hash: bytes) -> tuple[Session, int | None] | None:
    """The session of a token, whether or not it is too old; None if it ended.

    Beside it the number of news of the person's keys, where it rests on their identity and they
    were not asked for since; None: the identity is the one that it began with.
    """
    txn.execute(f"{_SESSION} WHERE s.token_hash = %s AND {_SAME_IDENTITY}", (token_hash,))
    row = txn.fetchone()
    return None if row is None else (_session(row), row[9])


def set_used(txn: Cursor, session_id: str, now_ms: int) -> None:
    """Note that a session was used."""
    txn.execute(
        "UPDATE runtime.session SET used_at_ms = GREATEST(used_at_ms, %s) WHERE session_id = %s",
        (now_ms, session_id),
    )


def sessions_of(txn: Cursor, person: UserId) -> list[Session]:
    """A person's sessions, the newest first; also those that are too old."""
    txn.execute(
        f"{_SESSION} WHERE s.person = %s AND {_SAME_IDENTITY}"
        " ORDER BY s.begun_at_ms DESC, s.session_id DESC",
        (person,),
    )
    return [_session(row) for row in txn.fetchall()]


def lock_person(txn: Cursor, person: UserId) -> None:
    """Let nobody else begin a session of a person, or send them a link, meanwhile."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended('sessions ' || %s, 0))", (person,))


def sessions_topic(person: UserId) -> str:
    """Return the topic announced when a session of a person ends, so that waiting requests end."""
    return f"sessions {person}"


def end_session(txn: Cursor, person: UserId, session_id: str) -> bool:
    """End one session of a person; False if there is none of that id."""
    announce(txn, sessions_topic(person))
    txn.execute(
        "DELETE FROM runtime.session WHERE person = %s AND session_id = %s", (person, session_id)
    )
    return bool(txn.rowcount == 1)


def end_sessions(txn: Cursor, person: UserId, now_ms: int) -> int:
    """End all sessions of a person; how many of them had gone on."""
    announce(txn, sessions_topic(person))
    txn.execute(
        "WITH ended AS (DELETE FROM runtime.session AS s WHERE s.person = %(person)s"
        "  RETURNING s.master_key, s.used_at_ms, s.ends_at_ms)"
        " SELECT count(*) FROM ended AS s"
        " LEFT JOIN crypto.person AS k ON k.user_id = %(person)s"
        " WHERE s.ends_at_ms > %(now)s AND s.used_at_ms > %(used)s"
        "  AND (s.master_key IS NULL OR s.master_key = k.master_key)",
        {"person": person, "now": now_ms, "used": now_ms - IDLE_MS_MAX},
    )
    [(count,)] = txn.fetchall()
    return int(count)


def end_sessions_of_others(txn: Cursor, person: UserId) -> int:
    """End the sessions that began when a person had another identity; how many."""
    announce(txn, sessions_topic(person))
    txn.execute(
        "DELETE FROM runtime.session WHERE person = %(person)s AND master_key IS NOT NULL"
        " AND master_key IS DISTINCT FROM"
        "  (SELECT master_key FROM crypto.person WHERE user_id = %(person)s)",
        {"person": person},
    )
    return int(txn.rowcount)


def any_bot(txn: Cursor) -> UserId | None:
    """A bot in whose name one can ask the homeserver; None if there is none yet."""
    txn.execute("SELECT user_id FROM runtime.bot ORDER BY user_id LIMIT 1")
    row = txn.fetchone()
    return None if row is None else UserId(row[0])


def take_openid(txn: Cursor, token_hash: bytes, now_ms: int) -> bool:
    """Note that an OpenID token was taken; False if it was before."""
    txn.execute(
        "INSERT INTO runtime.openid_taken (token_hash, taken_at_ms) VALUES (%s, %s)"
        " ON CONFLICT (token_hash) DO NOTHING",
        (token_hash, now_ms),
    )
    return bool(txn.rowcount == 1)


def was_taken(txn: Cursor, token_hash: bytes) -> bool:
    """Return whether an OpenID token was taken before."""
    txn.execute("SELECT FROM runtime.openid_taken WHERE token_hash = %s", (token_hash,))
    return txn.fetchone() is not None


# Housekeeping


def forget_sign_ins(txn: Cursor, before_ms: int) -> int:
    """Remove old attempts; how many."""
    return _forget(txn, "runtime.sign_in", "sign_in_id", "opened_at_ms", before_ms)


def forget_sessions(txn: Cursor, before_ms: int) -> int:
    """Remove sessions that were to end before a moment; how many."""
    return _forget(txn, "runtime.session", "session_id", "ends_at_ms", before_ms)


def forget_openid(txn: Cursor, before_ms: int) -> int:
    """Remove OpenID tokens that were taken before a moment; how many."""
    return _forget(txn, "runtime.openid_taken", "token_hash", "taken_at_ms", before_ms)


def _forget(txn: Cursor, table: str, key: str, column: str, before_ms: int) -> int:
    txn.execute(
        f"DELETE FROM {table} WHERE {key} IN"  # noqa: S608 -- names of this module
        f" (SELECT {key} FROM {table} WHERE {column} < %s ORDER BY {column} LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return int(txn.rowcount)


def _sign_in(txn: Cursor) -> SignIn | None:
    row = txn.fetchone()
    if row is None:
        return None
    sent = None if row[6] is None else Sent(UserId(row[6]), RoomId(row[7]), EffectId(row[8]))
    return SignIn(
        id=row[0],
        person=UserId(row[1]),
        agent=Agent(row[2], row[3]),
        language=row[4],
        opened_at_ms=row[5],
        sent=sent,
        code_hash=None if row[9] is None else bytes(row[9]),
        tries=row[10],
        ended_at_ms=row[11],
    )


def _session(row: tuple[Any, ...]) -> Session:
    return Session(
        id=row[0],
        person=UserId(row[1]),
        level=Level(row[2]),
        language=row[3],
        agent=Agent(row[4], row[5]),
        begun_at_ms=row[6],
        used_at_ms=row[7],
        ends_at_ms=row[8],
    )
