"""Which line of a bank's account is what was expected, and how surely.

The certain comes first: our own order, a reference that checks itself, an account given to one
payer. Then what fits exactly, what fits nearly and nothing else does, and sums of several. A line
for which two things would do is left to a person, with the two best guesses: a wrong match costs
more than a question.
"""

from __future__ import annotations

import difflib
import enum
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Iterable, Sequence

    from appservices.payments.banks.core.port import Entry

K = TypeVar("K")
T = TypeVar("T")

NAME_RATIO_MIN: Final = 0.9
DAYS_APART_MAX: Final = 5
SUBSET_ITEMS_MAX: Final = 12
SUBSET_STEPS_MAX: Final = 10_000
GUESSES_MAX: Final = 2


class Reason(enum.Enum):
    """Why a line is taken for what was expected."""

    ORDER = "order"
    """It names our order."""
    REFERENCE = "reference"
    """It carries the structured reference."""
    ACCOUNT = "account"
    """It came to an account that one payer was given."""
    EXACT = "exact"
    """Amount, payer's account and the invoice's number in the text."""
    SCORED = "scored"
    """Amount, nearly the name, nearly the day; nothing else would do."""
    SUM = "sum"
    """Several make one, in one way only."""


@attrs.frozen
class Expected:
    """Something that a line should come for.

    Attributes:
        id: Of the caller.
        amount_minor: Of the line, at least 1; None: any, as for a top-up.
        is_credit: Whether money comes in.
        currency: ISO 4217 code.
        order_id: Our order to the bank, or empty.
        reference: Structured reference, or empty.
        virtual_account: The account of ours that was given to this payer alone, or empty.
        other_account: The other side's account, or empty.
        other_name: The other side's name, or empty.
        invoice: Number that a payer may write into the text, or empty.
        due_on: When, or None.
    """

    id: str
    amount_minor: int | None
    is_credit: bool
    currency: str
    order_id: str = ""
    reference: str = ""
    virtual_account: str = ""
    other_account: str = ""
    other_name: str = ""
    invoice: str = ""
    due_on: dt.date | None = None


@attrs.frozen
class Match:
    """Lines and what they are: one of each, or several of one of the two.

    Attributes:
        entries: Keys of lines.
        expected: Ids.
        reason: Why.
    """

    entries: tuple[str, ...]
    expected: tuple[str, ...]
    reason: Reason


@attrs.frozen
class Unclear:
    """A line for a person to look at.

    Attributes:
        entry: The line.
        guesses: Ids of the best guesses, at most ``GUESSES_MAX``.
    """

    entry: Entry
    guesses: tuple[str, ...]


@attrs.frozen
class Reconciled:
    """The result for each line and for each expected entry.

    Attributes:
        matches: In the order in which they were found.
        seen: Keys of lines that counted before, or twice in the list.
        unclear: Lines left over.
        open: Ids that no line came for.
    """

    matches: tuple[Match, ...]
    seen: tuple[str, ...]
    unclear: tuple[Unclear, ...]
    open: tuple[str, ...]


def reconcile(
    entries: Iterable[Entry], expected: Iterable[Expected], seen: Collection[str] = ()
) -> Reconciled:
    """Match lines with what is expected; none of either is used twice.

    Args:
        entries: Of one account.
        expected: Open orders, invoices, references.
        seen: Keys of lines that counted before.
    """
    desk = _Desk(expected)
    # Before all else: a line that comes again, in the statement after the advice, counts once.
    desk.take_lines(entries, seen)
    desk.certain(Reason.ORDER, lambda entry: entry.order_id, lambda one: one.order_id)
    desk.certain(Reason.REFERENCE, lambda entry: entry.reference, lambda one: one.reference)
    desk.certain(Reason.ACCOUNT, lambda entry: entry.own_account, lambda one: one.virtual_account)
    desk.only(Reason.EXACT, _is_exact)
    desk.only(Reason.SCORED, _is_near)
    desk.sums()
    return desk.done()


