"""Interface of a bank rail: the orders that it takes, and the events that it reports."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Protocol

import attrs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from veche.protocol.ids import Ulid

ORDERS_MAX: Final = 10_000
"""Orders of one file."""
ENTRIES_MAX: Final = 100_000
"""Entries of one file."""
BANK_FILE_MAX: Final = 32 * 1024 * 1024
"""Bytes of one file."""
ID_CHARACTERS_MAX: Final = 35
"""Of every id in ISO 20022 (Max35Text)."""


class OrderKind(enum.Enum):
    """The kind of an order to a bank."""

    PAYOUT = "payout"
    """Pay somebody from our account: pain.001."""
    COLLECT = "collect"
    """Take from somebody's account by their mandate: pain.008."""


class OrderStatus(enum.Enum):
    """The bank's status of an order."""

    ACCEPTED = "accepted"
    """It is taken and will be done: ACTC, ACCP, ACSP, ACWC."""
    PENDING = "pending"
    """It is looked at: PDNG, RCVD, and whatever is not known."""
    SETTLED = "settled"
    """It is done: ACSC, ACCC."""
    REJECTED = "rejected"
    """It is not done: RJCT."""


@attrs.frozen
class Party:
    """Somebody with an account.

    Attributes:
        name: As written on the other side, at most 70 characters after transliteration.
        account: IBAN, or another bank's number for it.
        bic: Of the bank; empty: the rail finds it.
    """

    name: str
    account: str
    bic: str = ""


@attrs.frozen
class Signed:
    """The mandate that a collection stands on.

    Attributes:
        mandate_id: At most ``ID_CHARACTERS_MAX``.
        signed_on: When the payer signed it.
        creditor_id: The collector's identifier in the scheme.
        is_first: Whether nothing was collected by it before.
    """

    mandate_id: str
    signed_on: dt.date
    creditor_id: str
    is_first: bool = False


@attrs.frozen
class BankOrder:
    """An order to a bank.

    Attributes:
        id: Written with the hold that covers it; the bank gives it back in all that it tells.
        kind: Whether to pay or to collect.
        own: Our account.
        other: Who is paid, or who pays.
        amount_minor: At least 1.
        currency: ISO 4217 code.
        reference: ISO 11649, or empty.
        text: Remittance information; not where there is a reference.
        mandate: Of a collection.
    """

    id: Ulid
    kind: OrderKind
    own: Party
    other: Party
    amount_minor: int
    currency: str
    reference: str = ""
    text: str = ""
    mandate: Signed | None = None


@attrs.frozen
class BankMessage:
    """A file for a bank.

    Attributes:
        id: Its ``MsgId``; the same orders at the same time have the same.
        name: The message, such as ``pain.001.001.09``.
        data: The XML.
        sha256: Of ``data``, hexadecimal.
    """

    id: str
    name: str
    data: bytes
    sha256: str


@attrs.frozen
class Entry:
    """A line of an account at a bank.

    Attributes:
        key: The bank's reference of it, or a digest where it gives none: it counts once.
        amount_minor: At least 1.
        is_credit: Whether it came in.
        currency: ISO 4217 code.
        booked_on: The bank's day.
        order_id: Our order, if the bank gives its id back.
        other_name: Who paid or was paid.
        other_account: Their account.
        own_account: The account of ours that was named, such as a virtual IBAN; empty: the
            statement's.
        reference: Structured remittance, or empty.
        text: Unstructured remittance, or empty.
        return_code: Why the bank gives money back (ISO 20022 external return reason); empty: it
            is no return.
        batch: Key of the sum, if it is one of the payments of a batch; or empty.
        batch_minor: What the batch adds to the balance.
    """

    key: str
    amount_minor: int
    is_credit: bool
    currency: str
    booked_on: dt.date
    order_id: str = ""
    other_name: str = ""
    other_account: str = ""
    own_account: str = ""
    reference: str = ""
    text: str = ""
    return_code: str = ""
    batch: str = ""
    batch_minor: int = 0

    @property
    def signed_minor(self) -> int:
        """Amount that it adds to the balance."""
        return self.amount_minor if self.is_credit else -self.amount_minor


