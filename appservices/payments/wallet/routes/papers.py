"""Papers of a payment on the wallet's page: the receipt to read, the tax invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.invoices.service import tax_invoices
from appservices.payments.receipts.service import pdfs as receipt_pdfs
from appservices.payments.wallet.routes.persons import API, FILE_LIMIT
from appservices.payments.wallet.routes.visits import visit_of
from appservices.payments.wallet.service import reading
from veche.access.sessions import Level
from veche.api import Download

if TYPE_CHECKING:
    from appservices.payments.receipts.service.pdfs import ReceiptPage
    from appservices.payments.wallet.routes.persons import Institution
    from veche.api import Call
    from veche.runtime.database import Cursor


class PaperRoutes:
    """Files of payments."""

    def __init__(self, institution: Institution) -> None:
        """Make them.

        Args:
            institution: Where the money is.
        """
        self._parts = institution.parts

    @API.route(
        "GET",
        "/payments/<payment_id>/receipt.pdf",
        answer=Download,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="The receipt to read, as a PDF with the proof inside",
    )
    async def receipt_pdf(self, call: Call) -> Download:
        """A receipt to read."""
        page = await self._parts.host.database.run("payments.receipt", self._receipt, call)
        content = await receipt_pdfs.make_receipt(self._parts, page, call.now_ms)
        return Download(content, "application/pdf", f"receipt-{page.payment_id[-8:]}.pdf")

    def _receipt(self, txn: Cursor, call: Call) -> ReceiptPage:
        visit = visit_of(self._parts, txn, call)
        return reading.receipt_of(visit, call.path_args["payment_id"])

    @API.transaction(
        "payments.tax_invoice",
        "GET",
        "/payments/<payment_id>/invoice",
        answer=Download,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="The tax invoice of what a payment is of: UBL 2.1 by EN 16931",
    )
    def tax_invoice(self, txn: Cursor, call: Call) -> Download:
        """A tax invoice."""
        payment_id = call.path_args["payment_id"]
        name, content = reading.tax_invoice_of(visit_of(self._parts, txn, call), payment_id)
        return Download(content, tax_invoices.MIMETYPE, f"{name}-{payment_id[-8:]}.xml")
