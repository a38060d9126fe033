"""Acts from a page: checked here, then handed to the inbox like a message.

What can be told at once (a wrong field, a closed question) is refused before anything is handed in,
in the words that the bot would use; that it still holds is decided when the bot hears it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.cases import store
from appservices.agency.cases.core.effects import RefusalReason, Topic
from appservices.agency.cases.service.cases import definition_of
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.cases.texts.refusals import refusal_words
from appservices.agency.cases.texts.words import state_words
from appservices.agency.pages.core import (
    DRAFT_BYTES_MAX,
    problems_of,
    problems_of_whole,
    with_draft,
)
from appservices.agency.pages.service.case_view import form_fields
from appservices.agency.pages.service.errors import AnswerRefusedError, FormRefusedError
from appservices.agency.pages.service.reading import shown_in
from appservices.agency.pages.service.receiving import START
from appservices.agency.workflow.service.steps import OPEN_CASES_MAX
from veche.access.sessions import Level
from veche.chat import prompts
from veche.messaging import jobs
from veche.messaging.inbox import pages
from veche.messaging.jobs import Job
from veche.protocol.answers import Chosen, Refused, judge_answer
from veche.protocol.canonical import canonical
from veche.protocol.errors import (
    ConflictError,
    LevelTooLowError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from veche.protocol.forms.models import FILE_KINDS
from veche.protocol.ids import ULID_PATTERN, effect_id
from veche.protocol.inbound import DeviceStanding, PageCommand, PromptAnswer, Trust
from veche.protocol.message import body
from veche.protocol.refusals import RefusalReason as AnswerRefusal
from veche.protocol.refusals import refusal_text
from veche.runtime.matrix.store import readers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.cases.service.conversation import Conversation
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.language.core.definition import FieldDefinition
    from appservices.agency.offices.service import OpenService
    from appservices.agency.pages.api import AnswerBody, CommandBody
    from veche.access.sessions import Session
    from veche.chat.prompts import Kept
    from veche.messaging.inbox.pages import Outcome
    from veche.protocol.forms import FieldError
    from veche.protocol.ids import EventId, RoomId, UserId
    from veche.protocol.inbound import PageAct
    from veche.runtime.database import Cursor

_SURE: Final = frozenset({"withdraw", "export"})
"""Commands, and choices about withdrawing, for which a session must be of the highest level
(design of the clients, section 6)."""
OPEN_CHAT: Final = "agency.chat"
"""Job that makes the chat of a person who began on a page."""
RETRY_AFTER_MS: Final = 1_000
FAILED: Final = "failed"
"""Reason of an act that was given up, since the bot failed at it again and again."""
_CASE_ID: Final = re.compile(ULID_PATTERN)


@attrs.frozen
class Visit:
    """A person on a page, in one transaction.

    Attributes:
        scene: The office that they deal with.
        session: Who they are.
        language: Of the page.
        key: Idempotency key of what they do; empty where nothing is done.
    """

    scene: Conversation
    session: Session
    language: str
    key: str = ""

    @property
    def person(self) -> UserId:
        """The person who acts."""
        return self.session.person

    @property
    def event_id(self) -> EventId:
        """Event id of the act."""
        return pages.page_event_id(self.person, self.key)

    def text(self, message: str, **values: object) -> str:
        """A text in the language of the page."""
        return CATALOGUE.text(self.language, message, **values)

    def answer(
        self, kept: Kept, choice: str | None, data: Mapping[str, Any] | None
    ) -> PromptAnswer:
        """An answer of the person to a question."""
        said = self._said(kept.room_id)
        return PromptAnswer(**said, prompt=kept.id, choice=choice, data=data)

    def command(
        self, room_id: RoomId, name: str, about: str, text: str = "", digest: bytes | None = None
    ) -> EventId:
        """Let the office's bot hear a command, as ``hand_in``."""
        said = PageCommand(**self._said(room_id), name=name, about=about, text=text)
        return self.hand_in(said, digest)

    def _said(self, room_id: RoomId) -> dict[str, Any]:
        """Build the fields that all acts of the person on the page share."""
        return {
            "bot": self.scene.sender.bot.user_id,
            "room_id": room_id,
            "event_id": self.event_id,
            "sender": self.person,
            "trust": self.session.level.trust,
            "at_ms": self.scene.now_ms,
        }

    def hand_in(self, act: PageAct, digest: bytes | None = None) -> EventId:
        """Let the office's bot hear something; the same again changes nothing.

        Args:
            act: What.
            digest: By which the same is known again; None: all that the act says.

        Raises:
            ConflictError: Something else was done under this key.
            MalformedError: It has no canonical JSON.
            AnswerRefusedError: The person, or the bot, is not in the room any more.
            TooLargeError: It is too much for one message.
        """
        try:
            pages.hand_in(self.scene.txn, act, digest)
        except ConflictError:
            raise
        except RefusedError as e:
            words = self.text(
                "You are not in the room where this is asked. Please go into it with your client,"
                " or write in the chat with the office."
            )
            raise AnswerRefusedError(RefusalReason.NOT_NOW.value, words) from e
        return act.event_id

    def is_repeated(self) -> bool:
        """Return whether something was handed in under this key before."""
        try:
            pages.outcome(self.scene.txn, self.event_id)
        except NotFoundError:
            return False
        return True


