"""Jobs of shared bills outside transactions: names, and their clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.bills.service import asking as billing
from appservices.payments.bills.service import ending as bill_ends
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.conversation.service.naming import known_name
from veche.bots import ChatJob
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor


class LookUpSharers(ChatJob[Parts]):
    """Finds out what those are called who share a bill; then asks them."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Ask the homeserver for their names."""
        wanted = job.payload
        people = {wanted["person"], *(who for who, _, _ in wanted["sharers"])}
        client, bot = self._parts.host.client, self._parts.bot.user_id
        return {who: await known_name(client, bot, UserId(who)) for who in sorted(people)}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask everybody for their share, or say who is not here."""
        billing.begin(self._parts.conversation(txn, job.id, now_ms), job.payload, result)


class BillDue(ChatJob[Parts]):
    """The time for all to agree is over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Give back what is set aside."""
        bill_ends.fire_timer(self._parts.conversation(txn, job.id, now_ms), job.payload["bill"])
