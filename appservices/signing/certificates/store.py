"""SQL of the certificates of persons, and of the lists that speak of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.authority.core.levels import OWN_LEVELS, Level
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

_CERTIFICATE: Final = (
    "serial, session_id, party, person, nonce, spki_sha256, document_sha256, certificate, list,"
    " act, issued_at_ms, revoked_at_ms, level, above"
)


@attrs.frozen
class Issued:
    """A certificate that was issued here; or one of a person's own, which they have approved.

    Attributes:
        serial: Its number; of one of their own, a number by which it is known here alone.
        session_id: For which session.
        party: For which of its parties.
        person: Whom it names.
        nonce: Of the approval that asked for it.
        spki_sha256: Of the key.
        document_sha256: Of the one document for which it is.
        certificate: DER.
        list: The newest list that speaks of it, DER; empty of one of their own.
        act: Its entry in the log of acts.
        issued_at_ms: UTC.
        revoked_at_ms: UTC; None: it was not.
        level: Of a signature by it.
        above: Of one of their own: the certificates above it, the nearest first, DER.
    """

    serial: int
    session_id: str
    party: str
    person: UserId
    nonce: str
    spki_sha256: bytes
    document_sha256: bytes
    certificate: bytes = attrs.field(repr=False)
    list: bytes = attrs.field(repr=False)
    act: str
    issued_at_ms: int
    revoked_at_ms: int | None = None
    level: Level = Level.ADVANCED
    above: tuple[bytes, ...] = attrs.field(default=(), repr=False)

    @property
    def is_own(self) -> bool:
        """Return whether it was issued elsewhere."""
        return self.level in OWN_LEVELS


@attrs.frozen
class Announced:
    """A certificate of a person's own that they want to sign with, and have not approved yet.

    Attributes:
        session_id: In which session.
        party: Which of its parties.
        person: Who.
        chain: It, then those above it, DER.
        level: Of signatures by it.
        at_ms: When it was announced, UTC.
        provider: At which provider its key is; None: the person has it.
        credential: Its id there.
    """

    session_id: str
    party: str
    person: UserId
    chain: tuple[bytes, ...] = attrs.field(repr=False)
    level: Level
    at_ms: int
    provider: str | None = None
    credential: str | None = None


def announce(txn: Cursor, own: Announced) -> None:
    """Keep that somebody wants to sign with a certificate of their own, in place of another."""
    txn.execute(
        "INSERT INTO signing.own_certificate"
        " (session_id, party, person, chain, level, at_ms, provider, credential)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (session_id, party) DO UPDATE"
        " SET person = EXCLUDED.person, chain = EXCLUDED.chain, level = EXCLUDED.level,"
        " at_ms = EXCLUDED.at_ms, provider = EXCLUDED.provider, credential = EXCLUDED.credential",
        (
            own.session_id,
            own.party,
            own.person,
            list(own.chain),
            own.level.value,
            own.at_ms,
            own.provider,
            own.credential,
        ),
    )


def announced(txn: Cursor, session_id: str, party: str) -> Announced | None:
    """The certificate that a party wants to sign with; None: there is none."""
    txn.execute(
        "SELECT session_id, party, person, chain, level, at_ms, provider, credential"
        " FROM signing.own_certificate WHERE session_id = %s AND party = %s",
        (session_id, party),
    )
    row = txn.fetchone()
    if row is None:
        return None
    return Announced(
        session_id=row[0],
        party=row[1],
        person=UserId(row[2]),
        chain=tuple(map(bytes, row[3])),
        level=Level(row[4]),
        at_ms=row[5],
        provider=row[6],
        credential=row[7],
    )


def is_of_others(txn: Cursor, session_id: str, spki_sha256: bytes, person: UserId) -> bool:
    """Return whether another party in the session approved a certificate of the same key."""
    txn.execute(
        "SELECT 1 FROM signing.certificate WHERE session_id = %s AND spki_sha256 = %s"
        " AND person <> %s LIMIT 1",
        (session_id, spki_sha256, person),
    )
    return txn.fetchone() is not None


@attrs.frozen
class Approved:
    """A certificate that a person's approval has asked for, and that no key has signed yet.

    Attributes:
        serial: It will have.
        session_id: For which session.
        party: For which of its parties.
        person: Whom it will name.
        nonce: Of the approval.
        spki: The key, DER.
        at_ms: When it was approved, UTC; the certificate begins with it.
    """

    serial: int
    session_id: str
    party: str
    person: UserId
    nonce: str
    spki: bytes = attrs.field(repr=False)
    at_ms: int


def add_approved(txn: Cursor, approved: Approved) -> None:
    """Keep that a certificate is to be made."""
    txn.execute(
        "INSERT INTO signing.certifying (serial, session_id, party, person, nonce, spki, at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        attrs.astuple(approved),
    )


def approved_of(txn: Cursor, nonce: str, session_id: str) -> Approved | None:
    """The certificate that is to be made for an approval in a session; None: there is none."""
    txn.execute(
        "SELECT serial, session_id, party, person, nonce, spki, at_ms FROM signing.certifying"
        " WHERE nonce = %s AND session_id = %s",
        (nonce, session_id),
    )
    row = txn.fetchone()
    if row is None:
        return None
    serial, session_id, party, person, nonce, spki, at_ms = row
    return Approved(int(serial), session_id, party, UserId(person), nonce, bytes(spki), at_ms)


def forget_approved(txn: Cursor, session_id: str, party: str) -> None:
    """Make none of the certificates that a party has asked for and that no key has signed yet."""
    txn.execute(
        "DELETE FROM signing.certifying WHERE session_id = %s AND party = %s", (session_id, party)
    )


def move(txn: Cursor, session_id: str, party: str, to: str) -> None:
    """Keep the certificates of a delegate, who is none any more, beside whom they acted for."""
    txn.execute(
        "UPDATE signing.certificate SET party = %s WHERE session_id = %s AND party = %s",
        (to, session_id, party),
    )


def add(txn: Cursor, issued: Issued) -> None:
    """Keep a certificate; it is not to be made any more."""
    txn.execute(
        "DELETE FROM signing.certifying WHERE nonce = %s AND session_id = %s",
        (issued.nonce, issued.session_id),
    )
    txn.execute(
        "INSERT INTO signing.certificate (serial, session_id, party, person, nonce, spki_sha256,"
        " document_sha256, certificate, list, act, issued_at_ms, level, above)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            issued.serial,
            issued.session_id,
            issued.party,
            issued.person,
            issued.nonce,
            issued.spki_sha256,
            issued.document_sha256,
            issued.certificate,
            issued.list,
            issued.act,
            issued.issued_at_ms,
            issued.level.value,
            list(issued.above),
        ),
    )


def of_nonce(txn: Cursor, nonce: str, session_id: str) -> Issued | None:
    """The certificate that an approval asked for in a session; None: there is none."""
    return _one(txn, "nonce = %s AND session_id = %s", nonce, session_id)


def of_serial(txn: Cursor, serial: int) -> Issued | None:
    """A certificate by its number; None: there is no such."""
    return _one(txn, "serial = %s", serial)


def lock(txn: Cursor, serial: int) -> Issued | None:
    """The same, for a change; None: there is no such."""
    return _one(txn, "serial = %s FOR UPDATE", serial)


def of_party(txn: Cursor, session_id: str, party: str) -> list[Issued]:
    """The certificates of a party, the newest first."""
    query = f"SELECT {_CERTIFICATE} FROM signing.certificate WHERE session_id = %s AND party = %s"  # noqa: S608 -- a constant
    txn.execute(f"{query} ORDER BY issued_at_ms DESC", (session_id, party))
    return [_issued(row) for row in txn.fetchall()]


def of_person(txn: Cursor, person: UserId, count: int) -> list[Issued]:
    """The certificates in a person's name, the newest first."""
    query = f"SELECT {_CERTIFICATE} FROM signing.certificate WHERE person = %s"  # noqa: S608 -- a constant
    txn.execute(f"{query} ORDER BY issued_at_ms DESC LIMIT %s", (person, count))
    return [_issued(row) for row in txn.fetchall()]