def is_case_id(text: str) -> bool:
    """Return whether it can be the id of a case."""
    return _CASE_ID.fullmatch(text) is not None


def own_case(visit: Visit, case_id: str) -> CaseFile:
    """A case of the person, as it is.

    Raises:
        NotFoundError: There is none, or it is not theirs, which must look the same.
    """
    file = store.read_case(visit.scene.txn, case_id)
    return _own(visit, file)


def start_case(visit: Visit, service: OpenService) -> tuple[EventId, bool]:
    """Let a case begin in the person's chat with the office, which is made if there is none.

    Returns:
        Of what the outcome tells the case, and whether a chat is made for it.

    Raises:
        AnswerRefusedError: Very many cases of the person are open.
        ConflictError: Something else was done under this key.
    """
    scene, id_ = visit.scene, service.definition.id
    bot = scene.sender.bot.user_id
    known = store.page_start(scene.txn, visit.event_id)
    if known is not None:
        if (known.bot, known.service) != (bot, id_):
            raise ConflictError(visit.text("This was sent before, with another content."))
        return visit.event_id, known.is_chat_new
    _check_open_cases(visit, bot)
    chat = scene.chat_of(visit.person, is_greeted=False)
    start = store.PageStart(visit.event_id, bot, id_, is_chat_new=chat is None)
    store.add_page_start(scene.txn, start, visit.person, scene.now_ms)
    if chat is None:
        _open_chat(visit)
    else:
        visit.command(chat, START, id_)
    return visit.event_id, start.is_chat_new


def _check_open_cases(visit: Visit, bot: UserId) -> None:
    """Refuse at once what would be refused later, before a chat is made for it."""
    txn, person = visit.scene.txn, visit.person
    count = len(store.open_cases(txn, bot, person))
    count += len(store.waiting_page_starts(txn, bot, person))
    if count >= OPEN_CASES_MAX:
        words = visit.text(
            "You have {count} open cases with this office. Please finish or withdraw one first.",
            count=OPEN_CASES_MAX,
        )
        raise AnswerRefusedError(RefusalReason.TOO_MANY.value, words)


def _open_chat(visit: Visit) -> None:
    scene, person = visit.scene, visit.person
    bot, now_ms = scene.sender.bot.user_id, scene.now_ms
    if store.begin_page_chat(scene.txn, bot, person):
        payload = {"bot": bot, "person": person}
        job = Job(effect_id(OPEN_CHAT, visit.event_id), OPEN_CHAT, payload, now_ms)
        jobs.schedule(scene.txn, job)


