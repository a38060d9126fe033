"""Files that persons send to the payments bot, without a homeserver."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.support.postgres import execute
from veche.protocol.errors import MalformedError
from veche.protocol.ids import RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.attachments import encrypt_file
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from tests.integration.appservices.payments.stage import Stage
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound

LATE_MS: Final = 1 << 50
"""Later than any file is waited for."""


class Homeserver:
    """What the bot fetches files from."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def download(self, mxc: str, **_: object) -> bytes:
        if mxc not in self.files:
            raise MatrixError(404, {"errcode": "M_NOT_FOUND", "error": "gone"})
        return self.files[mxc]


def sent(server: Homeserver, plain: bytes, name: str = "photo.png", **more: Any) -> dict[str, Any]:
    """The content of an encrypted file that somebody sends."""
    ciphertext, file = encrypt_file(plain)
    mxc = f"mxc://veche.test/{hashlib.sha256(ciphertext).hexdigest()[:20]}"
    server.files[mxc] = ciphertext
    info = {"mimetype": "image/png", "size": len(plain)}
    opening = {**file, "url": mxc}
    return {"msgtype": "m.image", "body": name, "info": info, "file": opening, **more}


@attrs.define
class Courier:
    """Sends files to the bot, and does the job that follows.

    Attributes:
        stage: Where.
        take: What the bot does with a message.
        handler: Of the job.
        kind: Of the job.
    """

    stage: Stage
    take: Callable[[Conversation, Inbound], bool]
    handler: Callable[[Parts], JobHandler]
    kind: str
    server: Homeserver = attrs.field(factory=Homeserver)
    count: int = 0

    def send(self, person: UserId, content: dict[str, Any]) -> list[tuple[RoomId, Any]]:
        """What the bot says as files then: where, and the content."""
        self.stage.heard.files.clear()
        assert self.post(person, content)
        self.deliver()
        return list(self.stage.heard.files)

    def post(self, person: UserId, content: dict[str, Any]) -> bool:
        """Whether the bot takes a message as a file."""
        self.count += 1
        inbound: Any = SimpleNamespace(
            sender=person,
            room_id=RoomId(f"!{person[1:]}"),
            event_id=f"$file{id(self)} {self.count}",
            event_type="m.room.message",
            content=content,
            trust=Trust.VERIFIED,
            standing=DeviceStanding.VERIFIED,
        )
        with self.stage.scene() as scene:
            return self.take(scene, inbound)

    def deliver(self) -> None:
        """Do what jobs there are."""
        stage = self.stage
        query = "DELETE FROM runtime.errand WHERE kind = %s RETURNING errand_id, payload"
        for job_id, payload in execute(stage.dsn, query, self.kind):
            assert "A256CTR" not in str(payload), "the key of the file is sealed"
            job: Any = SimpleNamespace(id=job_id, payload=payload)
            handler = self.handler(cast("Any", _Parts(stage, self.server)))
            found: list[Any] = []
            Deferred.fromCoroutine(handler.perform(job)).addBoth(found.append)
            with stage.scene() as scene:
                handler.finish(scene.txn, job, found[0], stage.now_ms)


class _Parts:
    """Parts whose scenes are of the stage, with a homeserver and threads."""

    def __init__(self, stage: Stage, server: Homeserver) -> None:
        self.conversation = stage.scene_of
        self.vault = stage.parts.vault
        self.bot = stage.parts.bot
        self.host = SimpleNamespace(client=server, now_ms=lambda: LATE_MS, reactor=_Reactor())


class _Reactor:
    """A reactor whose threads are this one."""

    def getThreadPool(self) -> _Reactor:
        return self

    def callFromThread(self, work: Any, *args: Any) -> None:
        work(*args)

    def callInThreadWithCallback(self, done: Any, work: Any, *args: Any, **more: Any) -> None:
        try:
            result = work(*args, **more)
        except MalformedError:
            done(False, Failure())
        else:
            done(True, result)
