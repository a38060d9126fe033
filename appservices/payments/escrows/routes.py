"""Escrows of organisations that sell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.escrows.api import DecideBody, EscrowBody, EscrowView
from appservices.payments.escrows.service import organisations as api_escrows
from appservices.payments.institutions.routes import API
from appservices.payments.mandates.api import EndBody
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes, digest_of

if TYPE_CHECKING:
    from veche.api import Call
    from veche.runtime.database import Cursor


class EscrowRoutes(CallerRoutes):
    """Money that buyers put aside for organisations."""

    @API.by_key("escrow").route(
        "POST",
        "/escrows",
        body=EscrowBody,
        answer=EscrowView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Open an escrow in which the organisation sells; the buyer is asked",
    )
    async def open_escrow(self, call: Call) -> EscrowView:
        """Open one."""
        caller, body = call.caller, call.body
        return await self._once_of(
            "payments.escrow",
            call,
            [body.buyer, *body.arbiters],
            EscrowView,
            lambda scene, strangers: api_escrows.open_escrow(scene, caller, body, strangers),
        )

    @API.by_key("read").transaction(
        "payments.escrow",
        "GET",
        "/escrows/<escrow_id>",
        answer=EscrowView,
        summary="An escrow in which the organisation sells",
    )
    def escrow(self, txn: Cursor, call: Call) -> EscrowView:
        """An escrow."""
        caller, id_ = call.caller, call.path_args["escrow_id"]
        return api_escrows.read(self._conversation(txn, "read", call), caller, id_)

    @API.by_key("escrow").transaction(
        "payments.escrow",
        "POST",
        "/escrows/<escrow_id>/decide",
        body=DecideBody,
        answer=EscrowView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Decide, as one of those who take part, what the organisation gets",
    )
    def decide_escrow(self, txn: Cursor, call: Call) -> EscrowView:
        """Decide."""
        caller, id_ = call.caller, call.path_args["escrow_id"]
        return self._once(
            txn,
            call,
            EscrowView,
            lambda scene: api_escrows.decide(scene, caller, id_, call.body, digest_of(call)),
        )

    @API.by_key("escrow").transaction(
        "payments.escrow",
        "POST",
        "/escrows/<escrow_id>/cancel",
        body=EndBody,
        answer=EscrowView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Take an escrow back, as long as nothing is put aside",
    )
    def cancel_escrow(self, txn: Cursor, call: Call) -> EscrowView:
        """Take one back."""
        caller, id_ = call.caller, call.path_args["escrow_id"]
        return self._once(
            txn,
            call,
            EscrowView,
            lambda scene: api_escrows.cancel(scene, caller, id_, call.body.reason),
        )
