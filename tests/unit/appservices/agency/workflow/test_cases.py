"""What happens in a case: to the person, at the desk, by the clock, with the document."""

from __future__ import annotations

from typing import Any

import pytest

from appservices.agency.cases.core.case import (
    ASKED_MAX,
    FILES_MAX,
    QUESTION_ESCALATIONS_MAX,
    TEXT_CHARACTERS_MAX,
)
from appservices.agency.cases.core.effects import (
    AskDesk,
    AskPerson,
    Escalate,
    InviteClerk,
    MakeDocument,
    MakeRoom,
    PostToDesk,
    RefusalReason,
    RemoveClerk,
    SendDocument,
    SendExport,
    TellDesk,
    TellPerson,
    Topic,
    UpdateCard,
    UpdateDeskCard,
)
from appservices.agency.cases.core.inputs import (
    AddFile,
    Answers,
    Approve,
    AskHuman,
    AskMore,
    Assign,
    Claim,
    DeskAnswers,
    DocumentFailed,
    DocumentMade,
    Export,
    FlagCase,
    Refuse,
    Reply,
    Retry,
    Return,
    RoomMade,
    Status,
    Why,
    Withdraw,
    Write,
)
from appservices.agency.cases.core.states import Happened, State, TimerKind
from appservices.agency.language.core.definition import SILENCE, Decision, ServiceDefinition
from appservices.agency.offices.core.office import Role
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    ANSWERS,
    AUDITOR,
    CLERK,
    HEAD,
    NOW_MS,
    OFFICE,
    SECOND,
    Play,
    approved,
    claimed,
    filled,
    said,
    served,
    service,
    service_data,
    submitted,
    typed,
)
from veche.protocol.canonical import canonical
from veche.protocol.forms.state import Said, Sent
from veche.protocol.inbound import Trust

FILE = {
    "msgtype": "m.file",
    "body": "letter.pdf",
    "url": "mxc://example.org/a",
    "info": {"mimetype": "application/pdf", "size": 10},
}


def reason_of(play: Play) -> RefusalReason | None:
    return play.outcome.refusal.reason if play.outcome.refusal else None


def only(play: Play, kind: type) -> Any:
    (found,) = [effect for effect in play.outcome.effects if isinstance(effect, kind)]
    return found


