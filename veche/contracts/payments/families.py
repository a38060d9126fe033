"""The payloads of payments, by their keys in messages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.contracts.payments.invoice import INVOICE_KEY, InvoiceCard
from veche.contracts.payments.ledger_heads import HEADS_KEY, LedgerHeads
from veche.contracts.payments.receipt import RECEIPT_KEY, Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.wire import Wire

FAMILIES: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {INVOICE_KEY: InvoiceCard, RECEIPT_KEY: Receipt, HEADS_KEY: LedgerHeads}
)
