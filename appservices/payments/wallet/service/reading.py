"""Reads of a person's wallet: balances, waiting payments, mandates, limits."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from appservices.payments.allowances import store as allowances
from appservices.payments.disputes.service import orders as dispute_orders
from appservices.payments.disputes.store import disputes as dispute_store
from appservices.payments.escrows import store as escrow_store
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import NO_LIMIT, LimitKind
from appservices.payments.invoices.service import invoices, tax_invoices
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.ledger.core import AccountCode
from appservices.payments.limits.service import limits as limiting
from appservices.payments.mandates import store as mandate_store
from appservices.payments.mandates.core.mandate import MandateState
from appservices.payments.mandates.service import mandates
from appservices.payments.mandates.texts import notice_words
from appservices.payments.paying.service import paying
from appservices.payments.payouts import service as payouts
from appservices.payments.payouts.texts import is_warning, name_doc
from appservices.payments.postings.service.judging import balance_of, judge_now
from appservices.payments.questions.service.approvals import CHOICE
from appservices.payments.receipts.service import pdfs as receipt_pdfs
from appservices.payments.refunds.service import credit_notes
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.core.payment import Kind, State
from appservices.payments.transfers.core.rules import Guard, Refuse, Wait
from appservices.payments.transfers.service import asking, files
from appservices.payments.transfers.store import approvals
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.paying import refused_words, wait_words
from appservices.payments.wallet.api import (
    BalanceView,
    ForeseenView,
    InvoiceView,
    LimitsView,
    LimitView,
    MandateView,
    PartyView,
    PaymentEntry,
    PaymentView,
    PurseView,
    WalletView,
)
from appservices.payments.wallet.service.extras import chosen_view, extras_view
from appservices.payments.wallet.service.invoices import invoice_view
from appservices.payments.wallet.service.orders import STOPPABLE
from appservices.payments.wallet.service.visit import asked_by
from appservices.payments.wallet.texts import Trouble, guardians_first
from veche.protocol.errors import RefusedError
from veche.protocol.ids import ULID_PATTERN
from veche.protocol.message import body
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.holders.core import OwnLimit
    from appservices.payments.mandates.store import Mandate
    from appservices.payments.receipts.service.pdfs import ReceiptPage
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment
    from appservices.payments.transfers.store.payments import PaymentFile
    from appservices.payments.transfers.texts.views import Party
    from appservices.payments.wallet.service.visit import Visit
    from veche.protocol.wire import Wire

LATEST_MAX: Final = 8
"""Payments that the first view shows as the latest."""
PAYEES_MAX: Final = 12
"""Payees that are offered."""
LOOKED_AT_MAX: Final = 30
"""Latest payments in which payees are looked for."""
_WITH_RECEIPT: Final = frozenset({State.PAID})
_VERSION_BYTES: Final = 12
_MOVING: Final[Mapping[str, set[str]]] = {"foreseen": {"until_ms"}}


def wallet_view(visit: Visit) -> WalletView:
    """A person's money, and what waits for them."""
    scene, person, holder = visit.scene, visit.person, visit.holder
    section, bot = scene.section, scene.sender.bot.user_id
    made = [
        files.matter_of(scene, one) for one in store.paid_of(scene.txn, holder.id, LOOKED_AT_MAX)
    ]
    opened = [files.matter_of(scene, one) for one in store.open_of(scene.txn, holder.id)]
    view = WalletView(
        version="",
        person=person,
        institution=section.name_in(visit.language),
        bot=bot,
        bot_link=f"https://matrix.to/#/{bot}",
        has_chat=scene.chat_of(person) is not None,
        is_frozen=holder.is_frozen,
        disputes_open=dispute_orders.count_waiting(scene, person),
        escrows_open=escrow_store.count_asked(scene.txn, holder.id),
        unfreeze=visit.asked(freezing.about(person), freezing.GO_ON) if holder.is_frozen else None,
        currencies=list(section.currencies),
        has_bank=bool(section.banks),
        balances=_balances(visit),
        open=[entry_of(visit, one) for one in opened],
        latest=[entry_of(visit, one) for one in made[:LATEST_MAX]],
        payees=_payees(visit, made),
        mandates=[_mandate(visit, one) for one in mandate_store.shown_of(scene.txn, holder.id)],
    )
    return view.model_copy(update={"version": version_of(view)})


def payment_of(visit: Visit, payment_id: str) -> PaymentView:
    """One payment that the person makes, made or got.

    Raises:
        NotFoundError: There is none of theirs.
    """
    return payment_view(visit, matter_of(visit, payment_id))


def receipt_of(visit: Visit, payment_id: str) -> ReceiptPage:
    """The receipt of a payment of theirs, with the published head if there is one.

    Raises:
        NotFoundError: There is no such payment, or it has none.
    """
    matter = matter_of(visit, payment_id)
    if not _has_receipt(matter):
        raise visit.not_found(Trouble.NO_RECEIPT)
    return receipt_pdfs.read_receipt(visit.scene, matter, visit.localizer)