class TestDraft:
    def test_the_form_is_asked_where_the_person_is(self) -> None:
        play = Play.opened()

        assert "AskPerson" in play.kinds()
        assert not {"MakeRoom", "UpdateCard"} & set(play.kinds())

    def test_a_case_with_a_desk_gets_a_room_before_it_goes_to_the_desk(self) -> None:
        play = Play.opened().do(filled(ANSWERS))

        assert play.state is State.SUBMITTED
        assert not {"PostToDesk", "UpdateCard"} & set(play.kinds())
        assert "If your app asks, accept the invitation" in said(play.outcome.effects, TellPerson)
        assert {"PostToDesk", "UpdateCard"} <= set(play.do(RoomMade()).kinds())

    def test_the_name_of_the_room_says_nothing_of_the_matter(self) -> None:
        play = Play.opened().do(filled(ANSWERS))

        assert only(play, MakeRoom).name == f"Town archive · {play.outcome.case.number}"

    def test_nobody_takes_a_case_that_is_at_no_desk(self) -> None:
        play = Play.opened().do(filled(ANSWERS))

        assert reason_of(play.do(Claim(CLERK))) is RefusalReason.NOT_NOW

    def test_a_case_without_a_desk_stays_where_the_person_is(self) -> None:
        definition = service(review=None, refusal=None, steps=[{"step": "form"}])
        play = Play.opened(definition)

        assert "MakeRoom" not in play.kinds()
        assert play.outcome.case.has_room
        assert "1 of 2 · Plate" in said(play.outcome.effects, AskPerson)

    def test_a_wrong_answer_is_told_and_asked_again(self) -> None:
        play = Play.opened().do(typed("Anna"), typed("soon"))
        text = said(play.outcome.effects, AskPerson)

        assert text.startswith("Day of birth: This is not a date.")
        assert "2 of 4 · Day of birth" in text

    def test_a_choice_can_be_pressed(self) -> None:
        play = Play.opened().do(typed("Anna"), typed("1.2.2020"))
        question = only(play, AskPerson).question

        assert [choice.id for choice in question.choices] == ["school", "travel", "court"]
        assert question.prompt("01KAV9FT00C5H66S35CSKPGTBA", []).min_trust == "any"

    def test_the_form_travels_whole_for_clients_that_show_forms(self) -> None:
        question = only(Play.opened(), AskPerson).question
        assert [field.id for field in question.form.fields] == [
            "child_name", "born_on", "reason", "old_copy",
        ]  # fmt: skip

    def test_asked_one_by_one_or_at_once_the_answers_are_the_same(self) -> None:
        words = ("Anna Muster", "1 February 2020", "Travel", "skip", "submit")
        typed_in = Play.opened().do(*(typed(word) for word in words))

        assert typed_in.outcome.case.answers == submitted().outcome.case.answers
        assert typed_in.state is submitted().state is State.SUBMITTED

    def test_who_is_not_sure_enough_cannot_submit_and_loses_nothing(self) -> None:
        play = Play.opened().do(*(typed(w) for w in ("Anna", "1.2.2020", "2", "skip")))
        before = play.outcome.case

        assert reason_of(play.do(typed("submit", Trust.ANY))) is RefusalReason.TRUST_TOO_LOW
        assert play.outcome.case == before
        assert play.do(typed("submit", Trust.E2EE)).state is State.SUBMITTED

    def test_cancel_ends_it(self) -> None:
        play = Play.opened().do(typed("cancel"))
        assert play.state is State.WITHDRAWN
        assert "You have withdrawn it" in said(play.outcome.effects, TellPerson)

    def test_it_expires_after_a_reminder(self) -> None:
        play = Play.opened()

        reminded = play.ring(TimerKind.REMINDER)
        assert "we are still waiting for you" in reminded.said()
        assert play.ring(TimerKind.EXPIRY).state is State.EXPIRED

    def test_reminders_keep_quiet_hours(self) -> None:
        early = service(notify={"quiet_hours": "07:00-12:00"})
        timer = Play.opened(early).outcome.case.timer(TimerKind.REMINDER)
        usual = Play.opened(service()).outcome.case.timer(TimerKind.REMINDER)

        assert timer is not None
        assert usual is not None
        # From nine, when reminders come, to noon.
        assert timer.at_ms - usual.at_ms == 3 * 3_600_000


class TestSubmitted:
    def test_the_person_reads_the_number_the_date_and_the_rule(self) -> None:
        text = said(Play.opened().do(filled()).outcome.effects, TellPerson)
        assert "The number of your case is " in text
        assert "The office decides by 1 December 2025 (Civil Status Act, section 24)." in text

    def test_the_card_at_the_desk_shows_no_answer(self) -> None:
        effect = only(submitted(), PostToDesk)
        assert effect.desk == "archive"
        assert "Anna" not in str(effect)

    def test_the_answers_come_to_the_desk_when_somebody_takes_it(self) -> None:
        assert "Name of the child: Anna Muster" in said(claimed().outcome.effects, TellDesk)

    def test_very_long_answers_come_in_parts_and_whole(self) -> None:
        form = [
            {"id": f"f{n}", "kind": "long_text", "label": {"en": f"Field {n}"}} for n in range(4)
        ]
        long = {f"f{n}": chr(ord("a") + n) * 9_999 for n in range(4)}
        play = claimed(service(form=form), long)
        docs = [e for e in play.outcome.effects if isinstance(e, TellDesk)]
        text = said(play.outcome.effects, TellDesk)

        assert len(docs) > 4
        assert all(text.count(chr(ord("a") + n)) >= 9_999 for n in range(4))

    def test_the_card_is_one_and_edited(self) -> None:
        play = claimed()
        card = only(play, UpdateCard).card

        assert (card.state, card.office, card.history_len) == ("in_review", "Town archive", 3)
        assert card.clock is not None
        assert card.clock.rule == "Civil Status Act, section 24"
        assert only(play, UpdateDeskCard)


