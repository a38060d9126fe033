"""What comes in by XMPP is read as values; what goes out is markup that no words can break."""

from __future__ import annotations

from typing import Any, Final
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.core.model import TEXT_CHARACTERS_MAX
from bridges.xmpp import core
from bridges.xmpp.core import Stanza, Why

OFFICE: Final = "office@office.xmpp.test"
KEY: Final = bytes(32)
ANN: Final = Stanza("message", "chat", "id-1", "ann@xmpp.test/phone", OFFICE, "Hello")
QUERY: Final = Stanza("iq", "get", "q", "ann@xmpp.test/phone", OFFICE)


@given(st.text(), st.text(max_size=40))
def test_no_words_break_the_markup(words: str, name: str) -> None:
    found = ET.fromstring(core.message("i", OFFICE, name, "ann@xmpp.test", words))  # noqa: S314

    illegal = {"\0", "\x0b", "\x1f", "￾", "\ud800"}
    assert not illegal & set(found.findtext("body") or "")
    assert found.get("to") == "ann@xmpp.test"
    assert len(found) == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("1", "1"),
        ("> Which one?\n> 1. A\n1", "1"),
        ("1\n> below", "1\n> below"),
        ("> all of it", "> all of it"),
        (" 2 \n", "2"),
    ],
)
def test_what_is_quoted_before_the_words_is_no_part_of_them(body: str, words: str) -> None:
    assert core.said(body) == words


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"body": "a" * TEXT_CHARACTERS_MAX}, None),
        ({"body": "a" * (TEXT_CHARACTERS_MAX + 1)}, Why.SIZE),
        ({"is_cut": True}, Why.SIZE),
        ({"recipient": "nobody@office.xmpp.test"}, Why.ADDRESS),
        ({"recipient": "office.xmpp.test"}, Why.ADDRESS),
        ({"inside": frozenset([(core.CORRECTION, "replace")])}, Why.CORRECTION),
        ({"inside": frozenset([("urn:xmpp:omemo:2", "encrypted")])}, Why.ENCRYPTED),
        ({"inside": frozenset([(core.FILE_LINK, "x")])}, Why.FILE),
    ],
)
def test_only_words_for_an_office_are_taken(change: dict[str, Any], why: Why | None) -> None:
    assert core.refusal(attrs.evolve(ANN, **change), [OFFICE]) is why


def test_a_repetition_has_the_same_id_and_other_words_have_another() -> None:
    first = core.inbound_id(ANN, "a")
    assert core.inbound_id(attrs.evolve(ANN, sender="ann@xmpp.test/tablet"), "b") == first
    assert core.inbound_id(attrs.evolve(ANN, body="2"), "a") != first
    nameless = attrs.evolve(ANN, id="")
    assert core.inbound_id(nameless, "a") != core.inbound_id(nameless, "b")


def test_only_the_recipient_can_report_about_a_message() -> None:
    id_ = core.outbound_id("ab12", "ann@xmpp.test", KEY)
    assert core.effect_of(id_, "ann@xmpp.test/any", KEY) == "ab12"
    assert core.effect_of(id_, "eve@xmpp.test", KEY) is None
    assert core.effect_of(id_, "ann@xmpp.test", b"x" * 32) is None
    assert core.effect_of("ab12", "ann@xmpp.test", KEY) is None
    assert core.effect_of("é", "ann@xmpp.test", KEY) is None


@pytest.mark.parametrize("payload", [core.INFO, core.ITEMS, core.VCARD, core.PING])
@pytest.mark.parametrize("whom", [OFFICE, "office.xmpp.test"])
def test_queries_are_answered_to_their_sender(payload: str, whom: str) -> None:
    query = attrs.evolve(QUERY, recipient=whom, inside=frozenset([(payload, "x")]))
    markup = core.answer(query, "office.xmpp.test", {OFFICE: "Town <Hall>"})

    assert markup is not None
    found = ET.fromstring(markup)  # noqa: S314
    assert (found.get("to"), found.get("from"), found.get("id")) == (query.sender, whom, "q")
    assert found.get("type") == "result"


def test_a_query_to_nobody_or_for_nothing_has_no_answer_of_ours() -> None:
    for recipient, payload in (("x@office.xmpp.test", core.INFO), (OFFICE, "jabber:iq:last")):
        query = attrs.evolve(QUERY, recipient=recipient, inside=frozenset([(payload, "query")]))
        assert core.answer(query, "office.xmpp.test", {OFFICE: "Town Hall"}) is None
    assert "service-unavailable" in core.unknown(QUERY)
