"""Webhooks: each event is sent to the targets of its organisation, in order, until it is taken.

A target has a durable cursor that moves once it has answered 2xx, so an event is sent at least once
and none is left out, whatever ends in between. One that fails is tried later and later; one that
fails for days is disabled, and operator and organisation see it. Slow targets cost others nothing:
each has at most one request on its way, and ``AT_ONCE_MAX`` of them run.
"""

from __future__ import annotations

import logging
import secrets
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError

from veche.messaging.jobs import retry_delay_ms
from veche.messaging.webhooks import store
from veche.messaging.webhooks.feed import TooManyWebhooksError
from veche.messaging.webhooks.models import WEBHOOKS_MAX, Delivery, WebhooksView, WebhookView
from veche.messaging.webhooks.store import Leased
from veche.protocol.canonical import canonical
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError, UnavailableError
from veche.runtime import metrics
from veche.runtime.leases import LeaseLoop
from veche.runtime.tasks import Tasks
from veche.runtime.web.outbound import Outbound, OutboundRefusedError, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.messaging.webhooks.feed import Feed, Rules
    from veche.messaging.webhooks.models import WebhookBody
    from veche.messaging.webhooks.store import Webhook
    from veche.runtime.database import Cursor
    from veche.runtime.process import Process
    from veche.transparency.notes import NoteSigner

logger = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 8
"""Targets that are sent to at once."""
EVENTS_AT_ONCE_MAX: Final = 20
"""Events of one target until the next one has its turn."""
LEASE_MS: Final = 20_000
"""After which another process may go on; longer than a request takes (``outbound.TIMEOUT_S``)."""
POLL_MS: Final = 5_000
_TAKEN: Final = range(200, 300)
_GONE: Final = 410
_NO_SUCH: Final = "There is no such webhook"

_sent = metrics.counter(
    "veche_webhooks_total",
    "Events sent to organisations, by service and how that ended.",
    ["feed", "end"],
)
_disabled = metrics.gauge(
    "veche_webhooks_disabled",
    "Targets of organisations that hear nothing any more, by service.",
    ["feed"],
)


