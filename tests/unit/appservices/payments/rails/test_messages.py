from __future__ import annotations

import datetime as dt
import importlib
import random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xsdata.formats.dataclass.parsers import XmlParser

from appservices.payments.banks.core import told_xml, xml
from appservices.payments.banks.core.messages import read_events, read_orders
from appservices.payments.banks.core.orders_xml import write_orders
from appservices.payments.banks.core.port import (
    BANK_FILE_MAX,
    ORDERS_MAX,
    Booked,
    Closed,
    Entry,
    Odd,
    OrderKind,
    OrderStatus,
    Party,
    Status,
)
from appservices.payments.banks.core.told_xml import write_advice, write_statement, write_statuses
from appservices.payments.banks.core.tree import is_latin, latin
from appservices.payments.banks.core.xml import BankMessageError
from tests.support.tables import each_row
from tests.unit.appservices.payments.rails.builders import (
    DAY,
    ENTRIES,
    IBANS,
    NAMES,
    NOW_MS,
    OWN,
    collection,
    entry,
    order,
    statement,
)
from veche.protocol.errors import MalformedError

FILE = write_statement(statement(entry(1), entry(2, 250, is_credit=False)), NOW_MS).data


def refused(data: bytes) -> BankMessageError:
    with pytest.raises(BankMessageError) as caught:
        read_events(data)
    return caught.value


def changed(old: bytes, new: bytes) -> bytes:
    assert old in FILE
    return FILE.replace(old, new, 1)


def by_another_reader(message: str, data: bytes) -> Any:
    """The document as pyiso20022's classes read it."""
    name = message.replace(".", "_")
    module = importlib.import_module(f"pyiso20022.{message[:4]}.{name}.{name}")
    return XmlParser().from_bytes(data, module.Document)


class TestOrders:
    @given(st.lists(st.integers(1, 10**12), min_size=1, max_size=5), NAMES)
    def test_payouts_are_read_as_written(self, amounts: list[int], name: str) -> None:
        orders = [
            order(n, minor, other=Party(name, IBANS[n % 3]), text="Rent 5/2026")
            for n, minor in enumerate(amounts)
        ]

        message = write_orders(orders, NOW_MS)
        assert read_orders(message.data) == ("pain.001.001.09", message.id, orders)

    def test_collections_are_read_as_written(self) -> None:
        orders = [collection(1), collection(2, 5)]

        message = write_orders(orders, NOW_MS)
        assert read_orders(message.data) == ("pain.008.001.09", message.id, orders)

    def test_the_same_orders_make_the_same_file(self) -> None:
        first, again = write_orders([order()], NOW_MS), write_orders([order()], NOW_MS)
        assert first == again
        assert len(first.id) <= 35

    def test_another_implementation_reads_the_same(self) -> None:
        message = write_orders([order(1, 1250, reference="RF18539007547034")], NOW_MS)
        body = by_another_reader(message.name, message.data).cstmr_cdt_trf_initn
        [group] = body.pmt_inf
        [tx] = group.cdt_trf_tx_inf

        assert (str(body.grp_hdr.ctrl_sum), body.grp_hdr.nb_of_txs) == ("12.50", "1")
        assert (str(tx.amt.instd_amt.value), tx.amt.instd_amt.ccy) == ("12.50", "EUR")
        assert tx.cdtr_acct.id.iban == IBANS[0]
        assert tx.rmt_inf.strd[0].cdtr_ref_inf.ref == "RF18539007547034"

    def test_names_are_written_in_the_letters_of_the_rail(self) -> None:
        message = write_orders([order(other=Party("Іван Кравчук", IBANS[0]))], NOW_MS)
        assert read_orders(message.data)[2][0].other.name == "Ivan Kravchuk"

    @given(st.text(max_size=200), st.integers(1, 70))
    def test_any_text_becomes_latin_within_its_bound(self, text: str, most: int) -> None:
        written = latin(text, most)
        assert is_latin(written)
        assert 0 < len(written) <= max(most, len("NOTPROVIDED"))

    @each_row(
        ("orders", "field"),
        [
            ([], "orders"),
            ([order(1), order(1)], "orders"),
            ([order(1), order(2, currency="USD")], "orders"),
            ([order(1), collection(2)], "orders"),
            ([order(1), order(2, own=Party("X", IBANS[1]))], "orders"),
            ([order(1, 0)], "amount"),
            ([order(1, -5)], "amount"),
            ([order(other=Party("X", "DE00"))], "other.account"),
            ([order(reference="RF00X")], "reference"),
            ([order(reference="RF18539007547034", text="x")], "text"),
            ([order(kind=OrderKind.COLLECT)], "mandate"),
        ],
    )
    def test_what_is_no_order_is_not_written(self, orders: list[Any], field: str) -> None:
        with pytest.raises(MalformedError) as caught:
            write_orders(orders, NOW_MS)
        assert caught.value.field == field

    def test_a_file_is_bounded(self) -> None:
        with pytest.raises(MalformedError):
            write_orders([order(n) for n in range(ORDERS_MAX + 1)], NOW_MS)

    @pytest.mark.parametrize(
        ("old", "new", "path"),
        [
            ("<CtrlSum>12.50", "<CtrlSum>12.51", "/Document/CstmrCdtTrfInitn/GrpHdr/CtrlSum"),
            ("<NbOfTxs>1", "<NbOfTxs>2", "/Document/CstmrCdtTrfInitn/GrpHdr/NbOfTxs"),
        ],
    )
    def test_a_bank_refuses_totals_that_are_wrong(self, old: str, new: str, path: str) -> None:
        data = write_orders([order()], NOW_MS).data.decode().replace(old, new, 1)
        with pytest.raises(BankMessageError) as caught:
            read_orders(data.encode())
        assert caught.value.path == path


