"""Payouts in bulk: what an organisation signs to have many persons paid, and how it follows it.

An instruction is an envelope (``veche.transparency.envelope``), signed by the key of whoever
orders it; so is the approval by a second key. It is checked over the
object as received and kept as evidence.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from veche.contracts.payments.act_offer import ActGround
from veche.contracts.payments.invoice_api import CURSOR_MAX, OURS_CHARACTERS_MAX
from veche.protocol.approval import Text, Title
from veche.protocol.ids import WireUlid
from veche.protocol.money import MINOR_MAX, Money
from veche.protocol.wire import Wire

LINES_MAX: Final = 10_000
"""Most lines of a payout; what has more is split."""
PAGE_LINES_MAX: Final = 1_000
KEY_ID: Final = "ed25519:1"
"""By which name the key of an organisation signs."""
SIGNED_MS_MAX: Final = 86_400_000
"""How long ago an instruction may have been signed."""
AHEAD_MS_MAX: Final = 300_000
"""How far the clock of whoever signed may be ahead."""

LineOurs = Annotated[str, Field(pattern=rf"^[!-~]{{1,{OURS_CHARACTERS_MAX}}}$")]
Moment = Annotated[int, Field(ge=0, le=CURSOR_MAX)]


class PayoutLine(Wire):
    """Somebody who is paid: a person by Matrix id, or an account at a bank with its holder's name.

    Attributes:
        ours: The organisation's own id of the line, of which the payout has only one.
        to: Matrix id of a person of the institution's homeserver.
        iban: Account at a bank.
        name: Of the account's holder.
        minor: How much, in minor units of the payout's currency.
        reference: Purpose; the payout's title where it is left out.
    """

    ours: LineOurs
    to: Annotated[str, Field(pattern=r"^@[^:\s]*:\S+$", max_length=255)] | None = None
    iban: Annotated[str, Field(min_length=5, max_length=42)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=70)] | None = None
    minor: Annotated[int, Field(ge=1, le=MINOR_MAX)]
    reference: Title | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.to is None) == (self.iban is None) or (self.iban is None) != (self.name is None):
            raise ValueError("to, or iban with name")
        return self


class PayoutBody(Wire):
    """The instruction, beside ``signatures``.

    Attributes:
        v: 1.
        institution: Whom it is for, as in the log of acts.
        organisation: Whose money it is.
        ours: The organisation's own number of it, of which there is only one.
        at_ms: When it was signed, UTC.
        title: What for, in a few words.
        currency: ISO 4217.
        lines: Who is paid.
        act: On what ground an office pays them; one ground for all lines.
        note: Of the organisation's own, kept with it.
    """

    v: Literal[1]
    institution: str
    organisation: str
    ours: LineOurs
    at_ms: Moment
    title: Title
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    lines: Annotated[
        tuple[PayoutLine, ...], Field(strict=False, min_length=1, max_length=LINES_MAX)
    ]
    act: ActGround | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len({line.ours for line in self.lines}) != len(self.lines):
            raise ValueError("lines: each `ours` should stand there once")
        return self


class ApprovePayoutBody(Wire):
    """The approval of a payout by a second key, beside ``signatures``.

    Attributes:
        v: 1.
        institution: Whom it is for.
        organisation: Whose money it is.
        payout: Id of the payout.
        sha256: Of the instruction as it was signed: what ``PayoutView`` says.
        at_ms: When it was signed, UTC.
    """

    v: Literal[1]
    institution: str
    organisation: str
    payout: WireUlid
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    at_ms: Moment


class StopPayoutBody(Wire):
    """Why a payout is stopped, in words."""

    reason: Annotated[str, Field(min_length=1, max_length=300)]


class PayoutView(Wire):
    """A payout as the organisation sees it.

    Attributes:
        id: Of it.
        ours: The organisation's own number.
        state: ``waiting`` for a second key, ``holding``, ``paying``, ``stopping``, ``returning``,
            ``done``, ``stopped``, or ``refused`` for want of cover.
        total: Of all lines.
        paid: Of those that are paid.
        lines: How many there are, by state: ``queued``, ``paying``, ``paid``, ``failed``,
            ``returned``, ``stopped``.
        sha256: Of the instruction as it was signed.
        made_at_ms: When it came, UTC.
    """

    id: WireUlid
    ours: str
    state: str
    total: Money
    paid: Money
    lines: dict[str, int]
    sha256: str
    made_at_ms: int


class PayoutLineView(Wire):
    """A line of a payout.

    Attributes:
        n: Its place, from 1.
        ours: The organisation's own id.
        state: As in ``PayoutView.lines``.
        minor: How much.
        payment: Id of the payment, once it is being made.
        why: Code, where it failed.
    """

    n: int
    ours: str
    state: str
    minor: int
    payment: str | None = None
    why: str | None = None


class PayoutLinesView(Wire):
    """Lines of a payout, in order; ``cursor`` is the ``n`` of the last one."""

    lines: Annotated[tuple[PayoutLineView, ...], Field(strict=False, max_length=PAGE_LINES_MAX)]
    cursor: int