def name_ratio(one: str, other: str) -> float:
    """How alike two names are, 0 to 1; order, case and repeated words do not count."""
    return difflib.SequenceMatcher(None, _words(one), _words(other), autojunk=False).ratio()


def unique_subset(amounts: Sequence[int], total: int) -> tuple[int, ...] | None:
    """Places of the two or more amounts that make ``total``, if there is one way only.

    Args:
        amounts: Each at least 1; more than ``SUBSET_ITEMS_MAX`` are not looked at.
        total: What they should make.

    Returns:
        None where there is no way or a second one, or it takes over ``SUBSET_STEPS_MAX`` steps.
    """
    if len(amounts) > SUBSET_ITEMS_MAX:
        return None
    found: list[tuple[int, ...]] = []
    waiting: list[tuple[int, int, tuple[int, ...]]] = [(0, total, ())]
    for _ in range(SUBSET_STEPS_MAX):
        if not waiting or len(found) > 1:
            break
        at, left, chosen = waiting.pop()
        if left == 0 and len(chosen) > 1:
            found.append(chosen)
        elif at < len(amounts) and left > 0:
            waiting.append((at + 1, left, chosen))
            waiting.append((at + 1, left - amounts[at], (*chosen, at)))
    return found[0] if len(found) == 1 and not waiting else None


def difference_minor(ledger_minor: int, bank_minor: int, in_flight: Iterable[Entry]) -> int:
    """Return the unexplained difference at a day's end; not 0: automatic payouts stop.

    Args:
        ledger_minor: Balance of the bank's account in the ledger (debits less credits).
        bank_minor: Closing balance by the bank.
        in_flight: Lines of the bank that the ledger does not have yet.
    """
    return bank_minor - sum(entry.signed_minor for entry in in_flight) - ledger_minor


