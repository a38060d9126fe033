"""Receipts as files, for whoever asks in their chat: ``receipt NUMBER``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.invoices.service import tax_invoices
from appservices.payments.receipts.service.pdfs import make_receipt, read_receipt
from appservices.payments.receipts.texts import no_receipt_doc, receipt_file_doc
from appservices.payments.refunds.service import credit_notes
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.views import NUMBER_CHARACTERS, number_of
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.errors import RefusedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.runtime.crypto.media import upload_encrypted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.receipts.service.pdfs import ReceiptPage
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

SEND_RECEIPT: Final = "payments.receipt"
"""Job: sends a receipt as an encrypted file."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants the receipt of a payment that they made or got.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: The number of the payment.
    """
    person, room_id = inbound.sender, inbound.room_id
    number = argument.strip().upper()
    is_number = len(number) == NUMBER_CHARACTERS
    found = store.made(scene.txn, scene.holder(person).id, number) if is_number else None
    if found is None:
        scene.tell(room_id, person, no_receipt_doc(number, scene.localizer(person)))
        return
    payload = {"payment": found.payment.id, "person": person, "room": room_id}
    id_ = effect_id(SEND_RECEIPT, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, SEND_RECEIPT, payload, scene.now_ms))


class SendReceipt(ChatJob[Parts]):
    """Makes the receipt anew, with the published head if there is one, and sends it.

    It comes as a PDF, as the file that proves it and, of an invoice that says its taxes, with the
    tax invoice; of what was given back of one, with the credit note.
    """

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make and upload the files."""
        host, now_ms = self._parts.host, self._parts.host.now_ms()
        page, invoice = await host.database.run("payments.receipt", self._read, job)
        number = number_of(page.payment_id)
        pdf = await make_receipt(self._parts, page, now_ms)
        sent = [
            await self._upload(f"receipt-{number}.pdf", "application/pdf", pdf),
            await self._upload(f"receipt-{number}.json", "application/json", page.signed),
        ]
        if invoice is not None:
            name, content = invoice
            sent.append(await self._upload(f"{name}-{number}.xml", tax_invoices.MIMETYPE, content))
        return {"files": sent}

    async def _upload(self, filename: str, mimetype: str, data: bytes) -> dict[str, Any]:
        file = await upload_encrypted(self._parts.host.client, self._parts.bot.user_id, data)
        return {
            "filename": filename,
            "encrypted_file": file,
            "mimetype": mimetype,
            "size_bytes": len(data),
        }

    def _read(self, txn: Cursor, job: Job) -> tuple[ReceiptPage, tuple[str, bytes] | None]:
        scene = self._parts.conversation(txn, job.id, self._parts.host.now_ms())
        matter = files.lock(scene, job.payload["payment"])
        if matter is None:
            raise RefusedError("there is no such payment")
        localizer = scene.localizer(UserId(job.payload["person"]))
        return read_receipt(scene, matter, localizer), _tax_invoice(scene, matter)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what they are, and send them."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        room_id, person = RoomId(job.payload["room"]), UserId(job.payload["person"])
        url = scene.links.page("verify") if scene.links is not None else None
        scene.tell(room_id, person, receipt_file_doc(url, scene.localizer(person)))
        for one in result["files"]:
            scene.sender.say(room_id, message.file(caption="", **one), scene.ground(person))


def _tax_invoice(scene: Conversation, matter: OpenPayment) -> tuple[str, bytes] | None:
    """The tax invoice or credit note of a payment, with what it is called; None if it has none."""
    try:
        return credit_notes.paper_of(scene, matter)
    except RefusedError:
        return None
