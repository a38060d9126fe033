"""The step `pay`: how it is written, what it asks, and what becomes of the fee."""

from __future__ import annotations

from typing import Any, Final

import pytest

from appservices.agency.cases.core.case import FeeState
from appservices.agency.cases.core.case_json import from_json, to_json
from appservices.agency.cases.core.effects import (
    AskFee,
    Escalate,
    GiveUpFee,
    PostToDesk,
    SendExport,
    TellPerson,
    UpdateCard,
)
from appservices.agency.cases.core.inputs import (
    Approve,
    Claim,
    Export,
    FeeAsked,
    FeeFailed,
    FeePaid,
    FeeRefunded,
    Refuse,
    Retry,
    RoomMade,
    Status,
    Why,
    Withdraw,
)
from appservices.agency.cases.core.states import State, TimerKind
from appservices.agency.language.core.definition import PayStep, ServiceDefinition
from appservices.agency.language.core.language import read_service
from appservices.agency.language.core.problems import ServiceFileError
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    CLERK,
    HEAD,
    NOW_MS,
    OFFICE,
    Play,
    dumped,
    filled,
    said,
    service,
    service_data,
)
from veche.protocol.money import Money

PAY: Final[dict[str, Any]] = {
    "step": "pay",
    "amount": "12.00 EUR",
    "purpose": {"en": "Permit fee"},
    "law": "Fees Act, section 3",
    "due_days": 14,
}
FORM: Final = {"step": "form"}
REVIEW: Final = {"step": "review"}
GIFT: Final = {"id": "gift", "kind": "money", "currency": "EUR", "label": {"en": "Gift"}}
URL: Final = "https://pay.example/1"


def asks(*steps: dict[str, Any], **changes: Any) -> ServiceDefinition:
    return service(steps=list(steps), **changes)


def paying(*steps: dict[str, Any]) -> Play:
    """A case whose invoice is made."""
    definition = asks(*(steps or (FORM, PAY, REVIEW)))
    play = Play.opened(definition).do(filled({"plate": "A"}), RoomMade())
    return play.do(FeeAsked(1, "RF18539007547034", URL))


class TestTheLanguage:
    def test_it_says_how_much_for_what_by_which_law_and_until_when(self) -> None:
        [_, step, _] = asks(FORM, PAY, REVIEW).steps

        assert isinstance(step, PayStep)
        assert step.fee({}) == Money(minor=1200, currency="EUR")
        assert (step.due_days, step.unpaid) == (14, None)
        assert (step.purpose.text("en"), step.law.text("en")) == (
            "Permit fee",
            "Fees Act, section 3",
        )

    def test_a_field_can_say_the_amount_and_nothing_is_asked_where_it_is_empty(self) -> None:
        form = [*service_data()["form"], GIFT]
        [_, step, _] = asks(FORM, {**PAY, "amount": "gift"}, REVIEW, form=form).steps

        assert isinstance(step, PayStep)
        assert step.fee({"gift": {"minor": 5, "currency": "EUR"}}) == Money(minor=5, currency="EUR")
        assert step.fee({"gift": {"minor": 0, "currency": "EUR"}}) is None
        assert step.fee({}) is None

    @each_row(
        ("changes", "wrong"),
        [
            ({"amount": "a lot"}, "write an amount such as 12.50"),
            ({"amount": "12.00"}, "write the currency too"),
            ({"amount": "12.5555 EUR"}, "EUR has fewer decimals"),
            ({"amount": "0 EUR"}, "nothing is to be paid"),
            ({"amount": 12}, "amount"),
            ({"amount": "plate"}, "plate is no amount of one currency"),
            ({"amount": "any"}, "any is no amount of one currency"),
            ({"amount": "gift"}, "gift is not asked for before this step"),
            ({"amount": None}, "amount is missing"),
            ({"purpose": None}, "purpose is missing"),
            ({"purpose": {"en": "x" * 71}}, "70"),
            ({"law": None}, "law is missing"),
            ({"due_days": None}, "due_days is missing"),
            ({"due_days": 0}, "1"),
            ({"due_days": 366}, "365"),
            ({"unpaid": "wait"}, "not known here"),
            ({"unpaid": "refuse"}, "reason is missing"),
            ({"unpaid": "refuse", "reason": "none"}, "not known here"),
            ({"reason": "no_right"}, "a case that expires has no reason"),
        ],
    )
    def test_what_is_wrong_is_said(self, changes: dict[str, Any], wrong: str) -> None:
        step = {key: value for key, value in (PAY | changes).items() if value is not None}
        anything = {"id": "any", "kind": "money", "label": {"en": "Any"}}
        form = [*service_data()["form"], anything, GIFT]
        asked = {"step": "form", "fields": ["plate", "zone", "any"]}
        data = service_data(form=form, steps=[asked, step, REVIEW])

        with pytest.raises(ServiceFileError) as caught:
            read_service(dumped(data))
        assert any(wrong in str(one) for one in caught.value.problems), caught.value

    def test_what_is_approved_is_not_refused_for_a_fee(self) -> None:
        unpaid = {**PAY, "unpaid": "refuse", "reason": "no_right"}

        with pytest.raises(ServiceFileError, match="what is approved would be refused"):
            asks(FORM, REVIEW, unpaid)
        assert asks(FORM, unpaid, REVIEW).pays

    def test_who_refuses_for_a_fee_says_how_to_appeal(self) -> None:
        decide = {"step": "decide", "decision": "approve"}
        unpaid = {**PAY, "unpaid": "refuse", "reason": "no_right"}

        with pytest.raises(ServiceFileError, match="nothing in this service can be refused"):
            asks(FORM, PAY, decide, review=None)
        assert asks(FORM, unpaid, decide, review=None)


