"""SQL of the log of acts: two statements an act, since every message of a bot passes here."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

WIPED_ROWS_MAX: Final = 1_000
"""Most acts whose private part one call wipes."""

_APPEND: Final = """
WITH moved AS (
    UPDATE runtime.act_head SET size = %(idx)s + 1, head = %(head)s
    WHERE organisation = %(organisation)s
), counted AS (
    INSERT INTO runtime.act_subject (organisation, subject, seq, commitment)
    VALUES (%(organisation)s, %(subject)s, %(seq)s, %(commitment)s)
    ON CONFLICT (organisation, subject) DO UPDATE
    SET seq = EXCLUDED.seq, commitment = EXCLUDED.commitment
)
INSERT INTO runtime.act
    (organisation, idx, entry, inner_part, prev, head, subject, opening, salt, bound)
VALUES (%(organisation)s, %(idx)s, %(entry)s, %(inner_part)s, %(prev)s, %(head)s, %(subject)s,
    %(opening)s, %(salt)s, %(bound)s)
"""


@attrs.frozen
class Place:
    """Where an organisation's chain, and the acts on one person in it, have got to.

    Attributes:
        size: Entries of the chain.
        head: Of the chain.
        seq: Acts on the person.
        commitment: Of the last of these, unpadded base64; empty if there is none.
    """

    size: int
    head: bytes
    seq: int
    commitment: str


@attrs.frozen
class Row:
    """An entry of a chain as it is kept.

    Attributes:
        idx: Its place, from 0.
        entry: What a public log shows, canonical JSON.
        inner_part: The part of the commitment that hides the opening.
        prev: Head of the chain before it.
        head: Head of the chain after it.
        subject: Pseudonym of the person, or empty.
        opening: Canonical JSON; None once it was wiped.
        salt: Of the inner part; None with the opening.
        bound: What binds it to its effect; None of acts from before it was kept.
    """

    idx: int
    entry: str
    inner_part: bytes
    prev: bytes
    head: bytes
    subject: str
    opening: str | None
    salt: bytes | None
    bound: bytes | None = None


def lock(txn: Cursor, organisation: str, subject: str) -> Place:
    """Lock a chain until the transaction ends, and say where it stands."""
    txn.execute(
        "SELECT size, head, seq, commitment FROM runtime.act_lock(%s, %s)", (organisation, subject)
    )
    [(size, head, seq, commitment)] = txn.fetchall()
    return Place(size, bytes(head), seq, commitment)


def append(txn: Cursor, organisation: str, row: Row, seq: int, commitment: str) -> None:
    """Add an entry to a chain that is locked.

    Args:
        txn: The transaction that locked it.
        organisation: Whose chain.
        row: The entry.
        seq: Number of the act among those on its subject.
        commitment: All that a log shows of it, unpadded base64.
    """
    txn.later(
        _APPEND,
        {
            "organisation": organisation,
            "idx": row.idx,
            "entry": row.entry,
            "inner_part": row.inner_part,
            "prev": row.prev,
            "head": row.head,
            "subject": row.subject,
            "opening": row.opening,
            "salt": row.salt,
            "bound": row.bound,
            "seq": seq,
            "commitment": commitment,
        },
    )


def has_entry(txn: Cursor, organisation: str, idx: int, entry: str, head: bytes) -> bool:
    """Return whether a chain has an entry at a place, with this head behind it."""
    txn.execute(
        "SELECT EXISTS (SELECT FROM runtime.act WHERE organisation = %s AND idx = %s"
        " AND entry = %s AND head = %s)",
        (organisation, idx, entry, head),
    )
    [(found,)] = txn.fetchall()
    return bool(found)


def spend(txn: Cursor, commitment: bytes) -> bool:
    """Note that a token is used up; False if it was before."""
    statement = "INSERT INTO runtime.act_spent (commitment) VALUES (%s)"
    if commitment in txn.tokens:
        # Made by this transaction: nobody else can have it yet.
        txn.tokens -= {commitment}
        txn.later(statement, (commitment,))
        return True
    txn.execute(statement + " ON CONFLICT DO NOTHING", (commitment,))
    return txn.rowcount == 1


def head(txn: Cursor, organisation: str) -> tuple[int, bytes] | None:
    """Size and head of a chain, None if the organisation never acted."""
    txn.execute("SELECT size, head FROM runtime.act_head WHERE organisation = %s", (organisation,))
    row = txn.fetchone()
    return (row[0], bytes(row[1])) if row else None


def wipe_openings(txn: Cursor, before_ms: int) -> int:
    """Wipe the private parts of acts of before; how many, at most a batch of one organisation.

    Their entries and heads stay, so that the chain can be checked as before. An entry shows its
    hour: an act goes once its whole hour is over.
    """
    hour = dt.datetime.fromtimestamp(max(0, before_ms) // 1000, tz=dt.UTC).strftime("%Y-%m-%dT%H")
    txn.execute(
        "WITH page AS (SELECT h.organisation, a.idx, a.entry::json ->> 'h' < %(hour)s AS is_old"
        "  FROM runtime.act_head AS h CROSS JOIN LATERAL (SELECT idx, entry FROM runtime.act AS a"
        "   WHERE a.organisation = h.organisation AND a.idx >= h.wiped_to ORDER BY idx"
        "   LIMIT %(limit)s) AS a"
        "  WHERE EXISTS (SELECT FROM runtime.act AS f WHERE f.organisation = h.organisation"
        "   AND f.idx = h.wiped_to AND f.entry::json ->> 'h' < %(hour)s)),"
        " chosen AS (SELECT organisation, min(idx) AS first, coalesce(min(idx)"
        "   FILTER (WHERE NOT is_old), max(idx) + 1) AS next FROM page GROUP BY organisation"
        "  ORDER BY organisation LIMIT 1),"
        " wiped AS (UPDATE runtime.act AS a SET opening = NULL, salt = NULL FROM chosen AS c"
        "  WHERE a.organisation = c.organisation AND a.idx >= c.first AND a.idx < c.next)"
        " UPDATE runtime.act_head AS h SET wiped_to = c.next FROM chosen AS c"
        " WHERE h.organisation = c.organisation RETURNING c.next - c.first",
        {"hour": hour, "limit": WIPED_ROWS_MAX},
    )
    return sum(int(row[0]) for row in txn.fetchall())
