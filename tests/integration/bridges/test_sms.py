"""Somebody who only has a phone uses the demo's office: a message centre of others, by SMPP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.bridges.sms_town import NOTHING, Phone, SmsTown, sms_town
from tests.integration.bridges.story import get_a_service_with_a_fee
from tests.support.processes import wait_until
from tests.support.smsc import OFFICE_NUMBER, why_no_centre

if TYPE_CHECKING:
    from collections.abc import Iterator

if _reason := why_no_centre():
    pytest.skip(_reason, allow_module_level=True)

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

LANGUAGE: Final = "Which language do you prefer?"
MENU: Final = "What do you need?"
LATER: Final = 0x64
NEVER: Final = 0x65


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmsTown]:
    with sms_town(tmp_path_factory.mktemp("bridged")) as one:
        yield one


@pytest.fixture(scope="module")
def ann(town: SmsTown) -> Phone:
    return Phone(town.centre, "+491700000001")


@pytest.fixture(scope="module")
def bob(town: SmsTown) -> Phone:
    """Somebody who has chosen a language, so that ``menu`` is answered by the menu."""
    one = Phone(town.centre, "+491700000002")
    one.ask("1", one.ask("Hello", None, LANGUAGE), MENU)
    return one


def settle(town: SmsTown, somebody: Phone) -> None:
    """Wait until all that came before has been dealt with: each ``menu`` was answered once."""
    somebody.send("menu")
    due = 1 + somebody.due("menu")  # one came with the language
    wait_until(lambda: somebody.count(MENU) >= due, 60, "an answer is missing")
    open_rows = "SELECT count(*) FROM bridges.remote_outbox WHERE sealed IS NOT NULL"
    wait_until(lambda: town.query(open_rows) == [(0,)], 30, "something is not sent")
    assert somebody.count(MENU) == due


def test_somebody_with_a_phone_alone_gets_a_service_with_a_fee(town: SmsTown, ann: Phone) -> None:
    """Greeting, form by numbers, payment link, decision, and how to get the document."""
    result = get_a_service_with_a_fee(town.house, ann, "It cannot be sent by SMS")

    assert ".pdf" in result.words
    received = ann.messages()
    assert sum("can read them" in one.words for one in received) == 1
    assert any(one.parts > 1 for one in received)
    delivered = "SELECT count(*) FROM bridges.remote_outbox WHERE state = 'delivered'"
    wait_until(lambda: town.query(delivered) == [(len(received),)], 30, "receipts are missing")


def test_long_texts_with_all_signs_go_both_ways_whole(town: SmsTown, bob: Phone) -> None:
    """In parts that come in any order; Cyrillic, and signs that take two units."""
    settle(town, bob)
    intro = bob.ask("3", None, "It takes at most")
    parcel = bob.ask("1", intro, "1 of 2")
    text = "Участок № 7/12 🏛 у озера, 2-я линия 🌊"
    before = len(town.centre.state()["ends"])
    bob.send(text, size=13, reverse=True)
    reason = bob.expect("2 of 2", parcel)
    review = bob.ask("1", reason, "Please check your answers")
    assert town.centre.state()["ends"][before:].count([bob.number, 0]) >= 3

    assert text in review.words
    assert review.parts > 1
    bob.ask("cancel", review, "")
    settle(town, bob)

    waiting = "SELECT count(*) FROM bridges.received_part"
    assert town.query(waiting) == [(0,)]


@pytest.mark.parametrize("state", ["DELIVRD", "UNDELIV", "EXPIRED"])
def test_a_receipt_becomes_the_state_of_the_message_once(
    town: SmsTown, bob: Phone, state: str
) -> None:
    settle(town, bob)
    seen = town.counted("veche_bridge_receipts_total", end="double")
    town.centre.tell("mode", state=state)
    try:
        bob.ask("menu", None, MENU)
        expected = "delivered" if state == "DELIVRD" else "failed"
        last = "SELECT state, reason FROM bridges.remote_outbox ORDER BY seq DESC LIMIT 1"
        reason = "DELIVRD" if state == "DELIVRD" else f"{state} 027"
        wait_until(lambda: town.query(last) == [(expected, reason)], 30, "no such state")
    finally:
        town.centre.tell("mode", state="DELIVRD")
    part = town.centre.submits(bob.number)[-1]
    for _ in range(2):
        town.centre.tell(
            "receipt", **{"from": part.sender, "to": part.recipient, "id": part.id, "state": state}
        )

    wait_until(
        lambda: town.counted("veche_bridge_receipts_total", end="double") == seen + 2,
        30,
        "repetitions are not seen",
    )
    assert town.query(last) == [(expected, reason)]
    assert town.counted("veche_bridge_contradictions_total") == 0


def test_a_receipt_may_come_before_the_answer_that_tells_the_id(town: SmsTown, bob: Phone) -> None:
    settle(town, bob)
    early = town.counted("veche_bridge_receipts_total", end="early")
    town.centre.tell("mode", early=True)
    try:
        bob.ask("menu", None, MENU)
        last = "SELECT state FROM bridges.remote_outbox ORDER BY seq DESC LIMIT 1"
        wait_until(lambda: town.query(last) == [("delivered",)], 30, "it is lost")
    finally:
        town.centre.tell("mode", early=False)

    assert town.counted("veche_bridge_receipts_total", end="early") > early


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.1, 0.3])
def test_nothing_is_lost_or_doubled_by_a_kill_between_a_message_and_its_answer(
    town: SmsTown, bob: Phone, delay_s: float
) -> None:
    """The centre brings again what was not answered."""
    bob.send("menu")
    time.sleep(delay_s)  # another moment of the way each time
    town.bridge.kill()
    bob.send("menu")
    town.start()

    settle(town, bob)


def test_a_bridge_that_is_told_to_end_keeps_what_has_come(town: SmsTown, bob: Phone) -> None:
    bob.send("menu")
    town.bridge.stop()
    town.start()

    settle(town, bob)


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.1])
def test_nothing_that_comes_is_lost_or_doubled_when_the_centre_drops_the_connection(
    town: SmsTown, bob: Phone, delay_s: float
) -> None:
    bob.send("menu")
    time.sleep(delay_s)
    town.centre.tell("drop")
    bob.send("menu")

    settle(town, bob)


def test_the_same_text_twice_is_two_messages_and_the_same_pdu_is_one(
    town: SmsTown, bob: Phone
) -> None:
    settle(town, bob)
    doubles = town.counted("veche_bridge_in_total", end="double")
    body = (
        b"\0\x01\x01" + bob.number[1:].encode() + b"\0\x01\x01" + OFFICE_NUMBER[1:].encode()
        + b"\0" + bytes(9) + b"\x04menu"
    )  # fmt: skip
    whole = (16 + len(body)).to_bytes(4) + (5).to_bytes(4) + bytes(4) + (9_999).to_bytes(4) + body
    bob.sent.append("menu")
    town.centre.tell("raw", hex=(whole + whole).hex())
    settle(town, bob)
    bob.send("menu")
    bob.send("menu")
    settle(town, bob)

    assert town.counted("veche_bridge_in_total", end="double") == doubles + 1


def ready(town: SmsTown) -> dict[str, Any]:
    """The answer of ``/ready``."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{town.port}/ready") as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as e:
        found = json.load(e)
    assert isinstance(found, dict)
    return found


