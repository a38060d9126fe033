"""What somebody asks about is found in their words."""

from __future__ import annotations

import pytest

from appservices.acts.core import Asked, read_asked

BOT = "@bot:example.org"
ACCOUNT = Asked("account", BOT)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (BOT, ACCOUNT),
        (f"  {BOT}\n", ACCOUNT),
        (f"https://matrix.to/#/{BOT}?via=example.org", ACCOUNT),
        ("https://matrix.to/#/%40bot%3Aexample.org", ACCOUNT),
        (f"{BOT} please", ACCOUNT),
        (f"is {BOT} official?", ACCOUNT),
        (f"Who is {BOT}?", ACCOUNT),
        (f"({BOT}), really", ACCOUNT),
        (f"<{BOT}>", ACCOUNT),
        ("#room:example.org", Asked("alias", "#room:example.org")),
        ("!room", Asked("room", "!room")),
        ("tax office", Asked("name", "tax office")),
        ("me@example.org", Asked("name", "me@example.org")),
        ("@", None),
        ("@a b:c", None),
        ("", None),
        ("x" * 256, None),
        ("a\0b", None),
    ],
)
def test_an_account_is_found_in_what_people_write(typed: str, asked: Asked | None) -> None:
    assert read_asked(typed) == asked
