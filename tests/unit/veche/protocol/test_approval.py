"""Approvals: what may be shown, what is signed, and which signatures count."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.keys import (
    BrowserKey,
    canonical_json,
    point_of,
    signature_shown,
    unpadded_base64,
)
from tests.support.node import WIDGETS, node, why_no_node
from tests.support.tables import each_row
from veche.protocol.approval import (
    DOCUMENTS_MAX,
    SHOWN_BYTES_MAX,
    VALUES_MAX,
    AskedApproval,
    MandateShown,
    ReleaseShown,
    ShownDocument,
    ShownValue,
    SignatureShown,
    SignedApproval,
    documents_sha256,
    showable,
    shown_bytes,
    signed_bytes,
)
from veche.protocol.canonical import INTEGER_MAX, canonical
from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.p256 import public_key, verify
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import parse

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NONCE = "abcdefghijklmnopqrstuvwxyz234567"
HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
SHOWN: dict[str, dict[str, Any]] = {
    "payment": {
        "payee": "DE89 3704 0044 0532 0130 00",
        "payee_name": "Bakery",
        "amount": {"minor": 1250, "currency": "EUR"},
        "reference": "Invoice 7",
    },
    "release": {
        "to": "Town of Lindenau",
        "service": "Change of address",
        "number": "LIN-7",
        "values": [{"label": "Street", "value": "Ringstr. 1\n2nd floor"}],
    },
    "signature": signature_shown().model_dump(mode="json"),
    "mandate": {
        "what": "code_limit",
        "text": "Payments by code",
        "cap": {"minor": 0, "currency": "EUR"},
        "period": "day",
        "until_ms": 1,
    },
}
CANONICAL_JS = WIDGETS / "static" / "kit" / "canonical.js"
"""What the pages sign with."""
PROGRAM = f"""
import {{ canonical }} from "{CANONICAL_JS.as_uri()}";
let text = "";
for await (const part of process.stdin.setEncoding("utf8")) text += part;
process.stdout.write(JSON.parse(text).map(canonical).join("\\n"));
"""


def asked(kind: str = "payment", **changes: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "nonce": NONCE,
        "person": "@alice:example.org",
        "shown": {**SHOWN[kind], **changes},
    }


def signed(kind: str = "payment", **changes: Any) -> dict[str, Any]:
    return BrowserKey().signed({"v": 1, **asked(kind, **changes), "at_ms": 5})


@each_row("kind", SHOWN)
def test_what_is_signed_is_what_was_received(kind: str) -> None:
    received = signed(kind)

    read = parse(SignedApproval, received)
    assert signed_bytes(read.approval) == canonical_json(received["approval"])


@each_row("kind", SHOWN)
@each_row("other", SHOWN)
def test_each_kind_shows_its_own_fields(kind: str, other: str) -> None:
    content = {**asked(kind), "shown": SHOWN[other]}

    if kind == other:
        assert parse(AskedApproval, content).kind == kind
    else:
        with pytest.raises(MalformedError):
            parse(AskedApproval, content)


@each_row("kind", SHOWN)
def test_no_field_is_missing_and_none_is_added(kind: str) -> None:
    optional = {"cap", "period", "until_ms", "key", "documents", "hand", "title_sha256"}
    for field in SHOWN[kind].keys() - optional:
        content = asked(kind)
        del content["shown"][field]
        with pytest.raises(MalformedError):
            parse(AskedApproval, content)
    with pytest.raises(MalformedError):
        parse(AskedApproval, asked(kind, note="by the way"))
    with pytest.raises(MalformedError):
        parse(AskedApproval, {**asked(kind), "note": "by the way"})


DIGEST = "A" * 43


@each_row(
    ("titles", "is_good"),
    [
        ({"title": "Lease"}, True),
        ({"title_sha256": DIGEST}, True),
        ({}, False),
        ({"title": "Lease", "title_sha256": DIGEST}, False),
        ({"title_sha256": "A" * 42}, False),
        ({"title_sha256": ""}, False),
    ],
)
@each_row("where", ["document", "clause"])
def test_a_title_is_shown_or_the_digest_of_one_that_the_service_does_not_know(
    where: str, titles: dict[str, str], *, is_good: bool
) -> None:
    shown = dict(SHOWN["signature"])
    if where == "document":
        del shown["title"], shown["title_sha256"]
        shown.update(titles)
    else:
        shown["clauses"] = [{"id": "c1", "accepted": True, **titles}]
    content = {**asked("signature"), "shown": shown}

    if is_good:
        assert parse(AskedApproval, content).kind == "signature"
    else:
        with pytest.raises(MalformedError):
            parse(AskedApproval, content)


@each_row(
    "amount",
    [
        {"minor": 0, "currency": "EUR"},
        {"minor": -1, "currency": "EUR"},
        {"minor": INTEGER_MAX + 1, "currency": "EUR"},
        {"minor": 12.5, "currency": "EUR"},
        {"minor": True, "currency": "EUR"},
        {"minor": "1", "currency": "EUR"},
        {"minor": 1, "currency": "eur"},
        {"minor": 1, "currency": "EUR", "fee": 1},
    ],
)
def test_a_payment_shows_an_amount_that_is_one(amount: Any) -> None:
    with pytest.raises(MalformedError):
        parse(AskedApproval, asked("payment", amount=amount))


@each_row(
    "hidden",
    [
        "\u202e",  # turns round what follows
        "\u2066",
        "\u200b",
        "\u00ad",
        "\ufeff",
        "\u2028",
        "\u3164",
        "\U000e0041",
        "\x00",
        "\x1b",
        "\ud800",
        "\n",
        "\t",
    ],
)
def test_what_cannot_be_shown_as_it_is_is_refused(hidden: str) -> None:
    with pytest.raises(MalformedError):
        parse(AskedApproval, asked("payment", payee_name=f"Bak{hidden}ery"))


@given(st.text(max_size=60))
def test_what_was_made_showable_is_shown(text: str) -> None:
    shown = showable(text)

    assert showable(shown) == shown
    if 0 < len(shown) <= 200 and "\n" not in shown:
        assert parse(AskedApproval, asked("payment", reference=shown))
    assert ShownValue(label="x", value=shown).value == shown


def test_as_many_values_are_released_as_can_be_read() -> None:
    values = [{"label": "a", "value": ""}] * VALUES_MAX

    assert parse(AskedApproval, asked("release", values=values))
    with pytest.raises(MalformedError):
        parse(AskedApproval, asked("release", values=[*values, values[0]]))


def test_what_is_shown_has_a_bound() -> None:
    def release(size: int) -> ReleaseShown:
        value = ShownValue(label="a", value="x" * size)
        rest = tuple(ShownValue(label="a", value="x" * 2000) for _ in range(8))
        return ReleaseShown(to="t", service="s", number="n", values=(*rest, value))

    left = SHOWN_BYTES_MAX - len(shown_bytes(release(0)))
    assert len(shown_bytes(release(left))) == SHOWN_BYTES_MAX
    with pytest.raises(MalformedError):
        shown_bytes(release(left + 1))


def test_a_field_without_a_value_is_not_asked() -> None:
    shown = MandateShown(what="x", text="y", cap=None)

    assert json.loads(shown_bytes(shown)) == {"what": "x", "text": "y"}


@each_row("nonce", ["", NONCE[1:], NONCE + "a", NONCE.upper(), "1" * 32])
def test_a_nonce_has_its_form(nonce: str) -> None:
    with pytest.raises(MalformedError):
        parse(AskedApproval, {**asked(), "nonce": nonce})


def test_a_proof_is_one_thing() -> None:
    part = {"client_data": "", "authenticator_data": "", "signature": ""}
    content = signed()

    with pytest.raises(MalformedError):
        parse(SignedApproval, {**content, "webauthn": part})
    with pytest.raises(MalformedError):
        parse(SignedApproval, {**content, "signature": None})


def test_a_decline_shows_nothing() -> None:
    decline = {"v": 1, "kind": "decline", "nonce": NONCE, "person": "@a:b", "at_ms": 1}

    assert parse(SignedApproval, {**signed(), "approval": decline}).approval.kind == "decline"
    with pytest.raises(MalformedError):
        parse(SignedApproval, {**signed(), "approval": {**decline, "shown": SHOWN["payment"]}})


# Signatures


def test_a_signature_of_the_key_counts() -> None:
    key = BrowserKey()

    verify(key.public, b"what", key.sign(b"what"))


def test_a_signature_of_another_key_or_over_something_else_does_not() -> None:
    key = BrowserKey()
    signature = key.sign(b"what")

    for public, data in ((BrowserKey().public, b"what"), (key.public, b"whot")):
        with pytest.raises(BadSignatureError):
            verify(public, data, signature)


@each_row(
    ("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 1), (1, 2**256 - 1), (1, 1)]
)
def test_a_signature_out_of_range_does_not_count(r: int, s: int) -> None:
    signature = unpadded_base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    with pytest.raises(BadSignatureError):
        verify(BrowserKey().public, b"what", signature)


def test_a_signature_is_written_in_one_way() -> None:
    key = BrowserKey()
    signature = key.sign(b"what")
    others = ["", signature + "==", signature[:-1], signature + "A", signature + "\n", "!" * 86]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(signature[-1])
    others.append(signature[:-1] + alphabet[last ^ 1])  # the same bytes

    for other in others:
        with pytest.raises(BadSignatureError):
            verify(key.public, b"what", other)


def test_only_points_of_the_curve_are_keys() -> None:
    good = BrowserKey().public
    other = point_of(ec.generate_private_key(ec.SECP384R1()))

    assert public_key(good)
    for bad in (b"", good[:-1], good + b"\0", b"\x02" + good[1:33], good[:33] + bytes(32), other):
        with pytest.raises(MalformedError):
            public_key(bad)


# The same bytes on both sides

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())
@settings(max_examples=10, deadline=None)
@given(st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), min_size=20, max_size=25))
def test_javascript_writes_the_same_canonical_json(values: list[dict[str, Any]]) -> None:
    program = node()
    assert program is not None
    done = subprocess.run(
        [program, "--input-type=module", "-e", PROGRAM],
        input=json.dumps(values).encode(),
        capture_output=True,
        check=True,
    )

    assert done.stdout == b"\n".join(canonical(value) for value in values)


def several(count: int = 3, **changes: Any) -> dict[str, Any]:
    """What is shown of so many documents that are signed at once."""
    facts = signature_shown(documents=None).model_dump(mode="json", exclude_none=True)
    own = {name: value for name, value in facts.items() if name in ShownDocument.model_fields}
    digests = [hashlib.sha256(b"%d" % at).digest() for at in range(count)]
    documents = [
        {**own, "session": f"01KAV3Z8K4Q6V5W7X9Y0A1B{at:03d}", "sha256": encode_base64(digest)}
        for at, digest in enumerate(digests)
    ]
    whole = {"size": own["size"] * count, "pages": own["pages"] * count, "clauses": []}
    digest = encode_base64(documents_sha256(digests))
    first = {**facts, **documents[0], **whole, "sha256": digest, "documents": documents}
    return {**first, **changes}


def test_hundreds_of_documents_are_shown_by_one_approval_and_no_more() -> None:
    shown = SignatureShown.model_validate(several(DOCUMENTS_MAX))

    assert len(shown_bytes(shown)) > SHOWN_BYTES_MAX
    assert shown.facts_of("01KAV3Z8K4Q6V5W7X9Y0A1B249") == (shown.documents or ())[-1]
    assert shown.facts_of("01KAV3Z8K4Q6V5W7X9Y0A1B2C3") is None
    with pytest.raises(MalformedError):
        parse(SignatureShown, several(DOCUMENTS_MAX + 1))


def test_the_digest_of_documents_does_not_depend_on_their_order() -> None:
    one, other = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()

    assert documents_sha256([one, other]) == documents_sha256([other, one])
    assert (
        documents_sha256([one, other]) == hashlib.sha256(min(one, other) + max(one, other)).digest()
    )


@each_row(
    "change",
    [
        {"sha256": HASH},
        {"size": 1},
        {"pages": 1},
        {"title": "Another"},
        {"session": "01KAV3Z8K4Q6V5W7X9Y0A1B001"},
        {"code": "0000"},
        {"level": "S1"},
        {"clauses": [{"id": "c7", "title": "Penalty", "accepted": True}]},
        {"documents": []},
        {"documents": several()["documents"][:2]},
        {"documents": several()["documents"][::-1]},
        {"documents": [several()["documents"][0]] * 3},
    ],
)
def test_a_list_of_documents_says_of_all_what_it_says_of_each(change: dict[str, Any]) -> None:
    parse(SignatureShown, several())

    with pytest.raises(MalformedError):
        parse(SignatureShown, several(**change))
