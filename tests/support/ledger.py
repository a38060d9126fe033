"""A ledger for tests: a book and a store as their writer joins them, one request at a time."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any

from appservices.payments.ledger.core import Account, AccountFlag, Result, Transfer
from appservices.payments.ledger.core.block import Block, seal
from appservices.payments.ledger.core.book import Book
from appservices.payments.ledger.core.deciding import start
from appservices.payments.ledger.core.values import Names
from appservices.payments.ledger.store.memory_ledger import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.payments.ledger.core.deciding import Deciding
    from appservices.payments.ledger.core.port import LedgerStore

ALICE, BOB, FEES, BANK, ZLOTY_FEES = 1, 2, 3, 4, 5
EUR, PLN = 1, 2
_numbers = itertools.count(1)


def new_id(number: int | None = None) -> str:
    """An id of a transfer: another one each time, or that of a number."""
    cause = b"%d" % (next(_numbers) if number is None else number)
    return hashlib.sha256(cause).hexdigest()[:32]


class Shard:
    """A writer without a queue: each call is a block that is decided and committed."""

    def __init__(self, store: LedgerStore[Any] | None = None, *, now_ms: int = 1_000) -> None:
        self.store = store or MemoryLedger()
        self.now_ms = now_ms
        self.epoch, self.seq, at_ms, self.head, transfer_at_ms, account_at_ms = (
            self.store.take_over("test")
        )
        self.book = Book(at_ms=at_ms, transfer_at_ms=transfer_at_ms, account_at_ms=account_at_ms)
        self.book.expect_above(self.store.newest_id())
        holds = self.store.holds()
        accounts = {number for hold in holds for number in (hold.debit_id, hold.credit_id)}
        self.book.learn(self.store.look_up(Names(accounts=sorted(accounts))))
        for hold in holds:
            self.book.open_hold(hold)

    def open(self, *accounts: Account) -> list[Result]:
        """Open accounts."""
        return self._block([], [a.id for a in accounts], lambda d: d.open_accounts(accounts))

    def allow(self, account_id: int, allowance: int) -> Result:
        """Set an allowance."""
        salt = new_id()[:20]
        [result] = self._block(
            [], [account_id], lambda d: [d.set_allowance(account_id, allowance, salt)]
        )
        return result

    def ask(self, *transfers: Transfer) -> list[Result]:
        """Decide and commit one request."""
        return self._block(transfers, [], lambda d: d.decide(transfers))

    def one(self, *args: Any, **kwargs: Any) -> Result:
        """Decide and commit one transfer; its id is new if none is given."""
        [result] = self.ask(transfer(*args, **kwargs))
        return result

    def sums(self, account_id: int) -> tuple[int, int, int, int]:
        """What an account has moved, as it is kept."""
        return self.store.look_up(Names(accounts=[account_id])).accounts[account_id].sums

    def is_closed(self, account_id: int) -> bool:
        """Whether an account is closed, as it is kept."""
        kept = self.store.look_up(Names(accounts=[account_id])).accounts[account_id]
        return bool(kept.account.flags & AccountFlag.CLOSED)

    def decide(self, transfers: Sequence[Transfer]) -> Deciding:
        """A block that is begun with what its transfers need, and not decided."""
        self.book.learn(self.store.look_up(self.book.names(transfers)))
        return start(self.book, self.seq + 1, self.now_ms, len(transfers))

    def seal(self, deciding: Deciding) -> Block:
        """The block after the last committed one."""
        return seal(0, self.epoch, self.head, deciding.end())

    def commit(self, block: Block, riders: Callable[[Any], None] | None = None) -> None:
        """Commit a block; if that fails, it is taken back."""
        try:
            self.store.commit(block, riders)
        except BaseException:
            self.book.undo()
            raise
        self.seq, self.head = block.content.seq, block.head
        self.book.forget()

    def blocks(self) -> list[Block]:
        """All of them."""
        found = (self.store.block(seq) for seq in range(1, self.seq + 1))
        return [block for block in found if block is not None]

    def _block(
        self,
        transfers: Sequence[Transfer],
        accounts: Sequence[int],
        decide: Callable[[Deciding], list[Result]],
    ) -> list[Result]:
        self.book.learn(self.store.look_up(self.book.names(transfers, accounts)))
        deciding = start(self.book, self.seq + 1, self.now_ms, len(transfers) + len(accounts))
        results = decide(deciding)
        if deciding.end().size:
            self.commit(self.seal(deciding))
        else:
            self.book.undo()
        return results


def transfer(
    debit_id: int = ALICE, credit_id: int = BOB, amount: int | None = 10, **kwargs: Any
) -> Transfer:
    """A transfer that is in order where nothing else is said."""
    values: dict[str, Any] = {"id": new_id(), "ledger": EUR, "code": 1} | kwargs
    return Transfer(debit_id=debit_id, credit_id=credit_id, amount=amount, **values)


def end(flags: int, hold: str | None, amount: int | None = None, **kwargs: Any) -> Transfer:
    """A post or void of a hold."""
    values: dict[str, Any] = {"id": new_id()} | kwargs
    return Transfer(flags=flags, pending_id=hold, amount=amount, **values)


def people(shard: Shard, money: int = 100) -> Shard:
    """Opens Alice, Bob, fees, a bank in EUR, and fees in PLN; Alice gets some money."""
    bound = AccountFlag.NO_OVERDRAFT
    results = shard.open(
        Account(ALICE, EUR, 1, bound, salt=new_id()[:20]),
        Account(BOB, EUR, 1, bound | AccountFlag.HISTORY, salt=new_id()[:20]),
        Account(FEES, EUR, 3, salt=new_id()[:20]),
        Account(BANK, EUR, 8, AccountFlag.NO_OVERCREDIT, allowance=0, salt=new_id()[:20]),
        Account(ZLOTY_FEES, PLN, 3, salt=new_id()[:20]),
    )
    assert set(results) <= {Result.CREATED, Result.EXISTS}
    if money:
        assert shard.one(FEES, ALICE, money) is Result.CREATED
    return shard
