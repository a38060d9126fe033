"""Having a message with legal effect followed from the transaction in which it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.store import deliveries
from appservices.agency.store.deliveries import Delivery

if TYPE_CHECKING:
    from appservices.agency.service.locked_case import LockedCase
    from veche.protocol.ids import EffectId

FOLLOW: Final = "agency.delivery"
FIRST_LOOK_MS: Final = 2_000


def follow(locked: LockedCase, effect_id: EffectId, sha256: str, of: str) -> None:
    """Follow a message until it is served.

    Args:
        locked: The case.
        effect_id: Of the message.
        sha256: Of its text or file, hexadecimal.
        of: Which: ``text`` or ``file``.
    """
    scene, file = locked.scene, locked.file
    one = Delivery(
        id=scene.sender.fresh_ulid("delivery"),
        case_id=file.case.id,
        bot=file.bot,
        person=file.person,
        room_id=file.person_room,
        effect_id=effect_id,
        sha256=sha256,
        of=of,
        made_at_ms=scene.now_ms,
    )
    deliveries.add(scene.txn, one)
    locked.send_off(FOLLOW, {"delivery": one.id, "look": 0}, scene.now_ms + FIRST_LOOK_MS)
