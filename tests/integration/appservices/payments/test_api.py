"""What organisations ask over HTTP: refunds, acts of offices, codes; each of it done once."""

from __future__ import annotations

import hashlib
import io
import random
import re
from typing import Any, Final

import pytest
import zxingcpp
from PIL import Image
from twisted.internet.defer import Deferred, gatherResults

from appservices.payments.formats.core import emv, epc
from appservices.payments.formats.core.links import PersonLink, read_person
from appservices.payments.institutions.routes import API
from appservices.payments.invoices.core.order import INVOICE_JOB, InvoiceOrder, order_form
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.jobs import handlers
from appservices.payments.mandates.core.order import ChargeOrder, charge_form
from appservices.payments.mandates.service import debits as charges
from appservices.payments.merchants.service import invoicing
from appservices.payments.transfers.service import files
from tests.integration.appservices.payments.branch import OFFICE, SHOP, BranchTestCase
from tests.integration.appservices.payments.ledgers import problems
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.support.hostile_json import hostile_bodies
from tests.support.long import many
from tests.support.postgres import execute
from veche.acts import Act
from veche.contracts.payments.invoice_api import InvoiceBody, invoice_form
from veche.messaging.jobs import Job
from veche.protocol.acts import ActClass, read_entry
from veche.protocol.canonical import canonical
from veche.protocol.ids import EffectId, UserId, derived_ulid
from veche.runtime.web.public import PageLinks

pytestmark = pytest.mark.postgres

BODIES_MAX: Final = many(ordinary=40, long=1_000)
"""Hostile ones that a route is sent."""
TRIES: Final = 30


