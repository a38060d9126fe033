"""What the staff says to a person in the room of a case, in its own words: an act as any other.

Clerks speak there with their own clients, so nothing can hold their words back until they are
committed. The bot reads along, and commits each as soon as it hears it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appservices.agency.service.cases import definition_of
from appservices.agency.service.matter import Matter
from veche.chat.attention import SAID, came_in_clear
from veche.protocol.acts import ActClass, call_form, plaintext_hash

if TYPE_CHECKING:
    from appservices.agency.service.offices import StaffMember
    from appservices.agency.service.scene import Scene
    from appservices.agency.store import CaseFile
    from veche.protocol.inbound import Inbound

logger = logging.getLogger(__name__)


def note_words(scene: Scene, inbound: Inbound, file: CaseFile, member: StaffMember) -> None:
    """Commit what somebody of the staff said to the person.

    What came in clear into the encrypted room may be by anybody, so it is no word of the office.
    """
    if inbound.event_type not in SAID or came_in_clear(scene.txn, inbound):
        return
    matter = Matter(scene, definition_of(scene, file), file, f"role:{member.staff.role.value}")
    try:
        ph = plaintext_hash(inbound.content)
    except ValueError:
        # No canonical JSON: of such words no digest can be told.
        logger.warning("%s has no canonical form: its words are in no act", inbound.event_id)
        return
    form = call_form(
        "agency",
        "clerk_says",
        sender=inbound.sender,
        room_id=inbound.room_id,
        event_id=inbound.event_id,
        event_type=inbound.event_type,
        ph=ph,
    )
    scene.sender.commit(ActClass.MESSAGE, form, matter.ground, ph=ph)
