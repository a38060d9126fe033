"""JobRunner to banks: files are written, given to the bank, and what it tells is fetched.

A file has one id for ever. As long as the bank has not said that it has the file or will not take
it, the same file is given again; never another one with the same orders.
"""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.banks.core.orders import OrderInput
from appservices.payments.banks.core.port import BankMessage, Refused, Unknown
from appservices.payments.banks.service import stuck_files
from appservices.payments.banks.service.answering import ANSWER, Answer
from appservices.payments.banks.service.banks import unpacked
from appservices.payments.banks.service.incoming import Incoming
from appservices.payments.banks.service.stuck_files import SUBMIT, FileWord
from appservices.payments.banks.store import banks as store
from appservices.payments.banks.store import waiting_files
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.banks.core.port import BankOrder
    from appservices.payments.banks.service.banks import Bank, Desk
    from veche.messaging.jobs import JobHandler
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

FILE: Final = "bank.file"
DIFFERENCE: Final = "bank.difference"
FETCH: Final = "bank.fetch"
FILE_AFTER_MS: Final = 1_000
"""How long orders gather before they are filed together."""
FETCH_EVERY_MS: Final = 2_000
_RETRY_AFTER_MS: Final = 5_000
_STUCK_AFTER_MS: Final = 60_000
"""After a fault of ours in what follows from a file: it is the same file again, and an operator
has to look."""


def handlers(desk: Desk) -> dict[str, JobHandler]:
    """The handler of each kind of job."""
    return {
        FILE: _File(desk),
        SUBMIT: _Submit(desk),
        FETCH: _Fetch(desk),
        ANSWER: Answer(desk),
        DIFFERENCE: _Difference(desk),
    }


def file_at(txn: Cursor, bank: str, cause: str, now_ms: int) -> None:
    """Have what waits for a bank filed soon.

    Args:
        txn: A transaction.
        bank: By name.
        cause: The order that waits; the same again is one job.
        now_ms: UTC.
    """
    id_ = effect_id(FILE, bank, cause)
    jobs.schedule(txn, Job(id_, FILE, {"bank": bank}, now_ms + FILE_AFTER_MS))


def resume(txn: Cursor, bank: str, now_ms: int) -> None:
    """Pay out again after an operator explained the end of a day.

    Args:
        txn: A transaction.
        bank: By name.
        now_ms: UTC.
    """
    store.set_stopped(txn, bank, None)
    file_at(txn, bank, "resume", now_ms)


def explain(txn: Cursor, bank: str, sealed: bytes, now_ms: int) -> None:
    """Have the services bring a bank's difference into suspense, and pay out again.

    Args:
        txn: A transaction.
        bank: By name.
        sealed: The words of the line that explains it.
        now_ms: UTC.
    """
    payload = {"bank": bank, "words": base64.b64encode(sealed).decode()}
    jobs.schedule(txn, Job(effect_id(DIFFERENCE, bank, str(now_ms)), DIFFERENCE, payload, now_ms))


def fetch_at(txn: Cursor, bank: str, at_ms: int) -> None:
    """Have a bank asked at a time; it is one job as long as it waits."""
    jobs.schedule(txn, Job(effect_id(FETCH, bank), FETCH, {"bank": bank}, at_ms))


class _Handler:
    """Base: nothing to do outside transactions, nothing special when it is refused."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """The job can never be done; it was logged."""


class _Difference(_Handler):
    """Brings what a day's end does not explain into suspense."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        words = self._desk.vault.open(base64.b64decode(job.payload["words"]))
        Incoming.begin(txn, self._desk, job.payload["bank"], now_ms).bring_to_suspense(words)
        resume(txn, job.payload["bank"], now_ms)


