"""What a request of an organisation is known by."""

from __future__ import annotations

from typing import Any

import attrs

from appservices.payments.organisations.routes.calls import digest_of, request_digest
from veche.api import Call
from veche.protocol.wire import Wire


class Body(Wire):
    reason: str


NOBODY: Any = None
CALL = Call(
    request=NOBODY,
    session=None,
    body=Body(reason="changed my mind"),
    query=None,
    path_args={"invoice_id": "1"},
    language="en",
    address="192.0.2.1",
    idempotency_key="one",
    now_ms=0,
    route="POST /invoices/<invoice_id>/withdraw",
)


def test_the_same_words_to_another_route_are_another_request() -> None:
    other = attrs.evolve(CALL, route="POST /invoices/<invoice_id>/refuse")

    assert digest_of(CALL) == digest_of(other)
    assert request_digest(CALL) != request_digest(other)
    assert request_digest(CALL) == request_digest(attrs.evolve(CALL, now_ms=1, address="x"))
