"""A site on which days pass: what is deleted of closed documents."""

from __future__ import annotations

from typing import Any, Final

from appservices.signing.delivery.service import forgetting
from tests.integration.appservices.signing.chats import ChatSite
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

DAY_MS: Final = 86_400_000


class DeletingSite(ChatSite):
    """The newest document is closed; the clock is turned."""

    async def look(self, days: int) -> None:
        """What is done so many days after it was closed."""
        closed_at_ms = self.session().closed_at_ms
        assert closed_at_ms is not None
        now_ms = closed_at_ms + days * DAY_MS
        handler: Any = self.handlers[forgetting.LOOK]
        look = Job(effect_id("look", days), forgetting.LOOK, {"day": days}, 0)
        self.run_now(lambda txn: handler.finish(txn, look, {}, now_ms))
        due = self.rows(
            "SELECT errand_id, payload FROM runtime.errand WHERE kind = %s AND due_at_ms <= %s",
            forgetting.DELETE,
            now_ms,
        )
        delete: Any = self.handlers[forgetting.DELETE]
        for id_, payload in due:
            job = Job(id_, forgetting.DELETE, payload, now_ms)
            self.run_now(lambda txn, one=job: delete.finish(txn, one, {}, now_ms))
            self.rows("DELETE FROM runtime.errand WHERE errand_id = %s RETURNING 1", id_)
        await self.settle()

    def kept(self) -> tuple[list[str], int]:
        """Kinds of ciphertext, and bytes of what was signed."""
        kinds = self.rows("SELECT kind FROM signing.blob ORDER BY kind")
        [(size,)] = self.rows("SELECT sum(length(increment)) FROM signing.revision")
        return [one for (one,) in kinds], size
