from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rendered import check_message, ours, words_of_html
from tests.support.tables import each_row
from veche.protocol import message
from veche.protocol.canonical import canonical
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.ids import EventId, UserId
from veche.protocol.message import (
    CONTENT_BYTES_MAX,
    MENTIONS_MAX,
    REACTION_CHARACTERS_MAX,
    URL_CHARACTERS_MAX,
    Block,
    Bold,
    Bullets,
    Code,
    Doc,
    Facts,
    Heading,
    Link,
    Mono,
    Numbered,
    Paragraph,
    RelationKind,
)

ALICE = UserId("@alice:example.org")
EVENT = EventId("$event")
SIMPLE: Doc = (Paragraph("Hello"),)
FILE = {"v": "v2", "url": "mxc://example.org/x", "iv": "aaaa", "hashes": {"sha256": "bbbb"}}

# --- text and HTML ------------------------------------------------------------------------------


@each_row(
    ("block", "body", "html"),
    [
        (Heading("Your case"), "Your case", "<h4>Your case</h4>"),
        (Paragraph("One", "\ntwo"), "One\ntwo", "<p>One<br>two</p>"),
        (
            Paragraph("Pay ", Bold("12.50 EUR"), " with code ", Mono("7 <3")),
            "Pay 12.50 EUR with code 7 <3",
            "<p>Pay <b>12.50 EUR</b> with code <code>7 &lt;3</code></p>",
        ),
        (
            Paragraph("See ", Link("the terms", "https://a.example/t?x=1&y=2"), " first"),
            "See the terms first\nhttps://a.example/t?x=1&y=2",
            '<p>See <a href="https://a.example/t?x=1&amp;y=2">the terms</a> first</p>',
        ),
        (
            Paragraph(Link("https://a.example", "https://a.example")),
            "https://a.example",
            '<p><a href="https://a.example">https://a.example</a></p>',
        ),
        (Bullets(["One", (Bold("two"), "!")]), "• One\n• two!", "<ul><li>One</li><li><b>two</b>!"),
        (Numbered(["One", "Two"]), "1. One\n2. Two", "<ol><li>One</li><li>Two</li></ol>"),
        (
            Facts([("Fee", "100.00 EUR"), ("Until", Bold("Friday"))]),
            "Fee: 100.00 EUR\nUntil: Friday",
            "<p><b>Fee:</b> 100.00 EUR<br><b>Until:</b> <b>Friday</b></p>",
        ),
        (Code("a <b>\n c"), "a <b>\n c", "<pre><code>a &lt;b&gt;\n c</code></pre>"),
        (
            Paragraph('<img src="x"> & "y"'),
            '<img src="x"> & "y"',
            "<p>&lt;img src=&quot;x&quot;&gt",
        ),
    ],
)
def test_each_block_is_written_twice_from_the_same_words(
    block: Block, body: str, html: str
) -> None:
    assert message.body((block,)) == body
    assert message.html((block,)).startswith(html)
    assert words_of_html(message.html((block,))) == sorted(body.split())


def test_blocks_are_apart_by_an_empty_line() -> None:
    assert message.body((Heading("A"), Paragraph("b"))) == "A\n\nb"


@each_row(
    ("block", "body"),
    [
        (Facts([("Payee", "Ann\nAmount: 1.00 EUR")]), "Payee: Ann Amount: 1.00 EUR"),
        (Facts([("Pa\nyee", (Bold("Ann\n"), "B"))]), "Pa yee: Ann B"),
        (Heading("Your\r\ncase"), "Your case"),
        (Bullets(["a\n• b"]), "• a • b"),
        (Numbered(["a\u2028b\n2. c"]), "1. ab 2. c"),
        (Paragraph("a\u202eb\u2066c\x00d\x1be\ud800"), "abcde"),
        (Facts([("Name", "\u202egnp.exe")]), "Name: gnp.exe"),
        (Facts([("Name", "\u061cgnp.exe\u200f")]), "Name: gnp.exe"),
        (Paragraph("a\tb"), "a b"),
    ],
)
def test_a_value_cannot_write_a_line_of_its_own_nor_turn_one_around(
    block: Block, body: str
) -> None:
    assert message.body((block,)) == body
    assert words_of_html(message.html((block,))) == sorted(body.split())


@each_row(
    "url",
    [
        "https://example.org",
        "https://example.org:8448/a%20b?c=d&e#f",
        "https://matrix.to/#/@alice:example.org",
        "http://localhost:8008/x",
        "http://127.0.0.1/x",
        "https://" + "a" * (URL_CHARACTERS_MAX - len("https://")),
    ],
)
def test_a_link_may_lead_to_https_and_to_this_machine(url: str) -> None:
    assert Link("there", url).url == url


