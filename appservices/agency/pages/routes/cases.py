"""The cases of whoever is signed in: follow, begin, answer, keep what is typed, fetch documents."""

from __future__ import annotations

import functools
import hashlib
import logging
from typing import TYPE_CHECKING, Final

from appservices.agency.cases import store
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.pages.api import (
    AnswerBody,
    CasesView,
    CaseView,
    CommandBody,
    DoneView,
    DraftBody,
    DraftView,
    HomesView,
    StartBody,
    StartView,
    VersionQuery,
)
from appservices.agency.pages.routes.api import API, VALUES_BODY_BYTES_MAX
from appservices.agency.pages.service import acts as page_acts
from appservices.agency.pages.service.acts import Visit
from appservices.agency.pages.service.errors import error_views
from appservices.agency.pages.service.files import FileQuery, FileStorage, look_at_file, send_file
from appservices.agency.pages.service.reading import (
    StoredDocument,
    case_seen,
    cases_seen,
    homes_seen,
    stored_document,
)
from veche.access.sessions import Level
from veche.api import Download
from veche.messaging.inbox import pages
from veche.protocol.errors import MalformedError, NotFoundError, UnavailableError
from veche.runtime.crypto.media import download_encrypted
from veche.runtime.matrix.client import MatrixError
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.pages.routes.api import Offices
    from appservices.agency.pages.service.files import NewFile
    from veche.api import Call
    from veche.api.long_polling import Follower
    from veche.protocol.ids import EventId, UserId
    from veche.runtime.database import Cursor
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

DOCUMENT_LIMIT: Final = Limit(burst=30, per_s=3)
"""Documents for one client address: each is fetched from the homeserver and decrypted."""
ACT_LIMIT: Final = Limit(burst=60, per_s=5)
"""Acts of one client address, over each route: the bot answers most of them in a room."""
FILE_LIMIT: Final = Limit(burst=10, per_s=0.5)
"""Files of one client address: each is encrypted here and stored by the homeserver."""
PAGE_FILE_BYTES_MAX: Final = 20 * 1024 * 1024
"""Largest file that a page sends, which is in memory whole; the chat takes larger ones."""
_RETRY_AFTER_MS: Final = 2_000


