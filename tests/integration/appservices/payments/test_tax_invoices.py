"""Tax invoices of what organisations ask for: whose they are, what they say, when there is none."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from appservices.payments.invoices.service import tax_invoices
from appservices.payments.invoices.service.tax_invoices import NoTaxInvoiceError
from appservices.payments.receipts.service import pdfs as receipt_pdfs
from appservices.payments.refunds.service import credit_notes
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.branch import SHOP, BranchTestCase
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.support.postgres import execute
from tests.support.tax_rules import said_against, texts
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation

pytestmark = pytest.mark.postgres

_keys = itertools.count()
FULL = {"category": "S", "basis_points": 1900}
LOW = {"category": "S", "basis_points": 700}


def line(text: str, minor: int, tax: Any = None) -> dict[str, Any]:
    told = {"text": text, "amount": {"minor": minor, "currency": "EUR"}}
    return told if tax is None else {**told, "tax": tax}


def said(data: bytes, name: str) -> list[str]:
    """The texts of the elements of a name, in an invoice that schemas and rules accept."""
    assert said_against(data) == []
    return texts(data, name)


def asked(scene: Conversation, invoice_id: str, person: str) -> OpenPayment:
    """A payment of an invoice that somebody who has its reference is asked about; not kept."""
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.INVOICE,
        state=State.ASKED,
        payer=scene.holder(UserId(person)).id,
        payee=scene.organisation(SHOP).id,
        ledger=1,
        amount_minor=107,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        invoice=(invoice_id, 1),
    )
    return OpenPayment(
        payment, Private(Party(person, ""), Party(SHOP, ""), "EUR", ""), scene.now_ms
    )


class TaxInvoiceTests(BranchTestCase):
    async def made(self, *lines: dict[str, Any], who: str = "first", **more: Any) -> str:
        body = {
            "addressee": ALICE,
            "title": "Breakfast",
            "lines": list(lines),
            "due_at_ms": self.bank.now_ms() + 86_400_000,
            **more,
        }
        status, view = await self.bank.call(
            "POST",
            "/invoices",
            body,
            who=who,
            key=lines[0]["text"] + str(lines[0]["amount"]["minor"]),
        )
        assert status == 201, view
        return str(view["id"])

    async def ubl(self, invoice_id: str, who: str = "first") -> bytes:
        return await self.bank.file(f"/invoices/{invoice_id}/ubl", who)

    async def why_not(self, invoice_id: str, who: str = "first") -> tuple[int, str]:
        status, view = await self.bank.call("GET", f"/invoices/{invoice_id}/ubl", who=who)
        return status, view["errcode"]

    async def test_it_is_to_be_had_open_and_paid(self) -> None:
        id_ = await self.made(line("Bread", 428, LOW), line("Coffee", 357, FULL))
        before = await self.ubl(id_)
        self.bank.pay(id_)
        await self.bank.settled()
        after = await self.ubl(id_)

        assert said(before, "PayableAmount") == ["7.85"]
        assert said(after, "PayableAmount") == ["0.00"]
        assert said(after, "PrepaidAmount") == ["7.85"]
        assert said(after, "TaxAmount") == ["0.85", "0.28", "0.57"]
        assert "Alice" in said(after, "RegistrationName")

    async def test_the_buyer_is_told_to_nobody_who_only_has_the_reference(self) -> None:
        buyer = {"name": "Käufer AG", "country": "DE", "street": "Secret 1", "reference": "O 7"}
        id_ = await self.made(line("Bread", 107, LOW), buyer=buyer)
        with self.bank.scene() as scene:
            with pytest.raises(NoTaxInvoiceError):
                tax_invoices.for_payer(scene, asked(scene, id_, BOB))
            theirs = tax_invoices.for_payer(scene, asked(scene, id_, ALICE))

        assert said(theirs, "StreetName") == ["Secret 1"]
        assert said(theirs, "BuyerReference") == ["O 7"]
        assert await self.ubl(id_) == theirs

    async def test_whoever_pays_a_sale_to_nobody_in_particular_is_its_buyer(self) -> None:
        id_ = await self.made(line("Bread", 107, LOW), addressee=None)
        before = await self.why_not(id_)
        self.bank.pay(id_)
        await self.bank.settled()

        assert before == (409, "ORG.VECHE.NO_TAX_INVOICE")
        assert "Alice" in said(await self.ubl(id_), "RegistrationName")

    async def test_without_taxes_and_once_it_is_over_there_is_none(self) -> None:
        untaxed = await self.made(line("Bread", 100))
        taken_back = await self.made(line("Bread", 107, LOW))
        where = f"/invoices/{taken_back}/withdraw"
        await self.bank.call("POST", where, {"reason": "x"}, key="w")

        assert await self.why_not(untaxed) == (409, "ORG.VECHE.NO_TAX_INVOICE")
        assert await self.why_not(taken_back) == (409, "ORG.VECHE.NO_TAX_INVOICE")
        assert (await self.why_not(taken_back, "office"))[0] == 404

    async def test_what_an_office_asks_by_law_is_no_subject_of_tax(self) -> None:
        ground = {"purpose": "parking.fine", "basis": "Road Traffic Act, section 25"}
        fine = await self.made(line("Fine", 1_500), who="office", act={"ground": ground})
        data = await self.ubl(fine, "office")

        assert said(data, "TaxExemptionReason") == ["Not subject to VAT"]
        assert said(data, "PayableAmount") == ["15.00"]

    async def test_taxes_that_do_not_go_together_are_refused(self) -> None:
        free = {"category": "O", "reason": "A gift"}
        for lines in (
            [line("a", 1, LOW), line("b", 1)],
            [line("a", 1, LOW), line("b", 1, free)],
            [line("a", 1, {"category": "S", "basis_points": 0})],
        ):
            body = {"addressee": ALICE, "title": "x", "lines": lines, "due_at_ms": 1}
            status, view = await self.bank.call(
                "POST", "/invoices", body, key=lines[0]["text"] + str(lines[0]["amount"]["minor"])
            )
            assert (status, view["errcode"]) == (400, "ORG.VECHE.MALFORMED")

    async def test_a_tip_is_told_and_stands_in_no_total(self) -> None:
        id_ = await self.made(line("Bread", 107, LOW), tips=[{"minor": 20}])
        payment = self.bank.pay(id_)
        await self.bank.settled()
        execute(
            self.bank.dsn,
            "UPDATE payments.payment SET amount = 157, tip = 20 WHERE id = %s",
            payment,
        )
        data = await self.ubl(id_)

        # Thirty cents were chosen besides, with the tax of the bread.
        assert said(data, "ChargeTotalAmount") == ["0.28"]
        assert said(data, "PrepaidAmount") == ["1.37"]
        assert "Paid besides as a tip: 0.20 EUR" in said(data, "Note")[0]

    async def test_the_payer_has_the_receipt_as_a_pdf_with_its_proof_inside(self) -> None:
        id_ = await self.made(line("Bread", 107, LOW))
        payment = self.bank.pay(id_)
        await self.bank.settled()
        with self.bank.scene() as scene:
            matter = files.lock(scene, payment)
            assert matter is not None
            page = receipt_pdfs.read_receipt(scene, matter, scene.localizer(UserId(ALICE)))
        pdf = await receipt_pdfs.make_receipt(self.bank.parts, page, self.bank.now_ms())

        assert pdf.startswith(b"%PDF")
        assert page.shown["lines"] == [["Bread (with 7 % tax)", "1.07 EUR"]]
        assert payment.encode() in page.signed

    async def paid(self, *lines: dict[str, Any], **more: Any) -> str:
        id_ = await self.made(*lines, **more)
        self.bank.pay(id_)
        await self.bank.settled()
        return id_

    async def given_back(self, invoice_id: str, minor: int, **more: Any) -> tuple[int, Any]:
        body = {"amount": {"minor": minor, "currency": "EUR"}, "reason": "stale", **more}
        where = f"/invoices/{invoice_id}/refund"
        answer = await self.bank.call("POST", where, body, key=f"refund-{next(_keys)}")
        await self.bank.settled()
        return answer

    async def credit(self, invoice_id: str, refund_id: str, who: str = "first") -> bytes:
        return await self.bank.file(f"/invoices/{invoice_id}/refunds/{refund_id}/ubl", who)

    async def test_what_is_given_back_whole_has_a_credit_note_of_all_lines(self) -> None:
        id_ = await self.paid(line("Bread", 428, LOW), line("Coffee", 357, FULL))
        _, view = await self.given_back(id_, 785)
        note = await self.credit(id_, view["id"])

        assert said(note, "CreditNoteTypeCode") == ["381"]
        assert said(note, "ID")[:2] == [f"{id_}-C1", id_]
        assert said(note, "TaxAmount") == said(await self.ubl(id_), "TaxAmount")
        assert "Coffee" in said(note, "Name")
        with self.bank.scene() as scene:
            matter = files.lock(scene, str(view["id"]))
            assert matter is not None
            assert credit_notes.paper_of(scene, matter) == ("credit-note", note)

    async def test_parts_are_numbered_as_they_went_back_and_stay_as_they_were_made(self) -> None:
        id_ = await self.paid(line("Bread", 107, LOW), line("Coffee", 119, FULL))
        coffee = [line("Coffee, cold", 119, FULL)]
        refunds = [
            (await self.given_back(id_, 119, lines=coffee))[1]["id"],
            (await self.given_back(id_, 50))[1]["id"],
            (await self.given_back(id_, 57))[1]["id"],
        ]
        last = await self.credit(id_, refunds[2])
        notes = [await self.credit(id_, one) for one in refunds]

        assert notes[2] == last
        assert [said(one, "ID")[0] for one in notes] == [f"{id_}-C{n}" for n in (1, 2, 3)]
        assert [said(one, "Percent")[0] for one in notes] == ["19.00", "7.00", "7.00"]
        assert "Coffee, cold" in said(notes[0], "Name")
        assert [said(one, "TaxInclusiveAmount") for one in notes] == [["1.19"], ["0.50"], ["0.57"]]
        for change in ("UPDATE payments.credit_note SET n = 9", "DELETE FROM payments.credit_note"):
            with pytest.raises(psycopg2.IntegrityError):
                execute(self.bank.dsn, change)

    async def test_lines_that_the_invoice_does_not_have_are_refused(self) -> None:
        id_ = await self.paid(line("Bread", 107, LOW), line("Coffee", 119, FULL))
        untaxed = await self.paid(line("Bread", 100))
        for wrong in (
            [line("Coffee", 118, FULL)],
            [line("Coffee", 120, FULL)],
            [line("Bread", 119, LOW)],
            [line("Coffee", 119)],
            [line("Coffee", 119, {"category": "Z"})],
        ):
            status, view = await self.given_back(id_, 119, lines=wrong)
            assert (status, view["errcode"]) == (400, "ORG.VECHE.MALFORMED")
        status, view = await self.given_back(untaxed, 100, lines=[line("Bread", 100, LOW)])
        assert (status, view["errcode"]) == (409, "ORG.VECHE.NO_TAX_INVOICE")

    async def test_there_is_none_of_what_is_somebody_else_s_or_was_not_given_back(self) -> None:
        id_ = await self.paid(line("Bread", 107, LOW))
        other = await self.paid(line("Bun", 107, LOW))
        _, view = await self.given_back(other, 107)
        for where, who in (
            (f"/invoices/{id_}/refunds/{view['id']}/ubl", "first"),
            (f"/invoices/{other}/refunds/{other}/ubl", "first"),
            (f"/invoices/{other}/refunds/{view['id']}/ubl", "office"),
        ):
            assert (await self.bank.call("GET", where, who=who))[0] == 404

    async def test_what_is_withdrawn_after_it_was_paid_keeps_its_invoice_and_is_credited(
        self,
    ) -> None:
        id_ = await self.paid(line("Bread", 107, LOW))
        await self.bank.call("POST", f"/invoices/{id_}/withdraw", {"reason": "x"}, key="wd")
        await self.bank.settled()
        [(refund_id,)] = execute(
            self.bank.dsn,
            "SELECT r.id FROM payments.payment AS r JOIN payments.invoice AS i"
            " ON r.refund_of = i.paid_by WHERE i.id = %s AND r.state = 'paid'",
            id_,
        )

        assert said(await self.ubl(id_), "PrepaidAmount") == ["1.07"]
        assert said(await self.credit(id_, str(refund_id)), "PrepaidAmount") == ["1.07"]