@each_row(
    "url",
    [
        "",
        "example.org",
        "http://example.org",
        "http://localhost.example.org",
        "http://localhost@example.org",
        "http://127.0.0.1.example.org/",
        "matrix:u/alice:example.org",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://a b",
        'https://a.example/"onclick="x',
        "https://a.example/<b>",
        "https://a.example/\nx",
        "HTTPS://a.example",
        "https://" + "a" * (URL_CHARACTERS_MAX - len("https://") + 1),
    ],
)
def test_a_link_may_lead_nowhere_else(url: str) -> None:
    with pytest.raises(MalformedError, match="url"):
        Link("there", url)


# --- messages -----------------------------------------------------------------------------------


def test_a_message_has_both_texts_and_says_whom_it_rings() -> None:
    content = message.text(SIMPLE, mentions=[ALICE], payload={"org.veche.x": {"v": 1}})

    assert content == {
        "msgtype": "m.text",
        "body": "Hello",
        "format": "org.matrix.custom.html",
        "formatted_body": "<p>Hello</p>",
        "m.mentions": {"user_ids": [ALICE]},
        "org.veche.x": {"v": 1},
    }


def test_a_message_that_rings_nobody_says_so() -> None:
    assert message.text(SIMPLE)["m.mentions"] == {}
    assert message.notice(SIMPLE) == {**message.text(SIMPLE), "msgtype": "m.notice"}


def test_mentions_have_a_bound() -> None:
    persons = [UserId(f"@p{n}:example.org") for n in range(MENTIONS_MAX + 1)]

    assert len(message.text(SIMPLE, mentions=persons[:-1])["m.mentions"]["user_ids"]) == 50
    with pytest.raises(TooLargeError):
        message.text(SIMPLE, mentions=persons)


def test_a_payload_of_a_feature_of_others_may_stand_beside_the_text() -> None:
    assert message.text(SIMPLE, payload={"org.example.x": {"v": 1}})["org.example.x"] == {"v": 1}


@each_row(
    "key", ["body", "m.relates_to", "m.new.key", "msgtype", "org.matrix.msc1767.text", "org.veche"]
)
def test_no_key_that_means_something_to_clients_may_stand_beside_the_text(key: str) -> None:
    with pytest.raises(MalformedError, match=key):
        message.text(SIMPLE, payload={key: {}})


@each_row("value", [{"x": 1.5}, {"x": 2**53}, {"x": "\ud800"}, {1: "x"}, {"x": {"y": [b"z"]}}])
def test_a_payload_without_canonical_json_is_refused(value: dict[Any, Any]) -> None:
    with pytest.raises(MalformedError, match=r"org\.veche\.x"):
        message.text(SIMPLE, payload={"org.veche.x": value})


