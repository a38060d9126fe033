"""SQL of approvals that were asked for, of the evidence, and of daily limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.access.approvals.core import Asked, AskedState, CodeLimit
from veche.access.approvals.store.keys import ROWS_MAX
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.message_json import doc_from_json
from veche.protocol.prompts import Prompt
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

SEALED_AT_ONCE: Final = 500
"""Most rows of an earlier release that one transaction seals."""
_NONCE: Final = "nonce"
_SIGNED: Final = "signed"

_ASKED: Final = (
    "SELECT a.nonce, a.person, a.kind, a.shown, a.prompt_id, a.choice, a.state, a.refused_count,"
    " a.expires_at_ms, p.state, p.prompt::text, p.bot, p.room_id, p.intro"
    " FROM runtime.approval_asked AS a"
    " LEFT JOIN runtime.prompt AS p ON p.prompt_id = a.prompt_id"
    " WHERE a.nonce = %s"
)


@attrs.frozen
class Question:
    """The prompt whose choice is approved.

    Attributes:
        intro: What stands above the choices.
    """

    prompt: Prompt
    bot: UserId
    room_id: RoomId
    intro: Doc


@attrs.frozen
class Evidence:
    """The evidence that a person approved or declined.

    Attributes:
        kind: Of the approval, or ``decline``.
        means: ``p256``, ``webauthn`` or ``code``.
        key_id: None where a code was replied.
        signed: Canonical JSON, the very bytes.
        proof: Signature or assertion; of a code: event, device, message.
        at_ms: When it was taken, UTC.
        event_id: Of the message with the code, else None.
    """

    nonce: str
    person: UserId
    kind: str
    means: str
    key_id: str | None
    signed: bytes
    proof: Mapping[str, Any]
    at_ms: int
    event_id: EventId | None = None


@attrs.frozen
class Code:
    """The code of an open approval of a payment.

    Attributes:
        tries: Wrong ones before.
        shown: Canonical JSON.
    """

    nonce: str
    person: UserId
    prompt_id: str
    choice: str
    tries: int
    shown: bytes


# What was asked


def add_asked(txn: Cursor, asked: Asked, now_ms: int) -> None:
    """Keep what is asked; what is kept under its nonce already stays."""
    shown = None if asked.shown is None else asked.shown.decode()
    txn.execute(
        "INSERT INTO runtime.approval_asked (nonce, person, kind, shown, prompt_id, choice, state,"
        " asked_at_ms, expires_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (nonce) DO NOTHING",
        (
            asked.nonce,
            asked.person,
            asked.kind,
            shown,
            asked.prompt_id,
            asked.choice,
            asked.state.value,
            now_ms,
            asked.expires_at_ms,
        ),
    )


def forget_open_mandate(txn: Cursor, person: UserId, what: str) -> None:
    """Remove mandates that no prompt asked for and that were neither approved nor declined.

    Args:
        txn: Cursor.
        person: Of whom they were asked.
        what: Their ``what``, as a pattern of LIKE.
    """
    txn.execute(
        "DELETE FROM runtime.approval_asked"
        " WHERE person = %s AND prompt_id IS NULL AND state = 'open'"
        " AND shown::json ->> 'what' LIKE %s",
        (person, what),
    )


def forget_open_signature(txn: Cursor, person: UserId, session: str, party: str) -> None:
    """Remove signatures in a session that were asked for and neither approved nor declined."""
    txn.execute(
        "DELETE FROM runtime.approval_asked"
        " WHERE person = %s AND prompt_id IS NULL AND state = 'open' AND kind = 'signature'"
        " AND shown::json ->> 'session' = %s AND shown::json ->> 'party' = %s",
        (person, session, party),
    )


def asked_of(
    txn: Cursor, nonce: str, now_ms: int, *, is_locked: bool = False
) -> tuple[Asked, Question | None] | None:
    """Return the question under a nonce, in the state that its prompt leaves it; None: none.

    Args:
        txn: Cursor.
        nonce: Of the approval.
        now_ms: UTC.
        is_locked: Whether nobody else may take it until the transaction ends.
    """
    txn.execute(_ASKED + (" FOR UPDATE OF a" if is_locked else ""), (nonce,))
    row = txn.fetchone()
    if row is None:
        return None
    state, prompt_state, prompt_json = AskedState(row[6]), row[9], row[10]
    question, expires_at_ms = None, row[8]
    if prompt_json is not None:
        prompt = Prompt.model_validate_json(prompt_json)
        question = Question(prompt, UserId(row[11]), RoomId(row[12]), doc_from_json(row[13]))
        expires_at_ms = prompt.expires_at_ms
    is_prompt_open = prompt_state == "open" or row[4] is None
    if state is AskedState.OPEN and not is_prompt_open:
        state = AskedState.EXPIRED if prompt_state == "expired" else AskedState.CLOSED
    elif state is AskedState.OPEN and expires_at_ms is not None and now_ms >= expires_at_ms:
        state = AskedState.EXPIRED
    shown = None if row[3] is None else str(row[3]).encode()
    asked = Asked(
        nonce=row[0],
        person=UserId(row[1]),
        kind=row[2],
        shown=shown,
        prompt_id=row[4],
        choice=row[5],
        state=state,
        refused_count=row[7],
        expires_at_ms=expires_at_ms,
    )
    return asked, question


def end_asked(txn: Cursor, nonce: str, state: AskedState, now_ms: int) -> None:
    """Note how it ended; what was shown stays in the evidence alone."""
    txn.execute(
        "UPDATE runtime.approval_asked SET state = %s, ended_at_ms = %s, shown = NULL, code = NULL"
        " WHERE nonce = %s AND state = 'open'",
        (state.value, now_ms, nonce),
    )


def count_refused(txn: Cursor, nonce: str) -> None:
    """Note that an attempt was refused."""
    txn.execute(
        "UPDATE runtime.approval_asked SET refused_count = refused_count + 1 WHERE nonce = %s",
        (nonce,),
    )


def set_told(txn: Cursor, nonce: str) -> bool:
    """Note that the person is told of a refused attempt; False if they were before."""
    txn.execute(
        "UPDATE runtime.approval_asked SET is_told = TRUE WHERE nonce = %s AND NOT is_told",
        (nonce,),
    )
    return bool(txn.rowcount == 1)


def wipe_ended(txn: Cursor, before_ms: int) -> int:
    """Wipe what was shown of approvals that were asked for long ago, and never given; how many."""
    txn.execute(
        "UPDATE runtime.approval_asked SET shown = NULL, code = NULL, state = %s WHERE nonce IN"
        " (SELECT a.nonce FROM runtime.approval_asked AS a LEFT JOIN runtime.prompt AS p"
        "  ON p.prompt_id = a.prompt_id WHERE a.asked_at_ms < %s AND a.shown IS NOT NULL"
        "  AND coalesce(p.state <> 'open', TRUE) LIMIT %s)",
        (AskedState.CLOSED.value, before_ms, ROWS_MAX),
    )
    return int(txn.rowcount)


def forget_asked(txn: Cursor, before_ms: int) -> int:
    """Remove what was asked long ago and has ended; how many. Evidence stays."""
    txn.execute(
        "DELETE FROM runtime.approval_asked WHERE nonce IN (SELECT nonce"
        " FROM runtime.approval_asked WHERE asked_at_ms < %s AND state <> 'open'"
        " ORDER BY asked_at_ms LIMIT %s)",
        (before_ms, ROWS_MAX),
    )
    return int(txn.rowcount)


# Evidence: what was signed has titles of documents and amounts, so it is sealed.


def add_evidence(
    txn: Cursor,
    vault: Vault,
    evidence: Evidence,
    *,
    minor: int | None = None,
    currency: str | None = None,
) -> bool:
    """Keep evidence; False if there is some under its nonce."""
    txn.execute(
        "INSERT INTO runtime.approval (nonce, person, kind, means, key_id, sealed, proof, at_ms,"
        " event_id, minor, currency) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (nonce) DO NOTHING",
        (
            evidence.nonce,
            evidence.person,
            evidence.kind,
            evidence.means,
            evidence.key_id,
            _sealed(vault, evidence.nonce, evidence.signed),
            json.dumps(dict(evidence.proof)),
            evidence.at_ms,
            evidence.event_id,
            minor,
            currency,
        ),
    )
    return bool(txn.rowcount == 1)


def evidence_of(txn: Cursor, vault: Vault, nonce: str) -> Evidence | None:
    """The evidence of an approval, None if it was not given.

    Raises:
        ValueError: It was put in the place of another's.
        nacl.exceptions.CryptoError: It was sealed under another key, or changed.
    """
    txn.execute(
        "SELECT nonce, person, kind, means, key_id, signed, sealed, proof, at_ms, event_id"
        " FROM runtime.approval"
        " WHERE nonce = %s",
        (nonce,),
    )
    row = txn.fetchone()
    if row is None:
        return None
    nonce, person, kind, means, key_id, signed, sealed, *rest = row
    told = bytes(signed) if sealed is None else _opened(vault, nonce, bytes(sealed))
    return Evidence(nonce, person, kind, means, key_id, told, *rest)


def mandates_by(txn: Cursor, vault: Vault, key_id: str) -> list[tuple[bytes, int]]:
    """Every mandate that a key approved: what it signed, and when."""
    txn.execute(
        "SELECT nonce, signed, sealed, at_ms FROM runtime.approval"
        " WHERE key_id = %s AND kind = 'mandate' ORDER BY at_ms, nonce",
        (key_id,),
    )
    return [
        (bytes(signed) if sealed is None else _opened(vault, nonce, bytes(sealed)), at_ms)
        for nonce, signed, sealed, at_ms in txn.fetchall()
    ]


def revoked_among(txn: Cursor, nonces: Collection[str]) -> frozenset[str]:
    """Return which of these approvals were given with a key that is revoked now."""
    if not nonces:
        return frozenset()
    txn.execute(
        "SELECT a.nonce FROM runtime.approval AS a JOIN runtime.device_key AS k USING (key_id)"
        " WHERE a.nonce = ANY(%s) AND k.revoked_at_ms IS NOT NULL",
        (list(nonces),),
    )
    return frozenset(nonce for (nonce,) in txn.fetchall())


def seal_evidence(txn: Cursor, vault: Vault) -> int:
    """Seal some of what an earlier release has kept in clear; how many.

    A process that is at the same leaves those that another has.
    """
    txn.execute(
        "SELECT nonce, signed FROM runtime.approval WHERE signed IS NOT NULL"
        " ORDER BY nonce LIMIT %s FOR UPDATE SKIP LOCKED",
        (SEALED_AT_ONCE,),
    )
    rows = txn.fetchall()
    for nonce, signed in rows:
        txn.execute(
            "UPDATE runtime.approval SET signed = NULL, sealed = %s WHERE nonce = %s",
            (_sealed(vault, nonce, bytes(signed)), nonce),
        )
    return len(rows)


def _sealed(vault: Vault, nonce: str, signed: bytes) -> bytes:
    return vault.seal({_NONCE: nonce, _SIGNED: encode_base64(signed)})


def _opened(vault: Vault, nonce: str, sealed: bytes) -> bytes:
    told = vault.open(sealed)
    if told[_NONCE] != nonce:
        raise ValueError(f"the evidence of {nonce} is that of another approval")
    return decode_base64(told[_SIGNED])


def spent_by_key(txn: Cursor, key_id: str, currency: str, until_ms: int) -> int:
    """Minor units of payments that a key approved before a moment."""
    txn.execute(
        "SELECT coalesce(sum(minor), 0) FROM runtime.approval"
        " WHERE key_id = %s AND kind = 'payment' AND currency = %s AND at_ms < %s",
        (key_id, currency, until_ms),
    )
    [(spent,)] = txn.fetchall()
    return int(spent)


def spent_by_code(txn: Cursor, person: UserId, currency: str, since_ms: int) -> int:
    """Minor units of payments that a person approved by code since a moment."""
    txn.execute(
        "SELECT coalesce(sum(minor), 0) FROM runtime.approval"
        " WHERE means = 'code' AND person = %s AND currency = %s AND at_ms > %s",
        (person, currency, since_ms),
    )
    [(spent,)] = txn.fetchall()
    return int(spent)


# Codes and limits


def allow_code(txn: Cursor, nonce: str) -> None:
    """Let an approval be given by a code too, which is kept nowhere: it follows from the nonce."""
    txn.execute("UPDATE runtime.approval_asked SET code = '' WHERE nonce = %s", (nonce,))


def lock_codes(txn: Cursor, person: UserId, prompt_ids: Collection[str]) -> list[Code]:
    """The codes of a person's open approvals among prompts, locked until the transaction ends."""
    txn.execute(
        "SELECT nonce, person, prompt_id, choice, code_tries, shown"
        " FROM runtime.approval_asked WHERE prompt_id = ANY(%s) AND person = %s"
        " AND state = 'open' AND code IS NOT NULL ORDER BY nonce FOR UPDATE",
        (list(prompt_ids), person),
    )
    return [
        Code(row[0], UserId(row[1]), row[2], row[3], row[4], str(row[5]).encode())
        for row in txn.fetchall()
    ]


