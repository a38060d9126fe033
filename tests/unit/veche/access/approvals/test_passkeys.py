"""Passkeys: the answers of a browser that count, and each way in which one does not."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.keys import (
    PRESENT,
    VERIFIED,
    Passkey,
    fragment_base64,
    unpadded_base64,
)
from tests.support.tables import each_row
from veche.access.approvals.passkeys import check_assertion, creation_options, made
from veche.access.approvals.sites import Site, known_transports, site_of
from veche.protocol.approval import Assertion
from veche.protocol.errors import BadSignatureError
from veche.protocol.ids import UserId

SITE = Site("https://veche.example.org", "veche.example.org")
CHALLENGE = hashlib.sha256(b"what").digest()
ALICE = UserId("@alice:example.org")


def a_passkey(**changes: Any) -> Passkey:
    return Passkey(**{"origin": SITE.origin, "rp_id": SITE.rp_id, **changes})


def check(passkey: Passkey, answer: dict[str, str] | None = None) -> int:
    answer = answer or passkey.get(CHALLENGE)
    return check_assertion(SITE, passkey.public, CHALLENGE, Assertion.model_validate(answer))


@each_row(
    ("url", "site"),
    [
        (None, None),
        ("https://veche.example.org", SITE),
        ("https://veche.example.org:443", SITE),
        ("https://Veche.Example.Org", SITE),
        ("https://veche.example.org:8443", Site("https://veche.example.org:8443", SITE.rp_id)),
        ("http://localhost:8090", Site("http://localhost:8090", "localhost")),
        ("http://pages.localhost", Site("http://pages.localhost", "pages.localhost")),
        ("http://veche.example.org", None),
        ("http://127.0.0.1:8090", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_passkeys_need_a_name_and_a_safe_way(url: str | None, site: Site | None) -> None:
    assert site_of(url) == site


def test_a_browser_is_told_what_we_insist_on() -> None:
    options = creation_options(SITE, ALICE, b"handle", CHALLENGE, [])

    assert options["rp"]["id"] == SITE.rp_id
    assert options["challenge"] == fragment_base64(CHALLENGE)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [-7]
    assert options["attestation"] == "none"


def test_what_was_made_here_is_taken() -> None:
    passkey = a_passkey(sign_count=3)
    answer = passkey.create(CHALLENGE)

    found = made(SITE, CHALLENGE, answer["client_data"], answer["attestation_object"])
    assert found.credential_id == passkey.credential_id
    assert found.public_key == passkey.public
    assert found.sign_count == 3


WRONG: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://veche.example.org.evil.example"},
    "another port": {"origin": "https://veche.example.org:444"},
    "another name": {"rp_id": "example.org"},
    "nobody verified": {"flags": PRESENT},
    "nobody present": {"flags": VERIFIED},
    "in a frame": {"cross_origin": True},
    "not said whether in a frame": {"cross_origin": "no"},
}


@each_row("changes", list(WRONG.values()))
def test_what_was_made_otherwise_is_refused(changes: dict[str, Any]) -> None:
    passkey = a_passkey(**changes)
    answer = passkey.create(CHALLENGE)

    with pytest.raises(BadSignatureError):
        made(SITE, CHALLENGE, answer["client_data"], answer["attestation_object"])
    with pytest.raises(BadSignatureError):
        check(passkey)


@pytest.mark.parametrize("other", [{"challenge": bytes(32)}, {"curve": 2}, {"algorithm": -257}])
def test_another_challenge_curve_or_algorithm_is_refused(other: dict[str, Any]) -> None:
    answer = a_passkey().create(**{"challenge": CHALLENGE, **other})

    with pytest.raises(BadSignatureError):
        made(SITE, CHALLENGE, answer["client_data"], answer["attestation_object"])


def test_a_signature_of_the_passkey_counts() -> None:
    assert check(a_passkey(sign_count=9)) == 9
    assert check(a_passkey(cross_origin=None)) == 0


def test_a_signature_for_something_else_does_not() -> None:
    passkey = a_passkey()

    for answer in (
        passkey.get(bytes(32)),
        passkey.get(CHALLENGE, "webauthn.create"),
        a_passkey().get(CHALLENGE),
        {**passkey.get(CHALLENGE), "signature": a_passkey().get(CHALLENGE)["signature"]},
    ):
        with pytest.raises(BadSignatureError):
            check(passkey, answer)


@pytest.mark.parametrize("part", ["client_data", "authenticator_data", "signature"])
def test_each_changed_part_is_refused(part: str) -> None:
    passkey = a_passkey()
    answer = passkey.get(CHALLENGE)
    for changed in ("", answer[part][:-4], "AAAA" + answer[part][4:], answer[part] + "AAAA"):
        with pytest.raises(BadSignatureError):
            check(passkey, {**answer, part: changed})


@each_row("challenge", ["!", 5, None, "", "A" * 129])
def test_a_challenge_that_is_none_is_refused(challenge: Any) -> None:
    passkey = a_passkey()
    content = {"type": "webauthn.get", "challenge": challenge, "origin": SITE.origin}
    if isinstance(challenge, str) and challenge == "!":
        # The library's decoder passes over what is not base64.
        content["challenge"] = "!" + fragment_base64(CHALLENGE)
    answer = passkey.get(CHALLENGE)
    answer["client_data"] = unpadded_base64(json.dumps(content).encode())

    with pytest.raises(BadSignatureError):
        check(passkey, answer)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=80))
def test_nonsense_is_a_bad_signature(client_data: bytes, data: bytes, signature: bytes) -> None:
    parts = map(unpadded_base64, (client_data, data, signature))
    answer = dict(zip(("client_data", "authenticator_data", "signature"), parts, strict=True))

    with pytest.raises(BadSignatureError):
        check(a_passkey(), answer)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_a_nonsense_attestation_is_a_bad_signature(attestation: bytes) -> None:
    client_data = unpadded_base64(a_passkey().client_data("webauthn.create", CHALLENGE))

    with pytest.raises(BadSignatureError):
        made(SITE, CHALLENGE, client_data, unpadded_base64(attestation))


def test_only_known_ways_to_a_passkey_are_kept() -> None:
    assert known_transports(["usb", "internal", "usb", "telepathy"]) == ("internal", "usb")


def test_every_part_of_a_passkey_can_be_wrong() -> None:
    fields = {field.name for field in attrs.fields(Passkey)}

    assert {name for changes in WRONG.values() for name in changes} <= fields
