from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.formats.core import (
    EmvPayment,
    EpcPayment,
    GostPayment,
    PayLink,
    PersonLink,
    SbpLink,
    Template,
    UpiLink,
    emv,
    epc,
    gost56042,
    links,
    pix,
    read_code,
    rf,
)
from appservices.payments.formats.core.crc import crc
from appservices.payments.formats.core.epc import EPC_VERSION_MAX
from appservices.payments.formats.core.plain import CODE_CHARACTERS_MAX
from tests.support.tables import each_row
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.ids import Ulid, ulid
from veche.runtime.files.qr_codes import draw_png, draw_svg

IBAN = "DE89370400440532013000"
HIDDEN = ["\n", "\r", "\t", "\x00", "\u202e", "\u2066", "\u200f", "\u2028", "\ud800", "\u200b"]
ULIDS = st.builds(ulid, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
VISIBLE = st.text(
    st.characters(exclude_categories=["C", "Z"], max_codepoint=0xFFFF), min_size=1, max_size=15
)
CENTS = st.none() | st.integers(1, epc.AMOUNT_MINOR_MAX)
# Of the Banco Central do Brasil's manual, of EMVCo's, and of the SBP's.
PIX_SAMPLE = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
EMVCO_SAMPLE = (
    "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN"
    "5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.725303156550201"
    "6233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A"
)
SBP_SAMPLE = (
    "https://qr.nspk.ru/AS10003P3RH0LJ2A9ROO038L6NT5RU1M"
    "?type=01&bank=000000000001&sum=10000&cur=RUB&crc=F3D0"
)
GOST = GostPayment(
    "ООО «Три кита»",
    "40702810138250123017",
    'ОАО "БАНК"',
    "044525225",
    "30101810400000000225",
    120_000,
    {"Purpose": "Оплата за ремонт", "PayeeINN": "6200098765", "LastName": "Иванов"},
)
LINK = PayLink("pay.example.org", ulid(1, bytes(10)), 2, "0123456789abcdef")


def refused(read: Any, *args: Any) -> str:
    """The field that a refusal names."""
    with pytest.raises(MalformedError) as caught:
        read(*args)
    return caught.value.field


def altered(text: str, at: int, by: str) -> str:
    at %= len(text)
    return text[:at] + by + text[at + 1 :]


class TestReferences:
    def test_the_standards_example_is_made(self) -> None:
        assert rf.make("539007547034") == "RF18539007547034"

    @given(ULIDS)
    def test_the_reference_of_a_payment_checks_itself(self, payment: Ulid) -> None:
        reference = rf.reference_of(payment)
        assert (rf.read(reference), len(reference)) == (reference, 20)

    @given(ULIDS, st.integers(4, 19), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
    def test_a_wrong_digit_and_a_wrong_letter_are_found(
        self, payment: Ulid, at: int, by: str
    ) -> None:
        """A letter for a digit shifts all that follows, and once in 97 times still fits."""
        reference = rf.reference_of(payment)
        wrong = altered(reference, at, by)
        if reference[at].isdigit() == by.isdigit():
            assert rf.is_reference(wrong) == (wrong == reference)

    def test_spaces_and_small_letters_are_read(self) -> None:
        assert rf.read("rf18 5390 0754 7034") == "RF18539007547034"

    @each_row("text", ["", "RF", "RF18", "RF19539007547034", "RF18" + "1" * 22])
    def test_what_is_none_is_refused(self, text: str) -> None:
        assert refused(rf.read, text) == "reference"

    @each_row("body", ["", "1" * 22, "a", "Ä", "1 2"])
    def test_a_body_of_other_characters_makes_none(self, body: str) -> None:
        assert refused(rf.make, body) == "reference"


class TestEpc:
    @each_row(
        ("charset", "codec", "name"),
        [
            ("1", "utf-8", "Łucja Żółć"),
            ("2", "iso8859-1", "François Müller"),
            ("3", "iso8859-2", "Łucja Żółć"),
            ("4", "iso8859-4", "Ģirts Bērziņš"),
            ("5", "iso8859-5", "Иван Кравчук"),
            ("6", "iso8859-7", "Γιώργος Νικολάου"),
            ("7", "iso8859-10", "Ásgeir Þórðarson"),
            ("8", "iso8859-15", "Zoë Œuvre €"),
        ],
    )
    def test_each_character_set_of_the_guideline_is_read(
        self, charset: str, codec: str, name: str
    ) -> None:
        # As example 2 of EPC069-12: version 001, a bank, CR LF.
        text = f"BCD\r\n001\r\n{charset}\r\nSCT\r\nBPOTBEB1\r\n{name}\r\n{IBAN}\r\nEUR1"
        raw = text.encode(codec)

        assert epc.decoded(raw) == text
        assert epc.read(text).name == name
        # Taken for Latin-1 by the scanner.
        if charset != "1":
            assert epc.read(raw.decode("latin-1")).name == name

    def test_a_code_is_as_long_as_its_bytes(self) -> None:
        name, text = "Ж" * 70, "Ж" * 140
        code = f"BCD\n002\n{{}}\nSCT\n\n{name}\n{IBAN}\nEUR1\n\n\n{text}"
        assert epc.read(code.format("5")).text == text
        assert refused(epc.read, code.format("1")) == "code"

    @each_row("charset", ["0", "9", "", "12", "utf-8"])
    def test_another_set_is_refused(self, charset: str) -> None:
        assert refused(epc.read, f"BCD\n002\n{charset}\nSCT\n\nA\n{IBAN}\nEUR1") == "code"
        assert refused(epc.decoded, f"BCD\n002\n{charset}".encode()) == "code"

    def test_a_public_sample_is_read(self) -> None:
        text = "BCD\n002\n1\nSCT\nBPOTBEB1\nRed Cross\nBE72000000001616\nEUR1\nCHAR\n\nUrgency fund"
        assert read_code(text) == EpcPayment(
            "Red Cross", "BE72000000001616", 100, "BPOTBEB1", "CHAR", text="Urgency fund"
        )

    @given(VISIBLE, CENTS, VISIBLE, VISIBLE, st.sampled_from(["", "COBADEFF"]))
    def test_what_is_written_is_read(
        self, name: str, cents: int | None, text: str, note: str, bic: str
    ) -> None:
        payment = EpcPayment(name, IBAN, cents, bic, "", "", text, note)
        assert epc.read(epc.write(payment)) == payment

    @given(ULIDS)
    def test_a_reference_is_carried(self, payment: Ulid) -> None:
        reference = rf.reference_of(payment)
        assert epc.read(epc.write(EpcPayment("A", IBAN, 1, reference=reference))).reference == (
            reference
        )

    def test_lines_may_end_as_in_windows(self) -> None:
        payment = EpcPayment("A", IBAN, 1)
        assert epc.read(epc.write(payment).replace("\n", "\r\n")) == payment

    @each_row("hidden", HIDDEN)
    @each_row("field", ["name", "text", "note"])
    def test_nothing_hidden_is_written(self, field: str, hidden: str) -> None:
        change: dict[str, Any] = {field: f"a{hidden}b"}
        payment = attrs.evolve(EpcPayment("A", IBAN, 1), **change)
        assert refused(epc.write, payment) == field

    def test_a_line_break_in_the_name_cannot_become_an_account(self) -> None:
        forged = EpcPayment("Red Cross\nBE72000000001616", IBAN, 1)
        assert refused(epc.write, forged) == "name"

    @each_row(
        ("change", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 71}, "name"),
            ({"text": "x" * 141}, "text"),
            ({"note": "x" * 71}, "note"),
            ({"iban": "DE89370400440532013001"}, "iban"),
            ({"iban": "XX00"}, "iban"),
            ({"bic": "COBADEF"}, "bic"),
            ({"purpose": "chars"}, "purpose"),
            ({"reference": "RF19539007547034"}, "reference"),
            ({"reference": "RF18539007547034", "text": "x"}, "text"),
            ({"amount_minor": 0}, "amount"),
            ({"amount_minor": -1}, "amount"),
            ({"amount_minor": epc.AMOUNT_MINOR_MAX + 1}, "amount"),
            ({"name": "ы" * 70, "text": "ы" * 140}, "code"),
        ],
    )
    def test_a_wrong_field_is_named(self, change: dict[str, Any], field: str) -> None:
        assert refused(epc.write, attrs.evolve(EpcPayment("A", IBAN, 1), **change)) == field

    def test_the_longest_fields_pass(self) -> None:
        epc.write(EpcPayment("x" * 70, IBAN, epc.AMOUNT_MINOR_MAX, text="y" * 140))

    @each_row(
        ("old", "new", "field"),
        [
            ("BCD", "BCX", "code"),
            ("002", "003", "code"),
            ("002", "001", "bic"),
            ("\n1\n", "\n9\n", "code"),
            ("SCT", "SDD", "code"),
            ("EUR1.00", "EUR1.005", "amount"),
            ("EUR1.00", "EUR1,00", "amount"),
            ("EUR1.00", "USD1.00", "amount"),
            ("EUR1.00", "EUR0.00", "amount"),
            ("EUR1.00", "EUR-1", "amount"),
            ("EUR1.00", "EUR1e3", "amount"),
            ("EUR1.00", "EUR１", "amount"),
            ("EUR1.00", "EUR1\n\n\n\n\nmore", "code"),
            ("DE89", "DE88", "iban"),
        ],
    )
    def test_a_wrong_line_is_refused(self, old: str, new: str, field: str) -> None:
        text = epc.write(EpcPayment("A", IBAN, 100)).replace(old, new, 1)
        assert refused(epc.read, text) == field


