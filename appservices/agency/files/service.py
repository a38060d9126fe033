"""Files that persons send: fetched before they count, while what is said meanwhile waits.

Each is fetched and hashed outside transactions, and its true size and kind are seen. Nothing of
a file is kept here: the office opens it from where it is, as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency.cases import store
from appservices.agency.cases.core.replies import file_field, person_file
from appservices.agency.cases.service.cases import definition_of, step_file
from appservices.agency.cases.service.conversation import Conversation, OfficeParts
from appservices.agency.files import store as file_store
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import MalformedError, TooLargeError, UnavailableError
from veche.protocol.forms import FieldError, Problem, parse_value
from veche.protocol.forms.magic import HEAD_BYTES, true_mimetype
from veche.protocol.forms.models import FILE_BYTES_MAX
from veche.protocol.ids import EffectId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.texts.catalogue import N_
from veche.runtime.crypto.attachments import open_head, read_file_key
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.agency.cases.store import CaseFile
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

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


FETCHED_AT_ONCE: Final = 4
"""Files that are in memory at once, of all offices."""
GIVE_UP_MS: Final = 8 * 60_000
"""After which a file that the homeserver does not give is no longer waited for."""


def file_handlers(parts: OfficeParts, hear_queued: HearQueued) -> dict[str, JobHandler]:
    """The handlers of jobs about files that persons send.

    Args:
        parts: Of the office.
        hear_queued: Hears what waited for a file of a case, by its id.
    """
    return {CHECK_FILE: _CheckFile(parts, hear_queued), FILE_SLOW: _FileSlow(parts)}


class _CheckFile(ChatJob[OfficeParts]):
    """Looks at a file; then it counts, and after it what was said meanwhile."""

    def __init__(self, parts: OfficeParts, hear_queued: HearQueued) -> None:
        super().__init__(parts)
        self._hear_queued = hear_queued

    async def perform(self, job: Job) -> Mapping[str, Any]:
        await self._parts.fetches.acquire()
        try:
            return await self._look(job)
        except TooLargeError:
            return {"size_bytes": _bytes_max(job) + 1}  # which the field refuses
        except MalformedError:
            return {"problem": Problem.FILE_DAMAGED.name}
        except UnavailableError:
            if self._host.now_ms() - job.payload["since_ms"] < GIVE_UP_MS:
                raise
            return {"problem": Problem.FILE_UNFETCHED.name}
        finally:
            self._parts.fetches.release()

    async def _look(self, job: Job) -> Mapping[str, Any]:
        file = job.payload["file"]
        key = read_file_key(file["file"]) if "file" in file else None
        data = await self.fetch(file["mxc"], _bytes_max(job))
        if data is None:
            return {"problem": Problem.FILE_GONE.name}
        if key is None:
            head = data[:HEAD_BYTES]
        else:
            head = await in_thread(self._host.reactor, open_head, data, key, HEAD_BYTES)
        mimetype = true_mimetype(file["mimetype"], head)
        if mimetype is None:
            return {"problem": Problem.FILE_DAMAGED.name}
        return {"size_bytes": len(data), "mimetype": mimetype}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        # Before the case is locked: the other job locks in this order too.
        jobs.cancel(txn, slow_id(job.payload["event"]))
        file = store.lock_case(txn, job.payload["case"])
        if file is None:
            return
        first, *others = file_store.release(txn, file.case.id)
        found = {name: value for name, value in result.items() if name != "problem"}
        content = {**job.payload["file"], **found}
        problem = Problem[result["problem"]] if "problem" in result else None
        definition = definition_of(scene, file)
        heard = person_file(definition, file.case, content, first.trust, problem)
        step_file(scene, file, heard)
        # Another file among them is fetched now, and what came after it waits again.
        for inbound in others:
            self._hear_queued(scene, inbound, file.case.id)


class _FileSlow(ChatJob[OfficeParts]):
    """Tells a person that their file does not come."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        file = store.lock_case(txn, job.payload["case"])
        if file is None:
            return
        scene = self._parts.conversation(txn, job.id, now_ms)
        words = scene.localizer(file.person).text(
            "Your server has not given me the file {name} yet. I go on trying; what you write"
            " about this case meanwhile waits its turn.",
            name=job.payload["file"]["name"],
        )
        [first, *_] = file_store.held(txn, file.case.id)
        scene.say(first.room_id, (Paragraph(words),), scene.ground(file.person))


def _bytes_max(job: Job) -> int:
    return int(job.payload["bytes_max"] or FILE_BYTES_MAX)
