"""Questions go out as words with numbers, and a number that comes back names the choice."""

from __future__ import annotations

from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.core.answer import OpenPrompt, answer
from bridges.core.model import RenderedChoice
from bridges.core.release import NEVER, Level, released
from bridges.core.render import is_shown, render
from veche.protocol.message import Content, Paragraph, text
from veche.protocol.prompts import Choice, Prompt, closed_content, prompt_content
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

CATALOGUE: Final = Catalogue.load("veche.protocol")
CHOICES: Final = (Choice(id="pass", label="A passport"), Choice(id="dog", label="A dog's tag"))
OLD: Final = OpenPrompt("1", "$old", "<old@x>", (RenderedChoice(1, "a", "Apples"),))
NEW: Final = OpenPrompt(
    "2", "$new", "<new@x>", (RenderedChoice(1, "p", "Pears"), RenderedChoice(2, "q", "Quinces"))
)


def question(language: str = "en", min_trust: Literal["any", "verified"] = "any") -> Content:
    return prompt_content(asked(min_trust), (Paragraph("What do you need?"),), CATALOGUE, language)


def asked(min_trust: Literal["any", "verified"] = "any") -> Prompt:
    return Prompt(
        v=1,
        id="01JDZZZZZZZZZZZZZZZZZZZZZZ",
        scope=("@a:x",),
        expires_at_ms=1,
        min_trust=min_trust,
        choices=CHOICES,
    )


class TestRendering:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_question_has_its_numbers_and_nothing_to_tap(self, language: str) -> None:
        rendered = render(question(language), CATALOGUE)

        assert "1. A passport\n2. A dog's tag" in rendered.text
        typed = CATALOGUE.text(language, "To answer, reply with the number.")
        assert rendered.text.rstrip().endswith(typed)
        assert [one.id for one in rendered.choices] == ["pass", "dog"]
        assert rendered.prompt == asked().id

    def test_what_needs_trust_is_chosen_by_nobody_here(self) -> None:
        assert render(question(min_trust="verified"), CATALOGUE).choices == ()

    def test_a_closed_question_asks_nothing(self) -> None:
        closed = closed_content(asked(), (Paragraph("What?"),), "A passport")
        assert render(closed, CATALOGUE).prompt is None

    def test_what_is_no_words_is_not_shown(self) -> None:
        assert is_shown(text((Paragraph("Hello"),)))
        assert not is_shown({"msgtype": "m.file", "body": "pass.pdf"})
        assert not is_shown({"msgtype": "m.text", "body": 7})

    @given(
        st.dictionaries(
            st.text(), st.integers() | st.text() | st.dictionaries(st.text(), st.none())
        )
    )
    def test_any_prompt_of_others_is_read_or_passed_over(self, found: dict[str, object]) -> None:
        content = {"msgtype": "m.text", "body": "x", "org.veche.prompt": found}
        assert render(content, CATALOGUE).choices == ()


class TestAnswers:
    @pytest.mark.parametrize(
        ("typed", "thread", "chosen"),
        [
            ("1", (), "p"),
            (" 2. ", (), "q"),
            ("٢", (), "q"),
            ("२)", (), "q"),
            ("quinces", (), "q"),
            ("Quin", (), "q"),
            ("1", ("<old@x>",), "a"),
            ("1", ("<none@x>", "<old@x>", "<new@x>"), "a"),
            ("3", (), None),
            ("2", ("<old@x>",), None),
            ("", (), None),
            ("I was born in 2", (), None),
        ],
    )
    def test_a_reply_names_a_choice(
        self, typed: str, thread: tuple[str, ...], chosen: str | None
    ) -> None:
        found = answer(typed, thread, [NEW, OLD])
        assert (found.choice if found else None) == chosen

    def test_without_a_question_it_is_a_message(self) -> None:
        assert answer("1", (), []) is None

    @given(st.text())
    def test_any_words_are_read(self, typed: str) -> None:
        found = answer(typed, (), [NEW, OLD])
        assert found is None or found.prompt is NEW


class TestRelease:
    @pytest.mark.parametrize("key", sorted(NEVER))
    @pytest.mark.parametrize("ceiling", Level)
    def test_some_things_never_leave(self, key: str, ceiling: Level) -> None:
        content = {"msgtype": "m.text", "body": "x", key: {}}
        assert released(content, ceiling) is Level.NOTICE

    @pytest.mark.parametrize("ceiling", Level)
    def test_words_leave_as_far_as_they_may(self, ceiling: Level) -> None:
        assert released({"msgtype": "m.text", "body": "x"}, ceiling) is ceiling

    def test_files_stay(self) -> None:
        assert released({"msgtype": "m.file"}, Level.CONTENT) is Level.NOTICE