class TestTheCase:
    def test_it_waits_for_the_fee_and_the_office_for_it(self) -> None:
        play = Play.opened(asks(FORM, PAY, REVIEW)).do(filled({"plate": "A"}), RoomMade())

        assert play.state is State.PAYING
        assert [e.fee.amount for e in play.outcome.effects if isinstance(e, AskFee)] == [
            Money(minor=1200, currency="EUR")
        ]
        assert "PostToDesk" not in play.kinds()
        assert play.outcome.case.due_at_ms is None
        assert play.outcome.case.days_left == 5
        assert "The invoice over 12.00 EUR is being made." in play.said()

    def test_its_invoice_says_everything(self) -> None:
        play = paying()

        words = said(play.outcome.effects, TellPerson)
        for part in (
            "To pay: 12.00 EUR until 8 December 2025",
            "For: Permit fee",
            "By the rule: Fees Act, section 3",
            "pay RF18539007547034",
            URL,
            "If it is not paid by then, the case expires.",
            "If your case is refused, you get it back.",
        ):
            assert part in words
        [card] = [e for e in play.outcome.effects if isinstance(e, UpdateCard)]
        assert card.card.state == "paying"
        assert card.card.step == "Pay 12.00 EUR until 8 December 2025."
        assert "To pay: 12.00 EUR until" in said((card,))

    @pytest.mark.parametrize("heard", [Status(), Why()])
    def test_it_says_what_is_waited_for(self, heard: Status | Why) -> None:
        assert "Pay 12.00 EUR until 8 December 2025." in paying().do(heard).said()

    def test_it_goes_on_by_itself_once_it_is_paid(self) -> None:
        play = paying().do(FeePaid(1))

        assert play.state is State.SUBMITTED
        assert any(isinstance(effect, PostToDesk) for effect in play.outcome.effects)
        assert "12.00 EUR are paid, thank you." in play.said()
        assert play.due_on == "2025-12-01"
        assert play.outcome.case.timer(TimerKind.EXPIRY) is None

    def test_what_comes_twice_or_of_another_fee_changes_nothing(self) -> None:
        play = paying()
        case = play.outcome.case
        for heard in (FeePaid(2), FeeAsked(1, "RF00", None), FeeRefunded(1)):
            assert play.do(heard).outcome.case is case
        paid = play.do(FeePaid(1)).outcome.case

        assert play.do(FeePaid(1)).outcome.case is paid

    def test_after_the_approval_it_stays_approved(self) -> None:
        document = {"document": {"template": "x.typ", "title": {"en": "Permit"}}}
        definition = asks(FORM, REVIEW, PAY, {"step": "document"}, result=document)
        play = Play.opened(definition).do(filled({"plate": "A"}), RoomMade())
        play.do(Claim(CLERK), Approve(CLERK))
        assert play.state is State.PAYING

        assert play.do(FeePaid(1)).state is State.DECIDED_YES
        assert "MakeDocument" in play.kinds()

    def test_a_fee_of_nothing_is_not_asked_for(self) -> None:
        form = [*service_data()["form"], GIFT]
        definition = asks(FORM, {**PAY, "amount": "gift"}, REVIEW, form=form)
        play = Play.opened(definition).do(filled({"plate": "A"}), RoomMade())

        assert play.state is State.SUBMITTED
        assert play.outcome.case.fees == ()

    def test_it_is_reminded_of_and_expires(self) -> None:
        play = paying()
        reminder = play.ring(TimerKind.REMINDER).said()
        play.ring(TimerKind.EXPIRY)

        assert "we are still waiting for you, until 8 December 2025." in reminder
        assert play.state is State.EXPIRED
        assert GiveUpFee(1) in play.outcome.effects
        assert "Nothing is to be paid any more." in play.said()
        assert play.now_ms > OFFICE.calendar.after_days(NOW_MS, 14)

    def test_where_the_service_says_so_it_is_refused_instead(self) -> None:
        unpaid = {**PAY, "unpaid": "refuse", "reason": "no_right"}
        play = paying(FORM, unpaid, REVIEW).ring(TimerKind.EXPIRY)

        assert play.state is State.DECIDED_NO
        assert "No right to it" in play.said()
        assert GiveUpFee(1) in play.outcome.effects


