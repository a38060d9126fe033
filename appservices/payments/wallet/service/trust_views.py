"""API models of allowances, guardians and escrows on the wallet's page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appservices.payments.escrows.core.escrow import VOTERS_MAX
from appservices.payments.wallet.api import Currency, Day, PartyView, PaymentEntry, Typed
from appservices.payments.wallet.service.asks import AskView
from veche.protocol.money import Money
from veche.protocol.wire import Wire


class AllowanceEntry(Wire):
    """An allowance that the person gave, or has.

    Attributes:
        id: ULID.
        is_given: Whether it is from their own account.
        other: The other side.
        payees: Whom it may pay, in words.
        each_max: Most at once.
        period: The time in which ``period_max`` counts.
        period_max: Most in one period.
        left: What is left of the period that runs.
        starts_at_ms: From when on, UTC.
        ends_at_ms: Until when, UTC.
        uses: What was paid by it lately, the newest first.
    """

    id: str
    is_given: bool
    other: PartyView
    payees: str
    each_max: Money
    period: Literal["day", "week", "month", "year"]
    period_max: Money
    left: Money
    starts_at_ms: int
    ends_at_ms: int
    uses: list[PaymentEntry]


class GuardsEntry(Wire):
    """A rule of the person's guardians.

    Attributes:
        state: ``asked`` (not all of them accepted yet), ``waiting`` (it counts later) or
            ``active``.
        guardians: Who; empty: nobody any more.
        needed: How many of them have to approve.
        above: Above which sum of a day.
        is_shown: Whether they see whom and how much.
        counts_from_ms: When it counts, where it waits, UTC.
    """

    state: str
    guardians: list[PartyView]
    needed: int
    above: Money
    is_shown: bool
    counts_from_ms: int | None


class EscrowParty(PartyView):
    """One who takes part in an escrow.

    Attributes:
        role: ``buyer``, ``seller`` or ``arbiter``.
        has_agreed: Whether they take part.
        decision: What they decided, in words; null: nothing yet.
    """

    role: str
    has_agreed: bool
    decision: str | None


class EscrowEntry(Wire):
    """An escrow in which the person takes part, and that is not over, or was until lately.

    Attributes:
        id: ULID.
        number: How people call it.
        state: As of the escrow.
        role: As what the person takes part.
        amount: What is put aside.
        reference: Purpose.
        words: How it stands, in words.
        k: How many have to say the same.
        parties: All who take part.
        ends_at_ms: When the date decides, UTC.
        due_at_ms: When its state ends by itself, UTC.
        silence: What happens at that date if nobody has decided, in words.
        stuck: That they do not agree any more, in words; empty: they still can.
        held: What is set aside in it; null: nothing is.
        is_over: It is over.
        asks: What the person's key is asked for now.
        can: What they can do besides: ``join``, ``decline``, ``stop``; ``share`` and ``ask`` have
            the key asked for.
    """

    id: str
    number: str
    state: str
    role: str
    amount: Money
    reference: str
    words: str
    k: int
    parties: list[EscrowParty]
    ends_at_ms: int
    due_at_ms: int | None
    silence: str
    stuck: str
    held: Money | None
    is_over: bool
    asks: list[AskView]
    can: list[str]


class TrustView(Wire):
    """With whom the person shares their money.

    Attributes:
        version: Of this answer, to ask what is new after it.
        allowances: That they gave or have.
        guardians: The rules that count or come.
        escrows: Those that are not over first, then the newest.
    """

    version: str
    allowances: list[AllowanceEntry]
    guardians: list[GuardsEntry]
    escrows: list[EscrowEntry]


class ShareBody(Wire):
    """A decision for which somebody wants to be asked for their key.

    Attributes:
        part: What the seller shall get, as it was typed; null: all to the seller, or all back.
    """

    part: Typed | None = None


class NewEscrowBody(Wire):
    """Money to be put aside for a deal, as it was typed.

    Attributes:
        payee: The seller.
        reference: Purpose.
        arbiters: Who decides besides both.
        k: How many of all have to agree; null: more than half.
        until: Its last day; null: two weeks.
        on_silence: What happens then if nobody has decided.
    """

    payee: Typed
    amount: Typed
    currency: Currency
    reference: Typed = ""
    arbiters: Annotated[tuple[Typed, ...], Field(max_length=VOTERS_MAX, strict=False)] = ()
    k: Annotated[int, Field(ge=1, le=VOTERS_MAX)] | None = None
    until: Day | None = None
    on_silence: Literal["return", "release"] = "return"
