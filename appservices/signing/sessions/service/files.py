"""The file of a session: the document, and with it all that was signed into it.

A PDF grows at its end. Any other file stays as it is, and is in a container with its signatures
from the first one on.

It is kept as ciphertext and increments; here it is put together, outside the reactor's thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.keys.document_cipher import DOCUMENT, decrypt, increment_of
from appservices.signing.papers.core.growing import begun, grown
from appservices.signing.sessions.service.keeping import check_kept, is_forgotten
from appservices.signing.sessions.store import blobs, revisions, sessions
from veche.documents.asic import DataFile
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from appservices.signing.sessions.store.revisions import Revision
    from veche.runtime.database import Cursor

Grow = Callable[[bytes], bytes]
"""A file with what is added to it."""
GONE: Final = "the document is not kept any more"
_NO_BYTES: Final = b""


@attrs.frozen
class Kept:
    """A session with the parts of its file, read in one transaction.

    Attributes:
        session: As it was.
        document: Ciphertext; empty: it is deleted, or nobody here can read it.
        revisions: So far.
    """

    session: Session
    document: bytes = attrs.field(repr=False)
    revisions: Sequence[Revision] = attrs.field(repr=False)

    @property
    def is_here(self) -> bool:
        """Return whether the file can be put together here."""
        return self.document != _NO_BYTES

    @property
    def size(self) -> int:
        """Bytes of the file with all revisions; of a container, but for its directory."""
        paper = self.session.paper
        base = 0 if paper is None else paper.size
        return base + sum(one.size for one in self.revisions)

    def whole(self) -> bytes:
        """The file with all revisions.

        Raises:
            MalformedError: A part was changed where it is kept.
            RefusedError: The parts are not those of the session.
        """
        parts = self._parts()
        if self.session.has_container:
            whole = grown(self._file(parts[0]), parts[1:])
        else:
            whole = b"".join(parts)
        return self._checked(whole)

    def document_alone(self) -> bytes:
        """The document as it was sent, before anybody signed it.

        Raises:
            MalformedError: It was changed where it is kept.
        """
        return decrypt(self.session.subject.key, self.document, DOCUMENT)

    def container(self, *more: bytes) -> bytes:
        """The container of a file that is no PDF, also before anybody has signed it.

        Args:
            more: What is to be added to it.

        Raises:
            MalformedError: A part was changed where it is kept.
            RefusedError: The parts are not those of the session.
            ArchiveError: What is to be added is not of the form that is taken.
        """
        first, *added = self._parts()
        file = self._file(first)
        made = begun(file, added)
        self._checked(made if added else first)
        return begun(file, [*added, *more]) if more else made

    def _checked(self, whole: bytes) -> bytes:
        if hashlib.sha256(whole).digest() != self.session.head_sha256:
            raise RefusedError("the file is not the one that the session has")
        return whole

    def _parts(self) -> list[bytes]:
        key = self.session.subject.key
        increments = (
            decrypt(key, one.increment, increment_of(one.number)) for one in self.revisions
        )
        return [self.document_alone(), *increments]

    def _file(self, data: bytes) -> DataFile:
        return DataFile(self.session.subject.filename, self.session.subject.kind, data)


def kept(scene: Conversation, session: Session) -> Kept:
    """The parts of a session's file.

    Raises:
        GoneError: They were deleted in time.
        RefusedError: They are gone.
    """
    paper = session.paper
    document = None if paper is None else blobs.get(scene.txn, session.id, paper.blob_sha256)
    if document is None:
        check_kept(scene, session)
        raise RefusedError(GONE)
    return Kept(session, document, revisions.of_session(scene.txn, session.id))


def read_kept(txn: Cursor, parts: Parts, session_id: str) -> Kept:
    """The same in a transaction that only reads, by the id of the session.

    Raises:
        GoneError: Its file was deleted in time.
        RefusedError: There is no such session, or its file is gone.
    """
    session = sessions.read(txn, parts.vault, session_id)
    if session is None:
        raise RefusedError(GONE)
    return kept(parts.conversation(txn, f"read {session_id}", parts.host.now_ms()), session)


def read_told(txn: Cursor, parts: Parts, session_id: str) -> Kept:
    """Read what can be told of a closed session; without a file that is unavailable.

    Why: it is deleted in time, and of a private one it cannot be read, while the report and the
    digests go on to be there for whoever gets a chat later.

    Raises:
        RefusedError: There is no such session, or its file is gone before its time.
    """
    session = sessions.read(txn, parts.vault, session_id)
    if session is None:
        raise RefusedError(GONE)
    scene = parts.conversation(txn, f"read {session_id}", parts.host.now_ms())
    if session.is_blind or is_forgotten(scene, session):
        return Kept(session, _NO_BYTES, revisions.of_session(txn, session.id))
    return kept(scene, session)
