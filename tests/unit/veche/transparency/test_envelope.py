from __future__ import annotations

import base64
import hashlib
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.errors import BadSignatureError, MalformedError, TooLargeError
from veche.transparency import envelope
from veche.transparency.envelope import ENVELOPE_BYTES_MAX, SIGNATURES_MAX, verify_ed25519

TOWN = "town.example"
KEY = envelope.signing_key("1", b"k" * 32)
KEYS = {"ed25519:1": envelope.public_key(KEY)}
BODY = {"v": 1, "title": "Straße", "amount": {"minor": 1250, "currency": "EUR"}}
SIGNED = envelope.sign(BODY, TOWN, KEY)


def with_signature(signature: object, key_id: str = "ed25519:1") -> dict[str, Any]:
    return {**BODY, "signatures": {TOWN: {key_id: signature}}}


def test_what_was_signed_verifies() -> None:
    envelope.verify(SIGNED, TOWN, KEYS)


def test_signing_leaves_the_body_as_it_was() -> None:
    assert "signatures" not in BODY
    assert {k: v for k, v in SIGNED.items() if k != "signatures"} == BODY


def test_a_second_signer_and_what_is_unsigned_change_nothing() -> None:
    other = envelope.signing_key("a", b"o" * 32)

    both = envelope.sign({**SIGNED, "unsigned": {"age": 1}}, "state.example", other)

    envelope.verify(both, TOWN, KEYS)
    envelope.verify(both, "state.example", {"ed25519:a": envelope.public_key(other)})


@each_row(
    "changed",
    [
        {**SIGNED, "title": "Strasse"},
        {**SIGNED, "amount": {"minor": 1251, "currency": "EUR"}},
        {**SIGNED, "more": 1},
        {k: v for k, v in SIGNED.items() if k != "v"},
        BODY,
        {**BODY, "signatures": {}},
        {**BODY, "signatures": []},
        {**BODY, "signatures": {TOWN: {}}},
        {**BODY, "signatures": {TOWN: "x"}},
        with_signature(None),
        with_signature(""),
        with_signature("!"),
        with_signature("é"),
        with_signature(SIGNED["signatures"][TOWN]["ed25519:1"] + "=="),
        with_signature(SIGNED["signatures"][TOWN]["ed25519:1"][:-1]),
        with_signature(SIGNED["signatures"][TOWN]["ed25519:1"], "ed25519:2"),
    ],
)
def test_anything_changed_or_missing_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadSignatureError, match=TOWN):
        envelope.verify(changed, TOWN, KEYS)


def test_a_signature_has_one_spelling_only() -> None:
    good = SIGNED["signatures"][TOWN]["ed25519:1"]
    # The last character carries two bits that decode to nothing.
    spellings = [good[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"]

    same_bytes = [
        s for s in spellings if base64.b64decode(s + "==") == base64.b64decode(good + "==")
    ]

    for spelling in set(same_bytes) - {good}:
        with pytest.raises(BadSignatureError):
            envelope.verify(with_signature(spelling), TOWN, KEYS)


def test_another_signer_or_key_does_not_do() -> None:
    other = envelope.public_key(envelope.signing_key("1", b"o" * 32))

    with pytest.raises(BadSignatureError):
        envelope.verify(SIGNED, "state.example", KEYS)
    with pytest.raises(BadSignatureError):
        envelope.verify(SIGNED, TOWN, {"ed25519:1": other})
    with pytest.raises(BadSignatureError):
        envelope.verify(SIGNED, TOWN, {})


def test_after_a_rotation_an_old_key_is_enough_but_a_wrong_signature_is_not_passed_over() -> None:
    new = envelope.signing_key("2", b"n" * 32)
    both = envelope.sign(SIGNED, TOWN, new)
    keys = {**KEYS, "ed25519:2": envelope.public_key(new)}

    envelope.verify(both, TOWN, KEYS)
    envelope.verify(both, TOWN, keys)
    both["signatures"][TOWN]["ed25519:2"] = both["signatures"][TOWN]["ed25519:1"]
    with pytest.raises(BadSignatureError, match="ed25519:2"):
        envelope.verify(both, TOWN, keys)


def test_bounds_of_an_envelope() -> None:
    frame = len(b'{"x":""}')
    largest = {"x": "a" * (ENVELOPE_BYTES_MAX - frame)}

    envelope.verify(envelope.sign(largest, TOWN, KEY), TOWN, KEYS)
    with pytest.raises(TooLargeError):
        envelope.sign({"x": largest["x"] + "a"}, TOWN, KEY)


def test_signatures_of_one_signer_have_a_bound() -> None:
    good = SIGNED["signatures"][TOWN]
    many = good | {f"ed25519:x{n}": "x" for n in range(SIGNATURES_MAX)}
    fewer = dict(list(many.items())[:SIGNATURES_MAX])

    envelope.verify({**BODY, "signatures": {TOWN: fewer}}, TOWN, KEYS)
    with pytest.raises(BadSignatureError, match="16"):
        envelope.verify({**BODY, "signatures": {TOWN: many}}, TOWN, KEYS)


@each_row("value", [1.5, 2**53, "\ud800", b"x"])
def test_what_has_no_canonical_json_is_neither_signed_nor_verified(value: object) -> None:
    with pytest.raises(MalformedError):
        envelope.sign({"x": value}, TOWN, KEY)
    with pytest.raises(MalformedError):
        envelope.verify({**SIGNED, "x": value}, TOWN, KEYS)


def test_a_seed_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        envelope.signing_key("1", b"short")


# --- one Ed25519 rule ---------------------------------------------------------------------------
# Signatures on which libraries disagree, made from the curve's equation: points of small and mixed
# order, encodings that are not canonical, S + L. Source of the rule: "Taming the many EdDSAs"
# (Chalkias et al. 2020); of its choices ours is the strictest.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def multiply(n: int, a: Point) -> Point:
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, a)
        a, n = add(a, a), n >> 1
    return result


def from_y(y: int) -> Point | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y) if x * x % P == square else None


