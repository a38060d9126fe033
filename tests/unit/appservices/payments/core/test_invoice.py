"""The whole table of an invoice."""

import itertools

import pytest

from appservices.payments.invoices.core.invoice import (
    INVOICE_TABLE,
    Invoice,
    InvoiceEffect,
    InvoiceInput,
    InvoiceState,
    InvoiceStateError,
    InvoiceStatus,
    status_of,
    step_invoice,
)
from tests.support.tables import each_row

EVERYTHING = list(itertools.product(InvoiceState, InvoiceInput))


def invoice(state: InvoiceState) -> Invoice:
    return Invoice(
        id="01KAXV3Q0G0000000000000000",
        version=1,
        payee=1,
        addressee=2,
        notice_id="A 1",
        ledger=1,
        amount_minor=100,
        due_at_ms=1,
        state=state,
        paid_by="payment" if state is InvoiceState.PAYING else None,
    )


@each_row(("state", "heard"), EVERYTHING)
def test_a_step_is_in_the_table_or_changes_nothing(
    state: InvoiceState, heard: InvoiceInput
) -> None:
    before = invoice(state)
    if (state, heard) in INVOICE_TABLE:
        after, effects = step_invoice(before, heard, paid_by="other")
        assert (after.state, effects) == INVOICE_TABLE[state, heard]
    else:
        with pytest.raises(InvoiceStateError, match=f"the invoice is {state.value} already"):
            step_invoice(before, heard)


def test_it_is_paid_through_one_payment_alone() -> None:
    into = [key for key, (state, _) in INVOICE_TABLE.items() if state is InvoiceState.PAID]

    assert into == [(InvoiceState.PAYING, InvoiceInput.MOVED)]
    taken, _ = step_invoice(invoice(InvoiceState.ISSUED), InvoiceInput.PAY, paid_by="first")
    with pytest.raises(InvoiceStateError):
        step_invoice(taken, InvoiceInput.PAY, paid_by="second")
    assert taken.paid_by == "first"


def test_after_a_payment_that_moved_nothing_somebody_else_can_pay() -> None:
    free, _ = step_invoice(invoice(InvoiceState.PAYING), InvoiceInput.NOT_MOVED)

    assert (free.state, free.paid_by) == (InvoiceState.ISSUED, None)


def test_what_was_paid_goes_back_exactly_if_a_paid_invoice_is_withdrawn() -> None:
    refunding = [
        key for key, (_, effects) in INVOICE_TABLE.items() if InvoiceEffect.REFUND in effects
    ]

    assert refunding == [(InvoiceState.PAID, InvoiceInput.WITHDRAW)]


def test_nothing_is_due_while_an_objection_is_heard() -> None:
    assert (InvoiceState.OBJECTED, InvoiceInput.TIME) not in INVOICE_TABLE
    assert (InvoiceState.OBJECTED, InvoiceInput.PAY) not in INVOICE_TABLE
    assert (InvoiceState.OBJECTED, InvoiceInput.REPLACE) in INVOICE_TABLE


OPEN = {InvoiceState.ISSUED: InvoiceStatus.PENDING, InvoiceState.PAYING: InvoiceStatus.PENDING}
CLOSED = {InvoiceState.PAYING: InvoiceStatus.PENDING}


@each_row("state", InvoiceState)
def test_a_shop_is_told_paid_pending_or_failed_and_no_more(state: InvoiceState) -> None:
    in_time, late = (status_of(invoice(state), now_ms) for now_ms in (0, 1))

    is_paid = state is InvoiceState.PAID
    rest = InvoiceStatus.PAID if is_paid else InvoiceStatus.FAILED
    assert (in_time, late) == (OPEN.get(state, rest), CLOSED.get(state, rest))
