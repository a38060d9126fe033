"""Who gets our keys, and how much what a device says is worth.

One table for both, since they must not drift apart.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from veche.protocol.inbound import DeviceStanding, Trust

UNVERIFIED: Final = "m.unverified"
"""Keys go to verified devices alone, and this one is none."""
NO_OLM: Final = "m.no_olm"
"""No channel to the device could be made."""
BLACKLISTED: Final = "m.blacklisted"
"""Somebody blocked the device by hand. We are sent it and never send it: nothing here blocks single
devices. Whoever does not want a device any more signs it out, or takes its signature back; then it
is gone, or ``UNVERIFIED``."""


class WithoutIdentity(enum.Enum):
    """What people get who have no cross-signing identity."""

    SHARE = "share"
    WITHHOLD = "withhold"


@attrs.frozen
class IdentityView:
    """The identity of a person as we know it.

    Attributes:
        master_key: As last asked, or None.
        master_pinned: The first that the person used with us, or None.
    """

    master_key: str | None
    master_pinned: str | None


_TRUST: Final = {
    DeviceStanding.NOT_ENCRYPTED: Trust.ANY,
    DeviceStanding.UNKNOWN: Trust.E2EE,
    DeviceStanding.UNSIGNED: Trust.E2EE,
    DeviceStanding.NO_IDENTITY: Trust.E2EE,
    DeviceStanding.IDENTITY_CHANGED: Trust.E2EE,
    DeviceStanding.VERIFIED: Trust.VERIFIED,
}


def trust_of(standing: DeviceStanding) -> Trust:
    """The level of what a device of that standing says."""
    return _TRUST[standing]


def standing_of(identity: IdentityView, *, is_cross_signed: bool) -> DeviceStanding:
    """The standing of a known device.

    An identity that was never pinned counts as it is (trust on first use); whoever acts on that
    pins it in the same transaction. One that was pinned and is gone counts as changed, else a
    server could strip it to make its own device look like that of an older client.
    """
    if identity.master_key is None:
        if identity.master_pinned is not None:
            return DeviceStanding.IDENTITY_CHANGED
        return DeviceStanding.NO_IDENTITY
    if not is_cross_signed:
        return DeviceStanding.UNSIGNED
    if identity.master_pinned not in (None, identity.master_key):
        return DeviceStanding.IDENTITY_CHANGED
    return DeviceStanding.VERIFIED


def withheld_code(
    identity: IdentityView, *, is_cross_signed: bool, without_identity: WithoutIdentity
) -> str | None:
    """Why a device does not get our keys (a code of ``m.room_key.withheld``); None if it does.

    MSC4153, but for people without any identity, whom the operator may serve. Whatever we refuse,
    we refuse because the device is not verified, so there is one code (Matrix spec v1.18,
    ``m.room_key.withheld``); that there is no channel is found out later (``NO_OLM``).
    """
    standing = standing_of(identity, is_cross_signed=is_cross_signed)
    if standing is DeviceStanding.UNSIGNED:
        return UNVERIFIED
    if standing is DeviceStanding.NO_IDENTITY and without_identity is WithoutIdentity.WITHHOLD:
        return UNVERIFIED
    if standing is DeviceStanding.IDENTITY_CHANGED and not is_cross_signed:
        return UNVERIFIED  # a pinned identity that vanished opens no door
    return None
