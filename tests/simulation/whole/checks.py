"""What must be true of an institution once everything has come to rest."""

from __future__ import annotations

import csv
import datetime as dt
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.banks.core.messages import read_events
from appservices.payments.banks.core.port import Closed
from appservices.payments.holders.store import PEER, currencies, holder_of_mark
from appservices.payments.ledger.core import AccountCode
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.peers import store as peers
from appservices.payments.peers.core import Side
from appservices.payments.statements.core import write_camt, write_csv
from appservices.payments.statements.service.statements import statement
from appservices.payments.transfers.core.payment import State
from tests.integration.appservices.payments.ledgers import problems
from tests.simulation.whole.institution import CURRENCY
from tests.support.postgres import execute
from veche.protocol.ids import Ulid, hex_of_ulid
from veche.runtime.database import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.simulation.whole.institution import Institution
    from tests.simulation.whole.people import Person, Shop
    from veche.runtime.database import Cursor

DAYS: Final = dt.date(2026, 11, 1), dt.date(2027, 12, 31)
"""In which everything happens."""
MOVED: Final = 2 | 8 | 512
"""Flags of rows of the ledger that move nothing."""
ENDED: Final = (State.REFUSED, State.CANCELLED, State.EXPIRED)


def look(one: Institution, persons: Sequence[Person], shops: Sequence[Shop]) -> list[str]:
    """What does not add up."""
    dsn = one.database.dsn
    own = [person for person in persons if person.institution is one]
    found = [f"ledger: {problem}" for problem in problems(dsn)]
    found += _books(one)
    found += _set_aside(dsn)
    found += _statements(one)
    found += _payments(dsn)
    found += _approvals(dsn, own)
    found += _receipts(one, own)
    for shop in shops:
        if shop.institution is one:
            found += _webhooks(one, shop)
    return [f"{one.name}: {problem}" for problem in found]


def look_across(one: Institution, other: Institution) -> Iterator[str]:
    """What two institutions do not have alike in their books of one another."""
    for payer, payee in ((one, other), (other, one)):
        paying = _side(payer, payee.name, peers.paying_side)
        paid = _side(payee, payer.name, peers.paid_side)
        if paying != paid:
            yield f"{payer.name} has paid {payee.name} {paying}, and that one says {paid}"
        if paying.held_minor or paying.waiting:
            yield f"from {payer.name} to {payee.name} something is on its way for ever: {paying}"


def _side(one: Institution, server: str, side: Callable[[Cursor, int, int], Side]) -> Side:
    with closing(connect(one.database.dsn)) as connection, connection.cursor() as txn:
        found = holder_of_mark(txn, one.vault.mark(f"{PEER} {server}"))
        if found is None:
            return Side(0, 0, {})
        return side(txn, found.id, currencies(txn)[CURRENCY])


