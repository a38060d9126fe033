"""After a restored backup: what banks have booked, and the database does not know."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core.port import Booked, Closed, Status
from appservices.payments.banks.core.xml import BankMessageError
from appservices.payments.banks.store import banks as store
from veche.acts.histories import Finding
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import ULID_PATTERN
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import show_money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.banks.core.port import BankEvent, Entry
    from appservices.payments.banks.service.banks import Bank, Desk
    from veche.runtime.database import Cursor

FETCHES_MAX: Final = 10_000
"""How often one bank is asked for what it told since the backup."""
_OURS: Final = re.compile(ULID_PATTERN)
_LANGUAGE: Final = "en"
_QUEUED: Final = (
    "order {0} to a bank waits, and the bank may have got it after the backup. It is in doubt"
    " now: look for it in the bank's statement, then `veche ledger order {0} paid|never-got`"
)


async def compare(desk: Desk) -> list[Finding]:
    """Read what each bank told since the backup; nothing of it is booked yet."""
    found: list[Finding] = []
    for bank in desk.banks.values():
        try:
            told = await _told(desk, bank)
        except UnavailableError as e:
            words = f"the bank {bank.name} was not compared: {e}"
            found.append(Finding(words, is_lost=False, missing=bank.name))
            continue
        found += await desk.database.run("payments.restored", _strange, bank, told)
    return [*found, *await desk.database.run("payments.restored", _queued)]


async def _told(desk: Desk, bank: Bank) -> list[BankEvent]:
    cursor = await desk.database.run("payments.restored", store.cursor_of, bank.name)
    events: list[BankEvent] = []
    for _ in range(FETCHES_MAX):
        raws, cursor = await bank.rail.fetch(cursor)
        if not raws:
            return events
        for raw in raws:
            # One that cannot be read is an alarm, once it is heard.
            with suppress(BankMessageError):
                events += bank.rail.parse(raw)
    raise UnavailableError("it has told too much since the backup", retry_after_ms=0)


def _strange(txn: Cursor, bank: Bank, events: Sequence[BankEvent]) -> list[Finding]:
    """The lines and orders of a bank that the database does not have."""
    lines: dict[str, Entry] = {}
    for event in events:
        match event:
            case Booked(account=account, entry=entry) if account == bank.own.account:
                lines.setdefault(entry.key, entry)
            case Closed(statement=one) if one.account == bank.own.account:
                for entry in one.entries:
                    lines.setdefault(entry.key, entry)
    new = [one for one in lines.values() if not store.has_line(txn, bank.name, one.key)]
    found = [_of_line(txn, bank, one) for one in new]
    booked = {one.order_id for one in lines.values()}
    words = [event for event in events if isinstance(event, Status)]
    orders = {one.order_id: one.status.value for one in words if one.order_id not in booked}
    for id_, status in orders.items():
        if _is_forgotten(txn, id_):
            said = (
                f"the bank {bank.name} has order {id_}, which the database does not have: it says"
                f" {status}. If it pays, the line goes to suspense"
            )
            found.append(Finding(said))
    return found


def _of_line(txn: Cursor, bank: Bank, entry: Entry) -> Finding:
    """Say what becomes of a line that the database does not have."""
    money = show_money(Money(minor=entry.amount_minor, currency=bank.currency), _LANGUAGE)
    other = " ".join(_printable(one) for one in (entry.other_name, entry.other_account) if one)
    verb, link = ("got", "from") if entry.is_credit else ("paid", "to")
    said = f"the bank {bank.name} {verb} {money}{f' {link} {other}' if other else ''}"
    said += f" on {entry.booked_on} (line {_printable(entry.key)})"
    order = store.lock_order(txn, entry.order_id) if entry.order_id else None
    if order is not None:
        return Finding(f"{said}, for order {order.held.id}. It is booked again", is_lost=False)
    own = "" if entry.own_account == bank.own.account else entry.own_account
    if entry.is_credit and store.expected_for(txn, bank.name, entry.reference, own):
        return Finding(f"{said}, by reference {entry.reference}. It is booked again", is_lost=False)
    way = "--to" if entry.is_credit else "--payer"
    said += (
        f", and nothing here says whose it is. It goes to suspense: find out, then"
        f" `veche ledger suspense {_printable(entry.key)} {way} WHOM`"
    )
    return Finding(said, is_lost=_is_forgotten(txn, entry.order_id))


def _is_forgotten(txn: Cursor, order_id: str) -> bool:
    """Return whether an id looks like one of our orders, but none has it."""
    return bool(_OURS.match(order_id)) and store.lock_order(txn, order_id) is None


def _queued(txn: Cursor) -> list[Finding]:
    """The orders that wait for a file: a bank may have got them after the backup."""
    return [
        Finding(_QUEUED.format(id_), is_lost=False, settle=partial(store.doubt, order_id=id_))
        for id_ in store.all_queued(txn)
    ]


def _printable(text: str) -> str:
    """Text of others, without what could steer a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)
