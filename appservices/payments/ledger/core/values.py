"""Values of the ledger: requests, records, and the numbers that it knows.

Amounts are whole minor units of the currency of a *ledger* (a number from 1 on). Ids of transfers
are ULIDs as 32 lower-case hex digits, with 80 fresh random bits each: a neighbour's leaf in a proof
must not be guessable. Times are milliseconds, UTC.
"""

from __future__ import annotations

import enum
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from veche.protocol.ids import Ulid, hex_of_ulid, ulid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.ledger.core.results import Result

AMOUNT_MAX: Final = 2**63 - 1
"""Largest amount, sum and time of the ledger."""
ROWS_MAX: Final = 8_000
"""Leaves of a block: transfers, events and burned ids together."""
PLACES: Final = 8_192
"""Positions of a block; ``pos`` = block x ``PLACES`` + place orders all that ever happened."""
CHAIN_MAX: Final = 64
"""Members of a chain."""
ID_ZERO: Final = "0" * 32
ID_MAX: Final = "f" * 32
SALT_DIGITS: Final = 20


class AccountCode(enum.IntEnum):
    """Sorts of accounts. What persons and merchants have is owed by the institution: credit."""

    WALLET = 1
    MERCHANT = 2
    FEES = 3
    TAX = 4
    ESCROW = 5
    DISPUTED = 6
    PAYOUT_CLEARING = 7
    BANK = 8
    SUSPENSE = 9
    DUE_TO_PEER = 10
    DUE_FROM_PEER = 11
    EXCHANGE = 12
    OPENING = 13
    MIRROR = 14


class AccountFlag(enum.IntFlag):
    """A constraint of an account.

    Attributes:
        NO_OVERDRAFT: Debits, pending ones too, are at most the credits posted + ``allowance``.
        NO_OVERCREDIT: The mirror image; excludes the first.
        HISTORY: A line of its sums is kept for each block that moves it.
        IMPORTED: Opened with a time of its own.
        CLOSED: Nothing moves but a void. Set and taken off by holds that close.
    """

    NO_OVERDRAFT = 1
    NO_OVERCREDIT = 2
    HISTORY = 4
    IMPORTED = 8
    CLOSED = 16


class TransferFlag(enum.IntFlag):
    """A kind of transfer.

    Attributes:
        LINKED: It and the next one are done both or not at all.
        PENDING: A hold: it moves into the pending sums.
        POST: Ends a hold; ``amount`` of it, at most all, is moved, the rest released.
        VOID: Ends a hold; nothing is moved.
        BALANCING_DEBIT: ``amount`` is a maximum: what the debit account has cover for is moved.
        BALANCING_CREDIT: The mirror image.
        CLOSING_DEBIT: A hold that closes the debit account; its void or expiry opens it again.
        CLOSING_CREDIT: … the credit account.
        IMPORTED: Has a past time of its own.
        EXPIRE: Ended a hold whose time was over. The ledger alone sets it.
    """

    LINKED = 1
    PENDING = 2
    POST = 4
    VOID = 8
    BALANCING_DEBIT = 16
    BALANCING_CREDIT = 32
    CLOSING_DEBIT = 64
    CLOSING_CREDIT = 128
    IMPORTED = 256
    EXPIRE = 512


class EventKind(enum.IntEnum):
    """The kind of an account's event, other than transfers."""

    OPENED = 1
    ALLOWANCE_SET = 2


class Account(NamedTuple):
    """An account to open.

    Attributes:
        id: 1 to 2^63 - 2, given by the service.
        ledger: From 1 on.
        code: From 1 on; see ``AccountCode``.
        flags: ``AccountFlag``.
        allowance: How far the bounded side may pass the other: an overdraft, a credit limit.
        ref: 32 hex digits, free for the caller, or None.
        ext: Free for the caller, 0 if absent.
        channel: Where it came from, 0 if absent.
        at_ms: Of imported ones; otherwise 0.
        salt: 20 hex digits, fresh for each event: nobody guesses its leaf from a proof beside it.
    """

    id: int
    ledger: int
    code: int
    flags: int = 0
    allowance: int = 0
    ref: str | None = None
    ext: int = 0
    channel: int = 0
    at_ms: int = 0
    salt: str = "0" * SALT_DIGITS


