"""Answers of the key directory: what is believed, and what is left out."""

from __future__ import annotations

import copy

import pytest

from tests.support.crypto_peers import ANNA, Side, damaged, identity
from tests.support.tables import each_row
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.core.keys_query import read_master, read_person, with_old_devices
from veche.runtime.crypto.core.values import DEVICES_PER_PERSON_MAX, ID_CHARACTERS_MAX, Json


def signed_by_device(side: Side, keys: Json) -> Json:
    from veche.runtime.crypto.core.account import sign  # noqa: PLC0415

    return sign(side.account, side.user_id, side.device_id, keys)


def test_a_device_without_identity_is_known_and_not_cross_signed() -> None:
    keys = read_person(Side(ANNA, "ANNA1").published(), ANNA)

    assert keys.master_key is None
    assert [(one.device_id, one.is_cross_signed) for one in keys.devices] == [("ANNA1", False)]


def test_a_device_that_the_identity_signed_is_cross_signed() -> None:
    keys = read_person(Side(ANNA, "ANNA1", identity(ANNA)).published(), ANNA)

    assert keys.master_key == identity(ANNA).master_key
    assert keys.devices[0].is_cross_signed


def test_no_damage_to_an_answer_raises_or_makes_more_of_it() -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()
    right = read_person(answer, ANNA)

    for where, wrong in damaged(answer):
        keys = read_person(wrong, ANNA)
        assert keys.master_key in (None, right.master_key), where
        for device in keys.devices:
            assert device.curve25519 == right.devices[0].curve25519, where
            assert device.ed25519 == right.devices[0].ed25519, where


@each_row("answer", [None, 7, "text", [], {}, {"device_keys": {ANNA: []}}])
def test_an_answer_of_another_form_says_nothing(answer: object) -> None:
    keys = read_person(answer, ANNA)

    assert (keys.master_key, keys.devices, keys.changed) == (None, (), ())


def test_a_device_that_does_not_sign_itself_is_not_there() -> None:
    answer = Side(ANNA, "ANNA1").published()
    answer["device_keys"][ANNA]["ANNA1"]["keys"]["curve25519:ANNA1"] = encode_base64(
        bytes(31) + b"\x01"
    )

    assert read_person(answer, ANNA).devices == ()


@pytest.mark.parametrize(
    "change",
    [{"user_id": "@eve:veche.test"}, {"device_id": "OTHER"}, {"algorithms": []}],
)
def test_a_device_that_signs_another_place_is_not_there(change: Json) -> None:
    anna = Side(ANNA, "ANNA1")
    keys = {**anna.own.device_keys, **change, "signatures": {}}
    answer = {"device_keys": {ANNA: {"ANNA1": signed_by_device(anna, keys)}}}

    assert read_person(answer, ANNA).devices == ()


@each_row("device_id", ["", "x" * (ID_CHARACTERS_MAX + 1), "a\0b", "\ud800"])
def test_a_device_id_that_cannot_be_stored_is_not_there(device_id: str) -> None:
    anna = Side(ANNA, "ANNA1")
    answer = {"device_keys": {ANNA: {device_id: anna.own.device_keys}}}

    assert read_person(answer, ANNA).devices == ()


def test_another_identity_does_not_vouch_for_the_device() -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()
    other = Side(ANNA, "ANNA1", identity(ANNA, 2)).published()
    answer["self_signing_keys"] = other["self_signing_keys"]

    assert not read_person(answer, ANNA).devices[0].is_cross_signed


def test_a_self_signing_key_without_its_master_vouches_for_nothing() -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()
    del answer["master_keys"]

    keys = read_person(answer, ANNA)

    assert keys.master_key is None
    assert not keys.devices[0].is_cross_signed


def test_a_master_key_that_signs_devices_itself_does_not_count() -> None:
    anna, mine = Side(ANNA, "ANNA1"), identity(ANNA)
    answer = Side(ANNA, "ANNA1", mine).published()
    answer["device_keys"][ANNA] = {"ANNA1": mine.sign("master", anna.own.device_keys)}

    assert not read_person(answer, ANNA).devices[0].is_cross_signed


@each_row("change", ["usage", "two keys", "other id", "other user"])
def test_a_master_key_of_a_wrong_form_is_none(change: str) -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()
    master = answer["master_keys"][ANNA]
    if change == "usage":
        master["usage"] = ["self_signing"]
    elif change == "two keys":
        master["keys"]["ed25519:x"] = encode_base64(bytes(32))
    elif change == "other id":
        [key] = master["keys"].values()
        master["keys"] = {"ed25519:x": key}
    else:
        master["user_id"] = "@eve:veche.test"

    keys = read_person(answer, ANNA)

    assert keys.master_key is None
    assert not keys.devices[0].is_cross_signed


def test_a_device_whose_keys_changed_is_dropped_and_named() -> None:
    before = Side(ANNA, "ANNA1").peer()
    known = {"ANNA1": (before.curve25519, before.ed25519)}

    keys = read_person(Side(ANNA, "ANNA1", identity(ANNA)).published(), ANNA, known)

    assert (keys.devices, keys.changed) == ((), ("ANNA1",))


def test_a_device_with_the_keys_that_were_known_stays() -> None:
    anna = Side(ANNA, "ANNA1")
    known = {"ANNA1": (anna.own.curve25519, anna.own.ed25519)}

    assert len(read_person(anna.published(), ANNA, known).devices) == 1


def test_a_device_whose_keys_changed_stays_as_it_was() -> None:
    before = read_person(Side(ANNA, "ANNA1", identity(ANNA)).published(), ANNA)
    known = {one.device_id: (one.curve25519, one.ed25519) for one in before.devices}
    same = read_person(Side(ANNA, "ANNA1", identity(ANNA)).published(), ANNA, known)
    other = read_person(Side(ANNA, "ANNA1", identity(ANNA, 2)).published(), ANNA, known)

    assert with_old_devices(same, before).devices == before.devices
    [kept] = with_old_devices(other, before).devices
    assert (kept.curve25519, kept.is_cross_signed) == (before.devices[0].curve25519, False)


def test_signatures_of_others_on_a_key_change_nothing() -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()
    answer["master_keys"][ANNA]["signatures"]["@ca:veche.test"] = {"x509:a": "s"}

    assert read_person(answer, ANNA).master_key == identity(ANNA).master_key


def test_of_too_many_devices_the_cross_signed_stay() -> None:
    last = Side(ANNA, "ZZZ", identity(ANNA))
    answer = last.published()
    for number in range(DEVICES_PER_PERSON_MAX):
        side = Side(ANNA, f"D{number:04}")
        answer["device_keys"][ANNA][side.device_id] = side.own.device_keys

    keys = read_person(answer, ANNA)

    assert len(keys.devices) == DEVICES_PER_PERSON_MAX
    assert keys.devices[0].device_id == "ZZZ"


def test_another_persons_keys_are_not_read_from_the_answer() -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()

    assert read_person(answer, "@eve:veche.test").devices == ()


def test_a_master_that_is_shown_in_a_wrong_form_is_shown_all_the_same() -> None:
    answer = Side(ANNA, "ANNA1", identity(ANNA)).published()
    wrong = copy.deepcopy(answer)
    wrong["master_keys"][ANNA]["keys"] = {"a": "b"}

    assert read_master(answer, ANNA) == (True, identity(ANNA).master_key)
    assert read_master(wrong, ANNA) == (True, None)
    assert read_master({}, ANNA) == (False, None)
