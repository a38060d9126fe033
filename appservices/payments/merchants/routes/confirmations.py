"""HTTP routes for an organisation before an invoice is paid: a quote, a yes or a no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.institutions.routes import API
from appservices.payments.merchants.api.confirming import (
    ConfirmBody,
    QuoteBody,
    QuoteView,
    RefuseBody,
)
from appservices.payments.merchants.service.confirming import (
    answer_quote,
    confirm,
    read_quote,
    refuse,
)
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes
from veche.contracts.payments.invoice_api import InvoiceView
from veche.protocol.ids import WireUlid
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from veche.api import Call
    from veche.runtime.database import Cursor


class QuoteQuery(Wire):
    """Which quote.

    Attributes:
        payment: Of the event ``invoice.quote``.
    """

    payment: WireUlid


class ConfirmationRoutes(CallerRoutes):
    """Quotes of organisations, and whether they take a payment."""

    @API.by_key("invoice").transaction(
        "payments.invoice",
        "POST",
        "/invoices/<invoice_id>/confirm",
        body=ConfirmBody,
        answer=InvoiceView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Say yes to a payment that is set aside: it is paid, whole or less",
    )
    def confirm(self, txn: Cursor, call: Call) -> InvoiceView:
        """Say yes."""
        caller, invoice_id = call.caller, call.path_args["invoice_id"]
        return self._once(
            txn, call, InvoiceView, lambda scene: confirm(scene, caller, invoice_id, call.body)
        )

    @API.by_key("invoice").transaction(
        "payments.invoice",
        "POST",
        "/invoices/<invoice_id>/refuse",
        body=RefuseBody,
        answer=InvoiceView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Say no to a payment that is set aside: the payer has it again",
    )
    def refuse(self, txn: Cursor, call: Call) -> InvoiceView:
        """Say no."""
        caller, invoice_id = call.caller, call.path_args["invoice_id"]
        return self._once(
            txn, call, InvoiceView, lambda scene: refuse(scene, caller, invoice_id, call.body)
        )

    @API.by_key("read").transaction(
        "payments.invoice",
        "GET",
        "/invoices/<invoice_id>/quote",
        query=QuoteQuery,
        answer=QuoteView,
        summary="What a payer asks before they pay: where to",
    )
    def read_quote(self, txn: Cursor, call: Call) -> QuoteView:
        """A quote."""
        caller, invoice_id = call.caller, call.path_args["invoice_id"]
        return read_quote(
            self._conversation(txn, "read", call), caller, invoice_id, call.query.payment
        )

    @API.by_key("invoice").transaction(
        "payments.invoice",
        "POST",
        "/invoices/<invoice_id>/quote",
        body=QuoteBody,
        answer=QuoteView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Say what it costs besides; again until the payer has approved",
    )
    def quote(self, txn: Cursor, call: Call) -> QuoteView:
        """Answer a quote."""
        caller, invoice_id = call.caller, call.path_args["invoice_id"]
        return self._once(
            txn, call, QuoteView, lambda scene: answer_quote(scene, caller, invoice_id, call.body)
        )
