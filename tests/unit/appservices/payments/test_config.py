"""The section ``payments``: amounts and currencies that do not fit one another are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from appservices.payments import demo as payments_demo
from appservices.payments.config import PaymentsSection
from appservices.payments.disputes.core.dispute import HOLD_MORE_MS
from tests.support.tables import each_row
from veche.protocol.money import Money
from veche.server import demo
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from pathlib import Path

NO_ZONES = (
    "Mars",
    "",
    "Europe",
    "europe/berlin",
    "../UTC",
    "right/UTC",
    "posixrules",
    "zone.tab",
    "Ü",
    "x" * 300,
)
SECTION: dict[str, Any] = payments_demo.payments_section()


def section(**more: object) -> PaymentsSection:
    return PaymentsSection.model_validate({**SECTION, **more})


def test_the_demo_is_right_and_has_the_rules_of_the_design() -> None:
    one = section()

    assert one.fee_minor("EUR") == 0
    assert one.first_payee_minor("EUR") == 20_000
    assert (one.first_payee_wait_ms, one.large_part_wait_ms) == (43_200_000, 86_400_000)
    assert one.granted()[demo.ALICE.user_id] == Money(minor=100_000, currency="EUR")
    assert one.name_in("de") == "Bank von Lindenau"


def test_disputes_have_the_clocks_of_the_design_and_end_within_ninety_days() -> None:
    one = section()
    longest = section(dispute_answer="30 d", dispute_decide="59 d")

    days = [
        ms // 86_400_000
        for ms in (one.dispute_terms_ms, one.dispute_answer_ms, one.dispute_decide_ms)
    ]
    assert days == [120, 10, 30]
    assert one.dispute_desk == [demo.CAROL.user_id]
    held_ms = longest.dispute_answer_ms + longest.dispute_decide_ms + HOLD_MORE_MS
    assert held_ms == 90 * 86_400_000


def test_amounts_are_in_minor_units_of_their_currency() -> None:
    one = section(
        currencies=["EUR", "JPY"], fees={"EUR": "0.10"}, first_payee_limits={"JPY": "30000"}
    )

    assert (one.fee_minor("EUR"), one.fee_minor("JPY")) == (10, 0)
    assert (one.first_payee_minor("EUR"), one.first_payee_minor("JPY")) == (20_000, 30_000)


@each_row(
    ("wrong", "words"),
    [
        ({"currencies": []}, "at least 1 item"),
        ({"currencies": ["EUR", "EUR"]}, "each should stand there once"),
        ({"currencies": ["DEM2"]}, "should be the code of a currency"),
        ({"fees": {"USD": "0.10"}}, "USD should be in currencies too"),
        ({"fees": {"EUR": "0.105"}}, "should be an amount"),
        ({"fees": {"EUR": "-1"}}, "should be an amount"),
        ({"first_payee_limits": {"EUR": "1,250"}}, "should be an amount"),
        ({"grants": {"@a:b": "5"}}, "should be an amount"),
        ({"grants": {"@a:b": "5 USD"}}, "USD should be in currencies too"),
        ({"newcomer_grant": "5"}, "should be an amount"),
        ({"newcomer_grant": "5 USD"}, "USD should be in currencies too"),
        ({"name": {}}, "should be a text"),
        *(({"time_zone": one}, "should be a time zone") for one in NO_ZONES),
        ({"dispute_desk": ["carol"]}, "should match pattern"),
        ({"dispute_answer": "30 min"}, "greater than or equal"),
        ({"dispute_answer": "31 d"}, "less than or equal"),
        ({"dispute_decide": "60 d"}, "less than or equal"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        section(**wrong)


def organisation(tmp_path: Path, *kinds: str) -> dict[str, object]:
    key = tmp_path / "key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    keys = [{"path": str(key), "scopes": ["read"]}]
    return {"id": "pharmacy-1", "name": {"en": "Pharmacy"}, "keys": keys, "kinds": list(kinds)}


def test_kinds_are_those_of_the_organisation_and_of_nobody_else(tmp_path: Path) -> None:
    one = section(organisations=[organisation(tmp_path, "pharmacy", "food")])

    assert one.kinds() == {"pharmacy", "food"}
    assert one.kinds_of("pharmacy-1") == {"pharmacy", "food"}
    assert one.kinds_of("@pharmacy-1:veche.test") == frozenset()
    assert section().kinds() == frozenset()


@pytest.mark.parametrize("kind", ["", "Food", "50", "@shop", "a b", "x" * 33])
def test_a_kind_is_a_plain_word(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValidationError, match="kinds"):
        section(organisations=[organisation(tmp_path, kind)])


PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"


def paying(**more: object) -> dict[str, Any]:
    key = {"path": "/key", "scopes": ["payout"], "public_key": PUBLIC_KEY}
    return {"id": "shop", "name": {"en": "Shop"}, "keys": [{**key, **more}]}


def test_who_pays_out_signs() -> None:
    one = section(organisations=[paying()]).organisations[0]

    assert one.keys[0].public_key == PUBLIC_KEY
    with pytest.raises(ValidationError, match="the scope payout needs one"):
        section(organisations=[paying(public_key=None)])
    for wrong in ("", "AAAA", "A" * 43, "%" * 43):
        with pytest.raises(ValidationError, match="public_key"):
            section(organisations=[paying(public_key=wrong)])


def test_a_sum_above_the_limit_needs_two_keys() -> None:
    shop = {**paying(), "two_keys_above": {"EUR": "100"}}
    one = section(organisations=[shop]).organisation("shop")

    assert one is not None
    assert not one.needs_two_keys(Money(minor=10_000, currency="EUR"))
    assert one.needs_two_keys(Money(minor=10_001, currency="EUR"))
    assert not one.needs_two_keys(Money(minor=10_001, currency="JPY"))
    assert not one.is_office()
    assert section().organisation("nobody") is None


def test_networks_of_webhooks_are_networks() -> None:
    assert section(webhook_networks=["10.0.0.0/8", "::1/128"]).webhook_give_up_ms == 432_000_000
    with pytest.raises(ValidationError, match="is no network"):
        section(webhook_networks=["10.0.0.1/8"])


KEY = NoteSigner("other.example/veche/ledger/v1/0", bytes(32)).verifier.to_text()
PEER: dict[str, Any] = {
    "server": "other.example",
    "keys": [KEY],
    "they_owe_max": {"EUR": "50.50"},
}


def test_another_institution_may_owe_what_its_operator_agreed_to() -> None:
    [same] = section(peers=[PEER]).peers
    [other] = section(peers=[{**PEER, "we_owe_max": {"EUR": "7"}}]).peers

    assert (same.they_owe_minor("EUR"), same.we_owe_minor("EUR")) == (5_050, 5_050)
    assert (other.they_owe_minor("EUR"), other.we_owe_minor("EUR")) == (5_050, 700)
    assert same.they_owe_minor("PLN") is same.we_owe_minor("PLN") is None
    assert section(peers=[PEER]).peer("other.example") == same
    assert section(peers=[PEER]).peer("elsewhere.example") is None
    assert [key.to_text() for key in same.verifiers()] == [KEY]


@each_row(
    ("peers", "words"),
    [
        ([PEER, PEER], "each should stand there once"),
        ([{**PEER, "they_owe_max": {"USD": "5"}}], "should be in currencies too"),
        ([{**PEER, "we_owe_max": {"USD": "5"}}], "should be in currencies too"),
        ([{**PEER, "keys": []}], "at least 1"),
        ([{**PEER, "keys": ["AAAA"]}], "should be a key"),
        ([{**PEER, "server": "https://other.example"}], "match"),
        ([{**PEER, "url": "ftp://other.example"}], "match"),
        ([{**PEER, "they_owe_max": {"EUR": "5.001"}}], "should be an amount"),
    ],
)
def test_an_agreement_that_cannot_be_kept_is_refused(
    peers: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        section(peers=peers)