def count_try(txn: Cursor, nonce: str) -> None:
    """Note a wrong code."""
    txn.execute(
        "UPDATE runtime.approval_asked SET code_tries = code_tries + 1 WHERE nonce = %s", (nonce,)
    )


def approved_by_event(txn: Cursor, event_id: EventId) -> tuple[str, str, str] | None:
    """(nonce, prompt, choice) of what a message approved by its code; None: nothing."""
    txn.execute(
        "SELECT e.nonce, a.prompt_id, a.choice FROM runtime.approval AS e"
        " JOIN runtime.approval_asked AS a ON a.nonce = e.nonce"
        " WHERE e.event_id = %s",
        (event_id,),
    )
    row = txn.fetchone()
    return tuple(row) if row else None


def sender_devices(txn: Cursor, bot: UserId, room_id: RoomId, event_id: EventId) -> list[str]:
    """Curve25519 keys of the devices that claim the session of an encrypted event of the inbox.

    Of two that both do, nobody knows which one wrote; none: it is not known any more.
    """
    txn.execute(
        "SELECT DISTINCT k.sender_curve25519 FROM runtime.inbox AS i"
        " JOIN crypto.device AS d ON d.user_id = i.bot"
        " JOIN crypto.room_key_in AS k ON k.device_no = d.device_no AND k.room_id = i.room_id"
        "  AND k.session_id = i.event->'content'->>'session_id' AND k.sender = i.sender"
        " WHERE i.room_id = %s AND i.event_id = %s AND i.bot = %s",
        (room_id, event_id, bot),
    )
    return [key for (key,) in txn.fetchall()]


