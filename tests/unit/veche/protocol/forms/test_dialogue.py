"""The dialogue: what a person says, and where it leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import form
from tests.unit.veche.protocol.forms.talk import ALL, FILE, FORM, Talk
from veche.protocol.forms import Problem
from veche.protocol.forms.state import (
    Ask,
    Cancelled,
    Completed,
    Filled,
    FormState,
    Input,
    Mode,
    Pressed,
    Review,
    Sent,
    Taken,
    Wrong,
)

if TYPE_CHECKING:
    from veche.protocol.forms.values import Value


def at_review(**values: Value) -> Talk:
    talk = Talk()
    talk.hears("Anna", "24.12.1990", "1, 3", "skip", Sent(FILE), "yes")
    assert talk.asked == "review"
    talk.state = FormState(
        {**talk.state.values, **values}, talk.state.position, Mode.REVIEW, 7, talk.state.done
    )
    return talk


def at_edit() -> Talk:
    talk = at_review()
    talk.hears("edit 2")
    return talk


def ended() -> Talk:
    talk = at_review()
    talk.hears("submit")
    return talk


def cancelled() -> Talk:
    talk = at_review()
    talk.hears("cancel")
    return talk


def test_a_form_is_asked_field_by_field_and_sent() -> None:
    talk = Talk()

    assert talk.said == (Ask(FORM.fields[0], 1, 6),)
    assert talk.hears("Anna Müller") == (Ask(FORM.fields[1], 2, 6),)
    assert talk.hears("24.12.1990") == (Ask(FORM.fields[2], 3, 6),)
    assert talk.hears("1, 3") == (Ask(FORM.fields[3], 4, 6),)
    assert talk.hears("skip") == (Ask(FORM.fields[4], 5, 6),)
    assert talk.hears(Sent(FILE)) == (Ask(FORM.fields[5], 6, 6),)
    (review,) = talk.hears("yes")
    (completed,) = talk.hears("submit")

    assert isinstance(review, Review)
    assert isinstance(completed, Completed)
    assert completed.values == review.values
    assert list(completed.values) == ["name", "born_on", "colours", "paper", "agreed"]
    assert completed.values["born_on"] == "1990-12-24"
    assert completed.values["colours"] == ["red", "grey"]
    assert review.missing == ()


def test_a_wrong_answer_is_refused_and_the_question_stays() -> None:
    talk = Talk()
    talk.hears("Anna")

    (wrong,) = talk.hears("soon")

    assert isinstance(wrong, Wrong)
    assert wrong.field is FORM.fields[1]
    assert wrong.error.problem is Problem.NOT_A_DATE
    assert talk.asked == "born_on"
    assert talk.state.values == {"name": "Anna"}


@pytest.mark.parametrize(
    ("heard", "problem"),
    [
        ("here it is", Problem.NOT_A_FILE), (Sent({"msgtype": "m.text"}), Problem.NOT_A_FILE),
        (Pressed("yes"), Problem.NOT_TEXT), ("", Problem.MISSING),
    ],
)  # fmt: skip
def test_a_file_is_sent_and_not_written(heard: Input | str, problem: Problem) -> None:
    talk = Talk()
    talk.hears("Anna", "24.12.1990", "skip", "skip")

    (wrong,) = talk.hears(heard)

    assert isinstance(wrong, Wrong)
    assert wrong.error.problem is problem
    assert talk.asked == "paper"


def test_a_file_is_no_answer_to_a_question_of_text() -> None:
    talk = Talk()

    (wrong,) = talk.hears(Sent(FILE))

    assert isinstance(wrong, Wrong)
    assert wrong.error.problem is Problem.NOT_TEXT


def test_back_goes_to_the_question_before_and_keeps_all_answers() -> None:
    talk = Talk()
    talk.hears("Anna", "24.12.1990")

    assert talk.hears("back") == (Ask(FORM.fields[1], 2, 6, "1990-12-24"),)
    assert talk.hears("back") == (Ask(FORM.fields[0], 1, 6, "Anna"),)
    assert talk.hears("back") == (Ask(FORM.fields[0], 1, 6, "Anna"),)
    # What is answered already is not asked again.
    assert talk.hears("Bob") == (Ask(FORM.fields[2], 3, 6),)
    assert talk.state.values == {"name": "Bob", "born_on": "1990-12-24"}


def test_skip_keeps_an_answer_and_leaves_an_optional_one_empty() -> None:
    talk = Talk()
    (refused,) = talk.hears("skip")
    assert isinstance(refused, Wrong)
    assert refused.error.problem is Problem.MISSING

    talk.hears("Anna", "back", "skip")
    assert talk.asked == "born_on"
    assert talk.state.values == {"name": "Anna"}
    talk.hears("24.12.1990", "-")
    assert talk.asked == "note"


def test_clear_empties_an_optional_answer_and_never_a_required_one() -> None:
    talk = Talk()
    talk.hears("Anna", "24.12.1990", "1", "back")

    assert talk.asked == "colours"
    talk.hears("clear")
    assert "colours" not in talk.state.values
    assert talk.asked == "note"
    talk.hears("back", "back")
    (refused,) = talk.hears("clear")
    assert isinstance(refused, Wrong)
    assert talk.state.values == {"name": "Anna", "born_on": "1990-12-24"}


def test_review_works_before_the_end_and_says_what_is_missing() -> None:
    talk = Talk()
    talk.hears("Anna")

    (review,) = talk.hears("review")

    assert isinstance(review, Review)
    assert review.values == {"name": "Anna"}
    assert [field.id for field in review.missing] == ["born_on", "paper", "agreed"]


def test_a_form_with_missing_answers_is_not_sent() -> None:
    talk = Talk()
    talk.hears("Anna", "review")

    wrong, ask = talk.hears("submit")

    assert isinstance(wrong, Wrong)
    assert wrong.error.problem is Problem.MISSING
    assert ask == Ask(FORM.fields[1], 2, 6)
    assert talk.hears("24.12.1990") == (Ask(FORM.fields[2], 3, 6),)


@each_row(
    ("said", "field_id"),
    [
        ("2", "born_on"), ("2.", "born_on"), ("edit 2", "born_on"), ("change Born on", "born_on"),
        ("born on", "born_on"), ("born_on", "born_on"), ("Bor", "born_on"), ("6", "agreed"),
        ("do you agree", "agreed"), ("do you", "agreed"),
        ("Note for", "note"), ("EDIT note", "note"),
    ],
)  # fmt: skip
def test_the_review_changes_one_answer_by_number_or_label(said: str, field_id: str) -> None:
    talk = at_review()

    (ask,) = talk.hears(said)

    assert isinstance(ask, Ask)
    assert talk.asked == ask.field.id == field_id
    assert talk.state.mode is Mode.EDITING
    assert ask.value == talk.state.values.get(field_id)


@pytest.mark.parametrize(
    "said",
    ["", "0", "7", "edit", "edit 7", "edit 99999", "no", "x", "something", "skip", "clear",
     Sent(FILE), Pressed("red"), Pressed("form.edit.unknown"), "B"],
)  # fmt: skip
def test_what_the_review_does_not_understand_changes_nothing(said: Input | str) -> None:
    talk = at_review()
    before = talk.state

    (wrong,) = talk.hears(said)

    assert isinstance(wrong, Wrong)
    assert wrong.field is None
    assert wrong.error.problem is Problem.NOT_FOR_REVIEW
    assert talk.state == before


def test_two_labels_of_one_beginning_are_not_guessed() -> None:
    talk = Talk(form({"id": "a", "label": "Street one"}, {"id": "b", "label": "Street two"}))
    talk.hears("x", "y")

    assert isinstance(talk.hears("street")[0], Wrong)
    assert talk.hears("street t") == (Ask(talk.form.fields[1], 2, 2, "y"),)


def test_an_edited_answer_leads_back_to_the_review() -> None:
    talk = at_edit()

    (review,) = talk.hears("1.1.2000")

    assert isinstance(review, Review)
    assert review.values["born_on"] == "2000-01-01"


@pytest.mark.parametrize("said", ["back", "review", "skip", Pressed("form.submit")])
def test_an_edit_can_be_given_up(said: Input | str) -> None:
    talk = at_edit()
    before = talk.state.values

    (review,) = talk.hears(said)

    assert isinstance(review, Review)
    assert talk.state.values == before


def test_back_from_the_review_is_the_last_question() -> None:
    talk = at_review()

    assert talk.hears("back") == (Ask(FORM.fields[5], 6, 6, True),)
    assert isinstance(talk.hears("no")[0], Review)
    assert talk.state.values["agreed"] is False


def test_yes_in_the_review_sends() -> None:
    assert isinstance(at_review().hears("yes")[0], Completed)


@pytest.mark.parametrize("make", [Talk, at_review, at_edit])
def test_cancel_works_everywhere(make: Any) -> None:
    talk = make()

    assert talk.hears("cancel") == (Cancelled(),)
    assert talk.state.mode is Mode.CANCELLED


@each_row("make", [ended, cancelled])
@each_row(
    "heard", ["x", "submit", "cancel", "back", Filled({"name": "Eve"}, is_final=True), Sent(FILE)]
)
def test_after_the_end_nothing_is_said_and_nothing_changes(make: Any, heard: Input | str) -> None:
    talk = make()
    before = talk.state

    assert talk.hears(heard) == ()
    assert talk.state == before


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ru", ("назад", "пропустить", "проверить", "изменить 1", "отмена")),
        ("de", ("zurück", "überspringen", "prüfen", "ändern 1", "abbrechen")),
        ("uk", ("назад", "пропустити", "перевірити", "змінити 1", "скасувати")),
        ("de", ("BACK", "Skip", "review!", "/edit name", "!cancel")),
    ],
)
def test_commands_are_known_in_the_language_of_the_person(
    language: str, words: tuple[str, ...]
) -> None:
    talk = Talk(language=language)
    talk.hears("Anna", "24.12.1990")
    back, skip, review, edit, cancel = words

    talk.hears(back)
    assert talk.asked == "born_on"
    talk.hears(skip)
    assert talk.asked == "colours"
    assert isinstance(talk.hears(review)[0], Review)
    assert talk.hears(edit) == (Ask(FORM.fields[0], 1, 6, "Anna"),)
    assert talk.hears(cancel) == (Cancelled(),)


@each_row("text", ["submit", "send", "change of address", "edit", "edit 3", "yes"])
def test_words_of_the_review_are_answers_before_it(text: str) -> None:
    talk = Talk(form({"id": "note"}))

    talk.hears(text)

    assert talk.state.values == {"note": text}


def test_an_answer_that_is_a_command_can_be_given_in_quotation_marks() -> None:
    talk = Talk(form({"id": "note"}))

    talk.hears("“Cancel”")

    assert talk.state.values == {"note": "Cancel"}


@pytest.mark.parametrize(("pressed", "value"), [("red", ["red"]), ("grey", ["grey"])])
def test_a_pressed_choice_is_an_answer(pressed: str, value: list[str]) -> None:
    talk = Talk()
    talk.hears("Anna", "24.12.1990", Pressed(pressed))

    assert talk.state.values["colours"] == value


def test_a_button_is_no_answer_to_a_question_of_text() -> None:
    talk = Talk()

    (wrong,) = talk.hears(Pressed("red"))

    assert isinstance(wrong, Wrong)
    assert wrong.error.problem is Problem.NOT_TEXT


def test_buttons_of_an_old_review_do_no_harm() -> None:
    talk = Talk()
    talk.hears("Anna")

    assert isinstance(talk.hears(Pressed("form.submit"))[0], Review)
    talk.hears("back", Pressed("form.edit.unknown"))
    assert talk.state.mode is Mode.FILLING
    assert talk.hears(Pressed("form.edit.name")) == (Ask(FORM.fields[0], 1, 6, "Anna"),)


def test_known_values_are_not_asked() -> None:
    talk = Talk(values={"name": "Anna", "note": "x", "unknown": "y"})

    assert talk.said == (Ask(FORM.fields[1], 2, 6),)
    assert talk.state.values == {"name": "Anna", "note": "x"}
    complete = Talk(form({"id": "a"}), {"a": "x"})
    assert complete.said == (Review({"a": "x"}),)


def test_many_answers_at_once_leave_what_is_missing_or_wrong() -> None:
    talk = Talk()

    said = talk.hears(Filled({"name": "Anna", "born_on": "soon", "colours": ["red"], "x": 1}))

    wrong, unknown, ask = said
    assert isinstance(wrong, Wrong)
    assert wrong.field is FORM.fields[1]
    assert isinstance(unknown, Wrong)
    assert unknown.field is None
    assert unknown.error.problem is Problem.UNKNOWN_FIELD
    assert ask == Ask(FORM.fields[1], 2, 6)
    # The person saw the optional note, so it is not asked.
    assert talk.hears("24.12.1990") == (Ask(FORM.fields[4], 5, 6),)


def test_a_file_for_a_question_answers_that_one_alone() -> None:
    talk = Talk()

    (ask,) = talk.hears(Sent(FILE, field_id="paper"))

    assert ask == Ask(FORM.fields[0], 1, 6)
    assert set(talk.state.values) == talk.state.done == {"paper"}


def test_a_file_that_was_sent_anew_is_in_the_review() -> None:
    talk = at_review()

    (review,) = talk.hears(Sent({**FILE, "body": "new.pdf"}, field_id="paper"))

    assert isinstance(review, Review)
    assert "new.pdf" in str(review.values["paper"])


def test_a_wrong_answer_among_many_is_asked_again_and_the_old_one_kept() -> None:
    talk = at_review()

    wrong, ask = talk.hears(Filled({"born_on": "soon", "name": "Bob"}))

    assert isinstance(wrong, Wrong)
    assert ask == Ask(FORM.fields[1], 2, 6, "1990-12-24")
    assert talk.state.values["name"] == "Bob"
    assert isinstance(talk.hears("skip")[0], Review)
    assert talk.state.values["born_on"] == "1990-12-24"


def test_an_empty_answer_among_many_empties_what_is_optional() -> None:
    talk = at_review(note="x")

    wrong, ask = talk.hears(Filled({"note": "", "name": None}))

    assert isinstance(wrong, Wrong)
    assert wrong.error.problem is Problem.MISSING
    assert ask == Ask(FORM.fields[0], 1, 6, "Anna")
    assert "note" not in talk.state.values


@pytest.mark.parametrize("make", [Talk, at_review, at_edit])
def test_a_whole_form_that_the_person_sent_needs_no_review(make: Any) -> None:
    talk = make()

    (completed,) = talk.hears(Filled(ALL, is_final=True))

    assert isinstance(completed, Completed)
    assert completed.values["agreed"] is False


def test_a_whole_form_that_others_filled_in_is_reviewed() -> None:
    talk = Talk()

    assert isinstance(talk.hears(Filled(ALL))[0], Review)


@each_row("left_out", ["name", "born_on", "paper", "agreed"])
def test_a_sent_form_with_something_missing_goes_on_with_it(left_out: str) -> None:
    talk = Talk()

    (ask,) = talk.hears(
        Filled({key: raw for key, raw in ALL.items() if key != left_out}, is_final=True)
    )

    assert isinstance(ask, Ask)
    assert ask.field.id == left_out


@pytest.mark.parametrize(("said", "is_echoed"), [("Yesterday", True), ("24.12.1990", False)])
def test_a_day_that_is_named_by_today_is_said_as_a_date(said: str, is_echoed: bool) -> None:
    talk = Talk()
    talk.hears("Anna")

    *echo, asked = talk.hears(said)

    assert isinstance(asked, Ask)
    value = talk.state.values["born_on"]
    assert echo == ([Taken(FORM.fields[1], value)] if is_echoed else [])
    assert said not in str(value)


def test_an_edited_day_is_in_the_review_and_not_said_twice() -> None:
    talk = at_edit()

    (review,) = talk.hears("yesterday")

    assert isinstance(review, Review)
