"""HTTP routes for an organisation's refunds and payments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.institutions.routes import API
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes, digest_of
from appservices.payments.refunds.api import PaymentView, RefundBody, RefundsView, RefundView
from appservices.payments.refunds.service import refunds as api_refunds

if TYPE_CHECKING:
    from veche.api import Call
    from veche.runtime.database import Cursor


class RefundRoutes(CallerRoutes):
    """Refunds and payments of organisations."""

    @API.by_key("refund").transaction(
        "payments.refund",
        "POST",
        "/invoices/<invoice_id>/refund",
        body=RefundBody,
        answer=RefundView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Give back what was paid of an invoice, or a part of it",
    )
    def refund(self, txn: Cursor, call: Call) -> RefundView:
        """Give something back."""
        caller, id_ = call.caller, call.path_args["invoice_id"]
        return self._once(
            txn,
            call,
            RefundView,
            lambda scene: api_refunds.refund(scene, caller, id_, call.body, digest_of(call)),
        )

    @API.by_key("read").transaction(
        "payments.refund",
        "GET",
        "/invoices/<invoice_id>/refunds",
        answer=RefundsView,
        summary="What was given back of an invoice, and what could still be",
    )
    def refunds(self, txn: Cursor, call: Call) -> RefundsView:
        """Return the refunds."""
        caller, id_ = call.caller, call.path_args["invoice_id"]
        return api_refunds.refunds_of(self._conversation(txn, "read", call), caller, id_)

    @API.by_key("read").transaction(
        "payments.payment",
        "GET",
        "/payments/<payment_id>",
        answer=PaymentView,
        summary="A payment to or from the organisation",
    )
    def payment(self, txn: Cursor, call: Call) -> PaymentView:
        """A payment."""
        caller, id_ = call.caller, call.path_args["payment_id"]
        return api_refunds.payment_of(self._conversation(txn, "read", call), caller, id_)
