"""Disputes of what organisations were paid: they hear of them as events, and answer over HTTP."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appservices.payments.disputes.api import DisputeFileView, DisputeList, DisputeView
from appservices.payments.disputes.core.dispute import (
    LIVE,
    REQUEST,
    UNSEEN,
    DisputeState,
    DisputeStateError,
)
from appservices.payments.disputes.core.order import DisputeProblem, read_words
from appservices.payments.disputes.service import disputes, evidence
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.store import disputes as store
from appservices.payments.disputes.texts.evidence import EvidenceProblem
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.ids import Ulid
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.api import DisputeAnswerBody, DisputeAppealBody
    from appservices.payments.disputes.core.evidence import Evidence
    from appservices.payments.disputes.service.records import Case
    from veche.api.bearer import OrganisationCaller

logger = logging.getLogger(__name__)


class NoEvidenceError(ConflictError):
    """A file is no evidence: the dispute is over, or they have sent ten (HTTP 409)."""

    errcode = "ORG.VECHE.NO_EVIDENCE"


def read(scene: Conversation, caller: OrganisationCaller, payment_id: str) -> DisputeView:
    """The dispute of a payment to an organisation.

    Raises:
        NotFoundError: There is none of a payment of theirs.
    """
    return _view(scene, _case(scene, caller, payment_id))


def answer(
    scene: Conversation,
    caller: OrganisationCaller,
    payment_id: str,
    body: DisputeAnswerBody,
    sha256: bytes,
) -> DisputeView:
    """Give back what is set aside, or leave it to the desk.

    Args:
        scene: The transaction.
        caller: Who answers.
        payment_id: Of what is disputed.
        body: What they say.
        sha256: Of the request: the evidence of what is given back.

    Raises:
        NotFoundError: There is no dispute of a payment of theirs.
        DisputeStateError: It is answered or over already.
        MalformedError: The words have characters that cannot be seen.
    """
    case = _case(scene, caller, payment_id)
    _check_words(body.words)
    states = LIVE if body.gives_back else frozenset({DisputeState.OPEN})
    if case.dispute.state not in states:
        raise DisputeStateError(case.dispute.state)
    if body.gives_back:
        disputes.give_back(scene, case, f"{REQUEST}{caller.id} {sha256.hex()}", body.words)
    else:
        disputes.contest(scene, case, body.words)
    logger.info("dispute %s is answered by %s", case.dispute.id, caller.id)
    return _view(scene, _case(scene, caller, payment_id))


def appeal(
    scene: Conversation, caller: OrganisationCaller, payment_id: str, body: DisputeAppealBody
) -> DisputeView:
    """Have others decide again what the desk decided, once.

    Raises:
        NotFoundError: There is no dispute of a payment of theirs.
        DisputeStateError: It is not decided, was appealed before, or it is too late.
        MalformedError: The words have characters that cannot be seen.
    """
    case = _case(scene, caller, payment_id)
    _check_words(body.words)
    disputes.appeal(scene, case, case.dispute.payee, body.words)
    logger.info("dispute %s is appealed by %s", case.dispute.id, caller.id)
    return _view(scene, _case(scene, caller, payment_id))


def file_view(case: Case, file: Evidence) -> DisputeFileView:
    """A file of a dispute, without what opens it."""
    return DisputeFileView(
        n=file.n,
        by="payer" if file.by == case.dispute.payer else "payee",
        name=file.name,
        mimetype=file.mimetype,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        at_ms=file.at_ms,
    )


def open_ones(scene: Conversation, caller: OrganisationCaller) -> DisputeList:
    """The disputes of payments to an organisation: what is not over first, then the newest."""
    mine = scene.organisation(caller.id).id
    found = (cases.read(scene, one) for one in store.all_of(scene.txn, mine))
    return DisputeList(disputes=tuple(_view(scene, one) for one in found if one is not None))


def check_sending(scene: Conversation, caller: OrganisationCaller, payment_id: str) -> None:
    """Refuse a file before it is stored, if it could not count.

    Raises:
        NotFoundError: There is no dispute of a payment of theirs.
        NoEvidenceError: The dispute is over, or they have sent enough.
    """
    case = _case(scene, caller, payment_id)
    problem = evidence.hindrance(scene, case, case.dispute.payee)
    if problem is not None:
        raise _no_evidence(problem)


def send(
    scene: Conversation, caller: OrganisationCaller, payment_id: str, found: Mapping[str, Any]
) -> DisputeView:
    """Make a file that is stored evidence of the organisation; the same again changes nothing.

    Raises:
        NotFoundError: There is no dispute of a payment of theirs.
        NoEvidenceError: The dispute is over, or they have sent enough.
    """
    case = _case(scene, caller, payment_id)
    problem = evidence.keep(scene, case, case.dispute.payee, found)
    if problem is EvidenceProblem.TWICE:
        return _view(scene, case)
    if problem is not None:
        raise _no_evidence(problem)
    evidence.hand_on(scene, case.dispute.id, None)
    logger.info("dispute %s has evidence of %s", case.dispute.id, caller.id)
    return _view(scene, _case(scene, caller, payment_id))


def file_of(scene: Conversation, caller: OrganisationCaller, payment_id: str, n: str) -> Evidence:
    """A file that either side sent.

    Raises:
        NotFoundError: There is no such file of a payment of theirs.
    """
    case = _case(scene, caller, payment_id)
    for one in cases.evidence_of(scene, case.dispute.id):
        if str(one.n) == n:
            return one
    raise NotFoundError("There is no such file")


def _no_evidence(problem: EvidenceProblem) -> NoEvidenceError:
    return NoEvidenceError(f"This file is no evidence: {problem.value}")


def _check_words(words: str) -> None:
    if isinstance(read_words(words), DisputeProblem):
        raise MalformedError("body.words", "has characters that cannot be seen")


def _case(scene: Conversation, caller: OrganisationCaller, payment_id: str) -> Case:
    payee = scene.organisation(caller.id).id
    dispute_id = store.of_payment(scene.txn, payment_id, payee)
    case = disputes.lock(scene, dispute_id) if dispute_id is not None else None
    if case is None or case.dispute.state in UNSEEN:
        raise NotFoundError("There is no such dispute")
    return case


def _view(scene: Conversation, case: Case) -> DisputeView:
    dispute, view = case.dispute, case.view

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=view.currency)

    return DisputeView(
        id=Ulid(dispute.id),
        payment=Ulid(dispute.payment_id),
        state=dispute.state.value,
        amount=money(dispute.amount_minor),
        held=money(dispute.held_minor),
        given=None if dispute.given_minor is None else money(dispute.given_minor),
        ruled=None if dispute.ruled_minor is None else money(dispute.ruled_minor),
        ended_by=None if dispute.end is None else dispute.end.value,
        due_at_ms=dispute.due_at_ms,
        reason=view.reason,
        answer=view.answer,
        decision=view.decision,
        appeal=view.appeal,
        evidence=tuple(file_view(case, one) for one in cases.evidence_of(scene, dispute.id)),
    )
