"""Files of evidence as bytes: fetched and opened, or encrypted and stored, few of them at once.

They lie with the homeserver, encrypted under a key of their own, also those that come from a page
or from an organisation's program: nothing of their content is kept here. Source: design of Veche,
payments §8.8.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import DeferredSemaphore

from appservices.payments.disputes.core.evidence import FILE_BYTES_MAX
from veche.protocol.errors import MalformedError, NotFoundError, UnavailableError
from veche.protocol.forms.magic import HEAD_BYTES, true_mimetype
from veche.runtime.crypto.media import download_encrypted, upload_encrypted
from veche.runtime.matrix.client import MatrixError
from veche.runtime.web.http_client import AnswerTooLargeError

if TYPE_CHECKING:
    from appservices.payments.disputes.core.evidence import Evidence
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient

AT_ONCE: Final = 2
"""Files that pages and programs of organisations have in memory at once."""
RETRY_AFTER_MS: Final = 5_000
_GONE: Final = frozenset({400, 403, 404, 410})


class EvidenceFiles:
    """Takes files of evidence to the homeserver, and gets them from there."""

    def __init__(self, client: MatrixClient, bot: UserId) -> None:
        """Make it.

        Args:
            client: To the homeserver.
            bot: Whose files they are there.
        """
        self._client = client
        self._bot = bot
        self._slots = DeferredSemaphore(AT_ONCE)

    async def fetch(self, evidence: Evidence) -> bytes:
        """Fetch a file: the very bytes whose hash is known.

        Raises:
            NotFoundError: The homeserver has it no more, or has another one in its place.
            UnavailableError: The homeserver does not answer.
        """
        await self._slots.acquire()
        try:
            content = await self._download(evidence)
        finally:
            self._slots.release()
        if hashlib.sha256(content).hexdigest() != evidence.sha256:
            raise NotFoundError("This file is not there any more")
        return content

    async def _download(self, evidence: Evidence) -> bytes:
        try:
            return await download_encrypted(
                self._client, self._bot, evidence.file, bytes_max=FILE_BYTES_MAX
            )
        except (MalformedError, AnswerTooLargeError) as e:
            raise NotFoundError("This file is not there any more") from e
        except MatrixError as e:
            if e.status in _GONE:
                raise NotFoundError("This file is not there any more") from e
            raise UnavailableError(str(e), retry_after_ms=RETRY_AFTER_MS) from e

    async def store(self, content: bytes, name: str, mimetype: str) -> dict[str, Any]:
        """Encrypt a file and store it; what is kept of it as evidence.

        Args:
            content: At most ``FILE_BYTES_MAX`` bytes.
            name: Under which it is saved.
            mimetype: What it is said to be.

        Raises:
            MalformedError: It is empty, or not what it is said to be; nothing is stored.
            UnavailableError: The homeserver does not take it now.
        """
        found = looked_at(content, mimetype)
        await self._slots.acquire()
        try:
            file = await upload_encrypted(self._client, self._bot, content)
        except MatrixError as e:
            raise UnavailableError(str(e), retry_after_ms=RETRY_AFTER_MS) from e
        finally:
            self._slots.release()
        return {"name": name, "file": file, **found}


def looked_at(content: bytes, mimetype: str) -> dict[str, Any]:
    """Hash, size and kind of what is in a file.

    Args:
        content: The file.
        mimetype: What it is said to be.

    Raises:
        MalformedError: It is empty, or not what it is said to be.
    """
    found = true_mimetype(mimetype, content[:HEAD_BYTES])
    if found is None or not content:
        raise MalformedError("file", "is empty, or not what it is said to be")
    digest = hashlib.sha256(content).hexdigest()
    return {"sha256": digest, "size_bytes": len(content), "mimetype": found}
