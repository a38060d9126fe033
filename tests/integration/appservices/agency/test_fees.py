"""Fees of cases: invoices made and taken back by jobs, and what is heard of them, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest

from appservices.agency.fees.jobs import InvoiceEventPoller, fee_handlers
from tests.integration.appservices.agency.town import (
    ALICE,
    BOT,
    CAROL,
    CHAT,
    HENRIETTE,
    new_words,
    words_of,
)
from veche.contracts.payments.invoice_api import (
    PAID,
    REFUNDED,
    EventsView,
    InvoiceEvent,
    InvoiceView,
)
from veche.protocol.errors import RefusedError
from veche.protocol.ids import derived_ulid
from veche.protocol.money import Money

if TYPE_CHECKING:
    from pathlib import Path

    from appservices.agency.fees.client import InvoicingClient
    from tests.integration.appservices.agency.town import Said, Town
    from veche.contracts.payments.invoice_api import InvoiceBody

PAY: Final = {
    "step": "pay",
    "amount": "12.00 EUR",
    "purpose": {"en": "Permit fee"},
    "law": "Fees Act, section 3",
    "due_days": 14,
}
STAFF: Final = (
    {"id": "carol", "user": CAROL, "role": "clerk", "desks": ["parking"]},
    {
        "id": "henriette",
        "user": HENRIETTE,
        "role": "decision_maker",
        "desks": ["management"],
        "duties": ["head-of-office"],
    },
)


@attrs.define
class FakeInvoicing:
    """The institution, as far as the agency asks it."""

    made: dict[str, InvoiceBody] = attrs.field(factory=dict)
    withdrawn: list[str] = attrs.field(factory=list)
    error: Exception | None = None

    async def make_invoice(self, body: InvoiceBody, key: str) -> InvoiceView:
        if self.error is not None:
            raise self.error
        assert self.made.setdefault(key, body) == body
        return InvoiceView(
            id=self.invoice_id(key),
            version=1,
            state="issued",
            amount=body.lines[0].amount,
            reference="RF18539007547034",
            due_at_ms=body.due_at_ms,
            pay_url="https://pay.example",
            ours=body.ours,
        )

    async def withdraw(self, invoice_id: str, reason: str, key: str) -> None:
        assert reason.startswith("Your case ")
        assert key == f"{invoice_id}.back"
        self.withdrawn.append(invoice_id)

    async def events(self, after: int) -> EventsView:
        raise AssertionError(f"nobody polls in these tests, which hand events over: {after}")

    @staticmethod
    def invoice_id(key: str) -> str:
        return derived_ulid(1_764_000_000_000, key)


@attrs.define
class Office:
    """The town with a service that costs something, its invoicing, and what it hears from there."""

    town: Town
    invoicing: FakeInvoicing
    news: InvoiceEventPoller
    count: int = 0

    def apply(self) -> list[Said]:
        """Alice submits; what is said then."""
        self.town.started(pick="parking")
        self.town.write(CHAT, ALICE, "B-AB 123")
        self.town.write(CHAT, ALICE, "skip")
        return self.town.write(CHAT, ALICE, "submit")

    def hear(
        self, type_: str, ours: str | None = None, n: int | None = None, invoice: str | None = None
    ) -> list[Said]:
        """An event comes; what is said then."""
        self.count += 1
        [key] = self.invoicing.made or [""]
        event = InvoiceEvent(
            n=n or self.count,
            type=type_,
            at_ms=self.town.now_ms,
            invoice=invoice or self.invoicing.invoice_id(key),
            ours=key if ours is None else ours,
        )
        before = len(self.town.said)
        self.town.now_ms += 1_000
        self.town.run(self.news.hear, event, self.town.now_ms)
        self.town.settle()
        return self.town.said[before:]

    def cursor(self) -> int:
        [(cursor,)] = self.town.sql("SELECT cursor FROM agency.payment_cursor")
        return int(cursor)


@pytest.fixture
def office(town: Town, tmp_path: Path) -> Office:
    key = tmp_path / "key"
    key.write_text("secret\n")
    key.chmod(0o600)
    path = town.service_file("parking", steps=[{"step": "form"}, PAY, {"step": "review"}])
    payments = {"url": "http://127.0.0.1:1", "key_path": str(key)}
    agency = town.opened(services=[path], staff=STAFF, payments=payments)
    invoicing = FakeInvoicing()
    handlers = cast("dict[str, Any]", agency.job_handlers())
    handlers.update(fee_handlers(agency.offices[BOT], cast("InvoicingClient", invoicing)))
    news = InvoiceEventPoller(
        cast("Any", town.host), agency.offices, "lindenau", cast("InvoicingClient", invoicing)
    )
    return Office(town, invoicing, news)


def test_the_invoice_says_what_the_service_says(office: Office) -> None:
    said = office.apply()

    [(key, body)] = office.invoicing.made.items()
    case = office.town.case()
    assert key == body.ours == f"{case.id}.1"
    assert (body.addressee, body.title, body.law) == (ALICE, "Permit fee", "Fees Act, section 3")
    assert [line.amount for line in body.lines] == [Money(minor=1200, currency="EUR")]
    assert case.state == "paying"
    words = words_of(said, case.room)
    assert "pay RF18539007547034" in words
    assert "https://pay.example" in words


def test_a_payment_moves_its_case_once_however_often_it_is_heard(office: Office) -> None:
    office.apply()
    first = new_words(office.hear(PAID))
    again = office.hear(PAID, n=1)
    later = office.hear(PAID)

    assert "12.00 EUR are paid, thank you." in first
    assert "Who takes this case?" in first
    assert office.town.case().state == "submitted"
    assert (again, later) == ([], [])


@pytest.mark.parametrize("ours", ["", "fine-7", "01J00000000000000000000000.1", ".", "x.-1"])
def test_what_concerns_no_case_of_ours_is_passed_over(office: Office, ours: str) -> None:
    office.apply()

    assert office.hear(PAID, ours) == []
    assert office.hear("invoice.objected") == []
    assert office.cursor() == 2
    assert office.town.case().state == "paying"


def test_another_invoice_with_the_number_of_a_fee_does_not_pay_it(office: Office) -> None:
    office.apply()
    cheap = office.invoicing.invoice_id("a parking ticket of 0.01 EUR")

    assert office.hear(PAID, invoice=cheap) == []
    assert office.hear(PAID, f"{office.town.case().id}.99999999999") == []
    assert office.town.case().state == "paying"
    assert "12.00 EUR are paid" in new_words(office.hear(PAID))


def test_a_fee_whose_invoice_could_not_be_made_is_paid_by_none(office: Office) -> None:
    office.invoicing.error = RefusedError("the account is closed")
    office.apply()

    assert office.hear(PAID, f"{office.town.case().id}.1") == []
    assert office.town.case().state == "paying"


def test_another_organisation_moves_no_case_of_this_one(office: Office) -> None:
    office.apply()
    office.news = attrs.evolve(office.news, organisation="elsewhere")

    assert office.hear(PAID) == []
    assert office.town.case().state == "paying"


def test_who_is_refused_gets_it_back(office: Office) -> None:
    office.apply()
    office.hear(PAID)
    town = office.town
    town.press(town.question("claim"), CAROL, "claim")
    town.press(town.question("decide"), CAROL, "refuse")
    thread, desk = town.case().desk_effect, town.desk("parking")
    for words in ("No right to it", "skip", "Not yours.", "submit"):
        said = town.write(desk, CAROL, words, thread=thread)

    assert "You paid 12.00 EUR. You get them back without doing anything." in words_of(said)
    [key] = office.invoicing.made
    assert office.invoicing.withdrawn == [office.invoicing.invoice_id(key)]
    assert "You have 12.00 EUR back" in words_of(office.hear(REFUNDED))


def test_what_cannot_be_invoiced_is_mended_by_the_office(office: Office) -> None:
    office.invoicing.error = RefusedError("this currency is not kept here")
    said = office.apply()
    assert "this currency is not kept here" in words_of(said, office.town.desk("parking"))
    office.invoicing.error = None
    retried = office.town.press(office.town.question("retry"), HENRIETTE, "retry")

    assert "pay RF18539007547034" in words_of(retried)


def test_an_invoice_of_a_case_that_ended_meanwhile_is_taken_back(office: Office) -> None:
    office.invoicing.error = TimeoutError()
    with pytest.raises(TimeoutError):
        office.apply()
    [(job_id,)] = office.town.sql(
        "UPDATE runtime.errand SET due_at_ms = due_at_ms + 60000 WHERE kind = 'agency.fee'"
        " RETURNING errand_id"
    )
    room = office.town.case().room
    office.town.move(room, ALICE, "join")
    office.town.write(room, ALICE, "withdraw")
    office.town.press(office.town.question("withdraw"), ALICE, "withdraw")
    assert (office.town.case().state, office.invoicing.withdrawn) == ("withdrawn", [])
    office.invoicing.error = None
    office.town.pass_time(120_000)

    assert job_id
    assert len(office.invoicing.withdrawn) == len(office.invoicing.made) == 1
