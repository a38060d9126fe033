"""SQL of attempts: transfers that a transaction left to the writer of the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs
from pydantic import TypeAdapter, ValidationError

from appservices.payments.ledger.core import Account, Transfer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_attempt"
"""Where a new attempt is announced to all processes."""
WHY_CHARACTERS_MAX: Final = 1_000
DEAD_LETTERS_MAX: Final = 1_000
"""Most that are shown at once."""
_KEPT: Final = TypeAdapter(tuple[list[Transfer], list[Account]])


@attrs.frozen
class Attempt:
    """Transfers to decide once.

    Attributes:
        id: By which attempts are in order.
        kind: Says who hears of the answer.
        about: What it belongs to, such as the id of a payment.
        chain: The transfers; their ids are fixed, so that trying again repeats nothing.
        accounts: To open before.
        at_ms: When it was left.
        failures: How often what follows from its answer could not be written.
        approved_by: Nonces of the approvals without which it may not be made.
        flaw: Why its transfers or accounts cannot be read, and are left out; None if they can.
    """

    id: int
    kind: str
    about: str
    chain: Sequence[Transfer]
    accounts: Sequence[Account]
    at_ms: int
    failures: int = 0
    approved_by: Sequence[str] = ()
    flaw: str | None = None


@attrs.frozen
class DeadLetter:
    """An attempt that no block can have, or whose result cannot be written: a bug of ours.

    Attributes:
        id: Of the attempt.
        kind: Of it.
        about: What it belongs to.
        why: What went wrong.
        at_ms: When it was found.
        chain: The transfers, each as JSON: numbers and ids alone, no names.
    """

    id: int
    kind: str
    about: str
    why: str
    at_ms: int
    chain: Sequence[str]


def add(
    txn: Cursor,
    kind: str,
    about: str,
    chain: Sequence[Transfer],
    now_ms: int,
    *,
    approved_by: Sequence[str],
    accounts: Sequence[Account] = (),
) -> None:
    """Leave an attempt to the writer, and announce it; the same kind and ``about`` again is none.

    Args:
        txn: Decides that money shall move.
        kind: Says who hears of the answer.
        about: What it belongs to; attempts about the same thing are tried in order.
        chain: The transfers, with ids of their own.
        now_ms: The moment.
        approved_by: Nonces of the approvals without which it may not be made; none where no
            person's key decides, but an organisation's, a bank or the rules of an agreement.
        accounts: Opened before, where they are not there yet.
    """
    txn.execute(
        "WITH added AS ("
        " INSERT INTO payments.attempt (kind, about, accounts, chain, at_ms, approved_by)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (kind, about) DO NOTHING RETURNING 1)"
        " SELECT pg_notify(%s, '') FROM added",
        (kind, about, _written(accounts), _written(chain), now_ms, list(approved_by), CHANNEL),
    )


def waiting(
    txn: Cursor, but_about: Collection[str], limit: int, now_ms: int | None = None
) -> list[Attempt]:
    """Read attempts in their order: of those about the same thing only the first.

    Args:
        txn: Reads.
        but_about: Leaves these out.
        limit: How many at most.
        now_ms: Leaves out those that rest at this moment; None: none of them.
    """
    txn.execute(
        "SELECT id, kind, about, chain::text, accounts::text, at_ms, failures, approved_by"
        " FROM payments.attempt AS a"
        " WHERE about <> ALL(%s) AND due_at_ms <= coalesce(%s, due_at_ms)"
        " AND NOT EXISTS (SELECT FROM payments.dead_letter WHERE attempt_id = a.id)"
        " AND NOT EXISTS (SELECT FROM payments.attempt WHERE about = a.about AND id < a.id)"
        " ORDER BY id LIMIT %s",
        (list(but_about), now_ms, limit),
    )
    return [_read(*row) for row in txn.fetchall()]


def _read(id_: int, kind: str, about: str, chain: str, accounts: str, *more: Any) -> Attempt:
    """Return the attempt of a row; a damaged one holds up no other, and says what is wrong."""
    try:
        transfers, opened = _KEPT.validate_json(f"[{chain}, {accounts}]", strict=True)
    except ValidationError as e:
        first = e.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        flaw = f"its [chain, accounts] cannot be read: {where}: {first['msg']}"
        return attrs.evolve(Attempt(id_, kind, about, (), (), *more), flaw=flaw)
    return Attempt(id_, kind, about, transfers, opened, *more)


def next_due_ms(txn: Cursor, now_ms: int) -> int | None:
    """When the first attempt that rests is due again; None if none rests."""
    txn.execute("SELECT min(due_at_ms) FROM payments.attempt WHERE due_at_ms > %s", (now_ms,))
    [(due_at_ms,)] = txn.fetchall()
    return None if due_at_ms is None else int(due_at_ms)


def rest(txn: Cursor, attempt_id: int, failures: int, due_at_ms: int) -> None:
    """Let an attempt wait until a moment.

    Args:
        txn: Writes.
        attempt_id: Whose; once it is gone, nothing happens.
        failures: How often it has failed by now.
        due_at_ms: When it is tried again.
    """
    txn.execute(
        "UPDATE payments.attempt SET failures = %s, due_at_ms = %s WHERE id = %s",
        (failures, due_at_ms, attempt_id),
    )


def take_back(txn: Cursor, holder_id: int, *, is_locked: bool = False) -> list[tuple[str, str]]:
    """Take back what would move money of somebody by their own decision; kinds, and about what.

    As ``payments.take_back_attempts``: their payments, escrows that are being funded, their shares
    of bills, and what they decided about escrows and disputes, if the writer has not done it.

    Args:
        txn: Stops them.
        holder_id: Whose.
        is_locked: They are locked; what a block has in its hands is left to it.
    """
    but_held = " SKIP LOCKED" if is_locked else ""
    txn.execute(
        "DELETE FROM payments.attempt WHERE id IN (SELECT a.id FROM payments.attempt AS a"  # noqa: S608 -- a constant
        " LEFT JOIN payments.payment AS p ON p.id = a.about"
        " LEFT JOIN payments.escrow AS e ON e.id = a.about"
        " LEFT JOIN payments.dispute AS d ON d.id = a.about"
        # What a merchant has said yes to is theirs, and what is booked again was made once.
        " WHERE p.payer = %(who)s AND p.instruction IS DISTINCT FROM 'restored'"
        "  AND (p.state = 'holding' OR p.state = 'paying' AND a.kind <> 'payment.post')"
        " OR e.buyer = %(who)s AND e.state = 'funding'"
        " OR e.state = 'ending' AND EXISTS (SELECT FROM payments.escrow_party AS v"
        "  WHERE v.escrow_id = e.id AND v.holder = %(who)s AND v.approved_by = ANY(a.approved_by))"
        " OR d.payee = %(who)s AND d.state = 'ending' AND d.ended_by = 'agreed'"
        " OR a.about IN (SELECT s.bill_id FROM payments.payment AS s"
        "  WHERE s.payer = %(who)s AND s.state = 'paying' AND s.bill_id IS NOT NULL)"
        f" ORDER BY a.id FOR UPDATE OF a{but_held}) RETURNING kind, about",
        {"who": holder_id},
    )
    return sorted(txn.fetchall())


def remove(txn: Cursor, attempt_id: int) -> bool:
    """Take an attempt away; whether it was still there."""
    txn.execute("DELETE FROM payments.attempt WHERE id = %s", (attempt_id,))
    return txn.rowcount == 1


def bury(txn: Cursor, attempt_id: int, why: str, now_ms: int) -> None:
    """Make an attempt a dead letter: it rests, and so does all that is about the same thing.

    Args:
        txn: Writes.
        attempt_id: Whose; once it is gone, nothing happens.
        why: What went wrong; cut to ``WHY_CHARACTERS_MAX``.
        now_ms: The moment.
    """
    txn.execute(
        "INSERT INTO payments.dead_letter (attempt_id, why, at_ms)"
        " SELECT id, %s, %s FROM payments.attempt WHERE id = %s ON CONFLICT DO NOTHING",
        (why[:WHY_CHARACTERS_MAX] or "?", now_ms, attempt_id),
    )


def revive(txn: Cursor, attempt_id: int) -> bool:
    """Have a dead letter tried again, and announce it; whether there was one."""
    txn.execute(
        "WITH gone AS ("
        " DELETE FROM payments.dead_letter WHERE attempt_id = %s RETURNING attempt_id),"
        " fresh AS (UPDATE payments.attempt SET failures = 0, due_at_ms = 0 FROM gone"
        " WHERE id = attempt_id)"
        " SELECT count(pg_notify(%s, '')) FROM gone",
        (attempt_id, CHANNEL),
    )
    [(count,)] = txn.fetchall()
    return bool(count)


def dead_letters(txn: Cursor) -> list[DeadLetter]:
    """The oldest dead letters, at most ``DEAD_LETTERS_MAX``, in their order."""
    txn.execute(
        "SELECT a.id, kind, about, why, d.at_ms, CASE jsonb_typeof(chain) WHEN 'array'"
        " THEN ARRAY(SELECT jsonb_array_elements(chain)::text) ELSE ARRAY[chain::text] END"
        " FROM payments.dead_letter AS d"
        " JOIN payments.attempt AS a ON a.id = attempt_id ORDER BY a.id LIMIT %s",
        (DEAD_LETTERS_MAX,),
    )
    return [DeadLetter(*values) for values in txn.fetchall()]


def count_dead(txn: Cursor) -> int:
    """How many dead letters there are."""
    txn.execute("SELECT count(*) FROM payments.dead_letter")
    [(count,)] = txn.fetchall()
    return int(count)


def _written(values: Sequence[Account] | Sequence[Transfer]) -> str:
    return json.dumps([_without_defaults(one) for one in values])


def _without_defaults(value: Account | Transfer) -> dict[str, Any]:
    defaults = type(value)._field_defaults
    return {
        name: field
        for name, field in value._asdict().items()
        if name not in defaults or field != defaults[name]
    }
