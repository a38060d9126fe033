"""Templates for organisations over HTTP: what there is, and many documents from one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from appservices.signing.batches import service as batches
from appservices.signing.organisations.routes.callers import CallerRoutes
from appservices.signing.organisations.routes.organisations import WRITE_LIMIT
from appservices.signing.organisations.service.organisations import Asked
from appservices.signing.pages.routes.api import API
from appservices.signing.templates.api import (
    BATCH_BYTES_MAX,
    BatchBody,
    BatchRowsQuery,
    BatchRowsView,
    BatchView,
    RightBatchBody,
    TableQuery,
    TemplatesView,
)
from appservices.signing.templates.service.filling import templates_of
from veche.protocol.json_reader import read_json
from veche.protocol.wire import parse
from veche.runtime.threads import in_thread
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.signing.batches.store import Row
    from appservices.signing.sessions.service.conversation import Parts
    from appservices.signing.templates.service.filling import Named
    from veche.api import Call
    from veche.runtime.database import Cursor

P = ParamSpec("P")
R = TypeVar("R")

BATCH_NODES_MAX: Final = 1_000_000
"""Values and keys of a batch: a hundred for each of 10,000 rows."""
BATCH_LIMIT: Final = Limit(burst=10, per_s=0.2)
"""Batches of one client address: thousands of rows are checked for each."""


class TemplateRoutes(CallerRoutes):
    """Serves organisations that have documents made."""

    @API.by_key().route(
        "GET",
        "/templates",
        answer=TemplatesView,
        limit=WRITE_LIMIT,
        summary="The templates of the site: who signs, and what they are filled with",
    )
    async def templates(self, call: Call) -> TemplatesView:
        """All of them."""
        folder = self._parts().section.templates
        return await self._away(templates_of, folder, call.language)

    @API.by_key().route(
        "POST",
        "/templates/<name>/sessions",
        takes="application/json",
        takes_bytes_max=BATCH_BYTES_MAX,
        takes_model=RightBatchBody,
        answer=BatchView,
        needs_key=True,
        limit=BATCH_LIMIT,
        status=202,
        summary="Have up to 10,000 documents made and sent, a session for each row; or a dry run",
    )
    async def order(self, call: Call) -> BatchView:
        """The rows are checked now, and made one after the other; a bad one stops no other."""
        return await self._ordered(call, _body_of, call.body)

    @API.by_key().route(
        "POST",
        "/templates/<name>/table",
        takes="text/csv",
        takes_bytes_max=BATCH_BYTES_MAX,
        query=TableQuery,
        answer=BatchView,
        needs_key=True,
        limit=BATCH_LIMIT,
        status=202,
        summary="The same from a table (CSV with a head): reference, p1.name, p1.user, …, answers",
    )
    async def order_table(self, call: Call) -> BatchView:
        """Each row below the head is a document."""
        # What the query says is asked for as well.
        query = call.query.model_dump_json().encode()
        return await self._ordered(call, _body_of_table, query + b"\n" + call.body)

    @API.by_key().transaction(
        "signing.batch",
        "GET",
        "/batches/<batch>",
        answer=BatchView,
        limit=WRITE_LIMIT,
        summary="How far the documents of a batch have got",
    )
    def batch(self, txn: Cursor, call: Call) -> BatchView:
        """Counts, and what is wrong with the rows that failed."""
        scene = self._conversation(txn, call, "batch")
        return batches.view(scene, call.caller.id, call.path_args["batch"])

    @API.by_key().transaction(
        "signing.batch_rows",
        "GET",
        "/batches/<batch>/rows",
        query=BatchRowsQuery,
        answer=BatchRowsView,
        limit=WRITE_LIMIT,
        summary="What became of its rows, at most 1,000 after a number",
    )
    def rows(self, txn: Cursor, call: Call) -> BatchRowsView:
        """Each with its session."""
        scene = self._conversation(txn, call, "batch rows")
        batch, after = call.path_args["batch"], call.query.after
        return batches.rows_view(scene, call.caller.id, batch, after)

    async def _ordered(
        self, call: Call, read: Callable[[Parts, Call], BatchBody], asked_for: bytes
    ) -> BatchView:
        caller, parts = call.caller.id, self._parts()

        def checked() -> tuple[BatchBody, tuple[Named, str, list[Row]]]:
            body, name = read(parts, call), call.path_args["name"]
            return body, batches.checked(parts, name, body, caller, call.now_ms)

        body, found = await self._away(checked)
        if body.dry_run:
            return batches.dry_view(found[0], found[2])
        where = f"{call.route} {call.path_args['name']}\n".encode()
        asked = Asked(caller, call.key, hashlib.sha256(where + asked_for).digest())
        run = self._host.database.run
        return await run("signing.order", self._order, call, asked, body, found)

    def _order(
        self,
        txn: Cursor,
        call: Call,
        asked: Asked,
        body: BatchBody,
        found: tuple[Named, str, list[Row]],
    ) -> BatchView:
        scene = self._conversation(txn, call, f"batch {asked.caller} {asked.key}")
        return batches.view(scene, asked.caller, batches.order(scene, asked, body, found))

    async def _away(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what takes its time in a thread that no key waits for."""
        return await in_thread(self._host.reactor, work, *args, **kwargs)


def _body_of(_parts: Parts, call: Call) -> BatchBody:
    """The body, read in a thread: it may have thousands of rows."""
    return parse(BatchBody, read_json(call.body, nodes_max=BATCH_NODES_MAX))


def _body_of_table(parts: Parts, call: Call) -> BatchBody:
    return batches.body_of_table(parts, call.path_args["name"], call.body, call.query)
