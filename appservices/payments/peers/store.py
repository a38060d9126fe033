"""SQL of payments between institutions, and of what is owed between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.ledger.core import AccountCode
from appservices.payments.peers.core import In, Out, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_peer"
"""Where the end of what the writer decides of a peer's payment is announced to all processes."""
LISTED_MAX: Final = 500
"""Packets of one peer that are read at once."""
_OUT: Final = "id, peer, state, ledger, amount, expires_at_ms, sealed, asked_at_ms, changed_at_ms"
_IN: Final = (
    "id, peer, state, ledger, amount, payee, sha256, sealed, why, came_at_ms, changed_at_ms"
)


@attrs.frozen
class OutFile:
    """A payment to another institution.

    Attributes:
        id: Id of the payment.
        peer: Number of the holder.
        ledger: Number of the currency.
        expires_at_ms: Until when the peer is asked whether it takes it, UTC.
        sealed: What it signed; None: nothing yet.
        asked_at_ms: When it was asked first, UTC.
        changed_at_ms: When it got into its state, UTC.
    """

    id: str
    peer: int
    state: Out
    ledger: int
    amount_minor: int
    expires_at_ms: int
    sealed: bytes | None
    asked_at_ms: int
    changed_at_ms: int


@attrs.frozen
class InFile:
    """A payment from another institution.

    Attributes:
        id: Of the packet, and of the payment once it is made.
        peer: Number of the holder.
        ledger: Number of the currency; None: it was cancelled before it came.
        payee: Number of the holder.
        sha256: Of the packet.
        sealed: What the peer signed: of the packet, then that it is paid.
        why: Code, where it is refused.
        came_at_ms: When it came first, UTC.
        changed_at_ms: When it got into its state, UTC.
    """

    id: str
    peer: int
    state: In
    ledger: int | None
    amount_minor: int | None
    payee: int | None
    sha256: bytes | None
    sealed: bytes | None
    why: str | None
    came_at_ms: int
    changed_at_ms: int


@attrs.frozen
class Owed:
    """The debts between us and a peer in one currency.

    Attributes:
        currency: ISO 4217.
        they_owe_minor: With what is set aside.
        they_owe_max: By the ledger.
        we_owe_minor: With what is set aside.
        we_owe_max: By the ledger.
    """

    currency: str
    they_owe_minor: int
    they_owe_max: int
    we_owe_minor: int
    we_owe_max: int


@attrs.frozen
class Check:
    """The result of the last comparison with a peer, in one currency.

    Attributes:
        at_ms: When, UTC.
        ours_minor: By how much we moved more to it than it knows, unexplained.
        theirs_minor: The same of what it moved to us.
        since_ms: Since when they differ, UTC; None: they do not.
    """

    at_ms: int
    ours_minor: int
    theirs_minor: int
    since_ms: int | None


@attrs.frozen
class Witnessed:
    """A published head of a peer's ledger that we have seen.

    Attributes:
        size: How many blocks it has.
        root: Over them.
        note: Signed by it, and by us.
        at_ms: When we signed it, UTC.
    """

    size: int
    root: bytes
    note: str
    at_ms: int


def add_out(txn: Cursor, file: OutFile) -> bool:
    """Keep a new payment to another institution; False if it is kept already."""
    id_, peer, _, *rest = attrs.astuple(file)
    values = (id_, peer, file.state.value, *rest)
    txn.execute(
        f"INSERT INTO payments.peer_out ({_OUT}) VALUES ({', '.join(['%s'] * len(values))})"  # noqa: S608 -- constants
        " ON CONFLICT (id) DO NOTHING",
        values,
    )
    return txn.rowcount == 1


def lock_out(txn: Cursor, id_: str) -> OutFile | None:
    """A payment to another institution, which nobody else steps until the transaction ends."""
    txn.execute(f"SELECT {_OUT} FROM payments.peer_out WHERE id = %s FOR UPDATE", (id_,))  # noqa: S608 -- constants
    row = txn.fetchone()
    return _out(row) if row else None


def out(txn: Cursor, id_: str) -> OutFile | None:
    """The same as it is, unlocked."""
    txn.execute(f"SELECT {_OUT} FROM payments.peer_out WHERE id = %s", (id_,))  # noqa: S608 -- constants
    row = txn.fetchone()
    return _out(row) if row else None


def open_out(txn: Cursor) -> list[tuple[str, Out]]:
    """The oldest payments to other institutions that are not over, and their states."""
    txn.execute(
        "SELECT id, state FROM payments.peer_out"
        " WHERE state NOT IN ('done', 'refused', 'cancelled') ORDER BY id LIMIT %s",
        (LISTED_MAX,),
    )
    return [(id_, Out(state)) for id_, state in txn.fetchall()]


