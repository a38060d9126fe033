"""With whom a person shares their money, on the wallet's page; what an invoice asks besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.conversation.service.naming import known_name
from appservices.payments.transfers.texts.views import Party
from appservices.payments.wallet.api import ChoiceBody, Nothing, PaymentView, VersionQuery
from appservices.payments.wallet.routes.persons import ACT_LIMIT, API
from appservices.payments.wallet.routes.visits import have_chat, news, visit_of
from appservices.payments.wallet.service import escrows, reading, trust
from appservices.payments.wallet.service import extras as wallet_extras
from appservices.payments.wallet.service.orders import PAYEE
from appservices.payments.wallet.service.trust_views import NewEscrowBody, ShareBody, TrustView
from veche.access.sessions import Level

if TYPE_CHECKING:
    from appservices.payments.escrows.core.order import EscrowOrder
    from appservices.payments.wallet.routes.persons import Institution
    from veche.api import Call
    from veche.api.long_polling import Follower
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor


class TrustRoutes:
    """Allowances, guardians, escrows; quotes and tips."""

    def __init__(self, institution: Institution, follower: Follower) -> None:
        """Make them.

        Args:
            institution: Where the money is.
            follower: Waits for news of it.
        """
        self._follower = follower
        self._parts = institution.parts

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
        return await news(self._follower, self._parts, call, trust.trust_view)

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

    @API.route(
        "POST",
        "/escrows",
        body=NewEscrowBody,
        answer=TrustView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        needs_key=True,
        summary="Proposes an escrow: those who are to take part are asked, then the buyer's key",
    )
    async def propose(self, call: Call) -> TrustView:
        """Propose an escrow."""
        run, bot = self._parts.host.database.run, self._parts.bot.user_id
        before = await run("payments.escrow", self._before, call)
        if before is not None:
            return before
        wanted, persons = await run("payments.escrow", self._wanted, call)
        everybody = [call.signed_in.person, *persons]
        names = [await known_name(self._parts.host.client, bot, one) for one in everybody]
        await have_chat(self._follower, self._parts, call)
        named = list(zip(everybody, names, strict=True))
        return await run("payments.escrow", self._propose, call, wanted, named)

    def _before(self, txn: Cursor, call: Call) -> TrustView | None:
        visit = visit_of(self._parts, txn, call)
        made = visit.before(call.key, {"escrow": call.body.model_dump(mode="json")})
        return None if made is None else trust.trust_view(visit)

    def _wanted(self, txn: Cursor, call: Call) -> tuple[EscrowOrder, list[UserId]]:
        return escrows.wanted_of(visit_of(self._parts, txn, call), call.body)

    def _propose(
        self, txn: Cursor, call: Call, wanted: EscrowOrder, named: list[tuple[UserId, str | None]]
    ) -> TrustView:
        visit = visit_of(self._parts, txn, call)
        parties = []
        for n, (person, name) in enumerate(named):
            if name is None:
                raise escrows.nobody(visit, escrows.ARBITERS if n > 1 else PAYEE)
            parties.append(Party(person, name))

        def begin() -> str:
            return escrows.propose(visit, wanted, tuple(parties))

        visit.once(call.key, {"escrow": call.body.model_dump(mode="json")}, begin)
        return trust.trust_view(visit)

    @API.transaction(
        "payments.escrow",
        "POST",
        "/escrows/<escrow_id>/ask",
        body=ShareBody,
        answer=TrustView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Has the person asked for their key: to put the money aside, or to decide",
    )
    def ask(self, txn: Cursor, call: Call) -> TrustView:
        """Have the key asked for."""
        visit = visit_of(self._parts, txn, call)
        escrows.ask(visit, call.path_args["escrow_id"], call.body.part)
        return trust.trust_view(visit)

    @API.transaction(
        "payments.escrow",
        "POST",
        "/escrows/<escrow_id>/choose/<choice>",
        body=Nothing,
        answer=TrustView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Takes part in an escrow, declines, or stops it: no key is needed for that",
    )
    def take_part(self, txn: Cursor, call: Call) -> TrustView:
        """Take part, or not."""
        visit, args = visit_of(self._parts, txn, call), call.path_args
        escrows.choose(visit, args["escrow_id"], args["choice"])
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
