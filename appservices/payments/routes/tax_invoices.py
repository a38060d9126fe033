"""Tax invoices of organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.routes.api import API
from appservices.payments.routes.calls import CallerRoutes
from appservices.payments.service import tax_invoices
from veche.runtime.api import Download

if TYPE_CHECKING:
    from veche.runtime.api import Call
    from veche.runtime.database import Cursor


class TaxInvoiceRoutes(CallerRoutes):
    """What organisations hand to their books and to buyers."""

    @API.transaction(
        "payments.tax_invoice",
        "GET",
        "/invoices/<invoice_id>/ubl",
        answer=Download,
        takes_session=False,
        summary="The tax invoice of an open or paid invoice: UBL 2.1 by EN 16931",
    )
    def ubl(self, txn: Cursor, call: Call) -> Download:
        """The tax invoice."""
        caller, id_ = self._caller(call, "read"), call.path_args["invoice_id"]
        content = tax_invoices.for_organisation(self._scene(txn, "read", call), caller, id_)
        return Download(content, tax_invoices.MIMETYPE, f"{id_}.xml")
