"""Trust in devices: which ones get our keys, and how much their messages count.

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
    """The policy for people without a cross-signing identity."""

    SHARE = "share"
    WITHHOLD = "withhold"


@attrs.frozen
class IdentityView:
    """The identity of a person as we know it.

    Attributes:
        master_key: As last asked, or None.
        master_pinned: The first that the person used with us, or None.
        are_devices_pinned: The person dealt with us without an identity: their devices are pinned.
    """

    master_key: str | None
    master_pinned: str | None
    are_devices_pinned: bool

    @property
    def is_pinned(self) -> bool:
        """Return whether the person dealt with us before."""
        return self.master_pinned is not None or self.are_devices_pinned

    @property
    def is_doubted(self) -> bool:
        """Return whether the identity is not the one that dealt with us, and is unconfirmed.

        One that was pinned and is gone counts as changed, else a server could strip it to make its
        own device look like that of an older client.
        """
        if self.master_pinned is not None:
            return self.master_key != self.master_pinned
        return self.are_devices_pinned and self.master_key is not None


_TRUST: Final = {
    DeviceStanding.NOT_ENCRYPTED: Trust.ANY,
    DeviceStanding.UNKNOWN: Trust.E2EE,
    DeviceStanding.UNSIGNED: Trust.E2EE,
    DeviceStanding.NO_IDENTITY: Trust.E2EE,
    DeviceStanding.IDENTITY_CHANGED: Trust.E2EE,
    DeviceStanding.LATE: Trust.E2EE,
    DeviceStanding.VERIFIED: Trust.VERIFIED,
}


def trust_of(standing: DeviceStanding) -> Trust:
    """The level of what a device of that standing says."""
    return _TRUST[standing]


def standing_of(
    identity: IdentityView, *, is_cross_signed: bool, is_pinned: bool
) -> DeviceStanding:
    """The standing of a known device.

    Who never dealt with us is taken as they are (trust on first use); their first message pins it.

    Args:
        identity: Of the device's owner.
        is_cross_signed: The identity of now signed the device.
        is_pinned: The device, with these keys, dealt with us or was signed by the pinned identity.
    """
    if identity.is_doubted:
        return DeviceStanding.IDENTITY_CHANGED if is_pinned else DeviceStanding.LATE
    if identity.master_key is None:
        is_new = identity.are_devices_pinned and not is_pinned
        return DeviceStanding.LATE if is_new else DeviceStanding.NO_IDENTITY
    return DeviceStanding.VERIFIED if is_cross_signed else DeviceStanding.UNSIGNED


def withheld_code(
    identity: IdentityView,
    *,
    is_cross_signed: bool,
    is_pinned: bool,
    without_identity: WithoutIdentity,
) -> str | None:
    """Why a device does not get our keys (a code of ``m.room_key.withheld``); None if it does.

    MSC4153, but for people without any identity, whom the operator may serve, and for people whose
    identity is in doubt: theirs go to the devices that were theirs before. Whatever we refuse,
    we refuse because the device is not verified, so there is one code (Matrix spec v1.18,
    ``m.room_key.withheld``); that there is no channel is found out later (``NO_OLM``).
    """
    standing = standing_of(identity, is_cross_signed=is_cross_signed, is_pinned=is_pinned)
    if standing in (DeviceStanding.UNSIGNED, DeviceStanding.LATE):
        return UNVERIFIED
    had_identity = standing is DeviceStanding.VERIFIED or identity.master_pinned is not None
    is_served = had_identity or without_identity is WithoutIdentity.SHARE
    return None if is_served else UNVERIFIED
