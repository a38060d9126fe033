"""One event of every family, as it leaves, checked against the rules and against its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeserver_modules.event_guard.families import load_families
from tests.support.events_page import EXAMPLES
from tests.support.golden import check_golden
from tests.support.prompts import ALICE, BOT, NOW_MS, a_prompt, referring, said, standing
from tests.support.rendered import check_message
from tests.support.tables import each_row
from veche.protocol import message
from veche.protocol.answers import Chosen, RefusalReason, read_answer, refusal_text
from veche.protocol.commands import KERNEL_COMMANDS, LANGUAGE, command_description, help_doc
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.message import Bold, Bullets, Code, Facts, Heading, Link, Mono, Paragraph
from veche.protocol.prompts import Prompt, closed_content, prompt_content
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.protocol.message import Content

FAMILIES = load_families()

GOLDEN = Path(__file__).parent / "golden"
CATALOGUE = Catalogue.load("veche.protocol")
PROMPT = parse(Prompt, EXAMPLES["org.veche.prompt"])
INTRO = (
    Heading("Invoice 17"),
    Facts([("From", "Town of Riga"), ("Amount", Bold("12.50 EUR")), ("Until", "24 November")]),
)
FORM = Form(
    fields=(
        Field(id="street", kind=FieldKind.TEXT, label="Your street", required=True),
        Field(id="since", kind=FieldKind.DATE, label="Since when?", max="today"),
    )
)
ENCRYPTED_FILE = {
    "v": "v2",
    "url": "mxc://example.org/abcdef",
    "key": {"kty": "oct", "alg": "A256CTR", "ext": True, "k": "x", "key_ops": ["decrypt"]},
    "iv": "aaaaaaaaaaaAAAAAAAAAAA",
    "hashes": {"sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"},
}


def _prompt() -> Content:
    return prompt_content(PROMPT, INTRO, CATALOGUE, "en", mentions=[ALICE])


def _prompt_in_russian() -> Content:
    prompt = a_prompt({"yes": "Да, верно", "no": "Нет"})
    return prompt_content(prompt, (Paragraph("Это ваш адрес?"),), CATALOGUE, "ru")


def _form() -> Content:
    prompt = a_prompt({}, form=FORM)
    return prompt_content(prompt, (Paragraph("Tell us where you live."),), CATALOGUE, "en")


def _closed() -> Content:
    return message.edit(closed_content(PROMPT, INTRO, "You chose: Pay 12.50 EUR", chosen="pay"))


def _answer() -> Content:
    content = message.text(
        (Paragraph("Pay 12.50 EUR"),), payload={"org.veche.answer": EXAMPLES["org.veche.answer"]}
    )
    return content | {"m.relates_to": referring("$prompt")}


def _case() -> Content:
    card = EXAMPLES["org.veche.case"]
    doc = (
        Heading("Certificate of residence"),
        Facts([("State", "under review"), ("Answer until", "24 November 2025")]),
        Bullets(["Sent", "Papers complete", (Bold("A clerk checks your papers"),)]),
    )
    return message.text(doc, payload={"org.veche.case": card})


def _case_edit() -> Content:
    return message.edit(_case())


def _document() -> Content:
    return message.file(
        filename="certificate.pdf",
        caption="Certificate of residence",
        encrypted_file=ENCRYPTED_FILE,
        mimetype="application/pdf",
        size_bytes=48_211,
        payload={"org.veche.document": EXAMPLES["org.veche.document"]},
    )


def _notice() -> Content:
    doc = (
        Paragraph("Looking it up ", Mono("LV-17"), ", see ", Link("why", "https://town.example/w")),
        Code("a < b"),
    )
    return message.notice(doc)


def _refusal() -> Content:
    return message.text(refusal_text(RefusalReason.LATE, CATALOGUE, "de", PROMPT))


def _help() -> Content:
    return message.text(help_doc(KERNEL_COMMANDS, CATALOGUE, "uk"))


MESSAGES: dict[str, Callable[[], Content]] = {
    "prompt": _prompt,
    "prompt_ru": _prompt_in_russian,
    "prompt_form": _form,
    "prompt_closed": _closed,
    "answer": _answer,
    "case": _case,
    "case_edit": _case_edit,
    "document": _document,
    "notice": _notice,
    "refusal_de": _refusal,
    "help_uk": _help,
}


@each_row("name", MESSAGES)
def test_every_kind_of_message_obeys_the_rules_and_is_as_it_was(name: str) -> None:
    content = MESSAGES[name]()

    check_message(content)
    check_golden(GOLDEN / f"{name}.json", content)


@each_row("name", MESSAGES)
def test_what_rides_beside_a_message_is_of_its_family(name: str) -> None:
    content = MESSAGES[name]()
    carried = content.get("m.new_content", content)

    for key in carried.keys() & FAMILIES.keys():
        assert parse(FAMILIES[key], carried[key])


def test_a_published_command_is_as_it_was() -> None:
    state_key, content = command_description(LANGUAGE, BOT, CATALOGUE, "de")

    check_golden(GOLDEN / "command.json", {"state_key": state_key, "content": content})


def test_the_golden_answer_answers_the_golden_prompt() -> None:
    outcome = read_answer(said(_answer()), (standing(PROMPT),), NOW_MS - 1)

    assert isinstance(outcome, Chosen)


def test_no_golden_file_is_left_over() -> None:
    names = {f"{name}.json" for name in [*MESSAGES, "command"]}

    assert {path.name for path in GOLDEN.iterdir()} == names


@each_row("language", LANGUAGES)
@each_row("name", ["prompt", "refusal", "help"])
def test_kernel_messages_obey_the_rules_in_every_language(name: str, language: str) -> None:
    contents: dict[str, Any] = {
        "prompt": prompt_content(PROMPT, INTRO, CATALOGUE, language),
        "refusal": message.text(refusal_text(RefusalReason.LATE, CATALOGUE, language)),
        "help": message.text(help_doc(KERNEL_COMMANDS, CATALOGUE, language)),
    }

    check_message(contents[name])
