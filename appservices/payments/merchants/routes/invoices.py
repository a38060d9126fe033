"""HTTP routes of organisations, by their keys: invoices, and their outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from appservices.payments.institutions.routes import API
from appservices.payments.merchants.service.invoices import (
    make_invoice,
    read_invoice,
    withdraw_invoice,
)
from appservices.payments.organisations import store as events
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes
from veche.contracts.payments.invoice_api import (
    CURSOR_MAX,
    EventsView,
    InvoiceBody,
    InvoiceView,
    WithdrawBody,
)
from veche.protocol.wire import Wire
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.web import quiet

if TYPE_CHECKING:
    from appservices.payments.organisations.routes.calls import Institution
    from veche.api import Call
    from veche.runtime.database import Cursor
    from veche.runtime.live import Live


class EventsQuery(Wire):
    """Which events one has already.

    Attributes:
        after: ``n`` of the last one; 0: none.
        wait: 1: wait for the next one if there is none yet.
    """

    after: Annotated[int, Field(ge=0, le=CURSOR_MAX)] = 0
    wait: Annotated[int, Field(ge=0, le=1)] = 0


class OrganisationRoutes(CallerRoutes):
    """Invoices and events of organisations."""

    def __init__(self, institution: Institution, live: Live) -> None:
        """Make them; see ``CallerRoutes``. Whoever waits for events hears of them by ``live``."""
        super().__init__(institution)
        self._live = live

    @API.by_key("invoice").route(
        "POST",
        "/invoices",
        body=InvoiceBody,
        answer=InvoiceView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Make an invoice; the same key again gives the same one",
    )
    async def make(self, call: Call) -> InvoiceView:
        """Make an invoice."""
        caller, body = call.caller, call.body
        return await self._once_of(
            "payments.invoice",
            call,
            [] if body.addressee is None else [body.addressee],
            InvoiceView,
            lambda scene, strangers: make_invoice(scene, caller, body, strangers),
        )

    @API.by_key("read").transaction(
        "payments.invoice",
        "GET",
        "/invoices/<invoice_id>",
        answer=InvoiceView,
        summary="An invoice of the organisation",
    )
    def read(self, txn: Cursor, call: Call) -> InvoiceView:
        """An invoice."""
        caller = call.caller
        return read_invoice(
            self._conversation(txn, "read", call), caller, call.path_args["invoice_id"]
        )

    @API.by_key("invoice").transaction(
        "payments.invoice",
        "POST",
        "/invoices/<invoice_id>/withdraw",
        body=WithdrawBody,
        answer=InvoiceView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Take an invoice back; what was paid of it goes back by itself",
    )
    def withdraw(self, txn: Cursor, call: Call) -> InvoiceView:
        """Take an invoice back."""
        caller, invoice_id = call.caller, call.path_args["invoice_id"]
        return self._once(
            txn,
            call,
            InvoiceView,
            lambda scene: withdraw_invoice(scene, caller, invoice_id, call.body.reason),
        )

    @API.by_key("read").route(
        "GET",
        "/events",
        query=EventsQuery,
        answer=EventsView,
        summary="What became of the organisation's invoices, after a cursor; waits for news",
    )
    async def events(self, call: Call) -> EventsView:
        """The next events."""
        caller = call.caller
        quiet(call.request)
        run, after = self._host.database.run, call.query.after
        holder = await run("payments.events", self._holder, call)

        async def look(left_ms: int) -> EventsView | None:
            found = await run("payments.events", events.events_after, holder, after)
            if not found and left_ms > 0:
                return None
            return EventsView(events=tuple(found), cursor=found[-1].n if found else after)

        topics, timeout_ms = [events.events_topic(holder)], WAIT_MS_MAX * call.query.wait
        owner = f"organisation {caller.id}"
        view = await self._live.follow(topics, timeout_ms, look, owner=owner)
        if view is None:
            raise LookupError("the last look always finds something")
        return view
