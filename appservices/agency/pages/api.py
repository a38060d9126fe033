"""API models of the pages, from which its documentation is made.

Every text is in the language of whoever asks; every ``…_ms`` is a moment, UTC. A value that is not
there is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from appservices.agency.cases.core.case import TEXT_CHARACTERS_MAX
from appservices.agency.catalogue.api import NAME_CHARACTERS_MAX, FormView
from appservices.agency.pages.core import DRAFT_VALUES_MAX
from veche.protocol.ids import WireUlid
from veche.protocol.prompts import ANSWER_FIELDS_MAX, ChoiceId, Prompt
from veche.protocol.wire import Wire

VERSION_CHARACTERS_MAX: Final = 40

PageCommand = Literal["withdraw", "human", "why", "status", "export"]


class FieldErrorView(Wire):
    """A problem with an answer, and what would be right.

    Attributes:
        field: Id of the field.
        code: For programs.
    """

    field: str
    error: str
    code: str


class CheckBody(Wire):
    """Answers to be checked.

    Attributes:
        values: By id of the field, as typed.
        fields: Which are checked, also for being there; null: all.
    """

    office: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)]
    service: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)]
    values: Annotated[dict[str, Any], Field(max_length=DRAFT_VALUES_MAX)]
    fields: Annotated[list[str], Field(max_length=DRAFT_VALUES_MAX)] | None = None


class CheckView(Wire):
    """The problems of answers, and how the right ones read.

    Attributes:
        shown: By id of the field.
    """

    errors: list[FieldErrorView]
    shown: dict[str, str]


class HomeView(Wire):
    """An office with which the person has a chat."""

    office: str
    name: str
    organisation: str
    bot: str
    chat: str


class HomesView(Wire):
    """The offices with which the person has a chat."""

    homes: list[HomeView]


class StartBody(Wire):
    """The service that is to begin."""

    office: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)]
    service: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)]


class StartView(Wire):
    """The case that was begun.

    Attributes:
        case: Its id; null while the chat is being made: send the same request again.
        is_chat_new: Whether a chat was opened for it, to which the person is invited.
    """

    case: str | None
    is_chat_new: bool


class VersionQuery(Wire):
    """The version that the page has: the answer waits for a newer one, up to 25 seconds."""

    after: Annotated[str, Field(max_length=VERSION_CHARACTERS_MAX)] | None = None


class ClockView(Wire):
    """Until when the office decides, and by which rule."""

    due_at_ms: int
    rule: str


class CaseLineView(Wire):
    """A case, as a list shows it.

    Attributes:
        case: Its id.
        number: What people call it.
        state_text: The state in words.
        is_open: Whether something can still happen.
        waits_for_you: Whether the person's answer, or payment, is waited for.
        next: What happens next, in a sentence.
        updated_at_ms: When something happened last.
    """

    case: str
    number: str
    office: str
    office_name: str
    organisation: str
    service: str
    title: str
    state: str
    state_text: str
    is_open: bool
    waits_for_you: bool
    next: str
    clock: ClockView | None
    opened_at_ms: int
    updated_at_ms: int


class CasesView(Wire):
    """The person's cases: those that are open first, then the newest.

    Attributes:
        version: For ``after``.
    """

    version: str
    cases: list[CaseLineView]


class FactView(Wire):
    """A line of the card."""

    label: str
    value: str


class EntryView(Wire):
    """Something that happened.

    Attributes:
        who: A role in words, never a name.
        text: What was written with it.
    """

    at_ms: int
    who: str
    what: str
    text: str | None


class AnswerView(Wire):
    """An answer of the form, as the person reads it."""

    field: str
    label: str
    value: str


class QuestionView(Wire):
    """The person's question to the office.

    Attributes:
        text: Empty if nothing was written.
        due_at_ms: Until when the office answers.
    """

    text: str
    due_at_ms: int


class RefusalView(Wire):
    """Why the case was refused, and what can be done."""

    code: str
    reason: str
    law: str
    text: str
    appeal: str
    appeal_until_ms: int


class FeeView(Wire):
    """A fee that can be paid now.

    Attributes:
        label: What a button to pay it says, with the amount.
        url: The page on which it is paid.
    """

    label: str
    url: str


class DocumentView(Wire):
    """A document of the office.

    Attributes:
        sha256: Of the file, hexadecimal.
        path: Where it is fetched with the session's token.
    """

    number: int
    title: str
    filename: str
    sha256: str
    size_bytes: int
    issued_at_ms: int
    valid_until_ms: int | None
    path: str


class PromptView(Wire):
    """A question that waits for an answer of the person.

    Attributes:
        prompt: As it stands in the room.
        topic: What it is about: ``form``, ``approve``, ``more``, ``withdraw``.
        text: What stands above the choices, as plain text.
    """

    prompt: Prompt
    topic: str
    text: str


class CommandView(Wire):
    """Something that the person can do now.

    Attributes:
        label: What it does.
        takes_text: Whether words can go with it.
    """

    command: PageCommand
    label: str
    takes_text: bool


class CaseView(CaseLineView):
    """A case, with all that the person may know of it.

    Attributes:
        version: For ``after``.
        room: Address by which any client opens the room in which it is dealt with.
        is_room_own: Whether that is a room of its own; else it is the chat.
        fee: What is to be paid now; null: nothing, or its invoice is not made yet.
        prompts: What is asked, the newest first.
        form: What is being filled in; null: nothing.
        draft: Values for its fields: what was typed here, or answered in the chat.
        takes_files: Whether a file can be added that no question of a form asks for.
    """

    version: str
    bot: str
    room: str
    is_room_own: bool
    submitted_at_ms: int | None
    card: list[FactView]
    history: list[EntryView]
    answers: list[AnswerView]
    question: QuestionView | None
    refusal: RefusalView | None
    fee: FeeView | None
    documents: list[DocumentView]
    prompts: list[PromptView]
    form: FormView | None
    draft: dict[str, Any]
    takes_files: bool
    commands: list[CommandView]


class AnswerBody(Wire):
    """An answer to a question of a case.

    Attributes:
        prompt: Id of the question.
        choice: Id of what is chosen.
        data: Values of the form's fields.
    """

    prompt: WireUlid
    choice: ChoiceId | None = None
    data: Annotated[dict[str, Any], Field(max_length=ANSWER_FIELDS_MAX)] | None = None


class DoneView(Wire):
    """The outcome.

    Attributes:
        outcome: ``waiting``: it is kept, and will be done.
        version: Of the case, for ``after``.
    """

    outcome: Literal["done", "waiting"]
    version: str


class DraftBody(Wire):
    """The whole draft so far, by id of the field."""

    values: Annotated[dict[str, Any], Field(max_length=DRAFT_VALUES_MAX)]


class DraftView(Wire):
    """It is kept; what is wrong with it so far."""

    errors: list[FieldErrorView]


class CommandBody(Wire):
    """Something that the person does to a case.

    Attributes:
        text: Words that go with ``human``.
    """

    command: PageCommand
    text: Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)] = ""
