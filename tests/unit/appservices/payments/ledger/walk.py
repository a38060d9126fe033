"""Random walks through the ledger, where collisions are the rule: few ids, few accounts, amounts
near 0 and 2**63. Each step is decided by the book and by the model, and must come out the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from appservices.payments.ledger.core import Account, Result, Transfer, recent
from appservices.payments.ledger.core.block import seal
from appservices.payments.ledger.core.deciding import start
from appservices.payments.ledger.core.values import ID_MAX, ID_ZERO, Names
from tests.support.ledger import Shard, new_id
from tests.support.ledger_rules import broken_rules
from tests.unit.appservices.payments.ledger import model as m
from tests.unit.appservices.payments.ledger.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from appservices.payments.ledger.core.block import Block, Content
    from appservices.payments.ledger.core.book import Book
    from appservices.payments.ledger.core.deciding import Deciding
    from appservices.payments.ledger.core.port import LedgerStore

IDS = [ID_ZERO, ID_MAX, *(new_id(n) for n in range(150))]
AMOUNTS = [0, 1, 2, 3, 5, 10, 100, m.MAX - 100, m.MAX - 1, m.MAX, None]
STRANGE: dict[str, list[Any]] = {
    "id": IDS,
    "debit_id": [0, 1, 2, 3, 4, 5, 6, 7, 99, m.MAX],
    "credit_id": [0, 1, 2, 3, 4, 5, 6, 7, 99, m.MAX],
    "amount": [*AMOUNTS, -1, m.MAX + 1],
    "ledger": [0, 1, 2],
    "code": [0, 1, 2],
    "flags": [0, 1, 2, 3, 4, 6, 8, 12, 16, 18, 32, 34, 48, 64, 66, 128, 130, 256, 258, 512, 1024],
    "pending_id": [None, *IDS],
    "refund_of": [None, *IDS],
    "timeout_ms": [0, 1, 5, 50, m.MAX, -1],
    "ref": [None, new_id(1), new_id(2)],
    "ext": [0, 1, 2],
    "channel": [0, 1],
    "at_ms": [0, 1, 1_005, m.MAX, m.MAX + 1],
}
recent.RECENT_MAX = 7  # type: ignore[misc]  # so few that ids are forgotten
ACCOUNT_FLAGS = [0, 0, 1, 1, 2, 3, 4, 5, 8, 9, 16, 24, 32]


class Walk:
    """One world, walked by a source of chance."""

    def __init__(self, random: Random, store: LedgerStore[Any] | None = None) -> None:
        self.random = random
        self.model = Model()
        self.shard = Shard(store)
        self.now_ms = self.model.at_ms = 1_000
        self.results: Counter[Result] = Counter()
        self.transfers = 0
        first = [Account(n, 1, 1, ACCOUNT_FLAGS[n], 100 * (n % 2)) for n in range(1, 5)]
        assert self.shard.open(*first) == self.model.open(first)
        self._decided: list[Block] = []  # not committed yet

    def step(self) -> None:
        """One block: whatever it holds, both decide it alike."""
        if self.random.random() < 0.02:
            self.restart()
        self.now_ms += self.random.choice([0, 0, 0, 1, 1, 5, 50, -3])
        work = self._work()
        names = self.shard.book.names(
            [t for kind, request in work if kind == "ask" for t in request],
            [a.id for kind, request in work if kind != "ask" for a in request],
        )
        self.shard.book.learn(self.shard.store.look_up(names))
        deciding = self._start()
        found = self._decide(deciding, work)
        if self.random.random() < 0.05:
            first = deciding.content
            self.shard.book.undo()
            self.shard.book.learn(self.shard.store.look_up(names))
            deciding = self._start()
            assert self._decide(deciding, work) == found
            assert deciding.content == first
        self.model.start(self.now_ms)
        assert self.model.at_ms == deciding.at_ms
        expected = self._expect(work)
        assert found == expected, (work, found, expected)
        self._finish(deciding)

    def settle(self) -> None:
        """Commit all, and compare what is kept with the model."""
        self._commit(0)
        assert broken_rules(self.shard.store, self.shard.blocks()) == []
        kept = self.shard.store.look_up(Names(accounts=sorted(self.model.accounts))).accounts
        for number, account in self.model.accounts.items():
            row = kept[number]
            assert row.sums == self.model.sums(number)
            assert bool(row.account.flags & m.CLOSED) is self.model.is_closed(number)
            assert row.account.allowance == account.allowance
            cached = self.shard.book.accounts.get(number)
            assert cached is None or cached.to_row() == row

    def restart(self) -> None:
        """A new writer that knows what is kept, and no more."""
        self._commit(0)
        self.shard = Shard(self.shard.store)
        self.model.at_ms = self.shard.book.at_ms

    def _start(self) -> Deciding:
        seq = self.shard.seq + len(self._decided) + 1
        return start(self.shard.book, seq, self.now_ms, 1_000)

    def _decide(self, deciding: Deciding, work: Sequence[tuple[str, Any]]) -> list[Result]:
        results: list[Result] = []
        for kind, request in work:
            if kind == "open":
                results += deciding.open_accounts(request)
            elif kind == "allow":
                salt = "0" * 20
                results += [deciding.set_allowance(a.id, a.allowance, salt) for a in request]
            else:
                results += deciding.decide(request)
        return results

    def _expect(self, work: Sequence[tuple[str, Any]]) -> list[Result]:
        results: list[Result] = []
        for kind, request in work:
            if kind == "open":
                results += self.model.open(request)
            elif kind == "allow":
                results += [self.model.set_allowance(a.id, a.allowance) for a in request]
            else:
                results += self.model.decide(request)
                self.transfers += len(request)
        self.results.update(results)
        return results

    def _finish(self, deciding: Deciding) -> None:
        content = deciding.end()
        if content.size == 0:
            self.shard.book.undo()
            return
        self._decided.append(self._seal(content))
        self._commit(self.random.choice([0, 0, 1, 2]))

    def _seal(self, content: Content) -> Block:
        head = self._decided[-1].head if self._decided else self.shard.head
        return seal(0, self.shard.epoch, head, content)

    def _commit(self, in_flight: int) -> None:
        while len(self._decided) > in_flight:
            self.shard.commit(self._decided.pop(0))

    # What is asked for.

    def _work(self) -> list[tuple[str, Any]]:
        work: list[tuple[str, Any]] = []
        for _ in range(self.random.randint(1, 3)):
            chance = self.random.random()
            if chance < 0.12:
                work.append(("open", [self._account() for _ in range(self.random.randint(1, 3))]))
            elif chance < 0.17:
                work.append(("allow", [self._account()]))
            else:
                work.append(("ask", self._request()))
        return work

    def _account(self) -> Account:
        choose = self.random.choice
        number = choose([*range(1, 14), 0, m.MAX])
        flags = ACCOUNT_FLAGS[number % 8] if self.random.random() < 0.8 else choose(ACCOUNT_FLAGS)
        return Account(
            number,
            choose([2 if number in (6, 7) else 1] * 20 + [0, 1, 2]),
            choose([1] * 20 + [0, 2]),
            flags,
            choose([0, 0, 0, 5, 100, m.MAX, -1]),
            choose([None] * 20 + [new_id(1)]),
            choose([0] * 20 + [1]),
            choose([0] * 20 + [1]),
            choose([self.now_ms, self.now_ms - 2, 0, 1, self.now_ms + 9]) if flags & 8 else 0,
        )

    def _request(self) -> list[Transfer]:
        size = self.random.choice([1, 1, 1, 2, 3, 5])
        request = [self._transfer() for _ in range(size)]
        if size > 1 and self.random.random() < 0.4:
            last = self.random.choice([1, 1, 1, 1, 0])
            linked = [t._replace(flags=t.flags | 1) for t in request[: size - last]]
            request = linked + request[size - last :]
        if self.random.random() < 0.1:
            request = [
                t._replace(
                    flags=t.flags | 256,
                    at_ms=self.now_ms - self.random.choice([0, 0, 0, 0, 1, 2, 5, -1]),
                )
                for t in request
            ]
        return request

    def _transfer(self) -> Transfer:
        rows = self.model.rows
        chance = self.random.random()
        if rows and chance < 0.15:
            t = self.random.choice(rows).asked
        elif rows and chance < 0.45:
            t = self._end()
        elif rows and chance < 0.55:
            t = self._refund()
        else:
            t = self._move()
        for _ in range(self.random.choice([0, 0, 0, 0, 0, 1, 1, 2])):
            name = self.random.choice(list(STRANGE))
            t = t._replace(**{name: self.random.choice(STRANGE[name])})
        if t.pending_id is not None and self.random.random() < 0.01:
            t = t._replace(pending_id=t.id)
        return t

    def _move(self) -> Transfer:
        choose = self.random.choice
        is_hold = self.random.random() < 0.5
        debit_id, credit_id = self.random.sample([1, 2, 3, 4, 5], 2)
        if self.random.random() < 0.15:
            credit_id = list(self.model.accounts)[-1]
        return Transfer(
            self._id(),
            debit_id,
            credit_id,
            choose([1, 2, 3, 5, 10, *AMOUNTS]),
            1,
            1,
            choose([2] * 12 + [18, 34, 66, 130]) if is_hold else choose([0, 0, 0, 16, 32, 48]),
            timeout_ms=choose([0, 1, 5, 50]) if is_hold else 0,
        )

    def _id(self) -> str:
        if self.random.random() < 0.1:
            return self.random.choice(IDS[2:])
        taken = {row.asked.id for row in self.model.rows} | self.model.burned
        return self.random.choice([id_ for id_ in IDS[2:] if id_ not in taken] or IDS[2:])

    def _end(self) -> Transfer:
        row = self.random.choice(self.model.rows)
        amount = self.random.choice([None, None, row.amount, row.amount // 2, row.amount + 1])
        flags = self.random.choice([m.POST, m.POST, m.VOID])
        return Transfer(self._id(), 0, 0, amount, 0, 0, flags, row.asked.id)

    def _refund(self) -> Transfer:
        row = self.random.choice(self.model.rows)
        return Transfer(
            self._id(),
            row.asked.credit_id,
            row.asked.debit_id,
            self.random.choice([row.amount, row.amount // 2, row.amount + 1]),
            row.asked.ledger,
            row.asked.code,
            self.random.choice([0, 0, 2]),
            refund_of=row.asked.id,
        )


def book_is_empty(book: Book) -> bool:
    """Whether a book whose blocks are all committed keeps no more of them than open holds need."""
    under_holds = {hold.refund_of for hold in book.holds.values()}
    return not (book.rows or book.ended or book.burned or book.refunded.keys() - under_holds)