class TestEmv:
    def test_the_check_has_its_public_value(self) -> None:
        assert crc("123456789") == "29B1"

    def test_the_central_banks_sample_is_read_and_made(self) -> None:
        payment = pix(
            "123e4567-e12b-12d1-a456-426655440000",
            name="Fulano de Tal",
            city="BRASILIA",
            amount_minor=None,
            reference="",
        )

        assert read_code(PIX_SAMPLE) == payment
        assert emv.write(payment) == PIX_SAMPLE

    def test_emvcos_sample_is_read_with_its_unknown_tags(self) -> None:
        payment = emv.read(EMVCO_SAMPLE)

        assert (payment.amount_minor, payment.currency, payment.is_dynamic) == (2372, "CNY", True)
        assert dict(payment.others)["64"] == "0002ZH0104最佳运输0202北京"
        assert emv.read(emv.write(payment)) == payment

    @given(
        VISIBLE,
        VISIBLE,
        st.none() | st.integers(1, 10**9),
        st.sampled_from(["EUR", "JPY", "KWD", "BRL"]),
        VISIBLE,
        st.sampled_from([None, True, False]),
    )
    def test_what_is_written_is_read(
        self,
        name: str,
        city: str,
        amount: int | None,
        currency: str,
        reference: str,
        is_dynamic: bool | None,
    ) -> None:
        templates = (Template("27", "org.example", (("01", "x"),)),)
        payment = EmvPayment(
            name,
            city,
            "DE",
            currency,
            amount,
            templates,
            reference,
            is_dynamic,
            others=(("80", "y"),),
        )
        assert emv.read(emv.write(payment)) == payment

    @given(st.integers(0, 500), st.sampled_from("0123456789ABCXYZ*. "))
    def test_one_altered_character_is_refused(self, at: int, by: str) -> None:
        wrong = altered(PIX_SAMPLE, at, by)
        if wrong != PIX_SAMPLE:
            with pytest.raises(MalformedError):
                emv.read(wrong)

    @each_row("hidden", HIDDEN)
    def test_nothing_hidden_gets_in_or_out(self, hidden: str) -> None:
        payment = attrs.evolve(emv.read(PIX_SAMPLE), name=f"a{hidden}b")
        body = PIX_SAMPLE[:-4].replace("Fulano de Tal", f"Fulano{hidden}de Tal")

        assert refused(emv.write, payment) == "name"
        assert refused(emv.read, body + crc(body)) == "59"

    @each_row(
        ("old", "new", "field"),
        [
            ("000201", "000202", "00"),
            ("5303986", "5303000", "currency"),
            ("5303986", "", "currency"),
            ("5802BR", "54040.005802BR", "amount"),
            ("5802BR", "540510.005802BR540510.00", "code"),
            ("5802BR", "54051,0005802BR", "amount"),
            ("5802BR", "55020256021058" + "02BR", "55"),
            ("5802BR", "5802br", "country"),
            ("5802BR", "5800", "code"),
            ("5802BR", "5899BR", "code"),
            ("5913Fulano de Tal", "", "name"),
            ("26580014br", "26580114br", "26"),
        ],
    )
    def test_a_wrong_field_is_named(self, old: str, new: str, field: str) -> None:
        body = PIX_SAMPLE[:-4].replace(old, new, 1)
        assert refused(emv.read, body + crc(body)) == field

    @each_row(
        ("change", "field"),
        [
            ({"name": "x" * 26}, "name"),
            ({"city": "x" * 16}, "city"),
            ({"reference": "x" * 26}, "reference"),
            ({"currency": "XTS"}, "currency"),
            ({"amount_minor": 0}, "amount"),
            ({"templates": (Template("52", "x"),)}, "templates"),
            ({"others": (("54", "1"),)}, "others"),
            ({"others": (("5", "1"),)}, "others"),
            ({"others": (("80", "x" * 100),)}, "80"),
            ({"others": tuple((str(n), "x" * 99) for n in range(80, 86))}, "code"),
        ],
    )
    def test_a_wrong_field_is_not_written(self, change: dict[str, Any], field: str) -> None:
        assert refused(emv.write, attrs.evolve(emv.read(PIX_SAMPLE), **change)) == field


