"""What the institution answers, and what that is to the agency: done, refused, or later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor  # noqa: TID251 -- a real connection
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from appservices.agency.fees.client import InvoicingClient
from tests.support.web import served
from veche.contracts.payments.invoice import InvoiceLine
from veche.contracts.payments.invoice_api import InvoiceBody
from veche.protocol.errors import RefusedError, UnavailableError
from veche.protocol.ids import derived_ulid
from veche.protocol.money import Money
from veche.runtime.web.service_client import ERROR_CHARACTERS_MAX, RETRY_AFTER_MS

if TYPE_CHECKING:
    from twisted.web.iweb import IRequest

ID = derived_ulid(1_764_000_000_000, "invoice")
FEE = Money(minor=1200, currency="EUR")
BODY = InvoiceBody(
    addressee="@alice:example.org",
    title="Fee",
    lines=(InvoiceLine(text="Fee", amount=FEE),),
    due_at_ms=1_765_000_000_000,
)
VIEW: dict[str, Any] = {
    "id": ID,
    "version": 1,
    "state": "issued",
    "amount": {"minor": 1200, "currency": "EUR"},
    "reference": "RF18539007547034",
    "due_at_ms": 1_765_000_000_000,
}


class _Institution(Resource):
    """Answers everything the same, and remembers what was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.status, self.answer = 201, json.dumps(VIEW)
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    def render(self, request: IRequest) -> bytes:
        """Remember, and answer."""
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        data = request.content.read()
        body = json.loads(data) if data else None
        self.asked.append((request.method.decode(), request.uri.decode(), headers, body))
        request.setResponseCode(self.status)
        return self.answer.encode()


class TestTill(TestCase):
    def setUp(self) -> None:
        self.bank = _Institution()
        _, url = served(self, self.bank)
        self.invoicing = InvoicingClient(reactor, url, "secret")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.invoicing.close()))

    async def _refused(self, status: int, answer: object) -> Exception:
        self.bank.status = status
        self.bank.answer = answer if isinstance(answer, str) else json.dumps(answer)
        try:
            await self.invoicing.make_invoice(BODY, "key")
        except (RefusedError, UnavailableError) as e:
            return e
        raise AssertionError("it was taken")

    async def test_an_invoice_is_asked_for_with_the_key_and_once(self) -> None:
        view = await self.invoicing.make_invoice(BODY, "case.1")

        [(method, path, headers, body)] = self.bank.asked
        assert (method, path) == ("POST", "/_veche/payments/v1/invoices")
        assert headers["authorization"] == "Bearer secret"
        assert headers["idempotency-key"] == "case.1"
        assert body["lines"] == [{"text": "Fee", "amount": {"minor": 1200, "currency": "EUR"}}]
        assert (view.id, view.amount) == (ID, FEE)

    async def test_an_invoice_is_taken_back(self) -> None:
        await self.invoicing.withdraw(ID, "case refused", "back")

        [(_, path, headers, body)] = self.bank.asked
        assert path == f"/_veche/payments/v1/invoices/{ID}/withdraw"
        assert (headers["idempotency-key"], body) == ("back", {"reason": "case refused"})

    async def test_events_are_waited_for(self) -> None:
        event = {"n": 8, "type": "invoice.paid", "at_ms": 1, "invoice": ID, "ours": "case.1"}
        self.bank.answer = json.dumps({"events": [event], "cursor": 8})
        view = await self.invoicing.events(7)

        assert self.bank.asked[0][1] == "/_veche/payments/v1/events?after=7&wait=1"
        assert [(one.n, one.ours) for one in view.events] == [(8, "case.1")]

    async def test_what_is_refused_stays_refused_and_says_why(self) -> None:
        for status in (400, 403, 404, 409, 413):
            error = await self._refused(status, {"errcode": "X", "error": "No such currency"})
            assert isinstance(error, RefusedError)
            assert str(error) == "No such currency"
        long = await self._refused(400, {"error": "x" * 1_000})
        assert len(str(long)) == ERROR_CHARACTERS_MAX

    async def test_whatever_else_is_asked_again(self) -> None:
        for status, answer in (
            (401, {"errcode": "ORG.VECHE.SIGN_IN"}),
            (409, {"errcode": "ORG.VECHE.INVOICE_STATE"}),
            (500, "<html>"),
            (502, ""),
            (200, "not JSON"),
            (200, {"id": "x"}),
            (301, {}),
        ):
            error = await self._refused(status, answer)
            assert isinstance(error, UnavailableError), status
            assert error.retry_after_ms == RETRY_AFTER_MS
        busy = await self._refused(429, {"retry_after_ms": 70_000})
        assert isinstance(busy, UnavailableError)
        assert busy.retry_after_ms == 70_000
