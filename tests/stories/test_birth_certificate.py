"""Alice asks for a birth certificate and gets it: by text, by reactions, by structured answers."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any, Final

import pikepdf
import pytest

from tests.stories.office import FORM, Applicant, Desk, Room, Town, Way, case_number
from veche.contracts.agency.document import DOCUMENT_KEY
from veche.transparency import envelope

if TYPE_CHECKING:
    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

TITLE: Final = "Copy of a birth certificate"
CHAT_BY_HAND: Final = [
    "Welcome. This is Vital Records Office. I am its bot, a program.",
    "I speak English with you now. Write “language” to change it.",
    TITLE,
    "1 of 4 · Name of the child",
    "2 of 4 · Day of birth",
    "3 of 4 · What do you need the copy for?",
    "4 of 4 · A photo of an older copy, if you have one",
    "Please check your answers",
]
CASE: Final = [
    TITLE,
    "The office asks you",
    "Thank you, the office has it.",
    f"{TITLE}: Your case is approved.",
    f"{TITLE}. Valid until",
    f"{TITLE}: done. Nothing more is needed.",
]
STATES: Final = ["submitted", "in_review", "needs_more", "in_review", "decided_yes", "served"]


def decide(case: Room, thread: Room) -> Message:
    """Carol asks one question back, Alice answers, Carol approves; the document."""
    thread.choose(thread.expect("What is decided?"), "ask_more")
    thread.expect("What do you ask the person?")
    thread.say("Which hospital?")
    case.expect("Which hospital?")
    case.say("Charité")
    case.expect("Thank you, the office has it.")
    thread.expect("The person answers: Charité")
    thread.choose(thread.expect("What is decided?"), "approve")
    thread.expect("This case is closed: approved.")
    document = case.expect("Valid until")
    case.expect("done. Nothing more is needed.")
    case.expect_edit("State: done")
    return document


def starts(lines: list[str], expected: list[str]) -> bool:
    return len(lines) == len(expected) and all(map(str.startswith, lines, expected))


def check_document(alice: Applicant, case: Room, document: Message) -> None:
    pdf = alice.person.download(document.content)
    digest = hashlib.sha256(pdf)
    issued = document.content[DOCUMENT_KEY]
    with pikepdf.open(io.BytesIO(pdf)) as opened, opened.open_metadata() as metadata:
        pdfa = (metadata["pdfaid:part"], metadata["pdfaid:conformance"])
        data = json.loads(opened.attachments["data.json"].get_file().read_bytes())

    assert document.content["msgtype"] == "m.file"
    assert set(document.content["file"]) >= {"url", "key", "iv", "hashes"}
    assert document.content["info"] == {"mimetype": "application/pdf", "size": len(pdf)}
    assert issued["sha256"] == base64.b64encode(digest.digest()).decode().rstrip("=")
    assert digest.hexdigest() in case.said()[-1].body
    assert issued["issuer"] == "lindenau"
    assert pdfa in {("3", "A"), ("3", "B")}
    assert "Anna Weber" in json.dumps(data)


def check_once(alice: Applicant, case: Room, thread: Room, chat: list[str]) -> None:
    """Everything came once, in order, and everybody could read it."""
    assert starts(alice.chat.first_lines(), [*chat, "We have it."])
    assert starts(case.first_lines(), CASE)
    case.expect_states(*STATES)
    assert case.unreadable() == alice.chat.unreadable() == []
    assert [m for m in thread.unreadable() if m.at_ms > case.said()[0].at_ms] == []


@pytest.mark.parametrize("way", [Way.TEXT, pytest.param(Way.REACTION, marks=pytest.mark.long)])
def test_alice_gets_her_certificate(town: Town, desk: Desk, way: Way) -> None:
    alice = town.applicant(way)
    alice.begin()
    alice.chat.say("Anna Weber")
    alice.chat.expect("2 of 4")
    alice.chat.say("31 February 2020")
    alice.chat.expect("There is no such day.")
    alice.chat.say("back")
    alice.chat.expect("1 of 4")
    alice.fill()
    number, case = alice.submit()
    thread = desk.claimed(number)
    answers = thread.expect("Name of the child: Anna Weber")
    document = decide(case, thread)

    assert "Day of birth: 12 March 2020" in answers.body
    check_document(alice, case, document)
    chat = [*CHAT_BY_HAND[:5], "Day of birth: There is no such day.", *CHAT_BY_HAND[3:]]
    check_once(alice, case, thread, chat)
    check_export(alice, case, number)


def check_export(alice: Applicant, case: Room, number: str) -> None:
    """An export shows the whole case, and verifies."""
    case.say("export")
    sent = case.expect(f"birth-certificate-copy-{number}.json")
    exported: dict[str, Any] = json.loads(alice.person.download(sent.content))
    keys = {name: base64.b64decode(key + "=") for name, key in exported["keys"].items()}
    envelope.verify(exported, exported["signer"], keys)
    text = json.dumps(exported, ensure_ascii=False)
    assert exported["signer"] == "lindenau"
    assert "Anna Weber" in text
    assert "carol" not in text.lower()


def test_a_client_that_knows_forms_answers_all_at_once_and_what_is_wrong_again(
    town: Town, desk: Desk
) -> None:
    alice = town.applicant(Way.STRUCTURED)
    alice.choose("What do you need?", "birth-certificate-copy")
    alice.choose("It takes at most", "start")
    question = alice.chat.expect("1 of 4")
    alice.chat.answer(question, data={**FORM, "born_on": "2020-02-31", "reason": "holiday"})
    again = alice.chat.expect("Day of birth")
    alice.chat.answer(again, data={"born_on": FORM["born_on"], "reason": FORM["reason"]})
    number, case = alice.follow()
    thread = desk.case(number)
    thread.choose(thread.expect("Who takes this case?"), "claim", Way.STRUCTURED)
    document = decide(case, thread)

    check_document(alice, case, document)
    check_once(alice, case, thread, [*CHAT_BY_HAND[:4], "Day of birth"])


@pytest.mark.long
def test_a_certificate_in_german(town: Town, desk: Desk) -> None:
    alice = town.applicant(language="de")
    alice.chat.expect("Ich spreche")
    alice.chat.say("Abschrift einer Geburtsurkunde")
    alice.chat.expect("Personenstandsgesetz, § 24")
    for typed, words in (
        ("1", "1 von 4"),
        ("Anna Müller-Lüdenscheidt", "2 von 4"),
        ("12. März 2020", "3 von 4"),
        ("Reise", "4 von 4"),
        ("weiter", "12. März 2020"),
        ("absenden", "Wir haben es."),
    ):
        alice.chat.say(typed)
        said = alice.chat.expect(words)
    [room] = alice.person.accept_invites()
    case = Room(alice.person, room)
    case.expect("Standesamt")
    thread = desk.claimed(case_number(said))
    thread.choose(thread.expect("What is decided?"), "approve")
    document = case.expect("Gültig bis")
    case.say("warum")
    case.expect("Es wird auf nichts gewartet")

    assert alice.person.download(document.content).startswith(b"%PDF-")
    assert document.content[DOCUMENT_KEY]["title"] == "Abschrift einer Geburtsurkunde"
