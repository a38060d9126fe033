"""Works that share a block: deciding them, and running their riders. All of it runs in threads."""

from __future__ import annotations

import logging
import secrets
from contextlib import nullcontext
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.ledger.core import AccountCode, Result, TransferFlag
from appservices.payments.ledger.core.block import seal
from appservices.payments.ledger.core.deciding import start
from appservices.payments.ledger.core.flags import NO_OVERDRAFT
from appservices.payments.ledger.core.values import ROWS_MAX, SALT_DIGITS
from appservices.payments.ledger.service import gauges
from appservices.payments.ledger.service.work import Outcome
from appservices.payments.ledger.store.copies import sending_of
from veche.runtime.database import is_trouble, sqlstate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from appservices.payments.ledger.core import Account, Row
    from appservices.payments.ledger.core.block import Block, Content
    from appservices.payments.ledger.core.book import Book
    from appservices.payments.ledger.core.deciding import Deciding
    from appservices.payments.ledger.core.port import LedgerStore
    from appservices.payments.ledger.service.work import Entry
    from appservices.payments.ledger.store.copies import Sending
    from veche.runtime.database import Cursor

    Apart = Callable[[Cursor], AbstractContextManager[None]]
    Expired = Callable[[Cursor, Sequence[Row], int, Apart | None], None]

logger = logging.getLogger(__name__)

_FAILED_BEFORE: Final = "25P02"
"""An earlier statement of the transaction had failed (PostgreSQL, appendix A)."""
_NO_SALT: Final = "0" * SALT_DIGITS
_OF_PEERS: Final = frozenset({AccountCode.DUE_TO_PEER, AccountCode.DUE_FROM_PEER})


class RiderError(Exception):
    """Riders raised.

    Attributes:
        causes: What they raised, by whose rider it was; nothing where it is not known which one.
    """

    def __init__(self, causes: Mapping[Entry, Exception]) -> None:
        super().__init__("riders of the block raised")
        self.causes = causes


@attrs.frozen
class Link:
    """The last block, which the next one follows.

    Attributes:
        shard: Of the ledger.
        epoch: In which we write it.
        seq: Number of the block, 0 if there is none.
        head: Of the block.
    """

    shard: int
    epoch: int
    seq: int
    head: bytes


@attrs.frozen
class Batch:
    """Works that were decided together.

    Attributes:
        entries: The works.
        outcomes: Of each; true once the block is committed.
        block: What is to be kept; None if nothing happened.
        before: What it follows.
        expired: Rows of the holds that ended by themselves.
        sending: The block as it is sent, made here so that the session that commits waits less.
        has_riders: Whether there is more to write than the block.
    """

    entries: Sequence[Entry]
    outcomes: Sequence[Outcome]
    block: Block | None
    before: Link
    expired: Sequence[Row]
    sending: Sending | None
    has_riders: bool

    @property
    def after(self) -> Link:
        """Link that the next transfer follows."""
        if self.block is None:
            return self.before
        return Link(self.before.shard, self.before.epoch, self.block.content.seq, self.block.head)


def decide(
    book: Book,
    store: LedgerStore[Cursor],
    entries: Sequence[Entry],
    before: Link,
    now_ms: int,
    expiries_max: int = ROWS_MAX,
) -> Batch:
    """Decide works, one after the other, and seal the block.

    Args:
        book: Without what is committed by now; it has the block afterwards.
        store: What the book lacks is looked up there.
        entries: Together at most ``ROWS_MAX``.
        before: What the block follows.
        now_ms: The moment; ledger time does not go back.
        expiries_max: How many holds may end by themselves in it.
    """
    accounts = [
        [_salted(one) for one in opened] if (opened := entry.work.accounts) else ()
        for entry in entries
    ]
    chain = [transfer for entry in entries for transfer in entry.work.chain]
    names = book.names(chain, [one.id for some in accounts for one in some])
    book.learn(store.look_up(names))
    size = sum(entry.size for entry in entries)
    deciding = start(book, before.seq + 1, now_ms, max(size, ROWS_MAX - expiries_max))
    results = []
    for entry, opened in zip(entries, accounts, strict=True):
        if opened:
            deciding.open_accounts(opened)
            _allow(book, deciding, opened)
        results.append(deciding.decide(entry.work.chain))
    content = deciding.end()
    block = None
    if content.size:
        block = seal(before.shard, before.epoch, before.head, content)
    else:
        book.undo()
    expired = list(takewhile(lambda row: row.flags & TransferFlag.EXPIRE, content.rows))
    outcomes = list(_outcomes(results, content, block, len(expired)))
    sending = sending_of(block) if block is not None else None
    has_riders = bool(expired) or any(entry.work.rider is not None for entry in entries)
    return Batch(entries, outcomes, block, before, expired, sending, has_riders)


def _allow(book: Book, deciding: Deciding, accounts: Sequence[Account]) -> None:
    """Give accounts of peers that were open before the allowance that stands with them now.

    What is in use already is not taken away; nothing more is let in then.
    """
    for account in accounts:
        state = book.accounts.get(account.id)
        if state is None or account.code not in _OF_PEERS:
            continue
        debits = state.debits_pending + state.debits_posted
        credits_ = state.credits_pending + state.credits_posted
        is_asset = bool(account.flags & NO_OVERDRAFT)
        used = debits - state.credits_posted if is_asset else credits_ - state.debits_posted
        allowance = max(account.allowance, used)
        if allowance != state.allowance:
            deciding.set_allowance(account.id, allowance, _salt())


def _outcomes(
    results: Sequence[Sequence[Result]], content: Content, block: Block | None, first: int
) -> Iterator[Outcome]:
    for some in results:
        last = first + some.count(Result.CREATED)
        yield Outcome(some, content.at_ms, content.rows[first:last], block)
        first = last


def _salted(account: Account) -> Account:
    """An account to open with a leaf that nobody guesses."""
    if account.salt != _NO_SALT:
        return account
    return account._replace(salt=_salt())


def _salt() -> str:
    return secrets.token_hex(SALT_DIGITS // 2)


def ride(batch: Batch, expired: Expired | None, txn: Cursor, apart: Apart | None = None) -> None:
    """Run the riders of a batch, in its transaction.

    Args:
        batch: Whose.
        expired: Is told of the holds that ended by themselves.
        txn: Commits the block.
        apart: Runs each rider so that it leaves the transaction whole: then all that raise are
            found at once, and those too that let a failed statement pass. It takes longer.

    Raises:
        RiderError: Riders raised; without ``apart`` only the first one that did is known.
    """
    around = apart or nullcontext
    causes: dict[Entry, Exception] = {}
    for entry, outcome in zip(batch.entries, batch.outcomes, strict=True):
        if entry.work.rider is not None:
            try:
                with around(txn):
                    entry.work.rider(txn, outcome)
            except Exception as e:
                causes[entry] = e
                if apart is None:
                    is_anothers = sqlstate(e) == _FAILED_BEFORE
                    raise RiderError({} if is_anothers else causes) from e
    if causes:
        raise RiderError(causes)
    if expired is not None and batch.expired and batch.block is not None:
        try:
            with around(txn):
                expired(txn, batch.expired, batch.block.content.at_ms, apart)
        except Exception as e:
            if apart is None:
                raise RiderError({}) from e
            if is_trouble(e):
                raise
            # Not even the attempt to do it later is left. The money is free again, and what waited
            # for it has clocks of its own.
            gauges.broken.inc()
            logger.exception("nobody is told of the end of %s", [one.id for one in batch.expired])