def save_out(txn: Cursor, id_: str, state: Out, sealed: bytes | None, now_ms: int) -> None:
    """Keep the state of one that is locked, and what the peer signed last (None: as before)."""
    txn.execute(
        "UPDATE payments.peer_out SET state = %s, sealed = coalesce(%s, sealed),"
        " changed_at_ms = %s WHERE id = %s",
        (state.value, sealed, now_ms, id_),
    )


def add_in(txn: Cursor, file: InFile) -> bool:
    """Keep a new payment from another institution; False if there is one of this id."""
    id_, peer, _, *rest = attrs.astuple(file)
    values = (id_, peer, file.state.value, *rest)
    txn.execute(
        f"INSERT INTO payments.peer_in ({_IN}) VALUES ({', '.join(['%s'] * len(values))})"  # noqa: S608 -- constants
        " ON CONFLICT (id) DO NOTHING",
        values,
    )
    return txn.rowcount == 1


def lock_in(txn: Cursor, id_: str) -> InFile | None:
    """A payment from another institution, which nobody else steps until the transaction ends."""
    txn.execute(f"SELECT {_IN} FROM payments.peer_in WHERE id = %s FOR UPDATE", (id_,))  # noqa: S608 -- constants
    row = txn.fetchone()
    return _in(row) if row else None


def into(txn: Cursor, id_: str) -> InFile | None:
    """The same as it is, unlocked."""
    txn.execute(f"SELECT {_IN} FROM payments.peer_in WHERE id = %s", (id_,))  # noqa: S608 -- constants
    row = txn.fetchone()
    return _in(row) if row else None


def save_in(
    txn: Cursor,
    id_: str,
    state: In,
    now_ms: int,
    *,
    sealed: bytes | None = None,
    why: str | None = None,
    paid_at_ms: int | None = None,
) -> None:
    """Keep the state of one that is locked, and announce it; None leaves what stood there."""
    txn.execute(
        "UPDATE payments.peer_in SET state = %s, sealed = coalesce(%s, sealed), why = %s,"
        " paid_at_ms = coalesce(%s, paid_at_ms), changed_at_ms = %s WHERE id = %s",
        (state.value, sealed, why, paid_at_ms, now_ms, id_),
    )
    txn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, id_))