class Transfer(NamedTuple):
    """A transfer that is asked for.

    Attributes:
        id: 32 hex digits of a ULID: the key under which it is done once.
        debit_id: Account; 0 on a post or void: the hold's.
        credit_id: Likewise.
        amount: 0 to ``AMOUNT_MAX``; a maximum if it is balancing. None on a post or void: all of
            the hold; otherwise as 0.
        ledger: 0 on a post or void: the hold's.
        code: Why it moves, from 1 on; 0 on a post or void: the hold's.
        flags: ``TransferFlag``.
        pending_id: The hold that a post or void ends.
        refund_of: The plain transfer or post that it gives back, from its payee to its payer.
        timeout_ms: After which a hold expires; 0: never.
        ref: 32 hex digits, free for the caller: the payment. None on a post or void: the hold's.
        ext: Free for the caller; 0 is absent.
        channel: Where it came from; 0 is absent.
        at_ms: Of imported ones; otherwise 0.
    """

    id: str
    debit_id: int = 0
    credit_id: int = 0
    amount: int | None = None
    ledger: int = 0
    code: int = 0
    flags: int = 0
    pending_id: str | None = None
    refund_of: str | None = None
    timeout_ms: int = 0
    ref: str | None = None
    ext: int = 0
    channel: int = 0
    at_ms: int = 0


class Row(NamedTuple):
    """A transfer as it is recorded, for ever.

    Attributes:
        pos: When, in the order of all that happened.
        id: As asked; of an expiry, ``expiry_id``.
        debit_id: Account.
        credit_id: Account.
        amount: What was moved, or is held.
        released: Of a row that ends a hold: all that was held; otherwise 0.
        ledger: As the accounts'.
        code: As asked.
        flags: As asked, or ``EXPIRE``.
        pending_id: The hold that it ended.
        refund_of: What it gives back; of a row that ends a hold, as the hold's.
        ref: As asked.
        ext: As asked.
        channel: As asked.
        expires_at_ms: Of a hold that does.
        at_ms: Ledger time.
    """

    pos: int
    id: str
    debit_id: int
    credit_id: int
    amount: int
    released: int
    ledger: int
    code: int
    flags: int
    pending_id: str | None
    refund_of: str | None
    ref: str | None
    ext: int
    channel: int
    expires_at_ms: int | None
    at_ms: int


class Event(NamedTuple):
    """An event of an account, recorded for ever.

    Attributes:
        pos: When.
        kind: ``EventKind``.
        account: As opened, or with its new allowance; ``at_ms`` is the ledger time.
    """

    pos: int
    kind: EventKind
    account: Account


class Burned(NamedTuple):
    """An id that failed for a reason that time may cure, as it is recorded, for ever."""

    pos: int
    id: str
    result: Result
    at_ms: int


class Sums(NamedTuple):
    """The sums that an account has moved, minor units."""

    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class AccountRow(NamedTuple):
    """An account as it is kept.

    Attributes:
        account: As opened, but for the present allowance and ``CLOSED``.
        sums: What it has moved.
        opened_pos: When it was opened.
    """

    account: Account
    sums: Sums
    opened_pos: int


class Names(NamedTuple):
    """The ids in a block that its book lacks.

    Attributes:
        ids: Of transfers.
        holds: Ids of transfers whose end matters too.
        originals: Ids of transfers of which something is to be given back.
        accounts: Numbers.
    """

    ids: Sequence[str] = ()
    holds: Sequence[str] = ()
    originals: Sequence[str] = ()
    accounts: Sequence[int] = ()


class Known(NamedTuple):
    """The stored values for ``Names``; a missing one is in none of these.

    Attributes:
        accounts: By number.
        rows: By id.
        ends: Flags of the row that ended a hold, by the hold's id.
        burned: Ids.
        refunded: What was given back of a transfer so far, by its id; only where some was.
    """

    accounts: Mapping[int, AccountRow]
    rows: Mapping[str, Row]
    ends: Mapping[str, int]
    burned: Mapping[str, Result]
    refunded: Mapping[str, int]


def ledger_id(of: Ulid) -> str:
    """A ULID as the ledger has it: 32 hex digits that sort alike."""
    return hex_of_ulid(of)


def ulid_of(id_: str) -> Ulid:
    """The ULID of a ledger's id."""
    raw = bytes.fromhex(id_)
    return ulid(int.from_bytes(raw[:6], "big"), raw[6:])


def expiry_id(hold_id: str, at_ms: int) -> str:
    """The id of the row that ends a hold whose time is over, at a ledger time."""
    digest = hashlib.sha256(b"expire" + bytes.fromhex(hold_id)).hexdigest()
    return f"{at_ms:012x}{digest[:20]}"
