"""Rules of signing in: what codes and links are worth, which level, how long, which browser."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.access.sessions import core
from veche.access.sessions.core import (
    IDLE_MS_MAX,
    OFFER_MS,
    TRIES_MAX,
    WRONG_PER_HOUR_MAX,
    Agent,
    Level,
    Recipient,
    Sent,
    SignIn,
    Verdict,
)
from veche.protocol.errors import MalformedError
from veche.protocol.ids import EffectId, RoomId, UserId
from veche.protocol.inbound import Trust
from veche.runtime.crypto.core.trust import IdentityView

NOW_MS = 1_764_000_000_000
ALICE = UserId("@alice:example.org")
MALLORY = UserId("@mallory:example.org")
SENT = Sent(UserId("@veche_town:example.org"), RoomId("!room:example.org"), EffectId("e" * 32))
MASTER, OTHER = "master", "other"


def a_sign_in(code: str | None = "123456", **changes: Any) -> SignIn:
    """An attempt that would succeed with ``code``, but for ``changes``."""
    whole = SignIn(
        id="01SIGNIN",
        person=ALICE,
        agent=Agent("Firefox", "Linux"),
        language="en",
        opened_at_ms=NOW_MS,
        sent=SENT,
        code_hash=core.code_hash("01SIGNIN", code) if code else None,
    )
    return attrs.evolve(whole, **changes)


AGES = {"new": 0, "last": OFFER_MS - 1, "late": OFFER_MS, "very late": 10 * OFFER_MS}
TRIES = (0, TRIES_MAX - 1, TRIES_MAX, TRIES_MAX + 1)
WRONG = (0, WRONG_PER_HOUR_MAX - 1, WRONG_PER_HOUR_MAX)
CODES = {"right": "123456", "with spaces": " 123 456 ", "wrong": "123457", "no code": "abc"}


@each_row(
    ("age", "tries", "is_ended", "is_sent", "wrong", "code"),
    list(itertools.product(AGES, TRIES, (False, True), (False, True), WRONG, CODES)),
)
def test_a_code_is_worth_what_the_table_says(
    age: str, tries: int, is_ended: bool, is_sent: bool, wrong: int, code: str
) -> None:
    sign_in = a_sign_in(tries=tries, ended_at_ms=NOW_MS if is_ended else None)
    if not is_sent:
        sign_in = attrs.evolve(sign_in, sent=None, code_hash=None)

    verdict = core.judge_code(sign_in, CODES[code], wrong, NOW_MS + AGES[age])

    is_over = (
        is_ended
        or tries >= TRIES_MAX
        or age in {"late", "very late"}
        or wrong >= WRONG_PER_HOUR_MAX
    )
    if is_over:
        assert verdict is Verdict.OVER
    elif is_sent and code in {"right", "with spaces"}:
        assert verdict is Verdict.GOOD
    else:
        assert verdict is Verdict.WRONG


@each_row(
    ("age", "tries", "is_ended", "is_sent"),
    list(itertools.product(AGES, TRIES, (False, True), (False, True))),
)
def test_a_link_is_worth_what_the_table_says(
    age: str, tries: int, is_ended: bool, is_sent: bool
) -> None:
    sign_in = a_sign_in(
        tries=tries, ended_at_ms=NOW_MS if is_ended else None, sent=SENT if is_sent else None
    )

    verdict = core.judge_link(sign_in, NOW_MS + AGES[age])

    is_good = is_sent and not is_ended and tries < TRIES_MAX and age in {"new", "last"}
    assert verdict is (Verdict.GOOD if is_good else Verdict.OVER)


def test_what_nobody_asked_for_is_worth_nothing() -> None:
    assert core.judge_code(None, "123456", 0, NOW_MS) is Verdict.OVER
    assert core.judge_link(None, NOW_MS) is Verdict.OVER


def test_a_code_is_good_for_its_own_request_alone() -> None:
    other = attrs.evolve(a_sign_in(), id="01OTHER")

    assert core.judge_code(other, "123456", 0, NOW_MS) is Verdict.WRONG


@each_row("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "12\x003456"])
def test_what_is_no_code_is_as_wrong_as_another_code(code: str) -> None:
    assert core.judge_code(a_sign_in(), code, 0, NOW_MS) is Verdict.WRONG
    # Nor is it the code of a request for which none was sent.
    assert core.judge_code(a_sign_in(None), code, 0, NOW_MS) is Verdict.WRONG


# Levels

PINNED = IdentityView(MASTER, MASTER, are_devices_pinned=False)
SURE = Recipient(ALICE, is_known=True, is_cross_signed=True, identity=PINNED)


@each_row(
    ("user_id", "is_known", "is_cross_signed", "master_key", "pinned"),
    list(
        itertools.product(
            (ALICE, MALLORY),
            (True, False),
            (True, False),
            (None, MASTER, OTHER),
            (None, MASTER, "devices"),
        )
    ),
)
def test_a_level_rests_on_each_device_that_could_read_the_message(
    user_id: UserId,
    is_known: bool,
    is_cross_signed: bool,
    master_key: str | None,
    pinned: str | None,
) -> None:
    is_devices = pinned == "devices"
    identity = IdentityView(master_key, None if is_devices else pinned, is_devices)
    one = Recipient(user_id, is_known=is_known, is_cross_signed=is_cross_signed, identity=identity)
    is_verified = one == SURE

    for recipients in ([one], [SURE, one], [one, SURE]):
        level = core.level_of(ALICE, recipients)
        if user_id != ALICE or identity.is_doubted:
            assert level is None
        else:
            assert level is (Level.VERIFIED if is_verified else Level.ROOM)


def test_who_could_read_it_must_be_known() -> None:
    assert core.level_of(ALICE, []) is None


def test_levels_are_ordered_and_count_as_messages_do() -> None:
    assert list(Level) == sorted(Level)
    assert {one.label: one.trust for one in Level} == {
        "low": Trust.ANY,
        "room": Trust.E2EE,
        "verified": Trust.VERIFIED,
    }
    assert [one.trust for one in Level] == sorted(one.trust for one in Level)


# Time


@each_row(
    ("idle_ms", "left_ms", "is_alive"),
    [
        (0, 1, True),
        (IDLE_MS_MAX - 1, 1, True),
        (IDLE_MS_MAX, 1, False),
        (0, 0, False),
        (0, -1, False),
        (IDLE_MS_MAX, 0, False),
    ],
)
def test_a_session_ends_when_it_idles_and_at_its_end(
    idle_ms: int, left_ms: int, is_alive: bool
) -> None:
    assert core.is_alive(NOW_MS - idle_ms, NOW_MS + left_ms, NOW_MS) is is_alive


# Secrets, ids, browsers


def test_only_what_can_be_a_secret_is_looked_for() -> None:
    secret, token = "A-_0" * 5 + "zz", "A-_0" * 10 + "zzz"

    assert core.secret_hash(secret) == core.hash_of(secret)
    assert core.token_hash(token) == core.hash_of(token)
    for wrong in ("", secret[:-1], secret + "a", secret[:-1] + "=", secret[:-1] + "\n", "é" * 22):
        assert core.secret_hash(wrong) is None
    for wrong in ("", token[:-1], token + "a", token[:-1] + "é", secret):
        assert core.token_hash(wrong) is None


@each_row(
    "text",
    ["@alice:example.org", "  @alice:example.org\n", "@a:[::1]:8448", "@A=b/+_.-:localhost:8008"],
)
def test_a_matrix_id_is_taken_as_typed(text: str) -> None:
    assert core.user_id_of(text) == text.strip()


@each_row(
    "text",
    [
        "",
        "alice",
        "@alice",
        "alice:example.org",
        "@:example.org",
        "@alice:",
        "@al ice:example.org",
        "@alice:exam ple.org",
        "@alice:example.org/x",
        "@alice\x00:example.org",
        "@алиса:example.org",
        f"@{'a' * 255}:example.org",
        "#room:example.org",
    ],
)
def test_what_is_no_matrix_id_is_told(text: str) -> None:
    with pytest.raises(MalformedError, match="should be a Matrix id, such as"):
        core.user_id_of(text)


@each_row(
    ("text", "is_one"), [("0" * 26, True), ("0" * 25, False), ("all", False), ("\x00" * 26, False)]
)
def test_what_can_be_the_id_of_a_session(text: str, is_one: bool) -> None:
    assert core.is_session_id(text) is is_one


@each_row(
    ("user_agent", "browser", "system"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox",
            "Linux",
        ),
        (
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
                " Chrome/146.0.0.0 Safari/537.36"
            ),
            "Chrome/Chromium",
            "Linux",
        ),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
                " Chrome/146.0.0.0 Safari/537.36 Edg/146.0.0.0"
            ),
            "Edge",
            "Windows",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
                " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
            ),
            "Safari",
            "iOS",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko)"
                " Chrome/146.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome/Chromium",
            "Android",
        ),
        ("curl/8.9.1", "", ""),
        ("", "", ""),
        ("x" * core.AGENT_CHARACTERS_MAX + "Firefox/1", "", ""),
    ],
)
def test_a_browser_is_named_in_our_own_words(user_agent: str, browser: str, system: str) -> None:
    assert core.agent_of(user_agent) == Agent(browser, system)


@given(st.text(max_size=3_000))
def test_nothing_of_a_header_is_passed_on(user_agent: str) -> None:
    agent = core.agent_of(user_agent)

    assert agent.browser in {"", *(name for _, name in core._BROWSERS)}
    assert agent.system in {"", *(name for _, name in core._SYSTEMS)}
