"""What the dialogue says: complete as plain text, in four languages, and never too large."""

from __future__ import annotations

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import (
    CATALOGUE,
    COLOURS,
    all_fields,
    field,
    file_content,
    form,
    person,
)
from veche.protocol.forms import Field, FieldError, Form, Problem, parse_value
from veche.protocol.forms.dialogue import start, step
from veche.protocol.forms.models import (
    CHOICE_LABEL_CHARACTERS_MAX,
    CHOICES_MAX,
    FIELDS_MAX,
    HELP_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
)
from veche.protocol.forms.rendering import (
    DOC_BYTES_MAX,
    ask_doc,
    buttons,
    output_doc,
    review_doc,
)
from veche.protocol.forms.state import Ask, Cancelled, Completed, Pressed, Review, Taken, Wrong
from veche.protocol.message import body, html, text
from veche.protocol.texts.catalogue import LANGUAGES

FORM = form(
    {"id": "street", "label": "Your street and number", "required": True},
    {"id": "colour", "kind": "choice", "label": "Colour:", "choices": COLOURS},
    {"id": "home", "kind": "address", "label": "Home"},
)


def asked(one: Field, number: int = 3, language: str = "en", value: object = None) -> str:
    who = person(language)
    known = None if value is None else parse_value(one, value, who)
    return body(ask_doc(one, number, 7, CATALOGUE, who, known)).replace("\u00a0", " ")


def test_a_question_says_where_it_is() -> None:
    one = field("address", label="Your street and number", required=True)

    assert asked(one).splitlines()[0] == "3 of 7 · Your street and number"
    assert asked(one, language="ru").splitlines()[0] == "3 из 7 · Your street and number"
    assert asked(one, language="de").splitlines()[0] == "3 von 7 · Your street and number"
    assert asked(one, language="uk").splitlines()[0] == "3 з 7 · Your street and number"


def test_a_question_of_choices_is_complete_without_buttons() -> None:
    one = field("choice", help="What you like best.")

    assert asked(one) == (
        "3 of 7 · Answer\n\nWhat you like best.\n\n1. Red wine\n2. Green tea\n3. Grey, or black"
        "\n\nOptional: write “skip” to go on without it."
    )


def test_choices_that_are_numbers_are_not_numbered() -> None:
    choices = [{"id": "a", "label": "3"}, {"id": "b", "label": "1"}]

    assert "• 3\n• 1" in asked(field("choice", choices=choices))
    assert "commas" in asked(field("choices", choices=choices))


def test_the_first_question_says_what_always_works() -> None:
    one = field("text", required=True)

    assert "“back”, “review” or “cancel”" in asked(one, number=1)
    assert "cancel" not in asked(one, number=2)


def test_an_answer_so_far_is_shown_and_can_be_kept() -> None:
    required = asked(field("date", required=True), value="2026-12-24")
    optional = asked(field("date"), value="2026-12-24", language="de")

    assert required.endswith("Your answer so far: 24 December 2026\nWrite “skip” to keep it.")
    assert "Ihre Antwort bisher: 24. Dezember 2026" in optional
    assert "„leeren“" in optional


@each_row("language", LANGUAGES)
@each_row("one", all_fields())
def test_every_kind_is_asked_in_every_language(one: Field, language: str) -> None:
    said = asked(one, language=language)

    assert "{" not in said
    assert "Answer" in said
    if language != "en":
        assert said != asked(one)


@each_row("language", LANGUAGES)
@each_row(
    ("kind", "start_of_example"),
    [("number", "12"), ("money", "12"), ("date", "24"), ("date_time", "24")],
)
def test_the_example_of_a_hint_is_a_right_answer(
    kind: str, start_of_example: str, language: str
) -> None:
    said = asked(field(kind, required=True), language=language)

    line = said.splitlines()[-1]
    example = line[line.index(start_of_example) :]
    example = example if example.endswith(("г.", "р.")) else example.removesuffix(".")
    assert parse_value(field(kind), example, person(language))


def test_a_review_numbers_the_answers_as_the_questions() -> None:
    values = {"colour": "red", "home": "Street 1\n10115 Berlin"}

    shown = body(review_doc(FORM, values, CATALOGUE, person()))

    assert "1. Your street and number: still missing\n" in shown
    assert "2. Colour: Red wine\n3. Home: Street 1, 10115 Berlin\n" in shown
    assert "“submit”" in shown
    empty = body(review_doc(FORM, {}, CATALOGUE, person("de")))
    assert "2. Colour: —" in empty
    assert "„absenden“" in empty


