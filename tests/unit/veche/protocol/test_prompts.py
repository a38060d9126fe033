from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.prompts import ALICE, LABELS, NOW_MS, a_prompt
from tests.support.rendered import check_message
from tests.support.tables import each_row
from veche.protocol import message
from veche.protocol.errors import MalformedError
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.ids import UserId
from veche.protocol.inbound import Trust
from veche.protocol.message import Heading, Paragraph
from veche.protocol.prompts import (
    ANSWER_FIELDS_MAX,
    CHOICES_MAX,
    LABEL_CHARACTERS_MAX,
    MSC4139_PROMPTS,
    PROMPT_KEY,
    REACTIONS_MAX,
    SCOPE_MAX,
    Answer,
    ApproveHint,
    Choice,
    Prompt,
    TrustLabel,
    closed_content,
    prompt_content,
    reaction_keys,
)
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue
from veche.protocol.wire import parse
from veche.runtime.web.public import PageLinks

CATALOGUE = Catalogue.load("veche.protocol")
MANDATE = {"what": "guardian bob", "text": "Bob agrees to large payments"}
INTRO = (Heading("Invoice 17"), Paragraph("Water for October."))
FORM = Form(fields=(Field(id="reason", kind=FieldKind.TEXT, label="Why?"),))


def labelled(count: int) -> dict[str, str]:
    return {f"c{n}": f"Choice {chr(64 + n)}" for n in range(1, count + 1)}


# --- what is shown ------------------------------------------------------------------------------


def test_the_text_of_a_prompt_is_complete() -> None:
    prompt = a_prompt(url="https://town.example/p/1")

    content = prompt_content(prompt, INTRO, CATALOGUE, "en", mentions=[ALICE])

    check_message(content)
    assert content["body"] == (
        "Invoice 17\n\n"
        "Water for October.\n\n"
        "1. Pay 12.50 EUR\n"
        "2. Remind me tomorrow\n"
        "3. This is wrong\n\n"
        "To answer, reply with the number, or tap it below.\n\n"
        "You can also answer on this page:\n"
        "https://town.example/p/1"
    )
    assert content["m.mentions"] == {"user_ids": [ALICE]}


@pytest.mark.parametrize(
    ("kind", "shown", "words"),
    [
        (
            "payment",
            {
                "payee": "shop",
                "payee_name": "Shop",
                "amount": {"minor": 1250, "currency": "EUR"},
                "reference": "Bread",
            },
            "Approve 12.50 EUR with your key",
        ),
        ("mandate", MANDATE, "“Agree”: approve it with your key"),
    ],
)
def test_the_link_to_what_is_approved_is_short_and_stands_behind_words(
    kind: str, shown: dict[str, Any], words: str
) -> None:
    approve = {"kind": kind, "nonce": "a" * 32, "person": ALICE, "shown": shown}
    choice = Choice.model_validate({"id": "agree", "label": "Agree", "approve": approve})
    decline = Choice(id="decline", label="Decline")
    prompt = a_prompt().model_copy(update={"choices": (choice, decline)})
    url = PageLinks("https://veche.example.org").approve("a" * 32)

    content = prompt_content(prompt, INTRO, CATALOGUE, "en", hints=[ApproveHint("agree", url)])

    check_message(content)
    assert f'<a href="{url}">{words}</a>' in content["formatted_body"]
    assert content["body"].endswith(f"{words}\n{url}")
    assert len(url) < 80


@each_row("language", LANGUAGES)
@each_row("form", [None, FORM])
@each_row("url", [None, "https://town.example/p/1"])
@each_row("count", [0, 1, REACTIONS_MAX, REACTIONS_MAX + 1, CHOICES_MAX])
def test_every_prompt_obeys_the_rules_in_every_language(
    count: int, url: str | None, form: Form | None, language: str
) -> None:
    prompt = a_prompt(labelled(count), url=url, form=form)

    content = prompt_content(prompt, INTRO, CATALOGUE, language)

    check_message(content)
    check_message(message.edit(content))
    assert all(choice.label in content["body"] for choice in prompt.choices)
    assert url is None or content["body"].endswith("\n" + url)


