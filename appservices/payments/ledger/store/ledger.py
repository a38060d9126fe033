"""The ledger in PostgreSQL: rows are copied in, the database does the sums and says yes or no.

``PostgresLedger`` is what a writer works with; the functions read, in any transaction.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.ledger.core.block import Block, Content
from appservices.payments.ledger.core.port import BrokenError, FencedError, Place
from appservices.payments.ledger.core.results import Result
from appservices.payments.ledger.core.values import (
    ID_ZERO,
    PLACES,
    Account,
    AccountRow,
    Burned,
    Event,
    EventKind,
    Known,
    Row,
    Sums,
)
from appservices.payments.ledger.store import shards
from appservices.payments.ledger.store.copies import sending_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from appservices.payments.ledger.core.values import Names
    from appservices.payments.ledger.store.copies import Sending
    from veche.runtime.database import Connection, Cursor

_FENCED: Final = "VL001"
_BROKEN: Final = ("VL002", "VL003")
_BROKEN_CLASSES: Final = ("22", "23")  # data that does not fit, constraints

_ROW: Final = ", ".join(Row._fields)
_ROWS: Final = f"SELECT {_ROW} FROM ledger.transfer WHERE shard = %(shard)s AND "  # noqa: S608 -- constants, as all of these
# Prepared, since planning them takes longer than running them. Indexes are used always: a plan made
# while a table was empty must not live on.
_PREPARE: Final = f"""
    SET enable_seqscan = off;
    SET plan_cache_mode = force_generic_plan;
    DEALLOCATE ALL;
    PREPARE ledger_ids (smallint, uuid[], uuid[], uuid[]) AS
    SELECT 'row', {_ROW} FROM ledger.transfer WHERE shard = $1 AND id = ANY($2)
    UNION ALL SELECT 'end', {_ROW} FROM ledger.transfer
        WHERE shard = $1 AND pending_id = ANY($3)
    UNION ALL SELECT 'burned', pos, id, 0, 0, result, 0, 0, 0, 0, NULL, NULL, NULL, 0, 0, NULL, 0
        FROM ledger.burned WHERE shard = $1 AND id = ANY($2)
    UNION ALL SELECT 'refunded', 0, original, 0, 0, refunded, 0, 0, 0, 0, NULL, NULL, NULL, 0, 0,
        NULL, 0 FROM ledger.refunded WHERE shard = $1 AND original = ANY($4);
    PREPARE ledger_accounts (smallint, bigint[]) AS
    SELECT id, ledger, code, flags, allowance, ref, ext, channel, at_ms, debits_pending,
        debits_posted, credits_pending, credits_posted, opened_pos
    FROM ledger.account WHERE shard = $1 AND id = ANY($2)"""  # noqa: S608
_LOOK_UP: Final = "EXECUTE ledger_ids (%s, %s, %s, %s)"
_ACCOUNTS: Final = "EXECUTE ledger_accounts (%s, %s)"
_HOLDS: Final = (
    _ROWS + "pos IN (SELECT pos FROM ledger.hold WHERE shard = %(shard)s) ORDER BY pos"  # noqa: S608
)
_TAKE_OVER: Final = """
    SELECT epoch, seq, at_ms, head,
        (SELECT at_ms FROM ledger.transfer AS t WHERE t.shard = %(shard)s
            ORDER BY pos DESC LIMIT 1),
        (SELECT at_ms FROM ledger.event AS e WHERE e.shard = %(shard)s AND kind = 1
            ORDER BY pos DESC LIMIT 1)
    FROM ledger.take_over(%(shard)s::smallint, %(holder)s)"""
_NEWEST_ID: Final = """
    SELECT greatest(
        (SELECT id FROM ledger.transfer WHERE shard = %(shard)s ORDER BY id DESC LIMIT 1),
        (SELECT id FROM ledger.burned WHERE shard = %(shard)s ORDER BY id DESC LIMIT 1))"""
_OF_ACCOUNT: Final = f"""
    (SELECT {_ROW} FROM ledger.transfer WHERE shard = %(shard)s AND debit_id = %(account)s
        AND pos > %(after)s ORDER BY pos LIMIT %(limit)s)
    UNION ALL
    (SELECT {_ROW} FROM ledger.transfer WHERE shard = %(shard)s AND credit_id = %(account)s
        AND pos > %(after)s ORDER BY pos LIMIT %(limit)s)
    ORDER BY pos LIMIT %(limit)s"""  # noqa: S608
# All that moved an account lately, the newest first.
_LATEST: Final = _OF_ACCOUNT.replace("ORDER BY pos", "ORDER BY pos DESC")
# The line of an account with a history, and what moved it after; without one, all that moved it.
_BALANCES_AT: Final = """
    WITH line AS (
        SELECT (seq + 1) * %(places)s AS since, debits_pending, debits_posted, credits_pending,
            credits_posted
        FROM ledger.balance WHERE shard = %(shard)s AND account_id = %(account)s
            AND seq < %(pos)s / %(places)s ORDER BY seq DESC LIMIT 1
    ), base AS (
        SELECT * FROM line
        UNION ALL SELECT 0, 0, 0, 0, 0 WHERE NOT EXISTS (SELECT FROM line)
    ), moved AS (
        SELECT pending AS dp, posted AS dq, 0 AS cp, 0 AS cq FROM base, LATERAL (
            SELECT CASE WHEN flags & 2 <> 0 THEN amount ELSE -released END AS pending,
                CASE WHEN flags & 2 <> 0 THEN 0 ELSE amount END AS posted
            FROM ledger.transfer WHERE shard = %(shard)s AND debit_id = %(account)s
                AND pos BETWEEN since AND %(pos)s) AS debits
        UNION ALL
        SELECT 0, 0, pending, posted FROM base, LATERAL (
            SELECT CASE WHEN flags & 2 <> 0 THEN amount ELSE -released END AS pending,
                CASE WHEN flags & 2 <> 0 THEN 0 ELSE amount END AS posted
            FROM ledger.transfer WHERE shard = %(shard)s AND credit_id = %(account)s
                AND pos BETWEEN since AND %(pos)s) AS credits
    )
    SELECT debits_pending + (SELECT coalesce(sum(dp), 0) FROM moved),
        debits_posted + (SELECT coalesce(sum(dq), 0) FROM moved),
        credits_pending + (SELECT coalesce(sum(cp), 0) FROM moved),
        credits_posted + (SELECT coalesce(sum(cq), 0) FROM moved)
    FROM base WHERE EXISTS (SELECT FROM ledger.account
        WHERE shard = %(shard)s AND id = %(account)s AND opened_pos <= %(pos)s)"""
_BLOCK: Final = """
    SELECT epoch, at_ms, prev, root, head FROM ledger.block
    WHERE shard = %(shard)s AND seq = %(seq)s"""
_EVENTS: Final = """
    SELECT pos, kind, account_id, ledger, code, flags, allowance, ref, ext, channel, at_ms, salt
    FROM ledger.event WHERE shard = %(shard)s AND pos BETWEEN %(first)s AND %(last)s ORDER BY pos"""
_BURNED: Final = """
    SELECT pos, id, result, at_ms FROM ledger.burned
    WHERE shard = %(shard)s AND pos BETWEEN %(first)s AND %(last)s ORDER BY pos"""

_REQUIRE_WRITER: Final = "SELECT ledger.require_writer(%s::smallint, %s, %s)"
_COMMIT_BATCH: Final = "SELECT ledger.commit_batch(%s::smallint, %s, %s, %s, %s, %s, %s, %s)"
_WRITE_BLOCK: Final = f"EXECUTE ledger_write ({', '.join(['%s'] * 24)})"
_PREPARE_WRITE: Final = f"""
    DEALLOCATE ALL;
    PREPARE ledger_write (smallint, bigint, bigint, bigint, integer, bytea, bytea, bytea,
        integer[], uuid[], bigint[], bigint[], bigint[], bigint[], integer[], integer[], integer[],
        uuid[], uuid[], uuid[], bigint[], integer[], bigint[], bigint[]) AS
    SELECT ledger.write_block({", ".join(f"${n}" for n in range(1, 25))})"""


class PostgresLedger:
    """A shard in PostgreSQL, as its writer sees it.

    Attributes:
        shard: Which.
    """

    def __init__(self, shard: int, reads: Connection, writes: Connection) -> None:
        """Work with two connections that the caller has opened, and closes.

        Args:
            shard: Which.
            reads: For looking up alone; set up for that here.
            writes: For committing; set to autocommit here, since BEGIN and COMMIT ride in the
                messages of their neighbours.
        """
        self.shard = shard
        self._reads = reads
        self._writes = writes
        reads.autocommit = writes.autocommit = True
        with reads.cursor() as txn:
            txn.execute(_PREPARE)
        with writes.cursor() as txn:
            txn.execute(_PREPARE_WRITE)

    def take_over(self, holder: str) -> Place:
        """As the port; the caller holds the advisory lock."""
        with self._writes.cursor() as txn:
            txn.execute(_TAKE_OVER, {"shard": self.shard, "holder": holder})
            [(epoch, seq, at_ms, head, transfer_at_ms, account_at_ms)] = txn.fetchall()
        return Place(epoch, seq, at_ms, bytes(head), transfer_at_ms or 0, account_at_ms or 0)

    def newest_id(self) -> str:
        """As the port."""
        with self._reads.cursor() as txn:
            txn.execute(_NEWEST_ID, {"shard": self.shard})
            [(id_,)] = txn.fetchall()
        return _hex(id_) or ID_ZERO

    def holds(self) -> Sequence[Row]:
        """As the port."""
        with self._reads.cursor() as txn:
            txn.execute(_HOLDS, {"shard": self.shard})
            return [_row(*values) for values in txn]

    def look_up(self, names: Names) -> Known:
        """As the port: one round trip for ids, one for accounts, where there are any."""
        known = Known({}, {}, {}, {}, {})
        with self._reads.cursor() as txn:
            if names.ids or names.holds or names.originals:
                known = self._look_up_ids(txn, names)
            if not names.accounts:
                return known
            numbers = _array(map(str, names.accounts))
            txn.execute(_ACCOUNTS, (self.shard, numbers))
            return known._replace(accounts={values[0]: _account(values) for values in txn})

    def commit(
        self,
        block: Block,
        riders: Callable[[Cursor], None] | None = None,
        sending: Sending | None = None,
    ) -> None:
        """As the port.

        Riders run once the database has agreed to the block. An error of the driver that goes
        through means that the outcome is unknown, unless a rider raised it.

        Args:
            block: As the port.
            riders: As the port.
            sending: The block as it is sent, if another thread has made that already.
        """
        if sending is None:
            sending = sending_of(block)
        try:
            with self._writes.cursor() as txn:
                self._commit(txn, block, riders, sending)
        except BaseException as e:
            self._roll_back()
            if isinstance(e, BrokenError):
                self._require_writer(block)
            raise

    def ride(self, riders: Callable[[Cursor], None]) -> None:
        """Keep what riders write, where no block belongs to it: all or nothing."""
        with _transaction(self._writes) as txn:
            riders(txn)

    @contextlib.contextmanager
    def apart(self, txn: Cursor) -> Iterator[None]:
        """Keep nothing of what is written in here if it raises, and all that was written before."""
        txn.execute("SAVEPOINT apart")
        try:
            yield
            txn.execute("RELEASE apart")
        except Exception:
            txn.execute("ROLLBACK TO apart; RELEASE apart")
            raise

    def epoch(self) -> int | None:
        """The present epoch, as the session that commits sees it."""
        with self._writes.cursor() as txn:
            return shards.epoch(txn, self.shard)

    def head(self, seq: int) -> bytes | None:
        """The head of a block, None if there is none of that number; likewise."""
        with self._writes.cursor() as txn:
            return shards.head(txn, self.shard, seq)

    def rows(self, account_id: int, after_pos: int, limit: int) -> Sequence[Row]:
        """As the port."""
        with self._reads.cursor() as txn:
            return rows(txn, self.shard, account_id, after_pos, limit)

    def balances_at(self, account_id: int, pos: int) -> Sums | None:
        """As the port."""
        with self._reads.cursor() as txn:
            return balances_at(txn, self.shard, account_id, pos)

    def block(self, seq: int) -> Block | None:
        """As the port."""
        with self._reads.cursor() as txn:
            return block(txn, self.shard, seq)

    def _look_up_ids(self, txn: Cursor, names: Names) -> Known:
        known = Known({}, rows := {}, ends := {}, burned := {}, refunded := {})
        arrays = map(_array, (names.ids, names.holds, names.originals))
        txn.execute(_LOOK_UP, (self.shard, *arrays))
        for kind, *values in txn:
            row = _row(*values)
            if kind == "row":
                rows[row.id] = row
            elif kind == "end":
                ends[row.pending_id or ""] = row.flags
            elif kind == "burned":
                burned[row.id] = Result(row.amount)
            else:
                refunded[row.id] = row.amount
        return known

    def _commit(
        self,
        txn: Cursor,
        block: Block,
        riders: Callable[[Cursor], None] | None,
        sending: Sending,
    ) -> None:
        content = block.content
        ending = (block.epoch, content.seq, content.at_ms, content.size)
        hashes = (block.prev, block.root, block.head)
        arrays = sending.arrays or ()
        call = _WRITE_BLOCK if arrays else _COMMIT_BATCH
        begin = "BEGIN; "
        with self._refusals(_BROKEN_CLASSES):
            for statement, data in sending.copies:
                # In one piece: after each one the thread waits for the interpreter.
                txn.copy_expert(begin + statement, io.BytesIO(data), len(data))
                begin = ""
            if riders is not None:
                call = begin + call
            elif not begin:
                call += "; COMMIT"
            txn.execute(call, (self.shard, *ending, *hashes, *arrays))
        if riders is not None:
            riders(txn)
            with self._refusals(()):
                txn.end()

    def _require_writer(self, block: Block) -> None:
        """Refuse a process that is no longer the writer, before it learns the block's state."""
        with self._refusals(()), self._writes.cursor() as txn:
            txn.execute(_REQUIRE_WRITER, (self.shard, block.epoch, block.content.seq))

    @contextlib.contextmanager
    def _refusals(self, classes: tuple[str, ...]) -> Iterator[None]:
        """Turns a no of the database into ours; what else it raises is for the caller."""
        try:
            yield
        except self._writes.Error as e:
            code = e.pgcode or ""
            if code == _FENCED:
                raise FencedError(str(e).strip()) from e
            if code in _BROKEN or code[:2] in classes:
                raise BrokenError(str(e).strip()) from e
            raise

    def _roll_back(self) -> None:
        with contextlib.suppress(self._writes.Error), self._writes.cursor() as txn:
            txn.execute("ROLLBACK")


