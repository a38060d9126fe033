"""Identities and devices that come late, or change, at every moment: whose they are, who is told.

Red line R7: a swapped identity, a ghost device and a ghost member read nothing and are nobody.

The attacker is whoever runs the homeserver: it lists what it likes, and hides what it likes. It has
no key of a device or an identity of the person's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.veche.runtime.crypto.desk import Desk, run
from tests.support.crypto_peers import ANNA, ROOM, Side, identity
from tests.support.long import many
from veche.protocol.ids import RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core.trust import UNVERIFIED
from veche.runtime.crypto.tracking import identity_view, renew_identity, unconfirmed
from veche.runtime.matrix.store import close_room, expect_member
from veche.runtime.ports import HeldBack, NeedsDevices, NotPrepared

if TYPE_CHECKING:
    from veche.runtime.crypto.core.identity import Identity
    from veche.runtime.crypto.core.values import Json

pytestmark = pytest.mark.postgres

HERS: Final = identity(ANNA, 1)
SECOND: Final = identity(ANNA, 2)
GHOSTS: Final = identity(ANNA, 9)


def changed(desk: Desk) -> None:
    """The homeserver says that there is news of Anna's keys."""
    desk.step(desk.answer(changed=[ANNA]))


def ask(desk: Desk) -> None:
    """Ask the homeserver for Anna's keys."""
    run(desk.people.refresh(UserId("@bot:x"), [ANNA]))


def write(desk: Desk, side: Side, event_id: str, body: str = "hello") -> Any:
    """What a message of a device is opened as, its keys asked for where there was news."""
    known = "SELECT FROM crypto.room_key_in WHERE session_id = %s"
    if not desk.database.execute(known, side.group.session_id):
        side.meet(desk.side())
        desk.hear(side.give_room_key(desk.side()))
    event = side.write(event_id, body)
    for _ in range(2):
        ask(desk)
        try:
            return desk.open(event)
        except NeedsDevices:  # the inbox asks and comes again
            continue
    return desk.open(event)


def can_read(side: Side, sealed: Json) -> bool:
    """Whether a device was given the session of a message."""
    return any(one["session_id"] == sealed["session_id"] for one in side.inbox("m.room_key"))


def dealt(desk: Desk, *, with_identity: Identity | None = None) -> Side:
    """Anna, who dealt with us by her phone."""
    desk.room(ANNA)
    phone = desk.add(Side(ANNA, "PHONE", with_identity))
    write(desk, phone, "$first")
    return phone


@pytest.mark.parametrize("had", [None, HERS])
def test_whoever_tells_people_hears_of_each_doubt_once_though_nobody_writes(
    desk: Desk, had: Identity | None
) -> None:
    phone = dealt(desk, with_identity=had)
    told: list[str] = []
    desk.people.on_doubt = lambda _txn, person, _now_ms: told.append(person)
    ask(desk)
    assert told == []

    desk.add(Side(ANNA, "GHOST", GHOSTS))
    for _ in range(2):
        changed(desk)
        ask(desk)

    assert told == [ANNA]
    del desk.server.sides[ANNA, "GHOST"]
    desk.add(phone)
    changed(desk)
    ask(desk)
    assert told == [ANNA]


def vouched_only_by_served_keys(desk: Desk, phone: Side) -> None:
    """The homeserver lists the ghost's identity with signatures that prove nothing.

    One copied from another object, one by the ghost under the name of the phone.
    """
    desk.add(Side(ANNA, "GHOST", GHOSTS))
    desk.server.sides[ANNA, "PHONE"] = phone
    master = GHOSTS.master_object()
    by_ghost = Side(ANNA, "PHONE")
    forged = accounts.sign(by_ghost.account, ANNA, "PHONE", master)
    signed = GHOSTS.upload_body(forged)["master_key"]
    desk.server.extra = {"master_keys": {ANNA: signed}}


def test_a_late_identity_of_a_ghost_counts_for_nothing_and_the_owner_goes_on_reading(
    desk: Desk,
) -> None:
    phone = dealt(desk)
    ghost = desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)

    heard = write(desk, ghost, "$ghost")
    sealed = desk.say("a warning")

    assert (heard.trust, heard.standing) == (Trust.E2EE, DeviceStanding.LATE)
    assert can_read(phone, sealed)
    assert not can_read(ghost, sealed)
    assert [one["code"] for one in ghost.inbox("m.room_key.withheld")] == [UNVERIFIED]
    again = write(desk, phone, "$again")
    assert (again.trust, again.standing) == (Trust.E2EE, DeviceStanding.IDENTITY_CHANGED)


