"""Movements between this institution and another, from the ledger and signed messages.

Each payment counts on the day of the block that made it at the institution of who pays: its ledger
proves that moment to the other, so both sides' books of a day can be compared. What was not paid
counts on the day of its id. All is read page by page, from one state of the database.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.banks.core.tree import day
from appservices.payments.holders import store as holders
from appservices.payments.interbank.core.movements import (
    LINES_MAX,
    InterbankPayment,
    Original,
    Standing,
    Whereabouts,
    reason_of,
)
from appservices.payments.interbank.store import movements as store
from appservices.payments.ledger.core import AccountCode, ulid_of
from appservices.payments.ledger.store import ledger as ledger_store
from appservices.payments.peers.core import IN_OVER, OUT_OVER, In, Out
from appservices.payments.statements.service.statements import SHARD, midnight_ms, places_of
from appservices.payments.transfers.core.transfers import PAYMENT_CODES
from veche.protocol.errors import ConflictError, TooLargeError
from veche.protocol.ids import ulid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from appservices.payments.interbank.store.movements import InRow, Moved, OutRow
    from appservices.payments.ledger.core import Row
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault

PAGE_ROWS: Final = 500
DAYS_MAX: Final = 366
PSEUDONYM_BYTES: Final = 16
_ENTROPY_BYTES: Final = 10
_MOVES_NOTHING: Final = 2 | 8 | 512
_IN_PAID: Final = frozenset({In.POSTING, In.DONE, In.STUCK})


class BooksDifferError(ConflictError):
    """The ledger and the records of payments between institutions differ."""

    errcode = "ORG.VECHE.INTERBANK_BOOKS"


@attrs.frozen
class Books:
    """Our books with one other institution.

    Attributes:
        txn: A transaction that reads, of one state.
        vault: Of the institution.
        own: Our server.
        server: Theirs.
        holder: Number of the holder that it is here.
    """

    txn: Cursor
    vault: Vault
    own: str
    server: str
    holder: int

    def accounts(self, code: AccountCode) -> dict[int, str]:
        """Accounts of what is owed one way, with their currencies."""
        return dict(holders.accounts(self.txn, self.holder, code))


@attrs.frozen
class Sheet:
    """The ledger's rows of one interbank account over some days.

    Attributes:
        currency: ISO 4217.
        is_ours: What we owe them; else what they owe us.
        opening_minor: What was owed before.
        closing_minor: What was owed after.
        paid_minor: What payments added, by our blocks of these days.
        settled_minor: What all else took away: settled, set off.
        late_minor: Of ``paid_minor``: what was paid on other days by the ledger of who pays.
    """

    currency: str
    is_ours: bool
    opening_minor: int
    closing_minor: int
    paid_minor: int
    settled_minor: int
    late_minor: int


def of_day(books: Books, on: dt.date) -> Iterator[InterbankPayment]:
    """All payments of a day, both ways: those that were paid, then those that were not.

    Raises:
        BooksDifferError: The ledger has another amount, or one that nothing is kept of.
    """
    yield from _paid_by_us(books, on)
    yield from _paid_by_them(books, on)
    yield from _not_paid(books, on)


def of_days(books: Books, first: dt.date, last: dt.date) -> dict[str, InterbankPayment]:
    """The same of days, by id.

    Raises:
        TooLargeError: There are over ``LINES_MAX``.
    """
    found: dict[str, InterbankPayment] = {}
    for on in days(first, last):
        for one in of_day(books, on):
            found[one.id] = one
            if len(found) > LINES_MAX:
                raise TooLargeError(f"over {LINES_MAX} payments: ask for fewer days")
    return found


def days(first: dt.date, last: dt.date) -> list[dt.date]:
    """The days from the first to the last."""
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def sheets(books: Books, first: dt.date, last: dt.date) -> list[Sheet]:
    """Read the ledger's sheets of the same days, by account.

    Raises:
        BooksDifferError: Its rows do not make its balances, or it has a payment of which nothing is
            kept.
    """
    places = places_of(books.txn, first, last)
    codes = {AccountCode.DUE_TO_PEER: True, AccountCode.DUE_FROM_PEER: False}
    return [
        _sheet(books, account, currency, places, (first, last), is_ours=is_ours)
        for code, is_ours in codes.items()
        for account, currency in sorted(books.accounts(code).items())
    ]


def known(books: Books, ids: Sequence[str]) -> dict[str, Whereabouts]:
    """Return the known facts about payments of any day; unknown ones are left out."""
    found: dict[str, Whereabouts] = {}
    for start in range(0, len(ids), PAGE_ROWS):
        page = ids[start : start + PAGE_ROWS]
        for id_, out in store.out_of(books.txn, books.holder, page).items():
            is_open = out.state not in OUT_OVER and out.state is not Out.COMMITTING
            found[id_] = _where(is_open=is_open, is_paid=_is_paid(out.state))
        for id_, one in store.in_of(books.txn, books.holder, page).items():
            is_open = one.state not in IN_OVER and one.state not in _IN_PAID
            found[id_] = _where(is_open=is_open, is_paid=one.state in _IN_PAID)
    return found


def _where(*, is_open: bool, is_paid: bool) -> Whereabouts:
    if is_open:
        return Whereabouts.OPEN
    return Whereabouts.OTHER_DAY if is_paid else Whereabouts.NOT_PAID


def _is_paid(state: Out) -> bool:
    return state in {Out.COMMITTING, Out.DONE}


def _paid_by_us(books: Books, on: dt.date) -> Iterator[InterbankPayment]:
    start_pos, until_pos = places_of(books.txn, on, on)
    accounts = books.accounts(AccountCode.DUE_TO_PEER)
    for account in sorted(accounts):
        for rows in _pages(books, account, start_pos, until_pos):
            by_id = {
                ulid_of(row.ref): row
                for row in rows
                if row.ref and row.code in PAYMENT_CODES and row.credit_id == account
            }
            outs = store.out_of(books.txn, books.holder, list(by_id))
            first = _originals(books, [out.refund_of for out in outs.values() if out.refund_of])
            for id_, row in by_id.items():
                out = outs.get(id_)
                if out is None or row.amount != out.amount_minor or not _is_paid(out.state):
                    raise _differ(id_, "the ledger paid it")
                yield _out(books, out, on, first, paid_at_ms=row.at_ms)


def _paid_by_them(books: Books, on: dt.date) -> Iterator[InterbankPayment]:
    since_ms, until_ms = midnight_ms(on), midnight_ms(on + dt.timedelta(days=1))
    accounts = list(books.accounts(AccountCode.DUE_FROM_PEER))
    after = (since_ms, "")
    while page := store.paid_in(books.txn, books.holder, since_ms, until_ms, after, PAGE_ROWS):
        yield from _page_of_theirs(books, page, on, accounts)
        after = (page[-1].paid_at_ms or 0, page[-1].id)
    before = ""
    while page := store.paid_in_before(books.txn, books.holder, before, PAGE_ROWS):
        before = page[-1].id
        dated = [one._replace(paid_at_ms=_paid_at_ms(books, one)) for one in page]
        of_day_ = [one for one in dated if since_ms <= (one.paid_at_ms or 0) < until_ms]
        yield from _page_of_theirs(books, of_day_, on, accounts)


def _page_of_theirs(
    books: Books, page: Sequence[InRow], on: dt.date, accounts: Sequence[int]
) -> Iterator[InterbankPayment]:
    moved = store.moved(books.txn, [one.id for one in page], accounts, is_credit=False)
    packets = {one.id: _packet(books, one) for one in page}
    given_back = [of for one in packets.values() if (of := one.get("refund_of"))]
    first = _originals(books, given_back)
    for one in page:
        found = moved.get(one.id)
        is_done = one.state is In.DONE
        if is_done != (found is not None) or (found and found.amount_minor != one.amount_minor):
            raise _differ(one.id, f"it is {one.state.value} here")
        yield _in(books, one, packets[one.id], on, first, found)


def _not_paid(books: Books, on: dt.date) -> Iterator[InterbankPayment]:
    start_ms, until_ms = midnight_ms(on), midnight_ms(on + dt.timedelta(days=1))
    after: str = ulid(start_ms - 1, b"\xff" * _ENTROPY_BYTES)
    until = ulid(until_ms, bytes(_ENTROPY_BYTES))
    at = after
    while outs := store.unpaid_out(books.txn, books.holder, at, until, PAGE_ROWS):
        first = _originals(books, [out.refund_of for out in outs if out.refund_of])
        for out in outs:
            yield _out(books, out, on, first, paid_at_ms=None)
        at = outs[-1].id
    at = after
    while ins := store.unpaid_in(books.txn, books.holder, at, until, PAGE_ROWS):
        packets = {one.id: _packet(books, one) for one in ins}
        first = _originals(books, [of for one in packets.values() if (of := one.get("refund_of"))])
        for one in ins:
            yield _in(books, one, packets[one.id], on, first, None)
        at = ins[-1].id


def _out(
    books: Books,
    out: OutRow,
    on: dt.date,
    originals: Mapping[str, Original],
    *,
    paid_at_ms: int | None,
) -> InterbankPayment:
    """A payment of ours, by what is kept of it."""
    signed = books.vault.open(out.peer_sealed) if out.peer_sealed is not None else {}
    names = books.vault.open(out.payment_sealed)
    standing, credited_at_ms, reason = Standing.TAKEN_BACK, None, ""
    if paid_at_ms is not None:
        standing = Standing.PAID
        if out.state is Out.DONE:
            standing, credited_at_ms = Standing.CREDITED, signed["done"]["receipt"]["at_ms"]
    elif "refused" in signed:
        standing, reason = Standing.REFUSED, reason_of(signed["refused"].get("code"))
    return InterbankPayment(
        id=out.id,
        payer_at=books.own,
        payee_at=books.server,
        standing=standing,
        currency=out.currency,
        amount_minor=out.amount_minor,
        on=on,
        original=originals.get(out.refund_of) if out.refund_of else None,
        payer=_pseudonym(books, names["payer"][0]),
        payee=_pseudonym(books, names["payee"][0]),
        paid_at_ms=paid_at_ms,
        credited_at_ms=credited_at_ms,
        reason=reason,
        invoice=out.invoice,
    )


def _in(
    books: Books,
    row: InRow,
    packet: Mapping[str, Any],
    on: dt.date,
    originals: Mapping[str, Original],
    moved: Moved | None,
) -> InterbankPayment:
    """A payment of theirs, by what is kept of it."""
    standing = Standing.TAKEN_BACK
    if row.state in _IN_PAID:
        standing = Standing.CREDITED if moved is not None else Standing.PAID
    elif row.state is In.REFUSED:
        standing = Standing.REFUSED
    of, invoice = packet.get("refund_of"), packet.get("invoice") or {}
    return InterbankPayment(
        id=row.id,
        payer_at=books.server,
        payee_at=books.own,
        standing=standing,
        currency=row.currency or "",
        amount_minor=row.amount_minor if row.currency is not None else None,
        on=on,
        original=originals.get(of) if of is not None else None,
        payer=_pseudonym(books, packet["payer"]["address"]),
        payee=_pseudonym(books, packet["payee"]["address"]),
        paid_at_ms=row.paid_at_ms,
        credited_at_ms=moved.at_ms if moved is not None else None,
        reason=reason_of(row.why) if standing is Standing.REFUSED else "",
        invoice=invoice.get("id"),
    )


def _packet(books: Books, row: InRow) -> Mapping[str, Any]:
    assert row.sealed is not None, "it came"  # noqa: S101 -- our bug
    packet: Mapping[str, Any] = books.vault.open(row.sealed)["prepare"]["packet"]
    return packet


def _paid_at_ms(books: Books, row: InRow) -> int:
    """When the other's ledger got a payment, by the receipt that it showed."""
    assert row.sealed is not None, "it came"  # noqa: S101 -- our bug
    return int(books.vault.open(row.sealed)["commit"]["receipt"]["at_ms"])