def unused_of(txn: Cursor, person: UserId) -> list[Issued]:
    """The good certificates of a person that were issued here and by which nothing was signed."""
    txn.execute(
        f"SELECT {_CERTIFICATE} FROM signing.certificate c WHERE person = %s AND level = %s"  # noqa: S608 -- a constant
        " AND revoked_at_ms IS NULL AND NOT EXISTS (SELECT 1 FROM signing.signature s"
        " WHERE s.session_id = c.session_id AND s.certificate = c.serial)",
        (person, Level.ADVANCED.value),
    )
    return [_issued(row) for row in txn.fetchall()]


def asked_since(txn: Cursor, person: UserId, since_ms: int) -> int:
    """How many approvals of a person since a moment gave certificates, or are to."""
    txn.execute(
        "SELECT count(DISTINCT nonce) FROM ("
        "SELECT nonce FROM signing.certificate WHERE person = %s AND issued_at_ms >= %s"
        " UNION ALL SELECT nonce FROM signing.certifying WHERE person = %s AND at_ms >= %s) asked",
        (person, since_ms, person, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def list_of(txn: Cursor, serial: int) -> bytes | None:
    """The newest list that speaks of a certificate; None: none such was issued here."""
    query = "SELECT list FROM signing.certificate WHERE serial = %s AND level = %s"
    txn.execute(query, (serial, Level.ADVANCED.value))
    row = txn.fetchone()
    return bytes(row[0]) if row else None


def revoke(txn: Cursor, serial: int, new_list: bytes, now_ms: int) -> None:
    """Keep that a certificate counts no more, and its list; when it was revoked first, stays."""
    txn.execute(
        "UPDATE signing.certificate SET list = %s, revoked_at_ms = coalesce(revoked_at_ms, %s)"
        " WHERE serial = %s",
        (new_list, now_ms, serial),
    )


def _one(txn: Cursor, where: str, *values: object) -> Issued | None:
    txn.execute(f"SELECT {_CERTIFICATE} FROM signing.certificate WHERE {where}", values)  # noqa: S608 -- constants
    row = txn.fetchone()
    return _issued(row) if row else None


def _issued(row: Sequence[Any]) -> Issued:
    return Issued(
        serial=int(row[0]),
        session_id=row[1],
        party=row[2],
        person=UserId(row[3]),
        nonce=row[4],
        spki_sha256=bytes(row[5]),
        document_sha256=bytes(row[6]),
        certificate=bytes(row[7]),
        list=bytes(row[8]),
        act=row[9],
        issued_at_ms=row[10],
        revoked_at_ms=row[11],
        level=Level(row[12]),
        above=tuple(map(bytes, row[13])),
    )