class TestDesk:
    def test_whoever_takes_it_comes_into_the_room_and_leaves_it_again(self) -> None:
        play = claimed()
        assert only(play, InviteClerk).staff == "clerk-1"
        assert only(play.do(Return(CLERK)), RemoveClerk).staff == "clerk-1"
        assert play.state is State.SUBMITTED
        assert only(play, AskDesk).question.topic is Topic.CLAIM

    def test_nobody_takes_what_another_has_but_a_decision_maker(self) -> None:
        play = claimed()
        assert reason_of(play.do(Claim(SECOND))) is RefusalReason.NOT_YOURS
        assert reason_of(play.do(Claim(CLERK))) is RefusalReason.ALREADY

        play.do(Claim(HEAD))
        assert play.outcome.case.clerk == "head"
        assert only(play, RemoveClerk).staff == "clerk-1"

    def test_a_clerk_gives_their_own_case_to_another_and_no_other(self) -> None:
        assert reason_of(submitted().do(Assign(CLERK, "clerk-2"))) is RefusalReason.NOT_YOURS
        assert submitted().do(Assign(HEAD, "clerk-2")).outcome.case.clerk == "clerk-2"
        assert claimed().do(Assign(CLERK, "clerk-2")).outcome.case.clerk == "clerk-2"

    @pytest.mark.parametrize("heard", [Approve(SECOND), Return(SECOND), Refuse(SECOND, "", "", "")])
    def test_nobody_decides_what_they_have_not_taken(self, heard: Any) -> None:
        assert reason_of(claimed().do(heard)) is RefusalReason.NOT_YOURS

    @pytest.mark.parametrize("heard", [Claim(AUDITOR), Reply(AUDITOR, "x"), Assign(AUDITOR, "x")])
    def test_an_auditor_changes_nothing(self, heard: Any) -> None:
        assert reason_of(submitted().do(heard)) is RefusalReason.NOT_ALLOWED

    def test_an_auditor_decides_nothing_that_a_clerk_could(self) -> None:
        assert reason_of(claimed().do(Approve(AUDITOR))) is RefusalReason.NOT_ALLOWED

    def test_a_desk_does_only_what_the_service_lets_it(self) -> None:
        definition = service(review={"desk": "d", "decisions": ["approve"]})
        play = claimed(definition, {"plate": "A"})

        assert reason_of(play.do(Refuse(CLERK, "no_right", "", "No"))) is RefusalReason.NOT_ALLOWED
        assert reason_of(play.do(AskMore(CLERK, "What?"))) is RefusalReason.NOT_ALLOWED
        assert play.do(Approve(CLERK)).state is State.SERVED

    def test_flags_are_those_of_the_service(self) -> None:
        play = claimed()
        assert play.do(FlagCase(CLERK, "name_mismatch")).outcome.case.flags == ("name_mismatch",)
        assert reason_of(play.do(FlagCase(CLERK, "name_mismatch"))) is RefusalReason.ALREADY
        assert reason_of(play.do(FlagCase(CLERK, "other"))) is RefusalReason.UNKNOWN
        assert play.do(FlagCase(CLERK, "name_mismatch", is_set=False)).outcome.case.flags == ()