def tax_invoice_of(visit: Visit, payment_id: str) -> tuple[str, bytes]:
    """The tax invoice of what a payment of theirs is of, or its credit note; first what it is.

    Raises:
        NotFoundError: There is no such payment, or it has none.
    """
    matter = matter_of(visit, payment_id)
    try:
        return credit_notes.paper_of(visit.scene, matter)
    except RefusedError as e:
        raise visit.not_found(Trouble.NO_TAX_INVOICE) from e


def matter_of(visit: Visit, payment_id: str) -> OpenPayment:
    """A payment that the person makes, made or got; unlocked.

    Raises:
        NotFoundError: There is none of theirs.
    """
    is_id = re.fullmatch(ULID_PATTERN, payment_id)
    file = store.payment(visit.scene.txn, payment_id) if is_id else None
    if file is None or not _is_theirs(visit, file):
        raise visit.not_found(Trouble.NO_PAYMENT)
    return files.matter_of(visit.scene, file)


def payment_view(visit: Visit, matter: OpenPayment) -> PaymentView:
    """A payment with all that can be done about it."""
    payment, scene = matter.payment, visit.scene
    is_payer = payment.payer == visit.holder.id
    is_asked = is_payer and payment.state is State.ASKED
    said = payouts.said_of(matter) if is_asked else None
    view = PaymentView(
        **entry_of(visit, matter).model_dump(),
        asked=visit.asked(payment.id, asking.PAY) if is_asked else None,
        foreseen=_foreseen(visit, matter) if is_asked else None,
        invoice=_invoice(visit, matter),
        can_stop=is_payer and payment.state in STOPPABLE and payment.kind is not Kind.MANDATE,
        can_object=is_asked and invoices.is_addressee(scene, payment, visit.holder.id),
        note=None if said is None else body(name_doc(*said, visit.localizer)),
        is_warning=said is not None and is_warning(said[0]),
        has_tax_invoice=_has_tax_invoice(scene, matter),
        extras=extras_view(visit, payment) if is_asked else None,
        purses=_allowance_choices(visit, payment) if is_asked else [],
        instead=_instead(visit, payment) if is_payer else None,
        chosen=chosen_view(visit, matter) if is_payer else [],
        dispute=dispute_store.latest_of(scene.txn, payment.id, visit.holder.id),
        can_dispute=dispute_orders.is_disputable(scene, matter, visit.holder.id),
    )
    return view.model_copy(update={"version": version_of(view)})


def _allowance_choices(visit: Visit, payment: Payment) -> list[PurseView]:
    """The accounts of others that the question about a payment offers."""
    offered = [(one.label, asked_by(one)) for one in visit.offered(payment.id)
               if one.id.startswith(CHOICE)]  # fmt: skip
    return [PurseView(label=label, asked=asked) for label, asked in offered if asked is not None]


def _instead(visit: Visit, payment: Payment) -> str | None:
    """The payment from the account of another that took the place of one."""
    if payment.state is not State.CANCELLED or payment.invoice is None:
        return None
    return allowances.use_of_invoice(visit.scene.txn, visit.holder.id, *payment.invoice)


def limits_view(visit: Visit) -> LimitsView:
    """Return the limits of a person's payments."""
    scene, holder = visit.scene, visit.holder
    numbers = holders.currencies(scene.txn)
    return LimitsView(
        limits=[
            _limit(currency, kind, limit.at(scene.now_ms))
            for currency in scene.section.currencies
            for kind, limit in limiting.limits_of(
                scene, holder.id, numbers[currency], currency
            ).items()
        ]
    )


def _balances(visit: Visit) -> list[BalanceView]:
    scene = visit.scene
    rows = holders.balances(scene.txn, visit.holder.id, AccountCode.WALLET)
    by_ledger = {one.ledger: one for one in rows}
    numbers = holders.currencies(scene.txn)
    found = [(code, by_ledger.get(numbers[code])) for code in scene.section.currencies]
    return [
        BalanceView(
            available=Money(minor=row.available_minor if row else 0, currency=code),
            held=Money(minor=row.held_minor if row else 0, currency=code),
        )
        for code, row in found
    ]


def entry_of(visit: Visit, matter: OpenPayment) -> PaymentEntry:
    """A payment as a list shows it to one who makes, made or got it, also by an allowance."""
    payment, view = matter.payment, matter.view
    is_user = view.user is not None and view.user.person == visit.person
    is_out = payment.payer == visit.holder.id or is_user
    why = None
    if payment.why is not None:
        balance_minor = balance_of(visit.scene, payment) if is_out else 0
        why = refused_words(payment.why, view, balance_minor, visit.localizer)
    return PaymentEntry(
        id=payment.id,
        number=view.number,
        kind=payment.kind.value,
        state=payment.state.value,
        is_out=is_out,
        other=party_view(view.payee if is_out else view.payer),
        amount=Money(minor=payment.amount_minor, currency=view.currency),
        fee=Money(minor=payment.fee_minor if is_out else 0, currency=view.currency),
        reference=view.reference,
        at_ms=view.at_ms,
        due_at_ms=payment.due_at_ms,
        why=why,
        has_receipt=_has_receipt(matter),
    )


