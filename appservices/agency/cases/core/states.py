"""Where a case can stand, who acts on it, and what can happen to it."""

from __future__ import annotations

import enum
from typing import Final


class State(enum.Enum):
    """Where a case stands; the values are those of ``org.veche.case``."""

    DRAFT = "draft"
    """The person is filling in the form."""
    SUBMITTED = "submitted"
    """It waits for a clerk, or for a time that a rule sets."""
    PAYING = "paying"
    """A fee is asked for, and not paid yet."""
    SIGNING = "signing"
    """The document is made, and not signed by everyone yet."""
    IN_REVIEW = "in_review"
    """A clerk has it, or it waits for a second person."""
    NEEDS_MORE = "needs_more"
    """The desk has asked the person something."""
    DECIDED_YES = "decided_yes"
    """Approved; the result is being made."""
    DECIDED_NO = "decided_no"
    """Refused; the person can appeal."""
    SERVED = "served"
    """The person has the result."""
    APPEALED = "appealed"
    """Not reached in this version: it needs the appeals service."""
    WITHDRAWN = "withdrawn"
    """The person has taken it back."""
    EXPIRED = "expired"
    """The person has not answered in time."""
    CLOSED = "closed"
    """Over; it can only be read."""


UNREACHED: Final = frozenset({State.APPEALED})
"""States that no case of this version is in."""
OVER: Final = frozenset({State.WITHDRAWN, State.EXPIRED, State.CLOSED})
"""States in which nobody works on the case any more."""
WITH_OFFICE: Final = frozenset({State.SUBMITTED, State.IN_REVIEW, State.DECIDED_YES})
"""States in which the office must act."""


class Happened(enum.Enum):
    """The kind of an entry in the history."""

    OPENED = "opened"
    SUBMITTED = "submitted"
    CLAIMED = "claimed"
    RETURNED = "returned"
    ASSIGNED = "assigned"
    FLAGGED = "flagged"
    ASKED_MORE = "asked_more"
    ANSWERED = "answered"
    FILE_ADDED = "file_added"
    APPROVED_FIRST = "approved_first"
    APPROVED = "approved"
    APPROVED_BY_RULE = "approved_by_rule"
    APPROVED_BY_SILENCE = "approved_by_silence"
    REFUSED = "refused"
    REFUSED_BY_RULE = "refused_by_rule"
    REFUSED_BY_SILENCE = "refused_by_silence"
    WAITS = "waits"
    FEE_ASKED = "fee_asked"
    FEE_FAILED = "fee_failed"
    FEE_PAID = "fee_paid"
    FEE_REFUNDED = "fee_refunded"
    SIGNATURES_ASKED = "signatures_asked"
    SIGNING_FAILED = "signing_failed"
    SIGNED = "signed"
    NOT_SIGNED = "not_signed"
    OVERDUE = "overdue"
    DOCUMENT_MADE = "document_made"
    DOCUMENT_FAILED = "document_failed"
    QUESTION_ASKED = "question_asked"
    QUESTION_ANSWERED = "question_answered"
    QUESTION_OVERDUE = "question_overdue"
    CALLED = "called"
    CALL_CONFIRMED = "call_confirmed"
    LEGALLY_SERVED = "legally_served"
    SERVED = "served"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED = "closed"


class TimerKind(enum.Enum):
    """The purpose of a clock; a case has at most one of each."""

    REMINDER = "reminder"
    """Something is due soon: tell whoever must act."""
    OVERDUE = "overdue"
    """The office has missed its deadline: hand it up."""
    EXPIRY = "expiry"
    """The last term is over: of the person's answer or payment, or of the escalation."""
    QUESTION = "question"
    """The office has not answered a question of the person."""
    WAIT = "wait"
    """The time that a step waits is over."""
    CLOSING = "closing"
    """The time in which one could still object or ask is over."""
