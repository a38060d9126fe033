"""Where organisations want to hear of their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.institutions.routes import API
from appservices.payments.organisations.routes.calls import WRITE_LIMIT, CallerRoutes
from veche.messaging.webhooks.models import ResumeBody, WebhookBody, WebhooksView, WebhookView

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.api import Call
    from veche.api.bearer import OrganisationCaller
    from veche.runtime.database import Cursor


class WebhookRoutes(CallerRoutes):
    """Targets of organisations."""

    @API.by_key("webhook").route(
        "POST",
        "/webhooks",
        body=WebhookBody,
        answer=WebhookView,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Have events sent to an address, each as a signed envelope",
    )
    async def add(self, call: Call) -> WebhookView:
        """Add a target."""
        await self._institution.webhooks.check(call.body.url)
        return await self._host.database.run("payments.webhook", self._add, call)

    def _add(self, txn: Cursor, call: Call) -> WebhookView:
        return self._once(
            txn,
            call,
            WebhookView,
            lambda scene: self._institution.webhooks.add(
                txn,
                _owner(scene, call.caller),
                scene.sender.fresh_ulid("webhook"),
                call.body,
                call.now_ms,
            ),
        )

    @API.by_key("webhook").transaction(
        "payments.webhook",
        "GET",
        "/webhooks",
        answer=WebhooksView,
        summary="Where events are sent, how far each target is, and why it fails",
    )
    def all(self, txn: Cursor, call: Call) -> WebhooksView:
        """All targets."""
        caller = call.caller
        owner = _owner(self._conversation(txn, "webhooks", call), caller)
        return self._institution.webhooks.all_of(txn, owner)

    @API.by_key("webhook").transaction(
        "payments.webhook",
        "POST",
        "/webhooks/<webhook_id>/resume",
        body=ResumeBody,
        answer=WebhookView,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Send again to a target that was disabled, or from another event on",
    )
    def resume(self, txn: Cursor, call: Call) -> WebhookView:
        """Let a target hear again."""
        caller, id_ = call.caller, call.path_args["webhook_id"]
        return self._once(
            txn,
            call,
            WebhookView,
            lambda scene: self._institution.webhooks.resume(
                txn, _owner(scene, caller), id_, call.body.after, call.now_ms
            ),
        )

    @API.by_key("webhook").transaction(
        "payments.webhook",
        "DELETE",
        "/webhooks/<webhook_id>",
        answer=None,
        limit=WRITE_LIMIT,
        summary="Send nothing more to a target",
    )
    def remove(self, txn: Cursor, call: Call) -> None:
        """Forget a target."""
        caller = call.caller
        owner = _owner(self._conversation(txn, "webhooks", call), caller)
        self._institution.webhooks.remove(txn, owner, call.path_args["webhook_id"])


def _owner(scene: Conversation, caller: OrganisationCaller) -> str:
    return str(scene.organisation(caller.id).id)