class TestTwoPersons:
    def first(self) -> Play:
        return claimed(data={**ANSWERS, "reason": "court"}).do(Approve(CLERK))

    def test_the_first_approval_asks_for_a_second_person(self) -> None:
        play = self.first()

        assert play.state is State.IN_REVIEW
        assert play.outcome.case.clerk is None
        assert "Who is the second?" in said(play.outcome.effects, AskDesk)

    def test_the_second_must_be_another(self) -> None:
        play = self.first()
        assert reason_of(play.do(Claim(CLERK))) is RefusalReason.SAME_PERSON
        assert reason_of(play.do(Assign(HEAD, "clerk-1"))) is RefusalReason.SAME_PERSON
        assert play.do(Claim(SECOND), Approve(SECOND)).state is State.DECIDED_YES

    def test_the_second_may_refuse(self) -> None:
        play = self.first().do(Claim(SECOND), Refuse(SECOND, "no_right", "", "No."))
        assert play.state is State.DECIDED_NO

    def test_a_remark_after_the_first_approval_counts(self) -> None:
        play = claimed().do(FlagCase(CLERK, "name_mismatch"), Approve(CLERK))
        assert play.state is State.IN_REVIEW

    @pytest.mark.parametrize(
        "new", [AddFile(FILE, trust=Trust.E2EE), AskMore(SECOND, "Which court?")]
    )
    def test_what_is_new_voids_the_first_approval(self, new: Any) -> None:
        play = self.first().do(Claim(SECOND), new)
        assert play.outcome.case.first_approval is None

    def test_where_the_rule_does_not_hold_one_is_enough(self) -> None:
        assert approved().state is State.DECIDED_YES


class TestRefusal:
    def test_it_says_reason_law_words_appeal_and_until_when(self) -> None:
        play = claimed().do(Refuse(CLERK, "no_right", "", "You are not a parent."))
        text = said(play.outcome.effects, TellPerson)

        assert "Only parents, the child and their lawyers get a copy\n" in text
        assert "Law: Civil Status Act, section 26 (2)" in text
        assert "You are not a parent." in text
        assert "How to appeal: Write to the Administrative Court" in text
        assert "Until: 24 December 2025" in text

    def test_a_clerk_can_name_another_law(self) -> None:
        play = claimed().do(Refuse(CLERK, "no_right", "Section 99", "No."))
        assert "Law: Section 99" in play.said()

    @each_row(
        ("reason", "text", "expected"),
        [
            ("nothing", "No.", RefusalReason.UNKNOWN),
            ("", "No.", RefusalReason.UNKNOWN),
            (SILENCE, "No.", RefusalReason.UNKNOWN),
            ("no_right", "  ", RefusalReason.EMPTY),
            ("no_right", "x" * (TEXT_CHARACTERS_MAX + 1), RefusalReason.TOO_LONG),
        ],
    )
    def test_without_a_reason_and_words_nobody_is_refused(
        self, reason: str, text: str, expected: RefusalReason
    ) -> None:
        play = claimed()
        assert reason_of(play.do(Refuse(CLERK, reason, "", text))) is expected
        assert play.state is State.IN_REVIEW

    def test_words_at_their_longest(self) -> None:
        text = "x" * TEXT_CHARACTERS_MAX
        assert claimed().do(Refuse(CLERK, "no_right", "", text)).state is State.DECIDED_NO

    def test_it_can_be_written_field_by_field(self) -> None:
        play = claimed().do(Write(CLERK, Decision.REFUSE))
        question = only(play, AskDesk).question
        assert [choice.id for choice in question.choices] == ["not_found", "no_right"]

        for words in ("2", "skip", "Not a parent.", "submit"):
            play.do(DeskAnswers(CLERK, Said(words)))
        refusal = play.outcome.case.refusal
        assert refusal is not None
        assert (refusal.code, refusal.law, refusal.text) == ("no_right", None, "Not a parent.")

    def test_writing_can_be_stopped(self) -> None:
        play = claimed().do(Write(CLERK, Decision.REFUSE), DeskAnswers(CLERK, Said("cancel")))
        assert play.state is State.IN_REVIEW
        assert play.outcome.case.desk_form is None
        assert only(play, AskDesk).question.topic is Topic.DECIDE

    def test_what_another_began_nobody_ends(self) -> None:
        play = claimed().do(Write(CLERK, Decision.REFUSE))
        assert reason_of(play.do(DeskAnswers(SECOND, Said("1")))) is RefusalReason.NOT_YOURS

    def test_a_rule_refuses_with_its_reason(self) -> None:
        steps = [
            {"step": "form"},
            {"step": "decide", "decision": "refuse", "reason": "no_right", "if": "zone == none"},
            {"step": "review"},
            {"step": "message", "text": {"en": "Ask the neighbours."}, "after": "refused"},
        ]
        play = submitted(service(steps=steps), {"plate": "A"})
        text = said(play.outcome.effects, TellPerson)

        assert play.state is State.DECIDED_NO
        assert "Reason: No right to it\n" in text
        assert "This follows from your answers" in text
        assert "Ask the neighbours." in text
        assert play.outcome.case.history[-1].role is Role.OFFICE

    def test_it_is_closed_when_the_appeal_is_over(self) -> None:
        play = claimed().do(Refuse(CLERK, "no_right", "", "No."))
        assert play.ring(TimerKind.CLOSING).state is State.CLOSED
        assert OFFICE.calendar.date(play.now_ms).isoformat() == "2025-12-24"