def test_a_forged_or_copied_signature_vouches_for_nothing(desk: Desk) -> None:
    phone = dealt(desk)
    vouched_only_by_served_keys(desk, phone)
    changed(desk)

    assert write(desk, desk.server.sides[ANNA, "GHOST"], "$g").standing is DeviceStanding.LATE
    assert can_read(phone, desk.say())


def test_a_device_key_that_the_server_swapped_vouches_for_nothing(desk: Desk) -> None:
    phone = dealt(desk)
    swapped = desk.add(Side(ANNA, "PHONE", GHOSTS))  # the same id, other keys
    ghost = desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)
    ask(desk)
    desk.add(phone)  # who gets what is sent to that device

    sealed = desk.say()

    assert write(desk, ghost, "$g").standing is DeviceStanding.LATE
    assert can_read(phone, sealed)
    assert not can_read(ghost, sealed)
    assert swapped.own.curve25519 != phone.own.curve25519


def test_an_identity_set_up_late_on_the_device_that_dealt_counts_at_once(desk: Desk) -> None:
    phone = dealt(desk)
    phone.identity = HERS  # its master key is signed by the phone, as clients do
    changed(desk)

    heard = write(desk, phone, "$later")
    tablet = desk.add(Side(ANNA, "TABLET", HERS))
    desk.server.sides[ANNA, "PHONE"] = desk.server.sides.pop((ANNA, "PHONE"))  # signs last
    changed(desk)
    sealed = desk.say()

    assert heard.standing is DeviceStanding.VERIFIED
    assert write(desk, tablet, "$tablet").standing is DeviceStanding.VERIFIED
    assert can_read(phone, sealed)
    assert can_read(tablet, sealed)


def test_a_device_that_never_dealt_vouches_for_nothing(desk: Desk) -> None:
    dealt(desk)
    tablet = desk.add(Side(ANNA, "TABLET"))  # later, without an identity
    changed(desk)
    heard = write(desk, tablet, "$tablet")
    tablet.identity = GHOSTS
    changed(desk)

    assert heard.standing is DeviceStanding.LATE
    assert write(desk, tablet, "$tablet2").standing is DeviceStanding.LATE
    assert not can_read(tablet, desk.say())


def test_a_ghost_that_was_listed_at_first_contact_does_not_vouch_either(desk: Desk) -> None:
    ghost = desk.add(Side(ANNA, "GHOST"))
    phone = dealt(desk)
    ghost.identity = GHOSTS
    changed(desk)

    assert write(desk, ghost, "$ghost").trust is Trust.E2EE
    assert can_read(phone, desk.say())


def test_a_swapped_identity_gets_no_keys_and_the_devices_of_the_pinned_one_do(desk: Desk) -> None:
    phone = dealt(desk, with_identity=HERS)
    before = desk.say("before")
    ghost = desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)

    heard = write(desk, ghost, "$ghost")
    sealed = desk.say("after")

    assert heard.standing is DeviceStanding.LATE
    assert sealed["session_id"] != before["session_id"]
    assert can_read(phone, sealed)
    assert not can_read(ghost, sealed)
    assert write(desk, phone, "$again").standing is DeviceStanding.IDENTITY_CHANGED


def test_whoever_swaps_the_identity_cannot_hide_the_devices_of_the_owner(desk: Desk) -> None:
    phone = dealt(desk, with_identity=HERS)
    del desk.server.sides[ANNA, "PHONE"]
    desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)
    ask(desk)
    desk.server.sides[ANNA, "PHONE"] = phone  # it is there for messages to devices
    desk.server.extra = {**desk.add(Side(ANNA, "GHOST", GHOSTS)).published()}

    sealed = desk.say()

    assert can_read(phone, sealed)
    assert write(desk, phone, "$again").standing is DeviceStanding.IDENTITY_CHANGED


@pytest.mark.parametrize("shown", [Side(ANNA, "GHOST"), Side(ANNA, "PHONE")])
@pytest.mark.parametrize("late", [None, GHOSTS])
def test_whoever_lists_other_devices_cannot_hide_those_that_dealt_without_an_identity(
    desk: Desk, shown: Side, late: Identity | None
) -> None:
    phone = dealt(desk)
    del desk.server.sides[ANNA, "PHONE"]  # first it is gone, then there is another one
    changed(desk)
    ask(desk)
    ghost = desk.add(attrs.evolve(shown, identity=late))
    changed(desk)
    ask(desk)
    desk.add(phone)  # it is there for messages to devices
    desk.server.extra = {**ghost.published()}

    sealed = desk.say("a warning")

    assert can_read(phone, sealed)
    assert not can_read(ghost, sealed)
    assert write(desk, phone, "$again").trust is Trust.E2EE


