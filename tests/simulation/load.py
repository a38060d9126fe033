"""Who asks the ledger in a simulation, and the network in between.

A caller asks with the same ids, of any process, until somebody answers. What it asks and hears may
be dropped, doubled, delayed and come in another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg2

from appservices.payments.ledger.core import Account, Transfer, TransferFlag
from appservices.payments.ledger.service.work import BrokenWorkError, Work
from veche.protocol.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.ledger.service.writer import Writer
    from tests.simulation.database import SimulatedSessions
    from tests.simulation.processes import Machine

SOURCE: Final = 100
PEOPLE: Final = range(101, 109)
"""Accounts; the last one does not exist."""
MONEY: Final = 1_000
BROKEN_CODE: Final = 10**12
"""More than its column holds: a work that no block can have."""
ASK_AGAIN_S: Final = 2.0
HOLDS_MAX: Final = 12
PAST_MAX: Final = 20


class SettledError(RefusedError):
    """Its rider found that it had run before."""


@attrs.frozen
class Request:
    """What a caller asks, always with the same ids."""

    number: str
    chain: tuple[Transfer, ...]
    accounts: tuple[Account, ...] = ()
    has_rider: bool = False
    is_refused: bool = False
    """By its rider: nothing of it may ever be kept."""
    settle: Callable[[bool], None] | None = None
    """Told whether it is done, once that is kept."""
    is_there: Callable[[], bool] = lambda: True
    """Whether it was not taken back."""

    @property
    def is_broken(self) -> bool:
        """Whether no block can have it."""
        return any(one.code == BROKEN_CODE for one in self.chain)

    def work(self) -> Work:
        """For the writer."""
        return Work(self.chain, self._ride if self.has_rider else None, self.accounts)

    def _ride(self, txn: Any, outcome: Outcome) -> None:
        if not self.is_there():
            raise SettledError(self.number)
        if not txn.note(self.number, is_done=outcome.is_done, settle=self.settle):
            raise SettledError(self.number)
        if self.is_refused:
            raise RefusedError("its rider refuses it")


@attrs.define
class Network:
    """Between callers and processes."""

    chance: Random
    later: Callable[[float, Callable[[], None]], None]
    dropped: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0

    def send(self, deliver: Callable[[], None]) -> None:
        """A message, which may be lost, come twice, or late."""
        for _ in range(1 + (self.chance.random() < self.doubled)):
            if self.chance.random() < self.dropped:
                continue
            takes_s = self.chance.uniform(0.0001, 0.003)
            if self.chance.random() < self.delayed:
                takes_s = self.chance.uniform(0.05, 5.0)
            self.later(takes_s, deliver)


@attrs.define(eq=False)
class Process:
    """One that serves callers while its writer leads."""

    name: str
    machine: Machine
    writer: Writer
    sessions: SimulatedSessions
    is_cut: bool = False
    """Dead: nobody hears of it any more."""

    def serve(self, request: Request, reply: Callable[[Request, Any], None]) -> None:
        """Give a request to the writer; ``reply`` gets what it says, an outcome or an error."""
        try:
            answer = self.writer.submit(request.work())
        except UnavailableError as e:
            reply(request, e)
        else:
            answer.addCallbacks(
                lambda outcome: reply(request, outcome),
                lambda failure: reply(request, failure.value),
            )


class Requests:
    """Makes requests: payments, holds, posts, voids, chains, repeats, mistakes."""

    def __init__(self, chance: Random, now_ms: Callable[[], int]) -> None:
        self._chance = chance
        self.now_ms = now_ms
        self._numbers = 0
        self._holds: list[str] = []
        self._past: list[Transfer] = []

    def opening(self) -> Request:
        """Accounts, and money in them."""
        accounts = [Account(SOURCE, 1, 3, salt=self._salt())]
        accounts += [Account(n, 1, 1, 1, salt=self._salt()) for n in PEOPLE[:-1]]
        gifts = tuple(Transfer(self._id(), SOURCE, n, MONEY, 1, 1) for n in PEOPLE[:-1])
        return Request(self._number(), gifts, tuple(accounts))

    def some(self) -> Request:
        """Any request."""
        chance = self._chance.random()
        if chance < 0.01:
            return Request(self._number(), (self._pay(code=BROKEN_CODE),))
        if chance < 0.04:
            return Request(self._number(), (self._pay(),), has_rider=True, is_refused=True)
        count = self._chance.choice((1, 1, 2, 6))
        chain = tuple(one for _ in range(count) for one in self._transfers())
        self._past = [*self._past[-PAST_MAX:], *chain]
        return Request(self._number(), chain or (self._pay(),), has_rider=chance < 0.6)

    def _transfers(self) -> Sequence[Transfer]:
        kind = self._chance.random()
        if kind < 0.5:
            return [self._pay(amount=MONEY * 2 if kind < 0.05 else None)]
        if kind < 0.7:
            timeout_ms = self._chance.choice((0, 1, 300, 5_000))
            hold = self._pay(flags=TransferFlag.PENDING, timeout_ms=timeout_ms)
            self._holds = [*self._holds[-HOLDS_MAX:], hold.id]
            return [hold]
        if kind < 0.85 and self._holds:
            flag = TransferFlag.POST if kind < 0.8 else TransferFlag.VOID
            hold_id = self._chance.choice(self._holds)
            return [Transfer(self._id(), flags=int(flag), pending_id=hold_id)]
        if kind < 0.95 or not self._past:
            linked = int(TransferFlag.LINKED)
            return [*(self._pay(flags=linked) for _ in range(3)), self._pay()]
        # Not a member of a chain: nobody sends one without the others.
        past = self._chance.choice(self._past)
        return [past] if not past.flags & TransferFlag.LINKED else []

    def _pay(
        self, *, amount: int | None = None, flags: int = 0, timeout_ms: int = 0, code: int = 1
    ) -> Transfer:
        payer, payee = self._chance.sample(PEOPLE, 2)
        amount = self._chance.randrange(1, 300) if amount is None else amount
        flags = int(flags)
        return Transfer(self._id(), payer, payee, amount, 1, code, flags, timeout_ms=timeout_ms)

    def _number(self) -> str:
        self._numbers += 1
        return f"request {self._numbers}"

    def _salt(self) -> str:
        return f"{self._chance.getrandbits(80):020x}"

    def _id(self) -> str:
        return f"{self.now_ms():012x}{self._chance.getrandbits(80):020x}"


class Caller:
    """Asks one request after the other, each until there is an answer.

    Attributes:
        asked: What it asks now; None once it has enough.
    """

    def __init__(
        self,
        requests: Requests,
        send: Callable[[Request, Caller], None],
        pause: Callable[[Callable[[], None]], None],
        first: Request,
    ) -> None:
        self.asked: Request | None = first
        self.answers: dict[str, bool] = {}
        self.problems: list[str] = []
        self.settled: set[str] = set()
        self.all: dict[str, Request] = {first.number: first}
        self.is_enough = False
        self._requests = requests
        self._send = send
        self._pause = pause

    def ask(self) -> None:
        """Ask, or ask again."""
        if self.asked is not None:
            self._send(self.asked, self)

    def hear(self, request: Request, said: Any) -> None:
        """An answer, perhaps a late or a second one."""
        if isinstance(said, UnavailableError | psycopg2.Error):
            return  # asked again after a while; the second is a conflict that came too often
        if isinstance(said, SettledError):
            self.settled.add(request.number)
        else:
            self._note(request, said)
        if self.asked is request:
            self.asked = None
            if not self.is_enough:
                self.asked = self._requests.some()
                self.all[self.asked.number] = self.asked
                self._pause(self.ask)

    def _note(self, request: Request, said: Any) -> None:
        if isinstance(said, BrokenWorkError | RefusedError):
            is_done = False
            if not request.is_broken and not request.is_refused:
                self.problems.append(f"{request.number} is refused: {said}")
        elif isinstance(said, Exception):
            self.problems.append(f"{request.number}: {said!r}")
            return
        else:
            is_done = said.is_done
        if self.answers.setdefault(request.number, is_done) is not is_done:
            self.problems.append(f"{request.number} has two answers")
