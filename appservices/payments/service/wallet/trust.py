"""With whom a person shares their money, for the wallet's page: allowances, guardians, escrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.allowance import AllowanceState
from appservices.payments.core.texts.allowance import payees_words
from appservices.payments.core.texts.wallet import Trouble
from appservices.payments.service import allowance_uses, allowances, files, guarding
from appservices.payments.service.wallet import escrows
from appservices.payments.service.wallet.reading import entry_of, party_view, version_of
from appservices.payments.service.wallet.trust_views import (
    AllowanceEntry,
    GuardsEntry,
    TrustView,
)
from appservices.payments.store import allowances as allowance_store
from appservices.payments.store import guards, payments
from veche.protocol.guardians import RuleState
from veche.protocol.money import Money

if TYPE_CHECKING:
    from appservices.payments.service.wallet.visit import Visit
    from appservices.payments.store.allowances import Allowance
    from appservices.payments.store.guards import GuardRule

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