class _Desk:
    """The lines and expectations that are left, and the matches so far."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self._entries: dict[str, Entry] = {}
        self._expected = {one.id: one for one in expected}
        self._seen: list[str] = []
        self._matches: list[Match] = []

    def take_lines(self, entries: Iterable[Entry], seen: Collection[str]) -> None:
        for entry in entries:
            if entry.key in seen or entry.key in self._entries:
                self._seen.append(entry.key)
            else:
                self._entries[entry.key] = entry

    def certain(
        self,
        reason: Reason,
        of_entry: Callable[[Entry], str],
        of_expected: Callable[[Expected], str],
    ) -> None:
        """Match by a word that both have, where one expectation alone has it."""
        words = _grouped(self._expected.values(), of_expected)
        for entry in list(self._entries.values()):
            word = of_entry(entry)
            candidates = words.get(word, []) if word else []
            if len(candidates) == 1 and _can_be(entry, candidates[0]):
                # A top-up's reference or account stays good for the next line.
                is_open = candidates[0].amount_minor is None
                self._match((entry,), candidates, reason, keep=is_open)
                if not is_open:
                    words.pop(word)

    def only(self, reason: Reason, fits: Callable[[Entry, Expected], bool]) -> None:
        """Match where a line fits one expectation and this one no other line."""
        by_amount = _grouped(self._expected.values(), lambda one: one.amount_minor)
        pairs = [
            (entry.key, one.id)
            for entry in self._entries.values()
            for one in by_amount.get(entry.amount_minor, [])
            if _is_same_amount(entry, one) and fits(entry, one)
        ]
        lines, wanted = Counter(key for key, _ in pairs), Counter(id_ for _, id_ in pairs)
        for key, id_ in pairs:
            if lines[key] == 1 and wanted[id_] == 1:
                self._match((self._entries[key],), [self._expected[id_]], reason)

    def sums(self) -> None:
        """Match one line with several expectations of its payer, then several lines with one."""
        wanted = _grouped(self._expected.values(), lambda one: one.other_account)
        for entry in list(self._entries.values()):
            several = [one for one in wanted.get(entry.other_account, []) if self._adds(entry, one)]
            places = unique_subset([one.amount_minor or 0 for one in several], entry.amount_minor)
            if places:
                self._match((entry,), [several[place] for place in places], Reason.SUM)
        lines = _grouped(self._entries.values(), lambda entry: entry.other_account)
        for one in list(self._expected.values()):
            parts = [entry for entry in lines.get(one.other_account, []) if self._adds(entry, one)]
            places = unique_subset([part.amount_minor for part in parts], one.amount_minor or 0)
            if places:
                self._match(tuple(parts[place] for place in places), [one], Reason.SUM)

    def done(self) -> Reconciled:
        """The matches and what is left."""
        unclear = [Unclear(entry, self._guesses(entry)) for entry in self._entries.values()]
        return Reconciled(
            tuple(self._matches), tuple(self._seen), tuple(unclear), tuple(self._expected)
        )

    def _match(
        self,
        entries: tuple[Entry, ...],
        expected: Sequence[Expected],
        reason: Reason,
        *,
        keep: bool = False,
    ) -> None:
        ids = tuple(one.id for one in expected)
        self._matches.append(Match(tuple(entry.key for entry in entries), ids, reason))
        for entry in entries:
            del self._entries[entry.key]
        for id_ in () if keep else ids:
            del self._expected[id_]

    def _adds(self, entry: Entry, one: Expected) -> bool:
        """Return whether both are open, on one side, of fixed amount and known account."""
        is_left = entry.key in self._entries and one.id in self._expected
        is_fixed = one.amount_minor is not None and not entry.return_code
        return is_left and is_fixed and bool(one.other_account) and _is_same_side(entry, one)

    def _guesses(self, entry: Entry) -> tuple[str, ...]:
        scores = {
            one.id: _score(entry, one)
            for one in self._expected.values()
            if entry.amount_minor == one.amount_minor or _is_same_account(entry, one)
        }
        best = sorted((id_ for id_ in scores if scores[id_] > 0), key=lambda id_: -scores[id_])
        return tuple(best[:GUESSES_MAX])


def _grouped(values: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups


def _words(name: str) -> str:
    return " ".join(sorted(set(unicodedata.normalize("NFKC", name).casefold().split())))


def _is_same_side(entry: Entry, one: Expected) -> bool:
    return (entry.is_credit, entry.currency) == (one.is_credit, one.currency)


def _is_same_amount(entry: Entry, one: Expected) -> bool:
    # Money that came back is never somebody's payment.
    is_return = bool(entry.return_code)
    return _is_same_side(entry, one) and entry.amount_minor == one.amount_minor and not is_return


def _can_be(entry: Entry, one: Expected) -> bool:
    is_any = one.amount_minor is None and not entry.return_code
    return _is_same_amount(entry, one) or (is_any and _is_same_side(entry, one))


def _is_exact(entry: Entry, one: Expected) -> bool:
    words = "".join(entry.text.split()).casefold()
    return (
        _is_same_account(entry, one)
        and bool(one.invoice)
        and "".join(one.invoice.split()).casefold() in words
    )


def _is_near(entry: Entry, one: Expected) -> bool:
    return _is_name_near(entry, one) and (
        one.due_on is not None and abs((entry.booked_on - one.due_on).days) <= DAYS_APART_MAX
    )


def _is_name_near(entry: Entry, one: Expected) -> bool:
    has_both = bool(entry.other_name and one.other_name)
    return has_both and name_ratio(entry.other_name, one.other_name) >= NAME_RATIO_MIN


def _is_same_account(entry: Entry, one: Expected) -> bool:
    return bool(one.other_account) and entry.other_account == one.other_account


def _score(entry: Entry, one: Expected) -> float:
    if not _is_same_side(entry, one):
        return 0.0
    name = name_ratio(entry.other_name, one.other_name) if one.other_name else 0.0
    return name + (entry.amount_minor == one.amount_minor) + _is_same_account(entry, one)