class TestAskMore:
    def test_the_clock_of_the_office_stands_still_meanwhile(self) -> None:
        play = claimed()
        play.now_ms += 2 * 24 * 3_600_000  # Wednesday: three working days are left
        play.do(AskMore(CLERK, "Which school?"))
        assert play.due_on is None
        assert play.outcome.case.timer(TimerKind.OVERDUE) is None

        play.now_ms += 5 * 24 * 3_600_000  # Monday
        play.do(filled({"text": "The green one."}))
        assert play.due_on == "2025-12-04"

    def test_an_answer_in_words_goes_to_the_clerk(self) -> None:
        play = claimed().do(AskMore(CLERK, "Which school?"), typed("The green one."))

        assert play.state is State.IN_REVIEW
        assert "The person answers: The green one." in said(play.outcome.effects, TellDesk)
        assert only(play, AskDesk).question.to == "clerk-1"

    def test_a_file_is_an_answer_too(self) -> None:
        play = claimed().do(AskMore(CLERK, "A letter?"), Answers(Sent(FILE), Trust.E2EE))
        assert play.state is State.IN_REVIEW
        assert len(play.outcome.case.files) == 1

    def test_an_answer_that_is_not_sure_enough_does_not_count(self) -> None:
        play = claimed().do(AskMore(CLERK, "Which?"), typed("This.", Trust.ANY))
        assert reason_of(play) is RefusalReason.TRUST_TOO_LOW
        assert play.state is State.NEEDS_MORE

    def test_without_a_clerk_the_answer_waits_at_the_desk(self) -> None:
        play = claimed().do(AskMore(CLERK, "Which?"), Return(CLERK), typed("This."))
        assert play.state is State.SUBMITTED
        assert only(play, AskDesk).question.topic is Topic.CLAIM

    def test_silence_of_the_person_ends_it(self) -> None:
        play = claimed().do(AskMore(CLERK, "Which?"))
        assert "we are still waiting" in play.ring(TimerKind.REMINDER).said()
        assert play.ring(TimerKind.EXPIRY).state is State.EXPIRED

    def test_a_desk_cannot_ask_for_ever(self) -> None:
        play = claimed()
        for _ in range(ASKED_MAX):
            play.do(AskMore(CLERK, "And?"), typed("This."))
        assert play.outcome.case.asked_count == ASKED_MAX
        assert reason_of(play.do(AskMore(CLERK, "And?"))) is RefusalReason.TOO_MANY

    @pytest.mark.parametrize("text", ["", " \n ", "x" * (TEXT_CHARACTERS_MAX + 1)])
    def test_questions_have_words(self, text: str) -> None:
        assert claimed().do(AskMore(CLERK, text)).state is State.IN_REVIEW


def silent(means: str) -> ServiceDefinition:
    data = service_data()
    return service(deadline={**data["deadline"], "silence_means": means})