def _originals(books: Books, ids: Sequence[str]) -> dict[str, Original]:
    """Return the payments that refunds return, by id, with their known facts."""
    found = {id_: Original(id_) for id_ in ids}
    if not found:
        return found
    accounts = list(books.accounts(AccountCode.DUE_TO_PEER))
    for id_, one in store.moved(books.txn, ids, accounts, is_credit=True).items():
        found[id_] = Original(id_, one.amount_minor, day(one.at_ms))
    for id_, row in store.in_of(books.txn, books.holder, ids).items():
        if row.state in _IN_PAID:
            at_ms = row.paid_at_ms if row.paid_at_ms is not None else _paid_at_ms(books, row)
            found[id_] = Original(id_, row.amount_minor, day(at_ms))
    return found


def _pseudonym(books: Books, address: str) -> str:
    """Return a pseudonym for files about one institution; only our key could resolve it."""
    whole = address if ":" in address else f"{address}:{books.own}"
    return books.vault.mark(f"interbank {books.server} {whole}")[:PSEUDONYM_BYTES].hex()


def _pages(books: Books, account: int, start_pos: int, until_pos: int) -> Iterator[Sequence[Row]]:
    """Read the rows of an account between two positions, page by page."""
    after = start_pos
    while True:
        page = ledger_store.rows(books.txn, SHARD, account, after, PAGE_ROWS)
        yield [row for row in page if row.pos <= until_pos and not row.flags & _MOVES_NOTHING]
        if len(page) < PAGE_ROWS or page[-1].pos > until_pos:
            return
        after = page[-1].pos


