"""What organisations say to disputes of what they were paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.routes.api import API
from appservices.payments.routes.calls import WRITE_LIMIT, CallerRoutes, digest_of
from appservices.payments.service import api_disputes
from veche.protocol.dispute_api import DisputeAnswerBody, DisputeAppealBody, DisputeView

if TYPE_CHECKING:
    from veche.runtime.api import Call
    from veche.runtime.database import Cursor


class DisputeRoutes(CallerRoutes):
    """Disputes of payments to organisations."""

    @API.transaction(
        "payments.dispute",
        "GET",
        "/payments/<payment_id>/dispute",
        answer=DisputeView,
        takes_session=False,
        summary="The dispute of a payment to the organisation",
    )
    def dispute(self, txn: Cursor, call: Call) -> DisputeView:
        """A dispute."""
        caller, id_ = self._caller(call, "read"), call.path_args["payment_id"]
        return api_disputes.read(self._scene(txn, "read", call), caller, id_)

    @API.transaction(
        "payments.dispute",
        "POST",
        "/payments/<payment_id>/dispute/answer",
        body=DisputeAnswerBody,
        answer=DisputeView,
        takes_session=False,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Give back what is set aside, or leave it to the institution's desk",
    )
    def answer(self, txn: Cursor, call: Call) -> DisputeView:
        """Answer one."""
        caller, id_ = self._caller(call, "refund"), call.path_args["payment_id"]
        return self._once(
            txn,
            call,
            caller,
            DisputeView,
            lambda scene: api_disputes.answer(scene, caller, id_, call.body, digest_of(call)),
        )

    @API.transaction(
        "payments.dispute",
        "POST",
        "/payments/<payment_id>/dispute/appeal",
        body=DisputeAppealBody,
        answer=DisputeView,
        takes_session=False,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Have others decide again what the desk decided, once",
    )
    def appeal(self, txn: Cursor, call: Call) -> DisputeView:
        """Appeal."""
        caller, id_ = self._caller(call, "refund"), call.path_args["payment_id"]
        return self._once(
            txn,
            call,
            caller,
            DisputeView,
            lambda scene: api_disputes.appeal(scene, caller, id_, call.body),
        )
