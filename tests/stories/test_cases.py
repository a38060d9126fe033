"""What else happens to a case: refused, withdrawn, asked about, two clerks at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.stories.office import Desk, Room, Town, Way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.people import Message, Person

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

ANSWERED = "This question has been answered already"


@pytest.fixture(scope="session")
def henriette(town: Town) -> Person:
    """The head of the office, who works at the same desk."""
    person = town.house.person("henriette")
    assert town.desk.room in person.accept_invites()
    return person


def test_a_person_asks_about_their_case_and_withdraws_it(town: Town, desk: Desk) -> None:
    number, case = town.applicant().apply()
    thread = desk.case(number)
    question = thread.expect("Who takes this case?")
    where_it_stands_and_why_is_told(case, thread)
    a_human_being_answers(case, thread)
    case.say("withdraw")
    case.choose(case.expect("The office then does nothing more."), "withdraw")
    case.expect("You have withdrawn it.")
    thread.expect("This case is closed: withdrawn.")
    thread.person.reply(thread.room, question.event_id, "1")
    Room(thread.person, thread.room).expect("Nothing has changed.")

    case.expect_states("submitted", "withdrawn")


def where_it_stands_and_why_is_told(case: Room, thread: Room) -> None:
    """A person can always ask it, and the desk learns that they did."""
    case.say("status")
    status = case.expect("What happened so far:")
    case.say("why")
    why = case.expect("We are waiting for")
    case.expect("We have asked the office to tell you why.")
    thread.expect("The person asks why it takes so long.")
    assert "submitted" in status.body
    for part in ("Vital Records Office", "Civil Status Act, section 24", "If it is late"):
        assert part in why.body


def a_human_being_answers(case: Room, thread: Room) -> None:
    """A question to a human being is answered by one."""
    case.say("!human When will it be ready?")
    case.expect("A human being answers you here by")
    question = thread.expect("When will it be ready?")
    thread.person.reply(thread.room, question.event_id, "Tomorrow, I hope.")
    assert case.expect("Tomorrow, I hope.").body == "Vital Records Office: Tomorrow, I hope."


def test_of_two_clerks_who_press_at_once_one_takes_the_case_and_refuses_it(
    town: Town, desk: Desk, henriette: Person
) -> None:
    number, case = town.applicant().apply()
    threads = [desk.case(number), desk.case(number, henriette)]
    questions = [thread.expect("Who takes this case?") for thread in threads]
    presses = [
        threading.Thread(target=thread.choose, args=(question, "claim", Way.STRUCTURED))
        for thread, question in zip(threads, questions, strict=True)
    ]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    refusal = Room(desk.clerk, desk.room).expect(ANSWERED)
    case.expect_edit("A clerk looks at your case and decides.")
    assert "Nothing has changed." in refusal.body
    asked = [thread.expect(f"{number}: What is decided?") for thread in threads]
    decisions = [m for m in threads[0].said() if f"{number}: What is decided?" in m.body]
    assert len(decisions) == 1

    its_clerk_alone_refuses_it(town, threads, asked)
    why_and_how_to_appeal_is_told(case)
    case.expect_states("submitted", "in_review", "decided_no")


def its_clerk_alone_refuses_it(
    town: Town, threads: Sequence[Room], asked: Sequence[Message]
) -> None:
    """The question what is decided is for nobody but who has taken the case."""
    [(clerk,)] = town.house.query(
        "SELECT clerk FROM agency.case_file ORDER BY opened_at_ms DESC LIMIT 1"
    )
    (question, thread), (same, other) = sorted(
        zip(asked, threads, strict=True), key=lambda one: str(clerk) not in one[1].person.user_id
    )
    other.answer(same, choice="approve")
    Room(other.person, town.desk.room).expect("This question is not for you")
    thread.choose(question, "refuse")
    words = {"reason": "not_found", "text": "The register begins in 1950."}
    thread.answer(thread.expect("For which reason"), data=words)
    thread.expect("This case is closed: refused.")


def why_and_how_to_appeal_is_told(case: Room) -> None:
    """A refusal says why, by which law, and how to appeal."""
    refusal = case.expect("How to appeal").body
    for part in (
        "There is no such entry in the register",
        "Civil Status Act, section 26 (1)",
        "The register begins in 1950.",
        "Administrative Court",
        "Until:",
    ):
        assert part in refusal
    case.expect_edit("State: refused")


def test_two_persons_approve_where_the_rules_ask_for_two(
    town: Town, desk: Desk, henriette: Person
) -> None:
    number, case = town.applicant().apply(reason="court")
    thread = desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "approve")
    second = thread.expect("Two persons must approve")
    thread.choose(second, "claim")
    thread.expect("Two persons must approve, and you have approved already.")
    other = desk.case(number, henriette)
    other.choose(other.expect("Who is the second?"), "claim")
    other.choose(other.expect(f"{number}: What is decided?"), "approve")

    case.expect("Your case is approved.")
    case.expect("Valid until")
