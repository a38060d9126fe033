"""The institution at which an organisation has its fees paid, asked over HTTP.

The operator names it, so it is asked wherever it is, also on this machine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from veche.protocol.errors import MalformedError, RefusedError, UnavailableError
from veche.protocol.invoice_api import EventsView, InvoiceView, WithdrawBody
from veche.protocol.wire import mapping, parse
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.matrix.connections import Connections

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from veche.protocol.invoice_api import InvoiceBody
    from veche.protocol.wire import Wire
    from veche.runtime.matrix.connections import Answer

API: Final = "/_veche/payments/v1"
ANSWER_BYTES_MAX: Final = 1 << 20
TIMEOUT_S: Final = 30.0
RETRY_AFTER_MS: Final = 5_000
ERROR_CHARACTERS_MAX: Final = 200
_OK: Final = range(200, 300)
_REFUSED: Final = frozenset({400, 403, 404, 409, 413})
_BUSY: Final = "ORG.VECHE.INVOICE_STATE"
"""The invoice is just being paid: it can be taken back once that is decided."""

W = TypeVar("W", bound="Wire")


class Till:
    """The account of one organisation at its institution."""

    def __init__(self, reactor: IReactorTime, url: str, key: str) -> None:
        """Make it; the first request connects.

        Args:
            reactor: Clock and network.
            url: ``https://pay.example.org``, with nothing after it.
            key: The organisation's.
        """
        self._connections = Connections(reactor, url)
        self._head = f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    async def make_invoice(self, body: InvoiceBody, key: str) -> InvoiceView:
        """Make an invoice.

        Args:
            body: What is to be paid.
            key: Of the organisation's own; the same one again gives the same invoice.

        Raises:
            RefusedError: The institution makes no such invoice.
            UnavailableError: It does not answer, or not to this key; nothing is known.
        """
        return await self._call("POST", "/invoices", InvoiceView, body=body, key=key)

    async def withdraw(self, invoice_id: str, reason: str, key: str) -> InvoiceView:
        """Take an invoice back; what was paid of it goes back by itself.

        Raises:
            RefusedError: There is no such invoice.
            UnavailableError: As for ``make_invoice``, or it is just being paid.
        """
        path = f"/invoices/{quote(invoice_id, safe='')}/withdraw"
        return await self._call(
            "POST", path, InvoiceView, body=WithdrawBody(reason=reason), key=key
        )

    async def events(self, after: int) -> EventsView:
        """The events after one; it waits for the next if there is none yet.

        Raises:
            RefusedError: There is no such list.
            UnavailableError: As for ``make_invoice``.
        """
        timeout_s = TIMEOUT_S + WAIT_MS_MAX / 1000
        path = f"/events?after={after}&wait=1"
        return await self._call("GET", path, EventsView, timeout_s=timeout_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def _call(
        self,
        method: str,
        path: str,
        model: type[W],
        *,
        body: Wire | None = None,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> W:
        head = self._head if key is None else f"{self._head}Idempotency-Key: {key}\r\n"
        answer = await self._connections.request(
            method.encode(),
            f"{API}{path}".encode(),
            head.encode(),
            None if body is None else body.model_dump_json(exclude_none=True).encode(),
            timeout_s=timeout_s,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )
        content = _content(answer)
        if answer.status not in _OK:
            raise _error(answer.status, content)
        try:
            return parse(model, content)
        except MalformedError as e:
            raise UnavailableError(
                "the institution answers in another way than agreed", retry_after_ms=RETRY_AFTER_MS
            ) from e


def _content(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _error(status: int, content: Any) -> RefusedError | UnavailableError:
    said = mapping(content)
    text = str(said.get("error", ""))[:ERROR_CHARACTERS_MAX]
    if status in _REFUSED and said.get("errcode") != _BUSY:
        return RefusedError(text or f"the institution answers {status}")
    # A key that is not known (401) is mended by the operator: until then the cases wait.
    wait_ms = said.get("retry_after_ms")
    retry_after_ms = wait_ms if isinstance(wait_ms, int) and wait_ms > 0 else RETRY_AFTER_MS
    return UnavailableError(
        f"the institution answers {status}: {text}", retry_after_ms=retry_after_ms
    )
