"""Recipients of a room's session: who gets it, who is refused, and who cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.runtime.crypto.core.trust import NO_OLM, IdentityView, WithoutIdentity, withheld_code

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from veche.runtime.crypto.core.values import PeerDevice


@attrs.frozen
class Person:
    """A reader of a room.

    Attributes:
        identity: As last asked.
        devices: As last asked.
    """

    user_id: str
    identity: IdentityView
    devices: tuple[PeerDevice, ...]


@attrs.frozen
class Sharing:
    """The steps for a session before it seals.

    Attributes:
        give: Devices that lack it and can have it.
        refuse: Devices to be told that they do not get it, each with its code.
        unreadable_by: People none of whose devices can read.
        is_settled: Whether nobody lacks it for a reason that may pass.
    """

    give: tuple[PeerDevice, ...]
    refuse: tuple[tuple[PeerDevice, str], ...]
    unreadable_by: tuple[str, ...]
    is_settled: bool


def allowed_devices(
    readers: Sequence[Person], without_identity: WithoutIdentity
) -> tuple[list[PeerDevice], list[tuple[PeerDevice, str]]]:
    """The devices that may have our keys, and the others with the code why not."""
    allowed, refused = [], []
    for person in readers:
        for device in person.devices:
            code = withheld_code(
                person.identity,
                is_cross_signed=device.is_cross_signed,
                is_pinned=device.is_pinned,
                without_identity=without_identity,
            )
            if code is None:
                allowed.append(device)
            else:
                refused.append((device, code))
    return allowed, refused


def plan(
    readers: Sequence[Person],
    *,
    without_identity: WithoutIdentity,
    given: Mapping[tuple[str, str], str | None],
    reachable: Collection[str],
) -> Sharing:
    """Compare who should have a session with who has it.

    Args:
        readers: Who may read now.
        without_identity: Policy of the operator.
        given: By (user id, Curve25519), of each device that was told of this session: None if
            it has it, else the code with which it was refused.
        reachable: Curve25519 of the devices with which there is an Olm session.
    """
    allowed, refused = allowed_devices(readers, without_identity)
    give, has = [], set()
    is_settled = True
    for device in allowed:
        place = (device.user_id, device.curve25519)
        if place in given and given[place] is None:
            has.add(device.user_id)
        elif device.curve25519 in reachable:
            give.append(device)
            has.add(device.user_id)
        else:
            refused.append((device, NO_OLM))
            is_settled = False
    return Sharing(
        tuple(give),
        tuple(
            (device, code)
            for device, code in refused
            if given.get((device.user_id, device.curve25519)) != code
        ),
        tuple(person.user_id for person in readers if person.user_id not in has),
        is_settled,
    )
