"""Intake of a bank's events, in the transaction that keeps the cursor.

Every line of the account counts once and moves the ledger's account of the bank, whatever was said
before: to what it is for, or to suspense.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core import moves
from appservices.payments.banks.core.orders import (
    SILENCE_DAYS,
    OrderEffect,
    OrderInput,
    OrderState,
    step,
)
from appservices.payments.banks.core.port import Booked, Closed, Odd, OrderKind, OrderStatus, Status
from appservices.payments.banks.core.reconcile import Expected, reconcile
from appservices.payments.banks.core.repeated_lines import told_again
from appservices.payments.banks.core.xml import BankMessageError
from appservices.payments.banks.service.banks import BankNews, NewsKind
from appservices.payments.banks.store import banks as store
from appservices.payments.banks.store import overview, suspense
from appservices.payments.banks.store import repeated_lines as again
from appservices.payments.ledger.core.requests import TransferCode, opening
from appservices.payments.ledger.service import attempts
from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.payments.banks.core.port import Entry, Statement
    from appservices.payments.banks.service.banks import Bank, Desk
    from appservices.payments.ledger.core import Account, Transfer
    from appservices.payments.ledger.service.attempts import Attempt
    from appservices.payments.ledger.service.work import Outcome
    from veche.protocol.ids import Ulid
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

ORDER: Final = "bank.order"
"""Kind of attempts that end a hold by a bank's word."""
LINE: Final = "bank.line"
"""Kind of attempts that move a line."""
OPENING: Final = "opening"
"""Key of the line that stands for the balance before the first."""

_INPUTS: Final = {
    OrderStatus.ACCEPTED: OrderInput.ACCEPTED,
    OrderStatus.PENDING: OrderInput.PENDING,
    OrderStatus.SETTLED: OrderInput.SETTLED,
    OrderStatus.REJECTED: OrderInput.REJECTED,
}
_NEWS: Final = {
    OrderState.ASKED: NewsKind.SILENT,
    OrderState.SETTLED: NewsKind.BOOKED,
    OrderState.BOOKED: NewsKind.BOOKED,
    OrderState.REJECTED: NewsKind.REJECTED,
    OrderState.RETURNED: NewsKind.RETURNED,
    OrderState.CONFLICT: NewsKind.CONFLICT,
}
_SUSPENSE: Final = " to suspense"
_UNEVEN: Final = (
    "the bank has {0:+} minor units more than the ledger; payouts are stopped. Look for the line"
    " that the ledger lacks or has twice, then: veche ledger resume {1} --suspense --why TEXT"
)


