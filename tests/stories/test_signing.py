"""People sign in their chats: a lease of two, a board's resolution, an office's contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from cryptography import x509

from appservices.signing.sessions.texts.words import NUMBER_CHARACTERS
from tests.stories.office import Desk, Room, case_number
from tests.stories.signing import Signatory, Town, in_town
from tests.support.blind_page import BlindPage, Requester
from tests.support.forgery import page as pdf_page
from tests.support.processes import TIMEOUT_S, wait_until
from tests.support.services import OFFICE
from veche.cli.main import main
from veche.contracts.agency.document import DOCUMENT_KEY
from veche.contracts.signing.card import SIGN_RESULT_KEY
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.people import Message
    from veche.documents.signatures.report import Report

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

ORDERS: Final = ("sign", "sign all", "sessions", "signatures", "export", "private", "meet", "page")
"""By which somebody gets at what they have signed and are to sign."""
LINK: Final = re.compile("#[A-Za-z0-9]")
"""Of what opens something by itself, what stands behind its ``#``; none of a room's link."""
SECRET: Final = re.compile(rf"{LINK.pattern}|cellar|garage|\byes [0-9]{{4}}")
"""Links, what the documents are called, and codes that confirm."""
OFFER: Final = "is another one now"
"""Of the one message that is for the new device: how its owner has it confirmed, by their key."""
LEASE = pdf_page("Lease of flat 12b: 700 EUR a month")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with in_town(tmp_path_factory.mktemp("signing")) as one:
        yield one


@pytest.fixture(scope="module")
def persons(town: Town) -> dict[str, Signatory]:
    """Alice, Bob and Carol, each with a chat and a key."""
    return {name: town.signatory(name) for name in ("alice", "bob", "carol")}


def verdict_of(town: Town, pdf: bytes) -> Report:
    root = x509.load_pem_x509_certificate(town.authority.preparation().made.read_bytes())
    return judge(pdf, Trusted([root], town.now()))


def send(who: Signatory, order: str, title: str) -> None:
    """Have a document signed, by what is typed alone."""
    who.send_pdf(LEASE)
    who.expect("one page")
    who.expect("What is it called?")
    who.say(title)
    who.expect("Who signs it")
    who.say(order)
    review = who.expect("Before it is sent", title)
    who.choose(review, "send")
    who.expect("It is sent")


def result(who: Signatory, title: str) -> Message:
    """The message with the closed file."""
    return who.person.wait_for(
        who.room, lambda one: SIGN_RESULT_KEY in one.content and title in one.body
    )


def test_two_people_sign_a_lease(town: Town, persons: dict[str, Signatory]) -> None:
    alice, bob = persons["alice"], persons["bob"]
    send(alice, "me then bob", "Lease of flat 12b")

    # Alice first; Bob is asked once she has signed, in his own chat.
    card = alice.expect("asks you to sign", "Lease of flat 12b", "Code")
    signed = alice.page(card).sign(alice.keys[0])
    assert signed.status == 200, signed
    asked = bob.expect("asks you to sign", "Lease of flat 12b")
    done = bob.page(asked).sign(bob.keys[0])
    assert done.status == 200, done

    # Both have the closed file, which holds without us.
    files = [one.person.download(result(one, "Lease of flat 12b").content) for one in (alice, bob)]
    assert files[0] == files[1]
    report = verdict_of(town, files[0])
    assert report.verdict is Verdict.SEALED, report
    assert [one.level for one in report.signers] == [Level.ACCOUNT, Level.ACCOUNT]
    assert [one.name for one in report.signers] == ["alice", "bob"]


@pytest.mark.long
def test_two_of_three_are_enough(town: Town, persons: dict[str, Signatory]) -> None:
    alice, bob, carol = (persons[name] for name in ("alice", "bob", "carol"))
    send(alice, "2 of me, bob, carol", "Resolution 7")

    mine, his, hers = (
        one.page(one.expect("asks you to sign", "Resolution 7")) for one in (alice, bob, carol)
    )
    assert his.sign(bob.keys[0]).status == 200
    assert hers.sign(carol.keys[0]).status == 200

    # Alice need not any more; everyone has the file, she as well.
    late = mine.sign(alice.keys[0])
    assert late.status == 409
    pdf = alice.person.download(result(alice, "Resolution 7").content)
    report = verdict_of(town, pdf)
    assert report.verdict is Verdict.SEALED
    assert sorted(one.name for one in report.signers) == ["bob", "carol"]