class TestGost:
    def test_a_public_sample_is_made_and_read(self) -> None:
        text = gost56042.write(GOST)

        assert text.startswith("ST00012|Name=ООО «Три кита»|PersonalAcc=40702810138250123017|")
        assert read_code(text) == GOST

    @pytest.mark.parametrize(
        ("digit", "encoding"), [("1", "cp1251"), ("2", "utf-8"), ("3", "koi8-r")]
    )
    def test_bytes_are_read_as_the_code_says(self, digit: str, encoding: str) -> None:
        payment = attrs.evolve(GOST, name="ООО Три кита")
        text = gost56042.write(payment).replace("ST00012", f"ST0001{digit}", 1)
        assert gost56042.read(text.encode(encoding)) == payment

    def test_bytes_of_another_encoding_are_refused(self) -> None:
        assert refused(gost56042.read, gost56042.write(GOST).encode("cp1251")) == "code"

    @given(VISIBLE, st.none() | st.integers(1, 10**9), VISIBLE)
    def test_what_is_written_is_read(self, name: str, total: int | None, purpose: str) -> None:
        payment = attrs.evolve(GOST, name=name, sum_minor=total, others={"Purpose": purpose})
        assert gost56042.read(gost56042.write(payment)) == payment

    def test_another_separator_is_taken_where_a_value_has_the_first(self) -> None:
        payment = attrs.evolve(GOST, name="a|b")

        assert gost56042.write(payment)[7] == "~"
        assert gost56042.read(gost56042.write(payment)) == payment

    def test_there_must_be_a_separator_left(self) -> None:
        assert refused(gost56042.write, attrs.evolve(GOST, name="|~^#`")) == "code"

    @given(st.integers(0, 19), st.sampled_from("0123456789"))
    def test_one_wrong_digit_of_the_account_is_found(self, at: int, by: str) -> None:
        wrong = attrs.evolve(GOST, account=altered(GOST.account, at, by))
        if wrong != GOST:
            with pytest.raises(MalformedError):
                gost56042.write(wrong)

    @each_row("hidden", HIDDEN)
    def test_nothing_hidden_is_written(self, hidden: str) -> None:
        assert refused(gost56042.write, attrs.evolve(GOST, name=f"a{hidden}b")) == "Name"

    @each_row(
        ("old", "new", "field"),
        [
            ("ST00012", "ST00022", "code"),
            ("ST00012", "ST00014", "code"),
            ("Sum=120000", "Sum=12.50", "Sum"),
            ("Sum=120000", "Sum=0", "Sum"),
            ("Sum=120000", "Sum=-1", "Sum"),
            ("Sum=120000", "Sum=1|Sum=2", "Sum"),
            ("Sum=120000", "Sum", "code"),
            ("Name=", "name=", "code"),
            ("BIC=044525225", "BIC=04452522", "BIC"),
            ("BIC=044525225", "BIC=044525226", "PersonalAcc"),
            ("CorrespAcc=30101810400000000225", "CorrespAcc=30101810400000000226", "CorrespAcc"),
            ("PersonalAcc=4", "PersonalAcc=", "PersonalAcc"),
        ],
    )
    def test_a_wrong_field_is_named(self, old: str, new: str, field: str) -> None:
        assert refused(gost56042.read, gost56042.write(GOST).replace(old, new, 1)) == field

    @each_row(
        ("change", "field"),
        [
            ({"name": "x" * 161}, "Name"),
            ({"bank": "x" * 46}, "BankName"),
            ({"name": "ы" * 160}, "code"),
            ({"others": {"Purpose": "x" * 211}}, "Purpose"),
            ({"others": {"Sum": "1"}}, "Sum"),
            ({"others": {"A=B": "1"}}, "others"),
        ],
    )
    def test_a_wrong_field_is_not_written(self, change: dict[str, Any], field: str) -> None:
        assert refused(gost56042.write, attrs.evolve(GOST, **change)) == field

    def test_too_many_fields_are_refused(self) -> None:
        text = gost56042.write(GOST) + "".join(f"|X{n}=1" for n in range(gost56042.FIELDS_MAX))
        assert refused(gost56042.read, text) == "code"


