"""People and merchants of a simulation, who use the payments service until all is done.

What they want is said again until the office has answered; what they say may come twice, late, and
in another order. In the end it is looked at what they were told, and what the ledger has.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.invoices.core.invoice import Invoice, InvoiceInput, InvoiceState
from appservices.payments.ledger.core.block import leaves
from appservices.payments.ledger.core.leaf import row_leaf
from appservices.payments.ledger.core.values import PLACES
from appservices.payments.mandates.core.mandate import MandateInput, MandateState, Terms
from appservices.payments.transfers.core.payment import Kind, Payment, State
from tests.simulation.mailroom import Mailroom
from tests.simulation.office import LEDGER, NOTICE_MS, Mandate, Office
from tests.support.tree_proofs import inclusion_proof
from veche.protocol.ids import derived_ulid
from veche.transparency.merkle import includes, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from appservices.payments.ledger.core.values import Row
    from appservices.payments.ledger.store.memory_ledger import MemoryLedger
    from tests.simulation.load import Network, Request

MERCHANTS: Final = (101, 102)
PERSONS: Final = (103, 104, 105, 106, 107)
WISHES: Final = 14
WISHES_WITHIN_S: Final = 22.0
ROUND_S: Final = 1.5
DUE_MS: Final = 12_000
AMOUNT_MAX: Final = 250


@attrs.define(eq=False)
class Town:
    """Who uses the service.

    Attributes:
        transact: Has a process of the office do something at the time of its clock, if it lives.
        give: Has an attempt tried by the ledger's writer.
        now_ms: What a right clock says.
    """

    chance: Random
    network: Network
    later: Callable[[float, Callable[[], None]], None]
    transact: Callable[[Callable[[int], None]], None]
    give: Callable[[Request], None]
    now_ms: Callable[[], int]
    ledger: Callable[[], MemoryLedger]
    mail: Mailroom = attrs.field(init=False)
    office: Office = attrs.field(init=False)
    problems: list[str] = attrs.field(factory=list)
    unheard: dict[str, Callable[[int], None]] = attrs.field(factory=dict)
    """What was said and has no answer yet."""
    answered: set[str] = attrs.field(factory=set)
    acted: set[str] = attrs.field(factory=set)
    """The office's inbox: what it has acted on."""
    wishes: int = 0

    def __attrs_post_init__(self) -> None:
        def ledger_ms() -> int:
            return self.ledger().at_ms

        self.mail = Mailroom(self.network, self.later, self.transact, ledger_ms, self._hear)
        self.office = Office(self.mail, self._clock)

    def open(self) -> None:
        """People begin to want something."""
        for number in range(WISHES):
            wish = self.chance.choice(
                (self._pay, self._pay, self._invoice, self._invoice, self._mandate)
            )
            self.later(self.chance.uniform(0.0, WISHES_WITHIN_S), partial(self._wish, wish, number))
        self.mail.open()
        self._round()

    def is_at_rest(self) -> bool:
        """Whether everybody has what they wanted, or knows that they do not get it."""
        is_heard = not self.unheard and self.wishes == WISHES
        return is_heard and self.mail.is_at_rest() and self.office.is_at_rest(self.now_ms())

    # What they want.

    def _wish(self, wish: Callable[[str], None], number: int) -> None:
        self.wishes += 1
        wish(f"wish {number}")

    def _pay(self, name: str) -> None:
        payer = self.chance.choice(PERSONS)
        payee = self.chance.choice([one for one in (*PERSONS, *MERCHANTS) if one != payer])
        payment = self._payment(name, Kind.PAY, payer, payee, self._amount())
        cools = self.chance.random() < 0.2
        self._say(f"{name} ask", lambda _: self.office.ask(payment, cools=cools))
        self._answer_question(name, payment)

    def _answer_question(self, name: str, payment: Payment) -> None:
        """Approve, perhaps twice or on two devices; or not; or think better of it."""
        kind = self.chance.random()
        if kind < 0.9:
            nonces = [f"{name} nonce"] if kind < 0.7 else [f"{name} nonce", f"{name} other nonce"]
            for nonce in nonces:
                self._later_say(
                    f"approve {nonce}",
                    payment,
                    partial(self.office.approve, payment.id, nonce),
                )
        if kind < 0.25 or kind > 0.85:
            self._later_say(f"{name} cancel", payment, partial(self.office.cancel, payment.id))

    def _invoice(self, name: str) -> None:
        payee = self.chance.choice(MERCHANTS)
        id_ = derived_ulid(self.now_ms(), "invoice", name)
        versions = 1 + (self.chance.random() < 0.3)
        for version in range(1, versions + 1):
            due_at_ms = self.now_ms() + self.chance.choice((DUE_MS, 10 * DUE_MS))
            invoice = Invoice(
                id_,
                version,
                payee,
                None,
                None,
                LEDGER,
                self._amount(),
                due_at_ms,
                InvoiceState.ISSUED,
            )
            self._later_say(f"{name} issue {version}", None, partial(self._issue, invoice))
            for payer in self.chance.sample(PERSONS, self.chance.choice((1, 2, 3))):
                self._pay_invoice(f"{name} {version} {payer}", invoice, payer)
        for what, within_s in ((InvoiceInput.WITHDRAW, 20.0), (InvoiceInput.OBJECT, 6.0)):
            if self.chance.random() < 0.3:
                key = (id_, self.chance.randrange(1, versions + 1))
                self._later_say(
                    f"{name} {what.value}",
                    None,
                    partial(self.office.change_invoice, key, what),
                    within_s,
                )

    def _issue(self, invoice: Invoice, now_ms: int) -> None:
        if invoice.version == 1 or (invoice.id, invoice.version - 1) in self.office.invoices:
            self.office.issue(invoice, now_ms)

    def _pay_invoice(self, name: str, invoice: Invoice, payer: int) -> None:
        key = (invoice.id, invoice.version)
        payment = attrs.evolve(
            self._payment(name, Kind.INVOICE, payer, invoice.payee, invoice.amount_minor),
            invoice=key,
        )
        confirms = self.chance.random() < 0.4

        def ask(_: int) -> None:
            if key in self.office.invoices:
                self.office.ask(payment, confirms=confirms)

        self._later_say(f"{name} ask", None, ask)
        self._answer_question(name, payment)

    def _mandate(self, name: str) -> None:
        payer, payee = self.chance.choice(PERSONS), self.chance.choice(MERCHANTS)
        starts_at_ms = self.now_ms() - self.chance.choice((0, DAY_MS - 5_000))
        terms = Terms(200, "day", 300, starts_at_ms, starts_at_ms + 30 * DAY_MS, 3, NOTICE_MS)
        mandate = Mandate(derived_ulid(self.now_ms(), "mandate", name), payer, payee, terms)
        self.office.mandates[mandate.id] = mandate
        self._say(
            f"{name} approve",
            partial(self.office.change_mandate, mandate.id, MandateInput.APPROVE),
        )
        for number in range(self.chance.randrange(1, 6)):
            payment = attrs.evolve(
                self._payment(f"{name} {number}", Kind.MANDATE, payer, payee, self._amount()),
                state=State.COOLING,
                due_at_ms=self.now_ms() + NOTICE_MS,
                mandate_id=mandate.id,
            )
            self._later_say(f"{name} charge {number}", None, partial(self.office.charge, payment))
        for heard in (MandateInput.PAUSE, MandateInput.RESUME, MandateInput.END):
            if self.chance.random() < 0.4:
                self._later_say(
                    f"{name} {heard.value}",
                    None,
                    partial(self.office.change_mandate, mandate.id, heard),
                )

    def _payment(self, name: str, kind: Kind, payer: int, payee: int, minor: int) -> Payment:
        now_ms = self.now_ms()
        due_at_ms = now_ms + DUE_MS * self.chance.choice((1, 20))
        id_ = derived_ulid(now_ms, "payment", name)
        return Payment(id_, kind, State.ASKED, payer, payee, LEDGER, minor, 0, now_ms, due_at_ms)

    def _amount(self) -> int:
        return self.chance.randrange(1, AMOUNT_MAX) if self.chance.random() < 0.95 else 5_000

    # How it is said.

    def _later_say(
        self,
        name: str,
        payment: Payment | None,
        act: Callable[[int], None],
        within_s: float = 6.0,
    ) -> None:
        """Say something after a while; about a payment, only where the office knows of it."""

        def known(now_ms: int) -> None:
            if payment is None or payment.id in self.office.payments:
                act(now_ms)

        self.unheard[name] = known
        self.later(self.chance.uniform(0.0, within_s), lambda: self._send(name))

    def _say(self, name: str, act: Callable[[int], None]) -> None:
        self.unheard[name] = act
        self._send(name)

    def _round(self) -> None:
        for name in list(self.unheard):
            if self.chance.random() < 0.5:
                self._send(name)
        for queue in list(self.office.attempts.values()):
            if queue:
                self.give(queue[0])  # those about one payment in their order
        self.later(ROUND_S, self._round)

    def _send(self, name: str) -> None:
        act = self.unheard.get(name)

        def arrive(now_ms: int) -> None:
            if act is not None and name not in self.acted:
                act(now_ms)
                self.acted.add(name)
                self._look_now(name)
            self.network.send(lambda: self._answered(name))

        if act is not None:
            self.network.send(lambda: self.transact(arrive))

    def _answered(self, name: str) -> None:
        self.unheard.pop(name, None)
        self.answered.add(name)

    def _clock(self, due_at_ms: int, act: Callable[[int], None]) -> None:
        """A job of the office: done once, by whoever lives and by whose clock it is due."""
        is_done = False

        def ring(now_ms: int) -> None:
            nonlocal is_done
            if not is_done and due_at_ms <= now_ms:
                is_done = True
                act(now_ms)
                self._look_now("a clock")

        def look() -> None:
            if not is_done:
                self.transact(ring)
                self.later(ROUND_S, look)

        look()

    def _hear(self, organisation: int, what: str) -> None:
        """A merchant hears of an event, and says yes or no where that is asked."""
        del organisation
        payment_id, _, word = what.partition(" ")
        if word == "confirm":
            is_yes = self.chance.random() < 0.8
            self._say(
                f"{what} answer", lambda at: self.office.confirm(payment_id, at, is_yes=is_yes)
            )

    # What must be true.

    def _look_now(self, after: str) -> None:
        """After each transaction."""
        paid: Counter[str] = Counter()
        for one in self.office.payments.values():
            if one.invoice is not None and one.state in (
                State.PAYING,
                State.PAID,
                State.HOLDING,
                State.HELD,
            ):
                paid[one.invoice[0]] += 1
            if one.state in (State.PAYING, State.HOLDING) and not self.office.attempts.get(one.id):
                self.problems.append(f"{one.id} is {one.state.value}, and nobody tries it: {after}")
        for id_, count in paid.items():
            if count > 1:
                self.problems.append(f"invoice {id_} is paid {count} times: {after}")
        for mandate in self.office.mandates.values():
            is_within = all(
                0 <= used <= mandate.terms.period_max_minor for used in mandate.used.values()
            )
            if not is_within or not 0 <= mandate.count <= (mandate.terms.count_max or 0):
                self.problems.append(f"mandate {mandate.id} is used beyond its terms: {after}")

    def look(self, ledger: MemoryLedger) -> list[str]:
        """In the end."""
        self._look_now("the end")
        for one in self.office.payments.values():
            self._look_at(one, ledger)
        for invoice in self.office.invoices.values():
            self._look_at_invoice(invoice)
        for mandate in self.office.mandates.values():
            self._look_at_mandate(mandate)
        if not self.answered <= self.acted:
            self.problems.append("something was answered that was not done")
        return self.problems + self.mail.look()

    def _look_at(self, payment: Payment, ledger: MemoryLedger) -> None:
        row = ledger.transfers.get(self.office.main_id(payment))
        is_paid = payment.state is State.PAID
        if is_paid is not (row is not None):
            self.problems.append(f"{payment.id} is {payment.state.value}, and the ledger has {row}")
        if row is not None and (row.amount, row.debit_id, row.credit_id) != (
            payment.amount_minor,
            payment.payer,
            payment.payee,
        ):
            self.problems.append(f"{payment.id} moved something else: {row}")
        is_approved = self.office.approvals.get(payment.approved_by or "") == payment.id
        if is_paid and payment.kind in (Kind.PAY, Kind.INVOICE) and not is_approved:
            self.problems.append(f"{payment.id} is paid without an approval of its own")
        if row is not None and not is_proven(ledger, row):
            self.problems.append(f"the receipt of {payment.id} proves nothing")
        if self.office.hold_id(payment) in ledger.open_holds:
            self.problems.append(f"{payment.id} is {payment.state.value}, its money is aside")
        told = [what for what in self.mail.heard[payment.payer] if what.startswith(payment.id)]
        receipts = [what for what in told if what.endswith("receipt")]
        if len(receipts) != is_paid:
            self.problems.append(f"the payer of {payment.id} has {receipts}")

    def _look_at_invoice(self, invoice: Invoice) -> None:
        payments = self.office.payments.values()
        key = (invoice.id, invoice.version)
        paid = [one for one in payments if one.invoice == key and one.state is State.PAID]
        if invoice.state is InvoiceState.PAID and [one.id for one in paid] != [invoice.paid_by]:
            self.problems.append(f"invoice {key} is paid, by {paid}")
        given_back = [one for one in payments if one.refund_of in {first.id for first in paid}]
        is_withdrawn = invoice.state is InvoiceState.WITHDRAWN
        if len(given_back) != (is_withdrawn and len(paid)):
            self.problems.append(f"invoice {key} is {invoice.state.value}, refunds: {given_back}")
        if paid and invoice.state not in (InvoiceState.PAID, InvoiceState.WITHDRAWN):
            self.problems.append(f"invoice {key} was paid and is {invoice.state.value}")

    def _look_at_mandate(self, mandate: Mandate) -> None:
        charges = [one for one in self.office.payments.values() if one.mandate_id == mandate.id]
        paid = [one for one in charges if one.state is State.PAID]
        sums: Counter[int] = Counter()
        for one in paid:
            sums[one.period or 0] += one.total_minor
        if +sums != +mandate.used or len(paid) != mandate.count:
            self.problems.append(f"mandate {mandate.id} counts {mandate.used}, and paid {sums}")
        if mandate.state is MandateState.PROPOSED and paid:
            self.problems.append(f"mandate {mandate.id} was used before it was approved")


def is_proven(ledger: MemoryLedger, row: Row) -> bool:
    """Whether the proof that a receipt carries leads to the block's root."""
    seq, place = divmod(row.pos, PLACES)
    block = ledger.block(seq)
    if block is None:
        return False
    entries = leaves(ledger.shard, block.content)
    path = inclusion_proof([leaf_hash(entry) for entry in entries], place)
    return includes(block.root, row_leaf(row, ledger.shard), place, len(entries), path)