def count_open_in(txn: Cursor, peer: int) -> int:
    """How many payments from a peer wait for its word or the writer's."""
    txn.execute(
        "SELECT count(*) FROM payments.peer_in WHERE peer = %s"
        " AND state NOT IN ('done', 'refused', 'cancelled')",
        (peer,),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def open_of(txn: Cursor, peer: int) -> list[tuple[str, str, str, str, int, int]]:
    """List open payments with a peer: direction, id, state, currency, amount, since when."""
    found = []
    for direction, table in (("to", "peer_out"), ("from", "peer_in")):
        txn.execute(
            f"SELECT p.id, p.state, c.code, p.amount, p.changed_at_ms FROM payments.{table} AS p"  # noqa: S608 -- constants
            " JOIN payments.currency AS c USING (ledger) WHERE p.peer = %s"
            " AND p.state NOT IN ('done', 'refused', 'cancelled') ORDER BY p.id LIMIT %s",
            (peer, LISTED_MAX),
        )
        found += [(direction, *row) for row in txn.fetchall()]
    return found


def paying_side(txn: Cursor, peer: int, ledger: int) -> Side:
    """Return our facts about our payments to a peer in a currency."""
    moved, held = _sums(txn, peer, ledger, AccountCode.DUE_TO_PEER)
    txn.execute(
        "SELECT id, amount FROM payments.peer_out WHERE peer = %s AND ledger = %s"
        " AND state = 'committing' ORDER BY id LIMIT %s",
        (peer, ledger, LISTED_MAX),
    )
    return Side(moved, held, dict(txn.fetchall()))


def paid_side(txn: Cursor, peer: int, ledger: int) -> Side:
    """Return our facts about a peer's payments to us in a currency."""
    moved, held = _sums(txn, peer, ledger, AccountCode.DUE_FROM_PEER)
    txn.execute(
        "SELECT id, amount FROM payments.peer_in WHERE peer = %s AND ledger = %s"
        " AND state IN ('ready', 'posting', 'stuck') ORDER BY id LIMIT %s",
        (peer, ledger, LISTED_MAX),
    )
    return Side(moved, held, dict(txn.fetchall()))


def owed(txn: Cursor, peer: int) -> list[Owed]:
    """List the debts between us and a peer, by currency."""
    txn.execute(
        "SELECT c.code,"
        " coalesce(sum(l.debits_posted + l.debits_pending - l.credits_posted)"
        "  FILTER (WHERE a.code = %(from)s), 0),"
        " coalesce(sum(l.allowance) FILTER (WHERE a.code = %(from)s), 0),"
        " coalesce(sum(l.credits_posted + l.credits_pending - l.debits_posted)"
        "  FILTER (WHERE a.code = %(to)s), 0),"
        " coalesce(sum(l.allowance) FILTER (WHERE a.code = %(to)s), 0)"
        " FROM payments.account AS a JOIN payments.currency AS c USING (ledger)"
        " JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE a.holder = %(peer)s GROUP BY c.code ORDER BY c.code",
        {
            "peer": peer,
            "from": int(AccountCode.DUE_FROM_PEER),
            "to": int(AccountCode.DUE_TO_PEER),
        },
    )
    return [Owed(code, *map(int, sums)) for code, *sums in txn.fetchall()]


def keep_fault(txn: Cursor, peer: int, what: str, about: str, sealed: bytes, now_ms: int) -> bool:
    """Keep that a peer contradicted itself, with what it signed; False if that is kept already."""
    txn.execute(
        "INSERT INTO payments.peer_fault (peer, what, about, sealed, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (peer, what, about) DO NOTHING",
        (peer, what, about, sealed, now_ms),
    )
    return txn.rowcount == 1


def faults(txn: Cursor, peer: int) -> list[tuple[int, str, str, int]]:
    """Faults of a peer that no operator has looked at: number, what, about what, when."""
    txn.execute(
        "SELECT n, what, about, at_ms FROM payments.peer_fault"
        " WHERE peer = %s AND settled_at_ms IS NULL ORDER BY n LIMIT %s",
        (peer, LISTED_MAX),
    )
    return [(int(n), str(what), str(about), int(at_ms)) for n, what, about, at_ms in txn.fetchall()]


def has_faults(txn: Cursor, peer: int) -> bool:
    """Return whether a peer has faults that no operator has looked at: then nothing new begins."""
    txn.execute(
        "SELECT EXISTS (SELECT FROM payments.peer_fault WHERE peer = %s AND settled_at_ms IS NULL)",
        (peer,),
    )
    [(has,)] = txn.fetchall()
    return bool(has)


def settle_faults(txn: Cursor, peer: int, now_ms: int) -> int:
    """An operator has looked at all faults of a peer; how many there were."""
    txn.execute(
        "UPDATE payments.peer_fault SET settled_at_ms = %s"
        " WHERE peer = %s AND settled_at_ms IS NULL",
        (now_ms, peer),
    )
    return int(txn.rowcount)


def keep_check(txn: Cursor, peer: int, ledger: int, check: Check) -> None:
    """Keep what was compared last."""
    txn.execute(
        "INSERT INTO payments.peer_check (peer, ledger, at_ms, ours, theirs, since_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (peer, ledger) DO UPDATE SET"
        " at_ms = EXCLUDED.at_ms, ours = EXCLUDED.ours, theirs = EXCLUDED.theirs,"
        " since_ms = CASE WHEN EXCLUDED.since_ms IS NULL THEN NULL"
        " ELSE coalesce(peer_check.since_ms, EXCLUDED.since_ms) END",
        (peer, ledger, check.at_ms, check.ours_minor, check.theirs_minor, check.since_ms),
    )


def checks(txn: Cursor, peer: int) -> dict[str, Check]:
    """The last comparison with a peer, by currency."""
    txn.execute(
        "SELECT c.code, k.at_ms, k.ours, k.theirs, k.since_ms FROM payments.peer_check AS k"
        " JOIN payments.currency AS c USING (ledger) WHERE k.peer = %s",
        (peer,),
    )
    return {code: Check(*values) for code, *values in txn.fetchall()}


def head(txn: Cursor, peer: int) -> Witnessed | None:
    """The last head of a peer that was witnessed; None if there is none."""
    txn.execute("SELECT size, root, note, at_ms FROM payments.peer_head WHERE peer = %s", (peer,))
    row = txn.fetchone()
    return Witnessed(row[0], bytes(row[1]), row[2], row[3]) if row else None


def keep_head(txn: Cursor, peer: int, witnessed: Witnessed) -> None:
    """Keep a head of a peer in the place of a shorter one."""
    txn.execute(
        "INSERT INTO payments.peer_head AS h (peer, size, root, note, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (peer) DO UPDATE SET size = EXCLUDED.size,"
        " root = EXCLUDED.root, note = EXCLUDED.note, at_ms = EXCLUDED.at_ms"
        " WHERE h.size < EXCLUDED.size",
        (peer, *attrs.astuple(witnessed)),
    )


def drop_head(txn: Cursor, peer: int) -> None:
    """Forget the head of a peer: it has begun another history."""
    txn.execute("DELETE FROM payments.peer_head WHERE peer = %s", (peer,))


def heads(txn: Cursor) -> list[Witnessed]:
    """The last heads of all peers that were witnessed."""
    txn.execute("SELECT size, root, note, at_ms FROM payments.peer_head ORDER BY peer")
    return [Witnessed(size, bytes(root), note, at_ms) for size, root, note, at_ms in txn.fetchall()]


def add_settlement(  # noqa: PLR0913, PLR0917 -- the columns of a row
    txn: Cursor,
    id_: str,
    peer: int,
    kind: str,
    ledger: int,
    amount_minor: int,
    reference: str,
    now_ms: int,
) -> None:
    """Keep what an operator orders to be settled with a peer."""
    txn.execute(
        "INSERT INTO payments.peer_settlement (id, peer, kind, ledger, amount, reference, state,"
        " at_ms) VALUES (%s, %s, %s, %s, %s, %s, 'ordered', %s)",
        (id_, peer, kind, ledger, amount_minor, reference, now_ms),
    )


def end_settlement(txn: Cursor, id_: str, *, is_booked: bool) -> None:
    """The writer has booked a settlement, or refused it."""
    txn.execute(
        "UPDATE payments.peer_settlement SET state = %s WHERE id = %s",
        ("booked" if is_booked else "refused", id_),
    )


def set_settlement(txn: Cursor, id_: str, state: str, why: str | None) -> bool:
    """Keep what became of a settlement; False if there is none of this id."""
    txn.execute(
        "UPDATE payments.peer_settlement SET state = %s, why = %s WHERE id = %s", (state, why, id_)
    )
    return txn.rowcount == 1


def unsettled_minor(txn: Cursor, peer: int, ledger: int) -> int:
    """Return our debt to a peer in a currency, less what our bank was asked to pay."""
    txn.execute(
        "SELECT coalesce(sum(l.credits_posted - l.debits_posted - l.debits_pending), 0)"
        " - (SELECT coalesce(sum(o.amount), 0) FROM payments.bank_order AS o"
        "  JOIN payments.peer_settlement AS s USING (id)"
        "  WHERE s.peer = %(peer)s AND s.ledger = %(ledger)s AND NOT o.is_held)"
        " FROM payments.account AS a JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE a.holder = %(peer)s AND a.ledger = %(ledger)s AND a.code = %(code)s",
        {"peer": peer, "ledger": ledger, "code": int(AccountCode.DUE_TO_PEER)},
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def settlements(txn: Cursor, peer: int, limit: int) -> Sequence[tuple[Any, ...]]:
    """The newest settlements with a peer: id, kind, currency, amount, reference, state, when.

    Behind the state is the bank's word for why, if it gave one.
    """
    txn.execute(
        "SELECT s.id, s.kind, c.code, s.amount, s.reference, concat_ws(' ', s.state, s.why),"
        " s.at_ms"
        " FROM payments.peer_settlement AS s JOIN payments.currency AS c USING (ledger)"
        " WHERE s.peer = %s ORDER BY s.id DESC LIMIT %s",
        (peer, limit),
    )
    return list(txn.fetchall())


def _sums(txn: Cursor, peer: int, ledger: int, code: AccountCode) -> tuple[int, int]:
    """Return the posted and pending sums of payments in one direction."""
    side = "credits" if code is AccountCode.DUE_TO_PEER else "debits"
    txn.execute(
        f"SELECT l.{side}_posted, l.{side}_pending FROM payments.account AS a"  # noqa: S608 -- constants
        " JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE a.holder = %s AND a.ledger = %s AND a.code = %s",
        (peer, ledger, int(code)),
    )
    row = txn.fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _out(row: tuple[Any, ...]) -> OutFile:
    id_, peer, state, ledger, amount, expires_at_ms, sealed, *times = row
    kept = None if sealed is None else bytes(sealed)
    return OutFile(id_, peer, Out(state), ledger, amount, expires_at_ms, kept, *times)


def _in(row: tuple[Any, ...]) -> InFile:
    id_, peer, state, ledger, amount, payee, sha256, sealed, *rest = row
    digest = None if sha256 is None else bytes(sha256)
    kept = None if sealed is None else bytes(sealed)
    return InFile(id_, peer, In(state), ledger, amount, payee, digest, kept, *rest)