class TestDeadline:
    def test_the_desk_is_reminded_on_the_last_morning(self) -> None:
        play = submitted().ring(TimerKind.REMINDER)
        assert "due on 1 December 2025" in said(play.outcome.effects, TellDesk)

    def test_a_missed_deadline_is_handed_up_and_told(self) -> None:
        play = submitted().ring(TimerKind.OVERDUE)
        escalated = only(play, Escalate)

        assert escalated.to == "head-of-office"
        assert escalated.question.topic is Topic.CLAIM
        assert "new deadline: 4 December 2025" in said(play.outcome.effects, TellPerson)
        assert play.do(Claim(HEAD), Approve(HEAD)).state is State.DECIDED_YES

    def test_a_clock_that_rings_weeks_late_still_gives_a_term(self) -> None:
        play = submitted()
        play.now_ms += 60 * 24 * 3_600_000
        play.ring(TimerKind.OVERDUE)
        due_at_ms = play.outcome.case.due_at_ms
        assert due_at_ms is not None
        assert due_at_ms > play.now_ms

    def test_silence_can_mean_no(self) -> None:
        play = submitted(silent("refused_and_appealable"), {"plate": "A"})
        play.ring(TimerKind.OVERDUE).ring(TimerKind.EXPIRY)
        text = said(play.outcome.effects, TellPerson)

        assert play.state is State.DECIDED_NO
        assert "The office did not decide in time." in text
        assert "How to appeal: Write to the court." in text
        assert play.outcome.case.history[-1].happened is Happened.REFUSED_BY_SILENCE

    def test_silence_can_mean_yes(self) -> None:
        play = submitted(silent("approved"), {"plate": "A"})
        play.ring(TimerKind.OVERDUE).ring(TimerKind.EXPIRY)

        assert play.state is State.SERVED
        assert "so it counts as approved" in said(play.outcome.effects, TellPerson)

    def test_silence_can_mean_that_it_is_handed_up_again(self) -> None:
        play = submitted(silent("keeps_waiting"), {"plate": "A"})
        play.ring(TimerKind.OVERDUE).ring(TimerKind.EXPIRY).ring(TimerKind.EXPIRY)

        assert play.state is State.SUBMITTED
        assert only(play, Escalate)


class TestQuestions:
    def test_why_says_what_by_which_rule_and_until_when(self) -> None:
        text = said(submitted().do(Why()).outcome.effects, TellPerson)

        assert "We are waiting for: Town archive" in text
        assert "What is to be done: A clerk takes your case." in text
        assert "By the rule: Civil Status Act, section 24" in text
        assert "Until: 1 December 2025" in text
        assert "gets 3 more working days" in text
        assert "counts as refused: you can appeal" in text
        assert "It answers by 26 November 2025." in text

    def test_why_gives_the_office_a_term_once(self) -> None:
        play = submitted().do(Why())
        assert only(play, AskDesk).question.topic is Topic.REPLY
        assert play.do(Why()).kinds() == ["TellPerson"]

    def test_why_says_when_the_person_is_waited_for(self) -> None:
        play = claimed().do(AskMore(CLERK, "Which?"), Why())
        assert "We are waiting for you." in play.said()
        assert "You have until 8 December 2025." in play.said()
        assert play.outcome.case.question is None

    def test_a_human_being_answers(self) -> None:
        play = submitted().do(AskHuman("Is it open?"))
        assert "Is it open?" in said(play.outcome.effects, AskDesk)

        play.do(Reply(CLERK, "Yes, until five."))
        assert "Town archive: Yes, until five." in said(play.outcome.effects, TellPerson)
        assert play.outcome.case.question is None
        assert play.outcome.case.timer(TimerKind.QUESTION) is None

    def test_one_question_at_a_time(self) -> None:
        play = submitted().do(AskHuman("One?"), AskHuman("Two?"))
        assert reason_of(play) is RefusalReason.ALREADY

    def test_a_human_being_can_be_asked_for_after_why(self) -> None:
        play = submitted().do(Why(), AskHuman("Please call."))
        assert play.outcome.case.question is not None
        assert play.outcome.case.question.text == "Please call."

    def test_a_question_without_an_answer_is_handed_up_a_few_times(self) -> None:
        play = submitted().do(AskHuman("Hello?"))
        for _ in range(QUESTION_ESCALATIONS_MAX):
            play.ring(TimerKind.QUESTION)
            assert only(play, Escalate).question.topic is Topic.REPLY
        play.ring(TimerKind.QUESTION)

        assert "You can complain to whoever supervises the office" in play.said()
        assert play.outcome.case.question is None

    def test_a_question_outlives_the_decision(self) -> None:
        play = submitted().do(AskHuman("Hello?"), Claim(CLERK), Approve(CLERK))
        play.do(DocumentMade("a" * 64, 10))
        assert play.outcome.case.timer(TimerKind.QUESTION) is not None

    def test_a_text_that_is_too_long(self) -> None:
        play = submitted().do(AskHuman("x" * (TEXT_CHARACTERS_MAX + 1)))
        assert reason_of(play) is RefusalReason.TOO_LONG


