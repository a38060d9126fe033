"""The table of who gets keys and how much what a device says is worth, over its whole product."""

from __future__ import annotations

import itertools

from tests.support.tables import each_row
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.core.trust import (
    UNVERIFIED,
    IdentityView,
    WithoutIdentity,
    standing_of,
    trust_of,
    withheld_code,
)

_NONE, _SAME, _OTHER = "none", "same", "other"
_IDENTITY, _DEVICES = "identity", "devices"


def view(pin: str, current: str) -> IdentityView:
    """What is pinned, and how the identity of now stands to it."""
    pinned = "pinned" if pin == _IDENTITY else None
    master = {_NONE: None, _SAME: pinned or "first", _OTHER: "other"}[current]
    return IdentityView(master, pinned, pin == _DEVICES)


# Whether the device is pinned, whether the identity of now signed it.
_KINDS = {
    "signed by the current one": (False, True),
    "signed by the pinned one, or dealt with us": (True, False),
    "both": (True, True),
    "unsigned": (False, False),
}
_V, _U = DeviceStanding.VERIFIED, DeviceStanding.UNSIGNED
_N, _C, _L = DeviceStanding.NO_IDENTITY, DeviceStanding.IDENTITY_CHANGED, DeviceStanding.LATE
# An identity that somebody's device of before vouched for has been pinned when this is asked:
# it is "same" under "identity". See test_late_identities.py beside the directory's tests.
_TABLE = {
    (_NONE, _NONE): (_N, _N, _N, _N),
    (_NONE, _SAME): (_V, _U, _V, _U),
    (_NONE, _OTHER): (_V, _U, _V, _U),
    (_DEVICES, _NONE): (_L, _N, _N, _L),
    (_DEVICES, _SAME): (_L, _C, _C, _L),
    (_DEVICES, _OTHER): (_L, _C, _C, _L),
    (_IDENTITY, _NONE): (_L, _C, _C, _L),
    (_IDENTITY, _SAME): (_V, _U, _V, _U),
    (_IDENTITY, _OTHER): (_L, _C, _C, _L),
}
_PRODUCT = [
    (pin, current, *flags, standing)
    for (pin, current), row in _TABLE.items()
    for flags, standing in zip(_KINDS.values(), row, strict=True)
]


def test_the_table_is_the_whole_product() -> None:
    pins, currents = (_NONE, _DEVICES, _IDENTITY), (_NONE, _SAME, _OTHER)

    assert set(_TABLE) == set(itertools.product(pins, currents))
    assert set(_KINDS.values()) == set(itertools.product((False, True), repeat=2))


@each_row(("pin", "current", "is_pinned", "is_cross_signed", "standing"), _PRODUCT)
def test_the_standing_of_a_device_and_whether_it_gets_our_keys(
    pin: str, current: str, is_pinned: bool, is_cross_signed: bool, standing: DeviceStanding
) -> None:
    identity = view(pin, current)
    flags = {"is_pinned": is_pinned, "is_cross_signed": is_cross_signed}

    assert standing_of(identity, **flags) is standing
    shared = withheld_code(identity, **flags, without_identity=WithoutIdentity.SHARE)
    assert shared == (UNVERIFIED if standing in (_U, _L) else None)
    had_identity = standing is _V or (standing is _C and pin == _IDENTITY)
    withheld = withheld_code(identity, **flags, without_identity=WithoutIdentity.WITHHOLD)
    assert withheld == (None if had_identity else UNVERIFIED)


@each_row(("pin", "current", "is_pinned", "is_cross_signed", "standing"), _PRODUCT)
def test_nothing_is_verified_but_what_the_identity_signed_that_is_not_in_doubt(
    pin: str, current: str, is_pinned: bool, is_cross_signed: bool, standing: DeviceStanding
) -> None:
    del is_pinned
    identity = view(pin, current)

    is_verified = trust_of(standing) is Trust.VERIFIED
    expected = is_cross_signed and identity.master_key is not None and not identity.is_doubted
    assert is_verified == expected


def test_each_standing_has_its_level() -> None:
    levels = {one: trust_of(one) for one in set(DeviceStanding) - {DeviceStanding.PAGE}}

    assert levels.pop(DeviceStanding.VERIFIED) is Trust.VERIFIED
    assert levels.pop(DeviceStanding.NOT_ENCRYPTED) is Trust.ANY
    assert set(levels.values()) == {Trust.E2EE}
