"""Operator's answers about orders on which a bank has been silent for days.

The bank's own word, if it comes after all, still counts: what contradicts the operator's is an
alarm, as any other contradiction.
"""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.banks.core.orders import NEVER_GOT, OrderInput, OrderState
from appservices.payments.banks.service.incoming import Incoming
from appservices.payments.banks.store import banks as store
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import ConflictError, NotFoundError
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.banks.service.banks import Desk
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

ANSWER: Final = "bank.answer"
"""Job: an order is stepped by what an operator found out."""


class FoundOut(enum.Enum):
    """The bank's answer when an operator asked it."""

    PAID = "paid"
    """It did the order."""
    NEVER_GOT = "never-got"
    """It does not know the order, and will not do it."""


_INPUTS: Final[Mapping[FoundOut, tuple[OrderInput, str]]] = {
    FoundOut.PAID: (OrderInput.SETTLED, ""),
    FoundOut.NEVER_GOT: (OrderInput.REJECTED, NEVER_GOT),
}


def found_out(txn: Cursor, order_id: str, what: FoundOut, now_ms: int) -> None:
    """Have an order end by what its bank says when it is asked.

    Args:
        txn: A transaction; the services do the rest after it.
        order_id: Of the order, its ``EndToEndId``.
        what: The bank says.
        now_ms: UTC.

    Raises:
        NotFoundError: There is no such order.
        ConflictError: It is not one of which nothing was heard; nothing changes.
    """
    order = store.lock_order(txn, order_id)
    if order is None:
        raise NotFoundError("there is no such order to a bank")
    if order.state is not OrderState.ASKED:
        raise ConflictError(
            f"the order is {order.state.value}: only one that is {OrderState.ASKED.value} is ended"
            " by hand, after days in which the bank said nothing of it"
        )
    # What was said first counts: two operators must not say two things.
    id_ = effect_id(ANSWER, order_id)
    payload = {"order": order_id, "found": what.value}
    jobs.schedule(txn, Job(id_, ANSWER, payload, now_ms))


class Answer:
    """Steps the order, unless its bank was faster."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Nothing is to be done outside of the transaction."""
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """End the order."""
        order = store.lock_order(txn, job.payload["order"])
        assert order is not None, "orders are kept"  # noqa: S101 -- our bug
        if order.state is not OrderState.ASKED:
            logger.warning("order %s: its bank was faster than the operator", order.held.id)
            return
        found = FoundOut(job.payload["found"])
        logger.info("order %s: the operator found out: %s", order.held.id, found.value)
        given, code = _INPUTS[found]
        Incoming.begin(txn, self._desk, order.bank, now_ms).step(order, given, code)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The job can never be done; it was logged."""
