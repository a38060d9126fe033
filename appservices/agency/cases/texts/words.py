"""Words for states, events and roles, in the catalogues' English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.states import Happened, State
from appservices.agency.offices.core.office import Role
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer

_STATES: Final[Mapping[State, str]] = {
    State.DRAFT: N_("being filled in"),
    State.SUBMITTED: N_("submitted, waits for the office"),
    State.PAYING: N_("waits for the payment"),
    State.IN_REVIEW: N_("a clerk is looking at it"),
    State.SIGNING: N_("waits for signatures"),
    State.NEEDS_MORE: N_("waits for your answer"),
    State.DECIDED_YES: N_("approved"),
    State.DECIDED_NO: N_("refused"),
    State.SERVED: N_("done"),
    State.APPEALED: N_("appealed"),
    State.WITHDRAWN: N_("withdrawn"),
    State.EXPIRED: N_("expired"),
    State.CLOSED: N_("closed"),
}

_STAFF_STATES: Final[Mapping[State, str]] = {
    State.SUBMITTED: N_("waits for a clerk"),
    State.IN_REVIEW: N_("being looked at"),
    State.NEEDS_MORE: N_("waits for the person"),
}

_HAPPENED: Final[Mapping[Happened, str]] = {
    Happened.OPENED: N_("case opened"),
    Happened.SUBMITTED: N_("submitted"),
    Happened.CLAIMED: N_("taken by a clerk"),
    Happened.RETURNED: N_("given back to the desk"),
    Happened.ASSIGNED: N_("given to a clerk"),
    Happened.FLAGGED: N_("remark"),
    Happened.ASKED_MORE: N_("question to you"),
    Happened.ANSWERED: N_("answered"),
    Happened.FILE_ADDED: N_("file added"),
    Happened.APPROVED_FIRST: N_("approved by a first person, a second one follows"),
    Happened.APPROVED: N_("approved"),
    Happened.APPROVED_BY_RULE: N_("approved by the rules of the service"),
    Happened.APPROVED_BY_SILENCE: N_("approved, because the office did not decide in time"),
    Happened.REFUSED: N_("refused"),
    Happened.REFUSED_BY_RULE: N_("refused by the rules of the service"),
    Happened.REFUSED_BY_SILENCE: N_("counts as refused, because the office did not decide in time"),
    Happened.WAITS: N_("waits, because a rule says so"),
    Happened.FEE_ASKED: N_("a fee is to be paid"),
    Happened.FEE_FAILED: N_("the invoice of the fee could not be made"),
    Happened.FEE_PAID: N_("fee paid"),
    Happened.FEE_REFUNDED: N_("fee paid back"),
    Happened.SIGNATURES_ASKED: N_("to be signed"),
    Happened.SIGNING_FAILED: N_("the document could not be sent to be signed"),
    Happened.SIGNED: N_("signed by everyone"),
    Happened.NOT_SIGNED: N_("not signed"),
    Happened.OVERDUE: N_("deadline missed, handed up"),
    Happened.DOCUMENT_MADE: N_("document made"),
    Happened.DOCUMENT_FAILED: N_("the document could not be made"),
    Happened.QUESTION_ASKED: N_("question to the office"),
    Happened.QUESTION_ANSWERED: N_("message of the office"),
    Happened.QUESTION_OVERDUE: N_("question not answered in time, handed up"),
    Happened.CALLED: N_("call to the person announced"),
    Happened.CALL_CONFIRMED: N_("asked who calls: it is the office"),
    Happened.LEGALLY_SERVED: N_("served"),
    Happened.SERVED: N_("done"),
    Happened.WITHDRAWN: N_("withdrawn"),
    Happened.EXPIRED: N_("expired"),
    Happened.CLOSED: N_("closed"),
}

_ROLES: Final[Mapping[Role, str]] = {
    Role.PERSON: N_("you"),
    Role.CLERK: N_("clerk"),
    Role.DECISION_MAKER: N_("decision maker"),
    Role.AUDITOR: N_("auditor"),
    Role.OFFICE: N_("the office"),
}


def state_words(state: State, localizer: Localizer) -> str:
    """Name the state of a case for the person."""
    return localizer.text(_STATES[state])


def staff_state_words(state: State, localizer: Localizer) -> str:
    """Name the state of a case for the staff."""
    return localizer.text(_STAFF_STATES.get(state, _STATES[state]))


def happened_words(happened: Happened, localizer: Localizer) -> str:
    """Describe an entry of the history for the person."""
    return localizer.text(_HAPPENED[happened])


def role_words(role: Role, localizer: Localizer) -> str:
    """Name a role for the person."""
    return localizer.text(_ROLES[role])
