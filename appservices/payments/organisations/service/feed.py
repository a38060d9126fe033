"""The events of organisations, as webhooks send them; an owner is the number of a holder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.organisations import store as events
from veche.messaging.webhooks import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.config import PaymentsSection
    from veche.contracts.payments.invoice_api import InvoiceEvent
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

NAME: Final = "payments"


class PaymentFeed:
    """See ``veche.messaging.webhooks.Feed``."""

    name = NAME
    channel = events.CHANNEL
    is_waiting = events.IS_WAITING

    def __init__(self, vault: Vault) -> None:
        """Make it.

        Args:
            vault: Opens the names of organisations.
        """
        self._vault = vault

    def newest(self, txn: Cursor, owner: str) -> int:
        """Number of the newest event."""
        return events.newest(txn, int(owner))

    def after(self, txn: Cursor, owner: str, n: int, count: int) -> Sequence[InvoiceEvent]:
        """The next events."""
        return events.events_after(txn, int(owner), n, count)

    def organisation(self, txn: Cursor, owner: str) -> str:
        """Id of the organisation."""
        return str(self._vault.open(holders.holder(txn, int(owner)).sealed)["id"])


def rules_of(section: PaymentsSection) -> Rules:
    """Return the operator's rules for webhooks."""
    return Rules(
        institution=section.id,
        networks=section.webhook_networks,
        setting="payments.webhook_networks",
        give_up_ms=section.webhook_give_up_ms,
    )