class TestLinks:
    def test_the_public_sample_of_the_sbp_is_read_and_made(self) -> None:
        link = SbpLink("AS10003P3RH0LJ2A9ROO038L6NT5RU1M", "000000000001", False, 10_000)

        assert read_code(SBP_SAMPLE) == link
        assert links.write_sbp(link) == SBP_SAMPLE

    @given(st.integers(0, 200), st.sampled_from("0123456789ABCXYZ&=?/"))
    def test_one_altered_character_of_it_is_refused(self, at: int, by: str) -> None:
        wrong = altered(SBP_SAMPLE, at, by)
        if wrong != SBP_SAMPLE:
            with pytest.raises(MalformedError):
                links.read_sbp(wrong)

    @each_row(
        ("old", "new", "field"),
        [
            ("type=01", "type=03", "type"),
            ("cur=RUB", "cur=EUR", "cur"),
            ("sum=10000", "sum=1.5", "sum"),
            ("sum=10000", "sum=0", "sum"),
            ("sum=10000", "sum=1&sum=2", "code"),
            ("/AS1", "/XX1", "id"),
            ("bank=000000000001", "bank=x", "bank"),
        ],
    )
    def test_a_wrong_field_of_it_is_named(self, old: str, new: str, field: str) -> None:
        text = SBP_SAMPLE.rpartition("&")[0].replace(old, new, 1)
        assert refused(links.read_sbp, f"{text}&crc={crc(text)}") == field

    def test_a_link_of_upi_says_that_its_signature_is_not_checked(self) -> None:
        text = "upi://pay?pa=shop@bank&pn=The%20Shop&am=10.50&cu=INR&tr=T1&sign=abc"
        assert read_code(text) == UpiLink("shop@bank", "The Shop", 1050, "T1", "", True)

    @each_row(
        ("query", "field"),
        [
            ("pn=x", "pa"),
            ("pa=x", "pa"),
            ("pa=a@b&cu=EUR", "cu"),
            ("pa=a@b&am=1.005", "am"),
            ("pa=a@b&pn=a%0Ab", "pn"),
            ("pa=a@b&pn=%E2%80%AEx", "pn"),
            ("pa=a@b&pa=c@d", "code"),
            ("&".join(f"x{n}=1" for n in range(31)), "code"),
            ("pa=" + "x" * 1000, "code"),
        ],
    )
    def test_a_wrong_field_of_upi_is_named(self, query: str, field: str) -> None:
        assert refused(links.read_upi, f"upi://pay?{query}") == field

    @given(ULIDS, st.integers(1, links.VERSION_MAX), st.binary(min_size=8, max_size=8))
    def test_a_link_of_ours_is_read_as_written(self, id_: Ulid, version: int, tag: bytes) -> None:
        link = PayLink("pay.example.org:8448", id_, version, tag.hex())
        assert read_code(links.write_ours(link)) == link

    @each_row(
        "change",
        [
            {"server": "a b"},
            {"server": "evil.org/pay#x"},
            {"server": "user@evil.org"},
            {"version": 0},
            {"version": 1_000_000},
            {"hash": "0123"},
            {"hash": "0123456789ABCDEF"},
            {"invoice_id": Ulid("x")},
        ],
    )
    def test_a_link_with_a_wrong_field_is_not_made(self, change: dict[str, Any]) -> None:
        with pytest.raises(MalformedError):
            links.write_ours(attrs.evolve(LINK, **change))

    @pytest.mark.parametrize("server", ["localhost:8090", "localhost"])
    def test_only_the_links_of_this_machine_are_without_tls(self, server: str) -> None:
        text = links.write_ours(attrs.evolve(LINK, server=server))
        assert text.startswith(f"http://{server}/pay#")
        assert read_code(text) == attrs.evolve(LINK, server=server)

    @given(
        st.none() | st.integers(1, 10**12),
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=70),
    )
    def test_a_link_to_a_person_is_read_as_written(
        self, amount_minor: int | None, reference: str
    ) -> None:
        currency = "" if amount_minor is None else "EUR"
        for payee in ("@bob:example.org", "bakery"):
            link = PersonLink("pay.example.org", payee, amount_minor, currency, reference)
            assert read_code(links.write_person(link)) == link

    @each_row(
        ("query", "field"),
        [
            ("to=Bob", "to"),
            ("to=bob:example.org", "to"),
            ("to=@Bob:example.org", "to"),
            ("to=@bob:example.org&am=5", "code"),
            ("to=@bob:example.org&cu=EUR", "code"),
            ("to=@bob:example.org&am=5&cu=eur", "cu"),
            ("to=@bob:example.org&am=5&cu=XYZ", "currency"),
            ("to=@bob:example.org&am=0&cu=EUR", "am"),
            ("to=@bob:example.org&am=1.234&cu=EUR", "am"),
            ("to=@bob:example.org&for=" + "x" * 71, "for"),
            ("to=@bob:example.org&for=a%0Ab", "for"),
            ("to=@bob:example.org&to=@eve:example.org", "code"),
            ("to=@bob:example.org&x=1", "code"),
            ("to=@bob:example.org for", "code"),
        ],
    )
    def test_a_wrong_field_of_a_link_to_a_person_is_named(self, query: str, field: str) -> None:
        assert refused(read_code, f"https://pay.example.org/pay#{query}") == field

    @each_row("tail", ["x", ".1", "\n", "?a=b", ""])
    def test_what_is_added_to_a_link_is_refused(self, tail: str) -> None:
        text = links.write_ours(LINK)
        wrong = text + tail if tail else text[:-1]
        assert refused(read_code, wrong) == "code"