def test_an_answer_waits_for_a_centre_that_is_throttling_away_or_refuses(
    town: SmsTown, bob: Phone
) -> None:
    """The operator is told in the log and by ``/ready``; we ask more and more seldom."""
    settle(town, bob)
    town.centre.tell("mode", throttle=12)
    settle(town, bob)
    assert town.centre.state()["throttled"] >= 12

    bob.send("menu")
    town.centre.tell("mode", refuse=True)
    refused = town.centre.state()["refused"]
    town.centre.tell("drop")
    bob.send("menu")
    wait_until(lambda: not ready(town)["is_ready"], 10, "the operator is not told")
    wait_until(lambda: town.centre.state()["refused"] >= refused + 3, 30, "we give up")
    told = ready(town)["checks"]["sms"]
    time.sleep(1)
    assert town.centre.state()["refused"] <= refused + 5, "we come as often as before"
    town.centre.tell("mode", refuse=False)
    wait_until(lambda: bool(ready(town)["is_ready"]), 60, "the bridge does not come back")

    assert told == "the message centre refuses the account: 0xd"
    assert told in town.bridge.log_path.read_text()
    settle(town, bob)


@pytest.mark.parametrize(
    ("garbage", "why"),
    [("00000008", "length"), ("00020000" + "00" * 12, "length"), ("7fffffff" * 8, "length")],
    ids=["short", "oversize", "huge"],
)
def test_a_length_that_is_none_ends_the_connection_and_loses_nothing(
    town: SmsTown, bob: Phone, garbage: str, why: str
) -> None:
    before = town.counted("veche_bridge_sms_refused_total", why=why)
    seen = town.centre.state()
    town.centre.tell("raw", hex=garbage + "00" * 16)
    wait_until(lambda: town.centre.state()["binds"] > seen["binds"], 30, "it does not come back")

    assert town.centre.state()["nacks"] == [*seen["nacks"], 0x02]
    assert town.counted("veche_bridge_sms_refused_total", why=why) == before + 1
    settle(town, bob)


