"""Where organisations want to hear of their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.routes.api import API
from appservices.payments.routes.calls import WRITE_LIMIT, CallerRoutes
from veche.messaging.webhooks.models import ResumeBody, WebhookBody, WebhooksView, WebhookView

if TYPE_CHECKING:
    from appservices.payments.service.callers import Caller
    from appservices.payments.service.scene import Scene
    from veche.api import Call
    from veche.runtime.database import Cursor

SCOPE: Final = "webhook"


class WebhookRoutes(CallerRoutes):
    """Targets of organisations."""

    @API.route(
        "POST",
        "/webhooks",
        body=WebhookBody,
        answer=WebhookView,
        takes_session=False,
        needs_key=True,
        limit=WRITE_LIMIT,
        status=201,
        summary="Have events sent to an address, each as a signed envelope",
    )
    async def add(self, call: Call) -> WebhookView:
        """Add a target."""
        caller = self._caller(call, SCOPE)
        await self._institution.webhooks.check(call.body.url)
        return await self._host.database.run("payments.webhook", self._add, caller, call)

    def _add(self, txn: Cursor, caller: Caller, call: Call) -> WebhookView:
        return self._once(
            txn,
            call,
            caller,
            WebhookView,
            lambda scene: self._institution.webhooks.add(
                txn,
                _owner(scene, caller),
                scene.sender.fresh_ulid("webhook"),
                call.body,
                call.now_ms,
            ),
        )

    @API.transaction(
        "payments.webhook",
        "GET",
        "/webhooks",
        answer=WebhooksView,
        takes_session=False,
        summary="Where events are sent, how far each target is, and why it fails",
    )
    def all(self, txn: Cursor, call: Call) -> WebhooksView:
        """All targets."""
        caller = self._caller(call, SCOPE)
        owner = _owner(self._scene(txn, "webhooks", call), caller)
        return self._institution.webhooks.all_of(txn, owner)

    @API.transaction(
        "payments.webhook",
        "POST",
        "/webhooks/<webhook_id>/resume",
        body=ResumeBody,
        answer=WebhookView,
        takes_session=False,
        needs_key=True,
        limit=WRITE_LIMIT,
        summary="Send again to a target that was disabled, or from another event on",
    )
    def resume(self, txn: Cursor, call: Call) -> WebhookView:
        """Let a target hear again."""
        caller, id_ = self._caller(call, SCOPE), call.path_args["webhook_id"]
        return self._once(
            txn,
            call,
            caller,
            WebhookView,
            lambda scene: self._institution.webhooks.resume(
                txn, _owner(scene, caller), id_, call.body.after, call.now_ms
            ),
        )

    @API.transaction(
        "payments.webhook",
        "DELETE",
        "/webhooks/<webhook_id>",
        answer=None,
        takes_session=False,
        limit=WRITE_LIMIT,
        summary="Send nothing more to a target",
    )
    def remove(self, txn: Cursor, call: Call) -> None:
        """Forget a target."""
        caller = self._caller(call, SCOPE)
        owner = _owner(self._scene(txn, "webhooks", call), caller)
        self._institution.webhooks.remove(txn, owner, call.path_args["webhook_id"])


def _owner(scene: Scene, caller: Caller) -> str:
    return str(scene.organisation(caller.id).id)
