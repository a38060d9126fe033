"""API models of disputes on the wallet's page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appservices.payments.disputes.api import DisputeFileView
from appservices.payments.disputes.core.dispute import WORDS_CHARACTERS_MAX
from appservices.payments.wallet.api import PartyView, Typed
from appservices.payments.wallet.service.asks import AskView
from veche.protocol.money import Money
from veche.protocol.wire import Wire

Said = Annotated[str, Field(max_length=4 * WORDS_CHARACTERS_MAX)]
"""Longer than what is taken, so that it is refused in words."""


class DisputeEntry(Wire):
    """A dispute, for one who takes part or decides.

    Attributes:
        id: ULID.
        number: By which people find it.
        payment: Id of what is disputed.
        state: ``asked``, ``freezing``, ``open``, ``at_desk``, ``decided``, ``appealed``,
            ``ending``, ``closed``, ``cancelled`` or ``expired``.
        side: As what the person sees it: ``payer``, ``payee`` or ``desk``.
        is_own: Whether it is of a payment of their own; not of one to an organisation of theirs.
        payer: Who disputes.
        payee: The payee.
        amount: What is disputed.
        held: What of it is set aside; null: nothing was yet.
        given: What goes back for good; null: that is not decided.
        reference: What the payment was for.
        reason: What the payer says.
        answer: What the payee says.
        decision: What the institution says.
        appeal: What who appealed says.
        words: How it stands, in words.
        due_at_ms: When its state ends by itself, UTC.
        evidence: Files that both sent.
        asks: What the person's key is asked for now.
        can: What they can do without a key: ``decline``, ``withdraw``, ``contest``, ``appeal``,
            ``send`` a file; ``decide`` and ``ask`` have the key asked for.
    """

    id: str
    number: str
    payment: str
    state: str
    side: Literal["payer", "payee", "desk"]
    is_own: bool
    payer: PartyView
    payee: PartyView
    amount: Money
    held: Money | None
    given: Money | None
    reference: str
    reason: str
    answer: str
    decision: str
    appeal: str
    words: str
    due_at_ms: int | None
    evidence: list[DisputeFileView]
    asks: list[AskView]
    can: list[str]


class DisputesView(Wire):
    """A person's disputes.

    Attributes:
        version: Of this answer, to ask what is new after it.
        disputes: What is not over first, then the newest; what waits for their decision before.
    """

    version: str
    disputes: list[DisputeEntry]


class DisputeTermsView(Wire):
    """The effects of disputing a payment, before it is done.

    Attributes:
        payee: The payee.
        left: What can still go back: no more can be disputed.
        refusal: Why it cannot be disputed, in words; null: it can.
        terms: What becomes of it and until when, a sentence each.
    """

    payee: PartyView
    left: Money
    refusal: str | None
    terms: list[str]


class DisputeBody(Wire):
    """A person's objection to a payment, as typed.

    Attributes:
        amount: How much of it; empty: all that can still go back.
        currency: Of the amount.
        reason: What was wrong.
    """

    amount: Typed = ""
    currency: Typed = ""
    reason: Said


class WordsBody(Wire):
    """A person's words; may be empty."""

    words: Said = ""


class DecisionBody(Wire):
    """How one of those who decide wants to.

    Attributes:
        amount: How much goes back, as it was typed: "0" is nothing.
        words: Why.
    """

    amount: Typed
    words: Said
