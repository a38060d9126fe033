"""What is true of a ledger at any moment, as functions of its blocks and of what is kept."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from appservices.payments.ledger.core import AMOUNT_MAX, AccountFlag, TransferFlag
from appservices.payments.ledger.core.block import FIRST_HEAD, leaves, seal
from appservices.payments.ledger.core.values import PLACES, EventKind, Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from appservices.payments.ledger.core.block import Block
    from appservices.payments.ledger.core.port import LedgerStore
    from appservices.payments.ledger.core.values import AccountRow, Row

ENDS = TransferFlag.POST | TransferFlag.VOID | TransferFlag.EXPIRE


def broken_rules(store: LedgerStore[Any], blocks: Sequence[Block]) -> list[str]:
    """Names of the rules that do not hold; empty if all is well."""
    rows = [row for block in blocks for row in block.content.rows]
    events = [event for block in blocks for event in block.content.events]
    numbers = sorted({e.account.id for e in events if e.kind is EventKind.OPENED})
    accounts = store.look_up(Names(accounts=numbers)).accounts
    holds = store.holds()
    rules = {
        "no money is made or lost": is_conserved(accounts),
        "sums are the fold of the rows": are_folds(accounts, rows),
        "pending sums are the open holds": are_held(accounts, holds),
        "a hold is open or ended once": end_once(rows, holds),
        "nobody passes a bound": are_bound(accounts),
        "blocks are whole and follow one another": are_chained(blocks),
        "an id has one answer": are_answered_once(blocks),
        "no more is given back than was paid": are_covered(rows),
        "time never goes back": is_rising(block.content.at_ms for block in blocks),
    }
    return [rule for rule, holds_ in rules.items() if not holds_]


def is_conserved(accounts: Mapping[int, AccountRow]) -> bool:
    """Per ledger, debits are credits, pending and posted."""
    total: Counter[tuple[int, str]] = Counter()
    for account, sums, _ in accounts.values():
        total[account.ledger, "pending"] += sums.debits_pending - sums.credits_pending
        total[account.ledger, "posted"] += sums.debits_posted - sums.credits_posted
    return not any(total.values())


def are_folds(accounts: Mapping[int, AccountRow], rows: Iterable[Row]) -> bool:
    """Each account's sums follow from its rows."""
    fold: Counter[tuple[int, int]] = Counter()
    for row in rows:
        is_hold = row.flags & TransferFlag.PENDING
        for number, side in ((row.debit_id, 0), (row.credit_id, 2)):
            fold[number, side] += row.amount if is_hold else -row.released
            fold[number, side + 1] += 0 if is_hold else row.amount
    return all(
        tuple(fold[number, part] for part in range(4)) == row.sums
        for number, row in accounts.items()
    )


def are_held(accounts: Mapping[int, AccountRow], holds: Iterable[Row]) -> bool:
    """Each account's pending sums are what open holds say."""
    held: Counter[tuple[int, str]] = Counter()
    for hold in holds:
        held[hold.debit_id, "debit"] += hold.amount
        held[hold.credit_id, "credit"] += hold.amount
    return all(
        (held[number, "debit"], held[number, "credit"])
        == (row.sums.debits_pending, row.sums.credits_pending)
        for number, row in accounts.items()
    )


def end_once(rows: Sequence[Row], holds: Iterable[Row]) -> bool:
    """Each hold is open, or has exactly one row that ended it."""
    ends = Counter(row.pending_id or "" for row in rows if row.flags & ENDS)
    is_open = Counter(hold.id for hold in holds)
    made = {row.id for row in rows if row.flags & TransferFlag.PENDING}
    return made == set(ends + is_open) and max((ends + is_open).values(), default=1) == 1


def are_bound(accounts: Mapping[int, AccountRow]) -> bool:
    """No account passes its bound, with its allowance, or the largest sum."""
    for account, sums, _ in accounts.values():
        debits, credits_ = sum(sums[:2]), sum(sums[2:])
        if max(debits, credits_) > AMOUNT_MAX or min(sums) < 0:
            return False
        over = debits - sums.credits_posted if account.flags & AccountFlag.NO_OVERDRAFT else 0
        under = credits_ - sums.debits_posted if account.flags & AccountFlag.NO_OVERCREDIT else 0
        if max(over, under) > account.allowance:
            return False
    return True


def are_chained(blocks: Sequence[Block]) -> bool:
    """No gap in numbers and places; roots and heads are those of the content."""
    head = FIRST_HEAD
    for number, block in enumerate(blocks, 1):
        content = block.content
        places = sorted(
            one.pos for part in (content.rows, content.events, content.burned) for one in part
        )
        if (
            content.seq != number
            or block != seal(block.shard, block.epoch, head, content)
            or places != list(range(number * PLACES, number * PLACES + content.size))
            or len(leaves(block.shard, content)) != content.size
        ):
            return False
        head = block.head
    return True


def are_answered_once(blocks: Iterable[Block]) -> bool:
    """No id is recorded twice, or both recorded and burned."""
    ids = Counter(
        one.id
        for block in blocks
        for part in (block.content.rows, block.content.burned)
        for one in part
    )
    return max(ids.values(), default=1) == 1


def are_covered(rows: Sequence[Row]) -> bool:
    """The refunds of a transfer are at most what it moved."""
    given: Counter[str] = Counter()
    for row in rows:
        if row.refund_of is not None:
            given[row.refund_of] += row.amount - row.released
    captured = {row.id: row.amount for row in rows if not row.flags & TransferFlag.PENDING}
    return all(0 <= amount <= captured[original] for original, amount in given.items())


def is_rising(times_ms: Iterable[int]) -> bool:
    """Ledger time never falls."""
    return all(earlier <= later for earlier, later in itertools.pairwise(times_ms))