@each_row("text", ["", "hello", "bcd", "http://x/pay#1", "javascript:alert(1)"])
def test_what_is_no_payment_code_is_refused(text: str) -> None:
    assert refused(read_code, text) == "code"


def test_a_code_that_no_picture_can_hold_is_refused() -> None:
    assert refused(read_code, "BCD\n" + "x" * CODE_CHARACTERS_MAX) == "code"


@given(
    st.text(max_size=200)
    | st.sampled_from([PIX_SAMPLE, SBP_SAMPLE]).flatmap(
        lambda s: st.tuples(st.just(s), st.integers(0, 300)).map(lambda p: p[0][: p[1]])
    )
)
def test_whatever_is_scanned_is_read_or_refused(text: str) -> None:
    for prefix in (
        "",
        "BCD\n002\n1\nSCT\n",
        "000201",
        "ST00012|",
        "https://qr.nspk.ru/",
        "upi://pay?",
    ):
        try:
            read_code(prefix + text)
        except MalformedError:
            continue


class TestDrawing:
    def test_the_largest_girocode_fits(self) -> None:
        text = epc.write(EpcPayment("x" * 70, IBAN, epc.AMOUNT_MINOR_MAX, text="y" * 140))

        svg = draw_svg(text, version_max=EPC_VERSION_MAX)
        assert svg.startswith(b"<svg")
        assert b"script" not in svg

    def test_a_picture_is_drawn(self) -> None:
        assert draw_png("x").startswith(b"\x89PNG")

    def test_what_does_not_fit_is_refused(self) -> None:
        with pytest.raises(TooLargeError):
            draw_svg("ы" * 400, version_max=EPC_VERSION_MAX)
        with pytest.raises(TooLargeError):
            draw_svg("ы" * 4000)
