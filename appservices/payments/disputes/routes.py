"""HTTP routes for organisations that answer disputes of their payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.disputes.api import (
    DisputeAnswerBody,
    DisputeAppealBody,
    DisputeFileQuery,
    DisputeList,
    DisputeView,
)
from appservices.payments.disputes.core.evidence import FILE_BYTES_MAX, plain_name
from appservices.payments.disputes.service import organisations as api_disputes
from appservices.payments.disputes.service.evidence_files import EvidenceFiles
from appservices.payments.institutions.routes import API
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes, digest_of
from veche.api import Download
from veche.protocol.errors import MalformedError
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.payments.disputes.core.evidence import Evidence
    from appservices.payments.organisations.routes.calls import Institution
    from veche.api import Call
    from veche.runtime.database import Cursor

ANY: Final = "application/octet-stream"
FILE_LIMIT: Final = Limit(burst=20, per_s=2)
"""Files of one client address."""


class DisputeRoutes(CallerRoutes):
    """Disputes of payments to organisations."""

    def __init__(self, institution: Institution) -> None:
        """Make them; see ``CallerRoutes``."""
        super().__init__(institution)
        self._files = EvidenceFiles(self._host.client, institution.parts.bot.user_id)

    @API.by_key("read").transaction(
        "payments.dispute",
        "GET",
        "/disputes",
        answer=DisputeList,
        summary="Disputes of payments to the organisation, those that are not over first",
    )
    def disputes(self, txn: Cursor, call: Call) -> DisputeList:
        """Disputes."""
        caller = call.caller
        return api_disputes.open_ones(self._conversation(txn, "read", call), caller)

    @API.by_key("read").transaction(
        "payments.dispute",
        "GET",
        "/payments/<payment_id>/dispute",
        answer=DisputeView,
        summary="The dispute of a payment to the organisation",
    )
    def dispute(self, txn: Cursor, call: Call) -> DisputeView:
        """A dispute."""
        caller, id_ = call.caller, call.path_args["payment_id"]
        return api_disputes.read(self._conversation(txn, "read", call), caller, id_)

    @API.by_key("refund").transaction(
        "payments.dispute",
        "POST",
        "/payments/<payment_id>/dispute/answer",
        body=DisputeAnswerBody,
        answer=DisputeView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Give back what is set aside, or leave it to the institution's desk",
    )
    def answer(self, txn: Cursor, call: Call) -> DisputeView:
        """Answer one."""
        caller, id_ = call.caller, call.path_args["payment_id"]
        return self._once(
            txn,
            call,
            DisputeView,
            lambda scene: api_disputes.answer(scene, caller, id_, call.body, digest_of(call)),
        )

    @API.by_key("refund").transaction(
        "payments.dispute",
        "POST",
        "/payments/<payment_id>/dispute/appeal",
        body=DisputeAppealBody,
        answer=DisputeView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Have others decide again what the desk decided, once",
    )
    def appeal(self, txn: Cursor, call: Call) -> DisputeView:
        """Appeal."""
        caller, id_ = call.caller, call.path_args["payment_id"]
        return self._once(
            txn, call, DisputeView, lambda scene: api_disputes.appeal(scene, caller, id_, call.body)
        )

    @API.by_key("refund").route(
        "PUT",
        "/payments/<payment_id>/dispute/evidence",
        takes=ANY,
        takes_bytes_max=FILE_BYTES_MAX,
        query=DisputeFileQuery,
        answer=DisputeView,
        limit=FILE_LIMIT,
        summary="Send a file as evidence, kept encrypted by the homeserver; again changes nothing",
    )
    async def send(self, call: Call) -> DisputeView:
        """Send a file."""
        run, name = self._host.database.run, plain_name(call.query.name)
        if name is None:
            raise MalformedError("query.name", "has characters that cannot be seen")
        await run("payments.dispute", self._check, call)
        found = await self._files.store(call.body, name, call.query.mimetype)
        return await run("payments.dispute", self._send, call, found)

    def _check(self, txn: Cursor, call: Call) -> None:
        caller, id_ = call.caller, call.path_args["payment_id"]
        api_disputes.check_sending(self._conversation(txn, "read", call), caller, id_)

    def _send(self, txn: Cursor, call: Call, found: dict[str, Any]) -> DisputeView:
        caller, id_ = call.caller, call.path_args["payment_id"]
        # What is sent twice is one file, so its hash is the cause.
        scene = self._conversation(txn, f"evidence {caller.id} {id_} {found['sha256']}", call)
        return api_disputes.send(scene, caller, id_, found)

    @API.by_key("read").route(
        "GET",
        "/payments/<payment_id>/dispute/evidence/<n>",
        answer=Download,
        limit=FILE_LIMIT,
        summary="A file that either side sent as evidence",
    )
    async def evidence(self, call: Call) -> Download:
        """A file."""
        file = await self._host.database.run("payments.dispute", self._file, call)
        return Download(await self._files.fetch(file), ANY, file.name)

    def _file(self, txn: Cursor, call: Call) -> Evidence:
        caller, args = call.caller, call.path_args
        scene = self._conversation(txn, "read", call)
        return api_disputes.file_of(scene, caller, args["payment_id"], args["n"])
