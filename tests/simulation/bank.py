"""The institution's bank in a simulation, and the desk that gives it orders and hears of it.

The bank is the demo's, with its habits; what an order may become, which transfers that is, and the
files in between are the product's. The desk keeps in the world's database what the product keeps in
tables; the network between desk and bank is as bad as any.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core import moves
from appservices.payments.banks.core.messages import read_events
from appservices.payments.banks.core.orders import OrderInput, OrderState, step
from appservices.payments.banks.core.orders_xml import write_orders
from appservices.payments.banks.core.port import (
    BankOrder,
    Booked,
    Closed,
    Odd,
    OrderKind,
    OrderStatus,
    Party,
    Status,
)
from appservices.payments.banks.core.xml import BankMessageError
from appservices.payments.demo_bank.bank import Bank, demo_iban
from appservices.payments.demo_bank.book import ELSEWHERE, Book, Movement
from appservices.payments.ledger.core import Account, AccountCode
from appservices.payments.ledger.core.requests import TransferCode
from tests.simulation.load import PEOPLE, Request
from veche.protocol.errors import ConflictError
from veche.protocol.ids import Ulid, derived_ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from appservices.payments.banks.core.port import BankMessage, Entry
    from appservices.payments.ledger.core import Transfer
    from appservices.payments.ledger.store.memory_ledger import MemoryLedger
    from tests.simulation.load import Network

BOOKS: Final = moves.Books(ledger=1, bank=90, clearing=91, suspense=92, opening=93)
CODES: Final = {
    BOOKS.bank: AccountCode.BANK,
    BOOKS.clearing: AccountCode.PAYOUT_CLEARING,
    BOOKS.suspense: AccountCode.SUSPENSE,
    BOOKS.opening: AccountCode.OPENING,
}
NEW: Final = tuple(Account(n, BOOKS.ledger, code, salt=f"{n:020x}") for n, code in CODES.items())
"""Opened with whatever moves them first."""
ORDERS: Final = 5
HABITS_MAX: Final = 11
"""One more than the bank has: that order goes well."""
OWN: Final = Party("Bank of Lindenau", demo_iban(1))
OTHER: Final = Party("Bob Beispiel", demo_iban(3))
DEPOSIT_MINOR: Final = 100_000
FIRST_DAY: Final = dt.date(2026, 11, 18)
ROUND_S: Final = 2.0
DAY_S: Final = 9.0
_INPUTS: Final = {
    OrderStatus.ACCEPTED: OrderInput.ACCEPTED,
    OrderStatus.PENDING: OrderInput.PENDING,
    OrderStatus.SETTLED: OrderInput.SETTLED,
    OrderStatus.REJECTED: OrderInput.REJECTED,
}


@attrs.define
class Order:
    """An order, its state, and its file once there is one."""

    told: BankOrder
    held: moves.Held
    state: OrderState | None = None
    """None before its hold stands, or if it never does."""
    file: BankMessage | None = None
    is_given: bool = False


@attrs.define(eq=False)
class Desk:
    """What is kept of orders and lines, and what is done now and then.

    Attributes:
        attempts: What is left to the ledger's writer, and has no answer yet.
        problems: What should not have happened.
    """

    chance: Random
    network: Network
    later: Callable[[float, Callable[[], None]], None]
    now_ms: Callable[[], int]
    ask: Callable[[Request], None]
    bank: Bank = attrs.field(
        factory=lambda: Bank(Book(Path(":memory:"), FIRST_DAY), OWN.account, "EUR")
    )
    attempts: dict[str, Request] = attrs.field(factory=dict)
    problems: list[str] = attrs.field(factory=list)
    orders: dict[str, Order] = attrs.field(factory=dict)
    lines: dict[str, Entry] = attrs.field(factory=dict)
    heard: int = 0

    def open(self) -> None:
        """There is money at the bank, and orders come."""
        for party in (OWN, OTHER):
            self.bank.book.open_account(party.account, party.name)
        deposit = Movement(
            0,
            FIRST_DAY,
            debit=ELSEWHERE,
            credit=OWN.account,
            amount_minor=DEPOSIT_MINOR,
            order_id="",
            reference="",
            text="",
            named=OWN.account,
            other_name="Somebody",
        )
        self.bank.receive(deposit, self.now_ms())
        for _ in range(ORDERS):
            self.later(self.chance.uniform(0.0, 20.0), self._order)
        self._round()
        self._day()

    def is_at_rest(self) -> bool:
        """Whether all is heard and done."""
        is_filed = all(one.state is None or one.is_given for one in self.orders.values())
        is_heard = self.heard == self.bank.book.told_count()
        return is_filed and is_heard and not self.attempts and len(self.orders) == ORDERS

    def look(self, ledger: MemoryLedger) -> list[str]:
        """What does not add up, in the end."""
        sums = {number: ledger.accounts[number].sums for number in CODES}
        at_bank = sums[BOOKS.bank].debits_posted - sums[BOOKS.bank].credits_posted
        if at_bank != self.bank.book.balance_minor(OWN.account):
            self.problems.append("ledger and bank differ")
        if sums[BOOKS.clearing].debits_posted != sums[BOOKS.clearing].credits_posted:
            self.problems.append("something is on its way to the bank for ever")
        for id_, order in self.orders.items():
            if order.state in (OrderState.BOOKED, OrderState.REJECTED, OrderState.RETURNED):
                paid = [one for one in self._movements(id_) if one.debit == OWN.account]
                if len(paid) != (order.state is not OrderState.REJECTED):
                    self.problems.append(f"{id_} is {order.state.value}, paid {len(paid)} times")
        return self.problems

    # What is done now and then.

    def _round(self) -> None:
        for request in list(self.attempts.values()):
            self.ask(request)
        for order in self.orders.values():
            self._file(order)
        after = self.heard
        self.network.send(lambda: self._tell(after))
        self.later(ROUND_S, self._round)

    def _day(self) -> None:
        if self.orders:
            self.bank.close_day(self.now_ms())
        self.later(DAY_S, self._day)

    def _order(self) -> None:
        amount_minor = 100 * self.chance.randrange(1, 4) + self.chance.randrange(HABITS_MAX + 1)
        id_ = derived_ulid(self.now_ms(), "order", str(self.chance.getrandbits(64)))
        told = BankOrder(id_, OrderKind.PAYOUT, OWN, OTHER, amount_minor, "EUR", text="rent")
        payer = self.chance.choice(PEOPLE[:-1])
        order = Order(told, moves.Held(id_, OrderKind.PAYOUT, payer, amount_minor))
        self.orders[id_] = order

        def held(is_done: bool) -> None:
            order.state = OrderState.QUEUED if is_done else None
            order.is_given = not is_done

        self._attempt(f"{id_} hold", moves.hold(order.held, BOOKS), held)

    def _file(self, order: Order) -> None:
        if order.state is OrderState.QUEUED:
            order.file = write_orders([order.told], self.now_ms())
            order.state, _ = step(order.state, OrderInput.FILE_WRITTEN)
        if order.file is not None and not order.is_given:
            file = order.file
            self.network.send(lambda: self._take(order, file))

    def _take(self, order: Order, file: BankMessage) -> None:
        """At the bank."""
        is_silent = self.bank.take(file.data, self.now_ms())
        if not is_silent:
            self.network.send(lambda: self._given(order))

    def _given(self, order: Order) -> None:
        if not order.is_given:
            order.is_given = True
            self._step(order, OrderInput.TAKEN)

    def _tell(self, after: int) -> None:
        """At the bank."""
        files = self.bank.book.told(after)
        if files:
            self.network.send(lambda: self._hear_all(files))

    # What the bank tells; as the product's ``Hearing``.

    def _hear_all(self, files: Sequence[tuple[int, str, bytes]]) -> None:
        for number, _, data in files:
            if number == self.heard + 1:
                self.heard = number
                self._hear(data)

    def _hear(self, data: bytes) -> None:
        try:
            events = read_events(data)
        except BankMessageError:
            return  # a statement that does not add up; a right one follows
        for event in events:
            match event:
                case Status():
                    self._step(self.orders[event.order_id], _INPUTS[event.status])
                case Booked():
                    self._book(event.entry)
                case Closed():
                    for entry in event.statement.entries:
                        self._book(entry)
                case Odd():
                    raise AssertionError(event.problem)

    def _step(self, order: Order, given: OrderInput, entry: Entry | None = None) -> bool:
        assert order.state is not None, "no bank hears of an order without a hold"
        try:
            order.state, effects = step(order.state, given)
        except ConflictError:
            return False
        about = f"{order.held.id} {given.value}" if entry is None else f"line {entry.key}"
        signed_minor = 0 if entry is None else entry.signed_minor
        new_id = self._new_id(about)
        chain = moves.order_chain(order.held, effects, BOOKS, new_id, signed_minor=signed_minor)
        if chain:
            self._attempt(about, chain)
        return True

    def _book(self, entry: Entry) -> None:
        if self.lines.setdefault(entry.key, entry) is not entry:
            return
        order = self.orders.get(entry.order_id)
        given = OrderInput.RETURNED if entry.return_code else OrderInput.BOOKED
        if order is None or not self._step(order, given, entry):
            about = f"line {entry.key}"
            suspense, new_id = TransferCode.SUSPENSE, self._new_id(about)
            signed_minor = entry.signed_minor
            chain = moves.line_chain(BOOKS.suspense, BOOKS, suspense, new_id, signed_minor)
            self._attempt(about, chain)

    def _new_id(self, cause: str) -> Callable[[str], Ulid]:
        now_ms = self.now_ms()
        return lambda part: derived_ulid(now_ms, "bank", cause, part)

    def _attempt(
        self, about: str, chain: Sequence[Transfer], settled: Callable[[bool], None] | None = None
    ) -> None:
        """Leave something to the writer; it is settled in the transaction of its block."""

        def settle(is_done: bool) -> None:
            del self.attempts[about]
            if settled is not None:
                settled(is_done)
            elif not is_done:
                self.problems.append(f"{about} is refused")

        self.attempts[about] = Request(about, tuple(chain), NEW, has_rider=True, settle=settle)

    def _movements(self, order_id: str) -> Sequence[Movement]:
        """Those of an order, on any day."""
        book, count = self.bank.book, (self.bank.book.today() - FIRST_DAY).days + 1
        days = [FIRST_DAY + dt.timedelta(days=number) for number in range(count)]
        booked = [one for day in days for one in book.movements_of(OWN.account, day)]
        return [one for one in booked if one.order_id == order_id]
