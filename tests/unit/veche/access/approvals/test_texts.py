"""What a person reads of their keys says what the operator's rules are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.tables import each_row
from veche.access.approvals.core import Key, KeyKind, Rules, fingerprint, label_of
from veche.access.approvals.texts import enrolled_doc
from veche.protocol.ids import UserId
from veche.protocol.message import body
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW_MS = 1_764_000_000_000
HOUR_MS = 3_600_000
PUBLIC = b"\x04" + bytes(64)
EUR = {"EUR": 2_000}


def said(
    *held: Any, small: Mapping[str, int] = EUR, hold_ms: int = HOUR_MS, language: str = "en"
) -> str:
    key = Key(
        id=fingerprint(PUBLIC),
        person=UserId("@alice:veche.test"),
        kind=KeyKind.P256,
        public_key=PUBLIC,
        credential_id=None,
        transports=(),
        sign_count=0,
        label="Laptop",
        created_at_ms=NOW_MS,
        held_until_ms=NOW_MS + hold_ms,
    )
    rules = Rules(hold_ms, frozenset(held), small, {})
    return body(enrolled_doc(key, NOW_MS, rules, None, language))


def test_a_new_key_is_said_to_wait_for_what_is_held_and_for_nothing_else() -> None:
    assert ": a payment above a small amount." in said("payment")
    assert ": a payment." in said("payment", small={})
    assert ": a signature, a release of data." in said("release", "signature")
    assert "payment" not in said("mandate")


def test_a_key_that_does_not_wait_is_said_to_be_good_at_once() -> None:
    assert "may not approve" not in said(hold_ms=0)


@each_row("language", LANGUAGES)
def test_it_is_said_in_every_language(language: str) -> None:
    words = said("payment", "signature", "release", "mandate", language=language)

    assert "{" not in words
    assert ("may not approve" in words) == (language == "en")


@each_row(
    ("typed", "shown"),
    [
        ("Laptop", "Laptop"),
        ("  Anna's phone, no. 2 ", "Anna's phone, no. 2"),
        ("Chrome/Chromium on Linux", "Chrome Chromium on Linux"),
        ("“. Ask https://evil.example", ". Ask https evil example"),
        ("x` reply `yes", "x reply yes"),
        ("@mallory:evil.example", "mallory evil example"),
        ("“`\u202e", ""),
    ],
)
def test_a_label_does_not_leave_its_quotation_and_is_no_link(typed: str, shown: str) -> None:
    assert label_of(typed) == shown
