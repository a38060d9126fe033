"""With whom a person shares their money, for the wallet's page: allowances, guardians, escrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.allowances import store as allowance_store
from appservices.payments.allowances.core import AllowanceState
from appservices.payments.allowances.service import allowances
from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.allowances.texts import payees_words
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import asking as guarding
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments
from appservices.payments.wallet.service import escrows
from appservices.payments.wallet.service.reading import entry_of, party_view, version_of
from appservices.payments.wallet.service.trust_views import AllowanceEntry, GuardsEntry, TrustView
from appservices.payments.wallet.texts import Trouble
from veche.protocol.guardians import RuleState
from veche.protocol.money import Money

if TYPE_CHECKING:
    from appservices.payments.allowances.store import Allowance
    from appservices.payments.guardians.store import GuardRule
    from appservices.payments.wallet.service.visit import Visit

USES_MAX: Final = 20
"""Payments that one allowance shows."""
_SHOWN: Final = (RuleState.ASKED, RuleState.WAITING, RuleState.ACTIVE)


def trust_view(visit: Visit) -> TrustView:
    """All of it."""
    txn, mine = visit.scene.txn, visit.holder.id
    kept = [*allowance_store.given_by(txn, mine), *allowance_store.given_to(txn, mine)]
    live = [one for one in kept if _is_live(visit, one)]
    view = TrustView(
        version="",
        allowances=[_allowance(visit, one) for one in live],
        guardians=[_guards(visit, one) for one in guards.rules_of(txn, mine, _SHOWN)],
        escrows=escrows.entries(visit),
    )
    return view.model_copy(update={"version": version_of(view)})


def end_allowance(visit: Visit, allowance_id: str) -> None:
    """End an allowance that the person gave, or give up one that they have; it counts at once.

    Raises:
        NotFoundError: There is none of theirs.
        PaymentRefusedError: It is over already.
    """
    scene = visit.scene
    giver = allowance_store.giver_of(scene.txn, allowance_id)
    if giver is None:
        raise visit.not_found(Trouble.NO_ALLOWANCE)
    allowances.stop(scene, allowance_id)
    if not allowances.end(scene, allowance_id, visit.holder.id):
        raise visit.not_found(Trouble.NO_ALLOWANCE)


def _is_live(visit: Visit, allowance: Allowance) -> bool:
    is_active = allowance.state is AllowanceState.ACTIVE
    return is_active and allowance.terms.ends_at_ms > visit.scene.now_ms


def _allowance(visit: Visit, allowance: Allowance) -> AllowanceEntry:
    scene, terms = visit.scene, allowance.terms
    view = allowance_uses.view_of(scene, allowance)
    is_given = allowance.giver == visit.holder.id

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=view.currency)

    uses = payments.of_allowance(scene.txn, allowance.id, USES_MAX)
    return AllowanceEntry(
        id=allowance.id,
        is_given=is_given,
        other=party_view(view.spender if is_given else view.giver),
        payees=payees_words(view, visit.localizer),
        each_max=money(terms.each_max_minor),
        period=terms.period,
        period_max=money(terms.period_max_minor),
        left=money(allowance_uses.left_minor(scene, allowance)),
        starts_at_ms=terms.starts_at_ms,
        ends_at_ms=terms.ends_at_ms,
        uses=[entry_of(visit, files.matter_of(scene, one)) for one in uses],
    )


def _guards(visit: Visit, rule: GuardRule) -> GuardsEntry:
    view = guarding.view_of(visit.scene, rule)
    return GuardsEntry(
        state=rule.state.value,
        guardians=[party_view(one) for one in view.guardians],
        needed=rule.needed,
        above=Money(minor=rule.above_minor, currency=view.currency),
        is_shown=rule.is_shown,
        counts_from_ms=rule.counts_from_ms if rule.state is RuleState.WAITING else None,
    )
