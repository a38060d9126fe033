"""Ids tell nobody an address; HTML becomes its words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.core.format import text_of_html
from bridges.core.ids import bot_id, ghost_id, inbound_effect, outbound_effect, portal_alias
from bridges.core.model import PortalKey
from veche.protocol.ids import RoomId

KEY = b"k" * 32


class TestIds:
    def test_a_ghost_is_the_same_and_says_nothing(self) -> None:
        one = ghost_id("mail", "ann@x.test", KEY, "veche.test")

        assert re.fullmatch(r"@_veche_mail_[a-z2-7]{16}:veche\.test", one)
        assert one == ghost_id("mail", "ann@x.test", KEY, "veche.test")
        assert one != ghost_id("mail", "ann@x.test", b"other", "veche.test")
        assert one != ghost_id("sms", "ann@x.test", KEY, "veche.test").replace("sms", "mail")

    @pytest.mark.parametrize("network", ["", "Mail", "a_b", "x" * 17, "ma:il"])
    def test_a_network_is_a_word(self, network: str) -> None:
        with pytest.raises(ValueError, match="letters"):
            bot_id(network, "veche.test")

    def test_an_alias_is_of_one_chat(self) -> None:
        keys = [PortalKey("a", "b"), PortalKey("a"), PortalKey("b", "a"), PortalKey("ba")]
        assert len({portal_alias("mail", one, KEY) for one in keys}) == len(keys)

    def test_effects_have_their_sender(self) -> None:
        key = PortalKey("p")
        ids = {inbound_effect("mail", "l", key, sender, "<1@x>") for sender in ("a", "b")}
        assert len(ids) == 2
        assert outbound_effect("mail", RoomId("!r"), "$1") not in ids


class TestHtml:
    @pytest.mark.parametrize(
        ("html", "words"),
        [
            ("<p>One</p><p>two&nbsp;&amp; three</p>", "One\n\ntwo & three"),
            ("a<br>b<BR/>c", "a\nb\n\nc"),
            ("<style>p{}</style><script>alert(1)</script>x", "x"),
            ('<img src="https://spy.test/1.gif">2', "2"),
            ("<b>1</b> <i>of\r\n2", "1 of 2"),
            ("<p>1<", "1<"),
        ],
    )
    def test_only_words_are_left(self, html: str, words: str) -> None:
        assert text_of_html(html) == words

    @given(st.text())
    def test_any_html_is_read(self, html: str) -> None:
        assert "\n\n\n" not in text_of_html(html)
