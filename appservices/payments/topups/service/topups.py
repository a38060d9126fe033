"""Money in from a bank: the reference that leads it to a wallet, also as a picture to scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.formats.core import epc
from appservices.payments.formats.core.epc import EPC_VERSION_MAX
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.payouts.texts import no_bank_doc, top_up_code_doc, top_up_doc
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol import message
from veche.protocol.errors import VecheError
from veche.protocol.ids import RoomId, UserId, effect_id, ulid
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.files.qr_codes import draw_png

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.banks.core.port import Party
    from appservices.payments.config import BankSection
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

SEND_CODE: Final = "payments.code"
"""Job: sends a payment code as an encrypted picture."""
EPC_CURRENCY: Final = "EUR"
"""Of GiroCodes."""


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to send money to their wallet.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: Name of a bank; the first one where it is left out.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer, banks = scene.localizer(person), scene.section.banks
    named = argument.strip().casefold()
    bank = next((one for one in banks if named in {"", one.name}), None)
    if bank is None:
        scene.tell(room_id, person, no_bank_doc([one.name for one in banks], localizer))
        return
    own, reference = scene.banking.own(bank.name), reference_for(scene, person, bank)
    scene.tell(room_id, person, top_up_doc(own, reference, localizer))
    code = code_of(bank, own, reference)
    if code is None:
        return
    payload = {"code": code, "person": person, "room": room_id}
    id_ = effect_id(SEND_CODE, inbound.event_id)
    jobs.schedule(scene.txn, Job(id_, SEND_CODE, payload, scene.now_ms))


def code_of(bank: BankSection, own: Party, reference: str) -> str | None:
    """The text of a GiroCode that tops up a wallet; None where there can be none."""
    if bank.currency != EPC_CURRENCY:
        return None
    try:
        return epc.write(epc.EpcPayment(own.name, own.account, reference=reference))
    except VecheError:
        # A name that no GiroCode can have: the numbers beside it are enough.
        return None


def reference_for(scene: Conversation, person: UserId, bank: BankSection) -> str:
    """Return the reference of a person's wallet for bank transfers; it never changes."""
    ledger = holders.currencies(scene.txn)[bank.currency]
    holder = scene.holder(person)
    account = holders.keep_account(scene.txn, holder.id, ledger, AccountCode.WALLET)
    id_ = ulid(0, scene.vault.chance(f"top-up {bank.name} {account.id}"))
    return scene.banking.expect(scene.txn, bank.name, account.id, id_, scene.now_ms)


class SendCode(ChatJob[Parts]):
    """Draws a code and sends it."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Upload the picture."""
        client = self._parts.host.client
        data = draw_png(job.payload["code"], version_max=EPC_VERSION_MAX)
        file = await upload_encrypted(client, self._parts.bot.user_id, data)
        return {"file": file, "size_bytes": len(data)}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Say what it is, and send it."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        room_id, person = RoomId(job.payload["room"]), UserId(job.payload["person"])
        scene.tell(room_id, person, top_up_code_doc(scene.localizer(person)), is_quiet=True)
        content = message.file(
            filename="top-up.png",
            caption="",
            encrypted_file=result["file"],
            mimetype="image/png",
            size_bytes=result["size_bytes"],
        )
        scene.sender.say(room_id, content, scene.ground(person))
