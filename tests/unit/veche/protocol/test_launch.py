"""Launch data: both proofs, whatever is changed; and another implementation reads it."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode

import nacl.signing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veche.protocol.errors import BadSignatureError, MalformedError, RefusedError
from veche.protocol.launch import (
    AGE_MS_MAX,
    AHEAD_MS_MAX,
    FIELDS_MAX,
    LAUNCH_BYTES_MAX,
    check_by_key,
    check_by_secret,
    secret_of,
    write_launch,
)

AT_MS = 1_764_000_000_000
TOKEN = "42:a-token-of-a-test"  # noqa: S105 -- of tests
BOT = "42"
SECRET = secret_of(TOKEN)
SEED = bytes(range(32))
KEY = bytes(nacl.signing.SigningKey(SEED).verify_key)
PERSON = {"id": 7, "first_name": "Аліса & Co=1", "language_code": "uk"}
USER = json.dumps(PERSON, separators=(",", ":"))
FIELDS = {"query_id": "AAE", "user": USER, "start_param": "case-1"}

VECTOR = (
    "query_id=AAE&user=%7B%22id%22%3A7%2C%22first_name%22%3A%22%5Cu0410%5Cu043b%5Cu04"
    "56%5Cu0441%5Cu0430+%26+Co%3D1%22%2C%22language_code%22%3A%22uk%22%7D&start_param"
    "=case-1&auth_date=1764000000&signature=al30KaCWV7OFKq66t2Jtq6zYTi8JzdZPNuLsfBlUM"
    "X5kNJO4ma8F-WgUMEQrZ6cKD2AnessWOwslu2KavwraAw&hash=223982645b6054a9adb1f86f37e75"
    "16f8557d2890fbda4768eee6ad1aad50a46"
)
"""Of ``FIELDS``; both functions of aiogram 3.31 that check such data accept it."""


def written(**changes: str) -> str:
    return write_launch({**FIELDS, **changes}, bot=BOT, secret=SECRET, seed=SEED, at_ms=AT_MS)


def test_it_is_written_as_others_read_it() -> None:
    assert written() == VECTOR


def test_both_proofs_say_the_same() -> None:
    for launch in (
        check_by_secret(written(), SECRET, AT_MS),
        check_by_key(written(), BOT, KEY, AT_MS),
    ):
        assert (launch.fields, launch.at_ms) == (FIELDS, AT_MS)


def test_any_name_of_a_person_can_stand_in_it() -> None:
    name = "👨‍👩‍👧 O'Neill «x» \u202e"

    assert check_by_secret(written(user=name), SECRET, AT_MS).fields["user"] == name


def test_the_order_of_fields_does_not_matter() -> None:
    turned = urlencode(parse_qsl(written())[::-1])

    assert turned != written()
    assert check_by_secret(turned, SECRET, AT_MS).fields == FIELDS
    assert check_by_key(turned, BOT, KEY, AT_MS).fields == FIELDS


@pytest.mark.parametrize("name", ["query_id", "user", "start_param", "auth_date"])
@pytest.mark.parametrize("change", ["changed", "dropped", "renamed"])
def test_a_field_that_is_changed_breaks_both(name: str, change: str) -> None:
    fields = dict(parse_qsl(written()))
    value = fields.pop(name)
    if change == "changed":
        fields[name] = value[:-1] + ("1" if value[-1] != "1" else "2")
    elif change == "renamed":
        fields[name + "_"] = value
    text = urlencode(fields)

    with pytest.raises(BadSignatureError):
        check_by_secret(text, SECRET, AT_MS)
    with pytest.raises(BadSignatureError):
        check_by_key(text, BOT, KEY, AT_MS)


def test_a_field_that_is_added_breaks_both() -> None:
    text = written() + "&more=1"

    with pytest.raises(BadSignatureError):
        check_by_secret(text, SECRET, AT_MS)
    with pytest.raises(BadSignatureError):
        check_by_key(text, BOT, KEY, AT_MS)


def test_it_is_good_for_one_bot_and_one_key() -> None:
    with pytest.raises(BadSignatureError):
        check_by_secret(written(), secret_of("43:another"), AT_MS)
    with pytest.raises(BadSignatureError):
        check_by_key(written(), "43", KEY, AT_MS)
    other = bytes(nacl.signing.SigningKey(bytes(32)).verify_key)
    with pytest.raises(BadSignatureError):
        check_by_key(written(), BOT, other, AT_MS)


@pytest.mark.parametrize("proof", ["", "x", "0" * 64, "A" * 86, "é"])
def test_a_proof_that_is_none_proves_nothing(proof: str) -> None:
    fields = dict(parse_qsl(written()))

    with pytest.raises((BadSignatureError, MalformedError)):
        check_by_secret(urlencode({**fields, "hash": proof}), SECRET, AT_MS)
    with pytest.raises((BadSignatureError, MalformedError)):
        check_by_key(urlencode({**fields, "signature": proof}), BOT, KEY, AT_MS)


@pytest.mark.parametrize(
    ("later_ms", "is_good"),
    [
        (0, True),
        (AGE_MS_MAX - 1, True),
        (AGE_MS_MAX, False),
        (-AHEAD_MS_MAX, True),
        (-AHEAD_MS_MAX - 1, False),
    ],
)
def test_it_is_good_for_an_hour(later_ms: int, is_good: bool) -> None:
    now_ms = AT_MS + later_ms
    if is_good:
        assert check_by_secret(written(), SECRET, now_ms).at_ms == AT_MS
        assert check_by_key(written(), BOT, KEY, now_ms).at_ms == AT_MS
        return
    with pytest.raises(RefusedError, match="too old"):
        check_by_secret(written(), SECRET, now_ms)
    with pytest.raises(RefusedError, match="too old"):
        check_by_key(written(), BOT, KEY, now_ms)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a=1&a=2",
        "a=%ff",
        "A=1",
        "a=1%0Ab=2",
        "&".join(f"a{n}=1" for n in range(FIELDS_MAX + 1)),
        "a=" + "x" * LAUNCH_BYTES_MAX,
    ],
)
def test_what_is_no_launch_data_is_told(text: str) -> None:
    with pytest.raises(MalformedError):
        check_by_secret(text, SECRET, AT_MS)
    with pytest.raises(MalformedError):
        check_by_key(text, BOT, KEY, AT_MS)


@pytest.mark.parametrize(
    "fields",
    [
        {"a": "1\nuser=2"},
        {"a": "\x00"},
        {"A": "1"},
        {"": "1"},
        {"hash": "1"},
        {"signature": "1"},
        {"auth_date": "1"},
        {"a": "x" * LAUNCH_BYTES_MAX},
        {f"a{n}": "1" for n in range(FIELDS_MAX)},
    ],
)
def test_what_could_pass_for_something_else_is_not_written(fields: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        write_launch(fields, bot=BOT, secret=SECRET, seed=SEED, at_ms=AT_MS)


@pytest.mark.parametrize("bot", ["", "4:2", "4\n2", "x" * 65])
def test_the_id_of_a_bot_is_of_one_form(bot: str) -> None:
    with pytest.raises(MalformedError, match="bot"):
        write_launch(FIELDS, bot=bot, secret=SECRET, seed=SEED, at_ms=AT_MS)


@given(st.text(max_size=200))
def test_any_text_gets_a_verdict(text: str) -> None:
    with pytest.raises((MalformedError, BadSignatureError)):
        check_by_secret(text, SECRET, AT_MS)
    with pytest.raises((MalformedError, BadSignatureError)):
        check_by_key(text, BOT, KEY, AT_MS)
