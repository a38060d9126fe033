"""What the event guard lets through of official accounts, of others, and when it cannot tell."""

from typing import Any
from unittest import mock

import pytest

from homeserver_modules.directories.follower import (
    STALE_MS,
    Directories,
    Follower,
    UnknownDirectoryError,
)
from homeserver_modules.event_guard.config import EventGuardConfig
from homeserver_modules.event_guard.proofs import TICKETS_MAX, Proofs
from tests.support.event_receipts import Log, directory
from tests.support.payloads import VALID
from veche.contracts.directory.receipts import Policy, ReceiptRefusedError, SeenEvent
from veche.contracts.directory.rules import Directory
from veche.protocol.acts import ACT

NOW_MS = 1_790_000_000_000
BOT = "@veche_records:veche.test"
ANNA = "@anna:veche.test"
ROOM = "!room:veche.test"
WRITTEN = directory(NOW_MS - 3_600_000)
KEY = WRITTEN.key().verifier.to_text()
SECTION = {"url": "http://127.0.0.1:1", "keys": [KEY]}
CONFIG = EventGuardConfig.model_validate({"directories": [SECTION]})


def directories() -> Directories:
    """What a process knows that has read nothing yet."""
    return Directories(CONFIG.directories, Follower(mock.Mock(), lambda: NOW_MS))


def proofs(age_ms: int = 0) -> Proofs:
    """Of a process that has read all of the test's directory, so long ago."""
    known = directories()
    state = Directory(CONFIG.directories[0].root)
    for text in WRITTEN.texts:
        state.add(text)
    [one] = known.followed
    one.seen_ms = NOW_MS - age_ms
    known.look({WRITTEN.log: state.snapshot(NOW_MS)})
    return Proofs(known, Policy())


def message(sender: str = BOT, **content: Any) -> SeenEvent:
    return SeenEvent(ROOM, sender, "m.room.message", {"body": "x", **content}, NOW_MS)


def refusal(guard: Proofs, event: SeenEvent, *, is_ours: bool = False) -> str | None:
    try:
        guard.check(event, is_ours=is_ours)
    except ReceiptRefusedError as e:
        return e.fault
    except UnknownDirectoryError:
        return "unknown"
    return None


def test_an_official_account_needs_a_proof_and_others_need_none() -> None:
    guard = proofs()
    assert refusal(guard, message()) == "ACT_MISSING"
    assert refusal(guard, Log().proven(message())) is None
    assert refusal(guard, message(ANNA)) is None


def test_an_act_is_one_event_also_where_its_log_signs_two() -> None:
    guard, log = proofs(), Log()
    one = log.proven(message())
    two = message(more=1)
    signed = log.proven(two).content[ACT]["s"]
    assert refusal(guard, one) is None
    assert refusal(guard, one) is None
    # The log signs another event beside the same act.
    entry, last = log.entries[0], log.entries[-1]
    assert entry != last
    forged = {**two.content, ACT: {**one.content[ACT], "s": signed}}
    assert refusal(guard, SeenEvent(ROOM, BOT, two.kind, forged, NOW_MS)) == "ACT_UNBOUND"


@pytest.mark.parametrize(
    "key",
    [
        "org.veche.case",
        "org.veche.document",
        "org.veche.invoice",
        "org.veche.prompt",
        "org.veche.sign_request",
    ],
)
def test_official_families_come_from_listed_accounts_alone(key: str) -> None:
    guard = proofs()
    said: dict[str, Any] = {key: VALID[key]}
    assert refusal(guard, message(ANNA, **said)) == "ACT_SENDER"
    assert refusal(guard, Log().proven(message(**said))) is None


def test_a_badge_that_somebody_gives_themselves_is_refused() -> None:
    guard = proofs()
    badge = {"v": 1, "org": "town"}
    state = SeenEvent(ROOM, ANNA, "org.veche.official", badge, NOW_MS, "")
    assert refusal(guard, state) == "ACT_SENDER"
    assert refusal(guard, SeenEvent(ROOM, BOT, "org.veche.official", badge, NOW_MS, "")) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_organisations_wait_while_the_directory_is_old_or_the_clock_is_wrong(sign: int) -> None:
    event = Log().proven(message())
    assert refusal(proofs(sign * (STALE_MS - 60_000)), event) is None
    old = proofs(sign * (STALE_MS + 60_000))
    assert refusal(old, event) == "unknown"
    assert refusal(old, message(ANNA)) is None


def test_before_a_directory_is_known_our_bots_wait_and_people_talk() -> None:
    guard = Proofs(directories(), Policy())
    assert refusal(guard, message(), is_ours=True) == "unknown"
    assert refusal(guard, message(ANNA)) is None
    own = SeenEvent(ROOM, BOT, "m.room.member", {"membership": "join"}, NOW_MS, BOT)
    assert refusal(guard, own, is_ours=True) is None


def test_an_official_account_invites_once_for_each_proof() -> None:
    guard = proofs()
    assert guard.may_invite(ANNA, BOT, ROOM)
    assert not guard.may_invite(BOT, ANNA, ROOM)
    guard.expect(BOT, ANNA, ROOM)
    assert guard.may_invite(BOT, ANNA, ROOM)
    assert not guard.may_invite(BOT, ANNA, ROOM)


def test_proofs_of_invitations_are_not_kept_without_bound() -> None:
    guard = proofs()
    for number in range(TICKETS_MAX + 1):
        guard.expect(BOT, f"@p{number}:veche.test", ROOM)
    assert not guard.may_invite(BOT, "@p0:veche.test", ROOM)
    assert guard.may_invite(BOT, f"@p{TICKETS_MAX}:veche.test", ROOM)


def test_a_room_of_an_official_account_begins_without_invitations() -> None:
    guard = proofs()
    guard.check_request(BOT, {"preset": "private_chat"})
    guard.check_request(ANNA, {"invite": [BOT]})
    for key in ("invite", "invite_3pid"):
        with pytest.raises(ReceiptRefusedError):
            guard.check_request(BOT, {key: [ANNA]})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"directories": [{**SECTION, "keys": ["x"]}]}, "should be <name>"),
        ({"directories": [{**SECTION, "url": "ftp://x"}]}, "pattern"),
        ({"directories": [SECTION, SECTION]}, "twice"),
        ({"directories": [{**SECTION, "quorum": 2}]}, "quorum"),
        ({"witnesses_needed": 1}, "fewer witnesses"),
        ({"witnesses": [KEY]}, "keys of witnesses"),
        ({"directory": []}, "Extra inputs"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EventGuardConfig.model_validate(changes)