def test_who_declines_says_why_and_everyone_is_told(persons: dict[str, Signatory]) -> None:
    alice, bob = persons["alice"], persons["bob"]
    send(alice, "me, bob", "Sale of a car")

    mine = alice.expect("asks you to sign", "Sale of a car")
    assert alice.page(mine).sign(alice.keys[0]).status == 200
    asked = bob.expect("asks you to sign", "Sale of a car")
    declined = bob.page(asked).decline(bob.keys[0], "wrong_terms", "It has no engine")
    assert declined.status == 200, declined
    alice.expect("Sale of a car", "It has no engine")
    assert "not in force" in alice.expect("Sale of a car", "not in force").body


def test_a_document_is_signed_that_only_its_parties_see(
    town: Town, persons: dict[str, Signatory], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    alice, bob = persons["alice"], persons["bob"]
    alice.say("private")
    alice.expect("that I never see", "/sign/new")

    # Her browser prepares and encrypts it; the link with the key she sends to Bob herself.
    title = "Lease of the quiet flat"
    browser = Requester(town.house.pages_url, alice.session, title)
    parties = [
        {"party": f"p{n}", "role": "signer", "user": one.person.user_id}
        for n, one in enumerate((alice, bob), 1)
    ]
    stages = [{"parties": ["p1"]}, {"parties": ["p2"]}]
    link = browser.send(pdf_page("Lease of the quiet flat"), parties, stages=stages)
    alice.expect("Send them the link with the key yourself")
    between = alice.person.create_dm(bob.person.user_id, is_join_awaited=False)
    [room] = bob.person.accept_invites()
    alice.person.wait_for_member(between, bob.person.user_id)
    alice.person.send(between, link)

    mine = opened(alice, link)
    signed = mine.sign(alice.keys[0])
    assert signed.status == 200, signed
    asked = bob.expect("I never see this document", alice.person.user_id)
    code = mine.view()["code"]
    assert f"Code: {code}" in asked.body
    got = bob.person.wait_for(room, "/sign#").body
    his = opened(bob, got)
    view = his.view()
    assert (his.matter(view)["title"], view["code"]) == (title, code)
    done = his.sign(bob.keys[0])
    assert done.status == 200, done

    # The bot has the report, not the file: that is on the page of each.
    bob.expect("private document", "I never had it")
    number = his.session[-NUMBER_CHARACTERS:]
    evidence = bob.person.wait_for(bob.room, lambda one: is_report(one, number))
    report = tmp_path / "report.pdf"
    report.write_bytes(bob.person.download(evidence.content))
    file = tmp_path / "lease.pdf"
    file.write_bytes(his.document(his.view()))
    assert verdict_of(town, file.read_bytes()).verdict is Verdict.SEALED
    root = str(town.authority.preparation().made)
    assert main(["verify", str(report), "--evidence", str(file), "--root", root]) == 0
    assert "The report goes with the signed file." in capfd.readouterr().out
    rows = town.house.query("SELECT t::text FROM signing.session t")
    assert not any("quiet" in str(row) for (row,) in rows)


def is_report(message: Message, number: str) -> bool:
    """Whether a message has the report on how a private document was signed."""
    return message.content.get("filename") == f"{number}-evidence.pdf"


def opened(who: Signatory, link: str) -> BlindPage:
    """The page that the requester's link opens for somebody who is signed in."""
    page = BlindPage.opened(link, who.session)
    assert isinstance(page, BlindPage), page
    return page


def test_an_office_and_a_citizen_sign_what_was_decided(
    town: Town, persons: dict[str, Signatory]
) -> None:
    alice, carol = persons["alice"], persons["carol"]
    desk = Desk(carol.person)
    chat = Room(alice.person, alice.person.create_dm(OFFICE))
    chat.choose(chat.expect("Which language do you prefer?"), "en")
    chat.choose(chat.expect("What do you need?"), "garden-plot-lease")
    chat.choose(chat.expect("It takes at most"), "start")
    chat.expect("1 of 2")
    chat.say("Alice Adams")
    chat.expect("2 of 2")
    chat.say("12")
    chat.expect("Please check your answers")
    chat.say("submit")
    number = case_number(chat.expect("The number of your case is"))
    [room] = alice.person.accept_invites()
    case = Room(alice.person, room)
    thread = desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "approve")

    # Approved, and still nobody has it: the citizen signs, then the clerk, then the town seals it.
    case.expect("Signed by: you, the office")
    mine = alice.expect("asks you to sign: Lease of a garden plot")
    assert alice.page(mine).sign(alice.keys[0]).status == 200
    theirs = carol.expect("asks you to sign: Lease of a garden plot")
    assert carol.page(theirs).sign(carol.keys[0]).status == 200
    case.expect("Everyone has signed")
    document = alice.person.wait_for(room, lambda one: DOCUMENT_KEY in one.content)
    case.expect_states("submitted", "in_review", "signing", "decided_yes", "served")

    report = verdict_of(town, alice.person.download(document.content))
    assert report.verdict is Verdict.SEALED, report
    assert [(one.name, one.level) for one in report.signers] == [
        ("alice", Level.ACCOUNT),
        ("carol", Level.ACCOUNT),
        ("Town of Lindenau", Level.SEAL),
    ]


