"""Tell an organisation: by an event at once, or by a job for a service of this server.

An event is added in the transaction of what it tells, so the events of an organisation stand in the
order in which things happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.organisations import store as events
from appservices.payments.organisations.store import News
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.ids import EffectId
    from veche.runtime.database import Cursor

EVENT: Final = "payments.event"
"""``reply`` of what an organisation ordered over HTTP: it hears by events."""


def tell(scene: Conversation, reply: str | None, id_: EffectId, payload: Mapping[str, Any]) -> None:
    """Let whoever ordered something hear what became of it.

    Args:
        scene: The transaction.
        reply: Kind of the job by which they hear; None: they do not.
        id_: Of that job.
        payload: What they knew it by, and what became of it.
    """
    if reply == EVENT:
        _add(scene, payload)
    elif reply is not None:
        jobs.schedule(scene.txn, Job(id_, reply, payload, scene.now_ms))


class EventJob(ChatJob[Parts]):
    """Makes an event of what a release before this one left to a job."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Add the event."""
        _add(self._parts.conversation(txn, job.id, now_ms), job.payload)


def _add(scene: Conversation, told: Mapping[str, Any]) -> None:
    holder = scene.organisation(told["organisation"])
    if "charge" in told:
        what, payment = "charge", told["charge"]
    else:
        what, payment = "invoice" if "invoice" in told else "mandate", told.get("payment")
    news = News(
        f"{what}.{told['state']}",
        told["ours"],
        invoice_id=told.get("invoice"),
        payment_id=payment,
        mandate_id=told.get("mandate"),
    )
    events.add_event(scene.txn, holder.id, news, scene.now_ms)
