"""Files that persons send are fetched before they count; what is said meanwhile waits its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.replies import file_field
from appservices.agency.cases.service.cases import definition_of
from appservices.agency.files import store as file_store
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.forms import FieldError, parse_value
from veche.protocol.ids import EffectId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from veche.protocol.inbound import Inbound

    HearQueued = Callable[[Conversation, Inbound, str], None]

CHECK_FILE: Final = "agency.file"
FILE_SLOW: Final = "agency.file_slow"
SLOW_MS: Final = 30_000
"""After which the person is told that their file does not come."""
QUEUED_MAX: Final = 20
"""What waits in one case, its file included; more of it is to be said again."""
PLACE: Final = "m.location"
STILL_LOOKING: Final = N_(
    "I am still looking at the file that you sent. Please do this again in a moment."
)


def queue_if_checking(scene: Conversation, inbound: Inbound, file: CaseFile) -> bool:
    """Queue the message while a file of the case is checked; return whether it was queued.

    Args:
        scene: The transaction.
        inbound: What is said.
        file: The case that it is about, locked.
    """
    waiting = len(file_store.held(scene.txn, file.case.id))
    if 0 < waiting < QUEUED_MAX:
        file_store.hold(scene.txn, file.case.id, inbound)
    elif waiting:
        words = scene.localizer(file.person).text(STILL_LOOKING)
        scene.say(inbound.room_id, (Paragraph(words),), scene.ground(file.person))
    return waiting > 0


def begin_file_check(scene: Conversation, inbound: Inbound, file: CaseFile) -> bool:
    """Begin to check a file that was sent; return whether it has to be checked.

    A location is no file; and of what cannot be one already by what is said of it, the form says
    so at once.
    """
    if inbound.content.get("msgtype") == PLACE:
        return False
    language = scene.language_of(file.person)
    field = file_field(definition_of(scene, file), file.case, language)
    here = scene.context(file.person).field_context(language)
    try:
        value = parse_value(field, inbound.content, here)
    except FieldError:
        return False
    file_store.hold(scene.txn, file.case.id, inbound)
    payload = {
        "bot": file.bot,
        "case": file.case.id,
        "event": inbound.event_id,
        "file": value,
        "bytes_max": field.bytes_max,
        "since_ms": scene.now_ms,
    }
    check = Job(effect_id(CHECK_FILE, inbound.event_id), CHECK_FILE, payload, scene.now_ms)
    jobs.schedule(scene.txn, check)
    slow_at_ms = scene.now_ms + SLOW_MS
    slow = Job(slow_id(inbound.event_id), FILE_SLOW, payload, slow_at_ms)
    jobs.schedule(scene.txn, slow)
    return True


def slow_id(event_id: str) -> EffectId:
    """Id of the job that tells of a file that does not come."""
    return effect_id(FILE_SLOW, event_id)