def test_a_command_that_is_unknown_is_refused_and_the_connection_goes_on(
    town: SmsTown, bob: Phone
) -> None:
    seen = town.centre.state()
    before = town.counted("veche_bridge_sms_refused_total")
    town.centre.tell("raw", hex="00000010" + "00000777" + "00" * 4 + "00000005")
    body = "ff" * 30
    town.centre.tell("raw", hex="0000002e" + "00000005" + "00" * 4 + "00000006" + body)
    town.centre.tell("write", **{"from": "100", "to": "999", "text": "x"}, name="nobody")
    settle(town, bob)

    state = town.centre.state()
    assert state["nacks"] == [*seen["nacks"], 0x03]
    assert ["nobody", NEVER] in state["ends"]
    # At least: what the tests before sent may be refused meanwhile.
    assert town.counted("veche_bridge_sms_refused_total") >= before + 3
    assert state["binds"] == seen["binds"]


def test_what_is_written_in_clear_is_no_address(town: SmsTown, ann: Phone, bob: Phone) -> None:
    """Neither the log nor the database of the bridge says who writes, or what."""
    ann.sent.clear()
    log = town.bridge.log_path.read_text()
    for table in ("remote_inbox", "remote_outbox", "portal", "received_part", "sent_part"):
        log += str(town.query(f"SELECT * FROM bridges.{table}"))  # noqa: S608 -- ours

    for secret in (ann.number[1:], bob.number[1:], "Участок", "12/7"):
        assert secret not in log


def test_all_receipts_count_across_a_drop(town: SmsTown) -> None:
    """See ``sms_receipts`` of the benchmark for a thousand; here some people begin at once."""
    people = [Phone(town.centre, f"+4917100{n:05}") for n in range(5)]
    town.centre.tell("mode", receipts=True)
    for one in people:
        one.send("Hello")
    time.sleep(1.5)
    town.centre.tell("drop")
    for one in people:
        one.expect(LANGUAGE, NOTHING)

    left = "SELECT count(*) FROM bridges.remote_outbox WHERE state NOT IN ('delivered', 'failed')"
    wait_until(lambda: town.query(left) == [(0,)], 60, "receipts are missing")
    assert [one.count(LANGUAGE) for one in people] == [1] * 5
