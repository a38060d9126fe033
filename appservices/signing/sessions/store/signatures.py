"""SQL of signatures: who has signed, how, and by which approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.authority.core.levels import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

TOGETHER: Final = "together"
"""Among the details of a signature: how many documents its approval signed, if several."""
_SIGNATURE: Final = "party, level, at_ms, nonce, revision, certificate, sealed"


@attrs.frozen
class Signature:
    """A party's signature.

    Attributes:
        party: Who.
        level: How.
        at_ms: When, UTC.
        nonce: Of the approval; None: of a reply, or a seal.
        revision: In which it is; None: it is in no file.
        certificate: Its serial number; None: it has none.
        details: Answers to clauses, the reply of ``S0``; only sealed in the database.
    """

    party: str
    level: Level
    at_ms: int
    nonce: str | None = None
    revision: int | None = None
    certificate: int | None = None
    details: Mapping[str, Any] = attrs.Factory(dict)


def add(txn: Cursor, vault: Vault, session_id: str, signature: Signature) -> None:
    """Keep a signature; a party signs once."""
    txn.execute(
        "INSERT INTO signing.signature (session_id, party, level, at_ms, nonce, revision,"
        " certificate, sealed) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            session_id,
            signature.party,
            signature.level.value,
            signature.at_ms,
            signature.nonce,
            signature.revision,
            signature.certificate,
            vault.seal(signature.details),
        ),
    )


def of_session(txn: Cursor, vault: Vault, session_id: str) -> list[Signature]:
    """The signatures of a session, in the order in which they were given."""
    query = (
        f"SELECT {_SIGNATURE} FROM signing.signature WHERE session_id = %s ORDER BY at_ms, party"  # noqa: S608 -- a constant
    )
    txn.execute(query, (session_id,))
    return [_signature(vault, row) for row in txn.fetchall()]


def of_person(txn: Cursor, vault: Vault, person: UserId, count: int) -> list[tuple[str, Signature]]:
    """List a person's signatures, newest first, each with the id of its session."""
    columns = ", ".join(f"s.{one}" for one in _SIGNATURE.split(", "))
    query = (
        f"SELECT {columns}, s.session_id FROM signing.signature s JOIN signing.party p"  # noqa: S608 -- a constant
        " ON p.session_id = s.session_id AND p.id = s.party WHERE p.person = %s"
        " ORDER BY s.at_ms DESC LIMIT %s"
    )
    txn.execute(query, (person, count))
    return [(row[7], _signature(vault, row)) for row in txn.fetchall()]


def by_approval(
    txn: Cursor, person: UserId, nonce: str, since_ms: int, until_ms: int
) -> list[tuple[str, str]]:
    """List the signatures by one approval in a span, in order: session and party.

    Args:
        txn: The transaction.
        person: Who signed.
        nonce: Of the approval.
        since_ms: UTC.
        until_ms: UTC; not within the span.
    """
    txn.execute(
        "SELECT s.session_id, s.party FROM signing.party p JOIN signing.signature s"
        " ON s.session_id = p.session_id AND s.party = p.id"
        " WHERE p.person = %s AND s.nonce = %s AND s.at_ms >= %s AND s.at_ms < %s"
        " ORDER BY s.at_ms, s.session_id",
        (person, nonce, since_ms, until_ms),
    )
    return [(row[0], row[1]) for row in txn.fetchall()]


def _signature(vault: Vault, row: Sequence[Any]) -> Signature:
    return Signature(
        party=row[0],
        level=Level(row[1]),
        at_ms=row[2],
        nonce=row[3],
        revision=row[4],
        certificate=None if row[5] is None else int(row[5]),
        details=vault.open(bytes(row[6])),
    )
