"""Reading answers of ``/keys/query``: which devices a person has, and who vouches for them.

A device that does not sign its own keys is not there. The master key vouches for the self-signing
key, that one for devices. Source: Matrix spec v1.18, "Device keys", "Cross-signing".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

import attrs

from veche.protocol.json_reader import is_text
from veche.runtime.crypto.core.signing import is_key, is_signed
from veche.runtime.crypto.core.values import (
    DEVICES_PER_PERSON_MAX,
    ID_CHARACTERS_MAX,
    MEGOLM,
    OLM,
    Json,
    PeerDevice,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EMPTY: Final[Json] = {}


@attrs.frozen
class PersonKeys:
    """The keys of one person.

    Attributes:
        master_key: Public master key, or None without an identity.
        devices: Those that sign themselves, in the order of ``sorted_devices``.
        changed: Ids of devices whose keys are not those that we knew: dropped, since a device
            id never changes its keys.
    """

    master_key: str | None
    devices: tuple[PeerDevice, ...]
    changed: tuple[str, ...] = ()


def read_person(
    answer: object, user_id: str, known: Mapping[str, tuple[str, str]] | None = None
) -> PersonKeys:
    """The keys of a person in an answer; what is malformed is left out.

    Args:
        answer: Of ``POST /keys/query``, as decoded.
        user_id: Who.
        known: Curve25519 and Ed25519 of the devices as last stored, by device id.
    """
    master = _cross_signing_key(answer, "master_keys", user_id, "master")
    chain = _cross_signing_key(answer, "self_signing_keys", user_id, "self_signing")
    if chain and not (master and _is_chained(answer, user_id, master)):
        chain = None
    devices, changed = [], []
    for device_id, keys in _object(_object(answer, "device_keys"), user_id).items():
        device = _device(keys, user_id, device_id, chain)
        if device is None:
            continue
        before = (known or {}).get(device_id)
        if before not in (None, (device.curve25519, device.ed25519)):
            changed.append(device_id)
            continue
        devices.append(device)
    kept = sorted_devices(devices)[:DEVICES_PER_PERSON_MAX]
    return PersonKeys(master, kept, tuple(sorted(changed)))


def with_old_devices(keys: PersonKeys, before: PersonKeys) -> PersonKeys:
    """``keys``, with devices whose keys changed as they were before.

    Else the next answer would find no such device, and believe the new keys. The identity that
    signed one counts only while it is the same.
    """
    is_same = keys.master_key == before.master_key
    old = [
        attrs.evolve(device, is_cross_signed=device.is_cross_signed and is_same)
        for device in before.devices
        if device.device_id in keys.changed
    ]
    return attrs.evolve(keys, devices=sorted_devices([*keys.devices, *old]))


def has_others(keys: PersonKeys, devices: Iterable[PeerDevice]) -> bool:
    """Return whether a person has a device that is none of some others, or has other keys."""
    return not {_keys_of(one) for one in keys.devices} <= {_keys_of(one) for one in devices}


def with_pinned(keys: PersonKeys, pinned: Iterable[PeerDevice]) -> PersonKeys:
    """``keys``, with the pinned devices that the answer hides while the identity is in doubt.

    Else whoever put another identity there could also keep the owner's devices from being told, by
    leaving them out or by showing other keys under their ids.
    """
    listed = set(map(_keys_of, keys.devices))
    hidden = {one.device_id: one for one in pinned if _keys_of(one) not in listed}
    kept = [one for one in keys.devices if one.device_id not in hidden]
    return attrs.evolve(keys, devices=sorted_devices([*kept, *hidden.values()]))


def is_vouched(answer: object, user_id: str, devices: Iterable[PeerDevice]) -> bool:
    """Return whether one of some devices signed the master key in an answer.

    Clients do so where they set up an identity on a device. It is checked with the keys that we
    pinned, never with those in the answer.

    Args:
        answer: Of ``POST /keys/query``, as decoded.
        user_id: Who.
        devices: Those by which the person dealt with us.
    """
    key = _object(_object(answer, "master_keys"), user_id)
    return any(is_signed(key, user_id, f"ed25519:{one.device_id}", one.ed25519) for one in devices)


def read_master(answer: object, user_id: str) -> tuple[bool, str | None]:
    """Return whether a master key is shown for a user, and which, if it has the right form."""
    is_shown = bool(_object(_object(answer, "master_keys"), user_id))
    return is_shown, _cross_signing_key(answer, "master_keys", user_id, "master")


def sorted_devices(devices: Iterable[PeerDevice]) -> tuple[PeerDevice, ...]:
    """Devices in the order of ``PersonKeys``: those that the identity signed, then by id."""
    return tuple(sorted(devices, key=lambda one: (not one.is_cross_signed, one.device_id)))


def _keys_of(device: PeerDevice) -> tuple[str, str, str]:
    return device.device_id, device.curve25519, device.ed25519


def _device(keys: object, user_id: str, device_id: object, chain: str | None) -> PeerDevice | None:
    """The device at its place in an answer, or None if anything about it is wrong."""
    if not isinstance(keys, dict) or not _is_device_id(device_id):
        return None
    algorithms = keys.get("algorithms")
    is_right = (
        (keys.get("user_id"), keys.get("device_id")) == (user_id, device_id)
        and isinstance(algorithms, list)
        and OLM in algorithms
        and MEGOLM in algorithms
    )
    public = _object(keys, "keys")
    curve25519, ed25519 = public.get(f"curve25519:{device_id}"), public.get(f"ed25519:{device_id}")
    if not (is_right and is_key(curve25519) and is_key(ed25519)):
        return None
    if not is_signed(keys, user_id, f"ed25519:{device_id}", ed25519):
        return None
    vouched = chain is not None and is_signed(keys, user_id, f"ed25519:{chain}", chain)
    return PeerDevice(user_id, device_id, curve25519, ed25519, vouched)


def _is_device_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS_MAX and is_text(value)


def _is_chained(answer: object, user_id: str, master: str) -> bool:
    key = _object(_object(answer, "self_signing_keys"), user_id)
    return is_signed(key, user_id, f"ed25519:{master}", master)


def _cross_signing_key(answer: object, kind: str, user_id: str, usage: str) -> str | None:
    key = _object(_object(answer, kind), user_id)
    usages, keys = key.get("usage"), _object(key, "keys")
    if key.get("user_id") != user_id or not isinstance(usages, list) or usage not in usages:
        return None
    if len(keys) != 1:
        return None
    [(key_id, public)] = keys.items()
    if not is_key(public) or key_id != f"ed25519:{public}":
        return None
    return public


def _object(value: object, name: str) -> Json:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else _EMPTY