def rows(txn: Cursor, shard: int, account_id: int, after_pos: int, limit: int) -> list[Row]:
    """List the rows of an account after a position, in order, at most ``limit``."""
    values = {"shard": shard, "account": account_id, "after": after_pos, "limit": limit}
    txn.execute(_OF_ACCOUNT, values)
    return [_row(*one) for one in txn]


def latest_rows(txn: Cursor, shard: int, account_id: int, limit: int) -> list[Row]:
    """List the latest rows of an account, newest first, at most ``limit``."""
    values = {"shard": shard, "account": account_id, "after": -1, "limit": limit}
    txn.execute(_LATEST, values)
    return [_row(*one) for one in txn]


def row(txn: Cursor, shard: int, id_: str) -> Row | None:
    """A transfer by id."""
    txn.execute(_ROWS + "id = %(id)s::uuid", {"shard": shard, "id": id_})
    found = txn.fetchone()
    return _row(*found) if found else None


def balances_at(txn: Cursor, shard: int, account_id: int, pos: int) -> Sums | None:
    """Return an account's sums at a position; None before the account existed."""
    values = {"shard": shard, "account": account_id, "pos": pos, "places": PLACES}
    txn.execute(_BALANCES_AT, values)
    found = txn.fetchone()
    return Sums(*map(int, found)) if found else None


