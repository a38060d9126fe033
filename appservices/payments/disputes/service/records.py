"""Disputes as they are kept, with what is sealed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.disputes.core.dispute import DisputeState
from appservices.payments.disputes.core.evidence import Evidence, line_of
from appservices.payments.disputes.store import disputes as store
from appservices.payments.disputes.store import evidence
from appservices.payments.disputes.texts.dispute import DisputeView, Side
from appservices.payments.holders import store as holders
from appservices.payments.organisations.service.standing import clerks_of
from appservices.payments.transfers.texts.views import Party
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.core.dispute import Dispute
    from appservices.payments.disputes.store.disputes import DisputeFile


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

    def side_of(self, person: UserId, scene: Conversation) -> Side | None:
        """As what somebody sees it; None if it is not for them.

        Whoever takes part does not decide, and who decided first does not decide the appeal.
        """
        if self.view.payer.person == person:
            return Side.PAYER
        if self.view.payee.person == person or person in self.clerks(scene):
            return Side.PAYEE
        if self.dispute.state is DisputeState.APPEALED:
            return Side.DESK if person in self.appeal_desk(scene) else None
        return Side.DESK if person in scene.section.dispute_desk else None

    def appeal_desk(self, scene: Conversation, ruler: str | None = None) -> list[UserId]:
        """List those who decide an appeal: not the first decider, and neither side.

        Args:
            scene: The transaction.
            ruler: Who decides first, just now; None: who did.
        """
        section = scene.section
        desk = section.dispute_appeal_desk or section.dispute_desk
        sides = {self.view.payer.address, self.view.payee.address}
        not_they = sides | set(self.clerks(scene)) | {self.view.ruler if ruler is None else ruler}
        return [UserId(one) for one in desk if one not in not_they]

    def sides(self, scene: Conversation) -> list[tuple[Side, UserId]]:
        """Both sides, as far as they are persons, and whoever speaks for an organisation."""
        both = [(Side.PAYER, self.view.payer.person), (Side.PAYEE, self.view.payee.person)]
        persons = [(side, person) for side, person in both if person is not None]
        return [*persons, *((Side.PAYEE, one) for one in self.clerks(scene))]

    def clerks(self, scene: Conversation) -> list[UserId]:
        """List the clerks of the organisation that was paid; nobody if a person was."""
        if self.view.payee.person is not None:
            return []
        return [one for one in clerks_of(scene, self.view.payee) if one != self.view.payer.person]

    def holder_of(self, side: Side) -> int:
        """Number of the holder of a side; who decides has none."""
        return self.dispute.payer if side is Side.PAYER else self.dispute.payee

    def deciders(self, scene: Conversation) -> set[UserId]:
        """All who decide disputes here, first or on appeal, be it this one or not."""
        section = scene.section
        return {UserId(one) for one in (*section.dispute_desk, *section.dispute_appeal_desk)}

    def judges(self, scene: Conversation) -> list[UserId]:
        """List those who may decide at this stage: of the appeal, else of the first decision."""
        if self.dispute.state is DisputeState.APPEALED:
            return self.appeal_desk(scene)
        desk = [UserId(one) for one in scene.section.dispute_desk]
        return [one for one in desk if self.side_of(one, scene) is Side.DESK]

    def desk(self, scene: Conversation) -> list[UserId]:
        """List those who have to decide now; empty if nobody has."""
        is_theirs = self.dispute.state in {DisputeState.AT_DESK, DisputeState.APPEALED}
        return self.judges(scene) if is_theirs else []


def add(scene: Conversation, case: Case) -> bool:
    """Keep a new dispute; False if the payment is, or was, disputed already."""
    sealed = scene.vault.seal(_sealed(case.view))
    return store.add_dispute(scene.txn, case.dispute, sealed, scene.now_ms)


def lock(scene: Conversation, dispute_id: str) -> Case | None:
    """A dispute, which nobody else steps until the transaction ends; its payee is locked first."""
    payee = store.payee_of(scene.txn, dispute_id)
    if payee is None:
        return None
    holders.lock_holder(scene.txn, payee)
    file = store.lock_dispute(scene.txn, dispute_id)
    return _case_of(scene, file) if file is not None else None


def read(scene: Conversation, dispute_id: str) -> Case | None:
    """A dispute, to be shown: others may step it meanwhile."""
    file = store.dispute(scene.txn, dispute_id)
    return _case_of(scene, file) if file is not None else None


def save(
    scene: Conversation,
    case: Case,
    dispute: Dispute,
    **said: Any,
) -> Case:
    """Keep the next state of a dispute that is locked, and what is said in it.

    Args:
        scene: The transaction.
        case: As it was.
        dispute: As it is.
        said: What is said now: an ``answer`` of the payee, a ``decision`` of the desk and who the
            ``ruler`` was, an ``appeal``.
    """
    after = Case(attrs.evolve(case.view, dispute=dispute, **said))
    sealed = scene.vault.seal(_sealed(after.view))
    store.save_dispute(scene.txn, dispute, sealed, scene.now_ms)
    return after


def _case_of(scene: Conversation, file: DisputeFile) -> Case:
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
        appeal=opened.get("appeal", ""),
        ruler=opened.get("ruler", ""),
    )
    names = {file.dispute.payer: view.payer.name}
    lines = [
        line_of(one, names.get(one.by, view.payee.name))
        for one in evidence_of(scene, file.dispute.id)
    ]
    return Case(attrs.evolve(view, evidence=tuple(lines)))


def evidence_of(scene: Conversation, dispute_id: str) -> list[Evidence]:
    """The evidence of a dispute, as it came."""
    found = []
    for row in evidence.of_dispute(scene.txn, dispute_id):
        opened = scene.vault.open(row.sealed)
        found.append(
            Evidence(
                n=row.n,
                by=row.by,
                sha256=row.sha256.hex(),
                size_bytes=row.size_bytes,
                name=opened["name"],
                mimetype=opened["mimetype"],
                file=opened["file"],
                at_ms=row.at_ms,
            )
        )
    return found


def _sealed(view: DisputeView) -> dict[str, Any]:
    return {
        "payer": [view.payer.address, view.payer.name],
        "payee": [view.payee.address, view.payee.name],
        "currency": view.currency,
        "reference": view.reference,
        "reason": view.reason,
        "answer": view.answer,
        "decision": view.decision,
        "appeal": view.appeal,
        "ruler": view.ruler,
    }
