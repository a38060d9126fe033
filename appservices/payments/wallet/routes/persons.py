"""The wallet of whoever is signed in, and invoices for whoever has their link.

Nothing here moves money: it asks, as the chat does, and what is asked is approved by the person's
key on the page for that, or by a code in the chat. What is asked here stands in the chat too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from appservices.payments.banks.core.port import NameAnswer
from appservices.payments.config import OrganisationSection
from appservices.payments.conversation.service import naming
from appservices.payments.conversation.service.conversation import CATALOGUE
from appservices.payments.peers.service import payees as abroad
from appservices.payments.postings.service import grants
from appservices.payments.transfers.texts.paying import NOT_PAYABLE
from appservices.payments.transfers.texts.views import Party
from appservices.payments.wallet.api import (
    CodeBody,
    CodeView,
    HistoryQuery,
    HistoryView,
    InvoiceView,
    LimitBody,
    LimitsView,
    LinkBody,
    Nothing,
    OrderBody,
    PaymentView,
    PayoutBody,
    RequestBody,
    RequestView,
    StatementQuery,
    TopUpsView,
    VersionQuery,
    WalletView,
)
from appservices.payments.wallet.routes.visits import have_chat, news, scene_of, visit_of
from appservices.payments.wallet.service import acts, booked, codes, orders, reading
from appservices.payments.wallet.service import invoices as wallet_invoices
from appservices.payments.wallet.service.visit import Visit
from veche.access.sessions import Level
from veche.api import Api, Download
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId
from veche.protocol.texts.localizer import Localizer
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.payouts.core import PayoutOrder
    from appservices.payments.statements.core import AccountStatement
    from veche.api import Call
    from veche.api.long_polling import Follower
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/wallet/v1", "Veche: a person's wallet, and invoices by their link")
ACT_LIMIT: Final = Limit(burst=60, per_s=2)
"""Acts of one client address, over each route: most of them say something in a chat."""
PUBLIC_LIMIT: Final = Limit(burst=60, per_s=5)
"""Invoices and codes that one client address asks for without being signed in."""
FILE_LIMIT: Final = Limit(burst=20, per_s=1)
"""Files for one client address: a PDF takes a core for some time."""

V = TypeVar("V")


class Institution(Protocol):
    """The methods of ``appservices.payments.bot.Payments`` that the routes need."""

    parts: Parts


class WalletRoutes:
    """Routes by which a person sees their money, and makes requests."""

    def __init__(self, institution: Institution, follower: Follower) -> None:
        """Make them.

        Args:
            institution: Where the money is.
            follower: Waits for news of it.
        """
        self._follower = follower
        self._parts = institution.parts

    # What is read

    @API.route(
        "GET",
        "/wallet",
        query=VersionQuery,
        answer=WalletView,
        level=Level.ROOM,
        summary="Balances, what waits, mandates; waits for news after a version",
    )
    async def wallet(self, call: Call) -> WalletView:
        """The wallet."""
        return await news(self._follower, self._parts, call, _wallet)

    @API.route(
        "GET",
        "/payments/<payment_id>",
        query=VersionQuery,
        answer=PaymentView,
        level=Level.ROOM,
        summary="One payment that the person makes, made or got; waits for news after a version",
    )
    async def payment(self, call: Call) -> PaymentView:
        """Show a payment."""
        read = partial(reading.payment_of, payment_id=call.path_args["payment_id"])
        return await news(self._follower, self._parts, call, read)

    @API.transaction(
        "payments.receipt",
        "GET",
        "/payments/<payment_id>/receipt",
        answer=Download,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="The receipt of a payment, which anybody can verify",
    )
    def receipt(self, txn: Cursor, call: Call) -> Download:
        """A receipt."""
        payment_id = call.path_args["payment_id"]
        page = reading.receipt_of(self._visit(txn, call), payment_id)
        return Download(page.signed, "application/json", f"receipt-{payment_id[-8:]}.json")

    @API.transaction(
        "payments.history",
        "GET",
        "/history",
        query=HistoryQuery,
        answer=HistoryView,
        level=Level.ROOM,
        summary="What was booked on an account within some days, and words are found in it",
    )
    def history(self, txn: Cursor, call: Call) -> HistoryView:
        """Lines of an account."""
        return booked.history(self._visit(txn, call), call.query)

    @API.route(
        "GET",
        "/statement",
        query=StatementQuery,
        answer=Download,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        summary="The same as a file: CSV, PDF or camt.053",
    )
    async def statement(self, call: Call) -> Download:
        """A statement."""
        found = await self._run("payments.statement", self._statement, call)
        return await booked.statement_file(
            self._parts, found, call.query, call.language, call.now_ms
        )

    def _statement(self, txn: Cursor, call: Call) -> AccountStatement:
        return booked.existing_statement(self._visit(txn, call), call.query)

    @API.transaction(
        "payments.wallet",
        "GET",
        "/limits",
        answer=LimitsView,
        level=Level.ROOM,
        summary="The person's own limits",
    )
    def limits(self, txn: Cursor, call: Call) -> LimitsView:
        """Limits."""
        return reading.limits_view(self._visit(txn, call))

    @API.transaction(
        "payments.top_up",
        "GET",
        "/topups",
        answer=TopUpsView,
        level=Level.ROOM,
        summary="How money comes in from a bank, with codes for its app",
    )
    def top_ups(self, txn: Cursor, call: Call) -> TopUpsView:
        """Top-ups."""
        return codes.top_ups(self._visit(txn, call))

    @API.transaction(
        "payments.request",
        "POST",
        "/requests",
        body=RequestBody,
        answer=RequestView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="The link and the code by which the person is paid; nothing is kept",
    )
    def request(self, txn: Cursor, call: Call) -> RequestView:
        """A link to be paid by."""
        return codes.request(self._visit(txn, call), call.body)

    # What is asked for

    @API.route(
        "POST",
        "/payments",
        body=OrderBody,
        answer=PaymentView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        needs_key=True,
        summary="Asks the person whether to pay somebody; nothing moves before they approve",
    )
    async def pay(self, call: Call) -> PaymentView:
        """Ask whether to pay."""
        before = await self._run("payments.order", self._before, call)
        if before is not None:
            return before
        person = call.signed_in.person
        payee = await self._run("payments.order", self._payee, call)
        if isinstance(payee, OrganisationSection):
            await have_chat(self._follower, self._parts, call)
            return await self._run("payments.order", self._buy, call, payee)
        name, why = await abroad.payee_name(self._parts, payee, call.body.currency)
        names = (await self._name(person), name, why)
        await have_chat(self._follower, self._parts, call)
        return await self._run("payments.order", self._pay, call, payee, *names)

    def _before(self, txn: Cursor, call: Call) -> PaymentView | None:
        """The payment of this key; whatever the payee's institution says by now, it is there."""
        visit = self._visit(txn, call)
        made = visit.before(call.key, {"order": call.body.model_dump()})
        return None if made is None else reading.payment_of(visit, made)

    def _payee(self, txn: Cursor, call: Call) -> UserId | OrganisationSection:
        return orders.payee_of(self._visit(txn, call), call.body)

    def _buy(self, txn: Cursor, call: Call, merchant: OrganisationSection) -> PaymentView:
        visit = self._visit(txn, call)

        def begin() -> str:
            return orders.buy(visit, call.body, merchant).payment.id

        made = visit.once(call.key, {"order": call.body.model_dump()}, begin)
        return reading.payment_of(visit, made)

    def _pay(self, txn: Cursor, call: Call, payee: UserId, *names: str | None) -> PaymentView:
        visit = self._visit(txn, call)
        payer_name, payee_name, why = names
        if payee_name is None or payer_name is None:
            raise orders.nobody(visit, why or NOT_PAYABLE)

        def begin() -> str:
            party = Party(payee, payee_name)
            return orders.begin(visit, call.body, payer_name, party).payment.id

        made = visit.once(call.key, {"order": call.body.model_dump()}, begin)
        return reading.payment_of(visit, made)

    @API.route(
        "POST",
        "/payouts",
        body=PayoutBody,
        answer=PaymentView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        needs_key=True,
        summary="Asks the bank whose account it is, then the person whether to pay out",
    )
    async def pay_out(self, call: Call) -> PaymentView:
        """Ask whether to pay out."""
        wanted, bank = await self._run("payments.order", self._wanted, call)
        await have_chat(self._follower, self._parts, call)
        try:
            found = await self._parts.banking.name_check(bank, wanted.iban, wanted.name)
            answer = (found.answer.value, found.name)
        except UnavailableError:
            # It does not say it: the person decides by what they know.
            answer = (NameAnswer.UNKNOWN.value, "")
        return await self._run("payments.order", self._pay_out, call, wanted, bank, answer)

    def _wanted(self, txn: Cursor, call: Call) -> tuple[PayoutOrder, str]:
        return orders.payout_of(self._visit(txn, call), call.body)

    def _pay_out(
        self, txn: Cursor, call: Call, wanted: PayoutOrder, bank: str, answer: tuple[str, str]
    ) -> PaymentView:
        visit = self._visit(txn, call)

        def begin() -> str:
            return orders.begin_payout(visit, wanted, bank, answer).payment.id

        made = visit.once(call.key, {"payout": call.body.model_dump()}, begin)
        return reading.payment_of(visit, made)

    @API.route(
        "POST",
        "/invoices/pay",
        body=LinkBody,
        answer=PaymentView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Asks the person whether to pay an invoice whose link they have",
    )
    async def pay_invoice(self, call: Call) -> PaymentView:
        """Ask whether to pay an invoice."""
        await have_chat(self._follower, self._parts, call)
        return await self._run("payments.order", self._pay_invoice, call)

    def _pay_invoice(self, txn: Cursor, call: Call) -> PaymentView:
        visit = self._visit(txn, call)
        return reading.payment_of(visit, wallet_invoices.pay(visit, call.body))

    @API.transaction(
        "payments.order",
        "POST",
        "/payments/<payment_id>/stop",
        body=Nothing,
        answer=PaymentView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Does not pay what is asked for or waits",
    )
    def stop(self, txn: Cursor, call: Call) -> PaymentView:
        """Stop a payment."""
        return self._done(txn, call, orders.stop)

    @API.transaction(
        "payments.order",
        "POST",
        "/payments/<payment_id>/object",
        body=Nothing,
        answer=PaymentView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Objects to the invoice that a payment is of",
    )
    def object_to(self, txn: Cursor, call: Call) -> PaymentView:
        """Object to an invoice."""
        return self._done(txn, call, acts.object_to)

    # What is set

    @API.transaction(
        "payments.mandate",
        "POST",
        "/mandates/<mandate_id>/<choice>",
        body=Nothing,
        answer=None,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Pauses, resumes, revokes or declines a mandate: it counts at once",
    )
    def mandate(self, txn: Cursor, call: Call) -> None:
        """Change a mandate."""
        args = call.path_args
        acts.change_mandate(self._visit(txn, call), args["mandate_id"], args["choice"])

    @API.transaction(
        "payments.limit",
        "POST",
        "/limits",
        body=LimitBody,
        answer=LimitsView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Sets a limit: a stricter one counts at once, a weaker one a day later",
    )
    def set_limit(self, txn: Cursor, call: Call) -> LimitsView:
        """Set a limit."""
        visit = self._visit(txn, call)
        acts.set_limit(visit, call.body)
        return reading.limits_view(visit)

    @API.transaction(
        "payments.freeze",
        "POST",
        "/freeze",
        body=Nothing,
        answer=None,
        level=Level.LOW,
        limit=ACT_LIMIT,
        summary="Stops everything of the person at once",
    )
    def freeze(self, txn: Cursor, call: Call) -> None:
        """Freeze: it takes power away, so whoever is known as the person may.

        What lasts beyond the freeze is ended only by a session that may end it otherwise.
        """
        acts.freeze(self._visit(txn, call), may_end=call.signed_in.level >= Level.ROOM)

    @API.transaction(
        "payments.freeze",
        "POST",
        "/unfreeze",
        body=Nothing,
        answer=None,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        summary="Asks for the key that lets payments go on",
    )
    def unfreeze(self, txn: Cursor, call: Call) -> None:
        """Ask for the key."""
        acts.ask_to_go_on(self._visit(txn, call))

    # What anybody may ask

    @API.sessionless.transaction(
        "payments.public_invoice",
        "POST",
        "/invoices",
        body=LinkBody,
        answer=InvoiceView,
        limit=PUBLIC_LIMIT,
        summary="An invoice, for whoever has its link",
    )
    def invoice(self, txn: Cursor, call: Call) -> InvoiceView:
        """An invoice; its link is in the body, which no log has."""
        localizer = Localizer(call.language, self._parts.section.time_zone, CATALOGUE)
        return wallet_invoices.linked(self._conversation(txn, call), call.body, localizer)

    @API.sessionless.transaction(
        "payments.code",
        "POST",
        "/codes",
        body=CodeBody,
        answer=CodeView,
        limit=PUBLIC_LIMIT,
        summary="What a scanned or pasted code asks for; it pays nothing",
    )
    def code(self, txn: Cursor, call: Call) -> CodeView:
        """A code."""
        nobody = UserId("")
        return codes.read(
            Visit(self._conversation(txn, call), nobody, call.language), call.body.text
        )

    # How

    def _done(self, txn: Cursor, call: Call, act: Callable[[Visit, str], None]) -> PaymentView:
        visit, payment_id = self._visit(txn, call), call.path_args["payment_id"]
        act(visit, payment_id)
        return reading.payment_of(visit, payment_id)

    async def _name(self, user_id: UserId) -> str | None:
        return await naming.known_name(self._parts.host.client, self._parts.bot.user_id, user_id)

    async def _run(self, name: str, work: Callable[..., V], *args: Any) -> V:
        return await self._parts.host.database.run(name, work, *args)

    def _visit(self, txn: Cursor, call: Call) -> Visit:
        return visit_of(self._parts, txn, call)

    def _conversation(self, txn: Cursor, call: Call) -> Conversation:
        return scene_of(self._parts, txn, call)


def _wallet(visit: Visit) -> WalletView:
    # In a demo somebody may look at their money before they have said a word to the bot.
    grants.welcome(visit.scene, visit.person)
    return reading.wallet_view(visit)
