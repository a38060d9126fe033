"""From an answer, words or a file to an input; and a case kept as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from appservices.agency.cases.core.case_json import from_json, to_json
from appservices.agency.cases.core.effects import Topic
from appservices.agency.cases.core.inputs import (
    AddFile,
    Answers,
    Approve,
    AskMore,
    Claim,
    DeskAnswers,
    FlagCase,
    Refuse,
    Reply,
    Retry,
    Return,
    Withdraw,
    Write,
)
from appservices.agency.cases.core.replies import (
    person_choice,
    person_file,
    person_text,
    staff_choice,
    staff_text,
)
from appservices.agency.language.core.definition import Decision
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    CLERK,
    Play,
    claimed,
    example,
    served,
    submitted,
    typed,
)
from veche.protocol.errors import MalformedError
from veche.protocol.forms.state import Filled, Pressed, Said, Sent
from veche.protocol.inbound import Trust

E2EE = Trust.E2EE


class TestPerson:
    @each_row(
        ("topic", "choice", "data", "expected"),
        [
            (Topic.FORM, "court", None, Answers(Pressed("court"), E2EE)),
            (Topic.FORM, None, {"a": 1}, Answers(Filled({"a": 1}, is_final=True), E2EE)),
            (Topic.MORE, None, {"text": "x"}, Answers(Filled({"text": "x"}, is_final=True), E2EE)),
            (Topic.WITHDRAW, "withdraw", None, Withdraw(is_confirmed=True)),
            (Topic.WITHDRAW, "keep", None, None),
            (Topic.FORM, None, None, None),
        ],
    )
    def test_an_answer(
        self, topic: Topic, choice: str | None, data: dict[str, Any] | None, expected: object
    ) -> None:
        assert person_choice(topic, choice, data, E2EE) == expected

    def test_words_go_where_words_are_waited_for(self) -> None:
        draft = Play.opened().outcome.case
        assert person_text(draft, "Anna", E2EE) == Answers(Said("Anna"), E2EE)
        asked = claimed().do(AskMore(CLERK, "Which?")).outcome.case
        assert person_text(asked, "This", E2EE) == Answers(Said("This"), E2EE)

    def test_elsewhere_they_are_a_call_for_help(self) -> None:
        assert person_text(submitted().outcome.case, "hello", E2EE) is None
        assert person_text(served().outcome.case, "hello", E2EE) is None

    def test_a_file_answers_a_question_for_a_file(self) -> None:
        play = Play.opened().do(typed("Anna"), typed("1.2.2020"), typed("1"))
        content = {"msgtype": "m.image"}

        found = person_file(example(), play.outcome.case, content, E2EE)
        assert found == Answers(Sent(content), E2EE)

    @pytest.mark.parametrize("words", [(), ("Anna",), ("Anna", "1.2.2020", "1", "skip")])
    def test_elsewhere_it_is_one_file_more(self, words: tuple[str, ...]) -> None:
        play = Play.opened().do(*(typed(word) for word in words))
        content = {"msgtype": "m.image"}
        assert person_file(example(), play.outcome.case, content, E2EE) == AddFile(
            content, trust=E2EE
        )

    def test_the_desk_can_be_answered_by_a_file(self) -> None:
        case = claimed().do(AskMore(CLERK, "A letter?")).outcome.case
        found = person_file(example(), case, {"msgtype": "m.file"}, E2EE)
        assert isinstance(found, Answers)


REFUSAL = {"reason": "no_right", "law": "S 1", "text": "No."}


class TestStaff:
    @each_row(
        ("topic", "choice", "data", "expected"),
        [
            (Topic.CLAIM, "claim", None, Claim(CLERK)),
            (Topic.RETRY, "retry", None, Retry(CLERK)),
            (Topic.DECIDE, "approve", None, Approve(CLERK)),
            (Topic.DECIDE, "return", None, Return(CLERK)),
            (Topic.DECIDE, "refuse", None, Write(CLERK, Decision.REFUSE)),
            (Topic.DECIDE, "refuse", REFUSAL, Refuse(CLERK, "no_right", "S 1", "No.")),
            (Topic.DECIDE, "refuse", {"text": 1}, Refuse(CLERK, "", "", "")),
            (Topic.DECIDE, "ask_more", None, Write(CLERK, Decision.ASK_MORE)),
            (Topic.DECIDE, "ask_more", {"text": "Which?"}, AskMore(CLERK, "Which?")),
            (Topic.DECIDE, "flag.odd", None, FlagCase(CLERK, "odd")),
            (Topic.DECIDE, "unflag.odd", None, FlagCase(CLERK, "odd", is_set=False)),
            (Topic.DECIDE, "flag", None, None),
            (Topic.DECIDE, "other", None, None),
            (Topic.DECIDE, None, None, None),
            (Topic.WRITE, "no_right", None, DeskAnswers(CLERK, Pressed("no_right"))),
            (
                Topic.WRITE,
                None,
                {"text": "x"},
                DeskAnswers(CLERK, Filled({"text": "x"}, is_final=True)),
            ),
            (Topic.REPLY, None, {"text": "Soon."}, Reply(CLERK, "Soon.")),
            (Topic.REPLY, None, None, None),
            (Topic.FORM, "x", None, None),
        ],
    )
    def test_an_answer(
        self, topic: Topic, choice: str | None, data: dict[str, Any] | None, expected: object
    ) -> None:
        assert staff_choice(topic, CLERK, choice, data) == expected

    def test_words(self) -> None:
        assert staff_text(Topic.WRITE, CLERK, "x") == DeskAnswers(CLERK, Said("x"))
        assert staff_text(Topic.REPLY, CLERK, "x") == Reply(CLERK, "x")
        assert staff_text(Topic.CLAIM, CLERK, "x") is None


class TestKeptCases:
    @pytest.mark.parametrize("change", [{"v": 2}, {"state": "nowhere"}, {"timers": [{}]}])
    def test_what_was_not_kept_by_us_is_refused(self, change: dict[str, Any]) -> None:
        kept = to_json(submitted().outcome.case) | change
        with pytest.raises(MalformedError):
            from_json(kept)

    def test_a_missing_field_is_refused(self) -> None:
        kept = to_json(submitted().outcome.case)
        del kept["answers"]
        with pytest.raises(MalformedError):
            from_json(kept)

    def test_a_case_half_written_by_a_clerk_is_kept(self) -> None:
        play = claimed().do(Write(CLERK, Decision.REFUSE), DeskAnswers(CLERK, Said("1")))
        again = from_json(to_json(play.outcome.case))

        assert again == play.outcome.case
        play.outcome = type(play.outcome)(again, ())
        assert play.do(DeskAnswers(CLERK, Said("skip"))).outcome.refusal is None
