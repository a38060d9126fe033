"""Files that persons send to the bot: fetched and decrypted outside transactions, and looked at.

What a message says of a file is no evidence: it counts once it was fetched, and its hash is right.
Where it is and what opens it is kept sealed until then.
"""

from __future__ import annotations

import abc
import base64
import datetime as dt
import enum
import io
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.defer import DeferredSemaphore

from appservices.payments.conversation.service.conversation import Parts
from veche.bots import ChatJob
from veche.protocol.errors import MalformedError, TooLargeError, UnavailableError
from veche.protocol.forms import parse_file
from veche.protocol.forms.models import Field, FieldKind
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext
from veche.protocol.wire import mapping
from veche.runtime.crypto.attachments import decrypt_file, read_file_key
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.messaging.jobs import Job
    from veche.protocol.inbound import Inbound
    from veche.runtime.crypto.attachments import FileKey

FETCHED_AT_ONCE: Final = 2
"""Files of one kind of job that are in memory at once."""
_FILES: Final = frozenset({"m.file", "m.image", "m.video", "m.audio"})


class FileProblem(enum.Enum):
    """Why a file is not looked at."""

    IN_CLEAR = "in_clear"
    BROKEN = "broken"
    GONE = "gone"
    TOO_BIG = "too_big"


def is_file(inbound: Inbound) -> bool:
    """Return whether a message is a file."""
    msgtype = mapping(inbound.content).get("msgtype")
    return inbound.event_type == "m.room.message" and msgtype in _FILES


def caption(inbound: Inbound) -> str:
    """The caption of a file; empty where its ``body`` is its name."""
    content = mapping(inbound.content)
    body, name = content.get("body"), content.get("filename")
    return body if isinstance(body, str) and name is not None and name != body else ""


def claims_of(
    scene: Conversation, inbound: Inbound, bytes_max: int
) -> dict[str, Any] | FileProblem:
    """Where a file is and what opens it, as its message says.

    Args:
        scene: The transaction.
        inbound: The message.
        bytes_max: Most that the file may say that it has.
    """
    localizer = scene.localizer(inbound.sender)
    today = dt.datetime.fromtimestamp(scene.now_ms // 1000, dt.UTC).date()
    context = FieldContext(localizer.language, today, localizer.time_zone, "DE")
    field = Field(id="file", kind=FieldKind.FILE, label="file", bytes_max=bytes_max)
    try:
        claims = parse_file(field, inbound.content, context)
    except FieldError as e:
        is_big = e.problem is Problem.FILE_TOO_BIG
        return FileProblem.TOO_BIG if is_big else FileProblem.BROKEN
    return claims if "file" in claims else FileProblem.IN_CLEAR


def payload_of(scene: Conversation, inbound: Inbound, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a job that looks at a file."""
    return {
        "person": inbound.sender,
        "room": inbound.room_id,
        "since_ms": scene.now_ms,
        # It has the key of the file in it.
        "sealed": base64.b64encode(scene.vault.seal(claims)).decode(),
    }


class LookAtFile(ChatJob[Parts], abc.ABC):
    """Base: fetches a file and decrypts it; what is seen of it is for ``finish``.

    Attributes:
        bytes_max: Most that is read.
        give_up_ms: After which a file that the homeserver does not give is no longer waited for.
    """

    bytes_max: ClassVar[int]
    give_up_ms: ClassVar[int] = 8 * 60_000

    def __init__(self, parts: Parts) -> None:
        """Make it."""
        super().__init__(parts)
        self._slots = DeferredSemaphore(FETCHED_AT_ONCE)

    @abc.abstractmethod
    def look(self, content: bytes, mimetype: str) -> Mapping[str, Any]:
        """Examine a file; called in a thread.

        Args:
            content: The file itself.
            mimetype: What the sender says it is.

        Raises:
            MalformedError: It is damaged.
        """

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Fetch and decrypt the file, and look at it; ``problem`` says why it was not."""
        claims = self.claims(job)
        await self._slots.acquire()
        try:
            data = await self.fetch(claims["mxc"], self.bytes_max)
            if data is None:
                return {"problem": FileProblem.GONE.value}
            key = read_file_key(claims["file"])
            reactor = self._host.reactor
            return await in_thread(reactor, self._opened, data, key, claims["mimetype"])
        except TooLargeError:
            return {"problem": FileProblem.TOO_BIG.value}
        except MalformedError:
            return {"problem": FileProblem.BROKEN.value}
        except UnavailableError:
            if self._host.now_ms() - job.payload["since_ms"] < self.give_up_ms:
                raise
            return {"problem": FileProblem.GONE.value}
        finally:
            self._slots.release()

    def claims(self, job: Job) -> dict[str, Any]:
        """Return the facts that a message states about the file of a job."""
        opened: dict[str, Any] = self._parts.vault.open(base64.b64decode(job.payload["sealed"]))
        return opened

    def _opened(self, data: bytes, key: FileKey, mimetype: str) -> Mapping[str, Any]:
        plain = io.BytesIO()
        decrypt_file(io.BytesIO(data), plain, key)
        return self.look(plain.getvalue(), mimetype)
