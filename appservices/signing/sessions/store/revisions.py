"""SQL of the revisions of a document: what each signer has added, as ciphertext."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

_REVISION: Final = "number, party, previous_sha256, sha256, size, increment, at_ms"


@attrs.frozen
class Revision:
    """An addition to the file.

    Attributes:
        number: From 1.
        party: Who signed in it; None: it closes the file.
        previous_sha256: Of the file before.
        sha256: Of the file with it.
        size: Bytes of the increment in clear.
        increment: Ciphertext.
        at_ms: UTC.
    """

    number: int
    party: str | None
    previous_sha256: bytes
    sha256: bytes
    size: int
    increment: bytes = attrs.field(repr=False)
    at_ms: int


def add(txn: Cursor, session_id: str, revision: Revision) -> None:
    """Keep a revision of a session that is locked."""
    txn.execute(
        "INSERT INTO signing.revision (session_id, number, party, previous_sha256, sha256, size,"
        " increment, at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            session_id,
            revision.number,
            revision.party,
            revision.previous_sha256,
            revision.sha256,
            revision.size,
            revision.increment,
            revision.at_ms,
        ),
    )


def of_session(txn: Cursor, session_id: str) -> list[Revision]:
    """All revisions of a session, the first one first."""
    query = f"SELECT {_REVISION} FROM signing.revision WHERE session_id = %s ORDER BY number"  # noqa: S608 -- a constant
    txn.execute(query, (session_id,))
    return [
        Revision(row[0], row[1], bytes(row[2]), bytes(row[3]), row[4], bytes(row[5]), row[6])
        for row in txn.fetchall()
    ]


def empty(txn: Cursor, session_id: str) -> None:
    """Delete what was added to a document that is closed; digests and sizes stay."""
    txn.execute("UPDATE signing.revision SET increment = '' WHERE session_id = %s", (session_id,))
