"""Files of which a bank does not say that it has them: an operator is told, and ends it.

Such a file is given to its bank again and again, and others beside it. An operator asks the bank;
what they found out counts with the next try, so that it never crosses one that is on its way.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core.orders import NEVER_GOT, OrderInput, OrderState
from appservices.payments.banks.service.incoming import Incoming
from appservices.payments.banks.store import banks as bank_store
from appservices.payments.banks.store import waiting_files as store
from appservices.payments.ledger.service.gauges import files_waiting
from veche.messaging import jobs
from veche.protocol.errors import ConflictError, NotFoundError
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.payments.banks.service.banks import Desk
    from appservices.payments.banks.store.banks import FileRow
    from veche.runtime.database import Cursor

SUBMIT: Final = "bank.submit"
"""Job: a file is given to its bank until that says something."""
STUCK_MS: Final = 10 * 60_000
"""After which an operator is told of a file."""
_MEND: Final = "ask the bank whether it has it; then `veche ledger file {}`"
_OPEN: Final = frozenset({OrderState.FILED, OrderState.SENT, OrderState.ASKED})


class FileWord(enum.Enum):
    """The operator's decision about a file."""

    AGAIN = "again"
    """It is given to the bank at once."""
    GOT = "got"
    """The bank has it: what it tells of the orders decides."""
    NEVER_GOT = "never-got"
    """The bank does not have it, and will not do its orders."""


def say(txn: Cursor, file_id: str, word: FileWord, now_ms: int) -> None:
    """Have a file tried at once, or ended with the next try.

    Args:
        txn: A transaction; the services do the rest after it.
        file_id: Of the file, its ``MsgId``.
        word: What the operator wants, or found out.
        now_ms: UTC.

    Raises:
        NotFoundError: There is no such file.
        ConflictError: Nobody waits for the bank's word on it, or another word was given; nothing
            changes.
    """
    found = store.lock_taken(txn, file_id)
    if found is None:
        raise NotFoundError("there is no such file for a bank")
    if all(one.id != file_id for one in store.waiting(txn, now_ms + 1)):
        raise ConflictError("the bank has taken or refused it: its orders have ends of their own")
    _, before = found
    if before is not None:
        raise ConflictError(f"it was said before that the bank {before} it: the first word counts")
    if word is FileWord.AGAIN:
        jobs.hasten(txn, effect_id(SUBMIT, file_id), now_ms)
    else:
        store.set_word(txn, file_id, word.value)


def end(txn: Cursor, desk: Desk, row: FileRow, word: FileWord, now_ms: int) -> None:
    """Do with a file what the operator found out.

    Args:
        txn: The transaction of its last try.
        desk: Of the banks.
        row: The file.
        word: ``GOT`` or ``NEVER_GOT``.
        now_ms: UTC.
    """
    hearing = Incoming.begin(txn, desk, row.bank, now_ms)
    if word is FileWord.GOT:
        bank_store.set_taken(txn, row.id)
    for order in bank_store.orders_of_file(txn, row.id):
        if word is FileWord.GOT:
            hearing.step(order, OrderInput.TAKEN)
        elif order.state in _OPEN:
            # What the bank has told of an order meanwhile counts.
            hearing.step(order, OrderInput.REJECTED, NEVER_GOT)
    count(txn, desk.banks, now_ms)


def watch(txn: Cursor, desk: Desk, row: FileRow, now_ms: int) -> bool:
    """Tell an operator, once, of a file that waits for long; whether it does."""
    late = [one for one in count(txn, desk.banks, now_ms) if one.id == row.id]
    if late and not store.is_alarmed(txn, row.bank, row.id):
        Incoming.begin(txn, desk, row.bank, now_ms).alarm(row.id, problem_of(late[0], now_ms))
    return bool(late)


def count(txn: Cursor, banks: Iterable[str], now_ms: int) -> list[store.WaitingFile]:
    """The files that wait for long; the metric is set to them."""
    late = store.waiting(txn, now_ms - STUCK_MS)
    for bank in banks:
        files_waiting.labels(bank).set(sum(one.bank == bank for one in late))
    return late


def look(txn: Cursor, now_s: float) -> Iterable[tuple[str, str]]:
    """List stuck files that need the operator; for ``veche doctor``."""
    now_ms = int(now_s * 1000)
    for one in store.waiting(txn, now_ms - STUCK_MS):
        yield f"bank {one.bank}: file {one.id}: {problem_of(one, now_ms)}", _MEND.format(one.id)


def problem_of(one: store.WaitingFile, now_ms: int) -> str:
    """Describe the problem of a file."""
    minutes = (now_ms - one.at_ms) // 60_000
    return f"the bank has not said in {minutes} min that it has the file of {one.orders} orders"