@attrs.frozen
class Statement:
    """Every line of an account between two balances, which add up.

    Attributes:
        id: At most ``ID_CHARACTERS_MAX``.
        account: IBAN or another number.
        currency: ISO 4217 code.
        opened_on: First day.
        closed_on: Last day.
        opening_minor: Balance before the first line; below 0: the account was overdrawn.
        closing_minor: Balance after the last.
        entries: In their order, at most ``ENTRIES_MAX``.
    """

    id: str
    account: str
    currency: str
    opened_on: dt.date
    closed_on: dt.date
    opening_minor: int
    closing_minor: int
    entries: Sequence[Entry]


@attrs.frozen
class Status:
    """A bank's word on an order, or on all of a file.

    Attributes:
        message_id: ``MsgId`` of the file.
        order_id: The order; empty: every one of the file.
        status: The word.
        code: ISO 20022 external status reason, such as ``AC04``; empty: none was given.
    """

    message_id: str
    order_id: str
    status: OrderStatus
    code: str = ""


@attrs.frozen
class Booked:
    """A line was booked on an account of ours."""

    account: str
    entry: Entry


@attrs.frozen
class Closed:
    """A banking day ended with a statement."""

    statement: Statement


@attrs.frozen
class Odd:
    """A part of a file that counts for nothing, or not as it was written; the rest counts.

    Attributes:
        about: The message, or the statement in it.
        problem: Line, path, and what was made of it; no value of it.
    """

    about: str
    problem: str


BankEvent = Status | Booked | Closed | Odd


@attrs.frozen
class Accepted:
    """The bank has the file."""


@attrs.frozen
class Refused:
    """The bank does not take the file.

    Attributes:
        code: Its word for why.
    """

    code: str


@attrs.frozen
class Unknown:
    """No answer came: the bank may have the file or not."""


Submitted = Accepted | Refused | Unknown


class NameAnswer(enum.Enum):
    """The answer to the question if an account's owner has a name."""

    MATCH = "match"
    CLOSE = "close"
    """Nearly; the bank says what the name is."""
    NO_MATCH = "no_match"
    """Another name, or no such account: the two look alike, so that nobody learns who has one."""
    UNKNOWN = "unknown"
    """The bank does not say."""


@attrs.frozen
class NameMatch:
    """A bank's answer to a name.

    Attributes:
        answer: How well it fits.
        name: What it nearly is, with ``CLOSE`` alone.
    """

    answer: NameAnswer
    name: str = ""


@attrs.frozen
class RailCapabilities:
    """The capabilities of a rail.

    Attributes:
        kinds: Orders that it takes.
        currencies: ISO 4217 codes.
        amount_minor_max: Largest order.
        orders_max: Orders of a file.
        has_name_check: Whether it answers to names.
        is_latin: Whether texts are transliterated to the Latin set of SEPA.
    """

    kinds: frozenset[OrderKind]
    currencies: frozenset[str]
    amount_minor_max: int
    orders_max: int
    has_name_check: bool
    is_latin: bool


class Rail(Protocol):
    """A way to a bank."""

    @property
    def capabilities(self) -> RailCapabilities:
        """Capabilities of the rail."""

    def orders(self, orders: Sequence[BankOrder], now_ms: int) -> BankMessage:
        """The file of orders, all of one kind, account and currency; pure.

        Raises:
            MalformedError: An order is not one that the rail takes.
        """

    async def submit(self, message: BankMessage) -> Submitted:
        """Give the bank a file; after ``Unknown`` the same file is given again, and no other."""

    async def fetch(self, cursor: str) -> tuple[Sequence[bytes], str]:
        """Fetch the bank's files since ``cursor``, each at least once, and the next cursor.

        Raises:
            UnavailableError: The bank does not answer.
        """

    def parse(self, raw: bytes) -> Sequence[BankEvent]:
        """Read the events in a file of the bank; pure.

        Raises:
            BankMessageError: It is none, breaks its schema, or its sums do not add up.
        """

    async def name_check(self, account: str, name: str) -> NameMatch:
        """Check whether an account belongs to somebody of this name."""