def test_an_identity_that_replaces_another_counts_once_it_is_confirmed(desk: Desk) -> None:
    phone = dealt(desk, with_identity=HERS)
    phone.identity = SECOND  # reset on the phone: it signs the new one, and that is not enough
    changed(desk)
    heard = write(desk, phone, "$reset")
    assert can_read(phone, desk.say())

    assert heard.standing is DeviceStanding.IDENTITY_CHANGED
    who = UserId(ANNA)
    [candidate] = run(desk.database.run("t", unconfirmed, who))
    assert candidate == SECOND.master_key
    assert run(desk.database.run("t", renew_identity, who, candidate, desk.now_ms))
    assert write(desk, phone, "$again").standing is DeviceStanding.VERIFIED


def test_an_identity_that_was_taken_away_opens_no_door(desk: Desk) -> None:
    phone = dealt(desk, with_identity=HERS)
    phone.identity = None
    ghost = desk.add(Side(ANNA, "GHOST"))
    changed(desk)

    sealed = desk.say()

    assert write(desk, ghost, "$ghost").standing is DeviceStanding.LATE
    assert (can_read(phone, sealed), can_read(ghost, sealed)) == (True, False)
    assert run(desk.database.run("t", unconfirmed, UserId(ANNA))) == {}


def test_a_confirmed_device_of_somebody_without_an_identity_reads_from_then_on(desk: Desk) -> None:
    phone = dealt(desk)
    tablet = desk.add(Side(ANNA, "TABLET"))
    changed(desk)
    assert not can_read(tablet, desk.say())

    [candidate] = run(desk.database.run("t", unconfirmed, UserId(ANNA)))
    assert run(desk.database.run("t", renew_identity, UserId(ANNA), candidate, desk.now_ms))
    sealed = desk.say()

    assert can_read(phone, sealed)
    assert can_read(tablet, sealed)
    assert write(desk, tablet, "$tablet").standing is DeviceStanding.NO_IDENTITY


def test_a_document_waits_while_the_identity_is_in_doubt_and_words_do_not(desk: Desk) -> None:
    phone = dealt(desk, with_identity=HERS)
    desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)
    desk.say("words")
    document = {"msgtype": "m.file", "body": "a.pdf", "file": {"url": "mxc://x/y"}}
    wanted: Any = (ROOM, "m.room.message", document, {}, desk.now_ms)

    with pytest.raises(HeldBack):
        run(desk.database.run("seal", desk.sealer.seal, *wanted))
    with pytest.raises(HeldBack):
        run(desk.database.run("seal", desk.sealer.seal_now, *wanted))
    del desk.server.sides[ANNA, "GHOST"]
    desk.server.sides[ANNA, "PHONE"] = phone
    changed(desk)
    desk.say("it was nothing")

    assert run(desk.database.run("seal", desk.sealer.seal, *wanted))["session_id"]


def apart(desk: Desk, audience: str, body: str) -> Json:
    """Say something to certain devices, as the outbox does."""
    content = {"msgtype": "m.text", "body": body}
    wanted: Any = (audience, ROOM, "m.room.message", content, {}, desk.now_ms)

    def seal(txn: Any, audience: str, *rest: Any) -> Any:
        return desk.sealer.seal_apart(audience, txn, *rest)

    with pytest.raises(NotPrepared):
        run(desk.database.run("seal", seal, *wanted))
    desk.prepare()
    sealed: Json = run(desk.database.run("seal", seal, *wanted))
    run(desk.sealer.deliver(RoomId(ROOM)))
    desk.server.delivered()
    return sealed


def test_what_is_for_every_device_reaches_those_that_get_nothing_else(desk: Desk) -> None:
    phone = dealt(desk)
    desk.say("private")
    ghost = desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)

    sealed = apart(desk, "all", "how to confirm it")
    after = desk.say("private again")

    assert (can_read(phone, sealed), can_read(ghost, sealed)) == (True, True)
    assert (can_read(phone, after), can_read(ghost, after)) == (True, False)


def test_the_number_that_an_office_is_shown_is_read_by_the_new_identity_alone(desk: Desk) -> None:
    phone = dealt(desk, with_identity=HERS)
    laptop = desk.add(Side(ANNA, "LAPTOP"))
    ghost = desk.add(Side(ANNA, "GHOST", GHOSTS))
    desk.server.sides[ANNA, "LAPTOP"] = laptop
    changed(desk)

    sealed = apart(desk, GHOSTS.master_key, "the number")

    assert [can_read(one, sealed) for one in (phone, laptop, ghost)] == [False, False, True]


