"""The table of who gets keys and how much what a device says is worth, over its whole product."""

from __future__ import annotations

import itertools

import pytest

from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.core.trust import (
    IdentityView,
    WithoutIdentity,
    standing_of,
    trust_of,
    withheld_code,
)

_MASTERS = (None, "first", "second")


@pytest.mark.parametrize(
    ("master", "pinned", "is_cross_signed", "standing"),
    [
        (None, None, False, DeviceStanding.NO_IDENTITY),
        ("first", None, False, DeviceStanding.UNSIGNED),
        ("first", None, True, DeviceStanding.VERIFIED),
        ("first", "first", True, DeviceStanding.VERIFIED),
        ("first", "first", False, DeviceStanding.UNSIGNED),
        ("second", "first", True, DeviceStanding.IDENTITY_CHANGED),
        ("second", "first", False, DeviceStanding.UNSIGNED),
        (None, "first", False, DeviceStanding.IDENTITY_CHANGED),
    ],
)
def test_the_standing_of_a_device(
    master: str | None, pinned: str | None, is_cross_signed: bool, standing: DeviceStanding
) -> None:
    view = IdentityView(master, pinned)

    assert standing_of(view, is_cross_signed=is_cross_signed) is standing


def test_only_a_verified_device_is_believed_as_verified() -> None:
    # What was said on a page came from no device; its level is that of the session.
    devices = set(DeviceStanding) - {DeviceStanding.PAGE}
    levels = {standing: trust_of(standing) for standing in devices}

    assert levels.pop(DeviceStanding.VERIFIED) is Trust.VERIFIED
    assert levels.pop(DeviceStanding.NOT_ENCRYPTED) is Trust.ANY
    assert set(levels.values()) == {Trust.E2EE}


def test_who_has_an_identity_gets_keys_on_signed_devices_only() -> None:
    for master, pinned, policy in itertools.product(
        ("first", "second"), (None, "first"), WithoutIdentity
    ):
        view = IdentityView(master, pinned)
        assert withheld_code(view, is_cross_signed=True, without_identity=policy) is None
        refused = withheld_code(view, is_cross_signed=False, without_identity=policy)
        assert refused == "m.unverified"


@pytest.mark.parametrize(
    ("policy", "code"), [(WithoutIdentity.SHARE, None), (WithoutIdentity.WITHHOLD, "m.unverified")]
)
def test_who_has_no_identity_gets_keys_by_policy(policy: WithoutIdentity, code: str | None) -> None:
    view = IdentityView(None, None)

    assert withheld_code(view, is_cross_signed=False, without_identity=policy) == code


@pytest.mark.parametrize("policy", list(WithoutIdentity))
def test_a_pinned_identity_that_vanished_opens_no_door(policy: WithoutIdentity) -> None:
    view = IdentityView(None, "first")

    code = withheld_code(view, is_cross_signed=False, without_identity=policy)

    assert code == "m.unverified"


def test_whatever_is_refused_is_refused_as_unverified_and_nothing_as_blocked() -> None:
    codes = {
        withheld_code(IdentityView(master, pinned), is_cross_signed=signed, without_identity=policy)
        for master, pinned, signed, policy in itertools.product(
            _MASTERS, _MASTERS, (False, True), WithoutIdentity
        )
    }

    assert codes == {None, "m.unverified"}


def test_no_state_raises() -> None:
    for master, pinned, signed in itertools.product(_MASTERS, _MASTERS, (False, True)):
        view = IdentityView(master, pinned)
        trust_of(standing_of(view, is_cross_signed=signed))
