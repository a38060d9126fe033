"""A person's disputes on the wallet's page: opened, answered, decided; evidence, sent and got."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.disputes.api import DisputeFileQuery
from appservices.payments.disputes.core.evidence import FILE_BYTES_MAX
from appservices.payments.disputes.service.evidence_files import EvidenceFiles
from appservices.payments.disputes.texts.evidence import EvidenceProblem
from appservices.payments.wallet.api import VersionQuery
from appservices.payments.wallet.routes.persons import ACT_LIMIT, API, FILE_LIMIT
from appservices.payments.wallet.routes.visits import have_chat, news, visit_of
from appservices.payments.wallet.service import disputes
from appservices.payments.wallet.service.dispute_views import (
    DecisionBody,
    DisputeBody,
    DisputesView,
    DisputeTermsView,
    WordsBody,
)
from veche.access.sessions import Level
from veche.api import Download
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from appservices.payments.disputes.core.evidence import Evidence
    from appservices.payments.wallet.routes.persons import Institution
    from veche.api import Call
    from veche.api.long_polling import Follower
    from veche.runtime.database import Cursor

ANY: Final = "application/octet-stream"
"""How files come and go: what they are is said beside, and nothing here opens them."""


class OwnDisputeRoutes:
    """Disputes of whoever is signed in, and those that they decide."""

    def __init__(self, institution: Institution, follower: Follower) -> None:
        """Make them.

        Args:
            institution: Where the money is.
            follower: Waits for news of it.
        """
        self._follower = follower
        self._parts = institution.parts
        self._files = EvidenceFiles(self._parts.host.client, institution.parts.bot.user_id)

    @API.route(
        "GET",
        "/disputes",
        query=VersionQuery,
        answer=DisputesView,
        level=Level.ROOM,
        summary="Disputes that the person takes part in or decides; waits for news",
    )
    async def disputes(self, call: Call) -> DisputesView:
        """Disputes."""
        return await news(self._follower, self._parts, call, disputes.disputes_view)

    @API.transaction(
        "payments.own_disputes",
        "GET",
        "/payments/<payment_id>/dispute",
        answer=DisputeTermsView,
        level=Level.ROOM,
        summary="What disputing a payment comes to, before it is done",
    )
    def terms(self, txn: Cursor, call: Call) -> DisputeTermsView:
        """Terms."""
        visit = visit_of(self._parts, txn, call)
        return disputes.terms_of(visit, call.path_args["payment_id"])

    @API.route(
        "POST",
        "/payments/<payment_id>/dispute",
        body=DisputeBody,
        answer=DisputesView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Asks the person whether to dispute a payment: nothing is set aside before that",
    )
    async def open(self, call: Call) -> DisputesView:
        """Ask whether to dispute."""
        await have_chat(self._follower, self._parts, call)
        return await self._parts.host.database.run("payments.own_disputes", self._open, call)

    def _open(self, txn: Cursor, call: Call) -> DisputesView:
        visit = visit_of(self._parts, txn, call)
        return disputes.begin(visit, call.path_args["payment_id"], call.body)

    @API.transaction(
        "payments.own_disputes",
        "POST",
        "/disputes/<dispute_id>/decide",
        body=DecisionBody,
        answer=DisputesView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Asks one of those who decide for the key that decides",
    )
    def decide_dispute(self, txn: Cursor, call: Call) -> DisputesView:
        """Decide."""
        visit = visit_of(self._parts, txn, call)
        return disputes.decide(visit, call.path_args["dispute_id"], call.body)

    @API.transaction(
        "payments.own_disputes",
        "POST",
        "/disputes/<dispute_id>/choose/<choice>",
        body=WordsBody,
        answer=DisputesView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Takes a dispute back, declines, contests or appeals; `ask` asks for the key anew",
    )
    def choose(self, txn: Cursor, call: Call) -> DisputesView:
        """Choose."""
        args = call.path_args
        visit = visit_of(self._parts, txn, call)
        return disputes.choose(visit, args["dispute_id"], args["choice"], call.body.words)

    @API.route(
        "POST",
        "/disputes/<dispute_id>/evidence",
        takes=ANY,
        takes_bytes_max=FILE_BYTES_MAX,
        query=DisputeFileQuery,
        answer=DisputesView,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="Sends a file as evidence: it is encrypted here and kept by the homeserver",
    )
    async def send(self, call: Call) -> DisputesView:
        """Send a file."""
        run, query = self._parts.host.database.run, call.query
        name = await run("payments.own_disputes", self._check, call)
        try:
            found = await self._files.store(call.body, name, query.mimetype)
        except MalformedError as e:
            visit = functools.partial(self._broken, call=call)
            raise await run("payments.own_disputes", visit) from e
        return await run("payments.own_disputes", self._send, call, found)

    def _check(self, txn: Cursor, call: Call) -> str:
        visit = visit_of(self._parts, txn, call)
        disputes.check_sending(visit, call.path_args["dispute_id"])
        return disputes.name_of(visit, call.query.name)

    def _broken(self, txn: Cursor, call: Call) -> Exception:
        visit = visit_of(self._parts, txn, call)
        return disputes.evidence_refused(visit, EvidenceProblem.BROKEN)

    def _send(self, txn: Cursor, call: Call, found: dict[str, Any]) -> DisputesView:
        visit = visit_of(self._parts, txn, call)
        return disputes.send(visit, call.path_args["dispute_id"], found)

    @API.route(
        "GET",
        "/disputes/<dispute_id>/evidence/<n>",
        answer=Download,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="A file of evidence, the very bytes whose hash is known",
    )
    async def evidence(self, call: Call) -> Download:
        """A file."""
        file = await self._parts.host.database.run("payments.own_disputes", self._file, call)
        return Download(await self._files.fetch(file), ANY, file.name)

    def _file(self, txn: Cursor, call: Call) -> Evidence:
        args = call.path_args
        return disputes.file_of(visit_of(self._parts, txn, call), args["dispute_id"], args["n"])
