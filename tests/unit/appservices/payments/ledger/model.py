"""The ledger once more, slow and plain: written from the design's text and not from the code.

It keeps nothing but what was recorded. Everything else is worked out anew each time: sums, what is
held, closed, given back. An answer is found by asking of *every* result whether it applies, and
taking the first by precedence.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appservices.payments.ledger.core import Account, Result, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

R = Result
MAX = 2**63 - 1
LINKED, PENDING, POST, VOID, BALANCE_DEBIT, BALANCE_CREDIT = 1, 2, 4, 8, 16, 32
CLOSE_DEBIT, CLOSE_CREDIT, IMPORTED, EXPIRE = 64, 128, 256, 512
NO_OVERDRAFT, NO_OVERCREDIT, ACCOUNT_IMPORTED, CLOSED = 1, 2, 8, 16
BURNS = {
    R.DEBIT_ACCOUNT_NOT_FOUND,
    R.CREDIT_ACCOUNT_NOT_FOUND,
    R.PENDING_TRANSFER_NOT_FOUND,
    R.DEBIT_ACCOUNT_ALREADY_CLOSED,
    R.CREDIT_ACCOUNT_ALREADY_CLOSED,
    R.EXCEEDS_CREDITS,
    R.EXCEEDS_DEBITS,
    R.EXCEEDS_REFUNDABLE,
}


@dataclass(frozen=True)
class Recorded:
    """A transfer that was recorded: the request, with all that was absent in it filled in."""

    asked: Transfer
    amount: int
    at_ms: int

    @property
    def flags(self) -> int:
        return self.asked.flags

    @property
    def expires_at_ms(self) -> int | None:
        return self.at_ms + self.asked.timeout_ms if self.asked.timeout_ms else None


@dataclass
class Model:
    """A ledger."""

    accounts: dict[int, Account] = field(default_factory=dict)
    rows: list[Recorded] = field(default_factory=list)
    burned: set[str] = field(default_factory=set)
    at_ms: int = 0
    opened_at_ms: int = 0

    def open(self, accounts: Sequence[Account]) -> list[Result]:
        results = []
        for account in accounts:
            importing = accounts[0].flags & ACCOUNT_IMPORTED
            result = min(self._why_not_open(account, importing), default=R.CREATED)
            if result is R.CREATED:
                self.opened_at_ms = account.at_ms or self.at_ms
                self.accounts[account.id] = account._replace(at_ms=self.opened_at_ms)
            results.append(result)
        return results

    def set_allowance(self, number: int, allowance: int) -> Result:
        if number not in self.accounts:
            return R.ACCOUNT_NOT_FOUND
        account = self.accounts[number]
        dp, dq, cp, cq = self.sums(number)
        is_over = (account.flags & NO_OVERDRAFT and dp + dq > cq + allowance) or (
            account.flags & NO_OVERCREDIT and cp + cq > dq + allowance
        )
        if is_over or not 0 <= allowance <= MAX:
            return R.ALLOWANCE_BELOW_USE
        self.accounts[number] = account._replace(allowance=allowance)
        return R.CREATED

    def start(self, now_ms: int) -> None:
        self.at_ms = max(self.at_ms, now_ms)
        due = [r for r in self.rows if self.is_open(r) and self.is_over(r)]
        for row in sorted(due, key=lambda r: (r.expires_at_ms or 0, self.rows.index(r))):
            digest = hashlib.sha256(b"expire" + bytes.fromhex(row.asked.id)).digest()[:10]
            id_ = self.at_ms.to_bytes(6, "big").hex() + digest.hex()
            asked = row.asked._replace(id=id_, flags=EXPIRE, pending_id=row.asked.id, timeout_ms=0)
            self.rows.append(Recorded(asked, 0, self.at_ms))

    def decide(self, request: Sequence[Transfer]) -> list[Result]:
        results: list[Result] = []
        for chain in self._chains(request):
            before = list(self.rows)
            chain_results: list[Result] = []
            for t in chain:
                failed = any(r is not R.CREATED for r in chain_results)
                is_last = len(results) + len(chain_results) == len(request) - 1
                if is_last and t.flags & LINKED:
                    result = R.LINKED_EVENT_CHAIN_OPEN
                elif failed:
                    result = R.LINKED_EVENT_FAILED
                else:
                    result = self._one(t, request[0].flags & IMPORTED)
                chain_results.append(result)
            if any(r is not R.CREATED for r in chain_results) and len(chain) > 1:
                self.rows = before
                chain_results = [
                    R.LINKED_EVENT_FAILED if r is R.CREATED else r for r in chain_results
                ]
            for t, result in zip(chain, chain_results, strict=True):
                if result in BURNS:
                    self.burned.add(t.id)
            results += chain_results
        return results

    # What there is, worked out from what was recorded.

    def find(self, id_: str | None) -> Recorded | None:
        return next((r for r in self.rows if r.asked.id == id_), None)

    def end_of(self, hold: Recorded) -> Recorded | None:
        return next((r for r in self.rows if r.asked.pending_id == hold.asked.id), None)

    def is_open(self, row: Recorded) -> bool:
        return bool(row.flags & PENDING) and self.end_of(row) is None

    def is_over(self, hold: Recorded) -> bool:
        return hold.expires_at_ms is not None and hold.expires_at_ms <= self.at_ms

    def sums(self, number: int) -> tuple[int, int, int, int]:
        pending, posted = {True: 0, False: 0}, {True: 0, False: 0}
        for row in self.rows:
            for is_debit, account in ((True, row.asked.debit_id), (False, row.asked.credit_id)):
                if account != number:
                    continue
                if not row.flags & PENDING:
                    posted[is_debit] += row.amount
                elif self.is_open(row):
                    pending[is_debit] += row.amount
        return pending[True], posted[True], pending[False], posted[False]

    def is_closed(self, number: int) -> bool:
        if self.accounts[number].flags & CLOSED:
            return True
        for row in self.rows:
            closes = (row.flags & CLOSE_DEBIT and row.asked.debit_id == number) or (
                row.flags & CLOSE_CREDIT and row.asked.credit_id == number
            )
            if closes and row.flags & PENDING:
                end = self.end_of(row)
                if end is None or end.flags & POST:
                    return True
        return False

    def given_back(self, original: Recorded) -> int:
        total = 0
        for row in self.rows:
            if row.asked.refund_of != original.asked.id or row.asked.pending_id is not None:
                continue
            end = self.end_of(row)
            total += row.amount if end is None else end.amount
        return total

    # Deciding.

    def _chains(self, request: Sequence[Transfer]) -> Iterator[list[Transfer]]:
        chain: list[Transfer] = []
        for t in request:
            chain.append(t)
            if not t.flags & LINKED:
                yield chain
                chain = []
        if chain:
            yield chain

    def _one(self, t: Transfer, importing: int) -> Result:
        hold = self.find(t.pending_id) if t.flags & (POST | VOID) else None
        whole = t if hold is None else self._filled(t, hold)
        result = min(self._why_not(t, whole, hold, importing), default=R.CREATED)
        if result is R.CREATED:
            amount = 0 if t.flags & VOID else self._amount(whole)
            self.rows.append(Recorded(whole._replace(at_ms=0), amount, t.at_ms or self.at_ms))
        return result

    def _filled(self, t: Transfer, hold: Recorded) -> Transfer:
        names = ("debit_id", "credit_id", "ledger", "code", "refund_of", "ref", "ext", "channel")
        absent: dict[str, Any] = {n: getattr(hold.asked, n) for n in names if not getattr(t, n)}
        if t.amount is None:
            absent["amount"] = hold.amount
        return t._replace(**absent)

    def _amount(self, t: Transfer) -> int:
        amount = t.amount or 0
        if t.flags & BALANCE_DEBIT:
            dp, dq, _, cq = self.sums(t.debit_id)
            amount = min(amount, max(0, cq + self.accounts[t.debit_id].allowance - dq - dp))
        if t.flags & BALANCE_CREDIT:
            _, dq, cp, cq = self.sums(t.credit_id)
            amount = min(amount, max(0, dq + self.accounts[t.credit_id].allowance - cq - cp))
        return amount

    def _why_not(
        self, t: Transfer, whole: Transfer, hold: Recorded | None, importing: int
    ) -> Iterator[Result]:
        yield from self._why_not_time(t.at_ms, t.flags & IMPORTED, importing)
        if t.flags & ~511:
            yield R.RESERVED_FLAG
        if int(t.id, 16) == 0:
            yield R.ID_MUST_NOT_BE_ZERO
        if int(t.id, 16) == 2**128 - 1:
            yield R.ID_MUST_NOT_BE_INT_MAX
        if (row := self.find(t.id)) is not None:
            yield self._repeated(t, row)
        if t.id in self.burned:
            yield R.ID_ALREADY_FAILED
        if t.flags & (POST | VOID):
            yield from self._why_not_end(t, whole, hold)
        else:
            yield from self._why_not_move(t)

    def _why_not_time(self, at_ms: int, imported: int, importing: int) -> Iterator[Result]:
        if importing and not imported:
            yield R.IMPORTED_EVENT_EXPECTED
        if imported and not importing:
            yield R.IMPORTED_EVENT_NOT_EXPECTED
        if at_ms and not imported:
            yield R.TIMESTAMP_MUST_BE_ZERO
        if imported and (at_ms < 1 or at_ms > MAX):
            yield R.IMPORTED_EVENT_TIMESTAMP_OUT_OF_RANGE
        if imported and at_ms > self.at_ms:
            yield R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_ADVANCE

    def _repeated(self, t: Transfer, row: Recorded) -> Result:
        hold = self.find(row.asked.pending_id)
        asked = t if hold is None else self._filled(t, hold)
        recorded_amount = row.amount
        if row.flags & VOID and hold is not None:
            recorded_amount = hold.amount
        amount = asked.amount or 0
        is_balancing = row.flags & (BALANCE_DEBIT | BALANCE_CREDIT)
        is_amount_same = amount >= recorded_amount if is_balancing else amount == recorded_amount
        names = ("ref", "ext", "channel", "ledger", "code", "refund_of")
        differences = [
            (t.flags != row.flags, R.EXISTS_WITH_DIFFERENT_FLAGS),
            (t.pending_id != row.asked.pending_id, R.EXISTS_WITH_DIFFERENT_PENDING_ID),
            (t.timeout_ms != row.asked.timeout_ms, R.EXISTS_WITH_DIFFERENT_TIMEOUT),
            (
                asked.debit_id != row.asked.debit_id,
                R.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID,
            ),
            (
                asked.credit_id != row.asked.credit_id,
                R.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID,
            ),
            (not is_amount_same, R.EXISTS_WITH_DIFFERENT_AMOUNT),
            *(
                (
                    getattr(asked, n) != getattr(row.asked, n),
                    Result[f"EXISTS_WITH_DIFFERENT_{n.upper()}"],
                )
                for n in names
            ),
        ]
        return min((result for differs, result in differences if differs), default=R.EXISTS)

    def _why_not_move(self, t: Transfer) -> Iterator[Result]:  # noqa: C901 -- a list
        for name, number in (("DEBIT", t.debit_id), ("CREDIT", t.credit_id)):
            if number == 0:
                yield Result[f"{name}_ACCOUNT_ID_MUST_NOT_BE_ZERO"]
            if number == MAX:
                yield Result[f"{name}_ACCOUNT_ID_MUST_NOT_BE_INT_MAX"]
            if number not in self.accounts:
                yield Result[f"{name}_ACCOUNT_NOT_FOUND"]
            elif self.is_closed(number):
                yield Result[f"{name}_ACCOUNT_ALREADY_CLOSED"]
        if t.debit_id == t.credit_id:
            yield R.ACCOUNTS_MUST_BE_DIFFERENT
        if t.pending_id is not None:
            yield R.PENDING_ID_MUST_BE_ABSENT
        if t.timeout_ms and not t.flags & PENDING:
            yield R.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
        if t.flags & (CLOSE_DEBIT | CLOSE_CREDIT) and not t.flags & PENDING:
            yield R.CLOSING_TRANSFER_MUST_BE_PENDING
        if t.ledger == 0:
            yield R.LEDGER_MUST_NOT_BE_ZERO
        if t.code == 0:
            yield R.CODE_MUST_NOT_BE_ZERO
        if t.debit_id in self.accounts and t.credit_id in self.accounts:
            yield from self._why_not_between(t)

    def _why_not_between(self, t: Transfer) -> Iterator[Result]:
        debit, credit = self.accounts[t.debit_id], self.accounts[t.credit_id]
        if debit.ledger != credit.ledger:
            yield R.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER
        if t.ledger != debit.ledger:
            yield R.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS
        yield from self._why_not_imported(t, debit, credit)
        amount = self._amount(t)
        dp, dq, _, dcq = self.sums(t.debit_id)
        _, cdq, cp, cq = self.sums(t.credit_id)
        yield from self._why_no_room(t.flags & PENDING, amount, (dp, dq), (cp, cq))
        if t.timeout_ms < 0 or (t.at_ms or self.at_ms) + t.timeout_ms > MAX:
            yield R.OVERFLOWS_TIMEOUT
        if debit.flags & NO_OVERDRAFT and dp + dq + amount > dcq + debit.allowance:
            yield R.EXCEEDS_CREDITS
        if credit.flags & NO_OVERCREDIT and cp + cq + amount > cdq + credit.allowance:
            yield R.EXCEEDS_DEBITS
        if t.refund_of is not None:
            yield from self._why_no_refund(t, amount)

    def _why_no_room(
        self, pending: int, amount: int, debits: tuple[int, int], credits_: tuple[int, int]
    ) -> Iterator[Result]:
        # TigerBeetle: a hold has to have room in the posted sum as well. A negative amount is not
        # one of its numbers (they are unsigned): it counts as one that is too large.
        is_none = amount < 0
        for name, (held, posted) in (("DEBITS", debits), ("CREDITS", credits_)):
            if pending and (is_none or held + amount > MAX):
                yield Result[f"OVERFLOWS_{name}_PENDING"]
            if is_none or posted + amount > MAX:
                yield Result[f"OVERFLOWS_{name}_POSTED"]
            if is_none or held + posted + amount > MAX:
                yield Result[f"OVERFLOWS_{name}"]

    def _why_no_refund(self, t: Transfer, amount: int) -> Iterator[Result]:
        original = self.find(t.refund_of)
        if original is None or original.flags & (PENDING | VOID | EXPIRE):
            yield R.REFUND_ORIGINAL_NOT_FOUND
            return
        of = original.asked
        if (t.debit_id, t.credit_id, t.ledger) != (of.credit_id, of.debit_id, of.ledger):
            yield R.REFUND_NOT_REVERSED
        if self.given_back(original) + amount > original.amount:
            yield R.EXCEEDS_REFUNDABLE

    def _why_not_imported(self, t: Transfer, debit: Account, credit: Account) -> Iterator[Result]:
        if not t.flags & IMPORTED:
            return
        if self.rows and t.at_ms <= self.rows[-1].at_ms:
            yield R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS
        if t.at_ms <= debit.at_ms:
            yield R.IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_DEBIT_ACCOUNT
        if t.at_ms <= credit.at_ms:
            yield R.IMPORTED_EVENT_TIMESTAMP_MUST_POSTDATE_CREDIT_ACCOUNT
        if t.timeout_ms:
            yield R.IMPORTED_EVENT_TIMEOUT_MUST_BE_ZERO

    def _why_not_end(  # noqa: C901 -- a list
        self, t: Transfer, whole: Transfer, hold: Recorded | None
    ) -> Iterator[Result]:
        if bool(t.flags & POST) + bool(t.flags & VOID) + bool(t.flags & PENDING) > 1:
            yield R.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if t.flags & (BALANCE_DEBIT | BALANCE_CREDIT | CLOSE_DEBIT | CLOSE_CREDIT):
            yield R.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if t.pending_id is None:
            yield R.PENDING_ID_MUST_BE_PRESENT
        if t.pending_id == t.id:
            yield R.PENDING_ID_MUST_BE_DIFFERENT
        if t.timeout_ms:
            yield R.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
        if hold is None:
            yield R.PENDING_TRANSFER_NOT_FOUND
            return
        if not hold.flags & PENDING:
            yield R.PENDING_TRANSFER_NOT_PENDING
            return
        for name, part in (
            ("debit_id", "DEBIT_ACCOUNT_ID"),
            ("credit_id", "CREDIT_ACCOUNT_ID"),
            ("ledger", "LEDGER"),
            ("code", "CODE"),
        ):
            if getattr(whole, name) != getattr(hold.asked, name):
                yield Result[f"PENDING_TRANSFER_HAS_DIFFERENT_{part}"]
        amount = whole.amount or 0
        if amount > hold.amount or amount < 0:
            yield R.EXCEEDS_PENDING_TRANSFER_AMOUNT
        if t.flags & VOID and amount != hold.amount:
            yield R.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT
        yield from self._why_not_ending(t, whole, hold)

    def _why_not_ending(self, t: Transfer, whole: Transfer, hold: Recorded) -> Iterator[Result]:
        end = self.end_of(hold)
        if end is not None and end.flags & POST:
            yield R.PENDING_TRANSFER_ALREADY_POSTED
        if end is not None and end.flags & VOID:
            yield R.PENDING_TRANSFER_ALREADY_VOIDED
        if (end is None or end.flags & EXPIRE) and self.is_over(hold):
            yield R.PENDING_TRANSFER_EXPIRED
        debit, credit = hold.asked.debit_id, hold.asked.credit_id
        yield from self._why_not_imported(t, self.accounts[debit], self.accounts[credit])
        if t.flags & POST:
            if self.is_closed(debit):
                yield R.DEBIT_ACCOUNT_ALREADY_CLOSED
            if self.is_closed(credit):
                yield R.CREDIT_ACCOUNT_ALREADY_CLOSED
        if whole.refund_of != hold.asked.refund_of:
            yield R.REFUND_NOT_REVERSED

    def _why_not_open(self, account: Account, importing: int) -> Iterator[Result]:  # noqa: C901
        imported = account.flags & ACCOUNT_IMPORTED
        yield from self._why_not_time(account.at_ms, imported, importing)
        if account.flags & ~31 or (account.flags & CLOSED and not imported):
            yield R.RESERVED_FLAG
        if account.id == 0:
            yield R.ID_MUST_NOT_BE_ZERO
        if account.id == MAX:
            yield R.ID_MUST_NOT_BE_INT_MAX
        if (opened := self.accounts.get(account.id)) is not None:
            yield R.EXISTS
            if (account.flags ^ opened.flags) & ~CLOSED:
                yield R.EXISTS_WITH_DIFFERENT_FLAGS
            for name in ("ref", "ext", "channel", "ledger", "code"):
                if getattr(account, name) != getattr(opened, name):
                    yield Result[f"EXISTS_WITH_DIFFERENT_{name.upper()}"]
        if account.flags & NO_OVERDRAFT and account.flags & NO_OVERCREDIT:
            yield R.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if account.ledger == 0:
            yield R.LEDGER_MUST_NOT_BE_ZERO
        if account.code == 0:
            yield R.CODE_MUST_NOT_BE_ZERO
        if imported and account.at_ms <= self.opened_at_ms:
            yield R.IMPORTED_EVENT_TIMESTAMP_MUST_NOT_REGRESS
        if not 0 <= account.allowance <= MAX:
            yield R.ALLOWANCE_BELOW_USE
