"""Reading a picture that a person sent, and asking what the code in it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.chats.service import chats, pictures
from appservices.payments.chats.service.picture_codes import codes_in
from appservices.payments.chats.texts.pictures import PICTURE_BYTES_MAX, PictureProblem
from appservices.payments.conversation.service.sent_files import LookAtFile
from appservices.payments.wallet.service.codes import is_payable
from veche.protocol.errors import MalformedError
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.runtime.files.sandbox import SandboxError, in_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor


class ReadPicture(LookAtFile):
    """Fetches a picture, reads it in a process of its own, and asks as for a text pasted."""

    bytes_max = PICTURE_BYTES_MAX
    give_up_ms = 60_000
    """Whoever sent it stands at a counter."""

    def look(self, content: bytes, mimetype: str) -> Mapping[str, Any]:  # noqa: ARG002 -- no evidence
        """The codes in a picture."""
        try:
            found = in_sandbox(codes_in, content)
        except SandboxError as e:
            raise MalformedError("file", "cannot be read within bounds") from e
        if isinstance(found, PictureProblem):
            return {"problem": found.value}
        return {"codes": found}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Ask what the one payment code in it asks; or say why nothing is asked."""
        inbound = _inbound(job, self._bot)
        scene = self._parts.conversation(txn, f"{job.id} {inbound.event_id}", now_ms)
        found = result.get("problem") or _the_one(result["codes"])
        if isinstance(found, PictureProblem) or "problem" in result:
            problem = PictureProblem(found)
            pictures.refuse(scene, inbound.room_id, inbound.sender, problem)
            return
        chats.pay_code(scene, inbound, str(found))


def _the_one(codes: Sequence[str]) -> str | PictureProblem:
    """The payment code among those of a picture; others are talk, if there is one."""
    payable = [one for one in codes if is_payable(one.strip())] or list(codes)
    if not payable:
        return PictureProblem.NO_CODE
    return payable[0] if len(payable) == 1 else PictureProblem.SEVERAL


def _inbound(job: Job, bot: UserId) -> Inbound:
    """The message that the picture came in."""
    said = job.payload
    return Inbound(
        bot=bot,
        room_id=RoomId(said["room"]),
        event_id=EventId(said["event"]),
        sender=UserId(said["person"]),
        event_type="m.room.message",
        content={},
        trust=Trust(said["trust"]),
        standing=DeviceStanding(said["standing"]),
        at_ms=said["since_ms"],
    )
