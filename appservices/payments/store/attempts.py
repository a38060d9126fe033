"""SQL of attempts: transfers that a transaction left to the writer of the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.core.ledger import Account, Transfer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_attempt"
"""Where a new attempt is announced to all processes."""


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
    """

    id: int
    kind: str
    about: str
    chain: Sequence[Transfer]
    accounts: Sequence[Account]
    at_ms: int


def add(
    txn: Cursor,
    kind: str,
    about: str,
    chain: Sequence[Transfer],
    now_ms: int,
    *,
    accounts: Sequence[Account] = (),
) -> None:
    """Leave an attempt to the writer, and announce it; the same kind and ``about`` again is none.

    Args:
        txn: Decides that money shall move.
        kind: Says who hears of the answer.
        about: What it belongs to; attempts about the same thing are tried in order.
        chain: The transfers, with ids of their own.
        now_ms: The moment.
        accounts: Opened before, where they are not there yet.
    """
    txn.execute(
        "WITH added AS ("
        " INSERT INTO payments.attempt (kind, about, accounts, chain, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (kind, about) DO NOTHING RETURNING 1)"
        " SELECT pg_notify(%s, '') FROM added",
        (kind, about, _written(accounts), _written(chain), now_ms, CHANNEL),
    )


def waiting(txn: Cursor, but_about: Collection[str], limit: int) -> list[Attempt]:
    """Attempts in their order.

    Args:
        txn: Reads.
        but_about: Leaves these out.
        limit: How many at most.
    """
    txn.execute(
        "SELECT id, kind, about, chain, accounts, at_ms FROM payments.attempt"
        " WHERE about <> ALL(%s) ORDER BY id LIMIT %s",
        (list(but_about), limit),
    )
    return [
        Attempt(
            id_,
            kind,
            about,
            [Transfer(**one) for one in chain],
            [Account(**one) for one in accounts],
            at_ms,
        )
        for id_, kind, about, chain, accounts, at_ms in txn.fetchall()
    ]


def remove(txn: Cursor, attempt_id: int) -> bool:
    """Take an attempt away; whether it was still there."""
    txn.execute("DELETE FROM payments.attempt WHERE id = %s", (attempt_id,))
    return txn.rowcount == 1


def _written(values: Sequence[Account] | Sequence[Transfer]) -> str:
    return json.dumps([_without_defaults(one) for one in values])


def _without_defaults(value: Account | Transfer) -> dict[str, Any]:
    defaults = type(value)._field_defaults
    return {
        name: field
        for name, field in value._asdict().items()
        if name not in defaults or field != defaults[name]
    }
