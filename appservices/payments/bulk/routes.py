"""Payouts in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from appservices.payments.bulk.api import (
    LINES_MAX,
    ApprovePayoutBody,
    PayoutBody,
    PayoutLinesView,
    PayoutView,
    StopPayoutBody,
)
from appservices.payments.bulk.service import orders as bulk_orders
from appservices.payments.institutions.routes import API
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes
from veche.protocol.json_reader import LARGE_NODES_MAX, read_json
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.api import Call
    from veche.runtime.database import Cursor


class LinesQuery(Wire):
    """Which lines one has already: those up to ``after``."""

    after: Annotated[int, Field(ge=0, le=LINES_MAX)] = 0


class PayoutRoutes(CallerRoutes):
    """Payouts of organisations."""

    @API.by_key("payout").transaction(
        "payments.payout",
        "POST",
        "/payouts",
        body=PayoutBody,
        answer=PayoutView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Pay many persons by one signed instruction",
    )
    def order(self, txn: Cursor, call: Call) -> PayoutView:
        """Take an instruction."""
        caller, envelope = call.caller, _received(call)
        return self._once(
            txn,
            call,
            PayoutView,
            lambda scene: bulk_orders.order(scene, caller, call.body, envelope),
        )

    @API.by_key("read").transaction(
        "payments.payout",
        "GET",
        "/payouts/<payout_id>",
        answer=PayoutView,
        summary="How far a payout has got",
    )
    def read_payout(self, txn: Cursor, call: Call) -> PayoutView:
        """A payout."""
        caller, id_ = call.caller, call.path_args["payout_id"]
        return bulk_orders.read(self._conversation(txn, "read", call), caller, id_)

    @API.by_key("read").transaction(
        "payments.payout",
        "GET",
        "/payouts/<payout_id>/lines",
        query=LinesQuery,
        answer=PayoutLinesView,
        summary="The lines of a payout after one, at most 1,000",
    )
    def lines(self, txn: Cursor, call: Call) -> PayoutLinesView:
        """Its lines."""
        caller, id_ = call.caller, call.path_args["payout_id"]
        return bulk_orders.lines_of(
            self._conversation(txn, "read", call), caller, id_, call.query.after
        )

    @API.by_key("payout").transaction(
        "payments.payout",
        "POST",
        "/payouts/<payout_id>/approve",
        body=ApprovePayoutBody,
        answer=PayoutView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Let a payout begin, by a second key",
    )
    def approve(self, txn: Cursor, call: Call) -> PayoutView:
        """Approve."""
        caller, id_ = call.caller, call.path_args["payout_id"]
        envelope = _received(call)
        return self._once(
            txn,
            call,
            PayoutView,
            lambda scene: bulk_orders.approve(scene, caller, id_, call.body, envelope),
        )

    @API.by_key("payout").transaction(
        "payments.payout",
        "POST",
        "/payouts/<payout_id>/stop",
        body=StopPayoutBody,
        answer=PayoutView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Begin no more lines of a payout; what is left goes back",
    )
    def stop(self, txn: Cursor, call: Call) -> PayoutView:
        """Stop."""
        caller, id_ = call.caller, call.path_args["payout_id"]
        return self._once(
            txn,
            call,
            PayoutView,
            lambda scene: bulk_orders.stop(scene, caller, id_, call.body.reason),
        )


def _received(call: Call) -> Mapping[str, Any]:
    """The body as it came: what was signed, fields that we do not know as well.

    It was read once already, so it is an object, and no key is there twice.
    """
    content: Any = call.request.content
    content.seek(0)
    received: Mapping[str, Any] = read_json(content.read(), nodes_max=LARGE_NODES_MAX)
    return received