class TestStatus:
    def test_it_shows_state_office_date_next_step_and_history(self) -> None:
        text = claimed().do(Status()).said()

        for words in (
            "State: a clerk is looking at it",
            "Office: Town archive",
            "Due: 1 December 2025",
            "Next: A clerk looks at your case and decides.",
            "you: submitted",
            "clerk: taken by a clerk",
        ):
            assert words in text

    def test_a_long_history_is_cut_and_says_so(self) -> None:
        play = claimed()
        for _ in range(10):
            play.do(Return(CLERK), Claim(CLERK))
        assert "earlier entries are in the export." in play.do(Status()).said()

    def test_it_names_roles_and_never_the_staff(self) -> None:
        assert "clerk-1" not in claimed().do(Status()).said()


class TestExport:
    def test_it_has_everything_and_can_be_signed(self) -> None:
        play = claimed().do(Refuse(CLERK, "no_right", "", "No."), Export())
        data = only(play, SendExport).data

        assert canonical(data)
        assert data["answers"] == ANSWERS
        assert [entry["happened"] for entry in data["history"]] == [
            "opened", "submitted", "claimed", "refused",
        ]  # fmt: skip
        assert data["refusal"]["code"] == "no_right"
        assert data["refusal"]["appeal"]["en"].startswith("Write to")
        assert data["service"]["digest"] == play.definition.digest

    def test_it_names_the_staff_by_role(self) -> None:
        data = only(claimed().do(Export()), SendExport).data
        assert "clerk-1" not in str(data)
        assert data["history"][-1]["role"] == "clerk"


class TestFiles:
    def test_a_file_can_be_added_at_any_time_before_the_decision(self) -> None:
        play = submitted().do(AddFile(FILE, trust=Trust.E2EE))
        assert "The file is added to your case: letter.pdf." in play.said()
        assert "The person has added a file: letter.pdf" in said(play.outcome.effects, TellDesk)
        assert approved().do(AddFile(FILE, trust=Trust.E2EE)).outcome.refusal is not None

    def test_it_takes_what_submitting_takes(self) -> None:
        ghost = AddFile(FILE, trust=Trust.ANY)
        assert reason_of(submitted().do(ghost)) is RefusalReason.TRUST_TOO_LOW

    def test_what_is_no_file_is_refused(self) -> None:
        assert (
            reason_of(submitted().do(AddFile({"body": "x"}, trust=Trust.E2EE)))
            is RefusalReason.UNKNOWN
        )

    def test_files_have_a_bound(self) -> None:
        play = submitted()
        play.do(*[AddFile(FILE, trust=Trust.E2EE)] * FILES_MAX)
        assert len(play.outcome.case.files) == FILES_MAX
        assert reason_of(play.do(AddFile(FILE, trust=Trust.E2EE))) is RefusalReason.TOO_MANY


class TestWithdraw:
    def test_it_is_asked_first(self) -> None:
        play = claimed().do(Withdraw())
        question = only(play, AskPerson).question

        assert play.state is State.IN_REVIEW
        assert [choice.id for choice in question.choices] == ["withdraw", "keep"]
        assert question.min_trust is Trust.E2EE

    def test_then_everybody_is_told_and_the_clerk_leaves(self) -> None:
        play = claimed().do(Withdraw(is_confirmed=True))
        assert play.state is State.WITHDRAWN
        assert only(play, RemoveClerk)
        assert "This case is closed: withdrawn." in said(play.outcome.effects, TellDesk)
        assert play.ring(TimerKind.CLOSING).state is State.CLOSED

    def test_after_the_decision_it_is_too_late(self) -> None:
        play = approved().do(Withdraw())
        assert reason_of(play) is RefusalReason.NOT_NOW
        assert "the case is “approved”. Nothing has changed." in play.said()

    def test_a_room_that_comes_late_shows_what_became_of_it(self) -> None:
        play = Play.opened().do(filled(ANSWERS), Withdraw(is_confirmed=True), RoomMade())
        assert "State: withdrawn" in said(play.outcome.effects, UpdateCard)