class TestTold:
    @each_row("status", OrderStatus)
    def test_statuses_are_read_as_written(self, status: OrderStatus) -> None:
        message = write_orders([order()], NOW_MS)
        said = [Status(message.id, order().id, status, "AC04")]

        told = write_statuses("R1", message, said, NOW_MS)
        assert read_events(told.data) == said
        assert by_another_reader(told.name, told.data).cstmr_pmt_sts_rpt

    def test_a_file_rejected_as_a_whole_is_one_status(self) -> None:
        message = write_orders([order()], NOW_MS)
        data = write_statuses("R1", message, [], NOW_MS).data.decode()
        group = "</OrgnlMsgNmId><GrpSts>RJCT</GrpSts>"

        told = read_events(data.replace("</OrgnlMsgNmId>", group).encode())
        assert told == [Status(message.id, "", OrderStatus.REJECTED)]

    def test_a_word_that_is_not_known_leaves_an_order_pending(self) -> None:
        message = write_orders([order()], NOW_MS)
        told = write_statuses("R1", message, [Status("", "x", OrderStatus.SETTLED)], NOW_MS)
        [status] = read_events(told.data.replace(b"ACSC", b"XXXX"))
        assert isinstance(status, Status)
        assert status.status is OrderStatus.PENDING

    @given(st.lists(ENTRIES, max_size=5))
    def test_lines_are_read_as_written(self, entries: list[Entry]) -> None:
        data = write_advice("A1", OWN.account, entries, NOW_MS).data
        assert read_events(data) == [Booked(OWN.account, one) for one in entries]

    @given(st.lists(ENTRIES, max_size=5), st.integers(-(10**9), 10**9))
    def test_statements_are_read_as_written(self, entries: list[Entry], opening: int) -> None:
        one = statement(*entries, opening_minor=opening)
        assert read_events(write_statement(one, NOW_MS).data) == [Closed(one)]

    def test_another_implementation_reads_the_same_statement(self) -> None:
        body = by_another_reader(told_xml.CAMT_053, FILE).bk_to_cstmr_stmt
        [one] = body.stmt
        assert [str(balance.amt.value) for balance in one.bal] == ["0.00", "10.00"]
        assert [line.acct_svcr_ref for line in one.ntry] == ["K1", "K2"]

    def test_a_reference_is_read_in_its_written_form(self) -> None:
        line = entry(1, reference="RF18539007547034")
        data = write_advice("A1", OWN.account, [line], NOW_MS).data
        spaced = data.replace(b"RF18539007547034", b"RF18 5390 0754 7034")
        assert read_events(spaced) == [Booked(OWN.account, line)]

    def test_lines_without_a_reference_count_apart_if_they_say_the_same(self) -> None:
        data = write_advice("A1", OWN.account, [entry(1), entry(2), entry(3, 5)], NOW_MS).data
        bare = b"".join(line for line in data.splitlines(True) if b"AcctSvcrRef" not in line)
        keys = [event.entry.key for event in read_events(bare) if isinstance(event, Booked)]

        assert len(set(keys)) == 3
        assert read_events(bare) == read_events(bare)
        assert all(len(key) <= 35 for key in keys)

    def test_pending_lines_are_not_booked(self) -> None:
        data = write_advice("A1", OWN.account, [entry()], NOW_MS).data
        assert read_events(data.replace(b"BOOK", b"PDNG")) == []

    def test_the_lines_of_a_batch_count_one_by_one(self) -> None:
        data = write_advice("A1", OWN.account, [entry(1, 5), entry(2, 7)], NOW_MS).data.decode()
        first, second = data.split("<NtryDtls>")[1:]
        details = second.split("</NtryDtls>")[0].split("<TxDtls>")[1]
        batch = (
            data.split("<Ntry>")[0]
            + "<Ntry>"
            + data.split("<Ntry>")[1].replace('Ccy="EUR">0.05', 'Ccy="EUR">0.12', 1)
        ).replace("</NtryDtls>", "<TxDtls>" + details + "</NtryDtls>")
        whole = batch + data.split("</Ntry>")[-1]
        keys = [
            (e.entry.key, e.entry.amount_minor)
            for e in read_events(whole.encode())
            if isinstance(e, Booked)
        ]

        assert first
        assert keys == [("K1", 5), ("K2", 7)]
        # What a batch comes to is certain, its details are not: it is one line, for a person.
        [odd, one] = read_events(whole.replace('">0.12', '">0.13', 1).encode())
        assert isinstance(odd, Odd)
        assert (
            "Ntfctn/Ntry: has details that do not make its sum: booked as one line" in odd.problem
        )
        assert isinstance(one, Booked)
        assert (one.entry.key, one.entry.amount_minor, one.entry.order_id) == ("K1", 13, "")

    def test_a_word_on_all_payments_of_a_file_is_one_on_each_order_of_it(self) -> None:
        of = write_orders([order()], NOW_MS)
        told = write_statuses("M", of, [Status(of.id, "X", OrderStatus.REJECTED)], NOW_MS).data
        head = told.partition(b"<TxInfAndSts>")[0]
        why = b"<StsRsnInf><Rsn><Cd>AM04</Cd></Rsn></StsRsnInf>"
        data = head + b"<PmtInfSts>RJCT</PmtInfSts>" + why + told.partition(b"</TxInfAndSts>")[2]

        assert list(read_events(data)) == [Status(of.id, "", OrderStatus.REJECTED, "AM04")]

    @pytest.mark.parametrize("is_turned", [False, True])
    def test_lines_of_a_batch_with_one_reference_are_told_apart_by_what_they_say(
        self, is_turned: bool
    ) -> None:
        lines = [attrs.evolve(entry(1, 5), other_account=who) for who in ("DE1", "DE2")]
        data = write_advice("A1", OWN.account, lines, NOW_MS).data.decode()
        details = [
            one.split("</NtryDtls>")[0].split("<NtryDtls>")[1] for one in data.split("<Ntry>")[1:]
        ]
        head, tail = data.split(details[0])[0], data.rpartition("</NtryDtls>")[2]
        batch = "".join(reversed(details) if is_turned else details)
        whole = head.replace(">0.05<", ">0.10<", 1) + batch + "</NtryDtls>" + tail

        told = [one.entry for one in read_events(whole.encode()) if isinstance(one, Booked)]
        assert {one.other_account: one.amount_minor for one in told} == {"DE1": 5, "DE2": 5}
        assert {one.key[-2:] for one in told} == {"-1"}
        assert len({one.key for one in told}) == 2

    @pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "1999-12-31"])
    def test_a_day_on_which_no_bank_books_is_odd_and_spoils_no_other_line(self, day: str) -> None:
        lines = [entry(1), attrs.evolve(entry(2, 7), booked_on=dt.date.fromisoformat(day))]
        odd, booked = read_events(write_advice("A1", OWN.account, lines, NOW_MS).data)

        assert isinstance(odd, Odd)
        assert "should be a date from 2000-01-01 on: not booked" in odd.problem
        assert isinstance(booked, Booked)
        assert booked.entry.key == "K1"

    @pytest.mark.parametrize("kind", ["statement", "advice"])
    def test_a_line_of_nothing_and_one_without_a_day_spoil_no_file(self, kind: str) -> None:
        lines = [entry(1), entry(2, 7), entry(3, 5)]
        if kind == "statement":
            data = write_statement(statement(*lines), NOW_MS).data
            data = data.replace(b">12.62<", b">12.55<")
        else:
            data = write_advice("A1", OWN.account, lines, NOW_MS).data
        data = data.replace(b">0.07<", b">0.00<")
        head, tail = data[: (at := data.rindex(b"<BookgDt>"))], data[at:]
        events = read_events(head + tail.split(b"</BookgDt>")[1])

        problems = [one.problem for one in events if isinstance(one, Odd)]
        assert ["is of 0.00" in problems[0], "says no day" in problems[1]] == [True, True]
        booked = [
            line
            for one in events
            for line in (
                one.statement.entries
                if isinstance(one, Closed)
                else [one.entry]
                if isinstance(one, Booked)
                else []
            )
        ]
        day = (
            DAY if kind == "statement" else dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC).date()
        )
        assert booked == [lines[0], attrs.evolve(lines[2], booked_on=day)]

    def test_a_line_in_a_currency_that_was_changed_is_what_the_account_has(self) -> None:
        at = FILE.rindex(b'"EUR">2.50')
        [closed] = read_events(FILE[:at] + b'"USD">2.99' + FILE[at + 10 :])
        assert isinstance(closed, Closed)
        assert [one.signed_minor for one in closed.statement.entries] == [1250, -250]

    @pytest.mark.parametrize(
        ("old", "new", "path"),
        [
            (b">12.50<", b">12.505<", "Ntry[1]/Amt: EUR has 2 decimals"),
            (b'"EUR">2.50', b'"XQX">2.50', "Ntry[2]/Amt: there is no such currency"),
            (b'"EUR">2.50', b'"USD">2.50', "Ntry[2]/Amt: is not in EUR"),
        ],
    )
    def test_a_line_that_cannot_be_booked_is_told_and_the_others_count(
        self, old: bytes, new: bytes, path: str
    ) -> None:
        [odd, closed] = read_events(changed(old, new))

        assert isinstance(odd, Odd)
        assert path in odd.problem
        assert isinstance(closed, Closed)
        assert len(closed.statement.entries) == 1
        # Our books will not come to this, and payouts stop until somebody has looked.
        assert closed.statement.closing_minor == 1000

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3), st.sampled_from(["EUR", "EUR", "EUR", "USD"]), st.booleans()
            ),
            max_size=8,
        )
    )
    def test_whatever_lines_there_are_those_that_count_are_booked(
        self, drawn: list[tuple[int, str, bool]]
    ) -> None:
        data = write_advice("A1", OWN.account, [entry(n) for n in range(len(drawn))], NOW_MS).data
        head, *lines = data.split(b"<Ntry>")
        for n, (minor, currency, is_dated) in enumerate(drawn):
            written = f'Ccy="{currency}">0.0{minor}'.encode()
            lines[n] = lines[n].replace(b'Ccy="EUR">12.50', written)
            if not is_dated:
                before, after = lines[n].split(b"<BookgDt>")
                lines[n] = before + after.split(b"</BookgDt>")[1]
        events = read_events(b"<Ntry>".join([head, *lines]))

        found = [(e.entry.amount_minor, e.entry.currency) for e in events if isinstance(e, Booked)]
        assert found == [(minor, currency) for minor, currency, _ in drawn if minor]
        odd = [e for e in events if isinstance(e, Odd)]
        assert len(odd) == sum(not (minor and is_dated) for minor, _, is_dated in drawn)

    def test_a_word_on_no_order_spoils_no_file(self) -> None:
        message = write_orders([order()], NOW_MS)
        said = [Status("", one, OrderStatus.SETTLED) for one in ("x", "y")]
        data = write_statuses("R1", message, said, NOW_MS).data
        told = read_events(data.replace(b"<OrgnlEndToEndId>x</OrgnlEndToEndId>", b""))
        assert [type(one) for one in told] == [Odd, Status]


