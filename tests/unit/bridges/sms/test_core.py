"""SMPP as values: what we write another codec reads, and what others write we read or refuse."""

from __future__ import annotations

import contextlib
import json

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from bridges.sms import core
from bridges.sms.core import Address, Command, FramingError, Part, Pdu, PduError, ShortMessage

SOURCE = Address("4930901820")
DESTINATION = Address("491700000001")
signs = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")


def message(text: str, **values: object) -> bytes:
    """Body of a message, written by another codec."""
    coding = 0 if core.gsm(text) is not None else 8
    raw = core.gsm(text) or text.encode("utf-16-be")
    given_ = {"data_coding": coding, "source_addr_ton": 1, "dest_addr_ton": 1, **values}
    made = smpp34.DeliverSm("491700000001", "4930901820", raw, **given_)  # type: ignore[arg-type]
    return made.encode()[core.HEADER_SIZE :]


@given(st.text(signs, min_size=1, max_size=600))
def test_a_text_survives_its_parts_and_another_codec_reads_each(text: str) -> None:
    found = core.parts(text, 7)
    words = ""
    for raw, coding, part in found:
        sm = ShortMessage(SOURCE, DESTINATION, raw, coding, part=part)
        body = core.submit_body(sm, 0xBEEF)
        other = smpp34.decode(core.joined(Pdu(Command.SUBMIT, 0, 1, body)))
        assert isinstance(other, smpp34.SubmitSm)
        assert (other.source_addr, other.destination_addr) == ("4930901820", "491700000001")
        assert (other.registered_delivery, other.data_coding) == (1, coding)
        assert other.tlvs[0].value == b"\xbe\xef"
        assert len(other.short_message) <= (160 if coding == 0 else 140)
        assert core.short_message(body).message == raw
        assert core.short_message(body).part == part
        words += core.text_of(coding, raw)

    if len(found) < core.PARTS_MAX:
        assert words == text


def test_a_text_of_too_many_parts_is_cut_and_says_so() -> None:
    found = core.parts("ж" * 20_000, 1)

    assert len(found) == core.PARTS_MAX
    words = "".join(core.text_of(coding, raw) for raw, coding, _ in found)
    assert words.endswith(core.ENDING)
    assert len(words) > 600


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 1530, 10),
    ],
)
def test_parts_are_as_few_as_can_be(text: str, count: int) -> None:
    assert len(core.parts(text, 1)) == count


@given(st.text(signs, max_size=70))
def test_a_message_of_another_codec_is_read(text: str) -> None:
    found = core.short_message(message(text))

    assert core.text_of(found.coding, found.message) == text
    assert (found.source.id, found.destination.id) == ("+491700000001", "+4930901820")


@pytest.mark.parametrize("header", [b"\5\0\3\7\3\2", b"\6\x08\4\0\7\3\2", b"\7\x24\0\0\3\7\3\2"])
def test_a_header_names_the_part(header: bytes) -> None:
    body = smpp34.DeliverSm("1234", "5678", header + b"hi", esm_class=0x40).encode()[16:]
    found = core.short_message(body)

    assert (found.part, found.message) == (Part(7, 3, 2), b"hi")


def test_parts_and_long_texts_in_optional_parameters_are_read() -> None:
    values = {0x020C: b"\0\7", 0x020E: b"\3", 0x020F: b"\2", 0x0424: b"x" * 300}
    tlvs = [smpp34.Tlv(tag, value) for tag, value in values.items()]
    found = core.short_message(smpp34.DeliverSm("1234", "5678", b"", tlvs=tlvs).encode()[16:])

    assert (found.part, found.message) == (Part(7, 3, 2), b"x" * 300)


@given(st.binary(max_size=300))
def test_random_octets_are_refused_and_nothing_else(octets: bytes) -> None:
    with contextlib.suppress(FramingError):
        core.split(octets)
    with contextlib.suppress(PduError):
        found = core.short_message(octets)
        core.receipt(found)
        core.text_of(found.coding, found.message)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_a_stream_is_cut_into_its_pdus_wherever_it_is_cut(sizes: list[int]) -> None:
    whole = b"".join(core.joined(Pdu(Command.ENQUIRE, 0, n)) for n in range(1, 11))
    found, buffer, at = [], b"", 0
    for size in [*sizes, len(whole)]:
        pdus, buffer = core.split(buffer + whole[at : at + size])
        found += pdus
        at += size

    assert [one.sequence for one in found] == list(range(1, 11))
    assert buffer == b""


@pytest.mark.parametrize("length", [0, 15, core.PDU_SIZE_MAX + 1, 0xFFFF_FFFF])
def test_a_length_that_is_none_is_refused_after_what_came_before_it(length: int) -> None:
    good = core.joined(Pdu(Command.ENQUIRE, 0, 1))
    pdus, rest = core.split(good + length.to_bytes(4, "big") + bytes(12))

    assert len(pdus) == 1
    with pytest.raises(FramingError):
        core.split(rest)


@pytest.mark.parametrize(
    ("state", "grade", "reason"),
    [
        ("DELIVRD", "delivered", "DELIVRD"),
        ("UNDELIV", "failed", "UNDELIV 027"),
        ("EXPIRED", "failed", "EXPIRED 027"),
        ("REJECTD", "failed", "REJECTD 027"),
        ("ACCEPTD", "", "ACCEPTD 027"),
        ("ENROUTE", "", "ENROUTE 027"),
        ("UNKNOWN", "", "UNKNOWN 027"),
    ],
)
def test_a_receipt_says_what_became_of_a_message(state: str, grade: str, reason: str) -> None:
    error = "000" if state == "DELIVRD" else "027"
    text = f"id:a1 sub:001 dlvrd:001 submit date:1 done date:2 stat:{state} err:{error} text:"
    found = core.receipt(core.short_message(message(text, esm_class=4)))

    assert found == core.Receipt("a1", grade, reason)


def test_optional_parameters_of_a_receipt_come_before_its_text() -> None:
    tlvs = [smpp34.Tlv(0x001E, b"b2\0"), smpp34.Tlv(0x0427, b"\2")]
    body = message("id:a1 stat:UNDELIV err:001", esm_class=4, tlvs=tlvs)

    assert core.receipt(core.short_message(body)) == core.Receipt("b2", "delivered", "DELIVRD 001")


@pytest.mark.parametrize(
    ("id_", "form", "known"),
    [
        ("00ff", "same", "00ff"),
        ("00ff", "hex_to_dec", "255"),
        ("255", "dec_to_hex", "ff"),
        ("no", "dec_to_hex", "no"),
        ("", "hex_to_dec", ""),
    ],
)
def test_an_id_is_written_as_receipts_write_it(id_: str, form: str, known: str) -> None:
    assert core.known_id(id_, form) == known


@pytest.mark.parametrize(
    ("address", "id_", "is_number"),
    [
        (Address("491700000001", 1), "+491700000001", True),
        (Address("+491700000001", 0), "+491700000001", True),
        (Address("12345", 0), "12345", True),
        (Address("Bank", 5), "Bank", False),
        (Address("12345", 5), "12345", False),
        (Address("", 1), "", False),
    ],
)
def test_only_a_number_can_be_answered(address: Address, id_: str, is_number: bool) -> None:
    assert (address.id, address.is_number) == (id_, is_number)
    assert json.dumps(id_)
