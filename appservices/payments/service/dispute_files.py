"""Disputes as they are kept, with what is sealed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.core.texts.dispute import DisputeView, Side
from appservices.payments.core.texts.views import Party
from appservices.payments.store import disputes as store
from appservices.payments.store import holders

if TYPE_CHECKING:
    from appservices.payments.core.dispute import Dispute
    from appservices.payments.service.scene import Scene
    from appservices.payments.store.disputes import DisputeFile
    from veche.protocol.ids import UserId


@attrs.frozen
class Case:
    """A dispute with its names, in a transaction.

    Attributes:
        dispute: As it is.
        view: The same with what is sealed.
    """

    view: DisputeView

    @property
    def dispute(self) -> Dispute:
        """As it is."""
        return self.view.dispute

    def side_of(self, person: UserId, scene: Scene) -> Side | None:
        """As what somebody sees it; None if it is not for them.

        Whoever takes part does not decide.
        """
        if self.view.payer.person == person:
            return Side.PAYER
        if self.view.payee.person == person:
            return Side.PAYEE
        return Side.DESK if person in scene.section.dispute_desk else None


def add(scene: Scene, case: Case) -> bool:
    """Keep a new dispute; False if the payment is, or was, disputed already."""
    sealed = scene.vault.seal(_sealed(case.view))
    return store.add_dispute(scene.txn, case.dispute, sealed, scene.now_ms)


def lock(scene: Scene, dispute_id: str) -> Case | None:
    """A dispute, which nobody else steps until the transaction ends; its payee is locked first."""
    payee = store.payee_of(scene.txn, dispute_id)
    if payee is None:
        return None
    holders.lock_holder(scene.txn, payee)
    file = store.lock_dispute(scene.txn, dispute_id)
    return _case_of(scene, file) if file is not None else None


def save(
    scene: Scene,
    case: Case,
    dispute: Dispute,
    *,
    answer: str | None = None,
    decision: str | None = None,
) -> Case:
    """Keep the next state of a dispute that is locked, and what is said in it.

    Args:
        scene: The transaction.
        case: As it was.
        dispute: As it is.
        answer: What the payee says, if they say it now.
        decision: What the desk says, likewise.
    """
    view = case.view
    after = Case(
        attrs.evolve(
            view,
            dispute=dispute,
            answer=view.answer if answer is None else answer,
            decision=view.decision if decision is None else decision,
        )
    )
    sealed = scene.vault.seal(_sealed(after.view))
    store.save_dispute(scene.txn, dispute, sealed, scene.now_ms)
    return after


def _case_of(scene: Scene, file: DisputeFile) -> Case:
    opened = scene.vault.open(file.sealed)
    view = DisputeView(
        file.dispute,
        payer=Party(*opened["payer"]),
        payee=Party(*opened["payee"]),
        currency=opened["currency"],
        reference=opened["reference"],
        reason=opened["reason"],
        answer=opened["answer"],
        decision=opened["decision"],
    )
    return Case(view)


def _sealed(view: DisputeView) -> dict[str, Any]:
    return {
        "payer": [view.payer.address, view.payer.name],
        "payee": [view.payee.address, view.payee.name],
        "currency": view.currency,
        "reference": view.reference,
        "reason": view.reason,
        "answer": view.answer,
        "decision": view.decision,
    }
