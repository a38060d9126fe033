"""Mandates of organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.institutions.routes import API
from appservices.payments.mandates.api import (
    ChargeBody,
    ChargeView,
    EndBody,
    MandateBody,
    MandateView,
)
from appservices.payments.mandates.service import organisations as api_mandates
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes

if TYPE_CHECKING:
    from veche.api import Call
    from veche.runtime.database import Cursor


class MandateRoutes(CallerRoutes):
    """Mandates that persons give organisations, and debits by them."""

    @API.by_key("mandate").route(
        "POST",
        "/mandates",
        body=MandateBody,
        answer=MandateView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Ask a person for a mandate; they give it by their key",
    )
    async def ask_mandate(self, call: Call) -> MandateView:
        """Ask for one."""
        caller, body = call.caller, call.body
        return await self._once_of(
            "payments.mandate",
            call,
            [body.payer],
            MandateView,
            lambda scene, strangers: api_mandates.propose(scene, caller, body, strangers),
        )

    @API.by_key("read").transaction(
        "payments.mandate",
        "GET",
        "/mandates/<mandate_id>",
        answer=MandateView,
        summary="A mandate of the organisation",
    )
    def mandate(self, txn: Cursor, call: Call) -> MandateView:
        """A mandate."""
        caller, id_ = call.caller, call.path_args["mandate_id"]
        return api_mandates.read(self._conversation(txn, "read", call), caller, id_)

    @API.by_key("mandate").transaction(
        "payments.mandate",
        "POST",
        "/mandates/<mandate_id>/end",
        body=EndBody,
        answer=MandateView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Give a mandate up: nothing is debited by it any more",
    )
    def end_mandate(self, txn: Cursor, call: Call) -> MandateView:
        """Give one up."""
        caller, id_ = call.caller, call.path_args["mandate_id"]
        return self._once(
            txn,
            call,
            MandateView,
            lambda scene: api_mandates.end(scene, caller, id_, call.body.reason),
        )

    @API.by_key("mandate").transaction(
        "payments.charge",
        "POST",
        "/mandates/<mandate_id>/charges",
        body=ChargeBody,
        answer=ChargeView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Debit by a mandate, once its payer was told long enough before",
    )
    def charge(self, txn: Cursor, call: Call) -> ChargeView:
        """Debit."""
        caller, id_ = call.caller, call.path_args["mandate_id"]
        return self._once(
            txn, call, ChargeView, lambda scene: api_mandates.charge(scene, caller, id_, call.body)
        )

    @API.by_key("read").transaction(
        "payments.charge",
        "GET",
        "/mandates/<mandate_id>/charges/<charge_id>",
        answer=ChargeView,
        summary="A debit by a mandate of the organisation",
    )
    def charge_by_mandate(self, txn: Cursor, call: Call) -> ChargeView:
        """A debit."""
        caller, args = call.caller, call.path_args
        scene = self._conversation(txn, "read", call)
        return api_mandates.read_charge(scene, caller, args["mandate_id"], args["charge_id"])
