"""Each answer of the ledger, by the least that gives it; and what comes before what."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from appservices.payments.ledger.core import (
    AMOUNT_MAX,
    Account,
    AccountFlag,
    Class,
    Result,
    Transfer,
    TransferFlag,
)
from appservices.payments.ledger.core.values import ID_MAX, ID_ZERO
from tests.support.ledger import (
    ALICE,
    BANK,
    BOB,
    FEES,
    ZLOTY_FEES,
    Shard,
    end,
    new_id,
    people,
    transfer,
)
from tests.support.tables import each_row

ROOT = Path(__file__).parents[5]
R, F = Result, TransferFlag
NOW_MS = 1_000
NEW, HOLD, POSTED, VOIDED, OVER, PLAIN, BALANCED, BURNED, PAID = (new_id(-n) for n in range(1, 10))
SHUT, EMPTY, LATE, NEVER = 11, 12, 13, 99


def world() -> Shard:
    """Alice has 100 - 10 - 1 - 3, 8 of it held; SHUT is closed, EMPTY has room for anything."""
    shard = people(Shard(now_ms=NOW_MS - 100))
    shard.open(Account(SHUT, 1, 1), Account(EMPTY, 1, 1, allowance=AMOUNT_MAX))
    hold = {"flags": F.PENDING, "amount": 8}
    for id_ in (HOLD, POSTED, VOIDED):
        shard.one(id=id_, **hold)
    shard.ask(end(F.POST, POSTED, 1), end(F.VOID, VOIDED))
    shard.one(id=OVER, **hold, timeout_ms=5)
    shard.one(id=PLAIN, amount=10, ref=new_id(50), ext=7, channel=3)
    shard.one(id=BALANCED, amount=3, flags=F.BALANCING_DEBIT)
    shard.one(id=BURNED, amount=10_000)
    shard.one(FEES, SHUT, 0, flags=F.PENDING | F.CLOSING_CREDIT)
    shard.now_ms = NOW_MS
    shard.one(BANK, FEES, 0)
    shard.open(Account(LATE, 1, 1))
    return shard


def like(id_: str, **changes: Any) -> Transfer:
    """The transfer of an id as it was asked for, but for what is changed."""
    asked = {
        PLAIN: transfer(id=PLAIN, amount=10, ref=new_id(50), ext=7, channel=3),
        BALANCED: transfer(id=BALANCED, amount=3, flags=F.BALANCING_DEBIT),
        HOLD: transfer(id=HOLD, amount=8, flags=F.PENDING),
    }
    return asked[id_]._replace(**changes)


def imported(*args: Any, at_ms: int = NOW_MS, **kwargs: Any) -> Transfer:
    return transfer(*args, flags=F.IMPORTED | kwargs.pop("flags", 0), at_ms=at_ms, **kwargs)


BIG = AMOUNT_MAX
CASES: dict[Result, list[Transfer]] = {
    R.CREATED: [transfer()],
    R.LINKED_EVENT_FAILED: [transfer(flags=F.LINKED), transfer(code=0)],
    R.LINKED_EVENT_CHAIN_OPEN: [transfer(flags=F.LINKED)],
    R.IMPORTED_EVENT_EXPECTED: [imported(), transfer()],
    R.IMPORTED_EVENT_NOT_EXPECTED: [transfer(), imported()],
    R.TIMESTAMP_MUST_BE_ZERO: [transfer(at_ms=1)],
    R.IMPORTED_EVENT_TIMESTAMP_OUT_OF_RANGE: [imported(at_ms=0)],
    R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_ADVANCE: [imported(at_ms=NOW_MS + 1)],
    R.RESERVED_FLAG: [transfer(flags=F.EXPIRE)],
    R.ID_MUST_NOT_BE_ZERO: [transfer(id=ID_ZERO)],
    R.ID_MUST_NOT_BE_INT_MAX: [transfer(id=ID_MAX)],
    R.EXISTS_WITH_DIFFERENT_FLAGS: [like(PLAIN, flags=F.PENDING)],
    R.EXISTS_WITH_DIFFERENT_PENDING_ID: [like(PLAIN, pending_id=HOLD)],
    R.EXISTS_WITH_DIFFERENT_TIMEOUT: [like(HOLD, timeout_ms=1)],
    R.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID: [like(PLAIN, debit_id=FEES)],
    R.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID: [like(PLAIN, credit_id=FEES)],
    R.EXISTS_WITH_DIFFERENT_AMOUNT: [like(PLAIN, amount=11)],
    R.EXISTS_WITH_DIFFERENT_REF: [like(PLAIN, ref=None)],
    R.EXISTS_WITH_DIFFERENT_EXT: [like(PLAIN, ext=0)],
    R.EXISTS_WITH_DIFFERENT_CHANNEL: [like(PLAIN, channel=0)],
    R.EXISTS_WITH_DIFFERENT_LEDGER: [like(PLAIN, ledger=2)],
    R.EXISTS_WITH_DIFFERENT_CODE: [like(PLAIN, code=2)],
    R.EXISTS_WITH_DIFFERENT_REFUND_OF: [like(PLAIN, refund_of=HOLD)],
    R.EXISTS: [like(PLAIN)],
    R.ID_ALREADY_FAILED: [transfer(id=BURNED)],
    R.FLAGS_ARE_MUTUALLY_EXCLUSIVE: [end(F.POST | F.VOID, HOLD)],
    R.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO: [transfer(0)],
    R.DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX: [transfer(AMOUNT_MAX)],
    R.CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO: [transfer(ALICE, 0)],
    R.CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX: [transfer(ALICE, AMOUNT_MAX)],
    R.ACCOUNTS_MUST_BE_DIFFERENT: [transfer(ALICE, ALICE)],
    R.PENDING_ID_MUST_BE_ABSENT: [transfer(pending_id=HOLD)],
    R.PENDING_ID_MUST_BE_PRESENT: [end(F.POST, None)],
    R.PENDING_ID_MUST_BE_DIFFERENT: [end(F.POST, NEW, id=NEW)],
    R.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER: [transfer(timeout_ms=1)],
    R.CLOSING_TRANSFER_MUST_BE_PENDING: [transfer(flags=F.CLOSING_DEBIT)],
    R.LEDGER_MUST_NOT_BE_ZERO: [transfer(ledger=0)],
    R.CODE_MUST_NOT_BE_ZERO: [transfer(code=0)],
    R.DEBIT_ACCOUNT_NOT_FOUND: [transfer(NEVER)],
    R.CREDIT_ACCOUNT_NOT_FOUND: [transfer(ALICE, NEVER)],
    R.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER: [transfer(ALICE, ZLOTY_FEES)],
    R.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS: [transfer(ledger=2)],
    R.PENDING_TRANSFER_NOT_FOUND: [end(F.POST, NEW)],
    R.PENDING_TRANSFER_NOT_PENDING: [end(F.POST, PLAIN)],
    R.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID: [end(F.POST, HOLD, debit_id=FEES)],
    R.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID: [end(F.POST, HOLD, credit_id=FEES)],
    R.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER: [end(F.POST, HOLD, ledger=2)],
    R.PENDING_TRANSFER_HAS_DIFFERENT_CODE: [end(F.POST, HOLD, code=2)],
    R.EXCEEDS_PENDING_TRANSFER_AMOUNT: [end(F.POST, HOLD, 9)],
    R.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT: [end(F.VOID, HOLD, 7)],
    R.PENDING_TRANSFER_ALREADY_POSTED: [end(F.VOID, POSTED)],
    R.PENDING_TRANSFER_ALREADY_VOIDED: [end(F.POST, VOIDED)],
    R.PENDING_TRANSFER_EXPIRED: [end(F.POST, OVER)],
    R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS: [imported(at_ms=NOW_MS)],
    R.IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_DEBIT_ACCOUNT: [imported(LATE, BOB, at_ms=NOW_MS + 1)],
    R.IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_CREDIT_ACCOUNT: [
        imported(ALICE, LATE, at_ms=NOW_MS + 1)
    ],
    R.IMPORTED_EVENT_TIMEOUT_MUST_BE_ZERO: [
        imported(flags=F.PENDING, at_ms=NOW_MS + 1, timeout_ms=1)
    ],
    R.DEBIT_ACCOUNT_ALREADY_CLOSED: [transfer(SHUT)],
    R.CREDIT_ACCOUNT_ALREADY_CLOSED: [transfer(ALICE, SHUT)],
    R.OVERFLOWS_DEBITS_PENDING: [
        transfer(EMPTY, FEES, BIG - 9, flags=F.PENDING),
        transfer(EMPTY, FEES, 10, flags=F.PENDING),
    ],
    R.OVERFLOWS_CREDITS_PENDING: [
        transfer(FEES, EMPTY, BIG - 999, flags=F.PENDING),
        transfer(LATE, EMPTY, 1_000, flags=F.PENDING),
    ],
    R.OVERFLOWS_DEBITS_POSTED: [transfer(EMPTY, FEES, BIG - 9), transfer(EMPTY, FEES, 10)],
    R.OVERFLOWS_CREDITS_POSTED: [transfer(FEES, EMPTY, BIG - 999), transfer(LATE, EMPTY, 1_000)],
    R.OVERFLOWS_DEBITS: [
        transfer(EMPTY, FEES, BIG - 9),
        transfer(EMPTY, FEES, 9, flags=F.PENDING),
        transfer(EMPTY, FEES, 1),
    ],
    R.OVERFLOWS_CREDITS: [
        transfer(FEES, EMPTY, BIG - 999),
        transfer(LATE, EMPTY, 999, flags=F.PENDING),
        transfer(LATE, EMPTY, 1),
    ],
    R.OVERFLOWS_TIMEOUT: [transfer(flags=F.PENDING, timeout_ms=AMOUNT_MAX)],
    R.EXCEEDS_CREDITS: [transfer(amount=1_000)],
    R.EXCEEDS_DEBITS: [transfer(FEES, BANK)],
    R.REFUND_ORIGINAL_NOT_FOUND: [transfer(BOB, ALICE, refund_of=NEW)],
    R.REFUND_NOT_REVERSED: [transfer(BOB, FEES, refund_of=PLAIN)],
    R.EXCEEDS_REFUNDABLE: [transfer(BOB, ALICE, 11, refund_of=PLAIN)],
}
OF_ACCOUNTS = {R.ACCOUNT_NOT_FOUND, R.ALLOWANCE_BELOW_USE}


def answers(result: Result) -> list[Result]:
    shard = world()
    if "POSTDATE" in result.name or "TIMEOUT_MUST" in result.name:
        # The account is opened later than what is imported, and that later than all before.
        shard.now_ms = NOW_MS + 1
        shard.open(Account(LATE + 1, 1, 1))
        swap = {LATE: LATE + 1}
        request = [
            t._replace(
                debit_id=swap.get(t.debit_id, t.debit_id),
                credit_id=swap.get(t.credit_id, t.credit_id),
            )
            for t in CASES[result]
        ]
        return shard.ask(*request)
    return shard.ask(*CASES[result])


@each_row("result", CASES)
def test_what_gives_each_answer(result: Result) -> None:
    assert result in answers(result)


def test_every_answer_has_its_case() -> None:
    assert set(CASES) | OF_ACCOUNTS == set(Result)


@each_row("result", CASES)
def test_only_failures_that_time_may_cure_burn_the_id(result: Result) -> None:
    shard = world()
    request = CASES[result]

    given = shard.ask(*request)

    burned = {one.id for block in shard.blocks() for one in block.content.burned} - {BURNED}
    assert burned == {t.id for t, r in zip(request, given, strict=True) if r.burns}
    again = shard.ask(*request)
    for first, second in zip(given, again, strict=True):
        assert (second is R.ID_ALREADY_FAILED) == (first.burns or first is R.ID_ALREADY_FAILED)


def test_the_first_by_precedence_is_given() -> None:
    """Faults are put into a transfer from the least to the most important, one after the other."""
    faults: list[tuple[Result, dict[str, Any]]] = [
        (R.REFUND_ORIGINAL_NOT_FOUND, {"refund_of": NEW}),
        (R.EXCEEDS_CREDITS, {"amount": 1_000}),
        (R.OVERFLOWS_TIMEOUT, {"flags": F.PENDING, "timeout_ms": AMOUNT_MAX}),
        (R.OVERFLOWS_DEBITS_PENDING, {"amount": AMOUNT_MAX + 1}),
        (R.CREDIT_ACCOUNT_ALREADY_CLOSED, {"credit_id": SHUT}),
        (R.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS, {"ledger": 2}),
        (R.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER, {"credit_id": ZLOTY_FEES}),
        (R.CREDIT_ACCOUNT_NOT_FOUND, {"credit_id": NEVER}),
        (R.DEBIT_ACCOUNT_NOT_FOUND, {"debit_id": NEVER + 1}),
        (R.CODE_MUST_NOT_BE_ZERO, {"code": 0}),
        (R.LEDGER_MUST_NOT_BE_ZERO, {"ledger": 0}),
        (R.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER, {"flags": F.CLOSING_DEBIT}),
        (R.PENDING_ID_MUST_BE_ABSENT, {"pending_id": HOLD}),
        (R.ACCOUNTS_MUST_BE_DIFFERENT, {"debit_id": NEVER, "credit_id": NEVER}),
        (R.CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, {"credit_id": AMOUNT_MAX}),
        (R.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, {"debit_id": 0}),
        (R.FLAGS_ARE_MUTUALLY_EXCLUSIVE, {"flags": F.POST | F.CLOSING_DEBIT}),
        (R.ID_ALREADY_FAILED, {"id": BURNED}),
        (R.EXISTS_WITH_DIFFERENT_FLAGS, {"id": PLAIN}),
        (R.ID_MUST_NOT_BE_INT_MAX, {"id": ID_MAX}),
        (R.RESERVED_FLAG, {"flags": 1 << 10}),
        (R.TIMESTAMP_MUST_BE_ZERO, {"at_ms": 5}),
        (R.IMPORTED_EVENT_NOT_EXPECTED, {"flags": 1 << 10 | F.IMPORTED}),
    ]
    shard, values = world(), dict[str, Any]()
    given = []
    for _, fault in faults:
        values |= fault
        changed = {"id": new_id()} | values
        given.append(shard.ask(transfer(FEES, BOB, 0), transfer(**changed))[1])

    assert [r.word for r in given] == [r.word for r, _ in faults]
    assert [r.value for r in given] == sorted((r.value for r in given), reverse=True)


@pytest.mark.parametrize(
    ("absent", "given"),
    [
        (end(F.POST, HOLD, 5), {"debit_id": ALICE, "credit_id": BOB, "ledger": 1, "code": 1}),
        (end(F.POST, HOLD), {"amount": 8}),
        (end(F.VOID, HOLD), {"amount": 8}),
    ],
)
def test_what_is_absent_in_an_end_is_as_the_holds_also_when_it_is_repeated(
    absent: Transfer, given: dict[str, Any]
) -> None:
    shard = world()

    assert shard.ask(absent) == [R.CREATED]
    assert shard.ask(absent._replace(**given)) == [R.EXISTS]
    for name, other in (("debit_id", FEES), ("code", 2), ("ref", new_id()), ("ext", 1)):
        change: dict[str, Any] = {name: other}
        changed = absent._replace(**change)
        assert shard.ask(changed)[0].what_to_do is Class.BUG


@pytest.mark.parametrize(
    ("asked", "result"),
    [(3, R.EXISTS), (AMOUNT_MAX, R.EXISTS), (2, R.EXISTS_WITH_DIFFERENT_AMOUNT)],
)
def test_a_balanced_transfer_is_the_same_with_any_maximum_above(asked: int, result: Result) -> None:
    assert world().ask(like(BALANCED, amount=asked)) == [result]


@each_row(
    "flags",
    [
        one | two
        for one, two in itertools.combinations(
            [F.PENDING, F.POST, F.VOID, F.BALANCING_DEBIT, F.CLOSING_CREDIT], 2
        )
        if (one | two) & (F.POST | F.VOID)
    ],
)
def test_an_end_excludes_all_but_itself(flags: TransferFlag) -> None:
    assert world().ask(end(flags, HOLD)) == [R.FLAGS_ARE_MUTUALLY_EXCLUSIVE]


def test_every_class_says_what_to_do() -> None:
    assert {r.what_to_do for r in Result} == set(Class)
    assert [r for r in Result if r.is_done] == [R.CREATED, R.EXISTS]
    assert all(r.what_to_do is Class.BURNS for r in Result if r.burns)


class TestOpening:
    @each_row(
        ("account", "result"),
        [
            (Account(20, 1, 1), R.CREATED),
            (Account(20, 1, 1, at_ms=1), R.TIMESTAMP_MUST_BE_ZERO),
            (Account(20, 1, 1, 8), R.IMPORTED_EVENT_TIMESTAMP_OUT_OF_RANGE),
            (
                Account(20, 1, 1, 8, at_ms=NOW_MS + 1),
                R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_ADVANCE,
            ),
            (Account(20, 1, 1, 8, at_ms=NOW_MS), R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS),
            (Account(20, 1, 1, AccountFlag.CLOSED), R.RESERVED_FLAG),
            (Account(20, 1, 1, 32), R.RESERVED_FLAG),
            (Account(0, 1, 1), R.ID_MUST_NOT_BE_ZERO),
            (Account(AMOUNT_MAX, 1, 1), R.ID_MUST_NOT_BE_INT_MAX),
            (Account(EMPTY, 1, 1), R.EXISTS),
            (Account(SHUT, 1, 1), R.EXISTS),
            (Account(EMPTY, 1, 1, 1), R.EXISTS_WITH_DIFFERENT_FLAGS),
            (Account(EMPTY, 1, 1, ref=new_id()), R.EXISTS_WITH_DIFFERENT_REF),
            (Account(EMPTY, 1, 1, ext=1), R.EXISTS_WITH_DIFFERENT_EXT),
            (Account(EMPTY, 1, 1, channel=1), R.EXISTS_WITH_DIFFERENT_CHANNEL),
            (Account(EMPTY, 2, 1), R.EXISTS_WITH_DIFFERENT_LEDGER),
            (Account(EMPTY, 1, 2), R.EXISTS_WITH_DIFFERENT_CODE),
            (Account(20, 1, 1, 3), R.FLAGS_ARE_MUTUALLY_EXCLUSIVE),
            (Account(20, 0, 1), R.LEDGER_MUST_NOT_BE_ZERO),
            (Account(20, 1, 0), R.CODE_MUST_NOT_BE_ZERO),
            (Account(20, 1, 1, allowance=-1), R.ALLOWANCE_BELOW_USE),
        ],
    )
    def test_answers(self, account: Account, result: Result) -> None:
        assert world().open(account) == [result]

    def test_all_of_a_request_are_imported_or_none(self) -> None:
        plain, past = Account(20, 1, 1), Account(21, 1, 1, 8, at_ms=NOW_MS + 1)
        first, second = world(), world()
        first.now_ms = second.now_ms = NOW_MS + 1

        assert first.open(past, plain) == [R.CREATED, R.IMPORTED_EVENT_EXPECTED]
        assert second.open(plain, past) == [R.CREATED, R.IMPORTED_EVENT_NOT_EXPECTED]

    @each_row(
        ("account", "allowance", "result"),
        [
            (NEVER, 1, R.ACCOUNT_NOT_FOUND),
            (ALICE, 1, R.CREATED),
            (ALICE, -1, R.ALLOWANCE_BELOW_USE),
            (ALICE, AMOUNT_MAX + 1, R.ALLOWANCE_BELOW_USE),
        ],
    )
    def test_answers_to_an_allowance(self, account: int, allowance: int, result: Result) -> None:
        assert world().allow(account, allowance) is result


def test_the_page_lists_every_answer_by_precedence() -> None:
    text = (ROOT / "docs/explanation/ledger.md").read_text()
    table = "".join(f"| `{result.word}` | {result.what_to_do.value} |\n" for result in Result)

    assert text.endswith(table)
