"""Files and photos that a person sends on a page: looked at, then encrypted as a client would.

The browser sends the plain file, as it sends the other answers; it is encrypted here under a key of
its own before the homeserver stores it, and counts once the bot has heard of it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
from pydantic import Field
from twisted.internet.defer import DeferredSemaphore

from appservices.agency.cases.core.inputs import InputKind
from appservices.agency.cases.core.replies import FILE_FIELD
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.pages.service.acts import own_case, refuse_now, room_of
from appservices.agency.pages.service.case_view import form_fields
from appservices.agency.pages.service.errors import FormRefusedError
from appservices.agency.pages.service.reading import shown_in
from appservices.agency.pages.service.receiving import FILE
from appservices.agency.workflow.core.table import TABLE
from veche.messaging.inbox import pages
from veche.protocol.canonical import canonical
from veche.protocol.errors import TooLargeError, UnavailableError
from veche.protocol.forms import FieldError, Problem, parse_value
from veche.protocol.forms.files import FILE_NAME_CHARACTERS_MAX, UNKNOWN_MIMETYPE
from veche.protocol.forms.magic import HEAD_BYTES, true_mimetype
from veche.protocol.forms.models import FILE_KINDS
from veche.protocol.wire import Wire
from veche.runtime.crypto.media import upload_encrypted
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.pages.service.acts import Visit
    from veche.protocol import forms
    from veche.protocol.ids import EventId, UserId
    from veche.runtime.matrix.client import MatrixClient

FIELD_ID_CHARACTERS_MAX: Final = 64
AT_ONCE: Final = 2
"""Files of pages that are encrypted and sent on at once."""
RETRY_AFTER_MS: Final = 5_000
_NOT_STORED: Final = "mxc://none/none"
_TOO_LARGE: Final = 413


class FileQuery(Wire):
    """Describe a file of a case, and the question that it answers.

    Attributes:
        field: Id of the question of the form; empty: it is for the office.
        name: Under which it is kept.
        mimetype: What it is said to be; its first bytes may say otherwise.
    """

    field: Annotated[str, Field(max_length=FIELD_ID_CHARACTERS_MAX)] = ""
    name: Annotated[str, Field(min_length=1, max_length=FILE_NAME_CHARACTERS_MAX)]
    mimetype: Annotated[str, Field(max_length=121, pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")] = (
        UNKNOWN_MIMETYPE
    )


@attrs.frozen
class NewFile:
    """A file that was looked at, and is stored nowhere yet.

    Attributes:
        bot: Whose file it becomes at the homeserver.
        digest: Of what was sent, by which the same is known again.
        claims: Its name, size and kind.
        too_large: What to say if the homeserver takes none of this size.
    """

    bot: UserId
    digest: bytes
    claims: dict[str, Any]
    too_large: str


class FileStorage:
    """Puts files of pages to the homeserver, encrypted, a few at once."""

    def __init__(self, client: MatrixClient) -> None:
        self._client = client
        self._slots = DeferredSemaphore(AT_ONCE)

    async def store(self, new: NewFile, content: bytes) -> dict[str, Any]:
        """Encrypt and store a file; the value of a field of the kind ``file``.

        Raises:
            TooLargeError: The homeserver takes no file of this size.
            UnavailableError: The homeserver does not take it now.
        """
        await self._slots.acquire()
        try:
            file = await upload_encrypted(self._client, new.bot, content)
        except MatrixError as e:
            if e.status == _TOO_LARGE:
                raise TooLargeError(new.too_large) from e
            raise UnavailableError(str(e), retry_after_ms=RETRY_AFTER_MS) from e
        finally:
            self._slots.release()
        return {**new.claims, "mxc": file["url"], "file": file}


def look_at_file(visit: Visit, case_id: str, given: FileQuery, content: bytes) -> NewFile | None:
    """Check a file against the question that it answers; None if it was handed in before.

    Raises:
        NotFoundError: There is no such case of theirs.
        AnswerRefusedError: The case takes no such file now.
        FormRefusedError: It is too large, damaged, or of a kind that the question does not take.
        ConflictError: Something else was done under this key.
    """
    file = own_case(visit, case_id)
    digest = _digest(case_id, given, content)
    if pages.is_known(visit.scene.txn, visit.event_id, digest):
        return None
    field = _field(visit, file, given.field)
    here = shown_in(visit.scene, file, visit.language).context.field_context(visit.language)
    try:
        mimetype = true_mimetype(given.mimetype, content[:HEAD_BYTES])
        if mimetype is None or not content:
            raise FieldError.of(field, Problem.FILE_DAMAGED)
        claims = {"name": given.name, "mimetype": mimetype, "size_bytes": len(content)}
        parse_value(field, {**claims, "mxc": _NOT_STORED}, here)
    except FieldError as e:
        raise FormRefusedError([e], CATALOGUE, visit.language) from e
    too_large = visit.text("The server takes no file of this size. Please send a smaller one.")
    return NewFile(file.bot, digest, claims, too_large)


def send_file(
    visit: Visit, case_id: str, field: str, new: NewFile | None, value: dict[str, Any] | None
) -> EventId:
    """Let the office's bot hear of a file that is stored; None: of the one that it heard of.

    Raises:
        NotFoundError: There is no such case of theirs.
        AnswerRefusedError: The person is not in the room of the case any more.
        ConflictError: Something else was done under this key meanwhile.
    """
    file = own_case(visit, case_id)
    if new is None or pages.is_known(visit.scene.txn, visit.event_id, new.digest):
        return visit.event_id
    text = canonical({"field": field, "value": value}).decode()
    return visit.command(room_of(visit, file), FILE, case_id, text, new.digest)


def _digest(case_id: str, given: FileQuery, content: bytes) -> bytes:
    said = {FILE: case_id, "sha256": hashlib.sha256(content).hexdigest(), **given.model_dump()}
    return hashlib.sha256(canonical(said)).digest()


def _field(visit: Visit, file: CaseFile, id_: str) -> forms.Field:
    """The question that a file answers, or what any file must be."""
    if not id_ and (file.case.state, InputKind.ADD_FILE) in TABLE:
        return FILE_FIELD
    for field in form_fields(shown_in(visit.scene, file, visit.language)):
        if field.id == id_ and field.kind in FILE_KINDS:
            return field.field(visit.language)
    raise refuse_now(visit, file)