@attrs.frozen
class Incoming:
    """One transaction in which messages of a bank are read.

    Attributes:
        txn: The transaction.
        desk: What all work on banks shares.
        bank: Who speaks.
        now_ms: UTC.
        books: The institution's accounts that the bank moves.
        new: Those of them that are to be opened first.
    """

    txn: Cursor
    desk: Desk
    bank: Bank
    now_ms: int
    books: moves.Books
    new: Sequence[Account]

    @classmethod
    def begin(cls, txn: Cursor, desk: Desk, name: str, now_ms: int) -> Incoming:
        """Hear a bank, by name, in a transaction."""
        books, new = desk.books(txn, store.ledger_of(txn, name), now_ms)
        return cls(txn, desk, desk.banks[name], now_ms, books, new)

    def hear(self, raw: bytes) -> None:
        """Act on one file; what cannot be read is kept as an alarm, and nothing of it counts."""
        try:
            events = self.bank.rail.parse(raw)
        except BankMessageError as e:
            digest = hashlib.sha256(raw).hexdigest()[:16]
            self.alarm(f"file {digest}", str(e))
            return
        for event in events:
            match event:
                case Status():
                    self._status(event)
                case Booked():
                    self._booked(event.account, event.entry, store.ADVICE)
                case Closed():
                    self._closed(event.statement)
                case Odd():
                    self.alarm(event.about, event.problem)

    def step(
        self, order: store.OrderRow, given: OrderInput, code: str = ""
    ) -> Sequence[OrderEffect]:
        """Step an order by something that is no line; ends its hold, tells its news."""
        try:
            state, effects = step(order.state, given)
        except ConflictError as e:
            self.alarm(order.held.id, str(e))
            return ()
        self.enter(order, state, code)
        new_id = self.desk.new_id(self.now_ms, order.held.id)
        chain = moves.order_chain(order.held, effects, self.books, new_id)
        if chain:
            about = f"{order.held.id} {effects[0].name}"
            attempts.add(
                self.txn, ORDER, about, chain, self.now_ms, approved_by=(), accounts=self.new
            )
        if OrderEffect.ALARM in effects:
            self.alarm(order.held.id, f"{order.state.value}: {given.value} {code}".rstrip())
        return effects

    def alarm(self, about: str, problem: str) -> None:
        """Leave something for an operator."""
        logger.warning("bank %s: look at %s", self.bank.name, about)
        store.add_alarm(self.txn, self.bank.name, about, problem, self.now_ms)

    def _status(self, event: Status) -> None:
        if event.order_id:
            found = store.lock_order(self.txn, event.order_id)
            orders = [] if found is None else [found]
        else:
            orders = store.orders_of_file(self.txn, event.message_id)
        orders = [order for order in orders if order.bank == self.bank.name]
        if not orders:
            self.alarm(event.order_id or event.message_id, "a word on no order of ours")
        for order in orders:
            self.step(order, _INPUTS[event.status], event.code)

    def _booked(self, account: str, entry: Entry, by: str) -> None:
        if account != self.bank.own.account or entry.currency != self.bank.currency:
            self.alarm(entry.key, "a line of another account")
            return
        line = store.LineRow(
            self.bank.name,
            entry.key,
            _digest(entry),
            entry.signed_minor,
            entry.booked_on,
            entry.order_id or None,
            self.desk.vault.seal(_words(entry)),
            batch=entry.batch or None,
            told_by=by,
        )
        before = store.add_line(self.txn, line, self.now_ms)
        if before is None:
            if self._is_told(entry, by) or self._is_in_sum(entry, by):
                again.set_told_again(self.txn, self.bank.name, entry.key)
            else:
                self._new_line(entry)
            return
        again.tell(self.txn, self.bank.name, [entry.key], by)
        if before != line.sha256:
            self.alarm(entry.key, "the line was told before, with another content")

    def _is_told(self, entry: Entry, by: str) -> bool:
        """Return whether earlier lines already report the money of this one."""
        name = self.bank.name
        found = again.told_lines(self.txn, name, entry, by)
        told = told_again(entry, found, is_stated=by == store.STATEMENT)
        again.tell(self.txn, name, [one.key for one in told], by)
        off = entry.signed_minor - sum(one.signed_minor for one in told)
        if told and off:
            why = f"its payments were told before, and make another sum: {off:+} minor units"
            self.alarm(entry.key, f"{why} are not booked")
        return bool(told)

    def _is_in_sum(self, entry: Entry, by: str) -> bool:
        """Return whether a batch payment was booked in its sum; if in suspense, split it."""
        if not entry.batch:
            return False
        suspense.lock(self.txn)
        found = again.sum_of_batch(self.txn, self.bank.name, entry, by)
        if found is None:
            return False
        if found.is_free:
            self._take_apart(found, entry)
        elif not found.is_known and entry.signed_minor != entry.batch_minor:
            why = "its payments were told after it was booked as one: not booked again"
            self.alarm(found.key, why)
        return not found.is_free

    def _take_apart(self, found: again.Sum, entry: Entry) -> None:
        """Take the sum of a batch out of suspense, since its payments are booked one by one."""
        name, key, signed = self.bank.name, f"{found.key}{again.IN_PARTS}", -found.signed_minor
        off = found.signed_minor - entry.batch_minor
        if off:
            why = f"its payments are told after it, and make another sum: {off:+} minor units"
            self.alarm(found.key, f"{why} are not booked")
        self._own_line(key, signed, entry.booked_on, self.books.suspense, TransferCode.SUSPENSE)
        again.set_batch(self.txn, name, key, entry.batch)
        if found.state == store.SUSPENSE:
            store.set_line_state(self.txn, name, found.key, store.POSTED)

    def _new_line(self, entry: Entry) -> None:
        order = store.lock_order(self.txn, entry.order_id) if entry.order_id else None
        given = _input_of(order, entry) if order and order.bank == self.bank.name else None
        if order is not None and given is not None:
            self._line_of_order(order, given, entry)
            return
        expected = self._expected(entry) if order is None else None
        if expected is None:
            self.alarm(entry.key, "nobody knows what the line is for")
            self._move(entry, self._suspense(entry))
            return
        store.meet_expected(self.txn, expected.id, self.bank.name, entry.key)
        kept = store.unopened(self.txn, expected.account)
        first = [] if kept is None else [opening(expected.account, *kept)]
        self._move(entry, self._to(entry, expected.account, TransferCode.TOP_UP), first)

    def _line_of_order(self, order: store.OrderRow, given: OrderInput, entry: Entry) -> None:
        try:
            state, effects = step(order.state, given)
        except ConflictError as e:
            self.alarm(entry.key, str(e))
            self._move(entry, self._suspense(entry))
            return
        self.enter(order, state, entry.return_code)
        if OrderEffect.ALARM in effects:
            self.alarm(order.held.id, f"{order.state.value}: {given.value}, to suspense")
        new_id = self.line_id(entry.key, entry.booked_on)
        chain = moves.order_chain(
            order.held, effects, self.books, new_id, signed_minor=entry.signed_minor
        )
        self._move(entry, chain)

    def _expected(self, entry: Entry) -> store.ExpectedRow | None:
        """Return the expected entry for a line without an order, if it is certain."""
        own = "" if entry.own_account == self.bank.own.account else entry.own_account
        rows = store.expected_for(self.txn, self.bank.name, entry.reference, own)
        wanted = [
            Expected(
                row.id,
                row.amount_minor,
                is_credit=True,
                currency=self.bank.currency,
                reference=row.reference,
                virtual_account=row.virtual_account,
            )
            for row in rows
        ]
        matches = reconcile([entry], wanted).matches
        ids = {id_ for match in matches for id_ in match.expected}
        return next((row for row in rows if row.id in ids), None)

    def _closed(self, statement: Statement) -> None:
        if statement.account != self.bank.own.account:
            self.alarm(statement.id, "a statement of another account")
            return
        if not store.bank(self.txn, self.bank.name).has_opening:
            self._open_balance(statement)
        # The lines that both have by one name first: what is left may have two.
        keys = [entry.key for entry in statement.entries]
        again.tell(self.txn, self.bank.name, keys, store.STATEMENT)
        for entry in statement.entries:
            self._booked(statement.account, entry, store.STATEMENT)
        day = statement.closed_on
        found = store.balance_at(self.txn, self.bank.name, self.books.bank, day)
        difference = statement.closing_minor - found
        closing = statement.closing_minor
        if not store.add_day(self.txn, self.bank.name, day, closing, difference, self.now_ms):
            return
        if difference:
            logger.error("bank %s: the end of %s does not add up", self.bank.name, day)
            self.alarm(f"day {day}", _UNEVEN.format(difference, self.bank.name))
            store.set_stopped(self.txn, self.bank.name, self.now_ms)
        for order in store.sent_since(self.txn, self.bank.name, SILENCE_DAYS):
            self.step(order, OrderInput.SILENT)

    def _open_balance(self, statement: Statement) -> None:
        """Keep what was at the bank before the first line that we know, as a line of its own."""
        store.set_opening(self.txn, self.bank.name)
        before = store.sum_before(self.txn, self.bank.name, statement.opened_on)
        signed = statement.opening_minor - before
        if not signed:
            return
        day = statement.opened_on - dt.timedelta(days=1)
        self._own_line(OPENING, signed, day, self.books.opening, TransferCode.FIRST_BALANCE)

    def bring_to_suspense(self, words: Mapping[str, str]) -> None:
        """Book what the last day's end does not explain, so that days add up from then on.

        Args:
            words: What is said of the line, as of a bank's: an operator's reason.
        """
        name = self.bank.name
        store.bank(self.txn, name)  # nothing is heard meanwhile
        last = overview.last_day(self.txn, name)
        if last is None:
            return
        day = last.day
        signed = last.closing_minor - store.balance_at(self.txn, name, self.books.bank, day)
        key = f"difference {day}"
        while store.has_line(self.txn, name, key):
            key = f"{key} again"
        if signed:
            self._own_line(key, signed, day, self.books.suspense, TransferCode.SUSPENSE, words)
        store.set_explained(self.txn, name, day)

    def _own_line(
        self,
        key: str,
        signed: int,
        day: dt.date,
        account: int,
        code: TransferCode,
        words: Mapping[str, str] | None = None,
    ) -> None:
        """Book a line that no bank tells, which is of us."""
        name, sealed = self.bank.name, self.desk.vault.seal(words or {})
        digest = hashlib.sha256(f"{signed}".encode()).digest()
        line = store.LineRow(name, key, digest, signed, day, None, sealed)
        store.add_line(self.txn, line, self.now_ms)
        chain = moves.line_chain(account, self.books, code, self.line_id(key, day), signed)
        about = f"{name} {key}"
        attempts.add(self.txn, LINE, about, chain, self.now_ms, approved_by=(), accounts=self.new)

    def enter(self, order: store.OrderRow, state: OrderState, code: str) -> None:
        """Note where an order stands now, and tell it."""
        if state is order.state:
            return
        store.set_state(self.txn, order.held.id, state, self.now_ms, code=code)
        kind = _NEWS.get(state)
        if kind is not None and _NEWS.get(order.state) is not kind:
            held = order.held
            news = BankNews(kind, held.id, held.account, held.amount_minor, self.now_ms, code)
            self.desk.tell(self.txn, news)

    def _suspense(self, entry: Entry) -> Sequence[Transfer]:
        return self._to(entry, self.books.suspense, TransferCode.SUSPENSE)

    def _to(self, entry: Entry, account: int, code: TransferCode) -> Sequence[Transfer]:
        new_id = self.line_id(entry.key, entry.booked_on)
        return moves.line_chain(account, self.books, code, new_id, entry.signed_minor)

    def _move(self, entry: Entry, chain: Sequence[Transfer], first: Sequence[Account] = ()) -> None:
        """Have a line moved, once the accounts that are new are opened."""
        accounts = [*self.new, *first]
        about = f"{self.bank.name} {entry.key}"
        attempts.add(self.txn, LINE, about, chain, self.now_ms, approved_by=(), accounts=accounts)

    def line_id(self, key: str, day: dt.date) -> Callable[[str], Ulid]:
        """The ids of a line's transfers, by their part."""
        at = dt.datetime.combine(day, dt.time(), dt.UTC)
        return self.desk.new_id(int(at.timestamp()) * 1000, f"{self.bank.name} {key}")


