"""Judgement of a payment by its payer's rules; their facts are read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.allowances import store as allowances
from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.guardians import store as guards
from appservices.payments.holders import store as holders
from appservices.payments.holders.core import LimitKind
from appservices.payments.limits import store as limits
from appservices.payments.limits.core import ALL, PAYOUTS
from appservices.payments.limits.service import limits as limiting
from appservices.payments.postings.service import moving
from appservices.payments.transfers.core import rules
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.core.rules import Facts, Limits, Verdict, Waits, judge
from appservices.payments.transfers.service.authority import void_votes
from appservices.payments.transfers.store import facts as store
from appservices.payments.transfers.store import payments

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment


def judge_now(scene: Conversation, matter: OpenPayment, approved_at_ms: int) -> Verdict:
    """Judge a payment by the rules now.

    Args:
        scene: The transaction; the payer is locked in it.
        matter: The payment.
        approved_at_ms: From when a wait counts, UTC.
    """
    payment = matter.payment
    return judge(
        payment.total_minor,
        _limits(scene, payment, matter.private.currency),
        waits_of(scene),
        _facts(scene, matter),
        approved_at_ms=approved_at_ms,
        now_ms=scene.now_ms,
    )


def needs_guardians(scene: Conversation, matter: OpenPayment) -> bool:
    """Return whether guardians must approve a debit, which no other rule covers.

    Args:
        scene: The transaction; the payer is locked in it.
        matter: The payment.
    """
    payment = matter.payment
    limits = _limits(scene, payment, matter.private.currency)
    return rules.needs_guardians(payment.total_minor, limits, _facts(scene, matter))


def waits_of(scene: Conversation) -> Waits:
    """How long rules make wait here."""
    return Waits(scene.section.first_payee_wait_ms, scene.section.large_part_wait_ms)


def balance_of(scene: Conversation, payment: Payment) -> int:
    """Return the payer's available balance, in the currency of a payment."""
    payer = holders.holder(scene.txn, payment.payer)
    rows = holders.balances(scene.txn, payer.id, moving.account_code(payer.kind))
    return next((one.available_minor for one in rows if one.ledger == payment.ledger), 0)


def is_banned(scene: Conversation, matter: OpenPayment) -> bool:
    """Return whether the payer forbade themselves this payment: all, payouts, or a kind."""
    payment = matter.payment
    bans = limits.bans(scene.txn, payment.payer, scene.now_ms)
    if not bans or payment.kind is Kind.REFUND:
        return False
    is_payout = payment.kind is Kind.PAYOUT
    kinds = scene.section.kinds_of(matter.private.payee.address)
    return ALL in bans or (is_payout and PAYOUTS in bans) or not kinds.isdisjoint(bans)


def _limits(scene: Conversation, payment: Payment, currency: str) -> Limits:
    own = limiting.limits_of(scene, payment.payer, payment.ledger, currency)
    rule = guards.active(scene.txn, payment.payer, payment.ledger)
    # Who gives money back has it from the one who gets it.
    is_guarded = rule is not None and payment.kind is not Kind.REFUND
    return Limits(
        first_payee_minor=own[LimitKind.FIRST_PAYEE].at(scene.now_ms).minor,
        day_minor=own[LimitKind.DAY].at(scene.now_ms).minor,
        guarded_minor=rule.above_minor if rule is not None and is_guarded else None,
    )


def _facts(scene: Conversation, matter: OpenPayment) -> Facts:
    payment, txn = matter.payment, scene.txn
    day_ago_ms = scene.now_ms - DAY_MS
    since_ms = scene.now_ms - scene.section.first_payee_wait_ms
    pair = (payment.payer, payment.payee, payment.ledger)
    gone = store.gone_to(txn, *pair, since_ms, payment.id)
    given_minor = allowances.given_minor(txn, *pair, since_ms, since_ms)
    return Facts(
        is_frozen=holders.holder(txn, payment.payer).is_frozen,
        # Who gives money back, pays an organisation's invoice, or has another pay within caps that
        # waited themselves, is not hurried by a stranger.
        is_known=payment.kind in {Kind.REFUND, Kind.INVOICE} or payment.allowance_id is not None,
        earlier_minor=gone.earlier_minor,
        lately_minor=gone.lately_minor + given_minor,
        day_minor=payments.gone_minor(txn, payment.payer, payment.ledger, day_ago_ms),
        balance_minor=balance_of(scene, payment),
        is_banned=is_banned(scene, matter),
        is_approved=guards.is_approved(txn, payment.id, void_votes(scene, payment.id)),
        unguarded_minor=store.unguarded_minor(txn, payment, day_ago_ms),
    )
