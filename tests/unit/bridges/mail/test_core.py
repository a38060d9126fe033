"""Mail is read as far as it is a person's, and what is written is one mail and no other."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.core.model import Outgoing, PortalKey, Rendered
from bridges.mail.core import (
    BOUNDARIES_MAX,
    UnreadableError,
    bounce_address,
    compose,
    effect_of_bounce,
    message_id,
    parse,
    unquoted,
)
from bridges.mail.smtp import wire

DOMAIN: Final = "mail.veche.test"
EFFECT: Final = "0123456789abcdef" * 2
KEY: Final = b"k" * 32
NOW_MS: Final = 1_796_000_000_000
HEAD: Final = "From: Ann <Ann@x.test>\r\nMessage-ID: <1@x.test>\r\nSubject: Hello\r\n"


def mail(head: str = "", body: str = "Good day") -> bytes:
    return f"{HEAD}{head}\r\n{body}\r\n".encode()


def outgoing(
    title: str = "Hello", text: str = "1. A\n.\nFrom me", to: str = "ann@x.test"
) -> Outgoing:
    key, thread = PortalKey("p"), ("<2@x.test>", "<1@x.test>")
    return Outgoing(EFFECT, key, to, f"office@{DOMAIN}", "", title, Rendered(text), thread)


class TestReading:
    def test_a_mail_is_read(self) -> None:
        head = "In-Reply-To: <b@y>\r\nReferences: <a@y> <b@y>\r\n"
        read = parse(mail(head, "2\r\n\r\nOn Monday, the office wrote:\r\n> 1. A"), {DOMAIN})

        assert (read.id, read.sender, read.name) == ("<1@x.test>", "ann@x.test", "Ann")
        assert read.thread == ("<b@y>", "<a@y>")
        assert read.text == "2"
        assert not read.is_automatic

    @pytest.mark.parametrize(
        "head",
        [
            "Auto-Submitted: auto-replied\r\n",
            "Auto-Submitted: auto-generated; x=y\r\n",
            "List-Id: <l.x.test>\r\n",
            "Precedence: BULK\r\n",
            "X-Autoreply: yes\r\n",
        ],
    )
    def test_what_a_program_wrote_is_seen(self, head: str) -> None:
        assert parse(mail(head), {DOMAIN}).is_automatic

    def test_a_person_s_own_client_may_say_no(self) -> None:
        assert not parse(mail("Auto-Submitted: no\r\n"), {DOMAIN}).is_automatic

    def test_what_comes_round_in_a_circle_is_seen(self) -> None:
        assert parse(compose(outgoing(), DOMAIN, "Town Hall", NOW_MS), {DOMAIN}).is_automatic
        assert parse(mail().replace(b"1@x.test", b"1@" + DOMAIN.encode()), {DOMAIN}).is_automatic

    def test_html_alone_becomes_words(self) -> None:
        html = '<p>2</p><img src="https://spy.test/x"><style>a{}</style><script>1</script>'
        assert parse(mail("Content-Type: text/html\r\n", html), {DOMAIN}).text == "2"

    def test_an_unknown_character_set_is_read_as_far_as_it_goes(self) -> None:
        head = "Content-Type: text/plain; charset=klingon\r\n"
        assert parse(mail(head, "Grüße"), {DOMAIN}).text == "Grüße"

    def test_without_an_id_it_has_one_of_its_content(self) -> None:
        raw = mail().replace(b"Message-ID: <1@x.test>\r\n", b"")
        assert parse(raw, {DOMAIN}).id == parse(raw, {DOMAIN}).id != parse(raw + b"x", {DOMAIN}).id

    @pytest.mark.parametrize(
        "sender",
        ["", "a@x.test, b@x.test", "nobody", "a@x.test\r\nFrom: b@x.test", "ä@x.test", "<>"],
    )
    def test_it_is_from_one_plain_address(self, sender: str) -> None:
        with pytest.raises(UnreadableError):
            parse(mail().replace(b"Ann <Ann@x.test>", sender.encode()), {DOMAIN})

    def test_a_bomb_of_parts_is_refused_before_it_is_read(self) -> None:
        with pytest.raises(UnreadableError, match="parts"):
            parse(mail(body="\n--b" * (BOUNDARIES_MAX + 1)), {DOMAIN})

    def test_a_report_says_what_became_of_whom(self) -> None:
        head = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n'
        body = (
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; m.test\r\n\r\n"
            "Final-Recipient: rfc822; Ann@x.test\r\nAction: Failed\r\nStatus: 5.1.1 (no)\r\n\r\n"
            "Final-Recipient: rfc822; b@x.test\r\nAction: delayed\r\nStatus: 4.0.0\r\n--b--"
        )
        read = parse(mail(head, body), {DOMAIN})

        assert read.is_automatic
        assert [(r.recipient, r.grade, r.status) for r in read.reports] == [
            ("ann@x.test", "failed", "5.1.1")
        ]

    @given(st.binary(max_size=300), st.booleans())
    def test_any_octets_are_read_or_refused(self, raw: bytes, has_head: bool) -> None:
        try:
            read = parse(HEAD.encode() + raw if has_head else raw, {DOMAIN})
        except UnreadableError:
            return
        read.text.encode()
        assert "\n" not in read.subject + read.name + read.id

    @pytest.mark.parametrize(
        "quote",
        [
            "> 1. A",
            "On Mon, 1 Jan 2029 at 10:00, Office <o@x> wrote:",
            "Am 1. Januar schrieb Amt:",
            "1 января ведомство написало:",
            "1 січня відомство пише:",
            "-----Original Message-----",
            "-- ",
        ],
    )
    def test_quotations_are_cut(self, quote: str) -> None:
        assert unquoted(f"Yes\n\n{quote}\n> more") == "Yes"


class TestWriting:
    def test_a_mail_is_in_its_thread(self) -> None:
        sent = message_from_bytes(
            compose(outgoing(), DOMAIN, "Town Hall", NOW_MS), policy=policy.default
        )

        assert sent["Message-ID"] == message_id(EFFECT, DOMAIN)
        assert sent["In-Reply-To"] == "<2@x.test>"
        assert sent["References"] == "<1@x.test> <2@x.test>"
        assert sent["Subject"] == "Re: Hello"
        assert sent["Auto-Submitted"] == "auto-generated"
        assert sent.get_content().splitlines() == ["1. A", ".", "From me"]

    @given(st.text(), st.text())
    def test_words_add_no_header_and_end_no_mail(self, title: str, name: str) -> None:
        raw = compose(outgoing(title=title, text="\n.\n"), DOMAIN, name + "x", NOW_MS)
        sent = message_from_bytes(raw, policy=policy.default)

        assert {*map(str.lower, sent.keys())} == {
            *("from", "to", "subject", "date", "message-id", "auto-submitted", "in-reply-to"),
            *("references", "content-type", "content-transfer-encoding", "mime-version"),
        }
        assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))
        assert sent["To"].addresses[0].addr_spec == "ann@x.test"

    @pytest.mark.parametrize(
        "to", ["ann@x.test\r\nBcc: b@x.test", "ann", "a@x.test, b@x.test", "<a@x.test>", ""]
    )
    def test_a_recipient_is_one_plain_address(self, to: str) -> None:
        with pytest.raises(ValueError, match="plain"):
            compose(outgoing(to=to), DOMAIN, "Town Hall", NOW_MS)

    @pytest.mark.parametrize("size", range(16_380, 16_390))
    def test_dots_are_stuffed_at_any_offset(self, size: int) -> None:
        raw = b"x" * size + b"\r\n.\r\n..\n.x"
        assert wire(raw) == b"x" * size + b"\r\n..\r\n...\r\n..x\r\n"


class TestBounces:
    def test_an_address_tells_its_effect_in_any_case(self) -> None:
        address = bounce_address(EFFECT, DOMAIN, KEY)

        assert len(address.partition("@")[0]) <= 64
        assert effect_of_bounce(address.upper(), DOMAIN, KEY) == EFFECT

    @given(st.integers(0, 52), st.sampled_from("abcdef234567"))
    def test_a_changed_one_is_none_of_ours(self, at: int, letter: str) -> None:
        address = bounce_address(EFFECT, DOMAIN, KEY)
        changed = address[:at] + letter + address[at + 1 :]
        assert changed == address or effect_of_bounce(changed, DOMAIN, KEY) is None

    def test_other_keys_and_domains_make_others(self) -> None:
        address = bounce_address(EFFECT, DOMAIN, KEY)
        assert effect_of_bounce(address, DOMAIN, b"other") is None
        assert effect_of_bounce(address, "x.test", KEY) is None
