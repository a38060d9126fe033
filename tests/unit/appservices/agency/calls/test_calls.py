"""The four words of a call, and what of what people type asks for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.calls.core import CHARACTERS_MAX, heard_words, is_same, list_of, words_of

KEY = b"k" * 32
FOUR = ("lamp", "river", "moon", "tree")


@pytest.mark.parametrize(
    "typed",
    [
        "call lamp river moon tree",
        "CALL LAMP RIVER MOON TREE",
        "  Call:   lamp,  river. moon\ntree!  ",
        "/call lamp-river-moon-tree",
        "!call lamp river moon tree",
        "Anruf lamp river moon tree",
        "звонок lamp river moon tree",
        "дзвінок lamp river moon tree",
        "call 1. lamp 2. river 3. moon 4. tree",
        "ｃａｌｌ lamp river moon tree",
        "lamp river moon tree",
        "Lamp River Moon Tree.",
    ],
)
def test_people_ask_in_many_ways(typed: str) -> None:
    assert heard_words(typed) == FOUR


@pytest.mark.parametrize(
    "typed",
    ["call me", "call", "call me back today", "", "lamp river moon", "help", "42", "c" * 300],
)
def test_other_words_ask_nothing_in_a_form(typed: str) -> None:
    assert heard_words(typed, is_form=True) is None


@pytest.mark.parametrize(("typed", "is_call"), [("call red xx yy zz", True), ("call me", False)])
def test_made_up_words_are_a_question_where_no_form_waits(typed: str, *, is_call: bool) -> None:
    assert (heard_words(typed) is not None) is is_call
    assert heard_words(typed, is_form=True) is None


def test_a_mark_makes_it_a_question_in_a_form_too() -> None:
    assert heard_words("/call red xx yy zz", is_form=True) == ("red", "xx", "yy", "zz")
    assert heard_words("call lamp river moon tree", is_form=True) == FOUR


def test_call_itself_is_a_word_of_the_list() -> None:
    assert heard_words("call lamp river moon") == ("call", "lamp", "river", "moon")


def test_what_is_misspelt_behind_the_fourth_letter_counts() -> None:
    assert is_same(("ability", "rivers", "moon", "tree"), ("ability", "river", "moon", "tree"))
    assert not is_same(FOUR[::-1], FOUR)
    assert not is_same(FOUR[:3], FOUR)


@given(st.text(max_size=20), st.sampled_from(["en", "ru"]))
def test_words_that_are_read_out_are_understood(call_id: str, language: str) -> None:
    words = words_of(KEY, call_id, language)

    for typed in (" ".join(words), f"call {' '.join(words)}".upper()):
        heard = heard_words(typed, is_form=True)
        assert heard is not None
        assert is_same(heard, words)


def test_words_are_of_the_key_and_the_call() -> None:
    drawn = {words_of(key, call, "en") for key in (KEY, b"x" * 32) for call in map(str, range(500))}
    assert len(drawn) == 1_000
    assert {len(words) for words in drawn} == {4}


@given(st.text(max_size=CHARACTERS_MAX * 2))
def test_no_text_fails(text: str) -> None:
    heard_words(text)
    heard_words(text, is_form=True)


@pytest.mark.parametrize(
    ("person", "office", "shown"),
    [("ru", "ru", "ru"), ("ru", "en", "en"), ("de", "de", "en"), ("uk", "uk", "en")],
)
def test_words_are_of_a_list_that_both_can_read(person: str, office: str, shown: str) -> None:
    assert list_of(person, office) == shown