def test_whoever_swaps_a_registrars_identity_gets_no_code_of_a_guest(town: Town) -> None:
    """Red line R7: whoever runs the homeserver logs in as her, and lets a stranger in."""
    henriette, stranger = town.signatory("henriette"), town.house.person("stranger")
    send(henriette, 'me, "Bob Brown"', "Lease of the attic")
    question = henriette.expect("has no account and signs in person")
    waiting = "SELECT count(*) FROM runtime.outbox WHERE room_id = %s AND state = 0"

    with henriette.person.new_device() as ghost:
        ghost.reset_identity()
        henriette.say("help")
        henriette.expect("Was it you?")
        before = len(henriette.person.messages(henriette.room))
        henriette.choose(question, "here")
        wait_until(
            lambda: town.house.query(waiting, henriette.room) != [(0,)],
            TIMEOUT_S,
            "the code does not wait",
        )
        ghost.send(henriette.room, "meet")
        ghost.invite(henriette.room, stranger.user_id)
        stranger.accept_invites()
        henriette.say("help")
        henriette.expect("nobody reads along")

        said = henriette.person.messages(henriette.room)[before:]
        assert [one.body for one in said if "/sign#" in one.body or "file" in one.content] == []
        for reader in (ghost, stranger):
            read = [one for one in reader.messages(henriette.room) if one.is_readable]
            assert [one.body for one in read if "/sign#" in one.body or "file" in one.content] == []


def test_whoever_swaps_a_signers_identity_gets_nothing_of_what_they_sign(
    town: Town, persons: dict[str, Signatory]
) -> None:
    """Red line R7: a ghost in her name, in her chat and in one of its own, and a stranger."""
    alice, sophie = persons["alice"], town.signatory("sophie")
    stranger = town.house.person("lurker")
    send(alice, "sophie", "Lease of the garage")
    signed = sophie.page(sophie.expect("asks you to sign", "garage")).sign(sophie.keys[0])
    assert signed.status == 200, signed
    bot = result(sophie, "Lease of the garage").sender
    sophie.expect("The report on how it came about")
    before = len(sophie.person.messages(sophie.room))

    with sophie.person.new_device() as ghost:
        ghost.reset_identity()
        own = ghost.create_dm(bot)
        sophie.say("help")
        sophie.expect("Was it you?")
        send(alice, "sophie", "Lease of the cellar")
        for order in ORDERS:
            sophie.say(order)
            ghost.send(sophie.room, order)
            ghost.send(own, order)
        sophie.expect("I send no link now")
        ghost.invite(sophie.room, stranger.user_id)
        stranger.accept_invites()
        for order in ORDERS:
            sophie.say(order)
        sophie.expect("nobody reads along")
        said = sophie.person.messages(sophie.room)[before:]
        assert [one.body for one in said if LINK.search(one.body) or "file" in one.content] == []

        for reader, room in ((ghost, sophie.room), (ghost, own), (stranger, sophie.room)):
            read = [one for one in reader.messages(room) if one.is_readable]
            read = [one for one in read if OFFER not in one.body]
            secret = [one for one in read if SECRET.search(one.body) or "file" in one.content]
            assert [one.body for one in secret] == [], reader.user_id
