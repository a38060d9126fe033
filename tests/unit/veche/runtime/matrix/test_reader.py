"""Reading answers from bytes, however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.runtime.web.http_client import HEAD_BYTES_MAX, Answer, AnswerReader, AnswerTooLargeError

PLAIN = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n'
)
TRAILED = CHUNKED[:-2] + b"Some: trailer\r\n\r\n"


def read(data: bytes, bytes_max: int = 100) -> tuple[Answer | None, AnswerReader]:
    reader = AnswerReader(bytes_max)
    return reader.read(data), reader


@pytest.mark.parametrize("data", [PLAIN, CHUNKED])
def test_an_answer_is_read_and_its_connection_kept(data: bytes) -> None:
    answer, reader = read(data)

    assert answer is not None
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert reader.is_persistent


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, TRAILED])
@given(cuts=st.lists(st.integers(0, 150), max_size=8))
def test_an_answer_is_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    reader = AnswerReader(100)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    answers = [reader.read(data[start:end]) for start, end in itertools.pairwise(places)]

    found = [answer for answer in answers if answer is not None]
    assert found
    assert found[0].body == b'{"a":1}'


def test_every_byte_by_itself() -> None:
    reader = AnswerReader(100)

    answers = [reader.read(TRAILED[n : n + 1]) for n in range(len(TRAILED))]

    assert answers[-1] is not None
    assert not any(answers[:-1])


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body(status: int) -> None:
    answer, reader = read(b"HTTP/1.1 %d X\r\n\r\n" % status)

    assert answer is not None
    assert answer.body == b""
    assert reader.is_persistent


def test_an_answer_without_length_ends_with_the_connection() -> None:
    answer, reader = read(b"HTTP/1.1 200 OK\r\n\r\nhello")

    assert answer is None
    ended = reader.end()
    assert ended is not None
    assert ended.body == b"hello"
    assert not reader.is_persistent


@each_row("data", [b"", b"HTTP/1.1 200", PLAIN[:-1], CHUNKED[:-1], CHUNKED[:60]])
def test_half_an_answer_is_none(data: bytes) -> None:
    answer, reader = read(data)

    assert answer is None
    assert reader.end() is None


def test_an_informational_answer_is_passed_over() -> None:
    answer, _ = read(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)

    assert answer is not None
    assert answer.status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore than was said",
    ],
)
def test_a_connection_is_not_kept_where_it_must_not_be(data: bytes) -> None:
    answer, reader = read(data)

    assert answer is not None
    assert not reader.is_persistent


@each_row(
    "data",
    [
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: seven\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        b"x" * (HEAD_BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * (HEAD_BYTES_MAX + 1),
    ],
)
def test_what_is_not_http_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(data)


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n%x\r\n", b"\r\n"]
)
def test_a_body_at_the_bound_is_read_and_one_beyond_it_is_not(head: bytes) -> None:
    start = b"HTTP/1.1 200 OK\r\n"
    fits, beyond = (
        start + (head % size if b"%" in head else head) + b"x" * size for size in (100, 101)
    )

    read(fits)
    with pytest.raises(AnswerTooLargeError):
        read(beyond)


@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_being_refused(data: bytes) -> None:
    reader = AnswerReader(100)
    try:
        reader.read(b"HTTP/1.1 200 OK\r\n" + data)
        reader.end()
    except (ValueError, AnswerTooLargeError):
        pass
