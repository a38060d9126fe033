"""Whom somebody means who is to be paid, here or at another institution."""

from __future__ import annotations

from appservices.payments.service.naming import payee_named, server_named, user_named
from tests.support.tables import each_row
from veche.protocol.ids import UserId

BOT = UserId("@veche_payments:here.example")
SERVERS = ["other.example", "localhost:8448"]


@each_row(
    ("typed", "payee", "server"),
    [
        ("bob", "@bob:here.example", None),
        ("@Bob:here.example", "@bob:here.example", None),
        ("@bob:other.example", "@bob:other.example", "other.example"),
        ("Bob:OTHER.example", "@bob:other.example", "other.example"),
        ("@bob:localhost:8448", "@bob:localhost:8448", "localhost:8448"),
        (
            "https://matrix.to/#/%40bob%3Aother.example?via=other.example",
            "@bob:other.example",
            "other.example",
        ),
        ("@bob:third.example", None, "third.example"),
        ("@b b:other.example", None, "other.example"),
        ("@:other.example", None, "other.example"),
        ("@veche_payments:here.example", None, None),
        ("", None, None),
    ],
)
def test_a_payee_is_of_here_or_of_an_institution_that_there_is_an_agreement_with(
    typed: str, payee: str | None, server: str | None
) -> None:
    assert payee_named(typed, BOT, SERVERS) == payee
    assert server_named(typed, BOT) == server
    assert user_named(typed, BOT) == (payee if server is None else None)
