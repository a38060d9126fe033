"""SQL of what witnesses have signed, and of whose turn it is to be shown a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

_SIGNED: Final = """
    SELECT FROM runtime.cosignature
    WHERE origin = %(origin)s AND witness = %(witness)s AND size = %(size)s"""
_TAKE: Final = f"""
    INSERT INTO runtime.witness_turn AS t (origin, witness, due_at_ms)
    SELECT %(origin)s, %(witness)s, %(until)s WHERE NOT EXISTS ({_SIGNED})
    ON CONFLICT (origin, witness) DO UPDATE SET due_at_ms = %(until)s WHERE t.due_at_ms <= %(now)s
    RETURNING size"""
_WITNESSED: Final = """
    SELECT size FROM runtime.cosignature WHERE origin = %s AND witness = ANY(%s)
    GROUP BY size HAVING count(*) >= %s ORDER BY size DESC LIMIT 1"""


class Failing(NamedTuple):
    """A witness that does not sign the heads of a log.

    Attributes:
        origin: Of the log.
        witness: Its key.
        failures: How often in a row.
        why: The last time.
    """

    origin: str
    witness: str
    failures: int
    why: str


def take_turn(
    txn: Cursor, origin: str, witness: str, size: int, now_ms: int, until_ms: int
) -> int | None:
    """Take the turn to show a witness a head, unless it has signed it, or it is not due.

    Args:
        txn: A transaction.
        origin: Of the log.
        witness: Its key.
        size: Of the head.
        now_ms: UTC.
        until_ms: Until when nobody else asks it.

    Returns:
        How many entries the newest head has that it is known to have; None: it is not our turn.
    """
    values = {"origin": origin, "witness": witness, "size": size}
    txn.execute(_TAKE, {**values, "now": now_ms, "until": until_ms})
    row = txn.fetchone()
    if row is None:
        return None
    # The turn before may have ended with the signature while this statement waited for it.
    txn.execute(_SIGNED, values)
    if txn.fetchone() is None:
        return int(row[0])
    has(txn, origin, witness, size, now_ms)
    return None


def signed(txn: Cursor, origin: str, witness: str, size: int, line: str, now_ms: int) -> None:
    """A witness has signed a head."""
    txn.execute(
        "INSERT INTO runtime.cosignature (origin, size, witness, line, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (origin, size, witness, line, now_ms),
    )
    has(txn, origin, witness, size, now_ms)


def has(txn: Cursor, origin: str, witness: str, size: int, now_ms: int) -> None:
    """A witness has a head, and is asked again as soon as there is something to ask."""
    txn.execute(
        "UPDATE runtime.witness_turn SET size = %s, due_at_ms = %s, failures = 0, why = ''"
        " WHERE origin = %s AND witness = %s",
        (size, now_ms, origin, witness),
    )


def failures(txn: Cursor, origin: str, witness: str) -> int:
    """How often in a row a witness has not signed."""
    txn.execute(
        "SELECT failures FROM runtime.witness_turn WHERE origin = %s AND witness = %s",
        (origin, witness),
    )
    row = txn.fetchone()
    return int(row[0]) if row else 0


def failed(txn: Cursor, origin: str, witness: str, why: str, due_at_ms: int) -> None:
    """A witness has not signed, and is asked later."""
    txn.execute(
        "UPDATE runtime.witness_turn SET failures = failures + 1, why = %s, due_at_ms = %s"
        " WHERE origin = %s AND witness = %s",
        (why, due_at_ms, origin, witness),
    )


def failing(txn: Cursor, witnesses: Sequence[str]) -> list[Failing]:
    """Those of these witnesses that do not sign now."""
    txn.execute(
        "SELECT origin, witness, failures, why FROM runtime.witness_turn"
        " WHERE failures > 0 AND witness = ANY(%s) ORDER BY origin, witness",
        (list(witnesses),),
    )
    return [Failing(*row) for row in txn.fetchall()]


def witnessed(txn: Cursor, origin: str, witnesses: Sequence[str], needed: int) -> int:
    """Size of the newest head that enough of these witnesses have signed; 0: none."""
    txn.execute(_WITNESSED, (origin, list(witnesses), needed))
    row = txn.fetchone()
    return int(row[0]) if row else 0


def lines(txn: Cursor, origin: str, size: int, witnesses: Sequence[str]) -> list[str]:
    """The signatures of these witnesses on a head."""
    txn.execute(
        "SELECT line FROM runtime.cosignature WHERE origin = %s AND size = %s"
        " AND witness = ANY(%s) ORDER BY witness",
        (origin, size, list(witnesses)),
    )
    return [line for (line,) in txn.fetchall()]
