"""Answer each idempotency key once: the base of all routes of organisations."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from appservices.payments.organisations.service import keyed
from appservices.payments.organisations.service.callers import KeyReusedError
from appservices.payments.organisations.service.known_people import unknown_among
from veche.protocol.canonical import canonical
from veche.protocol.wire import Wire, parse
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.organisations.service.known_people import Strangers
    from veche.api import Call
    from veche.messaging.webhooks import Webhooks
    from veche.runtime.database import Cursor

WRITE_LIMIT: Final = Limit(burst=500, per_s=50)
"""Requests of one client address that change something."""

V = TypeVar("V", bound=Wire)


class Institution(Protocol):
    """The methods of ``appservices.payments.bot.Payments`` that the routes need."""

    parts: Parts
    webhooks: Webhooks


class CallerRoutes:
    """Base of routes that organisations ask by their keys."""

    def __init__(self, institution: Institution) -> None:
        """Make them.

        Args:
            institution: Where they have their accounts.
        """
        self._host = institution.parts.host
        self._institution = institution

    def _conversation(self, txn: Cursor, cause: str, call: Call) -> Conversation:
        return self._institution.parts.conversation(txn, cause, call.now_ms)

    def _holder(self, txn: Cursor, call: Call) -> int:
        return self._conversation(txn, "events", call).organisation(call.caller.id).id

    def _once(
        self,
        txn: Cursor,
        call: Call,
        model: type[V],
        work: Callable[[Conversation], V],
    ) -> V:
        """Do something once for a key; the same request again is answered as the first time."""
        scene = self._conversation(txn, f"request {call.caller.id} {call.key}", call)
        holder, digest = scene.organisation(call.caller.id).id, request_digest(call)
        before = keyed.begin(scene, holder, call.key, digest)
        # Requests of before the route was counted in are kept for 90 days.
        if before is not None and before.sha256 not in {digest, digest_of(call)}:
            raise KeyReusedError("This Idempotency-Key came before, with another content")
        if before is not None:
            return parse(model, before.answer)
        view = work(scene)
        keyed.keep(scene, holder, call.key, view.model_dump(mode="json"))
        return view

    async def _once_of(
        self,
        name: str,
        call: Call,
        people: Iterable[str],
        model: type[V],
        work: Callable[[Conversation, Strangers], V],
    ) -> V:
        """The same of what concerns persons, who are looked up before.

        Args:
            name: Of the transaction.
            call: The request.
            people: Addresses of the persons.
            model: Of the answer.
            work: What to do; it is told who of them has no account here.
        """
        strangers = await unknown_among(self._institution.parts, people)

        def write(txn: Cursor) -> V:
            return self._once(txn, call, model, lambda scene: work(scene, strangers))

        return await self._host.database.run(name, write)


def digest_of(call: Call) -> bytes:
    """Digest a request: the path's arguments and the body as it was read."""
    body = None if call.body is None else call.body.model_dump(mode="json")
    asked = {"path": dict(call.path_args), "body": body}
    return hashlib.sha256(canonical(asked, where="body")).digest()


def request_digest(call: Call) -> bytes:
    """Digest of what was asked, and of which route."""
    return hashlib.sha256(call.route.encode() + b"\n" + digest_of(call)).digest()
