"""SQL of persons with an account who are identified in person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.identification.core import Identification, IdentificationState
from appservices.signing.sessions.core.guests import Identified, Papers, Registrar
from veche.protocol.ids import Ulid, UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

_ROW: Final = (
    "SELECT id, person, registrar, state, made_at_ms, key_id, tries, sealed, expires_at_ms"
    " FROM signing.identification"
)


def add(txn: Cursor, vault: Vault, one: Identification) -> None:
    """Keep a new one; an earlier one of the person that goes on must be over."""
    txn.execute(
        "INSERT INTO signing.identification (id, person, registrar, state, sealed, made_at_ms,"
        " changed_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            one.id,
            one.person,
            one.registrar,
            one.state.value,
            _sealed(vault, one),
            one.made_at_ms,
            one.made_at_ms,
        ),
    )


def save(txn: Cursor, vault: Vault, one: Identification, now_ms: int) -> None:
    """Keep what has become of one."""
    txn.execute(
        "UPDATE signing.identification SET state = %s, key_id = %s, tries = %s, sealed = %s,"
        " expires_at_ms = %s, changed_at_ms = %s WHERE id = %s",
        (
            one.state.value,
            one.key_id,
            one.tries,
            _sealed(vault, one),
            one.expires_at_ms,
            now_ms,
            one.id,
        ),
    )


def wait_turn(txn: Cursor, person: UserId) -> None:
    """Nobody else begins to identify a person until the transaction ends."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended('identify ' || %s, 0))", (person,))


def lock(txn: Cursor, vault: Vault, id_: str) -> Identification | None:
    """One by its id, locked until the transaction ends; None: there is no such."""
    txn.execute(f"{_ROW} WHERE id = %s FOR UPDATE", (id_,))
    return _first(vault, txn.fetchall())


def going_on(txn: Cursor, vault: Vault, person: UserId) -> Identification | None:
    """The one of a person that goes on, locked; None: none does."""
    txn.execute(
        f"{_ROW} WHERE person = %s AND state IN ('asked', 'present', 'shown') FOR UPDATE",
        (person,),
    )
    return _first(vault, txn.fetchall())


def of_key(txn: Cursor, vault: Vault, person: UserId, key_id: str) -> Identification | None:
    """The one by which a key of a person is known, locked; it may have expired. None: none is."""
    txn.execute(
        f"{_ROW} WHERE person = %s AND key_id = %s AND state = 'identified' FOR UPDATE",
        (person, key_id),
    )
    return _first(vault, txn.fetchall())


def _first(vault: Vault, rows: Sequence[tuple[Any, ...]]) -> Identification | None:
    for row in rows:
        told = vault.open(bytes(row[7]))
        return Identification(
            id=Ulid(row[0]),
            person=UserId(row[1]),
            registrar=UserId(row[2]),
            state=IdentificationState(row[3]),
            made_at_ms=row[4],
            key_id=row[5],
            tries=row[6],
            name=told["name"],
            seen=_seen(told["seen"]),
            expires_at_ms=row[8],
        )
    return None


def _sealed(vault: Vault, one: Identification) -> bytes:
    seen = one.seen
    told = None
    if seen is not None:
        by = [seen.by.person, seen.by.name, seen.by.organisation]
        told = [*by, seen.papers.value, seen.at_ms, seen.nonce, seen.about]
    return vault.seal({"name": one.name, "seen": told})


def _seen(told: Sequence[Any] | None) -> Identified | None:
    if told is None:
        return None
    person, name, organisation, papers, at_ms, nonce, about = told
    by = Registrar(UserId(person), name, organisation)
    return Identified(by, Papers(papers), at_ms, nonce, about)