def test_a_prompt_travels_and_is_read_back() -> None:
    prompt = a_prompt(form=FORM, url="https://town.example/p/1", min_trust="verified")

    content = prompt_content(prompt, INTRO, CATALOGUE, "en")

    assert parse(Prompt, content[PROMPT_KEY]) == prompt


def test_other_payloads_ride_beside_it() -> None:
    content = prompt_content(
        a_prompt(), INTRO, CATALOGUE, "en", payload={"org.veche.case": {"v": 1}}
    )

    assert content["org.veche.case"] == {"v": 1}
    assert PROMPT_KEY in content


def test_a_page_that_may_not_be_shown_is_refused() -> None:
    with pytest.raises(MalformedError, match="url"):
        prompt_content(a_prompt(url="javascript:alert(1)"), INTRO, CATALOGUE, "en")


# --- the mixin of others ------------------------------------------------------------------------


def test_clients_with_msc4139_get_the_question_and_a_button_a_choice() -> None:
    content = prompt_content(a_prompt({"pay": "Pay", "later": "Later"}), INTRO, CATALOGUE, "en")

    assert content[MSC4139_PROMPTS] == {
        "intro": {
            "type": "m.message",
            "content": {"m.text": [{"body": "Invoice 17\n\nWater for October."}]},
        },
        "scope": [ALICE],
        "prompts": [
            {"type": "preset", "id": "pay", "label": {"m.text": [{"body": "Pay"}]}},
            {"type": "preset", "id": "later", "label": {"m.text": [{"body": "Later"}]}},
        ],
    }


def test_where_anybody_may_answer_the_mixin_has_no_scope() -> None:
    content = prompt_content(a_prompt(scope=()), INTRO, CATALOGUE, "en")

    assert "scope" not in content[MSC4139_PROMPTS]  # an empty one would mean nobody
    assert content[PROMPT_KEY]["scope"] == []


def test_without_choices_there_are_no_buttons() -> None:
    assert MSC4139_PROMPTS not in prompt_content(a_prompt({}), INTRO, CATALOGUE, "en")


# --- after the answer ---------------------------------------------------------------------------


def test_a_closed_prompt_shows_what_was_chosen_and_offers_nothing() -> None:
    prompt = a_prompt(form=FORM, url="https://town.example/p/1")

    content = message.edit(closed_content(prompt, INTRO, "You chose: Pay.", chosen="pay"))

    check_message(content)
    new = content["m.new_content"]
    assert new["body"] == "Invoice 17\n\nWater for October.\n\nYou chose: Pay."
    assert MSC4139_PROMPTS not in new
    closed = parse(Prompt, new[PROMPT_KEY])
    assert (closed.id, closed.closed, closed.chosen) == (prompt.id, "answered", "pay")
    assert (closed.choices, closed.form, closed.url) == ((), None, None)


@pytest.mark.parametrize("reason", ["expired", "withdrawn"])
def test_a_prompt_may_close_without_an_answer(reason: Any) -> None:
    content = closed_content(a_prompt(), INTRO, "Too late.", reason=reason)

    assert content[PROMPT_KEY]["closed"] == reason
    assert "chosen" not in content[PROMPT_KEY]


# --- reactions ----------------------------------------------------------------------------------


@each_row(
    ("count", "keys"),
    [
        (0, ()),
        (1, ("1️⃣",)),
        (3, ("1️⃣", "2️⃣", "3️⃣")),
        (10, ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟")),
        (11, ()),
    ],
)
def test_the_bot_places_a_reaction_a_choice_up_to_ten(count: int, keys: tuple[str, ...]) -> None:
    assert reaction_keys(a_prompt(labelled(count))) == keys


@pytest.mark.parametrize("min_trust", ["e2ee", "verified", "signed"])
def test_where_a_reaction_would_not_count_none_is_placed_or_asked_for(
    min_trust: TrustLabel,
) -> None:
    prompt = a_prompt(min_trust=min_trust)

    content = prompt_content(prompt, INTRO, CATALOGUE, "en")

    assert reaction_keys(prompt) == ()
    assert content["body"].endswith("To answer, reply with the number.")


# --- the models ---------------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "v": 1,
    "id": a_prompt().id,
    "scope": [ALICE],
    "expires_at_ms": NOW_MS,
    "choices": [{"id": id_, "label": label} for id_, label in LABELS.items()],
}


