"""Demo bank: takes orders, books them, reports them, closes days."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs
from schwifty import IBAN

from appservices.payments.banks.core.messages import read_orders
from appservices.payments.banks.core.port import (
    BankMessage,
    NameAnswer,
    NameMatch,
    OrderKind,
    OrderStatus,
    Statement,
    Status,
)
from appservices.payments.banks.core.told_xml import write_advice, write_statement, write_statuses
from appservices.payments.demo_bank.book import ELSEWHERE, Movement
from appservices.payments.demo_bank.habits import LOST_ANSWERS, Habit, habit_of
from appservices.payments.demo_bank.names import compare
from veche.protocol.errors import ConflictError, RefusedError

if TYPE_CHECKING:
    from appservices.payments.banks.core.port import BankOrder
    from appservices.payments.demo_bank.book import Book

COUNTRY: Final = "DE"
BANK_CODE: Final = "99999999"
"""No bank has it, so that a demo's account is nobody's."""
_PENDING: Final = "pending"
_RETURN: Final = "return"
_WRONG: Final = "wrong statement"


def demo_iban(number: int) -> str:
    """The number-th account number of this bank."""
    return str(IBAN.generate(COUNTRY, bank_code=BANK_CODE, account_code=f"{number:010}").compact)


@attrs.frozen
class Bank:
    """The bank of one institution, whose account is ``customer``.

    Attributes:
        book: What it keeps.
        customer: IBAN.
        currency: Of all its accounts.
    """

    book: Book
    customer: str
    currency: str

    def take(self, data: bytes, now_ms: int) -> bool:
        """Take a file of orders; whether the answer to it gets lost.

        The same file again is taken as before, and nothing is done twice.

        Raises:
            BankMessageError: It is no file of orders, or does not add up.
            ConflictError: Another file had its ``MsgId``.
            RefusedError: It is of another account or currency.
        """
        name, message_id, orders = read_orders(data)
        digest = hashlib.sha256(data).hexdigest()
        for order in orders:
            if (order.own.account, order.currency) != (self.customer, self.currency):
                raise RefusedError(f"orders are of the account {self.customer}, {self.currency}")
        with self.book.transaction():
            before = self.book.take_file(message_id, digest)
            if before is not None and before != digest:
                raise ConflictError("another file had this MsgId")
            if before is not None:
                return False
            file = BankMessage(message_id, name, data, digest)
            for order in orders:
                self._do(file, order, now_ms)
        return any(habit_of(order.amount_minor) in LOST_ANSWERS for order in orders)

    def receive(self, movement: Movement, now_ms: int) -> None:
        """Let somebody pay to an account here, at another bank or at this one.

        Raises:
            RefusedError: The account is not here.
        """
        with self.book.transaction():
            found = self.book.account(movement.named)
            if found is None:
                raise RefusedError("there is no such account here")
            self._book(attrs.evolve(movement, credit=found[1]), now_ms)

    def virtual(self, label: str) -> str:
        """A new account number that stands for the customer's account."""
        with self.book.transaction():
            iban = demo_iban(1_000 + self.book.accounts())
            self.book.open_account(iban, label, self.customer)
        return iban

    def check_name(self, account: str, name: str) -> NameMatch:
        """Check whether an account belongs to somebody of this name."""
        if account[4:12] != BANK_CODE:
            return NameMatch(NameAnswer.UNKNOWN)
        found = self.book.account(account)
        return compare(name, found[0]) if found else NameMatch(NameAnswer.NO_MATCH)

    def close_day(self, now_ms: int) -> None:
        """Do what waited, tell the statement, and begin the next day."""
        with self.book.transaction():
            is_wrong = False
            for kind, about, data in self.book.take_waiting():
                if kind == _PENDING:
                    self._settle_pending(about, data, now_ms)
                elif kind == _RETURN:
                    self._give_back(self.book.movement(int(about)), now_ms)
                else:
                    is_wrong = True
            self._tell_statement(now_ms, is_wrong=is_wrong)
            self.book.next_day()

    def _do(self, file: BankMessage, order: BankOrder, now_ms: int) -> None:
        """Process an order by its habit."""
        movement = self._movement(order)
        if movement.debit == movement.credit:
            self._say(file, order, OrderStatus.REJECTED, now_ms, "AG01")
            return
        habit = habit_of(order.amount_minor)
        if habit is None and order.kind is OrderKind.PAYOUT:
            is_covered = self.book.balance_minor(self.customer) >= order.amount_minor
            habit = None if is_covered else Habit.NO_FUNDS
        match habit:
            case Habit.CLOSED_ACCOUNT:
                self._say(file, order, OrderStatus.REJECTED, now_ms, "AC04")
            case Habit.NO_FUNDS:
                self._say(file, order, OrderStatus.REJECTED, now_ms, "AM04")
            case Habit.LOST:
                pass
            case Habit.LOST_BOOKED:
                self._book(self._movement(order), now_ms)
            case Habit.PENDING:
                self._say(file, order, OrderStatus.PENDING, now_ms)
                self.book.wait(_PENDING, order.id, file.data)
            case Habit.EARLY:
                self._book(self._movement(order), now_ms)
                self._say(file, order, OrderStatus.ACCEPTED, now_ms)
            case Habit.REJECTED_BOOKED:
                self._say(file, order, OrderStatus.REJECTED, now_ms, "MS03")
                self._book(self._movement(order), now_ms)
            case _:
                self._do_well(file, order, habit, now_ms)

    def _do_well(
        self, file: BankMessage, order: BankOrder, habit: Habit | None, now_ms: int
    ) -> None:
        self._say(file, order, OrderStatus.ACCEPTED, now_ms)
        booked = self._book(self._movement(order), now_ms)
        if habit is Habit.TWICE:
            self._advise(booked, now_ms)
        if habit is Habit.RETURNED:
            self.book.wait(_RETURN, str(booked.number))
        if habit is Habit.WRONG_STATEMENT:
            self.book.wait(_WRONG, order.id)
        self._say(file, order, OrderStatus.SETTLED, now_ms)

    def _settle_pending(self, order_id: str, data: bytes, now_ms: int) -> None:
        name, message_id, orders = read_orders(data)
        file = BankMessage(message_id, name, data, hashlib.sha256(data).hexdigest())
        order = next(one for one in orders if one.id == order_id)
        self._say(file, order, OrderStatus.ACCEPTED, now_ms)
        self._book(self._movement(order), now_ms)

    def _give_back(self, first: Movement, now_ms: int) -> None:
        back = attrs.evolve(
            first, debit=first.credit, credit=first.debit, return_code="MS03", named=""
        )
        self._book(back, now_ms)

    def _movement(self, order: BankOrder) -> Movement:
        found = self.book.account(order.other.account)
        other = found[1] if found else ELSEWHERE
        is_payout = order.kind is OrderKind.PAYOUT
        return Movement(
            0,
            self.book.today(),
            debit=self.customer if is_payout else other,
            credit=other if is_payout else self.customer,
            amount_minor=order.amount_minor,
            order_id=order.id,
            reference=order.reference,
            text=order.text,
            named=order.other.account if is_payout else "",
            other_name=order.other.name,
        )

    def _book(self, movement: Movement, now_ms: int) -> Movement:
        booked = self.book.move(movement)
        if self.customer in (booked.debit, booked.credit):
            self._advise(booked, now_ms)
        return booked

    def _advise(self, booked: Movement, now_ms: int) -> None:
        entry = booked.entry(self.customer, self.currency)
        self._tell(write_advice(self._next_id(), self.customer, [entry], now_ms))

    def _say(
        self, file: BankMessage, order: BankOrder, status: OrderStatus, now_ms: int, code: str = ""
    ) -> None:
        said = [Status(file.id, order.id, status, code)]
        self._tell(write_statuses(self._next_id(), file, said, now_ms))

    def _tell_statement(self, now_ms: int, *, is_wrong: bool) -> None:
        day = self.book.today()
        opening = self.book.balance_minor(self.customer, day)
        entries = [
            movement.entry(self.customer, self.currency)
            for movement in self.book.movements_of(self.customer, day)
        ]
        closing = self.book.balance_minor(self.customer)
        right = Statement(
            f"STM-{day:%Y%m%d}", self.customer, self.currency, day, day, opening, closing, entries
        )
        if is_wrong:
            self._tell(write_statement(attrs.evolve(right, closing_minor=closing + 1), now_ms))
        self._tell(write_statement(right, now_ms))

    def _tell(self, message: BankMessage) -> None:
        self.book.tell(message.name, message.data)

    def _next_id(self) -> str:
        return f"MSG-{self.book.told_count() + 1:010}"
