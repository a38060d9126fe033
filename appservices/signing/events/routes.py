"""The events of organisations: asked for, and where they want to hear of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.events.service import SigningFeed
from appservices.signing.organisations.routes.callers import NO_SESSIONS, CallerRoutes
from appservices.signing.organisations.routes.organisations import WRITE_LIMIT
from appservices.signing.pages.routes.api import API
from appservices.signing.requests.api.sessions import EventsQuery
from appservices.signing.sessions.service.conversation import requester_topic
from veche.contracts.signing.session_api import SessionEvent, SessionEvents
from veche.messaging.webhooks.models import ResumeBody, WebhookBody, WebhooksView, WebhookView
from veche.protocol.errors import NotFoundError
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.web import quiet

if TYPE_CHECKING:
    from appservices.signing.organisations.routes.callers import CalledSigning
    from veche.api import Call
    from veche.messaging.webhooks import Webhooks
    from veche.runtime.database import Cursor
    from veche.runtime.live import Live

EVENTS_MAX: Final = 100


class EventRoutes(CallerRoutes):
    """Routes to the events of an organisation."""

    def __init__(self, signing: CalledSigning, live: Live) -> None:
        """Make them."""
        super().__init__(signing)
        self._live = live

    @API.by_key().route(
        "GET",
        "/events",
        query=EventsQuery,
        answer=SessionEvents,
        summary="What happened in the organisation's sessions, after a cursor; waits for news",
    )
    async def events(self, call: Call) -> SessionEvents:
        """The next events."""
        caller = call.caller.id
        quiet(call.request)
        run, after = self._host.database.run, call.query.after

        async def look(left_ms: int) -> SessionEvents | None:
            found = await run("signing.events", self._events, caller, after)
            if not found and left_ms > 0:
                return None
            return SessionEvents(events=found, cursor=found[-1].n if found else after)

        topics, timeout_ms = [requester_topic(caller)], WAIT_MS_MAX if call.query.wait else 0
        view = await self._live.follow(topics, timeout_ms, look, owner=f"signing {caller}")
        return view or SessionEvents(events=[], cursor=after)

    def _events(self, txn: Cursor, caller: str, after: int) -> list[SessionEvent]:
        return SigningFeed(self._parts().vault).after(txn, caller, after, EVENTS_MAX)


class WebhookRoutes(CallerRoutes):
    """Targets of organisations."""

    @API.by_key().route(
        "POST",
        "/webhooks",
        body=WebhookBody,
        answer=WebhookView,
        limit=WRITE_LIMIT,
        status=201,
        summary="Have events sent to an address, each as a signed envelope; again: the same target",
    )
    async def add(self, call: Call) -> WebhookView:
        """Add a target."""
        await self._webhooks.check(call.body.url)
        return await self._host.database.run("signing.webhook", self._add, call)

    def _add(self, txn: Cursor, call: Call) -> WebhookView:
        caller, url = call.caller.id, call.body.url
        known = self._webhooks.all_of(txn, caller).webhooks
        before = next((one for one in known if one.url == url), None)
        if before is not None:
            return before
        scene = self._conversation(txn, call, f"webhook {caller} {url}")
        id_ = scene.sender.fresh_ulid("webhook")
        return self._webhooks.add(txn, caller, id_, call.body, call.now_ms)

    @API.by_key().transaction(
        "signing.webhook",
        "GET",
        "/webhooks",
        answer=WebhooksView,
        summary="Where events are sent, how far each target is, and why it fails",
    )
    def all(self, txn: Cursor, call: Call) -> WebhooksView:
        """All targets."""
        return self._webhooks.all_of(txn, call.caller.id)

    @API.by_key().transaction(
        "signing.webhook",
        "POST",
        "/webhooks/<webhook_id>/resume",
        body=ResumeBody,
        answer=WebhookView,
        limit=WRITE_LIMIT,
        summary="Send again to a target that was disabled, or from another event on",
    )
    def resume(self, txn: Cursor, call: Call) -> WebhookView:
        """Let a target hear again."""
        caller, id_ = call.caller.id, call.path_args["webhook_id"]
        return self._webhooks.resume(txn, caller, id_, call.body.after, call.now_ms)

    @API.by_key().transaction(
        "signing.webhook",
        "DELETE",
        "/webhooks/<webhook_id>",
        answer=None,
        limit=WRITE_LIMIT,
        summary="Send nothing more to a target",
    )
    def remove(self, txn: Cursor, call: Call) -> None:
        """Forget a target."""
        self._webhooks.remove(txn, call.caller.id, call.path_args["webhook_id"])

    @property
    def _webhooks(self) -> Webhooks:
        webhooks = self._signing.webhooks
        if webhooks is None:
            raise NotFoundError(NO_SESSIONS)
        return webhooks