class CaseRoutes:
    """Routes by which a person sees and acts on their cases."""

    def __init__(self, offices: Offices, follower: Follower, client: MatrixClient) -> None:
        """Make them.

        Args:
            offices: Whose cases they are.
            follower: Waits for news of them.
            client: To the homeserver, which keeps documents.
        """
        self._offices = offices
        self._follower = follower
        self._client = client
        self._files = FileStorage(client)
        self._database = follower.gate.database

    # What is read

    @API.transaction(
        "agency.homes",
        "GET",
        "/homes",
        answer=HomesView,
        level=Level.LOW,
        summary="The offices with which the person has a chat",
    )
    def homes(self, txn: Cursor, call: Call) -> HomesView:
        """The offices."""
        scenes = self._scenes(txn, call)
        return homes_seen(txn, scenes, call.signed_in.person, call.language)

    @API.route(
        "GET",
        "/cases",
        query=VersionQuery,
        answer=CasesView,
        level=Level.ROOM,
        summary="The person's cases; waits for news after a version",
    )
    async def cases(self, call: Call) -> CasesView:
        """The cases."""
        topic = store.person_topic(call.signed_in.person)
        read = functools.partial(self._cases, call=call)
        return await self._follower.news("agency.cases", call, topic, read)

    def _cases(self, txn: Cursor, is_last: bool, call: Call) -> CasesView | None:
        version = store.list_version(txn, call.signed_in.person)
        if version == call.query.after and not is_last:
            return None
        scenes = self._scenes(txn, call)
        found = cases_seen(txn, scenes, call.signed_in.person, call.language)
        return CasesView(version=version, cases=found)

    @API.route(
        "GET",
        "/cases/<case_id>",
        query=VersionQuery,
        answer=CaseView,
        level=Level.ROOM,
        summary="One case of the person; waits for news after a version",
    )
    async def case(self, call: Call) -> CaseView:
        """One case."""
        case_id = call.path_args["case_id"]
        topic = store.case_topic(case_id if page_acts.is_case_id(case_id) else "")
        read = functools.partial(self._case, call=call)
        return await self._follower.news("agency.case", call, topic, read)

    def _case(self, txn: Cursor, is_last: bool, call: Call) -> CaseView | None:
        visit = self._visit(txn, call)
        file = page_acts.own_case(visit, call.path_args["case_id"])
        if str(file.version) == call.query.after and not is_last:
            return None
        return case_seen(visit.scene, file, call.language)

    @API.route(
        "GET",
        "/cases/<case_id>/documents/<sha256>",
        answer=Download,
        level=Level.ROOM,
        limit=DOCUMENT_LIMIT,
        summary="A document of a case, decrypted",
    )
    async def document(self, call: Call) -> Download:
        """A document: byte for byte as it was sent to the room."""
        kept = await self._database.run("agency.document", self._document, call)
        try:
            data = await download_encrypted(
                self._client, kept.bot, kept.file, bytes_max=kept.size_bytes
            )
        except (MatrixError, MalformedError, UnavailableError) as e:
            raise self._unfetched(call) from e
        if hashlib.sha256(data).hexdigest() != kept.sha256:
            logger.error("the homeserver has another document than %s", kept.sha256)
            raise self._unfetched(call)
        return Download(data, "application/pdf", kept.filename)

    # What is done

    @API.route(
        "POST",
        "/cases",
        body=StartBody,
        answer=StartView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        needs_key=True,
        summary="Begins a case; without one in the answer, send the same again",
    )
    async def start(self, call: Call) -> StartView:
        """Begin a case."""
        event_id, is_chat_new = await self._database.run("agency.start", self._start, call)
        outcome = await self._outcome(call, event_id)
        return StartView(case=outcome.case_id if outcome else None, is_chat_new=is_chat_new)

    def _start(self, txn: Cursor, call: Call) -> tuple[EventId, bool]:
        workplace, definition = self._offices.catalogue.service(
            call.body.office, call.body.service, call.language
        )
        office = self._offices.offices[workplace.bot.user_id]
        scene = office.conversation(txn, "page", call.now_ms)
        visit = Visit(scene, call.signed_in, call.language, call.key)
        return page_acts.start_case(visit, workplace.services[definition.id])

    @API.route(
        "POST",
        "/cases/<case_id>/answers",
        body=AnswerBody,
        body_bytes_max=VALUES_BODY_BYTES_MAX,
        answer=DoneView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        needs_key=True,
        summary="Answers a question of a case",
    )
    async def answer(self, call: Call) -> DoneView:
        """Answer a question."""

        def hand_in(visit: Visit, case_id: str) -> EventId:
            return page_acts.answer(visit, case_id, call.body)

        return await self._done(call, hand_in)

    @API.route(
        "POST",
        "/cases/<case_id>/commands",
        body=CommandBody,
        answer=DoneView,
        level=Level.ROOM,
        limit=ACT_LIMIT,
        needs_key=True,
        summary="Does something to a case: withdraw, ask a human being, ask why, export",
    )
    async def command(self, call: Call) -> DoneView:
        """Give a command."""

        def hand_in(visit: Visit, case_id: str) -> EventId:
            return page_acts.command(visit, case_id, call.body)

        return await self._done(call, hand_in)

    @API.route(
        "POST",
        "/cases/<case_id>/files",
        takes="application/octet-stream",
        takes_bytes_max=PAGE_FILE_BYTES_MAX,
        query=FileQuery,
        answer=DoneView,
        level=Level.ROOM,
        limit=FILE_LIMIT,
        needs_key=True,
        summary="Sends a file or a photo: it is encrypted here and kept by the homeserver",
    )
    async def send_file(self, call: Call) -> DoneView:
        """Send a file."""
        new = await self._database.run("agency.file", self._look_at, call)
        value = None if new is None else await self._files.store(new, call.body)

        def hand_in(visit: Visit, case_id: str) -> EventId:
            return send_file(visit, case_id, call.query.field, new, value)

        return await self._done(call, hand_in)

    def _look_at(self, txn: Cursor, call: Call) -> NewFile | None:
        visit = self._visit(txn, call)
        return look_at_file(visit, call.path_args["case_id"], call.query, call.body)

    @API.transaction(
        "agency.draft",
        "PUT",
        "/cases/<case_id>/draft",
        body=DraftBody,
        body_bytes_max=VALUES_BODY_BYTES_MAX,
        answer=DraftView,
        level=Level.ROOM,
        summary="Keeps what was typed so far",
    )
    def draft(self, txn: Cursor, call: Call) -> DraftView:
        """Keep what was typed."""
        visit = self._visit(txn, call)
        errors = page_acts.keep_draft(visit, call.path_args["case_id"], call.body.values)
        return DraftView(errors=error_views(errors, CATALOGUE, call.language))

    # How

    def _unfetched(self, call: Call) -> UnavailableError:
        words = CATALOGUE.text(
            call.language, "The document cannot be fetched now. It is also in the chat of the case."
        )
        return UnavailableError(words, retry_after_ms=_RETRY_AFTER_MS)

    async def _done(self, call: Call, hand_in: Callable[[Visit, str], EventId]) -> DoneView:
        """Hand something in, and wait until the bot has done it, for a while."""
        case_id = call.path_args["case_id"]

        def work(txn: Cursor) -> EventId:
            return hand_in(self._visit(txn, call), case_id)

        database = self._database
        event_id = await database.run("agency.act", work)
        await self._outcome(call, event_id)
        is_done, version = await database.run("agency.act", self._state, call, event_id)
        return DoneView(outcome="done" if is_done else "waiting", version=version)

    def _state(self, txn: Cursor, call: Call, event_id: EventId) -> tuple[bool, str]:
        file = page_acts.own_case(self._visit(txn, call), call.path_args["case_id"])
        return pages.outcome(txn, event_id) != "waiting", str(file.version)

    async def _outcome(self, call: Call, event_id: EventId) -> store.PageOutcome | None:
        """Return the outcome of an act; None if there is none, or not yet.

        Raises:
            AnswerRefusedError: It does not count.
        """

        async def look(left_ms: int) -> tuple[store.PageOutcome | None] | None:
            known, state = await self._database.run(
                "agency.outcome", page_acts.outcome_of, event_id
            )
            page_acts.refuse_if_refused(known, state, call.language)
            return None if state == "waiting" and left_ms > 0 else (known,)

        topics = [pages.topic_of(event_id)]
        found = await self._follower.live.follow(topics, pages.SETTLED_MS, look)
        return found[0] if found is not None else None

    def _scenes(self, txn: Cursor, call: Call) -> dict[UserId, Conversation]:
        offices = self._offices.offices.items()
        return {bot: one.conversation(txn, "page", call.now_ms) for bot, one in offices}

    def _document(self, txn: Cursor, call: Call) -> StoredDocument:
        visit = self._visit(txn, call)
        file = page_acts.own_case(visit, call.path_args["case_id"])
        return stored_document(txn, file, call.path_args["sha256"], call.language)

    def _visit(self, txn: Cursor, call: Call) -> Visit:
        """Return the caller's visit at the office of the case.

        Raises:
            NotFoundError: There is no such case, which looks as if it were somebody else's.
        """
        case_id = call.path_args["case_id"]
        bot = store.bot_of_case(txn, case_id) if page_acts.is_case_id(case_id) else None
        office = None if bot is None else self._offices.offices.get(bot)
        if office is None:
            raise NotFoundError(CATALOGUE.text(call.language, "You have no such case."))
        scene = office.conversation(txn, "page", call.now_ms)
        return Visit(scene, call.signed_in, call.language, call.idempotency_key or "")