class TestTheMoneyComesBack:
    def test_after_a_refusal(self) -> None:
        play = paying().do(FeePaid(1), Claim(CLERK), Refuse(CLERK, "no_right", "", "No."))

        assert GiveUpFee(1) in play.outcome.effects
        assert "You paid 12.00 EUR. You get them back without doing anything." in play.said()
        play.do(FeeRefunded(1))
        assert "You have 12.00 EUR back" in play.said()
        assert play.outcome.case.fees[0].state is FeeState.REFUNDED
        assert play.state is State.DECIDED_NO

    def test_after_a_withdrawal_also_of_a_payment_that_was_under_way(self) -> None:
        play = paying().do(Withdraw(is_confirmed=True))

        assert play.state is State.WITHDRAWN
        assert GiveUpFee(1) in play.outcome.effects
        before = play.outcome.case
        assert play.do(FeePaid(1)).outcome.case is before
        assert "You have 12.00 EUR back" in play.do(FeeRefunded(1)).said()

    def test_not_after_an_approval(self) -> None:
        play = paying().do(FeePaid(1), Claim(CLERK), Approve(CLERK))

        assert "GiveUpFee" not in play.kinds()
        assert play.state is State.SERVED


def test_where_no_invoice_can_be_made_the_office_mends_it() -> None:
    play = Play.opened(asks(FORM, PAY, REVIEW)).do(filled({"plate": "A"}), RoomMade())
    play.do(FeeFailed(1, "there is no account"))
    [up] = [effect for effect in play.outcome.effects if isinstance(effect, Escalate)]
    assert "there is no account" in said((up,))
    assert "The office knows and mends it." in play.said()

    play.do(Retry(HEAD))
    assert "AskFee" in play.kinds()
    assert play.do(Retry(HEAD)).outcome.refusal is not None


def test_the_export_has_the_fee() -> None:
    play = paying().do(FeePaid(1)).do(Export())
    [sent] = [effect for effect in play.outcome.effects if isinstance(effect, SendExport)]

    [fee] = sent.data["fees"]
    assert (fee["amount"], fee["state"]) == ({"minor": 1200, "currency": "EUR"}, "paid")


def test_a_case_of_an_earlier_release_has_no_fees() -> None:
    play = Play.opened()
    kept = to_json(play.outcome.case)
    del kept["fees"]

    assert from_json(kept) == play.outcome.case
