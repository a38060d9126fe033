"""Files that persons send, outside transactions: fetched, hashed, their true size and kind seen.

Nothing of a file is kept here: the office opens it from where it is, as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.agency.cases import store
from appservices.agency.cases.core.replies import person_file
from appservices.agency.cases.service.cases import definition_of, step_file
from appservices.agency.cases.service.conversation import Conversation, OfficeParts
from appservices.agency.files import store as file_store
from appservices.agency.files.service import CHECK_FILE, FILE_SLOW, slow_id
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.protocol.errors import MalformedError, TooLargeError, UnavailableError
from veche.protocol.forms import Problem
from veche.protocol.forms.magic import HEAD_BYTES, true_mimetype
from veche.protocol.forms.models import FILE_BYTES_MAX
from veche.protocol.message import Paragraph
from veche.runtime.crypto.attachments import open_head, read_file_key
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.messaging.jobs import Job, JobHandler
    from veche.protocol.inbound import Inbound
    from veche.runtime.database import Cursor

    HearQueued = Callable[[Conversation, Inbound, str], None]

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