def base_point() -> Point:
    point = from_y(4 * pow(5, -1, P) % P)
    assert point is not None
    x, y = point
    return (x if x % 2 == 0 else P - x), y


def small_order_points() -> list[Point]:
    for y in itertools.count(2):
        point = from_y(y)
        eighth = multiply(L, point) if point else (0, 1)
        if multiply(4, eighth) != (0, 1):
            return [multiply(n, eighth) for n in range(8)]
    raise AssertionError


def encodings(a: Point) -> list[bytes]:
    """The canonical encoding of a point and every other one that decoders may take."""
    found = [(a[1] | (a[0] & 1) << 255).to_bytes(32, "little")]
    if a[1] < 19:
        found.append((a[1] + P | (a[0] & 1) << 255).to_bytes(32, "little"))
    if a[0] == 0:
        found += [bytes([*e[:31], e[31] | 0x80]) for e in found]
    return found


def crafted() -> list[tuple[bytes, bytes, bytes, bool]]:
    """Key, signature, message, and whether it is an honest one."""
    small, base = small_order_points(), base_point()
    secret, nonce = 7**80 % L, 11**70 % L
    made = []
    for (a, i), (r, j) in itertools.product(
        itertools.product((0, secret), range(8)), itertools.product((0, nonce), range(8))
    ):
        key_point, r_point = (add(multiply(n, base), small[t]) for n, t in ((a, i), (r, j)))
        is_prime_order = a != 0 and r != 0 and i == j == 0
        for key, r_bytes in itertools.product(encodings(key_point), encodings(r_point)):
            digest = hashlib.sha512(r_bytes + key + b"m").digest()
            s = (r + int.from_bytes(digest, "little") % L * a) % L
            made.append((key, r_bytes + s.to_bytes(32, "little"), b"m", is_prime_order))
            made.append((key, r_bytes + (s + L).to_bytes(32, "little"), b"m", False))
    return made


@pytest.mark.parametrize("is_lax", [False, True])
def test_of_crafted_signatures_only_the_honest_one_verifies(
    is_lax: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = crafted()
    if is_lax:
        monkeypatch.setattr(envelope, "_is_lax", lambda: True)

    verdicts = [verify_ed25519(*row[:3]) for row in made]

    assert len(made) > 500
    assert verdicts == [row[3] for row in made]
    assert sum(verdicts) == 1


def test_the_signatures_by_which_a_lax_library_shows_itself_are_such() -> None:
    key, small, base = envelope._LAX_KEY, small_order_points(), base_point()
    secret, nonce = 7**80 % L, 11**70 % L
    made = []
    for r, r_point in ((nonce, add(multiply(nonce, base), small[1])), (0, (0, 1))):
        r_bytes = encodings(r_point)[0]
        digest = hashlib.sha512(r_bytes + key + b"m").digest()
        s = (r + int.from_bytes(digest, "little") * secret) % L
        made.append(r_bytes + s.to_bytes(32, "little"))

    assert encodings(multiply(secret, base))[0] == key
    assert tuple(made) == envelope._LAX_SIGNATURES


@each_row(("key_bytes", "signature_bytes"), [(31, 64), (33, 64), (32, 63), (32, 65)])
def test_other_lengths_are_never_right(key_bytes: int, signature_bytes: int) -> None:
    key, message = envelope.public_key(KEY), b"m"
    signature = KEY.sign(message).signature

    assert verify_ed25519(key, signature, message)
    assert not verify_ed25519(
        (key + b"x")[:key_bytes], (signature + b"x")[:signature_bytes], message
    )


@given(st.binary(max_size=40), st.integers(0, 511))
def test_any_bit_changed_is_wrong(message: bytes, bit: int) -> None:
    signature = bytearray(KEY.sign(message).signature)
    signature[bit // 8] ^= 1 << bit % 8

    assert not verify_ed25519(envelope.public_key(KEY), bytes(signature), message)