def _sheet(
    books: Books,
    account: int,
    currency: str,
    places: tuple[int, int],
    span: tuple[dt.date, dt.date],
    *,
    is_ours: bool,
) -> Sheet:
    since_ms, until_ms = midnight_ms(span[0]), midnight_ms(span[1] + dt.timedelta(days=1))
    paid = settled = late = 0
    for rows in _pages(books, account, *places):
        payments = {
            row.pos: ulid_of(row.ref)
            for row in rows
            if row.ref and row.code in PAYMENT_CODES and account == _owing(row, is_ours=is_ours)
        }
        dated = _dated(books, list(payments.values()), is_ours=is_ours)
        for row in rows:
            if row.pos not in payments:
                is_adding = account == _owing(row, is_ours=is_ours)
                settled += -row.amount if is_adding else row.amount
                continue
            id_ = payments[row.pos]
            if id_ not in dated:
                raise _differ(id_, "the ledger paid it")
            paid += row.amount
            at_ms = dated[id_]
            late += row.amount if at_ms is not None and not since_ms <= at_ms < until_ms else 0
    opening, closing = (_owed(books, account, pos, is_ours=is_ours) for pos in places)
    if closing - opening != paid - settled:
        raise _differ(str(account), "its rows do not make its balance")
    return Sheet(currency, is_ours, opening, closing, paid, settled, late)


def _owing(row: Row, *, is_ours: bool) -> int:
    """The account by which more is owed after a row."""
    return row.credit_id if is_ours else row.debit_id


def _dated(books: Books, ids: Sequence[str], *, is_ours: bool) -> dict[str, int | None]:
    """Payments among ids, with the moment of the other ledger where that is what counts."""
    if is_ours:
        return dict.fromkeys(store.out_of(books.txn, books.holder, ids))
    found = store.in_of(books.txn, books.holder, ids).values()
    return {
        one.id: one.paid_at_ms if one.paid_at_ms is not None else _paid_at_ms(books, one)
        for one in found
    }


def _owed(books: Books, account: int, pos: int, *, is_ours: bool) -> int:
    sums = ledger_store.balances_at(books.txn, SHARD, account, pos)
    if sums is None:
        return 0
    owed = sums.credits_posted - sums.debits_posted
    return owed if is_ours else -owed


def _differ(what: str, why: str) -> BooksDifferError:
    return BooksDifferError(
        f"{what}: {why}, and what is kept of it says something else; look at"
        " `veche ledger check` and `veche ledger peers`"
    )
