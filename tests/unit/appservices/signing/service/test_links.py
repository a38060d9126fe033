"""Whom somebody means, and what the link of a party opens."""

from __future__ import annotations

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.sessions.core.parties import Party, Role
from appservices.signing.sessions.core.records import Member
from appservices.signing.sessions.service.naming import name_of, user_named
from appservices.signing.sessions.service.tokens import (
    CHARACTERS,
    PartyToken,
    is_token,
    key_text,
    read_header,
    token_of,
)
from tests.support.tables import each_row
from veche.protocol.ids import Ulid, UserId

SEED = b"s" * 32
SESSION = Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C3")
BOB = Member(Party("p2", Role.SIGNER), "@bob:x.org", "Bob", "Sig2", Level.ADVANCED)
BOT, ME = UserId("@veche_signing:x.org"), UserId("@me:x.org")


def test_a_token_opens_one_session_as_one_party_for_one_person() -> None:
    token = token_of(SEED, SESSION, BOB)
    assert len(token) == CHARACTERS
    assert is_token(SEED, SESSION, BOB, token)
    for other in (
        (b"t" * 32, SESSION, BOB),
        (SEED, Ulid(SESSION[:-1] + "4"), BOB),
        (SEED, SESSION, attrs.evolve(BOB, person="@eve:x.org")),
        (SEED, SESSION, attrs.evolve(BOB, party=Party("p3", Role.SIGNER))),
    ):
        assert not is_token(*other, token)
    assert not is_token(SEED, SESSION, BOB, "")
    assert not is_token(SEED, SESSION, BOB, token + "\ud800")
    assert read_header(f" p2 {token} ") == PartyToken("p2", token)
    assert token not in repr(PartyToken("p2", token))
    for wrong in ("", "p2", f"p0 {token}", f"p2 {token}x", f"p2  {token}"):
        assert read_header(wrong) is None
    assert key_text(b"\xff" * 32) == "_" * 42 + "8"


@each_row(
    ("typed", "user_id"),
    [
        ("bob", "@bob:x.org"),
        ("@Bob", "@bob:x.org"),
        ("@bob:y.org", "@bob:y.org"),
        ("bob:y.org:8448", "@bob:y.org:8448"),
        ("https://matrix.to/#/%40bob%3Ay.org?via=y.org", "@bob:y.org"),
        ("me", ME),
        ("ICH", ME),
        ("я", ME),
        ("@veche_signing", None),
        ("@veche_signing:x.org", None),
        ("", None),
        ("bob smith", None),
        ("Боб", None),
        ("@bob:", "@bob:x.org"),
        ("@bob:y org", None),
        ("b" * 250, None),
    ],
)
def test_whom_somebody_means(typed: str, user_id: str | None) -> None:
    assert user_named(typed, BOT, ME) == user_id


def test_what_somebody_is_called() -> None:
    assert name_of(ME, "  Mia\u202e Meier ") == "Mia Meier"
    assert name_of(ME, "@eve:x.org") == "me"
    assert name_of(ME, "eve\uff20x") == "me"
    assert name_of(ME, "") == "me"
    assert len(name_of(ME, "x" * 500)) == 100
