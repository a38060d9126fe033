"""Escrows and disputes as the bot has them: jobs, and what the writer's answers become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.cases.service import making as case_jobs
from appservices.payments.disputes.service import (
    asking as dispute_asking,
)
from appservices.payments.disputes.service import (
    disputes,
    evidence,
)
from appservices.payments.disputes.service import (
    moving as dispute_moves,
)
from appservices.payments.escrows.service import (
    asking as escrow_asking,
)
from appservices.payments.escrows.service import (
    escrows,
)
from appservices.payments.escrows.service import (
    moving as escrow_moves,
)
from appservices.payments.escrows.service import (
    orders as escrow_orders,
)
from appservices.payments.rooms import service as case_rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.ledger.service.attempts import Attempt
    from appservices.payments.ledger.service.work import Outcome
    from veche.messaging.jobs import Job, JobHandler
    from veche.protocol.errors import RefusedError
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

    Ring = Callable[[Conversation, str], None]
    Settled = Callable[[Conversation, str, Outcome], None]


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """The handler of each kind of job."""
    return {
        escrow_orders.LOOK_UP: escrow_orders.LookUp(parts),
        escrows.CLOCK: _Clock(parts, "escrow", escrows.fire_timer),
        disputes.CLOCK: _Clock(parts, "dispute", disputes.fire_timer),
        evidence.TAKE: evidence.TakeEvidence(parts),
        case_rooms.MAKE: case_jobs.MakeRoom(parts),
        case_rooms.REMIND: case_jobs.Remind(parts),
        case_rooms.LEAVE: case_jobs.LeaveRoom(parts),
    }


def settles(parts: Parts) -> dict[str, Callable[[Cursor, Attempt, Outcome], None]]:
    """By kind of attempt: what follows from the writer's answer."""

    def by(settled: Settled) -> Callable[[Cursor, Attempt, Outcome], None]:
        def settle(txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
            scene = parts.conversation(txn, f"attempt {attempt.about} {attempt.id}", outcome.at_ms)
            settled(scene, attempt.about, outcome)

        return settle

    return {escrow_moves.KIND: by(escrows.settle), dispute_moves.KIND: by(disputes.settle)}


def show_to(scene: Conversation, about: Mapping[str, Any], person: UserId) -> None:
    """Show somebody, who has a chat now, what they are called for."""
    if "escrow" in about:
        escrow_asking.show_to(scene, about["escrow"], person)
    if "dispute" in about:
        dispute_asking.show_to(scene, about["dispute"], person)


class _Clock:
    """The time of a state is over."""

    def __init__(self, parts: Parts, of: str, fire_timer: Ring) -> None:
        self._parts = parts
        self._of = of
        self._rang = fire_timer

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        self._rang(self._parts.conversation(txn, job.id, now_ms), job.payload[self._of])

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The job can never be done; it was logged."""
