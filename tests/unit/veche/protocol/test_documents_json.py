"""Documents that are kept come back as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.errors import MalformedError
from veche.protocol.message import (
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
    body,
    html,
)
from veche.protocol.message_json import doc_from_json, doc_to_json

WORDS = st.text(max_size=20)
SPANS = st.one_of(
    WORDS,
    WORDS.map(Bold),
    WORDS.map(Mono),
    st.builds(Link, WORDS, st.just("https://example.org/a?b=c")),
)
ITEMS = st.one_of(SPANS, st.lists(SPANS, max_size=3).map(tuple))
LISTS = st.lists(ITEMS, max_size=4)
BLOCKS = st.one_of(
    WORDS.map(Heading),
    st.lists(SPANS, max_size=4).map(lambda spans: Paragraph(*spans)),
    LISTS.map(Bullets),
    LISTS.map(Numbered),
    st.lists(st.tuples(WORDS, ITEMS), max_size=3).map(Facts),
    WORDS.map(Code),
)
DOCS = st.lists(BLOCKS, max_size=5).map(tuple)


@given(DOCS)
def test_a_document_comes_back_from_json(doc: Doc) -> None:
    again = doc_from_json(json.loads(json.dumps(doc_to_json(doc))))

    assert again == doc
    assert (body(again), html(again)) == (body(doc), html(doc))


@each_row(
    "value",
    [
        None,
        7,
        "x",
        [7],
        ["x"],
        [["Heading"]],
        [["Heading", "a", "b"]],
        [["Unknown", "a"]],
        [["Bold", "a"]],
        [["Paragraph", 7]],
        [["Paragraph", {"lines": []}]],
        [["Bullets", "x", "y"]],
        [["Paragraph", {"items": [["Link", "only text"]]}]],
        [[["Heading"], "a"]],
    ],
)
def test_what_is_no_document_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        doc_from_json(value)


def test_a_link_that_must_not_be_shown_is_refused() -> None:
    with pytest.raises(MalformedError):
        doc_from_json([["Paragraph", {"items": [["Link", "x", "javascript:alert(1)"]]}]])
