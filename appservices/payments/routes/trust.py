"""With whom a person shares their money, on the wallet's page; what an invoice asks besides."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from appservices.payments.routes.persons import ACT_LIMIT, API, visit_of
from appservices.payments.service.scene import wallet_topic
from appservices.payments.service.wallet import extras as wallet_extras
from appservices.payments.service.wallet import reading, trust
from appservices.payments.service.wallet.trust_views import TrustView
from appservices.payments.service.wallet.views import (
    ChoiceBody,
    Nothing,
    PaymentView,
    VersionQuery,
)
from veche.runtime.follower import Follower
from veche.runtime.sessions import Level

if TYPE_CHECKING:
    from appservices.payments.routes.persons import Institution
    from veche.runtime.api import Call
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host


class TrustRoutes:
    """Allowances, guardians, escrows; quotes and tips."""

    def __init__(self, host: Host, institution: Institution) -> None:
        """Make them.

        Args:
            host: Of the process.
            institution: Where the money is.
        """
        self._parts = institution.parts
        self._follower = Follower(host)

    @API.route(
        "GET",
        "/trust",
        query=VersionQuery,
        answer=TrustView,
        level=Level.ROOM,
        summary="Allowances and what was paid by them, guardians, open escrows; waits for news",
    )
    async def trust(self, call: Call) -> TrustView:
        """With whom one shares one's money."""
        topic = wallet_topic(call.signed_in.person)
        read = functools.partial(self._trust, call=call)
        return await self._follower.news("payments.trust", call, topic, read)

    def _trust(self, txn: Cursor, is_last: bool, call: Call) -> TrustView | None:
        view = trust.trust_view(visit_of(self._parts, txn, call))
        return None if view.version == call.query.after and not is_last else view

    @API.transaction(
        "payments.trust",
        "POST",
        "/allowances/<allowance_id>/end",
        body=Nothing,
        answer=TrustView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Ends an allowance that was given, or gives one up: it counts at once",
    )
    def end(self, txn: Cursor, call: Call) -> TrustView:
        """End an allowance."""
        visit = visit_of(self._parts, txn, call)
        trust.end_allowance(visit, call.path_args["allowance_id"])
        return trust.trust_view(visit)

    @API.transaction(
        "payments.order",
        "POST",
        "/payments/<payment_id>/choose",
        body=ChoiceBody,
        answer=PaymentView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Says what an invoice asks before the approval: where to, which option, which tip",
    )
    def choose(self, txn: Cursor, call: Call) -> PaymentView:
        """Choose."""
        visit, payment_id = visit_of(self._parts, txn, call), call.path_args["payment_id"]
        wallet_extras.choose(visit, payment_id, call.body)
        return reading.payment_of(visit, payment_id)