def is_pinned(txn: Cursor, person: UserId) -> bool:
    """Return whether the identity that a person has now is the one that was pinned."""
    txn.execute(
        "SELECT master_key = master_pinned FROM crypto.person WHERE user_id = %s", (person,)
    )
    row = txn.fetchone()
    return bool(row and row[0])


def lock_limit(txn: Cursor, person: UserId, currency: str) -> CodeLimit:
    """A person's limit in a currency, locked until the transaction ends; 0 if none was set."""
    txn.execute(
        "SELECT currency, minor, next_minor, next_from_ms FROM runtime.code_limit"
        " WHERE person = %s AND currency = %s FOR UPDATE",
        (person, currency),
    )
    row = txn.fetchone()
    return CodeLimit(*row) if row else CodeLimit(currency, 0)


def limits_of(txn: Cursor, person: UserId) -> dict[str, CodeLimit]:
    """A person's limits by currency."""
    txn.execute(
        "SELECT currency, minor, next_minor, next_from_ms FROM runtime.code_limit"
        " WHERE person = %s",
        (person,),
    )
    return {row[0]: CodeLimit(*row) for row in txn.fetchall()}


def save_limit(txn: Cursor, person: UserId, limit: CodeLimit) -> None:
    """Keep a limit."""
    txn.execute(
        "INSERT INTO runtime.code_limit (person, currency, minor, next_minor, next_from_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (person, currency) DO UPDATE SET"
        " minor = EXCLUDED.minor, next_minor = EXCLUDED.next_minor,"
        " next_from_ms = EXCLUDED.next_from_ms",
        (person, limit.currency, limit.minor, limit.next_minor, limit.next_from_ms),
    )