def block(txn: Cursor, shard: int, seq: int) -> Block | None:
    """A block with its content; None if there is none of that number."""
    values = {"shard": shard, "seq": seq, "first": seq * PLACES, "last": (seq + 1) * PLACES - 1}
    txn.execute(_BLOCK, values)
    if (found := txn.fetchone()) is None:
        return None
    epoch, at_ms, prev, root, head = found
    txn.execute(_ROWS + "pos BETWEEN %(first)s AND %(last)s ORDER BY pos", values)
    moved = tuple(_row(*one) for one in txn)
    txn.execute(_EVENTS, values)
    events = tuple(_event(*one) for one in txn)
    txn.execute(_BURNED, values)
    burned = tuple(Burned(pos, _hex(id_) or "", Result(n), at_ms) for pos, id_, n, at_ms in txn)
    content = Content(seq, at_ms, moved, events, burned)
    return Block(shard, epoch, content, bytes(prev), bytes(root), bytes(head))


def _array(ids: Iterable[str]) -> str:
    return "{" + ",".join(ids) + "}"


def _hex(value: object) -> str | None:
    # A string, or a UUID in processes where a library has told the driver so, for all of them.
    return str(value).replace("-", "") if value else None


def _row(pos: int, id_: str, *rest: Any) -> Row:
    debit, credit, amount, released, ledger, code, flags, pending, refund, ref, *others = rest
    return Row(
        pos,
        _hex(id_) or "",
        debit,
        credit,
        amount,
        released,
        ledger,
        code,
        flags,
        _hex(pending),
        _hex(refund),
        _hex(ref),
        *others,
    )


def _event(pos: int, kind: int, *values: Any) -> Event:
    number, ledger, code, flags, allowance, ref, *others = values
    account = Account(number, ledger, code, flags, allowance, _hex(ref), *others)
    return Event(pos, EventKind(kind), account)


def _account(values: Sequence[Any]) -> AccountRow:
    number, ledger, code, flags, allowance, ref, ext, channel, at_ms, *sums, opened_pos = values
    account = Account(number, ledger, code, flags, allowance, _hex(ref), ext, channel, at_ms)
    return AccountRow(account, Sums(*sums), opened_pos)


@contextlib.contextmanager
def _transaction(connection: Connection) -> Iterator[Cursor]:
    """A transaction on a session whose statements are committed by themselves."""
    with connection.cursor() as txn:
        txn.execute("BEGIN")
        try:
            yield txn
        except BaseException:
            txn.execute("ROLLBACK")
            raise
        txn.end()
