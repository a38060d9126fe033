"""Replay: all that was recorded, decided again, must come out the same, to the last hash."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from appservices.payments.ledger.core.block import FIRST_HEAD, seal
from appservices.payments.ledger.core.book import Book
from appservices.payments.ledger.core.deciding import start
from appservices.payments.ledger.core.flags import ACCOUNT_IMPORTED, EXPIRE, IMPORTED, VOID
from appservices.payments.ledger.core.values import (
    ROWS_MAX,
    Burned,
    Event,
    EventKind,
    Row,
    Transfer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.payments.ledger.core.block import Block, Content
    from appservices.payments.ledger.core.deciding import Deciding
    from appservices.payments.ledger.core.port import LedgerStore


class ReplayError(Exception):
    """A block did not come out as it is recorded.

    Attributes:
        seq: Its number.
    """

    def __init__(self, seq: int) -> None:
        super().__init__(f"block {seq} does not come out as it is recorded")
        self.seq = seq


def replay(blocks: Iterable[Block], into: LedgerStore[None]) -> int:
    """Decide recorded blocks again, into an empty ledger; how many there were.

    Args:
        blocks: From the first on, in order.
        into: Takes them.

    Raises:
        ReplayError: A block came out otherwise; those before it are in ``into``.
    """
    epoch = into.take_over("replay").epoch
    book, head, count = Book(), FIRST_HEAD, 0
    for block in blocks:
        sealed = seal(block.shard, block.epoch, head, _again(book, into, block.content))
        if sealed != block:
            raise ReplayError(block.content.seq)
        into.commit(sealed._replace(epoch=epoch))
        book.forget()
        head, count = block.head, count + 1
    return count


def _again(book: Book, store: LedgerStore[None], content: Content) -> Content:
    requests = [_request(row) for row in content.rows if not row.flags & EXPIRE]
    accounts = [event.account.id for event in content.events]
    names = book.names(requests, accounts)
    book.learn(store.look_up(names))
    expiries = len(content.rows) - len(requests)
    deciding = start(book, content.seq, content.at_ms, ROWS_MAX - expiries)
    everything: list[Row | Event | Burned] = [
        *content.rows[expiries:],
        *content.events,
        *content.burned,
    ]
    everything.sort(key=lambda one: one.pos)
    for _, run in itertools.groupby(everything, _sort):
        _decide(deciding, list(run))
    return deciding.end()


def _sort(one: Row | Event | Burned) -> tuple[type, int]:
    # Imports are requests of their own.
    return type(one), one.flags & IMPORTED if isinstance(one, Row) else 0


def _decide(deciding: Deciding, run: list[Row | Event | Burned]) -> None:
    deciding.decide([_request(one) for one in run if isinstance(one, Row)])
    for one in run:
        if isinstance(one, Burned):
            deciding.burn(one.id, one.result)
        elif isinstance(one, Event):
            _happen(deciding, one)


def _happen(deciding: Deciding, event: Event) -> None:
    account = event.account
    if event.kind is EventKind.ALLOWANCE_SET:
        deciding.set_allowance(account.id, account.allowance, account.salt)
        return
    at_ms = account.at_ms if account.flags & ACCOUNT_IMPORTED else 0
    deciding.open_accounts([account._replace(at_ms=at_ms)])


def _request(row: Row) -> Transfer:
    # A balanced amount comes out the same when it is asked for.
    return Transfer(
        id=row.id,
        debit_id=row.debit_id,
        credit_id=row.credit_id,
        amount=None if row.flags & VOID else row.amount,
        ledger=row.ledger,
        code=row.code,
        flags=row.flags,
        pending_id=row.pending_id,
        refund_of=row.refund_of,
        timeout_ms=row.expires_at_ms - row.at_ms if row.expires_at_ms is not None else 0,
        ref=row.ref,
        ext=row.ext,
        channel=row.channel,
        at_ms=row.at_ms if row.flags & IMPORTED else 0,
    )
