import hashlib
import hmac
import json

import attrs
import pytest
from canonicaljson import encode_canonical_json
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.acts import (
    EMPTY_HEAD,
    ENTRY_BYTES_MAX,
    OPENING_BYTES_MAX,
    ActClass,
    ActReceipt,
    ActToken,
    ChainProof,
    Opening,
    bind,
    call_form,
    commitment,
    inner,
    make_entry,
    next_head,
    plaintext_hash,
    read_chain_proof,
    read_entry,
    verify_act_token,
)
from veche.protocol.errors import ActRequiredError, MalformedError
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import parse

AT_MS = 1_763_999_999_000
SALT = bytes(range(32))
FORM = call_form("outbox", "send", room_id="!r", ph="x")
OPENING = Opening(
    act=ActClass.MESSAGE,
    id="01JD0000000000000000000000",
    agency="lindenau",
    actor="bot",
    subject="p" * 22,
    seq=1,
    prev="",
    ts=AT_MS,
    purpose="birth-certificate-copy",
    basis="request of the person",
).to_json()


def receipt(form: dict[str, str] = FORM, prev: bytes = EMPTY_HEAD) -> ActReceipt:
    hidden = inner(OPENING, SALT)
    entry = make_entry("lindenau", ActClass.MESSAGE, AT_MS, 1, commitment(bind(form), hidden))
    proof = ChainProof(0, prev, next_head(prev, entry))
    return ActReceipt(v=1, e=entry.decode(), i=encode_base64(hidden), proof=proof.to_text())


def changed(name: str, value: object) -> ActReceipt:
    return parse(ActReceipt, {**receipt().model_dump(), name: value})


def test_the_commitment_is_computed_as_the_formats_say() -> None:
    hidden = hmac.new(SALT, b"veche-act/v1\n" + encode_canonical_json(OPENING), "sha256").digest()
    bound = hashlib.sha256(b"veche-bind/v1\n" + encode_canonical_json(FORM)).digest()

    c = hashlib.sha256(b"veche-leaf/v1\n" + bound + hidden).digest()
    assert commitment(bind(FORM), inner(OPENING, SALT)) == c


def test_the_entry_shows_the_hour_and_nothing_of_the_person() -> None:
    entry = json.loads(receipt().e)

    assert entry.keys() == {"a", "c", "h", "k", "n", "v"}
    assert (entry["a"], entry["h"], entry["k"], entry["n"]) == (
        "lindenau",
        "2025-11-24T15",
        "message",
        1,
    )


def test_a_receipt_gives_a_token_for_its_effect() -> None:
    token = verify_act_token(receipt(), FORM)

    assert token.organisation == "lindenau"
    assert token.commitment == commitment(bind(FORM), inner(OPENING, SALT))


def test_a_token_cannot_be_made_in_another_way() -> None:
    token = verify_act_token(receipt(), FORM)

    with pytest.raises(TypeError, match="verify_act_token"):
        ActToken(token.commitment, "lindenau", receipt(), None, object())
    with pytest.raises(TypeError):
        ActToken(token.commitment, "lindenau", receipt(), None)  # type: ignore[call-arg]  # the point
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        token.commitment = b""  # type: ignore[misc]  # the point


@each_row("key", sorted(FORM))
def test_a_receipt_is_for_no_other_effect(key: str) -> None:
    with pytest.raises(ActRequiredError, match="another act"):
        verify_act_token(receipt(), {**FORM, key: "other"})


@each_row(
    ("name", "value"),
    [
        ("i", "A" * 43),
        ("e", receipt().e.replace('"n":1', '"n":2')),
        ("e", receipt().e.replace('"message"', '"notice"')),
        ("e", receipt().e + " "),
        ("e", "{}"),
        ("e", "[1]"),
        ("e", "{{"),
        ("e", receipt().e.replace('"v":1', '"v":2')),
        ("e", receipt().e.replace('"k":"message"', '"k":"gossip"')),
        ("e", receipt().e.replace('"n":1', '"n":true')),
        ("proof", receipt().proof.replace("index 0", "index 00")),
        ("proof", receipt().proof.rstrip("\n")),
        ("proof", receipt().proof.replace("\n", "\r\n")),
        ("proof", receipt(prev=bytes(31) + b"\1").proof.replace("prev A", "prev B")),
        ("proof", "c2sp.org/tlog-proof@v1\n"),
    ],
)
def test_a_changed_receipt_is_refused(name: str, value: str) -> None:
    with pytest.raises(ActRequiredError):
        verify_act_token(changed(name, value), FORM)


@each_row(
    ("name", "value"),
    [("v", 2), ("i", "short"), ("e", "x" * (ENTRY_BYTES_MAX + 1)), ("proof", ""), ("e", None)],
)
def test_a_receipt_of_another_form_is_malformed(name: str, value: object) -> None:
    with pytest.raises(MalformedError) as raised:
        changed(name, value)
    assert raised.value.field == f"body.{name}"


@given(st.text(max_size=200))
def test_parsers_refuse_garbage_and_raise_nothing_else(text: str) -> None:
    for read in (read_entry, read_chain_proof):
        try:
            read(text)
        except ActRequiredError:
            continue


@each_row("name", ["", "Lindenau", "a b", "-a", "a" * 129])
def test_an_organisation_has_a_lower_case_name(name: str) -> None:
    with pytest.raises(ActRequiredError, match="name of an organisation"):
        make_entry(name, ActClass.MESSAGE, AT_MS, 1, bytes(32))


def test_the_longest_organisation_fits_into_an_entry() -> None:
    entry = make_entry("a" * 128, ActClass.RECORD_WRITE, AT_MS, 10**9, bytes(32))
    assert len(entry) <= ENTRY_BYTES_MAX


def test_an_opening_has_a_limit() -> None:
    fixed = len(encode_canonical_json({"why": ""}))
    inner({"why": "x" * (OPENING_BYTES_MAX - fixed)}, SALT)

    with pytest.raises(ActRequiredError, match="4096"):
        inner({"why": "x" * (OPENING_BYTES_MAX - fixed + 1)}, SALT)


def test_empty_optional_fields_are_left_out_of_an_opening() -> None:
    assert not {"why", "case", "ph"} & OPENING.keys()
    assert OPENING["prev"] == ""


def test_the_plaintext_hash_leaves_out_the_opening() -> None:
    content = {"body": "hello"}
    assert plaintext_hash({**content, "org.veche.opening": {"salt": "x"}}) == plaintext_hash(
        content
    )
    assert plaintext_hash({"body": "other"}) != plaintext_hash(content)