class TestRefusals:
    @each_row(
        ("old", "new", "path"),
        [
            (b">10.00<", b">10.01<", "/Document/BkToCstmrStmt/Stmt/Bal[2]"),
            (b">0.00<", b">0.01<", "/Document/BkToCstmrStmt/Stmt/Bal[2]"),
            (b">12.50<", b">12.51<", "/Document/BkToCstmrStmt/Stmt/Bal[2]"),
            (b">12.50<", b">-12.50<", "/Document/BkToCstmrStmt/Stmt/Ntry[1]/Amt"),
            (b">12.50<", b">1e3<", "/Document/BkToCstmrStmt/Stmt/Ntry[1]/Amt"),
            (b"CLBD", b"XXXX", "/Document/BkToCstmrStmt/Stmt"),
            (b"CRDT", b"BOTH", "/Document/BkToCstmrStmt/Stmt/Bal[1]/CdtDbtInd"),
            (b"<Sts>", b"<Zts/><Sts>", "/Document/BkToCstmrStmt/Stmt/Ntry[1]/Zts"),
        ],
    )
    def test_a_wrong_file_is_refused_with_line_and_path(
        self, old: bytes, new: bytes, path: str
    ) -> None:
        error = refused(changed(old, new))

        assert error.path == path
        assert error.line > 0
        assert error.details == {"line": error.line, "path": path}

    @each_row(
        "data",
        [
            b"",
            b"hello",
            b"{}",
            b"<Document/>",
            b'<Document xmlns="urn:x"/>',
            b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.99"/>',
            b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:../../x"/>',
            FILE[:-20],
            FILE + b"x",
            FILE.decode().encode("utf-16"),
            FILE.replace(b"K1", b"K\xff"),
            b"<a>" * 10_000,
            write_orders([order()], NOW_MS).data,
        ],
    )
    def test_what_is_no_message_of_a_bank_is_refused(self, data: bytes) -> None:
        refused(data)

    @each_row(
        "prolog",
        [
            '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/evil.dtd">',
            '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            "<!doctype d>",
        ],
    )
    def test_entities_and_bombs_never_reach_the_parser(self, prolog: str) -> None:
        data = FILE.replace(b"<Document", prolog.encode() + b"<Document", 1)
        assert "document type" in str(refused(data))

    def test_another_declared_encoding_changes_nothing(self) -> None:
        data = FILE.replace(b"encoding='UTF-8'", b"encoding='UTF-7'", 1)
        assert read_events(data) == read_events(FILE)

    def test_a_comment_does_not_cut_a_value(self) -> None:
        assert read_events(changed(b">10.00<", b">1<!-- x -->0.00<")) == read_events(FILE)

    def test_a_file_that_is_too_large_is_not_parsed(self) -> None:
        error = refused(b" " * (BANK_FILE_MAX + 1))
        assert "at most" in str(error)

    def test_the_value_that_is_wrong_is_not_told(self) -> None:
        assert "SECRET" not in str(refused(changed(b">BOOK<", b">SECRET<")))

    def test_mutated_files_are_read_or_refused(self) -> None:
        dice = random.Random(7)  # noqa: S311 -- the same mutations each time
        read = 0
        for _ in range(2_000):
            data = bytearray(FILE)
            for _ in range(dice.randint(1, 3)):
                at = dice.randrange(len(data))
                data[at : at + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 2))
            try:
                read_events(bytes(data))
                read += 1
            except BankMessageError:
                continue
        assert read < 1_000

    def test_every_message_has_its_schema(self) -> None:
        for message in xml.MESSAGES:
            with pytest.raises(BankMessageError):
                xml.read(f'<Document xmlns="{xml.PREFIX}{message}"/>'.encode())


def test_a_statement_of_another_day_keeps_its_day() -> None:
    one = attrs.evolve(statement(entry()), opened_on=DAY.replace(day=1))
    assert read_events(write_statement(one, NOW_MS).data) == [Closed(one)]
