"""The institution at which an organisation has its fees paid, asked over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from veche.contracts.payments.invoice_api import EventsView, InvoiceView, WithdrawBody
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.web.service_client import TIMEOUT_S, ServiceClient

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from veche.contracts.payments.invoice_api import InvoiceBody

API: Final = "/_veche/payments/v1"
_BUSY: Final = "ORG.VECHE.INVOICE_STATE"
"""The invoice is just being paid: it can be taken back once that is decided."""


class InvoicingClient:
    """The account of one organisation at its institution."""

    def __init__(self, reactor: IReactorTime, url: str, key: str) -> None:
        """Make it; the first request connects.

        Args:
            reactor: Clock and network.
            url: ``https://pay.example.org``, with nothing after it.
            key: The organisation's.
        """
        self._client = ServiceClient(
            reactor, url, key, api=API, called="the institution", busy=[_BUSY]
        )

    async def make_invoice(self, body: InvoiceBody, key: str) -> InvoiceView:
        """Make an invoice.

        Args:
            body: What is to be paid.
            key: Of the organisation's own; the same one again gives the same invoice.

        Raises:
            RefusedError: The institution makes no such invoice.
            UnavailableError: It does not answer, or not to this key; nothing is known.
        """
        return await self._client.call("POST", "/invoices", InvoiceView, body=body, key=key)

    async def withdraw(self, invoice_id: str, reason: str, key: str) -> InvoiceView:
        """Take an invoice back; what was paid of it goes back by itself.

        Raises:
            RefusedError: There is no such invoice.
            UnavailableError: As for ``make_invoice``, or it is just being paid.
        """
        path = f"/invoices/{quote(invoice_id, safe='')}/withdraw"
        body = WithdrawBody(reason=reason)
        return await self._client.call("POST", path, InvoiceView, body=body, key=key)

    async def events(self, after: int) -> EventsView:
        """The events after one; it waits for the next if there is none yet.

        Raises:
            RefusedError: There is no such list.
            UnavailableError: As for ``make_invoice``.
        """
        timeout_s = TIMEOUT_S + WAIT_MS_MAX / 1000
        path = f"/events?after={after}&wait=1"
        return await self._client.call("GET", path, EventsView, timeout_s=timeout_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
