"""Statements as files, for whoever asks in their chat: ``statement [month]``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.ledger.core.requests import TransferCode
from appservices.payments.ledger.core.values import ulid_of
from appservices.payments.ledger.store import ledger
from appservices.payments.statements.core import Said, posted, read_month, write_csv
from appservices.payments.statements.pdf import PDF_LINES_MAX
from appservices.payments.statements.service.pdfs import make_pdf
from appservices.payments.statements.service.statements import SHARD, statement
from appservices.payments.statements.texts import TopUp, files_doc, nothing_doc, usage_doc
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.paying import kind_words
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.runtime.crypto.media import upload_encrypted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.statements.core import AccountStatement, LedgerRow
    from veche.protocol.inbound import Inbound
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.database import Cursor

SEND_STATEMENT: Final = "payments.statement"
"""Job: sends statements of a month as encrypted files."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants the statement of a month.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: The month; this one where it is left out.
    """
    person, room_id = inbound.sender, inbound.room_id
    today = dt.datetime.fromtimestamp(scene.now_ms // 1000, dt.UTC).date()
    month = read_month(argument, today)
    if month is None:
        scene.tell(room_id, person, usage_doc(f"{today:%Y-%m}", scene.localizer(person)))
        return
    payload = {"person": person, "room": room_id, "month": f"{month:%Y-%m}"}
    id_ = effect_id(SEND_STATEMENT, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, SEND_STATEMENT, payload, scene.now_ms))


_LOOKED_AT: Final = 200
"""Newest rows of a wallet among which its top-ups are looked for."""


class SendStatement(ChatJob[Parts]):
    """Makes the statement of each currency, as CSV and as PDF, and sends them."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make and upload the files."""
        host, now_ms = self._parts.host, self._parts.host.now_ms()
        language, found = await host.database.run("payments.statement", self._read, job, now_ms)
        sent = []
        for one in found:
            stem = f"statement-{job.payload['month']}-{one.currency}"
            sent.append(await self._upload(f"{stem}.csv", "text/csv", write_csv(one)))
            if len(one.lines) <= PDF_LINES_MAX:
                data = await make_pdf(self._parts, one, language, now_ms)
                sent.append(await self._upload(f"{stem}.pdf", "application/pdf", data))
        return {"files": sent}

    async def _upload(self, filename: str, mimetype: str, data: bytes) -> dict[str, Any]:
        file = await upload_encrypted(self._parts.host.client, self._parts.bot.user_id, data)
        return {
            "filename": filename,
            "encrypted_file": file,
            "mimetype": mimetype,
            "size_bytes": len(data),
        }

    def _read(self, txn: Cursor, job: Job, now_ms: int) -> tuple[str, Sequence[AccountStatement]]:
        scene = self._parts.conversation(txn, job.id, now_ms)
        person = UserId(job.payload["person"])
        month = dt.date.fromisoformat(f"{job.payload['month']}-01")
        return scene.language_of(person), statements_of(scene, person, month)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what they are, and send them."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        room_id, person = RoomId(job.payload["room"]), UserId(job.payload["person"])
        localizer, sent = scene.localizer(person), result["files"]
        scene.tell(room_id, person, files_doc(localizer) if sent else nothing_doc(localizer))
        for one in sent:
            scene.sender.say(room_id, message.file(caption="", **one), scene.ground(person))


def top_ups_of(scene: Conversation, person: UserId) -> list[TopUp]:
    """List recent top-ups from banks to a person's wallets."""
    accounts = holders.accounts(scene.txn, scene.holder(person).id, AccountCode.WALLET)
    return [
        TopUp(row.at_ms, posted(row, number), currency)
        for number, currency in accounts
        for row in ledger.latest_rows(scene.txn, SHARD, number, _LOOKED_AT)
        if row.code == TransferCode.TOP_UP
    ]


def statements_of(scene: Conversation, person: UserId, month: dt.date) -> list[AccountStatement]:
    """The statement of each wallet of a person.

    Args:
        scene: A transaction that reads.
        person: Whose.
        month: Its first day, UTC.
    """
    last = (month + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    accounts = holders.accounts(scene.txn, scene.holder(person).id, AccountCode.WALLET)
    say = words_of(scene, person)
    return [
        statement(scene.txn, number, currency, (month, last), say) for number, currency in accounts
    ]


def words_of(
    scene: Conversation, person: UserId, localizer: Localizer | None = None
) -> Callable[[LedgerRow], Said]:
    """The words of lines of a person's wallet.

    Args:
        scene: A transaction that reads.
        person: Whose.
        localizer: How; in the language of the person if None.
    """
    localizer = localizer or scene.localizer(person)

    def say(row: Any) -> Said:
        if row.code == TransferCode.TOP_UP:
            return Said(text=localizer.text("Top-up"))
        ref = row.ref or row.pending_id
        file = store.payment(scene.txn, ulid_of(ref)) if ref is not None else None
        if file is None:
            return Said()
        view = files.matter_of(scene, file).view
        if row.code == TransferCode.FEE:
            return Said(text=localizer.text("Fee"), payment=file.payment.id)
        other = view.payer if view.payee.person == person else view.payee
        said = [kind_words(view.kind, localizer), view.reference]
        text = ": ".join(words for words in said if words)
        return Said(name=other.name, text=text, payment=file.payment.id, address=other.address)

    return say
