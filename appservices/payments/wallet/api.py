"""API models of the wallet, from which its documentation is made.

Every text is in the language of whoever asks; every ``…_ms`` is a moment, UTC. A value that is not
there is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from veche.protocol.ids import WireUlid
from veche.protocol.money import MINOR_MAX, Money
from veche.protocol.wire import Wire

VERSION_CHARACTERS_MAX: Final = 40
TYPED_CHARACTERS_MAX: Final = 255
"""Longest text of one field; what is wrong with a shorter one is said in words."""
QUERY_CHARACTERS_MAX: Final = 100

Typed = Annotated[str, Field(max_length=TYPED_CHARACTERS_MAX)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class PartyView(Wire):
    """Somebody who pays or is paid.

    Attributes:
        address: Matrix id, name of an organisation in the log of acts, or number of an account.
        name: As this institution knows them.
    """

    address: str
    name: str


class BalanceView(Wire):
    """A person's balance in one currency.

    Attributes:
        available: What can be paid with.
        held: Set aside for what is not finished.
    """

    available: Money
    held: Money


class ForeseenView(Wire):
    """The effect of approving a payment now.

    Attributes:
        verdict: It is made at once, waits, is shown to guardians first, or is refused.
        words: Why it waits or is refused; empty if it is made.
        until_ms: Until when it waits.
    """

    verdict: Literal["go", "wait", "guard", "refuse"]
    words: str
    until_ms: int | None


class LineView(Wire):
    """A line of an invoice; a discount is negative."""

    text: str
    amount: Money


class InvoiceView(Wire):
    """An invoice as whoever has its link or reference sees it.

    Attributes:
        state: Such as ``issued``, ``objected``, ``paying``, ``paid``, ``expired``, ``withdrawn``.
        link: Page on which it is paid.
        code: The same as a QR code, SVG.
        refusal: Why it cannot be paid, in words; null: it can.
    """

    id: str
    version: int
    state: str
    issuer: PartyView
    title: str
    notice_id: str | None
    lines: list[LineView]
    total: Money
    due_at_ms: int
    law: str | None
    appeal: str | None
    reference: str
    link: str
    code: str
    refusal: str | None


class PaymentEntry(Wire):
    """A payment, as a list shows it.

    Attributes:
        id: ULID.
        number: How people call it.
        kind: ``pay``, ``invoice``, ``refund``, ``payout`` and so on.
        state: ``asked``, ``cooling``, ``paying``, ``paid``, ``returned``, ``refused``,
            ``cancelled`` or ``expired``.
        is_out: Whether whoever asks is the payer.
        other: The other side.
        fee: What the payer pays beside it; of nothing, for the payee.
        at_ms: When it got into its state.
        due_at_ms: When its state ends by itself.
        why: Why it was refused, in words.
        has_receipt: Whether it has one.
    """

    id: str
    number: str
    kind: str
    state: str
    is_out: bool
    other: PartyView
    amount: Money
    fee: Money
    reference: str
    at_ms: int
    due_at_ms: int | None
    why: str | None
    has_receipt: bool


class ChoiceView(Wire):
    """An option or a tip that is offered."""

    id: str
    label: str


class ExtrasView(Wire):
    """The questions of an invoice before it can be approved.

    Attributes:
        choices: Options, or tips, of which one is taken; empty: nothing is to be chosen now.
        takes_tip: Whether a tip of one's own can be given too.
        takes_place: Whether one says where to.
        is_asked: Whether the payee is asked what it costs, and has not answered.
    """

    choices: list[ChoiceView]
    takes_tip: bool
    takes_place: bool
    is_asked: bool


class ChoiceBody(Wire):
    """The choice: exactly one of the three.

    Attributes:
        choice: Id of what is offered.
        tip: A tip of one's own, as it was typed.
        place: Where to.
    """

    choice: Annotated[str, Field(max_length=64)] | None = None
    tip: Annotated[str, Field(max_length=40)] | None = None
    place: Annotated[str, Field(max_length=1_000)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if [self.choice, self.tip, self.place].count(None) != 2:  # noqa: PLR2004 -- of three
            raise ValueError("exactly one of choice, tip and place")
        return self


class FactView(Wire):
    """Something that is said with what it is called."""

    name: str
    value: str


class PurseView(Wire):
    """The account of another, from which an invoice can be paid.

    Attributes:
        label: Whose, in words.
        asked: The approval that pays from it (``AskedApproval``).
    """

    label: str
    asked: dict[str, Any]


class PaymentView(PaymentEntry):
    """A payment with all that can be done about it.

    Attributes:
        asked: The approval that it waits for (``AskedApproval``); null: for none.
        foreseen: What becomes of it then.
        invoice: What it is of; null: of none.
        can_stop: Whether its payer can still stop it.
        can_object: Whether the payer can object to the invoice.
        note: What the payee's bank says of the name, in words.
        is_warning: Whether it says that the name is another.
        has_tax_invoice: Whether there is a tax invoice of what it is of.
        extras: What its invoice asks before the approval; null: nothing.
        purses: Accounts of others from which the person may pay it instead.
        instead: Id of the payment from such an account that took its place; null: none did.
        chosen: What makes the amount another than its invoice's, and where it is brought.
        dispute: Id of the dispute of it; null: there is none that the person knows of.
        can_dispute: Whether the person can dispute it.
        version: For ``after``.
    """

    asked: dict[str, Any] | None
    foreseen: ForeseenView | None
    invoice: InvoiceView | None
    can_stop: bool
    can_object: bool
    note: str | None = None
    is_warning: bool = False
    has_tax_invoice: bool = False
    extras: ExtrasView | None = None
    purses: list[PurseView] = Field(default_factory=list)
    instead: str | None = None
    chosen: list[FactView] = Field(default_factory=list)
    dispute: str | None = None
    can_dispute: bool = False
    version: str = ""


class MandateView(Wire):
    """A mandate that somebody gave, or is asked for.

    Attributes:
        state: ``proposed``, ``active`` or ``paused``.
        notice: How long before each debit it is announced, in the person's language.
        asked: The approval that gives it; null: it is given.
    """

    id: str
    state: str
    payee: PartyView
    purpose: str
    each_max: Money
    period: str
    period_max: Money
    starts_at_ms: int
    ends_at_ms: int
    notice: str
    count: int
    count_max: int | None
    asked: dict[str, Any] | None


class WalletView(Wire):
    """Somebody's money, and what waits for them.

    Attributes:
        version: Of this answer, to ask what is new after it.
        institution: Name of the institution.
        bot: Matrix id of its bot.
        bot_link: Address by which any client begins a chat with it.
        has_chat: Whether there is a chat, in which one is asked.
        is_frozen: They stopped everything.
        disputes_open: How many disputes wait for them.
        escrows_open: How many escrows do.
        unfreeze: The approval that lets it go on; null: it was not asked for.
        currencies: Codes of those that are kept here.
        has_bank: Whether money comes in and goes out by a bank.
        open: What waits for them, or for a clock, the newest first.
        latest: What they paid and were paid last.
        payees: Whom they paid of late.
        mandates: Those that they gave, and those they are asked for.
    """

    version: str
    person: str
    institution: str
    bot: str
    bot_link: str
    has_chat: bool
    is_frozen: bool
    disputes_open: int
    escrows_open: int
    unfreeze: dict[str, Any] | None
    currencies: list[str]
    has_bank: bool
    balances: list[BalanceView]
    open: list[PaymentEntry]
    latest: list[PaymentEntry]
    payees: list[PartyView]
    mandates: list[MandateView]


class VersionQuery(Wire):
    """The version that the page has: the answer waits for a later one."""

    after: Annotated[str, Field(max_length=VERSION_CHARACTERS_MAX)] | None = None


class OrderBody(Wire):
    """A payment to a person, as it was typed."""

    payee: Typed
    amount: Typed
    currency: Currency
    reference: Typed = ""


class PayoutBody(Wire):
    """A payout to an account at a bank, as it was typed."""

    iban: Typed
    name: Typed
    amount: Typed
    currency: Currency
    reference: Typed = ""


class LinkBody(Wire):
    """An invoice, by what its link carries.

    Attributes:
        invoice: Id.
        hash: Of this version of it: whoever has it was given the link.
    """

    invoice: WireUlid
    version: Annotated[int, Field(ge=1, le=999_999)]
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class StatusView(Wire):
    """The status of an invoice for a shop's page. For display, not for delivery of goods.

    Attributes:
        status: ``paid``; ``failed``: it cannot be paid by this link any more, or the money went
            back; ``pending``: neither yet.
    """

    status: Literal["paid", "failed", "pending"]


class CodeBody(Wire):
    """A scanned or pasted code."""

    text: Annotated[str, Field(min_length=1, max_length=5_000)]


class CodeView(Wire):
    """The request in a code; it pays nothing.

    Attributes:
        kind: ``invoice`` (pay its link), ``person`` or ``bank`` (fill in a form), or ``other``:
            it can be read, not paid from here.
        link: Of an invoice: what is behind ``#`` of its page.
        payee: Whom it names; that is not proved.
        amount: As typed text, to be filled in; empty: the payer says how much.
        facts: What else it says.
        words: What to know or do, in words; may be empty.
    """

    kind: Literal["invoice", "person", "bank", "other"]
    link: str | None = None
    payee: PartyView | None = None
    amount: str = ""
    currency: str = ""
    reference: str = ""
    facts: list[FactView] = Field(default_factory=list)
    words: str = ""


class RequestBody(Wire):
    """A request for payment; all parts are optional."""

    amount: Typed = ""
    currency: Currency
    reference: Typed = ""


class RequestView(Wire):
    """A code by which one is paid: the link, and the same as SVG."""

    link: str
    code: str


class TopUpView(Wire):
    """How money comes in from a bank; play money from the bank of the demo.

    Attributes:
        bank: What the bank is called here.
        code: GiroCode, SVG; null: there is none for this currency.
    """

    bank: str
    owner: str
    account: str
    reference: str
    currency: str
    code: str | None
    is_play_money: bool


class TopUpsView(Wire):
    """The ways by which money comes in."""

    ways: list[TopUpView]


class HistoryQuery(Wire):
    """A period of one account, its first and last day (UTC), and words to be found in it."""

    currency: Currency
    first: Day
    last: Day
    q: Annotated[str, Field(max_length=QUERY_CHARACTERS_MAX)] = ""


class StatementQuery(Wire):
    """A period of one account as a file."""

    currency: Currency
    first: Day
    last: Day
    form: Literal["csv", "pdf", "camt053"]


class BookedView(Wire):
    """A line of an account.

    Attributes:
        minor: Below 0: paid.
        balance_minor: After it.
        address: Of the other side, as of a party; may be empty.
        name: The other side; may be empty.
        text: What it was for; may be empty.
        payment: Of which payment of theirs; null: of none.
    """

    at_ms: int
    minor: int
    balance_minor: int
    address: str
    name: str
    text: str
    payment: str | None


class HistoryView(Wire):
    """A period of an account: opening balance and lines make the closing balance.

    Attributes:
        lines: Those in which the words were found, the newest first.
        left_out: How many older ones are not shown.
    """

    currency: str
    opening_minor: int
    credit_minor: int
    debit_minor: int
    closing_minor: int
    lines: list[BookedView]
    left_out: int


class LimitView(Wire):
    """A limit that somebody set for themselves.

    Attributes:
        kind: ``first_payee``: the first payment to somebody waits above it; ``day``: no more goes
            out in 24 hours.
        minor: Null: no limit.
        later_minor: What counts from ``later_at_ms`` on; null with a time: no limit.
    """

    currency: str
    kind: Literal["first_payee", "day"]
    minor: int | None
    later_minor: int | None
    later_at_ms: int | None


class LimitsView(Wire):
    """All limits."""

    limits: list[LimitView]


class LimitBody(Wire):
    """A limit as it is wanted; null: none."""

    currency: Currency
    kind: Literal["first_payee", "day"]
    minor: Annotated[int, Field(ge=0, le=MINOR_MAX)] | None


class Nothing(Wire):
    """An empty object."""