def choices(*pairs: tuple[object, object]) -> list[dict[str, object]]:
    return [{"id": id_, "label": label} for id_, label in pairs]


@each_row(
    ("changes", "field"),
    [
        ({"v": 2}, "v"),
        ({"id": "1"}, "id"),
        ({"scope": None}, "scope"),
        ({"scope": ["alice"]}, r"scope\.0"),
        ({"scope": [ALICE] * (SCOPE_MAX + 1)}, "scope"),
        ({"expires_at_ms": -1}, "expires_at_ms"),
        ({"expires_at_ms": "1"}, "expires_at_ms"),
        ({"expires_at_ms": 1.5}, "expires_at_ms"),
        ({"min_trust": "maybe"}, "min_trust"),
        ({"single_use": 1}, "single_use"),
        ({"choices": choices(*((f"c{n}", f"C {n}") for n in range(CHOICES_MAX + 1)))}, "choices"),
        ({"choices": choices(("Pay", "Pay"))}, r"choices\.0\.id"),
        ({"choices": choices(("x" * 65, "Pay"))}, r"choices\.0\.id"),
        ({"choices": choices(("", "Pay"))}, r"choices\.0\.id"),
        ({"choices": choices(("pay\n", "Pay"))}, r"choices\.0\.id"),
        ({"choices": choices(("pay", ""))}, r"choices\.0\.label"),
        ({"choices": choices(("pay", "x" * (LABEL_CHARACTERS_MAX + 1)))}, r"choices\.0\.label"),
        ({"choices": choices(("a", "Yes"), ("a", "No"))}, "differ"),
        ({"choices": choices(("a", "Yes"), ("b", " YES! "))}, "differ"),
        ({"choices": choices(("a", "Two"), ("b", "1"))}, "number of another"),
        ({"url": "x" * 2001}, "url"),
        ({"form": {"fields": []}}, "form"),
        ({"closed": "maybe"}, "closed"),
    ],
)
def test_a_malformed_prompt_is_refused_and_the_field_named(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(MalformedError, match=field):
        parse(Prompt, GOOD | changes)


@each_row("missing", ["v", "id", "scope", "expires_at_ms"])
def test_a_prompt_that_lacks_a_field_is_refused(missing: str) -> None:
    with pytest.raises(MalformedError, match=missing):
        parse(Prompt, {k: v for k, v in GOOD.items() if k != missing})


def test_a_prompt_at_its_bounds_is_read() -> None:
    scope = [UserId(f"@p{n}:example.org") for n in range(SCOPE_MAX)]
    many = choices(*((f"{n:064}", f"{n:0100}x"[1:]) for n in range(100, 100 + CHOICES_MAX)))

    prompt = parse(Prompt, GOOD | {"scope": scope, "choices": many, "unknown": 1})

    assert (len(prompt.scope), len(prompt.choices)) == (SCOPE_MAX, CHOICES_MAX)


def test_a_label_that_is_its_own_number_is_fine() -> None:
    assert parse(Prompt, GOOD | {"choices": choices(("a", "1"), ("b", "2"), ("c", "2025"))})


@each_row(
    "answer",
    [
        {"v": 1, "prompt": GOOD["id"], "data": {f"f{n}": 1 for n in range(ANSWER_FIELDS_MAX + 1)}},
        {"v": 1, "prompt": GOOD["id"], "data": []},
        {"v": 1, "prompt": GOOD["id"], "choice": "a b"},
        {"v": 1, "choice": "pay"},
        {"prompt": GOOD["id"], "choice": "pay"},
        [],
        None,
    ],
)
def test_a_malformed_answer_is_refused(answer: object) -> None:
    with pytest.raises(MalformedError):
        parse(Answer, answer)


def test_trust_is_a_level() -> None:
    assert [a_prompt(min_trust=trust.label).trust for trust in Trust] == list(Trust)  # type: ignore[arg-type]  # labels


def test_a_choice_made_in_code_is_checked_too() -> None:
    with pytest.raises(ValidationError):
        Choice(id="Not An Id", label="x")
