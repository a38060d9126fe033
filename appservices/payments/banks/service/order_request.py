"""Request of a feature to a bank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from appservices.payments.banks.core.port import OrderKind, Party, Signed
    from veche.protocol.ids import Ulid


@attrs.frozen
class OrderRequest:
    """A payout or a collection that a feature asks a bank for.

    Attributes:
        id: Fresh, or derived from what it is for: the same again changes nothing.
        bank: By name.
        kind: Which of the two.
        account: In the ledger, of who pays (payout) or is paid (collection).
        other: Who is paid, or pays.
        amount_minor: At least 1.
        reference: ISO 11649, or empty.
        text: Remittance information; not where there is a reference.
        mandate: Of a collection.
    """

    id: Ulid
    bank: str
    kind: OrderKind
    account: int
    other: Party
    amount_minor: int
    reference: str = ""
    text: str = ""
    mandate: Signed | None = None
