"""What organisations ask for over HTTP, by their keys: invoices, and what became of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final, Protocol

from pydantic import Field

from appservices.payments.routes.api import API
from appservices.payments.service.organisations import (
    KeyReusedError,
    make_invoice,
    read_invoice,
    withdraw_invoice,
)
from appservices.payments.store import events
from veche.protocol.canonical import canonical
from veche.protocol.invoice_api import (
    CURSOR_MAX,
    EventsView,
    InvoiceBody,
    InvoiceView,
    WithdrawBody,
)
from veche.protocol.wire import Wire, parse
from veche.runtime.limits import Limit
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.web import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.payments.service.organisations import Caller, Callers
    from appservices.payments.service.scene import Parts, Scene
    from veche.runtime.api import Call
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host

WRITE_LIMIT: Final = Limit(burst=500, per_s=50)
"""Requests of one client address that change something."""


class Institution(Protocol):
    """What the routes need of the service: ``appservices.payments.bot.Payments``."""

    callers: Callers
    parts: Parts


class EventsQuery(Wire):
    """Which events one has already.

    Attributes:
        after: ``n`` of the last one; 0: none.
        wait: 1: wait for the next one if there is none yet.
    """

    after: Annotated[int, Field(ge=0, le=CURSOR_MAX)] = 0
    wait: Annotated[int, Field(ge=0, le=1)] = 0


class OrganisationRoutes:
    """Invoices and events of organisations."""

    def __init__(self, host: Host, institution: Institution) -> None:
        """Make them.

        Args:
            host: Of the process.
            institution: Where they have their accounts.
        """
        self._host = host
        self._institution = institution

    @API.transaction(
        "payments.invoice",
        "POST",
        "/invoices",
        body=InvoiceBody,
        answer=InvoiceView,
        takes_session=False,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Make an invoice; the same key again gives the same one",
    )
    def make(self, txn: Cursor, call: Call) -> InvoiceView:
        """Make an invoice."""
        caller = self._caller(call, "invoice")
        return self._once(txn, call, caller, lambda scene: make_invoice(scene, caller, call.body))

    @API.transaction(
        "payments.invoice",
        "GET",
        "/invoices/<invoice_id>",
        answer=InvoiceView,
        takes_session=False,
        summary="An invoice of the organisation",
    )
    def read(self, txn: Cursor, call: Call) -> InvoiceView:
        """An invoice."""
        caller = self._caller(call, "read")
        return read_invoice(self._scene(txn, "read", call), caller, call.path_args["invoice_id"])

    @API.transaction(
        "payments.invoice",
        "POST",
        "/invoices/<invoice_id>/withdraw",
        body=WithdrawBody,
        answer=InvoiceView,
        takes_session=False,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Take an invoice back; what was paid of it goes back by itself",
    )
    def withdraw(self, txn: Cursor, call: Call) -> InvoiceView:
        """Take an invoice back."""
        caller, invoice_id = self._caller(call, "invoice"), call.path_args["invoice_id"]
        return self._once(
            txn,
            call,
            caller,
            lambda scene: withdraw_invoice(scene, caller, invoice_id, call.body.reason),
        )

    @API.route(
        "GET",
        "/events",
        query=EventsQuery,
        answer=EventsView,
        takes_session=False,
        summary="What became of the organisation's invoices, after a cursor; waits for news",
    )
    async def events(self, call: Call) -> EventsView:
        """The next events."""
        caller = self._caller(call, "read")
        quiet(call.request)
        run, after = self._host.database.run, call.query.after
        holder = await run("payments.events", self._holder, caller, call)

        async def look(left_ms: int) -> EventsView | None:
            found = await run("payments.events", events.events_after, holder, after)
            if not found and left_ms > 0:
                return None
            return EventsView(events=tuple(found), cursor=found[-1].n if found else after)

        topics, timeout_ms = [events.events_topic(holder)], WAIT_MS_MAX * call.query.wait
        owner = f"organisation {caller.id}"
        view = await self._host.live.follow(topics, timeout_ms, look, owner=owner)
        if view is None:
            raise LookupError("the last look always finds something")
        return view

    def _caller(self, call: Call, scope: str) -> Caller:
        caller = self._institution.callers.of(call.header("authorization"))
        caller.need(scope)
        return caller

    def _scene(self, txn: Cursor, cause: str, call: Call) -> Scene:
        return self._institution.parts.scene(txn, cause, call.now_ms)

    def _holder(self, txn: Cursor, caller: Caller, call: Call) -> int:
        return self._scene(txn, "events", call).organisation(caller.id).id

    def _once(
        self, txn: Cursor, call: Call, caller: Caller, work: Callable[[Scene], InvoiceView]
    ) -> InvoiceView:
        """Do something once for a key; the same request again is answered as the first time."""
        scene = self._scene(txn, f"request {caller.id} {call.key}", call)
        holder = scene.organisation(caller.id).id
        before = events.begin_request(txn, holder, call.key, _digest(call), call.now_ms)
        if before is not None and before.sha256 != _digest(call):
            raise KeyReusedError("This Idempotency-Key came before, with another content")
        if before is not None:
            return parse(InvoiceView, before.answer)
        view = work(scene)
        events.keep_answer(txn, holder, call.key, view.model_dump(mode="json"))
        return view


def _digest(call: Call) -> bytes:
    """Of what was asked: the path's arguments and the body as it was read."""
    asked = {"path": dict(call.path_args), "body": call.body.model_dump(mode="json")}
    return hashlib.sha256(canonical(asked, where="body")).digest()