def _rows(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    return execute(dsn, statement, *values)


def _sum(dsn: str, *codes: AccountCode) -> int:
    statement = (
        "SELECT coalesce(sum(credits_posted - debits_posted), 0)::bigint FROM ledger.account"
        " WHERE code = ANY (%s)"
    )
    [(minor,)] = _rows(dsn, statement, [int(code) for code in codes])
    return int(minor)


def _books(one: Institution) -> Iterator[str]:
    dsn = one.database.dsn
    if (total := _sum(dsn, *AccountCode)) != 0:
        yield f"{total} was made or lost"
    at_bank = one.bank.book.balance_minor(one.bank.customer)
    if -_sum(dsn, AccountCode.BANK) != at_bank:
        yield f"the ledger has {-_sum(dsn, AccountCode.BANK)} at the bank, the bank {at_bank}"


def _set_aside(dsn: str) -> Iterator[str]:
    """In the end nothing is set aside: whoever had to say something had months to do it."""
    statement = "SELECT id, code, debits_pending FROM ledger.account WHERE debits_pending <> 0"
    for id_, code, minor in _rows(dsn, statement):
        yield f"{minor} of account {id_}, {AccountCode(code).name}, are set aside for ever"


def _statements(one: Institution) -> Iterator[str]:
    """The statement of each wallet, in each form, is what the ledger says of it."""
    wallets = (
        "SELECT l.id, l.credits_posted - l.debits_posted FROM ledger.account AS l WHERE l.code = %s"
    )
    with closing(connect(one.database.dsn)) as connection, connection.cursor() as txn:
        for id_, minor in _rows(one.database.dsn, wallets, int(AccountCode.WALLET)):
            made = statement(txn, id_, CURRENCY, DAYS)
            [told] = read_events(write_camt(made, f"{id_}", 1).data)
            assert isinstance(told, Closed)
            found = {
                "lines": sum(line.amount_minor for line in made.lines),
                "CSV": sum(map(_csv_minor, csv.DictReader(write_csv(made).decode().splitlines()))),
                "camt.053": told.statement.closing_minor,
                "lines of camt.053": sum(one.signed_minor for one in told.statement.entries),
            }
            for what, said in found.items():
                if said != minor:
                    yield f"account {id_} has {minor}, its {what} say {said}"


def _csv_minor(row: dict[str, str]) -> int:
    credit, debit = (Decimal(row[one] or "0") for one in ("credit", "debit"))
    return int((credit - debit) * 100)


def _payments(dsn: str) -> Iterator[str]:
    statement = "SELECT id, kind, state, amount FROM payments.payment"
    for id_, kind, state, amount in _rows(dsn, statement):
        rows = _rows(
            dsn,
            "SELECT amount FROM ledger.transfer WHERE ref = %s::uuid AND (flags & %s) = 0"
            " AND amount > 0 AND NOT code = ANY (%s)",
            hex_of_ulid(Ulid(id_)),
            MOVED,
            [int(TransferCode.FEE)],
        )
        moved = [minor for (minor,) in rows]
        if state == State.PAID.value and kind in {"pay", "mandate", "refund"} and moved != [amount]:
            yield f"the {kind} {id_} over {amount} is paid, and the ledger has {moved}"
        # What a bank refuses and books all the same moves too, and not the payer's money.
        if kind != "payout" and state in {one.value for one in ENDED} and moved:
            yield f"the {kind} {id_} is {state}, and the ledger has {moved}"


def _approvals(dsn: str, persons: Sequence[Person]) -> Iterator[str]:
    statement = "SELECT nonce FROM runtime.approval"
    kept = {nonce for (nonce,) in _rows(dsn, statement)}
    for person in persons:
        for nonce in sorted(person.approved - kept):
            yield f"{person.user} was told that {nonce} is approved, and it is not kept"
    ended = {one.value for one in (*ENDED, State.PAID, State.RETURNED)}
    of = {
        nonce: (id_, state)
        for id_, state, nonce in _rows(
            dsn, "SELECT id, state, approved_by FROM payments.payment WHERE approved_by IS NOT NULL"
        )
    }
    for person in persons:
        for nonce in sorted(person.approved & of.keys()):
            id_, state = of[nonce]
            if state not in ended | {"held", "cooling", "guarded"}:
                yield f"{id_} was approved, and is {state}"


def _receipts(one: Institution, persons: Sequence[Person]) -> Iterator[str]:
    dsn, vault = one.database.dsn, one.vault
    with closing(connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT mark, id FROM payments.holder")
        holders = {bytes(mark): id_ for mark, id_ in txn.fetchall()}
    statement = (
        # Who pays by an allowance has the receipt; whose money it is sees it in their history.
        "SELECT p.id, coalesce(a.spender, p.payer), p.payee FROM payments.payment AS p"
        " LEFT JOIN payments.allowance AS a ON a.id = p.allowance_id"
        " WHERE p.state = 'paid' AND p.kind IN ('pay', 'invoice', 'mandate')"
    )
    paid = _rows(dsn, statement)
    for person in persons:
        mine = holders.get(bytes(vault.mark(person.user)))
        for id_, payer, payee in paid:
            count = person.receipts[id_]
            if count != (mine in {payer, payee}):
                yield f"{person.user} has {count} receipts of {id_}"
        for id_, count in person.receipts.items():
            if count > 1:
                yield f"{person.user} has {count} receipts of {id_}"


def _webhooks(one: Institution, shop: Shop) -> Iterator[str]:
    first: list[int] = []
    for n, _, _ in shop.events:
        if n not in first:
            first.append(n)
    holder = "SELECT id FROM payments.holder WHERE mark = %s"
    found = _rows(one.database.dsn, holder, one.vault.mark(f"organisation {shop.id}"))
    statement = "SELECT coalesce(max(n), 0) FROM payments.event WHERE holder = %s"
    [(last,)] = _rows(one.database.dsn, statement, found[0][0] if found else 0)
    if first != list(range(1, last + 1)):
        yield f"{shop.id} has {last} events and heard of {first}"
