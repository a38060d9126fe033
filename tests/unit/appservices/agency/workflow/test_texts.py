"""What is said: translated, complete, and small enough for an event whatever its values are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.agency.cases.core.case import TEXT_CHARACTERS_MAX
from appservices.agency.cases.core.commands import CASE_COMMANDS, ROOM_COMMANDS, command_input
from appservices.agency.cases.core.effects import (
    Effect,
    Question,
    RefusalReason,
    SendDocument,
    TellDesk,
    TellPerson,
    Topic,
    UpdateCard,
    UpdateDeskCard,
)
from appservices.agency.cases.core.inputs import (
    AddFile,
    Approve,
    AskHuman,
    AskMore,
    Claim,
    DocumentFailed,
    DocumentMade,
    Input,
    Refuse,
    Reply,
    RoomMade,
    Status,
    Why,
    Withdraw,
    Write,
)
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.cases.texts.refusals import refusal_words
from appservices.agency.cases.texts.words import (
    happened_words,
    role_words,
    staff_state_words,
    state_words,
)
from appservices.agency.catalogue.texts.menu import (
    EVERYDAY,
    MENU_SERVICES_MAX,
    help_doc,
    intro_question,
    menu_question,
    page_of,
)
from appservices.agency.language.core.definition import Decision, ServiceDefinition
from appservices.agency.language.core.language import read_service
from appservices.agency.language.core.sections import (
    ABOUT_CHARACTERS_MAX,
    APPEAL_CHARACTERS_MAX,
    FLAGS_MAX,
    LAW_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    REASONS_MAX,
)
from appservices.agency.language.core.steps_section import (
    BECAUSE_CHARACTERS_MAX,
    MESSAGE_CHARACTERS_MAX,
)
from appservices.agency.language.core.texts_section import TITLE_CHARACTERS_MAX
from appservices.agency.offices.core.office import Role
from tests.support.catalogues import catalogue_problems
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    ANSWERS,
    CLERK,
    NOW_MS,
    SECOND,
    Play,
    catalogue,
    context,
    dumped,
    example,
    filled,
    said,
    service,
    service_data,
)
from veche.contracts.agency.case import CASE_KEY
from veche.protocol.commands import MORE
from veche.protocol.ids import UserId, derived_ulid
from veche.protocol.inbound import Trust
from veche.protocol.message import body, edit, html, text
from veche.protocol.prompts import closed_content, prompt_content
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT_ID = derived_ulid(NOW_MS, "prompt")


def test_every_text_of_the_agency_is_translated() -> None:
    assert catalogue_problems("appservices.agency") == []


def contents(effect: Effect, language: str = "en") -> Iterator[dict[str, Any]]:
    """Every content that the shell sends for an effect, each checked for its size."""
    doc, question = getattr(effect, "doc", None), getattr(effect, "question", None)
    if isinstance(effect, UpdateCard):
        yield text(effect.doc, payload={CASE_KEY: effect.card})
        yield edit(text(effect.doc, payload={CASE_KEY: effect.card}))
    elif isinstance(effect, UpdateDeskCard):
        yield edit(text(effect.doc))
    elif doc:
        yield text(doc)
    if question is not None:
        yield from asked(question, language)


def asked(question: Question, language: str = "en") -> Iterator[dict[str, Any]]:
    prompt = question.prompt(PROMPT_ID, [UserId("@person:example.org")])
    yield prompt_content(prompt, question.intro, catalogue(), language)
    yield edit(closed_content(prompt, question.intro, "Chosen."))


def story(definition: ServiceDefinition, answers: Any, words: str, language: str) -> list[Effect]:
    """A case in which everything is said that can be."""
    play = Play.opened(definition, language)
    effects = list(play.outcome.effects)
    file = {
        "msgtype": "m.file",
        "body": "f" * 200 + ".pdf",
        "url": "mxc://example.org/a",
        "info": {"mimetype": "application/pdf", "size": 10},
    }
    inputs: tuple[Input, ...] = (
        filled(answers), RoomMade(), Status(), Why(), AskHuman(words), Reply(CLERK, words),
        *[AddFile(file, trust=Trust.E2EE)] * 10, Claim(CLERK), Write(CLERK, Decision.REFUSE),
        Write(CLERK, Decision.ASK_MORE), AskMore(CLERK, words), filled({"text": words}),
        Status(), Withdraw(), Why(),
    )  # fmt: skip
    for heard in inputs:
        play.do(heard)
        assert play.outcome.refusal is None, (heard, play.said())
        effects += play.outcome.effects
    kept = play.outcome
    endings: tuple[Input, ...] = (Refuse(CLERK, "r0", words[:200], words), Approve(CLERK))
    for ending in endings:
        play.outcome = kept
        for heard in (ending, Why(), Status()):
            play.do(heard)
            assert play.outcome.refusal is None, play.said()
            effects += play.outcome.effects
    play.outcome = kept
    effects += play.ring(TimerKind.REMINDER).outcome.effects
    effects += play.ring(TimerKind.OVERDUE).outcome.effects
    effects += play.ring(TimerKind.EXPIRY).outcome.effects
    return effects


def large(sign: str) -> tuple[ServiceDefinition, dict[str, Any]]:
    """A service whose every text is as long as it may be, and answers as long as they may be."""

    def texts(characters: int, number: int = 0) -> dict[str, str]:
        suffix = f" {number} x"
        return {"en": sign * (characters - len(suffix)) + suffix}

    form: list[dict[str, Any]] = [
        {"id": f"f{n}", "kind": "long_text", "label": texts(200, n), "help": texts(1_000)}
        for n in range(10)
    ]
    choices = [{"id": f"c{n}", "label": texts(100, n)} for n in range(20)]
    form.append({"id": "c", "kind": "choice", "label": texts(200), "choices": choices})
    wait = {"step": "wait", "working_days": 1, "because": texts(BECAUSE_CHARACTERS_MAX)}
    data = service_data(
        title=texts(TITLE_CHARACTERS_MAX),
        about=texts(ABOUT_CHARACTERS_MAX),
        form=form,
        refusal={
            "reasons": [
                {
                    "code": f"r{n}",
                    "title": texts(REASON_CHARACTERS_MAX, n),
                    "law": texts(LAW_CHARACTERS_MAX),
                }
                for n in range(REASONS_MAX)
            ],
            "appeal": texts(APPEAL_CHARACTERS_MAX),
            "appeal_days": 30,
        },
        steps=[
            {"step": "message", "text": texts(MESSAGE_CHARACTERS_MAX)},
            {"step": "form"},
            {"step": "review"},
            wait,
        ],
    )
    data["deadline"]["law"] = texts(LAW_CHARACTERS_MAX)
    data["review"]["flags"] = [
        {"id": f"g{n}", "title": texts(REASON_CHARACTERS_MAX, n)} for n in range(FLAGS_MAX)
    ]
    return read_service(dumped(data)), {f"f{n}": sign * 9_000 for n in range(10)} | {"c": "c1"}


@each_row("sign", ["ж", "😀", '"', "&"])
def test_everything_fits_into_an_event(sign: str) -> None:
    definition, answers = large(sign)
    effects = story(definition, answers, sign * TEXT_CHARACTERS_MAX, "en")

    found = [content for effect in effects for content in contents(effect)]
    found += list(asked(intro_question(definition, context())))
    assert len(found) > 50


@pytest.mark.parametrize("sign", ["ж", "😀", '"'])
def test_every_question_of_a_large_form_fits_into_an_event(sign: str) -> None:
    definition, _ = large(sign)
    play = Play.opened(definition)
    for _ in range(12):
        for effect in play.outcome.effects:
            assert list(contents(effect)) or getattr(effect, "doc", None) is None
        play.do(filled({}), filled({f"f{len(play.outcome.case.history)}": sign}))


@each_row("language", LANGUAGES)
def test_a_case_is_told_in_the_language_of_the_person(language: str) -> None:
    play = Play.opened(example(), language).do(filled(ANSWERS), RoomMade(), Claim(CLERK))
    play.do(Refuse(CLERK, "no_right", "", "No."))
    told = said(play.outcome.effects, TellPerson, UpdateCard)
    rules = example().refusal

    assert rules is not None
    assert example().title.text(language) in told
    assert rules.appeal.text(language) in told
    assert ("How to appeal" in told) is (language == "en")


@each_row("language", LANGUAGES)
def test_a_document_is_written_in_the_language_of_the_person(language: str) -> None:
    play = Play.opened(example(), language).do(filled(ANSWERS), RoomMade())
    play.do(Claim(CLERK), Approve(CLERK), DocumentFailed("x"))
    assert play.outcome.case.pending is not None
    assert play.outcome.case.pending.language == language
    play.do(DocumentMade("a" * 64, 10))
    (sent,) = [e for e in play.outcome.effects if isinstance(e, SendDocument)]
    assert sent.issued.title == example().title.text(language)


def test_text_and_html_have_the_same_words() -> None:
    play = Play.opened().do(filled(ANSWERS), Claim(CLERK))
    play.do(Refuse(CLERK, "no_right", "", "<b>No</b> & never"))
    for effect in play.outcome.effects:
        doc = getattr(effect, "doc", None)
        if doc:
            assert "<b>No</b>" not in html(doc)
            assert body(doc)


class TestWords:
    @each_row("language", LANGUAGES)
    def test_every_state_event_role_and_reason_has_words(self, language: str) -> None:
        localizer = context(language=language).person
        words = [
            *(state_words(state, localizer) for state in State),
            *(staff_state_words(state, localizer) for state in State),
            *(happened_words(happened, localizer) for happened in Happened),
            *(role_words(role, localizer) for role in Role),
            *(refusal_words(r, localizer, state="x", what="y", max=3) for r in RefusalReason),
        ]
        assert all(words)


class TestMenu:
    def services(self, count: int) -> list[ServiceDefinition]:
        return [
            service(service=f"service-{n}", title={"en": f"Service {n} of many"})
            for n in range(count)
        ]

    def test_one_page_has_no_more(self) -> None:
        question = menu_question(self.services(MENU_SERVICES_MAX), context())
        assert len(question.choices) == MENU_SERVICES_MAX
        assert list(asked(question))

    def test_more_services_stand_on_further_pages(self) -> None:
        services = self.services(2 * MENU_SERVICES_MAX + 1)
        pages = [menu_question(services, context(), page=n) for n in (1, 2, 3)]
        shown = [c.id for page in pages for c in page.choices if page_of(c.id) is None]

        assert shown == [one.id for one in services]
        assert [page_of(page.choices[-1].id) for page in pages] == [2, 3, 1]

    @pytest.mark.parametrize("page", [0, -1, 9])
    def test_a_page_that_does_not_exist_is_the_first(self, page: int) -> None:
        services = self.services(12)
        first = menu_question(services, context())
        assert menu_question(services, context(), page=page) == first

    def test_services_with_one_name_can_be_told_apart(self) -> None:
        services = [
            service(service="a", title={"en": "Permit"}),
            service(service="b", title={"en": "permit."}),
            service(service="c", title={"en": "112"}),
            service(service="d" * 60, title={"en": "x" * 80}),
            service(service="e" * 60, title={"en": "X" * 80}),
        ]
        question = menu_question(services, context())

        assert [c.label for c in question.choices][:3] == ["Permit (a)", "permit. (b)", "112 (c)"]
        assert list(asked(question))

    @each_row("language", LANGUAGES)
    def test_a_service_is_introduced(self, language: str) -> None:
        question = intro_question(example(), context(language=language))
        words = body(question.intro)

        assert question.topic is Topic.START
        assert example().title.text(language) in words
        assert example().deadline.law.text(language) in words
        assert [choice.id for choice in question.choices] == ["start", "menu"]

    @each_row("language", LANGUAGES)
    def test_help_names_every_command(self, language: str) -> None:
        words = body(help_doc(context(language=language), is_whole=True))
        assert all(command.word(language) in words for command in ROOM_COMMANDS)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_help_is_five_lines_and_how_to_see_more(self, language: str) -> None:
        words = body(help_doc(context(language=language)))
        shown = [one for one in ROOM_COMMANDS if f"\n• {one.word(language)}:" in words]
        assert sorted(shown, key=EVERYDAY.index) == list(EVERYDAY)
        assert len(EVERYDAY) == 5
        assert words.endswith(MORE.word(language))


class TestCommands:
    def test_each_command_of_a_case_is_an_input(self) -> None:
        assert all(command_input(command, "") is not None for command in CASE_COMMANDS)

    def test_the_others_are_not_about_the_case(self) -> None:
        others = [command for command in ROOM_COMMANDS if command not in CASE_COMMANDS]
        assert [command_input(command, "") for command in others] == [None] * len(others)

    def test_what_follows_human_is_the_question(self) -> None:
        human = next(command for command in CASE_COMMANDS if command.name == "human")
        assert command_input(human, "When?") == AskHuman("When?")

    def test_no_word_means_two_commands(self) -> None:
        for language in LANGUAGES:
            words = [
                word
                for command in ROOM_COMMANDS
                for word in {command.name, *command.words.get(language, ())}
            ]
            assert len(set(words)) == len(words)


def test_the_staff_is_spoken_to_in_the_language_of_the_office() -> None:
    play = Play.opened(example(), "uk").do(filled(ANSWERS), RoomMade(), Claim(SECOND))
    assert said(play.outcome.effects, TellDesk).startswith("Answers")
