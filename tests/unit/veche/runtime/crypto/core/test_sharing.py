"""Who gets a session, who is refused it, and who cannot be given it."""

from __future__ import annotations

from veche.runtime.crypto.core.sharing import Person, plan
from veche.runtime.crypto.core.trust import IdentityView, WithoutIdentity
from veche.runtime.crypto.core.values import PeerDevice

NOBODY = IdentityView(None, None, are_devices_pinned=False)
SIGNED = IdentityView("master", None, are_devices_pinned=False)


def device(name: str, *, is_signed: bool = False) -> PeerDevice:
    user_id = f"@{name[:-1]}:veche.test"
    return PeerDevice(user_id, name.upper(), f"curve {name}", f"ed {name}", is_signed)


def person(identity: IdentityView, *devices: PeerDevice) -> Person:
    return Person(devices[0].user_id, identity, devices)


A1, A2, B1 = device("anna1"), device("anna2"), device("boris1", is_signed=True)
ALL = (A1.curve25519, A2.curve25519, B1.curve25519)


def place(one: PeerDevice) -> tuple[str, str]:
    return one.user_id, one.curve25519


def test_who_lacks_it_is_given_it() -> None:
    wanted = plan(
        [person(NOBODY, A1, A2), person(SIGNED, B1)],
        without_identity=WithoutIdentity.SHARE,
        given={place(A1): None},
        reachable=ALL,
    )

    assert (wanted.give, wanted.refuse) == ((A2, B1), ())
    assert wanted.is_settled


def test_who_has_it_all_needs_nothing() -> None:
    wanted = plan(
        [person(NOBODY, A1)],
        without_identity=WithoutIdentity.SHARE,
        given={place(A1): None},
        reachable=(),
    )

    assert (wanted.give, wanted.refuse, wanted.unreadable_by) == ((), (), ())
    assert wanted.is_settled


def test_a_device_without_channel_is_told_once_and_tried_again() -> None:
    people = [person(NOBODY, A1)]
    share = WithoutIdentity.SHARE

    first = plan(people, without_identity=share, given={}, reachable=())
    told = {place(A1): "m.no_olm"}
    second = plan(people, without_identity=share, given=told, reachable=())
    reached = plan(people, without_identity=share, given=told, reachable=ALL)

    assert first.refuse == ((A1, "m.no_olm"),)
    assert not first.is_settled
    assert second.refuse == ()
    assert not second.is_settled
    assert (reached.give, reached.is_settled) == ((A1,), True)


def test_an_unsigned_device_of_a_person_with_identity_is_refused_once() -> None:
    unsigned = device("boris2")
    people = [person(SIGNED, B1, unsigned)]
    share = WithoutIdentity.SHARE

    first = plan(people, without_identity=share, given={}, reachable=ALL)
    told = {place(B1): None, place(unsigned): "m.unverified"}
    second = plan(people, without_identity=share, given=told, reachable=ALL)

    assert (first.give, first.refuse) == ((B1,), ((unsigned, "m.unverified"),))
    assert (second.give, second.refuse) == ((), ())
    assert first.is_settled


def test_a_device_that_was_refused_is_given_it_once_it_is_signed() -> None:
    wanted = plan(
        [person(SIGNED, B1)],
        without_identity=WithoutIdentity.SHARE,
        given={place(B1): "m.unverified"},
        reachable=ALL,
    )

    assert wanted.give == (B1,)


def test_who_cannot_read_is_named() -> None:
    wanted = plan(
        [
            person(NOBODY, A1),
            person(SIGNED, device("boris2")),
            Person("@new:veche.test", NOBODY, ()),
        ],
        without_identity=WithoutIdentity.SHARE,
        given={},
        reachable=ALL,
    )

    assert wanted.unreadable_by == ("@boris:veche.test", "@new:veche.test")


def test_people_without_identity_are_refused_where_the_operator_says_so() -> None:
    wanted = plan(
        [person(NOBODY, A1)],
        without_identity=WithoutIdentity.WITHHOLD,
        given={},
        reachable=ALL,
    )

    assert (wanted.give, wanted.refuse) == ((), ((A1, "m.unverified"),))