class _File(_Handler):
    """Writes the files of the orders that wait."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        bank = self._desk.banks[job.payload["bank"]]
        if store.bank(txn, bank.name).is_stopped:
            return
        groups: dict[object, list[BankOrder]] = {}
        for row in store.queued(txn, bank.name, bank.rail.capabilities.orders_max):
            order = unpacked(bank, row.held, self._desk.vault.open(row.sealed))
            signed = order.mandate
            scheme = signed and (signed.creditor_id, signed.is_first)
            groups.setdefault((order.kind, scheme), []).append(order)
        for orders in groups.values():
            self._write(txn, bank, orders, now_ms)
        if groups:
            # There may be more than went into these files.
            file_at(txn, bank.name, job.id, now_ms)

    def _write(self, txn: Cursor, bank: Bank, orders: list[BankOrder], now_ms: int) -> None:
        message = bank.rail.orders(orders, now_ms)
        sealed = self._desk.vault.seal({"data": base64.b64encode(message.data).decode()})
        file = store.FileRow(message.id, bank.name, message.name, message.sha256, sealed)
        store.add_file(txn, file, [order.id for order in orders], now_ms)
        payload = {"file": message.id}
        jobs.schedule(txn, Job(effect_id(SUBMIT, message.id), SUBMIT, payload, now_ms))


class _Submit(_Handler):
    """Gives a file to its bank until the bank says something."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        run = self._desk.database.run
        row = await run("bank.file", store.file, job.payload["file"])
        word = await run("bank.word", waiting_files.word_of, row.id)
        if word is not None:
            return {"word": word}
        data = base64.b64decode(self._desk.vault.open(row.sealed)["data"])
        rail = self._desk.banks[row.bank].rail
        answer = await rail.submit(BankMessage(row.id, row.name, data, row.sha256))
        if isinstance(answer, Unknown):
            # The bank may have it: from now on what it tells decides, not our silence.
            if await run("bank.sent", self._unsure, row, job.due_at_ms):
                logger.error(
                    "bank %s does not say that it has the file %s: ask it; veche ledger file %s",
                    row.bank,
                    row.id,
                    row.id,
                )
            raise UnavailableError("the bank did not answer", retry_after_ms=_RETRY_AFTER_MS)
        return {"refused": answer.code if isinstance(answer, Refused) else None}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        row = store.file(txn, job.payload["file"])
        if "word" in result:
            logger.info("file %s: the operator found out: %s", row.id, result["word"])
            stuck_files.end(txn, self._desk, row, FileWord(result["word"]), now_ms)
            return
        if result["refused"] is None:
            store.set_taken(txn, row.id)
            self._sent(txn, row, now_ms)
            stuck_files.count(txn, self._desk.banks, now_ms)
            return
        logger.error("bank %s does not take the file %s", row.bank, row.id)
        hearing = Incoming.begin(txn, self._desk, row.bank, now_ms)
        hearing.alarm(row.id, f"the bank does not take the file: {result['refused']}")
        for order in store.orders_of_file(txn, row.id):
            hearing.step(order, OrderInput.REJECTED, result["refused"])

    def _unsure(self, txn: Cursor, row: store.FileRow, now_ms: int) -> bool:
        """Return whether the bank has said nothing for long."""
        self._sent(txn, row, now_ms)
        return stuck_files.watch(txn, self._desk, row, now_ms)

    def _sent(self, txn: Cursor, row: store.FileRow, now_ms: int) -> None:
        hearing = Incoming.begin(txn, self._desk, row.bank, now_ms)
        for order in store.orders_of_file(txn, row.id):
            hearing.step(order, OrderInput.TAKEN)


class _Fetch(_Handler):
    """Asks a bank, hears what it tells, and comes again."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        name = job.payload["bank"]
        before = await self._desk.database.run("bank.cursor", store.cursor_of, name)
        raws, after = await self._desk.banks[name].rail.fetch(before)
        return {"before": before, "after": after, "raws": raws}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        bank = self._desk.banks[job.payload["bank"]]
        raws, before, after = result["raws"], result["before"], result["after"]
        if raws and store.move_cursor(txn, bank.name, before, after):
            hearing = Incoming.begin(txn, self._desk, bank.name, now_ms)
            for raw in raws:
                hearing.hear(raw)
        # Where there was something there may be more.
        fetch_at(txn, bank.name, now_ms if raws else now_ms + FETCH_EVERY_MS)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """Ask again: a bank that is not heard any more would be worse than one that is stuck."""
        logger.error("bank %s cannot be heard: %s", job.payload["bank"], error)
        fetch_at(txn, job.payload["bank"], now_ms + _STUCK_AFTER_MS)
