"""What is said to providers by version 1, and what is refused of what they say."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from appservices.signing.keys.core import csc
from appservices.signing.keys.core.csc import Field, ProviderRefusedError, Version
from tests.support.signing import Office
from tests.support.tables import each_row
from veche.documents.pki.cms import der_of
from veche.protocol.errors import MalformedError

ROOT = base64.b64encode(der_of(Office().root.certificate)).decode()


def _info(**changed: Any) -> dict[str, Any]:
    return {
        "key": {"status": "enabled", "algo": ["1.2.840.10045.4.3.2"]},
        "cert": {"certificates": [ROOT]},
        "authMode": "explicit",
        "PIN": {"presence": "true", "label": "Your PIN"},
        "OTP": {"presence": "true", "type": "online", "label": "A\ncode"},
        "multisign": 1,
    } | changed


def test_version_1_asks_for_a_pin_and_a_code_that_is_sent() -> None:
    remote = csc.remote_of(Version.V1, "one", _info())

    assert remote.fields == [Field("PIN", "Your PIN"), Field("OTP", "A code", is_challenge=True)]
    assert csc.challenge_body(Version.V1, remote, remote.fields[1]) == (
        "credentials/sendOTP",
        {"credentialID": "one"},
    )
    body = csc.authorise_body(Version.V1, remote, [bytes(32)], {"PIN": "1", "OTP": "2"})
    digest = base64.b64encode(bytes(32)).decode()
    assert body == {
        "credentialID": "one",
        "numSignatures": 1,
        "hash": [digest],
        "PIN": "1",
        "OTP": "2",
    }
    assert csc.sign_body(Version.V1, remote, [bytes(32)], "sad") == {
        "credentialID": "one",
        "SAD": "sad",
        "signAlgo": "1.2.840.10045.4.3.2",
        "hash": [digest],
        "hashAlgo": "2.16.840.1.101.3.4.2.1",
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"key": {"status": "disabled", "algo": []}}, "not enabled"),
        ({"cert": {"status": "revoked", "certificates": [ROOT]}}, "certificate is revoked"),
        ({"authMode": "oauth2code"}, "a page of its provider"),
    ],
)
def test_a_credential_that_cannot_be_used_is_refused(changed: Any, words: str) -> None:
    with pytest.raises(ProviderRefusedError, match=words):
        csc.remote_of(Version.V1, "one", _info(**changed))


@each_row(
    "changed",
    [
        {"cert": {}},
        {"cert": {"certificates": []}},
        {"cert": {"certificates": [ROOT] * 11}},
        {"cert": {"certificates": ["?"]}},
        {"cert": {"certificates": ["AAAA"]}},
        {"key": {"status": "enabled", "algo": "1.2"}},
    ],
)
def test_what_is_no_credential_is_refused(changed: Any) -> None:
    with pytest.raises(MalformedError):
        csc.remote_of(Version.V1, "one", _info(**changed))


def test_a_credential_that_signs_otherwise_is_refused() -> None:
    other = _info(key={"status": "enabled", "algo": ["1.2.840.113549.1.1.10"]})
    remote = csc.remote_of(Version.V1, "one", other)

    with pytest.raises(ProviderRefusedError, match="neither ECDSA nor RSA"):
        csc.sign_body(Version.V1, remote, [bytes(32)], "sad")


def test_what_a_provider_says_is_shown_on_one_line() -> None:
    assert csc.said("a\nb\u202ec" + "x" * 300) == "a bc" + "x" * 196
