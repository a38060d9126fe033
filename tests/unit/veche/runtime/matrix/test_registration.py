"""The registration of the application service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.tables import each_row
from veche.runtime.matrix.registration import is_of_namespace, registration_document


def document() -> dict[str, Any]:
    return registration_document(
        "veche", "http://127.0.0.1:8009", "example.org", as_token="ours", hs_token="theirs"
    )


@each_row(
    ("user_id", "is_ours"),
    [
        ("@veche_:example.org", True),
        ("@veche_pay:example.org", True),
        ("@alice:example.org", False),
        ("@veche_pay:elsewhere.org", False),
        ("@veche_pay:example.org.evil", False),
        ("@vechepay:example.org", False),
        ("veche_pay:example.org", False),
        ("@veche_pay", False),
        ("", False),
    ],
)
def test_whose_a_user_is(user_id: str, is_ours: bool) -> None:
    assert is_of_namespace(user_id, "example.org") is is_ours


@pytest.mark.parametrize("kind", ["users", "aliases"])
def test_the_namespaces_are_exclusive_and_of_this_server_alone(kind: str) -> None:
    [space] = document()["namespaces"][kind]
    mark = space["regex"][0]

    assert mark == {"users": "@", "aliases": "#"}[kind]
    assert space["exclusive"] is True
    assert re.match(space["regex"], f"{mark}veche_pay:example.org")
    assert not re.match(space["regex"], f"{mark}veche_pay:exampleXorg")
    assert not re.match(space["regex"], f"{mark}veche:example.org")
    assert not re.match(space["regex"], f"{mark}alice:example.org")


def test_no_room_is_ours_alone() -> None:
    assert document()["namespaces"]["rooms"] == []


def test_bots_are_not_rate_limited_and_the_sender_is_in_the_namespace() -> None:
    made = document()

    assert made["rate_limited"] is False
    assert is_of_namespace(f"@{made['sender_localpart']}:example.org", "example.org")


def test_nobody_asks_the_homeserver_who_types_and_who_has_read() -> None:
    example = Path(__file__).parents[5] / "config/registration.example.yaml"

    assert document()["receive_ephemeral"] is False
    assert "\nreceive_ephemeral: false\n" in example.read_text()