def test_the_number_of_a_new_device_is_read_by_that_device_alone(desk: Desk) -> None:
    phone = dealt(desk)
    tablet, ghost = desk.add(Side(ANNA, "TABLET")), desk.add(Side(ANNA, "GHOST"))
    changed(desk)

    sealed = apart(desk, tablet.own.ed25519, "the number")

    assert [can_read(one, sealed) for one in (phone, tablet, ghost)] == [False, True, False]


def test_a_member_whom_the_bot_did_not_invite_reads_nothing_in_a_room_that_it_made(
    desk: Desk,
) -> None:
    phone = dealt(desk)
    run(desk.database.run("t", close_room, RoomId(ROOM)))
    run(desk.database.run("t", expect_member, RoomId(ROOM), UserId(ANNA), "invite"))
    stranger = desk.add(Side("@ghost:veche.test", "GHOST", identity("@ghost:veche.test", 5)))
    desk.member(stranger.user_id)

    closed = desk.say("private")
    assert [can_read(one, closed) for one in (phone, stranger)] == [True, False]
    run(desk.database.run("t", expect_member, RoomId(ROOM), UserId(stranger.user_id), "invite"))
    opened = desk.say("to both")

    assert [can_read(one, opened) for one in (phone, stranger)] == [True, True]


# Stories: what the homeserver shows at every moment, against what the person has.


@attrs.define
class Town:
    """What the homeserver shows of Anna."""

    desk: Desk
    phone: Side
    ghost: Side
    told: list[str] = attrs.Factory(list)


MOVES: Final = (
    "list the ghost",
    "give the ghost an identity",
    "hide the ghost",
    "hide the phone",
    "show the phone",
    "swap the phone's keys",
    "forge a signature",
    "the ghost writes",
    "the phone writes",
    "the bot speaks",
    "she sets up recovery",
    "she leaves and comes back",
)


def move(town: Town, what: str) -> None:
    """One move of the homeserver, the ghost, or Anna."""
    desk, sides = town.desk, town.desk.server.sides
    match what:
        case "list the ghost":
            sides[ANNA, "GHOST"] = town.ghost
        case "give the ghost an identity":
            town.ghost.identity = GHOSTS
            sides[ANNA, "GHOST"] = town.ghost
        case "hide the ghost":
            sides.pop((ANNA, "GHOST"), None)
        case "hide the phone":
            sides.pop((ANNA, "PHONE"), None)
        case "show the phone":
            sides[ANNA, "PHONE"] = town.phone
        case "swap the phone's keys":
            sides[ANNA, "PHONE"] = Side(ANNA, "PHONE", GHOSTS)
            changed(desk)
            ask(desk)
            sides[ANNA, "PHONE"] = town.phone
        case "forge a signature":
            forged = accounts.sign(town.ghost.account, ANNA, "PHONE", GHOSTS.master_object())
            desk.server.extra = {"master_keys": {ANNA: GHOSTS.upload_body(forged)["master_key"]}}
        case "she sets up recovery":
            town.phone.identity = HERS
        case "she leaves and comes back":
            desk.member(ANNA, "leave")
            desk.step(desk.answer(left=[ANNA]))
            desk.member(ANNA)
        case _:
            return
    changed(desk)


@given(st.lists(st.sampled_from(MOVES), max_size=14), st.booleans())
@settings(
    max_examples=many(ordinary=30, long=120),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_story_makes_the_ghost_the_person(
    desk: Desk, moves: list[str], has_identity: bool
) -> None:
    for table in ("pinned_device", "person_device", "person", "room_key_shared", "room_key_out"):
        desk.database.execute(f"DELETE FROM crypto.{table}")  # noqa: S608 -- a fresh town
    desk.server.sides.clear()
    desk.server.extra = {}
    phone = dealt(desk, with_identity=HERS if has_identity else None)
    town = Town(desk, phone, Side(ANNA, "GHOST"))

    for number, what in enumerate([*moves, "the ghost writes", "the bot speaks"]):
        if what == "the ghost writes":
            heard = write(desk, town.ghost, f"$ghost{id(town)}{number}")
            assert heard.trust is Trust.E2EE, "the ghost is the person"
        elif what == "the phone writes":
            write(desk, town.phone, f"$phone{id(town)}{number}")
        elif what == "the bot speaks":
            sealed = desk.say(f"private {number}")
            assert not can_read(town.ghost, sealed), "the ghost reads"
        else:
            move(town, what)
    view = run(desk.database.run("t", identity_view, UserId(ANNA)))
    assert view.master_pinned in (None, HERS.master_key)