def test_a_question_in_a_review_keeps_its_own_sign() -> None:
    one = form({"id": "agreed", "kind": "yes_no", "label": "Do you agree?"})

    assert "1. Do you agree? yes\n" in body(review_doc(one, {"agreed": True}, CATALOGUE, person()))


def test_the_largest_review_fits_into_a_message() -> None:
    label = "я&" * (LABEL_CHARACTERS_MAX // 2)
    large = form(
        *(
            {"id": f"f{n}", "kind": "long_text", "label": label, "required": True}
            for n in range(FIELDS_MAX)
        )
    )
    values = {f"f{n}": "ж<" * 5000 for n in range(FIELDS_MAX)}

    doc = review_doc(large, values, CATALOGUE, person("ru"))

    assert len(body(doc).encode()) + len(html(doc).encode()) <= DOC_BYTES_MAX
    assert body(doc).count("…") >= FIELDS_MAX
    assert text(doc)


def test_the_largest_question_fits_into_a_message() -> None:
    choices = [
        {"id": f"c{n}", "label": f"{n:03d}" + "ж" * (CHOICE_LABEL_CHARACTERS_MAX - 3)}
        for n in range(CHOICES_MAX)
    ]
    one = field(
        "choices",
        label="я" * LABEL_CHARACTERS_MAX,
        help="х" * HELP_CHARACTERS_MAX,
        choices=choices,
    )

    doc = ask_doc(one, 1, 50, CATALOGUE, person("ru"), [choice["id"] for choice in choices])

    assert len(body(doc).encode()) + len(html(doc).encode()) <= DOC_BYTES_MAX
    assert "100. 099" in body(doc)
    assert text(doc)


def test_a_short_answer_is_never_cut() -> None:
    values = {"street": "x" * 300}

    assert "x" * 300 in body(review_doc(FORM, values, CATALOGUE, person()))


@each_row("language", LANGUAGES)
def test_every_output_has_words(language: str) -> None:
    who, one = person(language), FORM.fields[0]
    error = FieldError.of(one, Problem.EMPTY)

    for output in (
        Ask(one, 1, 3),
        Taken(one, "Sternweg"),
        Wrong(one, error),
        Review({}, (one,)),
        Completed({}),
        Cancelled(),
    ):
        said = body(output_doc(FORM, output, CATALOGUE, who))
        assert said
        assert "{" not in said
    assert body(output_doc(FORM, Wrong(one, error), CATALOGUE, who)) == error.text(
        CATALOGUE, language
    )


def test_buttons_are_answers_first_and_then_commands() -> None:
    colour, street = FORM.fields[1], FORM.fields[0]

    ids = [button.id for button in buttons(Ask(colour, 2, 3), person())]
    assert ids == ["red", "green", "grey", "form.skip", "form.back", "form.review", "form.cancel"]
    assert [b.id for b in buttons(Ask(street, 1, 3), person())] == [
        "form.back",
        "form.review",
        "form.cancel",
    ]
    assert buttons(Ask(street, 1, 3, "x"), person())[0].id == "form.skip"
    assert [b.label for b in buttons(Review({}), person("de"))] == [
        "Absenden",
        "Zurück",
        "Abbrechen",
    ]
    assert buttons(Cancelled(), person()) == ()
    yes, no, *_ = buttons(Ask(field("yes_no"), 1, 1), person("ru"))
    assert [(yes.id, yes.label), (no.id, no.label)] == [("yes", "Да"), ("no", "Нет")]


@each_row("language", LANGUAGES)
def test_every_button_can_be_pressed(language: str) -> None:
    who = person(language)
    asked_form = Form(fields=(field("yes_no"), field("choice", id="other")))
    state, (said, *_) = start(asked_form, started_at_ms=0)

    for _ in range(2):
        for button in buttons(said, who):
            after, outputs = step(asked_form, state, Pressed(button.id), who)
            assert outputs
            assert not any(isinstance(output, Wrong) for output in outputs)
            assert after != state or button.id == "form.back"
        state, (said, *_) = step(asked_form, state, Pressed(buttons(said, who)[0].id), who)


def test_a_file_in_a_review_is_its_name_and_size() -> None:
    one = form({"id": "paper", "kind": "file", "label": "Paper"})
    value = parse_value(one.fields[0], file_content(), person())

    shown = body(review_doc(one, {"paper": value}, CATALOGUE, person("uk")))

    assert "1. Paper: passport.pdf (1,5 МБ)" in shown.replace("\u00a0", " ")
