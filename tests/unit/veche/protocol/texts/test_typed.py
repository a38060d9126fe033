from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.prompts import Choice
from veche.protocol.texts.typed_choice import (
    KEYCAPS_MAX,
    TYPED_CHARACTERS_MAX,
    Closeness,
    Match,
    NoMatch,
    folded,
    keycap,
    keycap_number,
    match_choice,
    typed_number,
    without_quote,
)

PAY = Choice(id="pay", label="Pay 12.50 EUR")
LATER = Choice(id="later", label="Remind me tomorrow")
WRONG = Choice(id="dispute", label="This is wrong")
CHOICES = (PAY, LATER, WRONG)


@each_row(
    "typed",
    [
        "1",
        "1.",
        "1)",
        " 1 ",
        "(1)",
        "#1",
        "№1",
        "№ 1",
        "No. 1",
        "Nr. 1",
        "01",
        "1️⃣",
        "1⃣",
        "１",
        "*1*",
        "١",
    ],
)
def test_a_number_is_read_however_it_is_typed(typed: str) -> None:
    assert match_choice(CHOICES, typed) == Match(PAY, Closeness.SHOWN)


@each_row(
    ("typed", "choice", "closeness"),
    [
        ("Pay 12.50 EUR", PAY, Closeness.SHOWN),
        ("pay  12.50 eur!", PAY, Closeness.SHOWN),
        ("«Remind me tomorrow»", LATER, Closeness.SHOWN),
        ("later", LATER, Closeness.ID),
        ("Dispute.", WRONG, Closeness.ID),
        ("remind", LATER, Closeness.PREFIX),
        ("th", WRONG, Closeness.PREFIX),
        ("dis", WRONG, Closeness.PREFIX),
        ("pay 12", PAY, Closeness.PREFIX),
    ],
)
def test_label_id_and_start_choose(typed: str, choice: Choice, closeness: Closeness) -> None:
    assert match_choice(CHOICES, typed) == Match(choice, closeness)


@each_row("typed", ["4", "0", "99", "🔟"])
def test_a_number_beyond_the_choices_is_unknown(typed: str) -> None:
    assert match_choice(CHOICES, typed) is NoMatch.UNKNOWN


@each_row(
    "typed",
    [
        "",
        " ",
        "...",
        "p",
        "t",
        "100",
        "1234",
        "1 2",
        "-1",
        "1.5",
        "yes",
        "pay now",
        "please pay",
        "½",
    ],
)
def test_other_words_are_no_choice(typed: str) -> None:
    assert match_choice(CHOICES, typed) is None


def test_without_choices_nothing_is_one() -> None:
    assert match_choice((), "1") is None


def test_what_fits_two_choices_is_ambiguous() -> None:
    roofs = (Choice(id="a", label="Red roof"), Choice(id="b", label="Red brick"))

    assert match_choice(roofs, "red") is NoMatch.AMBIGUOUS
    assert match_choice(roofs, "red r") == Match(roofs[0], Closeness.PREFIX)


def test_what_the_person_sees_goes_before_the_id() -> None:
    swapped = (Choice(id="no", label="Yes"), Choice(id="yes", label="No"))

    assert match_choice(swapped, "yes") == Match(swapped[0], Closeness.SHOWN)


def test_a_whole_label_goes_before_the_start_of_another() -> None:
    both = (Choice(id="a", label="Yes, in full"), Choice(id="b", label="Yes"))

    assert match_choice(both, "yes") == Match(both[1], Closeness.SHOWN)


def test_times_and_years_are_chosen_by_their_label() -> None:
    times = (Choice(id="a", label="10:30"), Choice(id="b", label="11:00"))

    assert match_choice(times, "10:30") == Match(times[0], Closeness.SHOWN)
    assert match_choice(times, "11") == Match(times[1], Closeness.PREFIX)


@each_row(
    ("label", "typed"),
    [
        ("Ещё раз", "еще раз"),
        ("Подать заявление", "ПОДАТЬ ЗАЯВЛЕНИЕ"),
        ("Зв’язатися", "зв'язатися"),
        ("Зв\u02bcязатися", "зв\u2019язатися"),
        ("Straße", "STRASSE"),
        ("❤️ Yes", "❤ yes"),
        ("👍", "👍"),
        ("?", "?"),
    ],
)
def test_letters_are_compared_as_people_type_them(label: str, typed: str) -> None:
    choice = Choice(id="a", label=label)

    assert match_choice((choice, LATER), typed) == Match(choice, Closeness.SHOWN)


def test_a_text_longer_than_the_bound_is_no_choice() -> None:
    long = Choice(id="a", label="x")

    assert match_choice((long,), " " * (TYPED_CHARACTERS_MAX - 1) + "x") is not None
    assert match_choice((long,), " " * TYPED_CHARACTERS_MAX + "x") is None


@given(st.text(max_size=50))
def test_folding_twice_is_folding_once(value: str) -> None:
    assert folded(folded(value)) == folded(value)


@given(st.text(max_size=TYPED_CHARACTERS_MAX))
def test_any_text_gets_a_verdict(typed: str) -> None:
    found = match_choice(CHOICES, typed)

    assert found is None or isinstance(found, Match | NoMatch)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8, unique_by=folded))
def test_every_label_chooses_itself_or_is_said_to_be_unclear(labels: list[str]) -> None:
    choices = [Choice(id=f"id-{n}", label=label) for n, label in enumerate(labels)]

    for choice in choices:
        found = match_choice(choices, choice.label)

        # A label that is nothing but spaces, or another choice's number, cannot be typed.
        assert found in (Match(choice, Closeness.SHOWN), NoMatch.AMBIGUOUS) or not folded(
            choice.label
        )


@given(st.sampled_from(CHOICES), st.integers(1, 20))
def test_a_start_never_chooses_what_does_not_start_so(choice: Choice, length: int) -> None:
    typed = choice.label[:length]

    found = match_choice(CHOICES, typed)

    assert not isinstance(found, Match) or found.choice == choice


def test_keycaps_are_read_with_and_without_the_variation_selector() -> None:
    for number in range(1, KEYCAPS_MAX + 1):
        assert keycap_number(keycap(number)) == number
        assert keycap_number(keycap(number).replace("\ufe0f", "")) == number


@pytest.mark.parametrize("number", [0, -1, 11])
def test_there_are_ten_keycaps(number: int) -> None:
    with pytest.raises(ValueError, match="10"):
        keycap(number)


@each_row("key", ["", "1", "👍", "11⃣", "1⃣1⃣", "\u20e3", "one", "🔟🔟"])
def test_other_keys_are_no_numbers(key: str) -> None:
    assert keycap_number(key) is None


@each_row(("words", "number"), [("1", 1), ("99", 99), ("100", None), ("x1", None), ("", None)])
def test_a_number_has_two_digits_at_most(words: str, number: int | None) -> None:
    assert typed_number(words) == number


@each_row(
    ("body", "rest"),
    [
        ("1", "1"),
        ("> <@bot:example.org> Pay?\n\n1", "1"),
        ("> <@bot:example.org> Pay?\n> 1. Pay\n> 2. Later\n\n1\n", "1"),
        ("> only a quote", ""),
        ("1\n> 2", "1\n> 2"),
    ],
)
def test_the_quote_of_a_reply_is_not_what_was_said(body: str, rest: str) -> None:
    assert without_quote(body) == rest