def test_content_has_a_bound_in_bytes() -> None:
    free = CONTENT_BYTES_MAX - len(canonical(message.text((Code("a"),)))) + 2

    content = message.text((Code("a" * (free // 2)),))

    assert len(canonical(content)) in (CONTENT_BYTES_MAX, CONTENT_BYTES_MAX - 1)
    with pytest.raises(TooLargeError, match="32768"):
        message.text((Code("a" * (free // 2 + 1)),))


def test_an_empty_document_is_a_bug() -> None:
    with pytest.raises(ValueError, match="block"):
        message.text(())


# --- edits and files ----------------------------------------------------------------------------


def test_an_edit_shows_everywhere_rings_nowhere_and_keeps_our_keys_inside() -> None:
    content = message.text(SIMPLE, mentions=[ALICE], payload={"org.veche.x": {"v": 1}})

    edit = message.edit(content)

    check_message(edit)
    assert edit == {
        "msgtype": "m.text",
        "body": "* Hello",
        "m.mentions": {},
        "m.new_content": content,
    }
    assert ours(edit["m.new_content"]) == ["org.veche.x"]


def test_an_edit_is_a_copy() -> None:
    content = message.text(SIMPLE, payload={"org.veche.x": {"list": [1]}})

    edit = message.edit(content)
    content["org.veche.x"]["list"].append(2)

    assert edit["m.new_content"]["org.veche.x"] == {"list": [1]}


def test_an_edit_may_be_too_large_where_its_message_was_not() -> None:
    content = message.text((Paragraph("a" * 12_000),))

    with pytest.raises(TooLargeError):
        message.edit(content)


def test_a_file_keeps_its_name_apart_from_its_caption() -> None:
    content = message.file(
        filename="certificate\n.pdf",
        caption="Your certificate",
        encrypted_file=FILE,
        mimetype="application/pdf",
        size_bytes=1234,
        payload={"org.veche.document": {"v": 1}},
    )

    check_message(content)
    assert content == {
        "msgtype": "m.file",
        "body": "Your certificate",
        "filename": "certificate .pdf",
        "file": FILE,
        "info": {"mimetype": "application/pdf", "size": 1234},
        "m.mentions": {},
        "org.veche.document": {"v": 1},
    }


def test_a_file_without_caption_shows_its_name() -> None:
    content = message.file(
        filename="a.pdf", caption="", encrypted_file=FILE, mimetype="x/y", size_bytes=0
    )

    assert content["body"] == content["filename"] == "a.pdf"


def test_a_picture_is_one_to_clients_too() -> None:
    content = message.file(
        filename="a.png", caption="", encrypted_file=FILE, mimetype="image/png", size_bytes=1
    )

    check_message(content)
    assert content["msgtype"] == "m.image"


# --- relations ----------------------------------------------------------------------------------


@each_row(
    ("kind", "key", "reply", "relates"),
    [
        (RelationKind.REPLACE, None, None, {"rel_type": "m.replace", "event_id": "$event"}),
        (RelationKind.REFERENCE, None, None, {"rel_type": "m.reference", "event_id": "$event"}),
        (
            RelationKind.ANNOTATION,
            "1️⃣",
            None,
            {"rel_type": "m.annotation", "event_id": "$event", "key": "1️⃣"},
        ),
        (RelationKind.REPLY, None, None, {"m.in_reply_to": {"event_id": "$event"}}),
        (
            RelationKind.THREAD,
            None,
            None,
            {
                "rel_type": "m.thread",
                "event_id": "$event",
                "is_falling_back": True,
                "m.in_reply_to": {"event_id": "$event"},
            },
        ),
        (
            RelationKind.THREAD,
            None,
            EventId("$latest"),
            {
                "rel_type": "m.thread",
                "event_id": "$event",
                "is_falling_back": True,
                "m.in_reply_to": {"event_id": "$latest"},
            },
        ),
    ],
)
def test_relations_have_the_shapes_of_the_spec(
    kind: RelationKind, key: str | None, reply: EventId | None, relates: dict[str, Any]
) -> None:
    assert message.relation(kind, EVENT, key, reply) == relates


@each_row(
    ("kind", "key"),
    [
        (RelationKind.ANNOTATION, None),
        (RelationKind.ANNOTATION, ""),
        (RelationKind.ANNOTATION, "x" * (REACTION_CHARACTERS_MAX + 1)),
        *((kind, "1") for kind in RelationKind if kind is not RelationKind.ANNOTATION),
    ],
)
def test_keys_belong_to_reactions_and_are_short(kind: RelationKind, key: str | None) -> None:
    with pytest.raises(ValueError, match="key"):
        message.relation(kind, EVENT, key)


def test_the_longest_key_is_allowed() -> None:
    key = "x" * REACTION_CHARACTERS_MAX

    assert message.relation(RelationKind.ANNOTATION, EVENT, key)["key"] == key


# --- any document -------------------------------------------------------------------------------

_words = st.text(max_size=20)
_span = st.one_of(
    _words,
    st.builds(Bold, _words),
    st.builds(Mono, _words),
    st.builds(
        Link,
        # HTML shows a link without the colon at its end.
        _words.filter(lambda words: words and ":" not in words),
        st.sampled_from(["https://a.example/x", "http://localhost:1/y?z=1&w"]),
    ),
)
_spans = st.lists(_span, min_size=1, max_size=3).map(tuple)
_block = st.one_of(
    st.builds(Heading, _words),
    _spans.map(lambda spans: Paragraph(*spans)),
    st.builds(Bullets, st.lists(_spans, min_size=1, max_size=3)),
    st.builds(Numbered, st.lists(_spans, min_size=1, max_size=3)),
    st.builds(Facts, st.lists(st.tuples(_words, _spans), min_size=1, max_size=3)),
    st.builds(Code, _words),
)


@given(st.lists(_block, min_size=1, max_size=5).map(tuple))
def test_text_and_html_of_any_document_have_the_same_words(doc: Doc) -> None:
    assert words_of_html(message.html(doc)) == sorted(message.body(doc).split())


@given(st.lists(_block, min_size=1, max_size=5).map(tuple))
def test_any_document_travels(doc: Doc) -> None:
    content = message.text(doc)

    assert isinstance(content["body"], str)
    assert message.edit(content)["m.new_content"] == content


@given(_words, _words)
def test_a_fact_is_one_line(label: str, value: str) -> None:
    assert len(message.body((Facts([(label, value)]),)).splitlines()) <= 1
