"""What is paid for is shown before it is approved: a title that cannot be shown is refused."""

from __future__ import annotations

from typing import Any

import pytest

from appservices.payments.mandates.core.order import ChargeOrder, MandateOrder
from tests.support.tables import each_row
from veche.contracts.payments.invoice import InvoiceCard
from veche.contracts.payments.invoice_api import InvoiceBody
from veche.protocol.errors import MalformedError
from veche.protocol.wire import parse

ID = "01" + "0" * 24
EURO = {"minor": 100, "currency": "EUR"}
LINES = [{"text": "Copy", "amount": EURO}]
WHOLE: list[tuple[type[Any], str, dict[str, Any]]] = [
    (InvoiceBody, "title", {"addressee": "@a:veche.test", "lines": LINES, "due_at_ms": 1}),
    (
        InvoiceCard,
        "title",
        {
            "v": 1,
            "id": ID,
            "issuer": "town",
            "issuer_name": "Town",
            "lines": LINES,
            "total": EURO,
            "due_at_ms": 1,
        },
    ),
    (ChargeOrder, "title", {"id": ID, "mandate": ID, "payee": "water", "amount": EURO}),
    (
        MandateOrder,
        "purpose",
        {
            "id": ID,
            "payee": "water",
            "payee_name": "Water",
            "payer": "@a:veche.test",
            "each_max": EURO,
            "period": "month",
            "period_max": EURO,
            "starts_at_ms": 1,
            "ends_at_ms": 2,
        },
    ),
]


@each_row(("form", "name", "rest"), WHOLE)
def test_only_what_can_be_shown_is_a_title(
    form: type[Any], name: str, rest: dict[str, Any]
) -> None:
    assert getattr(parse(form, {**rest, name: "Geburtsurkunde"}), name) == "Geburtsurkunde"

    for title in ("Fee\nTo: bob", "Fee \u202eeef", "\u200b", "Fee\x07", "", "x" * 71):
        with pytest.raises(MalformedError, match=name):
            parse(form, {**rest, name: title})