def _foreseen(visit: Visit, matter: OpenPayment) -> ForeseenView:
    scene, localizer = visit.scene, visit.localizer
    verdict = judge_now(scene, matter, scene.now_ms)
    balance_minor = balance_of(scene, matter.payment)
    if isinstance(verdict, Refuse):
        words = refused_words(verdict.reason.value, matter.view, balance_minor, localizer)
        return ForeseenView(verdict="refuse", words=words, until_ms=None)
    why = paying.hopeless(scene, matter.payment)
    if why is not None:
        at_most_minor = paying.at_most_minor(scene, matter.payment, why)
        words = refused_words(why, matter.view, at_most_minor, localizer)
        return ForeseenView(verdict="refuse", words=words, until_ms=None)
    if isinstance(verdict, Wait):
        words = wait_words(verdict.reason, localizer)
        return ForeseenView(verdict="wait", words=words, until_ms=verdict.until_ms)
    if isinstance(verdict, Guard):
        return ForeseenView(verdict="guard", words=guardians_first(localizer), until_ms=None)
    return ForeseenView(verdict="go", words="", until_ms=None)


def _invoice(visit: Visit, matter: OpenPayment) -> InvoiceView | None:
    if matter.payment.invoice is None:
        return None
    file = invoice_store.invoice(visit.scene.txn, *matter.payment.invoice)
    # One that its payer made says nothing that they do not see already.
    is_asked = file is not None and not invoices.order_of(visit.scene, file).is_by_payer
    return (
        invoice_view(visit.scene, file, visit.localizer) if file is not None and is_asked else None
    )


def _payees(visit: Visit, made: list[OpenPayment]) -> list[PartyView]:
    """List recent payees by name, each once: people, and organisations paid by name."""
    mine, section = visit.holder.id, visit.scene.section
    by_name = {one.id for one in section.organisations if one.is_paid_by_name}
    paid = [
        one.private.payee
        for one in made
        if one.payment.payer == mine
        and (one.private.payee.person is not None or one.private.payee.address in by_name)
    ]
    known = {one.address: one for one in reversed(paid)}
    return [party_view(one) for one in reversed(known.values())][:PAYEES_MAX]


def _mandate(visit: Visit, mandate: Mandate) -> MandateView:
    order = mandates.order_of(visit.scene, mandate)
    is_proposed = mandate.state is MandateState.PROPOSED
    return MandateView(
        id=mandate.id,
        state=mandate.state.value,
        payee=PartyView(address=order.payee, name=order.payee_name),
        purpose=order.purpose,
        each_max=order.each_max,
        period=order.period,
        period_max=order.period_max,
        starts_at_ms=order.starts_at_ms,
        ends_at_ms=order.ends_at_ms,
        notice=notice_words(order, visit.localizer),
        count=mandate.count,
        count_max=order.count_max,
        asked=visit.asked(mandates.about(mandate.id), mandates.GIVE) if is_proposed else None,
    )


def _limit(currency: str, kind: LimitKind, limit: OwnLimit) -> LimitView:
    later = limit.later_minor
    return LimitView(
        currency=currency,
        kind=kind.value,
        minor=None if limit.minor == NO_LIMIT else limit.minor,
        later_minor=None if later is None or later == NO_LIMIT else later,
        later_at_ms=limit.later_at_ms,
    )


def _has_receipt(matter: OpenPayment) -> bool:
    return matter.payment.state in _WITH_RECEIPT and matter.payment.kind is not Kind.PAYOUT


def _has_tax_invoice(scene: Conversation, matter: OpenPayment) -> bool:
    if matter.payment.invoice is None and matter.payment.kind is not Kind.REFUND:
        return False
    try:
        if matter.payment.kind is Kind.REFUND:
            credit_notes.invoice_of_refund(scene, matter)
        else:
            tax_invoices.for_payer(scene, matter)
    except RefusedError:
        return False
    return True


def _is_theirs(visit: Visit, file: PaymentFile) -> bool:
    payment, mine = file.payment, visit.holder.id
    if mine in {payment.payer, payment.payee}:
        return True
    return payment.allowance_id is not None and mine == approvals.spender_of(
        visit.scene.txn, payment.allowance_id
    )


def party_view(party: Party) -> PartyView:
    """Somebody of a payment, by address and name."""
    return PartyView(address=party.address, name=party.name)


def version_of(view: Wire) -> str:
    """Return another version for another answer; what only goes on with the clock is no change."""
    data = view.model_dump_json(exclude=_MOVING).encode()
    return hashlib.blake2b(data, digest_size=_VERSION_BYTES).hexdigest()