class TestDocument:
    def test_the_data_has_words_and_facts(self) -> None:
        data = only(approved(), MakeDocument).data

        assert data["shown"]["issued_on"] == "24 November 2025"
        assert data["shown"]["valid_until"] == "24 November 2026"
        assert data["shown"]["answers"][1] == {
            "id": "born_on", "label": "Day of birth", "value": "1 February 2020",
        }  # fmt: skip
        assert data["facts"]["answers"] == ANSWERS
        assert canonical(data)

    def test_it_is_delivered_and_the_case_is_served(self) -> None:
        play = served()
        sent = only(play, SendDocument)

        assert play.state is State.SERVED
        assert sent.issued.sha256 == "a" * 64
        assert sent.caption == "Copy of a birth certificate. Valid until 24 November 2026."
        assert "done. Nothing more is needed." in said(play.outcome.effects, TellPerson)

    def test_it_is_delivered_once(self) -> None:
        assert served().do(DocumentMade("b" * 64, 1)).outcome.refusal is not None

    def test_one_that_fails_is_handed_up_and_made_again_from_the_same_data(self) -> None:
        play = approved()
        first = only(play, MakeDocument).data
        play.now_ms += 24 * 3_600_000
        play.do(DocumentFailed("line 3: unknown variable"))

        assert "unknown variable" in said(play.outcome.effects, Escalate)
        assert "could not be made yet" in said(play.outcome.effects, UpdateCard)
        assert only(play.do(Retry(CLERK)), MakeDocument).data == first
        assert play.do(DocumentMade("a" * 64, 1)).state is State.SERVED

    def test_what_has_not_failed_is_not_made_again(self) -> None:
        assert reason_of(approved().do(Retry(CLERK))) is RefusalReason.ALREADY

    def test_if_it_never_comes_the_case_is_handed_up_again_and_again(self) -> None:
        play = approved().do(DocumentFailed("broken"))
        for _ in range(3):
            play.ring(TimerKind.OVERDUE)
            assert only(play, Escalate)
        assert play.state is State.DECIDED_YES


class TestWait:
    def waiting(self) -> Play:
        steps = [
            {"step": "form"},
            {"step": "wait", "working_days": 3, "because": {"en": "Neighbours may object."}},
            {"step": "review"},
        ]
        return submitted(service(steps=steps), {"plate": "A"})

    def test_meanwhile_the_office_has_no_deadline_and_the_person_reads_why(self) -> None:
        play = self.waiting()
        assert play.due_on is None
        assert "Neighbours may object. It goes on after 27 November 2025." in play.said()

    def test_the_office_clock_begins_after_it(self) -> None:
        play = self.waiting().ring(TimerKind.WAIT)
        assert play.due_on == "2025-12-04"
        assert only(play, PostToDesk)

    def test_why_names_its_reason_and_asks_nobody(self) -> None:
        play = self.waiting().do(Why())
        assert "Neighbours may object." in play.said()
        assert play.kinds() == ["TellPerson"]

    def test_nobody_can_take_it_meanwhile(self) -> None:
        assert reason_of(self.waiting().do(Claim(CLERK))) is RefusalReason.NOT_NOW
        assert reason_of(self.waiting().do(Assign(HEAD, "clerk-1"))) is RefusalReason.NOT_NOW


def test_what_happens_is_written_with_its_time_and_role() -> None:
    history = served().outcome.case.history

    assert [(e.role.value, e.happened.value) for e in history] == [
        ("person", "opened"), ("person", "submitted"), ("clerk", "claimed"),
        ("clerk", "approved"), ("office", "document_made"), ("office", "served"),
    ]  # fmt: skip
    assert all(entry.at_ms == NOW_MS for entry in history)
