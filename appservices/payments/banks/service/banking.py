"""Bank operations for features: pay out, collect, expect money, check a name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.banks.core import moves
from appservices.payments.banks.core.orders import OrderState
from appservices.payments.banks.core.port import BankOrder, NameAnswer, NameMatch, OrderKind
from appservices.payments.banks.service import comparing, filing, incoming, suspense
from appservices.payments.banks.service.banks import BankNews, NewsKind, packed
from appservices.payments.banks.store import banks as store
from appservices.payments.formats.core import rf
from appservices.payments.holders import store as holders
from appservices.payments.ledger.service import attempts
from veche.protocol.errors import MalformedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.banks.core.port import Party
    from appservices.payments.banks.service.banks import Bank, Desk
    from appservices.payments.banks.service.order_request import OrderRequest
    from appservices.payments.banks.store.suspense import SuspenseLine
    from appservices.payments.ledger.service.attempts import Attempt, Settle
    from appservices.payments.ledger.service.work import Outcome
    from veche.acts.histories import Finding
    from veche.messaging.jobs import JobHandler
    from veche.protocol.ids import Ulid
    from veche.runtime.database import Cursor

HOLD: Final = "bank.hold"
"""Kind of attempts that make the hold of a payout."""


class Banking:
    """The banks of an institution."""

    def __init__(self, desk: Desk) -> None:
        """Make it from what all work on banks shares."""
        self._desk = desk

    def settles(self) -> Mapping[str, Settle]:
        """Return the handlers of the ledger's answers, by kind of attempt."""
        return {
            HOLD: self._settle_hold,
            incoming.ORDER: self._settle_order,
            incoming.LINE: partial(_settle_line, self._desk),
            suspense.DECIDED: partial(_settle_decided, self._desk),
        }

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Files to banks, and what they tell."""
        return {
            **filing.handlers(self._desk),
            suspense.DECIDED: suspense.Decided(self._desk, self.order),
        }

    def start(self, txn: Cursor, now_ms: int) -> None:
        """Remember the banks of the configuration, and begin to ask them.

        Args:
            txn: A transaction of the start.
            now_ms: UTC.
        """
        banks = self._desk.banks.values()
        ledgers = holders.keep_currencies(txn, sorted({bank.currency for bank in banks}))
        for bank in banks:
            store.keep_bank(txn, bank.name, bank.own.account, ledgers[bank.currency])
            filing.fetch_at(txn, bank.name, now_ms)

    def order(
        self, txn: Cursor, wish: OrderRequest, now_ms: int, *, approved_by: Sequence[str] = ()
    ) -> None:
        """Have a bank pay or collect, once the ledger has the hold that a payout needs.

        What comes of it is told as news: ``HELD`` or ``NO_COVER`` first.

        Args:
            txn: Decides that the bank shall do it.
            wish: What.
            now_ms: UTC.
            approved_by: Nonces of the approvals without which nothing may move.

        Raises:
            MalformedError: The bank's rail does not take such an order; nothing is kept.
            NotFoundError: There is no such bank.
        """
        bank, order = self.check(wish, now_ms)
        held = moves.Held(wish.id, wish.kind, wish.account, wish.amount_minor)
        sealed = self._desk.vault.seal(packed(order))
        if store.lock_order(txn, wish.id) is not None:
            return
        store.add_order(txn, store.OrderRow(held, bank.name, OrderState.QUEUED, sealed), now_ms)
        if wish.kind is OrderKind.COLLECT:
            filing.file_at(txn, bank.name, wish.id, now_ms)
            return
        books, new = self._desk.books(txn, store.ledger_of(txn, bank.name), now_ms)
        made = moves.hold(held, books)
        attempts.add(txn, HOLD, wish.id, made, now_ms, approved_by=approved_by, accounts=new)

    def check(self, wish: OrderRequest, now_ms: int) -> tuple[Bank, BankOrder]:
        """The bank and the order of a wish that it takes; nothing is kept.

        Raises:
            MalformedError: The bank's rail does not take such an order.
            NotFoundError: There is no such bank.
        """
        bank = self._bank(wish.bank)
        order = _bank_order(bank, wish)
        _check(bank, order)
        if self.is_own(order.other.account):
            raise MalformedError("account", "is this institution's own: nobody would get the money")
        # The rail itself is asked, so that no order waits for a file that cannot be written.
        bank.rail.orders([order], now_ms)
        return bank, order

    def charge(
        self, txn: Cursor, line: SuspenseLine, charged: suspense.Charge, now_ms: int
    ) -> None:
        """Book a line that went out to the account whose owner approved that; see ``suspense``."""
        suspense.charge(txn, self._desk, line, charged, now_ms)

    async def restored(self) -> Sequence[Finding]:
        """Compare the database with what the banks tell, after a backup was restored."""
        return await comparing.compare(self._desk)

    def is_own(self, account: str) -> bool:
        """Return whether an account at a bank is one of ours."""
        return any(bank.own.account == account for bank in self._desk.banks.values())

    def own(self, bank: str) -> Party:
        """Our account at a bank, by its name.

        Raises:
            NotFoundError: There is no such bank.
        """
        return self._bank(bank).own

    def expect(
        self, txn: Cursor, bank: str, account: int, expected_id: Ulid, now_ms: int, **how: Any
    ) -> str:
        """Expect money for an account of the ledger; the reference that leads there.

        Args:
            txn: The transaction.
            bank: By name.
            account: Who gets it.
            expected_id: Of a top-up, an invoice; the reference is made of it.
            now_ms: UTC.
            **how: ``amount_minor``, None for any amount any number of times (the default);
                ``virtual_account``, a number that the bank gave to this payer alone.
        """
        reference = rf.reference_of(expected_id)
        row = store.ExpectedRow(
            expected_id,
            account,
            how.get("amount_minor"),
            reference,
            how.get("virtual_account", ""),
        )
        store.add_expected(txn, self._bank(bank).name, row, now_ms)
        return reference

    async def name_check(self, bank: str, account: str, name: str) -> NameMatch:
        """Check whether an account has this name; ``UNKNOWN`` if the rail does not say.

        How often somebody may ask is the caller's to count.
        """
        rail = self._bank(bank).rail
        if not rail.capabilities.has_name_check:
            return NameMatch(NameAnswer.UNKNOWN)
        return await rail.name_check(account, name)

    def _bank(self, name: str) -> Bank:
        bank = self._desk.banks.get(name)
        if bank is None:
            raise NotFoundError("there is no such bank here")
        return bank

    def _settle_hold(self, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        row = store.lock_order(txn, attempt.about)
        assert row is not None, "it is kept with its attempt"  # noqa: S101 -- our bug
        kind = NewsKind.HELD if outcome.is_done else NewsKind.NO_COVER
        code = "" if outcome.is_done else outcome.word
        held = row.held
        if outcome.is_done:
            store.set_held(txn, held.id)
            filing.file_at(txn, row.bank, held.id, outcome.at_ms)
        else:
            store.drop_order(txn, held.id)
        news = BankNews(kind, held.id, held.account, held.amount_minor, outcome.at_ms, code)
        self._desk.tell(txn, news)

    def _settle_order(self, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        """A hold that is not there any more is somebody's work past us: an operator's."""
        if not outcome.is_done:
            order_id = attempt.about.partition(" ")[0]
            row = store.lock_order(txn, order_id)
            assert row is not None, "orders are kept"  # noqa: S101 -- our bug
            store.add_alarm(txn, row.bank, order_id, f"the hold: {outcome.word}", outcome.at_ms)


def _settle_line(desk: Desk, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
    incoming.settle_line(txn, desk, attempt, outcome)


def _settle_decided(desk: Desk, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
    suspense.settle(txn, desk, attempt, outcome)


def _bank_order(bank: Bank, wish: OrderRequest) -> BankOrder:
    return BankOrder(
        wish.id,
        wish.kind,
        bank.own,
        wish.other,
        wish.amount_minor,
        bank.currency,
        wish.reference,
        wish.text,
        wish.mandate,
    )


def _check(bank: Bank, order: BankOrder) -> None:
    can = bank.rail.capabilities
    if order.kind not in can.kinds:
        raise MalformedError("kind", "this bank does not do that")
    if order.currency not in can.currencies:
        raise MalformedError("currency", "this bank does not know it")
    if order.amount_minor > can.amount_minor_max:
        raise MalformedError("amount", f"at most {can.amount_minor_max} minor units")
