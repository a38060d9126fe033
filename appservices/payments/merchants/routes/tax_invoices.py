"""Tax invoices of organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.institutions.routes import API
from appservices.payments.invoices.service import tax_invoices
from appservices.payments.merchants.service.invoices import invoice_of
from appservices.payments.organisations.routes.calls import CallerRoutes
from appservices.payments.refunds.service import credit_notes
from veche.api import Download

if TYPE_CHECKING:
    from veche.api import Call
    from veche.runtime.database import Cursor


class TaxInvoiceRoutes(CallerRoutes):
    """Routes to tax documents for an organisation's books and for buyers."""

    @API.by_key("read").transaction(
        "payments.tax_invoice",
        "GET",
        "/invoices/<invoice_id>/ubl",
        answer=Download,
        summary="The tax invoice of an open or paid invoice: UBL 2.1 by EN 16931",
    )
    def ubl(self, txn: Cursor, call: Call) -> Download:
        """The tax invoice."""
        caller, id_ = call.caller, call.path_args["invoice_id"]
        scene = self._conversation(txn, "read", call)
        content = tax_invoices.for_organisation(scene, invoice_of(scene, caller, id_))
        return Download(content, tax_invoices.MIMETYPE, f"{id_}.xml")

    @API.by_key("read").transaction(
        "payments.credit_note",
        "GET",
        "/invoices/<invoice_id>/refunds/<refund_id>/ubl",
        answer=Download,
        summary="The credit note of what was given back of a tax invoice: UBL 2.1 by EN 16931",
    )
    def credit_note(self, txn: Cursor, call: Call) -> Download:
        """The credit note."""
        caller, id_ = call.caller, call.path_args["invoice_id"]
        refund_id = call.path_args["refund_id"]
        scene = self._conversation(txn, "read", call)
        file = invoice_of(scene, caller, id_)
        content = credit_notes.for_organisation(scene, file, refund_id)
        return Download(content, tax_invoices.MIMETYPE, f"{refund_id}.xml")