class ApiTests(BranchTestCase):
    def body(self, minor: int = 1_000, **more: Any) -> dict[str, Any]:
        amount = {"minor": minor, "currency": "EUR"}
        given = {
            "addressee": ALICE,
            "title": "Bread",
            "lines": [{"text": "Bread", "amount": amount}],
            "due_at_ms": self.bank.now_ms() + 86_400_000,
        }
        return {**given, **more}

    async def invoice(self, key: str = "i", who: str = "first", **more: Any) -> dict[str, Any]:
        status, view = await self.bank.call(
            "POST", "/invoices", self.body(**more), who=who, key=key
        )
        assert status == 201, view
        found: dict[str, Any] = view
        return found

    async def refund(self, id_: str, minor: int, key: str, **more: Any) -> tuple[int, Any]:
        body = {"amount": {"minor": minor, "currency": "EUR"}, "reason": "stale", **more}
        return await self.bank.call("POST", f"/invoices/{id_}/refund", body, key=key)

    async def test_what_is_asked_for_stands_in_no_table_in_clear(self) -> None:
        euro = {"minor": 100, "currency": "EUR"}
        end = self.bank.now_ms() + 864_000_000
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/invoices", self.body(title="Cornflower")),
            (
                "/mandates",
                {
                    "payer": ALICE,
                    "purpose": "Cornflower",
                    "each_max": euro,
                    "period": "week",
                    "period_max": euro,
                    "ends_at_ms": end,
                },
            ),
            (
                "/escrows",
                {"buyer": ALICE, "title": "Cornflower", "amount": euro, "ends_at_ms": end},
            ),
        ]
        for where, body in asked:
            first = await self.bank.call("POST", where, body, key=where)
            again = await self.bank.call("POST", where, body, key=where)
            assert first[0] == 201, first
            assert again[1] == first[1], "the answer is kept all the same"
        tables = execute(
            self.bank.dsn,
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema IN ('payments', 'ledger')",
        )
        kept = {
            str(table): str(execute(self.bank.dsn, f"SELECT t::text FROM {table} AS t"))  # noqa: S608 -- of the catalogue
            for (table,) in tables
        }

        assert [table for table, rows in kept.items() if "Cornflower" in rows] == []
        assert [table for table, rows in kept.items() if "/pay#" in rows] == []

    async def test_of_many_refunds_at_once_those_pass_that_fit(self) -> None:
        view = await self.invoice()
        payment = self.bank.pay(view["id"])
        await self.bank.settled()
        answers = await gatherResults(
            [Deferred.fromCoroutine(self.refund(view["id"], 100, f"r{n}")) for n in range(TRIES)]
        )
        await self.bank.settled()
        states = sorted(status for status, _ in answers)
        _, seen = await self.bank.call("GET", f"/invoices/{view['id']}/refunds")
        _, paid = await self.bank.call("GET", f"/payments/{payment}")

        assert states == [201] * 10 + [409] * (TRIES - 10)
        refused = {one["errcode"] for status, one in answers if status == 409}
        assert refused == {"ORG.VECHE.REFUND_TOO_HIGH"}
        assert [one["state"] for one in seen["refunds"]] == ["paid"] * 10
        assert seen["left"]["minor"] == 0
        assert paid["refunded"] == {"minor": 1_000, "currency": "EUR"}
        assert self.bank.balance(ALICE) == 10_000
        assert self.bank.balance(SHOP) == 100_000
        assert self.bank.heard().count("invoice.refunded") == 10
        assert problems(self.bank.dsn) == []

    async def test_whoever_has_no_account_here_is_refused_and_nobody_waits_for_the_homeserver(
        self,
    ) -> None:
        euro, nobody = {"minor": 100, "currency": "EUR"}, "@nobody:veche.test"
        end = self.bank.now_ms() + 864_000_000
        mandate = {"purpose": "Bread", "each_max": euro, "period": "week", "period_max": euro}
        escrow = {"title": "Oven", "amount": euro, "ends_at_ms": end}
        asked: list[tuple[str, str, dict[str, Any]]] = [
            ("/invoices", "addressee", self.body(addressee=nobody)),
            ("/mandates", "payer", {**mandate, "payer": nobody, "ends_at_ms": end}),
            ("/escrows", "buyer", {**escrow, "buyer": nobody}),
            ("/escrows", "arbiters", {**escrow, "buyer": ALICE, "arbiters": [nobody]}),
            ("/invoices", "addressee", self.body(addressee="@veche_signing:veche.test")),
            ("/invoices", "addressee", self.body(addressee="@alice:elsewhere.test")),
        ]
        for n, (where, field, body) in enumerate(asked):
            status, answer = await self.bank.call("POST", where, body, key=f"n{n}")
            assert (status, answer.get("field")) == (400, f"body.{field}"), answer
        assert nobody in self.bank.people.asked
        self.bank.people.is_down = True

        assert (await self.bank.call("POST", "/invoices", asked[0][2], key="down"))[0] == 201

    async def test_the_same_request_is_answered_as_before_when_the_account_is_gone(self) -> None:
        body = self.body(addressee="@carol:veche.test")
        self.bank.people.names["@carol:veche.test"] = "Carol"
        first = await self.bank.call("POST", "/invoices", body, key="gone")
        del self.bank.people.names["@carol:veche.test"]

        assert first[0] == 201
        assert await self.bank.call("POST", "/invoices", body, key="gone") == first
        assert (await self.bank.call("POST", "/invoices", body, key="new"))[0] == 400

    async def test_a_shop_that_is_paid_by_its_name_prints_its_code(self) -> None:
        early = await self.bank.call("GET", "/code")
        self.bank.links = PageLinks("https://veche.test")
        bare = await self.bank.call("GET", "/code")
        whole = await self.bank.call("GET", "/code?minor=500&currency=EUR&reference=bread%20roll")
        png = await self.bank.file("/code.png?minor=500&currency=EUR&reference=bread%20roll")
        wrong = ("minor=500", "currency=EUR", "minor=0&currency=EUR", "minor=1&currency=ABC")
        refused = [await self.bank.call("GET", f"/code?{query}") for query in wrong]
        office = await self.bank.call("GET", "/code", who="office")

        assert early[1]["errcode"] == office[1]["errcode"] == "ORG.VECHE.NO_CODE"
        assert bare[1]["payload"] == f"https://veche.test/pay#to={SHOP}"
        assert bare[1]["svg"].startswith("<svg")
        assert read_person(whole[1]["payload"]) == PersonLink(
            "veche.test", SHOP, 500, "EUR", "bread roll"
        )
        seen = zxingcpp.read_barcode(Image.open(io.BytesIO(png)))
        assert seen is not None
        assert seen.text == whole[1]["payload"]
        assert [status for status, _ in refused] == [400] * 4

    async def test_a_refund_is_made_once_for_its_key_and_refused_where_it_does_not_fit(
        self,
    ) -> None:
        view = await self.invoice()
        early = await self.refund(view["id"], 1, "early")
        self.bank.pay(view["id"])
        await self.bank.settled()
        first = await self.refund(view["id"], 300, "once", ours="mine")
        again = await self.refund(view["id"], 300, "once", ours="mine")
        other = await self.refund(view["id"], 301, "once", ours="mine")
        await self.bank.settled()
        usd = {"amount": {"minor": 1, "currency": "USD"}, "reason": "x"}
        where = f"/invoices/{view['id']}/refund"

        assert (early[0], early[1]["errcode"]) == (409, "ORG.VECHE.NOT_PAID")
        assert first == again
        assert (first[0], first[1]["ours"], first[1]["invoice"]) == (201, "mine", view["id"])
        assert (other[0], other[1]["errcode"]) == (409, "ORG.VECHE.KEY_REUSED")
        assert (await self.bank.call("POST", where, usd, key="usd"))[0] == 400
        for wrong in (0, -1):
            assert (await self.refund(view["id"], wrong, f"w{wrong}"))[0] == 400
        assert (await self.bank.call("POST", where, usd, who="office", key="o"))[0] == 404
        assert self.bank.balance(ALICE) == 10_000 - 1_000 + 300
        # What is left goes back with the invoice.
        taken = await self.bank.call(
            "POST", f"/invoices/{view['id']}/withdraw", {"reason": "x"}, key="w"
        )
        await self.bank.settled()
        assert taken[0] == 200
        assert self.bank.balance(ALICE) == 10_000

    async def test_what_is_kept_under_a_key_belongs_to_its_route(self) -> None:
        view = await self.invoice(key="one")
        await self.bank.call("POST", f"/invoices/{view['id']}/withdraw", {"reason": "x"}, key="two")
        asked = {"path": {"invoice_id": view["id"]}, "body": {"reason": "x"}}
        digest = hashlib.sha256(canonical(asked, where="body")).digest()
        route = b"POST /invoices/<invoice_id>/withdraw\n"

        kept = execute(
            self.bank.dsn, "SELECT encode(sha256, 'hex') FROM payments.request WHERE key = 'two'"
        )

        assert kept == [(hashlib.sha256(route + digest).hexdigest(),)]

    async def test_no_document_whatever_is_an_error_of_ours(self) -> None:
        known = await self.invoice()
        chance = random.Random(7)  # noqa: S311 -- no secret

        for route in API.routes:
            model = route.body
            if model is None:
                continue
            where = re.sub(r"<invoice_id>", known["id"], route.path)
            where = re.sub(r"<\w+>", "01ARZ3NDEKTSV4RRFFQ69G5FAV", where)
            bodies = list(hostile_bodies(model, chance))
            bodies = chance.sample(bodies, min(len(bodies), BODIES_MAX))
            for number, data in enumerate(bodies):
                status, told = await self.bank.call(route.method, where, data, key=f"{number}")
                assert status < 500, (route.path, data[:200], told)

    async def test_without_cover_a_refund_is_refused_and_that_is_an_event(self) -> None:
        view = await self.invoice()
        self.bank.pay(view["id"])
        await self.bank.settled()
        self.bank.section.organisations[0].two_keys_above.clear()
        all_of_it = {
            "v": 1,
            "institution": "lindenau-bank",
            "organisation": SHOP,
            "ours": "all",
            "at_ms": self.bank.now_ms(),
            "title": "All",
            "currency": "EUR",
            "lines": [{"ours": "1", "to": BOB, "minor": 101_000}],
        }
        await self.bank.call("POST", "/payouts", self.bank.signed(all_of_it), key="all")
        await self.bank.settled()
        status, refund = await self.refund(view["id"], 500, "r")
        await self.bank.settled()
        _, seen = await self.bank.call("GET", f"/invoices/{view['id']}/refunds")

        assert (status, refund["state"]) == (201, "paying")
        assert [(one["state"], one["why"]) for one in seen["refunds"]] == [("refused", "no_cover")]
        assert seen["left"]["minor"] == 1_000
        assert self.bank.heard()[-1] == "invoice.refund_refused"
        # Nor does it go back with the invoice, and the organisation hears of that too.
        count = len(self.bank.heard())
        where = f"/invoices/{view['id']}/withdraw"
        assert (await self.bank.call("POST", where, {"reason": "x"}, key="w"))[0] == 200
        await self.bank.settled()
        assert self.bank.heard()[count:] == ["invoice.withdrawn", "invoice.refund_refused"]
        assert (await self.refund(view["id"], 500, "again"))[0] == 201
        await self.bank.settled()

    async def test_an_office_asks_nobody_without_its_act(self) -> None:
        status, answer = await self.bank.call(
            "POST", "/invoices", self.body(), who="office", key="none"
        )
        assert (status, answer["errcode"]) == (409, "ORG.VECHE.ACT_REQUIRED")
        ground = {"purpose": "parking.fine", "basis": "Road Traffic Act, section 25"}
        view = await self.invoice("ground", "office", act={"ground": ground})
        both = {"ground": ground, "receipt": None}
        assert (await self.invoice("both", "office", act=both))["id"] != view["id"]

        with self.bank.scene() as scene:
            file = invoice_store.lock_invoice(scene.txn, view["id"])
            assert file is not None
            # Whoever is asked holds the proof.
            card = invoices.order_of(scene, file).card
            assert card.act is not None
            assert read_entry(card.act.e)["a"] == OFFICE
            scene.txn.execute("SELECT entry FROM runtime.act WHERE organisation = %s", (OFFICE,))
            entries = [entry for (entry,) in scene.txn.fetchall()]
            scene.txn.execute("SELECT count(*) FROM runtime.act_spent")
            # The bot's own messages have none here, since nobody has a chat.
            assert scene.txn.fetchall() == [(2,)]
        assert len(entries) == 2
        assert all(f'"k":"{ActClass.INVOICE}"' in entry for entry in entries)
        # A merchant needs none.
        assert (await self.invoice("shop"))["state"] == "issued"

    async def test_a_receipt_is_good_for_what_it_is_for_once(self) -> None:
        body = InvoiceBody.model_validate(self.body())
        with self.bank.scene() as scene:
            form = invoice_form(OFFICE, body)
            receipts = {}
            for name, (organisation, class_) in {
                "good": (OFFICE, ActClass.INVOICE),
                "class": (OFFICE, ActClass.MESSAGE),
                "other": ("water", ActClass.INVOICE),
            }.items():
                act = Act(organisation, class_, UserId(ALICE), "fine", "law")
                token = self.bank.act_log.commit(scene.txn, act, form, scene.now_ms)
                receipts[name] = token.receipt.model_dump(mode="json")
        sent = body.model_dump(mode="json", exclude_none=True)

        async def ask(receipt: object, key: str, **change: Any) -> tuple[int, str]:
            asked = {**sent, **change, "act": {"receipt": receipt}}
            status, answer = await self.bank.call("POST", "/invoices", asked, who="office", key=key)
            return status, answer.get("errcode", "")

        refused = (409, "ORG.VECHE.ACT_REQUIRED")
        assert await ask(receipts["class"], "c") == refused
        assert await ask(receipts["other"], "o") == refused
        assert await ask(receipts["good"], "t", title="Cake") == refused
        assert await ask(receipts["good"], "a", addressee=BOB) == refused
        assert (await ask(receipts["good"], "g"))[0] == 201
        # The same request is answered again; another one may not use the token again.
        assert (await ask(receipts["good"], "g"))[0] == 201
        assert await ask(receipts["good"], "again") == refused

    async def test_a_service_of_this_server_orders_no_invoice_of_an_office_without_its_act(
        self,
    ) -> None:
        card = {
            "v": 1,
            "id": derived_ulid(1, "ordered"),
            "issuer": OFFICE,
            "issuer_name": "Town",
            "title": "Fee",
            "lines": [{"text": "Fee", "amount": {"minor": 5, "currency": "EUR"}}],
            "total": {"minor": 5, "currency": "EUR"},
            "due_at_ms": self.bank.now_ms() + 1_000_000,
        }
        bare = InvoiceOrder.model_validate({"card": card, "addressee": ALICE})
        handler = handlers(self.bank.parts)[INVOICE_JOB]

        def finish(order: InvoiceOrder) -> bool:
            data = order.model_dump(mode="json", exclude_none=True)
            job = Job(EffectId("e"), INVOICE_JOB, data, 0)
            with self.bank.scene() as scene:
                handler.finish(scene.txn, job, {}, scene.now_ms)
                return invoice_store.lock_invoice(scene.txn, order.card.id) is not None

        assert not finish(bare)
        with self.bank.scene() as scene:
            act = Act(OFFICE, ActClass.INVOICE, UserId(ALICE), "fee", "law")
            token = self.bank.act_log.commit(scene.txn, act, order_form(bare), scene.now_ms)
        with_act = bare.card.model_copy(update={"act": token.receipt})
        for changed, is_made in (
            ({"addressee": BOB}, False),
            ({"addressee": None}, False),
            ({}, True),
        ):
            assert finish(bare.model_copy(update={"card": with_act, **changed})) is is_made

    async def test_an_office_names_whom_it_asks_and_a_shop_need_not(self) -> None:
        ground = {"purpose": "parking.fine", "basis": "Road Traffic Act, section 25"}
        body = self.body(addressee=None, act={"ground": ground})
        refused = await self.bank.call("POST", "/invoices", body, who="office", key="o")
        sale = await self.invoice("sale", addressee=None)

        assert refused[0] == 400
        assert refused[1]["error"] == "body.addressee: an office names the person whom it asks"
        assert sale["state"] == "issued"
        assert self.bank.pay(sale["id"])

    async def test_a_receipt_of_a_log_that_somebody_made_up_is_refused(self) -> None:
        body = InvoiceBody.model_validate(self.body())
        with self.bank.scene() as scene:
            act = Act(OFFICE, ActClass.INVOICE, UserId(ALICE), "fine", "law")
            form = invoice_form(OFFICE, body)
            token = self.bank.act_log.commit(scene.txn, act, form, scene.now_ms)
            forged = token.receipt.model_dump(mode="json")
            # The chain that it was in is nowhere.
            scene.txn.connection.rollback()
        sent = body.model_dump(mode="json", exclude_none=True)
        status, answer = await self.bank.call(
            "POST", "/invoices", {**sent, "act": {"receipt": forged}}, who="office", key="f"
        )

        assert (status, answer["errcode"]) == (409, "ORG.VECHE.ACT_REQUIRED")

    async def test_codes_carry_the_invoice_and_money_from_a_bank_pays_it(self) -> None:
        view = await self.invoice()
        where = f"/invoices/{view['id']}/code"
        found = {}
        for format_ in ("veche", "epc", "emv"):
            status, code = await self.bank.call("GET", f"{where}?format={format_}")
            assert status == 200, code
            assert code["svg"].startswith("<svg")
            found[format_] = code["payload"]
        transfer, card = epc.read(found["epc"]), emv.read(found["emv"])
        assert (transfer.reference, transfer.amount_minor) == (view["reference"], 1_000)
        assert (card.amount_minor, card.currency) == (1_000, "EUR")
        template = card.template("org.veche")
        assert template is not None
        assert template.field("01") == view["reference"]
        assert (await self.bank.call("GET", f"{where}?format=gost"))[0] == 409
        assert (await self.bank.call("GET", f"{where}?format=x"))[0] == 400
        assert (await self.bank.call("GET", where, who="office"))[0] == 404

        self.bank.credit(view["id"], 1_000)
        await self.bank.settled()
        _, after = await self.bank.call("GET", f"/invoices/{view['id']}")
        assert after["state"] == "paid"
        assert self.bank.heard() == ["invoice.paid"]
        refused = await self.refund(view["id"], 1, "r")
        assert (refused[0], refused[1]["errcode"]) == (409, "ORG.VECHE.PAID_BY_BANK")
        with self.bank.scene() as scene:  # as a service says it
            invoicing.withdraw(scene, view["id"], SHOP)
        assert (await self.bank.call("GET", f"/invoices/{view['id']}"))[1]["state"] == "paid"
        self.bank.credit(view["id"], 1_000)
        assert self.bank.heard() == ["invoice.paid", "invoice.paid_again"]
        assert (await self.bank.call("GET", where))[0] == 409

    async def test_money_that_comes_just_after_an_invoice_was_due_is_told(self) -> None:
        view = await self.invoice()
        # Its time is over, and the job that ends it is late.
        execute(self.bank.dsn, "UPDATE payments.invoice SET due_at_ms = %s", self.bank.now_ms())
        self.bank.credit(view["id"], 1_000)

        assert self.bank.heard() == ["invoice.paid_again"]
        assert (
            execute(self.bank.dsn, "SELECT state FROM payments.payment WHERE kind = 'invoice'")
            == []
        )

    async def test_without_a_key_nothing_is_told_or_done(self) -> None:
        for method, path in (
            ("POST", "/payouts"),
            ("POST", "/webhooks"),
            ("GET", "/webhooks"),
            ("GET", "/payments/x"),
            ("GET", "/invoices/x/refunds"),
            ("GET", "/payments/x/dispute"),
            ("POST", "/payments/x/dispute/answer"),
            ("GET", "/invoices/x/code.png"),
        ):
            body: dict[str, Any] = {}
            if path == "/webhooks":
                body = {"url": "https://example.org/"}
            body = {"gives_back": True} if path.endswith("answer") else body
            sent = body if method == "POST" else None
            status, answer = await self.bank.call(method, path, sent, who="nobody", key="k")
            assert status == 401, answer

    async def test_an_office_debits_by_a_mandate_with_its_act_alone(self) -> None:
        mandate = self.bank.mandate(OFFICE)
        bare = self.charge(mandate, "bare")
        with self.bank.scene() as scene:
            charges.announce(scene, bare)
        assert self.told() == [("refused", "act_required")]
        order = self.charge(mandate, "good")
        with self.bank.scene() as scene:
            act = Act(OFFICE, ActClass.PAYMENT_PULL, UserId(ALICE), "water", "law")
            token = self.bank.act_log.commit(scene.txn, act, charge_form(order), scene.now_ms)
        # The same act for another charge.
        stolen = self.charge(mandate, "stolen", act=token.receipt)
        good = order.model_copy(update={"act": token.receipt})
        for one in (stolen, good):
            with self.bank.scene() as scene:
                charges.announce(scene, one)
        assert self.told()[1:] == [("refused", "act_required")]
        with self.bank.scene() as scene:
            matter = files.lock(scene, good.id)
            assert matter is not None
            charges.fire_timer(scene, matter)
        await self.bank.settled()

        assert self.told()[2:] == [("paid", None)]
        assert self.bank.balance(ALICE) == 10_000 - 500
        with self.bank.scene() as scene:
            scene.txn.execute("SELECT commitment FROM runtime.act_spent")
            assert [bytes(c) for (c,) in scene.txn.fetchall()] == [token.commitment]

    def charge(self, mandate: str, name: str, **more: Any) -> ChargeOrder:
        given = {
            "id": derived_ulid(1, name),
            "mandate": mandate,
            "payee": OFFICE,
            "amount": {"minor": 500, "currency": "EUR"},
            "title": "Water",
            "reply": "town.heard",
        }
        return ChargeOrder.model_validate({**given, **more})

    def told(self) -> list[tuple[object, ...]]:
        """What the office heard of its charges, in order."""
        statement = (
            "SELECT payload ->> 'state', payload ->> 'why' FROM runtime.errand"
            " WHERE kind = 'town.heard' ORDER BY due_at_ms"
        )
        return execute(self.bank.dsn, statement)
