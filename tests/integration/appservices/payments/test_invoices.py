"""Invoices end when they are due, and nobody guesses by what they are paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from appservices.payments.invoices.core.order import InvoiceOrder
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.clocks import DUE
from appservices.payments.merchants.service import invoicing
from appservices.payments.merchants.service.invoices import make_invoice
from appservices.payments.transfers.core.payment import Kind, State
from tests.integration.appservices.payments.scenes import (
    ALICE,
    EURO,
    NOW_MS,
    bank,
    told,
    world,
)
from tests.support.postgres import execute
from veche.api.bearer import OrganisationCaller
from veche.contracts.payments.invoice_api import InvoiceBody
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

DUE_AT_MS = NOW_MS + 10


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with bank() as one:
        yield one


def order(organisation: str) -> InvoiceOrder:
    """An invoice of an organisation to Alice."""
    card = {
        "v": 1,
        "id": derived_ulid(1, organisation),
        "issuer": organisation,
        "issuer_name": organisation.title(),
        "title": "Copy",
        "lines": [{"text": "Copy", "amount": EURO}],
        "total": EURO,
        "due_at_ms": DUE_AT_MS,
    }
    reply = f"{organisation}.heard"
    return InvoiceOrder.model_validate({"card": card, "addressee": ALICE, "reply": reply})


def test_an_invoice_ends_when_it_is_due_whatever_became_of_its_question(dsn: str) -> None:
    with world(dsn) as here:
        invoicing.issue(here.scene, order("town"))
    job = "SELECT due_at_ms, payload FROM runtime.errand WHERE kind = %s"
    id_ = order("town").card.id
    assert execute(dsn, job, DUE) == [(DUE_AT_MS, {"invoice": id_, "version": 1})]

    for at_ms, states in ((DUE_AT_MS - 1, []), (DUE_AT_MS, ["expired"])):
        with world(dsn, at_ms) as later:
            invoices.expire(later.scene, id_, 1)
        assert told(dsn, "town") == states


def test_an_invoice_whose_payment_failed_after_it_was_due_ends_too(dsn: str) -> None:
    id_ = order("school").card.id
    with world(dsn) as here:
        invoicing.issue(here.scene, order("school"))
        payment = here.asked(Kind.INVOICE, invoice=(id_, 1), approved_by=here.approved()).payment
        assert invoices.begin_paying(here.scene, payment) is None
    with world(dsn, DUE_AT_MS) as later:
        # Left to its payment.
        invoices.expire(later.scene, id_, 1)
        refused = attrs.evolve(payment, state=State.REFUSED)
        invoices.settle(later.scene, refused, is_moved=False)

    assert told(dsn, "school") == ["expired"]


def test_nobody_guesses_the_reference_of_an_invoice(dsn: str) -> None:
    body = InvoiceBody.model_validate(
        {
            "addressee": ALICE,
            "title": "Copy",
            "lines": [{"text": "Copy", "amount": EURO}],
            "due_at_ms": DUE_AT_MS,
        }
    )
    references = set()
    for now_ms in (NOW_MS, NOW_MS + 1):
        with world(dsn, now_ms, "request town case.1") as here:
            view = make_invoice(
                here.scene, OrganisationCaller("town", "Town", frozenset()), body, frozenset()
            )
            references.add(view.reference[4:])
            # Of nothing but what an outsider may know.
            guess = derived_ulid(
                now_ms, here.scene.sender.bot.user_id, "request town case.1", "invoice", 1
            )
            assert view.id != guess
    assert len(references) == 2
