"""Answers of the ledger: each transfer and each account to open gets exactly one.

If several apply, the first in this list is given. The semantics are those that TigerBeetle
documents in public (reference pages *Account*, *Transfer*, ``create_transfers``), with ours.
"""

from __future__ import annotations

import enum
from typing import Final


class Class(enum.Enum):
    """The class of an answer: what the caller should do about it.

    Attributes:
        DONE: Nothing: it is recorded.
        FOLLOW: See the other member of the chain, whose answer says why.
        CORRECT: Ask for something else; nothing is recorded, the id is still good.
        BURNS: Time may cure it, but not under this id: it never succeeds any more.
        FINAL: Take no for an answer.
        BUG: The id is taken by other content: somebody's bug, or an attack.
    """

    DONE = "done"
    FOLLOW = "follow"
    CORRECT = "correct"
    BURNS = "burns"
    FINAL = "final"
    BUG = "bug"


class Result(enum.IntEnum):
    """An answer, by descending precedence.

    The numbers are kept with burned ids: none ever changes.
    """

    CREATED = 0
    LINKED_EVENT_FAILED = 1
    LINKED_EVENT_CHAIN_OPEN = 2
    IMPORTED_EVENT_EXPECTED = 3
    IMPORTED_EVENT_NOT_EXPECTED = 4
    TIMESTAMP_MUST_BE_ZERO = 5
    IMPORTED_EVENT_TIMESTAMP_OUT_OF_RANGE = 6
    IMPORTED_EVENT_TIMESTAMP_MUST_NOT_ADVANCE = 7
    RESERVED_FLAG = 8
    ID_MUST_NOT_BE_ZERO = 9
    ID_MUST_NOT_BE_INT_MAX = 10
    EXISTS_WITH_DIFFERENT_FLAGS = 11
    EXISTS_WITH_DIFFERENT_PENDING_ID = 12
    EXISTS_WITH_DIFFERENT_TIMEOUT = 13
    EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID = 14
    EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID = 15
    EXISTS_WITH_DIFFERENT_AMOUNT = 16
    EXISTS_WITH_DIFFERENT_REF = 17
    EXISTS_WITH_DIFFERENT_EXT = 18
    EXISTS_WITH_DIFFERENT_CHANNEL = 19
    EXISTS_WITH_DIFFERENT_LEDGER = 20
    EXISTS_WITH_DIFFERENT_CODE = 21
    EXISTS_WITH_DIFFERENT_REFUND_OF = 22
    EXISTS = 23
    ID_ALREADY_FAILED = 24
    FLAGS_ARE_MUTUALLY_EXCLUSIVE = 25
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO = 26
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX = 27
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO = 28
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX = 29
    ACCOUNTS_MUST_BE_DIFFERENT = 30
    PENDING_ID_MUST_BE_ABSENT = 31
    PENDING_ID_MUST_BE_PRESENT = 32
    PENDING_ID_MUST_BE_DIFFERENT = 33
    TIMEOUT_RESERVED_FOR_PENDING_TRANSFER = 34
    CLOSING_TRANSFER_MUST_BE_PENDING = 35
    LEDGER_MUST_NOT_BE_ZERO = 36
    CODE_MUST_NOT_BE_ZERO = 37
    DEBIT_ACCOUNT_NOT_FOUND = 38
    CREDIT_ACCOUNT_NOT_FOUND = 39
    ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER = 40
    TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS = 41
    PENDING_TRANSFER_NOT_FOUND = 42
    PENDING_TRANSFER_NOT_PENDING = 43
    PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID = 44
    PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID = 45
    PENDING_TRANSFER_HAS_DIFFERENT_LEDGER = 46
    PENDING_TRANSFER_HAS_DIFFERENT_CODE = 47
    EXCEEDS_PENDING_TRANSFER_AMOUNT = 48
    PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT = 49
    PENDING_TRANSFER_ALREADY_POSTED = 50
    PENDING_TRANSFER_ALREADY_VOIDED = 51
    PENDING_TRANSFER_EXPIRED = 52
    IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS = 53
    IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_DEBIT_ACCOUNT = 54
    IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_CREDIT_ACCOUNT = 55
    IMPORTED_EVENT_TIMEOUT_MUST_BE_ZERO = 56
    DEBIT_ACCOUNT_ALREADY_CLOSED = 57
    CREDIT_ACCOUNT_ALREADY_CLOSED = 58
    OVERFLOWS_DEBITS_PENDING = 59
    OVERFLOWS_CREDITS_PENDING = 60
    OVERFLOWS_DEBITS_POSTED = 61
    OVERFLOWS_CREDITS_POSTED = 62
    OVERFLOWS_DEBITS = 63
    OVERFLOWS_CREDITS = 64
    OVERFLOWS_TIMEOUT = 65
    EXCEEDS_CREDITS = 66
    EXCEEDS_DEBITS = 67
    REFUND_ORIGINAL_NOT_FOUND = 68
    REFUND_NOT_REVERSED = 69
    EXCEEDS_REFUNDABLE = 70
    ACCOUNT_NOT_FOUND = 71
    ALLOWANCE_BELOW_USE = 72

    @property
    def word(self) -> str:
        """Name on the wire and in proofs, such as ``exceeds_credits``."""
        return self.name.lower()

    @property
    def is_done(self) -> bool:
        """Return whether it is recorded, now or before: callers treat ``exists`` as ``created``."""
        return self is Result.CREATED or self is Result.EXISTS

    @property
    def burns(self) -> bool:
        """Return whether the id never succeeds any more."""
        return self in BURNING

    @property
    def what_to_do(self) -> Class:
        """Class of the answer, for the caller's next step."""
        return _CLASSES.get(self, Class.CORRECT)


BURNING: Final = frozenset(
    {
        Result.DEBIT_ACCOUNT_NOT_FOUND,
        Result.CREDIT_ACCOUNT_NOT_FOUND,
        Result.PENDING_TRANSFER_NOT_FOUND,
        Result.DEBIT_ACCOUNT_ALREADY_CLOSED,
        Result.CREDIT_ACCOUNT_ALREADY_CLOSED,
        Result.EXCEEDS_CREDITS,
        Result.EXCEEDS_DEBITS,
        Result.EXCEEDS_REFUNDABLE,
    }
)
"""Failures that time may cure. Without them a payment refused for lack of cover could succeed an
hour later, through a retry behind the caller's back."""

_CLASSES: Final = (
    {
        Result.CREATED: Class.DONE,
        Result.EXISTS: Class.DONE,
        Result.LINKED_EVENT_FAILED: Class.FOLLOW,
        Result.ID_ALREADY_FAILED: Class.FINAL,
        Result.PENDING_TRANSFER_ALREADY_POSTED: Class.FINAL,
        Result.PENDING_TRANSFER_ALREADY_VOIDED: Class.FINAL,
        Result.PENDING_TRANSFER_EXPIRED: Class.FINAL,
    }
    | dict.fromkeys(BURNING, Class.BURNS)
    | {one: Class.BUG for one in Result if one.name.startswith("EXISTS_WITH_")}
)