def answer(visit: Visit, case_id: str, given: AnswerBody) -> EventId:
    """Answer a question of a case.

    Raises:
        NotFoundError: There is no such case of theirs, or no such question in it.
        AnswerRefusedError: The question does not take it.
        FormRefusedError: Something that was filled in is not right.
        LevelTooLowError: The session does not prove enough for it.
        UnavailableError: The question is being asked only now.
    """
    file = own_case(visit, case_id)
    kept = prompts.by_id(visit.scene.txn, file.bot, given.prompt)
    if kept is None or kept.purpose.get("case") != case_id or file.person not in kept.prompt.scope:
        raise NotFoundError(visit.text("There is no such question in this case."))
    if kept.is_on_its_way:
        raise UnavailableError(
            visit.text("This question is being asked just now."), retry_after_ms=RETRY_AFTER_MS
        )
    data = None if given.data is None else _whole_data(kept, given.data)
    answered = visit.answer(kept, given.choice, data)
    if not visit.is_repeated():
        _check_answer(visit, file, kept, answered)
    return visit.hand_in(answered)


def _whole_data(kept: Kept, data: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the data of a form; a field that the page left empty becomes empty."""
    form = kept.prompt.form
    if kept.purpose.get("topic") != Topic.FORM or form is None:
        return dict(data)
    whole = {one.id: None for one in form.fields if one.kind not in FILE_KINDS}
    files = {one.id for one in form.fields if one.kind in FILE_KINDS}
    return {**whole, **{id_: value for id_, value in data.items() if id_ not in files}}


def _check_answer(visit: Visit, file: CaseFile, kept: Kept, answer: PromptAnswer) -> None:
    found, data = judge_answer(answer, kept.asked), answer.data
    if isinstance(found, Refused):
        _refuse_answer(visit, kept, found)
    if kept.purpose.get("topic") == Topic.WITHDRAW and isinstance(found, Chosen):
        _check_level(visit, found.choice)
    if data is None or kept.purpose.get("topic") != Topic.FORM:
        return
    errors = _form_errors(visit, file, data)
    if errors:
        raise FormRefusedError(errors, CATALOGUE, visit.language)
    needed = definition_of(visit.scene, file).min_trust
    if answer.trust < needed:
        _refuse_level(visit, kept, needed)


def _form_errors(visit: Visit, file: CaseFile, data: Mapping[str, Any]) -> Sequence[FieldError]:
    shown = shown_in(visit.scene, file, visit.language)
    fields, state = form_fields(shown), file.case.form
    if not fields or state is None:
        raise refuse_now(visit, file)
    context = shown.context
    form = shown.definition.form(tuple(one.id for one in fields), visit.language)
    here = context.field_context(visit.language)
    return problems_of_whole(form, state.values, data, here)


def _refuse_answer(visit: Visit, kept: Kept, found: Refused) -> None:
    if found.reason is AnswerRefusal.APPROVAL_NEEDED:
        _refuse_level(visit, kept, Trust.SIGNED, found.reason)
    if found.reason is AnswerRefusal.TRUST_TOO_LOW:
        _refuse_level(visit, kept, kept.prompt.trust)
    raise AnswerRefusedError(found.reason.value, _words(visit, kept, found.reason))


def _refuse_level(
    visit: Visit,
    kept: Kept,
    needed: Trust,
    reason: AnswerRefusal = AnswerRefusal.TRUST_TOO_LOW,
) -> None:
    required = "room" if needed is Trust.E2EE else needed.label
    raise LevelTooLowError(_words(visit, kept, reason), required=required)


def _words(visit: Visit, kept: Kept, reason: AnswerRefusal) -> str:
    standing = DeviceStanding.PAGE
    return body(refusal_text(reason, CATALOGUE, visit.language, kept.prompt, standing=standing))


def refuse_now(visit: Visit, file: CaseFile) -> AnswerRefusedError:
    """The error that says that the case, as it stands, does not take this."""
    localizer = visit.scene.workplace.context(visit.scene.now_ms, visit.language).person
    state = state_words(file.case.state, localizer)
    words = refusal_words(RefusalReason.NOT_NOW, localizer, state=state)
    return AnswerRefusedError(RefusalReason.NOT_NOW.value, words)


def keep_draft(visit: Visit, case_id: str, values: Mapping[str, Any]) -> Sequence[FieldError]:
    """Keep what was typed, whatever it is; what is right of it is shared with the chat.

    Returns:
        What is wrong with it so far.

    Raises:
        NotFoundError: There is no such case of theirs.
        AnswerRefusedError: No form is being filled in.
        TooLargeError: It is over ``DRAFT_BYTES_MAX``.
        MalformedError: It has no canonical JSON.
    """
    file = _own(visit, store.lock_case(visit.scene.txn, case_id))
    if len(canonical(values, where="values")) > DRAFT_BYTES_MAX:
        raise TooLargeError(visit.text("This is too much for one form."))
    shown = shown_in(visit.scene, file, visit.language)
    fields, state = form_fields(shown), file.case.form
    if not fields or state is None:
        raise refuse_now(visit, file)
    form = shown.definition.form(tuple(one.id for one in fields), visit.language)
    here = shown.context.field_context(visit.language)
    typed = {one.id: values[one.id] for one in fields if _is_typed(one, values)}
    store.keep_page_draft(visit.scene.txn, case_id, typed)
    changed = with_draft(form, state, typed, here)
    if changed != state:
        case = attrs.evolve(file.case, form=changed)
        store.save_form(visit.scene.txn, attrs.evolve(file, case=case))
    return problems_of(form, typed, here)


def _is_typed(field: FieldDefinition, values: Mapping[str, Any]) -> bool:
    return field.kind not in FILE_KINDS and field.id in values


def command(visit: Visit, case_id: str, given: CommandBody) -> EventId:
    """Let the person do something to a case.

    Raises:
        NotFoundError: There is no such case of theirs.
        LevelTooLowError: The session does not prove enough for it.
        ConflictError: Something else was done under this key.
    """
    file = own_case(visit, case_id)
    _check_level(visit, given.command)
    text = given.text if given.command == "human" else ""
    return visit.command(room_of(visit, file), given.command, case_id, text)


def room_of(visit: Visit, file: CaseFile) -> RoomId:
    """The room of the case; the chat, for a person who has not come into that room."""
    present = {user_id for user_id, _ in readers(visit.scene.txn, file.person_room)}
    return file.person_room if visit.person in present else file.chat_id


def _check_level(visit: Visit, deed: str | None) -> None:
    if deed in _SURE and visit.session.level < Level.VERIFIED:
        words = visit.text(
            "For this, please sign in with a link from the bot, asked for on a verified device."
        )
        raise LevelTooLowError(words, required=Level.VERIFIED.label)


def outcome_of(txn: Cursor, event_id: EventId) -> tuple[store.PageOutcome | None, Outcome]:
    """Return the result of an act, and whether it is done."""
    try:
        # First: once it is done, what there is to say is there too.
        state = pages.outcome(txn, event_id)
    except NotFoundError:
        # The begin of a case, which waits for its chat.
        known = store.page_outcome(txn, event_id)
        return known, "waiting" if known is None else "done"
    return store.page_outcome(txn, event_id), state


def refuse_if_refused(known: store.PageOutcome | None, state: Outcome, language: str) -> None:
    """Tell why something that was handed in does not count.

    Args:
        known: Of ``outcome_of``.
        state: Of ``outcome_of``.
        language: Of the page.

    Raises:
        AnswerRefusedError: It does not.
    """
    if known is not None and known.reason is not None:
        raise AnswerRefusedError(known.reason, known.words or "")
    if state == "refused":
        words = CATALOGUE.text(
            language,
            "This could not be done, and nothing has changed. Please write it in the chat.",
        )
        raise AnswerRefusedError(FAILED, words)


def _own(visit: Visit, file: CaseFile | None) -> CaseFile:
    if file is None or file.person != visit.person:
        raise NotFoundError(visit.text("You have no such case."))
    return file
