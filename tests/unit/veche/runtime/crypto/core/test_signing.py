"""Keys, and signatures over Matrix JSON."""

from __future__ import annotations

from tests.support.crypto_peers import ANNA, Side
from tests.support.tables import each_row
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.core.signing import is_key, is_signed, signed_bytes, with_signature


@each_row(
    "value",
    [None, 7, "", "A" * 42, "A" * 42 + "B", "A" * 44, "~" * 43, b"A" * 43, "AAAA" * 10 + "AA="],
)
def test_what_is_not_32_bytes_in_base64_is_no_key(value: object) -> None:
    assert not is_key(value)


def test_32_bytes_are_a_key() -> None:
    assert is_key(encode_base64(bytes(32)))


def test_signatures_and_unsigned_are_not_signed() -> None:
    value = {"b": 1, "a": 2, "signatures": {"x": {}}, "unsigned": {"age": 1}}

    assert signed_bytes(value) == b'{"a":2,"b":1}'


def test_a_signature_holds_for_its_key_name_and_content_only() -> None:
    anna, eve = Side(ANNA, "ANNA1"), Side(ANNA, "EVE1")
    keys = anna.own.device_keys
    name = "ed25519:ANNA1"

    assert is_signed(keys, ANNA, name, anna.own.ed25519)
    assert not is_signed(keys, ANNA, name, eve.own.ed25519)
    assert not is_signed(keys, "@eve:veche.test", name, anna.own.ed25519)
    assert not is_signed(keys, ANNA, "ed25519:OTHER", anna.own.ed25519)
    assert not is_signed({**keys, "algorithms": []}, ANNA, name, anna.own.ed25519)


@each_row("signatures", [None, 7, [], {}, {ANNA: 7}, {ANNA: {"ed25519:ANNA1": 7}}])
def test_signatures_of_a_wrong_form_do_not_hold(signatures: object) -> None:
    anna = Side(ANNA, "ANNA1")
    keys = {**anna.own.device_keys, "signatures": signatures}

    assert not is_signed(keys, ANNA, "ed25519:ANNA1", anna.own.ed25519)


def test_a_key_of_small_order_signs_nothing() -> None:
    keys = with_signature({"a": 1}, ANNA, "ed25519:X", encode_base64(bytes(64)))

    assert not is_signed(keys, ANNA, "ed25519:X", encode_base64(b"\x01" + bytes(31)))


def test_what_cannot_be_canonical_is_not_signed() -> None:
    deep: object = "end"
    for _ in range(5_000):
        deep = [deep]
    value = {"deep": deep, "signatures": {ANNA: {"ed25519:X": encode_base64(bytes(64))}}}

    assert not is_signed(value, ANNA, "ed25519:X", encode_base64(bytes(32)))


def test_a_signature_more_leaves_those_of_others() -> None:
    foreign = {"signatures": {"@ca:veche.test": {"x509:a": "s"}, ANNA: {"ed25519:A": "t"}}}

    signed = with_signature(foreign, ANNA, "ed25519:B", "u")

    assert signed["signatures"]["@ca:veche.test"] == {"x509:a": "s"}
    assert signed["signatures"][ANNA] == {"ed25519:A": "t", "ed25519:B": "u"}
    assert foreign["signatures"][ANNA] == {"ed25519:A": "t"}
