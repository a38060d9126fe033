"""The payments service in a simulation: approvals, payments, invoices, mandates, what follows.

What a payment, an invoice and a mandate may do, and which transfers a payment is, are the product's
cores. The office keeps in the world's database what the product keeps in tables; each of its
methods is a transaction, at the time of the clock of whichever process runs it. What it leaves to
the ledger's writer is settled in the transaction of the block, as the product's attempts are.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import period_number
from appservices.payments.escrows.core.moves import post
from appservices.payments.invoices.core.invoice import (
    PAID_STATES,
    Invoice,
    InvoiceEffect,
    InvoiceInput,
    InvoiceState,
    step_invoice,
)
from appservices.payments.ledger.core import Transfer, TransferFlag, ledger_id
from appservices.payments.mandates.core.mandate import (
    MandateInput,
    MandateState,
    Terms,
    Used,
    judge_charge,
    step_mandate,
)
from appservices.payments.postings.core import void
from appservices.payments.transfers.core.payment import Effect, Input, Kind, Payment, State, step
from appservices.payments.transfers.core.transfers import MAIN, Between, code_of, transfers_of
from tests.simulation.load import Request
from veche.protocol.errors import ConflictError
from veche.protocol.ids import Ulid, derived_ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.mailroom import Mailroom

LEDGER: Final = 1
CONFIRM_MS: Final = 8_000
WAIT_MS: Final = 3_000
NOTICE_MS: Final = 2_000
_TIME_DIGITS: Final = 12
_OVER: Final = frozenset(
    {State.PAID, State.RETURNED, State.REFUSED, State.CANCELLED, State.EXPIRED}
)


@attrs.define(eq=False)
class Mandate:
    """A mandate, and what it was used for, by period."""

    id: str
    payer: int
    payee: int
    terms: Terms
    state: MandateState = MandateState.PROPOSED
    count: int = 0
    used: Counter[int] = attrs.field(factory=Counter)


@attrs.define(eq=False)
class Office:
    """What is kept, and the transactions that change it.

    Attributes:
        mail: Takes what people and organisations are told.
        clock: Comes back at a moment (UTC), in whichever process by whose clock it has come.
        attempts: What is left to the writer, by what it is about, in order.
        confirmed: Payments that a merchant has to say yes to first.
        cooling: Payments that wait after their approval.
        approvals: Which payment an approval was used for, by its nonce.
    """

    mail: Mailroom
    clock: Callable[[int, Callable[[int], None]], None]
    payments: dict[str, Payment] = attrs.field(factory=dict)
    invoices: dict[tuple[str, int], Invoice] = attrs.field(factory=dict)
    mandates: dict[str, Mandate] = attrs.field(factory=dict)
    attempts: dict[str, list[Request]] = attrs.field(factory=dict)
    confirmed: set[str] = attrs.field(factory=set)
    cooling: set[str] = attrs.field(factory=set)
    approvals: dict[str, str] = attrs.field(factory=dict)

    # Payments.

    def ask(self, payment: Payment, *, confirms: bool = False, cools: bool = False) -> None:
        """Somebody wants to pay; they are asked to approve it."""
        self.payments[payment.id] = payment
        if confirms:
            self.confirmed.add(payment.id)
        if cools:
            self.cooling.add(payment.id)
        self._set_clock(payment)

    def approve(self, payment_id: str, nonce: str, now_ms: int) -> None:
        """An approval, used once."""
        payment = self.payments[payment_id]
        if payment.state is not State.ASKED or nonce in self.approvals:
            return
        if payment.due_at_ms is not None and payment.due_at_ms <= now_ms:
            self._step(payment, Input.TIME, now_ms)
            return
        self.approvals[nonce] = payment_id
        payment = self._keep(
            attrs.evolve(payment, approved_by=nonce, approved_at_ms=now_ms),
        )
        if payment_id in self.cooling:
            self._step(payment, Input.WAIT, now_ms, due_at_ms=now_ms + WAIT_MS)
        else:
            self._go(payment, now_ms)

    def cancel(self, payment_id: str, now_ms: int) -> None:
        """The payer does not want it any more."""
        self._try(payment_id, Input.CANCEL, now_ms)

    def confirm(self, payment_id: str, now_ms: int, *, is_yes: bool) -> None:
        """The merchant says yes or no."""
        if self.payments[payment_id].state is State.HELD:
            self._try(payment_id, Input.POST if is_yes else Input.REFUSE, now_ms)

    def rang(self, payment_id: str, now_ms: int) -> None:
        """The time of a payment's state may be over."""
        payment = self.payments[payment_id]
        if payment.due_at_ms is None or payment.due_at_ms > now_ms:
            return  # its state has another clock since
        match payment.state:
            case State.ASKED:
                self._step(payment, Input.TIME, now_ms)
            case State.COOLING if payment.mandate_id is not None:
                self._judge(payment, now_ms)
            case State.COOLING:
                self._go(payment, now_ms)
            case State.HELD:
                self._step(payment, Input.CANCEL, now_ms)

    def _go(self, payment: Payment, now_ms: int) -> None:
        """It may be made now, unless its invoice is taken."""
        if payment.invoice is not None and not self._take_invoice(payment, now_ms):
            self._step(payment, Input.REFUSE, now_ms, why="invoice")
            return
        is_held = payment.id in self.confirmed
        self._step(payment, Input.HOLD if is_held else Input.GO, now_ms)

    def _try(self, payment_id: str, heard: Input, now_ms: int) -> None:
        try:
            self._step(self.payments[payment_id], heard, now_ms)
        except ConflictError:
            return  # too late: nothing has changed

    def _step(
        self,
        payment: Payment,
        heard: Input,
        now_ms: int,
        *,
        due_at_ms: int | None = None,
        why: str | None = None,
    ) -> None:
        was = payment.state
        payment, effects = step(payment, heard, due_at_ms=due_at_ms, why=why)
        self._keep(payment)
        for effect in effects:
            self._do(effect, payment)
        if was in (State.HOLDING, State.HELD, State.PAYING) and payment.state in _OVER:
            self._settle_others(payment, now_ms)
        if heard is Input.NOT_MOVED and was is State.PAYING and payment.id in self.confirmed:
            self._attempt(payment, "void", self._void(payment))

    def _do(self, effect: Effect, payment: Payment) -> None:
        match effect:
            case Effect.ATTEMPT if payment.id in self.confirmed:
                chain = post(
                    self._id(payment, "hold"),
                    self._id(payment, MAIN),
                    payment.amount_minor,
                    Ulid(payment.id),
                )
                self._attempt(payment, "pay", [chain])
            case Effect.ATTEMPT:
                self._attempt(payment, "pay", self._transfers(payment))
            case Effect.HOLD:
                self._attempt(payment, "hold", [self._hold(payment)])
            case Effect.VOID:
                self._attempt(payment, "void", self._void(payment))
            case Effect.SET_CLOCK:
                self._set_clock(payment)
            case Effect.TELL_RECEIPTS:
                for person in (payment.payer, payment.payee):
                    self.mail.tell(person, f"{payment.id} receipt")
            case Effect.TELL_REFUSED:
                self.mail.tell(payment.payer, f"{payment.id} refused")
            case Effect.TELL_HELD:
                self.mail.event(payment.payee, f"{payment.id} confirm")

    # What the writer decides.

    def _attempt(self, payment: Payment, kind: str, chain: Sequence[Transfer]) -> None:
        about = f"{payment.id} {kind}"
        queue = self.attempts.setdefault(payment.id, [])

        def settle(is_done: bool) -> None:
            queue.remove(request)
            self._settle(payment.id, kind, is_done=is_done)

        request = Request(
            about,
            tuple(chain),
            has_rider=True,
            settle=settle,
            is_there=lambda: request in queue,
        )
        queue.append(request)

    def _settle(self, payment_id: str, kind: str, *, is_done: bool) -> None:
        payment = self.payments[payment_id]
        now_ms = self.mail.ledger_ms()
        heard = Input.MOVED if is_done else Input.NOT_MOVED
        if kind == "hold" and payment.state is State.HOLDING:
            due_at_ms = now_ms + CONFIRM_MS if is_done else None
            self._step(payment, heard, now_ms, due_at_ms=due_at_ms)
            if is_done:
                self._set_clock(self.payments[payment_id])
        elif kind == "pay" and payment.state is State.PAYING:
            self._step(payment, heard, now_ms)

    def _settle_others(self, payment: Payment, now_ms: int) -> None:
        """The invoice and the mandate of a payment follow it."""
        is_moved = payment.state is State.PAID
        if payment.invoice is not None:
            invoice = self.invoices[payment.invoice]
            if invoice.paid_by == payment.id:
                heard = InvoiceInput.MOVED if is_moved else InvoiceInput.NOT_MOVED
                self._step_invoice(invoice, heard, now_ms)
                self.invoice_rang(payment.invoice, now_ms)
        if payment.mandate_id is not None:
            if not is_moved:
                self._give_back(payment)
            self.mail.event(payment.payee, f"{payment.id} charge {payment.state.value}")

    def _transfers(self, payment: Payment) -> list[Transfer]:
        first = self.payments[payment.refund_of] if payment.refund_of is not None else None
        original = self._id(first, MAIN) if first is not None else None
        between = Between(payment.payer, payment.payee)
        return transfers_of(payment, between, {MAIN: self._id(payment, MAIN)}, original)

    def _hold(self, payment: Payment) -> Transfer:
        return Transfer(
            self.hold_id(payment),
            payment.payer,
            payment.payee,
            payment.amount_minor,
            payment.ledger,
            code_of(payment.kind),
            int(TransferFlag.PENDING),
            timeout_ms=2 * CONFIRM_MS,
            ref=ledger_id(Ulid(payment.id)),
        )

    def _void(self, payment: Payment) -> list[Transfer]:
        return [void(self._id(payment, "hold"), self._id(payment, "void"))]

    @staticmethod
    def _id(payment: Payment, part: str) -> Ulid:
        at_ms = int(ledger_id(Ulid(payment.id))[:_TIME_DIGITS], 16)
        return derived_ulid(at_ms, "transfer", payment.id, part)

    def main_id(self, payment: Payment) -> str:
        """The transfer by which a payee gets the money."""
        return ledger_id(self._id(payment, MAIN))

    def hold_id(self, payment: Payment) -> str:
        """The transfer that sets the money aside, where it is."""
        return ledger_id(self._id(payment, "hold"))

    # Invoices.

    def issue(self, invoice: Invoice, now_ms: int) -> None:
        """A new invoice, or a newer version of one that may still be replaced."""
        if invoice.version > 1:
            before = self.invoices[invoice.id, invoice.version - 1]
            try:
                self._step_invoice(before, InvoiceInput.REPLACE, now_ms)
            except ConflictError:
                return
        self.invoices[invoice.id, invoice.version] = invoice
        key = (invoice.id, invoice.version)
        self.clock(invoice.due_at_ms, lambda at_ms: self.invoice_rang(key, at_ms))

    def change_invoice(self, key: tuple[str, int], heard: InvoiceInput, now_ms: int) -> None:
        """Its payee withdraws it, or who is to pay objects."""
        invoice = self.invoices.get(key)
        if invoice is None:
            return
        try:
            effects = self._step_invoice(invoice, heard, now_ms)
        except ConflictError:
            return
        if InvoiceEffect.REFUND in effects:
            self._refund(self.payments[str(invoice.paid_by)], now_ms)

    def invoice_rang(self, key: tuple[str, int], now_ms: int) -> None:
        """The time to pay an invoice may be over."""
        invoice = self.invoices[key]
        if invoice.state is InvoiceState.ISSUED and invoice.due_at_ms <= now_ms:
            self._step_invoice(invoice, InvoiceInput.TIME, now_ms)

    def _take_invoice(self, payment: Payment, now_ms: int) -> bool:
        invoice = self.invoices[payment.invoice or ("", 0)]
        if invoice.state is not InvoiceState.ISSUED or invoice.due_at_ms <= now_ms:
            return False
        taken, _ = step_invoice(invoice, InvoiceInput.PAY, paid_by=payment.id)
        self.invoices[invoice.id, invoice.version] = taken
        return True

    def _step_invoice(
        self, invoice: Invoice, heard: InvoiceInput, now_ms: int
    ) -> tuple[InvoiceEffect, ...]:
        after, effects = step_invoice(invoice, heard)
        self.invoices[after.id, after.version] = after
        if InvoiceEffect.TELL_ISSUER in effects:
            paid_by = after.paid_by or ""
            self.mail.event(
                after.payee, f"{after.id} {after.version} {after.state.value} {paid_by}"
            )
        if InvoiceEffect.CLOSE_QUESTIONS in effects:
            for one in list(self.payments.values()):
                is_waiting = one.state in (State.ASKED, State.COOLING)
                if one.invoice == (after.id, after.version) and is_waiting:
                    self._step(one, Input.CANCEL, now_ms)
        return effects

    def _refund(self, first: Payment, now_ms: int) -> None:
        refund = Payment(
            derived_ulid(now_ms, "refund", first.id),
            Kind.REFUND,
            State.PAYING,
            payer=first.payee,
            payee=first.payer,
            ledger=LEDGER,
            amount_minor=first.amount_minor,
            fee_minor=0,
            asked_at_ms=now_ms,
            refund_of=first.id,
        )
        self._keep(refund)
        self._attempt(refund, "pay", self._transfers(refund))

    # Mandates.

    def change_mandate(self, mandate_id: str, heard: MandateInput, now_ms: int) -> None:
        """The payer approves, pauses, goes on or revokes; what is being debited is taken back."""
        mandate = self.mandates[mandate_id]
        state = step_mandate(mandate.state, heard)
        if state is None:
            return
        mandate.state = state
        if heard in (MandateInput.PAUSE, MandateInput.END):
            for payment in list(self.payments.values()):
                if payment.mandate_id == mandate_id and payment.state is State.PAYING:
                    self._take_back(payment, now_ms)

    def charge(self, payment: Payment, now_ms: int) -> None:
        """The payee announces a charge."""
        due_at_ms = now_ms + NOTICE_MS
        payment = attrs.evolve(payment, asked_at_ms=now_ms, due_at_ms=due_at_ms)
        self._set_clock(self._keep(payment))

    def _judge(self, payment: Payment, now_ms: int) -> None:
        mandate = self.mandates[str(payment.mandate_id)]
        terms = mandate.terms
        period = period_number(terms.starts_at_ms, terms.period, max(now_ms, terms.starts_at_ms))
        used = Used(mandate.state, mandate.count, mandate.used[period], payment.asked_at_ms)
        problem = judge_charge(payment.total_minor, terms, used, now_ms)
        if problem is not None:
            self._step(payment, Input.REFUSE, now_ms, why=problem.value)
            self.mail.event(payment.payee, f"{payment.id} charge refused")
            return
        mandate.used[period] += payment.total_minor
        mandate.count += 1
        self._step(attrs.evolve(payment, period=period), Input.GO, now_ms)

    def _take_back(self, payment: Payment, now_ms: int) -> None:
        if self.attempts.get(payment.id):
            self.attempts[payment.id].clear()
            self._step(payment, Input.NOT_MOVED, now_ms, why="not_active")

    def _give_back(self, payment: Payment) -> None:
        mandate = self.mandates[str(payment.mandate_id)]
        if payment.period is not None:
            mandate.used[payment.period] -= payment.total_minor
            mandate.count -= 1

    # All of them.

    def _keep(self, payment: Payment) -> Payment:
        self.payments[payment.id] = payment
        return payment

    def _set_clock(self, payment: Payment) -> None:
        if payment.due_at_ms is not None:
            self.clock(payment.due_at_ms, lambda now_ms: self.rang(payment.id, now_ms))

    def is_at_rest(self, now_ms: int) -> bool:
        """Whether nothing is left to do but what waits for its time."""
        waiting = (State.ASKED, State.COOLING)
        return not any(self.attempts.values()) and all(
            one.state in _OVER
            or (one.state in waiting and one.due_at_ms is not None and one.due_at_ms > now_ms)
            for one in self.payments.values()
        )


def is_taken(invoice: Invoice) -> bool:
    """Whether somebody has paid an invoice, or is about to."""
    return invoice.state in PAID_STATES