class Webhooks(LeaseLoop[Leased]):
    """Sends events to their targets, while its process lives."""

    def __init__(self, process: Process, feed: Feed, signer: NoteSigner, rules: Rules) -> None:
        """Make it in the constructor of a service, since it listens to a channel."""
        self._process = process
        self._feed = feed
        self._signer = signer
        self._rules = rules
        networks = [ip_network(one) for one in rules.networks]
        self._outbound = Outbound(process.reactor, allowed=networks)
        # One more for the loop.
        tasks = Tasks(running_max=AT_ONCE_MAX + 1)
        super().__init__(
            "webhooks", process.reactor, tasks, at_once_max=AT_ONCE_MAX, poll_ms=POLL_MS
        )
        process.hear(feed.channel, self.wake)
        process.at_stop(tasks.stop)

    async def check(self, url: str) -> None:
        """Refuse a target that would never be sent anything.

        Raises:
            MalformedError: It is no address of that form.
            OutboundRefusedError: It is not of the public Internet, nor of a listed network.
            UnavailableError: Its name is not found now.
        """
        place, _ = place_of(url)
        if not place.is_tls and not self._rules.networks:
            raise MalformedError("body.url", "should begin with https://")
        try:
            await self._outbound.check(place)
        except OutboundRefusedError as e:
            raise OutboundRefusedError(
                "this address is not of the public Internet: name another one, or ask the operator"
                f" to list its network in {self._rules.setting}"
            ) from e

    # Targets, in transactions

    def add(self, txn: Cursor, owner: str, id_: str, body: WebhookBody, now_ms: int) -> WebhookView:
        """Keep a target, which ``check`` has looked at.

        Raises:
            ConflictError: The organisation has it already.
            TooManyWebhooksError: It has too many.
        """
        feed = self._feed
        store.lock_owner(txn, feed.name, owner)
        if len(store.of_owner(txn, feed.name, owner)) >= WEBHOOKS_MAX:
            raise TooManyWebhooksError(f"There are {WEBHOOKS_MAX} targets: remove one first")
        after = feed.newest(txn, owner) if body.after is None else body.after
        made = store.Webhook(id_, feed.name, owner, body.url, store.ACTIVE, after)
        if not store.add(txn, made, now_ms):
            raise ConflictError("This target is there already")
        store.wake(txn, feed.channel)
        return self._view(made)

    def all_of(self, txn: Cursor, owner: str) -> WebhooksView:
        """The targets of an organisation."""
        found = store.of_owner(txn, self._feed.name, owner)
        return WebhooksView(webhooks=tuple(map(self._view, found)))

    def remove(self, txn: Cursor, owner: str, id_: str) -> None:
        """Forget a target.

        Raises:
            NotFoundError: The organisation has no such target.
        """
        if not store.remove(txn, self._feed.name, owner, id_):
            raise NotFoundError(_NO_SUCH)

    def resume(
        self, txn: Cursor, owner: str, id_: str, after: int | None, now_ms: int
    ) -> WebhookView:
        """Let a target hear again.

        Raises:
            NotFoundError: The organisation has no such target.
        """
        found = store.resume(txn, self._feed.name, owner, id_, after, now_ms)
        if found is None:
            raise NotFoundError(_NO_SUCH)
        store.wake(txn, self._feed.channel)
        return self._view(found)

    def _view(self, webhook: Webhook) -> WebhookView:
        return WebhookView(
            id=webhook.id,
            url=webhook.url,
            state="active" if webhook.state == store.ACTIVE else "disabled",
            cursor=webhook.cursor,
            failures=webhook.failures,
            why=webhook.why,
            key=self._signer.verifier.to_text(),
        )

    # Sending

    def key(self, row: Leased) -> str:
        """The target."""
        return row.webhook.id

    async def take(self, room: int) -> tuple[Sequence[Leased], int]:
        """Lease targets for which something waits."""
        return await self._process.database.run("webhooks", self._lease, room)

    def _lease(self, txn: Cursor, room: int) -> tuple[Sequence[Leased], int]:
        """The targets of this round, and how long it is until the next one is due."""
        now_ms, feed, busy = self._process.now_ms(), self._feed.name, self.busy
        found = store.lease(txn, self._feed, busy, now_ms, now_ms + LEASE_MS, room)
        taken = [*busy, *(one.webhook.id for one in found)]
        next_at_ms = store.next_due(txn, self._feed, taken) if len(found) < room else None
        _disabled.labels(feed).set(store.disabled_count(txn, feed))
        return found, POLL_MS if next_at_ms is None else next_at_ms - now_ms

    async def work(self, row: Leased) -> None:
        """Send one target what it has not taken yet, as far as its turn goes."""
        run, webhook = self._process.database.run, row.webhook
        try:
            organisation, waiting = await run("webhook", self._read, webhook)
            for event in waiting:
                if not await self._send(row, organisation, event):
                    return
            await run("webhook", store.release, row, self._process.now_ms())
        except UnavailableError as e:
            # Its lease ends by itself.
            logger.info("webhook %s: %s", webhook.id, e)

    def _read(self, txn: Cursor, webhook: Webhook) -> tuple[str, Sequence[Any]]:
        feed, owner = self._feed, webhook.owner
        waiting = feed.after(txn, owner, webhook.cursor, EVENTS_AT_ONCE_MAX)
        return feed.organisation(txn, owner), waiting

    async def _send(self, leased: Leased, organisation: str, event: Any) -> bool:
        """Send one event; whether the next one may follow."""
        webhook, run = leased.webhook, self._process.database.run
        body = self._envelope(webhook, organisation, event)
        why = ""
        try:
            place, target = place_of(webhook.url)
            answer = await self._outbound.post(place, target, body)
            why = "" if answer.status in _TAKEN else f"status {answer.status}"
        except CancelledError:
            raise  # the process ends
        except OutboundRefusedError:
            why = "refused address or redirect"
        except UnavailableError:
            why = "no answer"
        except Exception:
            logger.exception("webhook %s", webhook.id)
            why = "failed"
        now_ms = self._process.now_ms()
        if not why:
            _sent.labels(self._feed.name, "taken").inc()
            return bool(await run("webhook", store.taken, leased, event.n, now_ms + LEASE_MS))
        _sent.labels(self._feed.name, "failed").inc()
        await run("webhook", self._failed, leased, why, now_ms)
        return False

    def _failed(self, txn: Cursor, leased: Leased, why: str, now_ms: int) -> None:
        webhook = leased.webhook
        # Read again: those that were taken in this turn have ended what failed before.
        failures, since_ms = store.failing(txn, webhook.id)
        is_over = now_ms - (since_ms or now_ms) >= self._rules.give_up_ms
        if why == f"status {_GONE}" or is_over:
            if store.disable(txn, leased, why, now_ms):
                logger.warning(
                    "webhook %s is disabled (%s): its organisation hears nothing there until it"
                    " resumes it",
                    webhook.id,
                    why,
                )
            return
        store.failed(txn, leased, why, now_ms, now_ms + retry_delay_ms(failures + 1))

    def _envelope(self, webhook: Webhook, organisation: str, event: Any) -> bytes:
        delivery = Delivery[Any](
            v=1,
            institution=self._rules.institution,
            organisation=organisation,
            webhook=webhook.id,
            at_ms=self._process.now_ms(),
            nonce=secrets.token_urlsafe(16),
            event=event,
        )
        body: dict[str, Any] = delivery.model_dump(mode="json", exclude_none=True)
        return canonical(self._signer.sign_object(body), where="webhook")
