"""Pictures that persons send into their chat: the payment code in one is to be read.

Whoever has a dispute sends files as evidence of it; a picture of theirs is a code to pay if its
caption is the word for paying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.chats.texts.pictures import (
    PICTURE_BYTES_MAX,
    PictureProblem,
    picture_problem_doc,
)
from appservices.payments.conversation.core.commands import PAY
from appservices.payments.conversation.service.sent_files import (
    FileProblem,
    caption,
    claims_of,
    is_file,
    payload_of,
)
from appservices.payments.disputes.store import disputes as store
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.protocol.inbound import Inbound

READ: Final = "payments.picture"
"""Job: fetches a picture and reads the code in it."""
_IMAGE: Final = "image/"


def take(scene: Conversation, inbound: Inbound) -> bool:
    """A person may have sent a picture of a code: have it read; False if it is none, or evidence.

    A person has one picture read at a time.
    """
    if not _is_picture(inbound):
        return False
    is_pay = PAY.is_called(caption(inbound).strip().lstrip("!/"))
    if not is_pay and store.live_of(scene.txn, scene.holder(inbound.sender).id):
        return False
    claims = claims_of(scene, inbound, PICTURE_BYTES_MAX)
    if isinstance(claims, FileProblem):
        refuse(scene, inbound.room_id, inbound.sender, PictureProblem(claims.value))
        return True
    payload = {
        "event": inbound.event_id,
        "trust": inbound.trust.value,
        "standing": inbound.standing.value,
        **payload_of(scene, inbound, claims),
    }
    job = Job(effect_id(READ, inbound.sender), READ, payload, scene.now_ms)
    if not jobs.schedule(scene.txn, job):
        refuse(scene, inbound.room_id, inbound.sender, PictureProblem.BUSY)
    return True


def refuse(scene: Conversation, room_id: RoomId, person: UserId, problem: PictureProblem) -> None:
    """Say why a picture asks for nothing."""
    scene.tell(room_id, person, picture_problem_doc(problem, scene.localizer(person)))


def _is_picture(inbound: Inbound) -> bool:
    content = mapping(inbound.content)
    kind = mapping(content.get("info")).get("mimetype")
    is_image = isinstance(kind, str) and kind.startswith(_IMAGE)
    return is_file(inbound) and (content.get("msgtype") == "m.image" or is_image)