def settle_line(txn: Cursor, desk: Desk, attempt: Attempt, outcome: Outcome) -> None:
    """Note a line that was moved; one that could not be moved goes to suspense.

    Args:
        txn: The transaction of the block.
        desk: What all work on banks shares.
        attempt: Of the kind ``LINE``.
        outcome: What became of it.
    """
    name, _, key = attempt.about.partition(" ")
    # A bank's own reference may end like this, too.
    is_last = key.endswith(_SUSPENSE) and not store.has_line(txn, name, key)
    key = key.removesuffix(_SUSPENSE) if is_last else key
    line = store.line(txn, name, key)
    hearing = Incoming.begin(txn, desk, name, outcome.at_ms)
    books = hearing.books
    if outcome.is_done:
        is_suspense = books.suspense in {
            account for one in attempt.chain for account in (one.debit_id, one.credit_id)
        }
        is_open = is_suspense and not again.is_apart(txn, name, key)
        state = store.SUSPENSE if is_open else store.POSTED
        store.set_line_state(txn, name, key, state)
        if line.expected_id is not None and not is_suspense:
            account = attempt.chain[0].credit_id
            news = BankNews(
                NewsKind.CREDITED,
                line.expected_id,
                account,
                line.signed_minor,
                outcome.at_ms,
                line=key,
            )
            desk.tell(txn, news)
        return
    assert not is_last, "suspense and bank have no bounds"  # noqa: S101 -- our bug
    hearing.alarm(key, f"the ledger refused the line: {outcome.word}")
    order = store.lock_order(txn, line.order_id) if line.order_id else None
    if order is not None and order.bank == name:
        hearing.enter(order, OrderState.CONFLICT, "")
    chain = moves.line_chain(
        books.suspense,
        books,
        TransferCode.SUSPENSE,
        hearing.line_id(f"{key}{_SUSPENSE}", line.booked_on),
        line.signed_minor,
    )
    attempts.add(txn, LINE, f"{name} {key}{_SUSPENSE}", chain, outcome.at_ms, approved_by=())


def _input_of(order: store.OrderRow, entry: Entry) -> OrderInput | None:
    """Return the input that a line means for its order; None if it does not fit."""
    if entry.amount_minor != order.held.amount_minor:
        return None
    is_collection = order.held.kind is OrderKind.COLLECT
    if entry.return_code:
        return OrderInput.RETURNED if entry.is_credit is not is_collection else None
    return OrderInput.BOOKED if entry.is_credit is is_collection else None


def _digest(entry: Entry) -> bytes:
    """Digest the parts of a line on which advice and statement must agree."""
    said = (entry.signed_minor, entry.currency, entry.booked_on, entry.order_id, entry.return_code)
    return hashlib.sha256("\0".join(map(str, said)).encode()).digest()


def _words(entry: Entry) -> dict[str, str]:
    return {
        "name": entry.other_name,
        "account": entry.other_account,
        "reference": entry.reference,
        "text": entry.text,
    }
