"""Operator commands on the devices of bots: ``veche crypto …``.

Each is one transaction, safe while bots run: a running writer loses its epoch, drops everything it
had in memory, and starts again from what is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import vodozemac as vz

from veche.protocol.errors import RefusedError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.channel import resync as resync_device
from veche.runtime.crypto.core.identity import fingerprint
from veche.runtime.crypto.start import replace_device
from veche.runtime.crypto.store import devices, sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.crypto.store.devices import DeviceRow
    from veche.runtime.database import Cursor


class NoSuchBotError(RefusedError):
    """No bot of that user id has a device in this database."""

    errcode = "ORG.VECHE.CRYPTO_NO_BOT"


@attrs.frozen
class Rekeyed:
    """The result of ``rekey``.

    Attributes:
        identity_count: Identities that are sealed under the new key now.
        device_count: Devices that are pickled under it, retired ones too.
    """

    identity_count: int
    device_count: int


@attrs.frozen
class BotKeys:
    """The public facts about a bot's keys.

    Attributes:
        user_id: The bot.
        device_id: Of the device it speaks with; None if it has none yet.
        fingerprint: Its master key as people are shown it.
        is_public: Whether the homeserver was given the identity.
    """

    user_id: str
    device_id: str | None
    fingerprint: str
    is_public: bool


def new_device(txn: Cursor, key: OperatorKey, bot: str, now_ms: int) -> str:
    """Retire the bot's device and make another under the same identity; returns its id.

    After a restored backup this is the only safe way on. It becomes public, and the old device is
    deleted on the homeserver, when the bot's writer next starts; nobody is alarmed.

    Raises:
        NoSuchBotError: The bot has no device.
        WrongOperatorKeyError: Its identity is sealed under another key; nothing was changed.
    """
    _device(txn, bot)
    _check_key(txn, key, bot)
    return replace_device(txn, key, bot, now_ms)


def resync(txn: Cursor, bot: str) -> None:
    """Read the crypto channel from its beginning, after the homeserver was restored.

    Its position may lie in the homeserver's future, and then it says nothing, without an error. A
    new fallback key is made, and everybody's devices are asked for anew.

    Raises:
        NoSuchBotError: The bot has no device.
    """
    row = _device(txn, bot)
    resync_device(txn, row.device_no)
    devices.forget_fallback_time(txn, row.device_no)
    devices.take_epoch(txn, bot)  # a running writer starts again


def export_master(txn: Cursor, key: OperatorKey, bot: str) -> str:
    """The bot's master seed, unpadded base64, which is removed from the database.

    Shown once and kept offline. Daily work goes on without it; whoever steals the server can then
    be cut off by a new self-signing key.

    Raises:
        NoSuchBotError: The bot has no identity.
        RefusedError: Not public yet, or exported before; nothing was changed.
        WrongOperatorKeyError: Sealed under another operator key; nothing was changed.
    """
    row = devices.identity_of(txn, bot)
    if row is None:
        raise NoSuchBotError(f"{bot} has no identity in this database")
    if row.published_at_ms is None:
        raise RefusedError(f"the identity of {bot} is not public yet: start the bot once first")
    identity = key.open(bot, row.master_key, row.seeds_sealed, row.sealed_under)
    if "master" not in identity.seeds:
        raise RefusedError(f"the master key of {bot} was exported before")
    devices.save_identity(txn, bot, key.seal(identity.without_master()), key.name)
    return encode_base64(identity.seeds["master"])


def rekey(txn: Cursor, old: OperatorKey, new: OperatorKey) -> Rekeyed:
    """Seal and pickle everything under a new operator key.

    All or nothing. Processes with the old key in ``crypto.key_path`` stop speaking with a clear
    error until they are started with the new one.

    Raises:
        WrongOperatorKeyError: Something is under neither key; nothing was changed.
    """
    identity_count = device_count = 0
    for bot in devices.identities(txn):
        identity_count += _reseal(txn, old, new, bot)
        for row in devices.devices_of(txn, bot):
            device_count += _repickle(txn, old, new, row)
    return Rekeyed(identity_count, device_count)


def _reseal(txn: Cursor, old: OperatorKey, new: OperatorKey, bot: str) -> bool:
    row = devices.identity_of(txn, bot)
    if row is None or row.sealed_under == new.name:
        return False
    identity = old.open(bot, row.master_key, row.seeds_sealed, row.sealed_under)
    devices.save_identity(txn, bot, new.seal(identity), new.name)
    return True


def _repickle(txn: Cursor, old: OperatorKey, new: OperatorKey, row: DeviceRow) -> bool:
    """Pickle a device and its sessions anew; the epoch moves, so no writer has stale objects."""
    if row.pickled_under == new.name:
        return False
    old.check(row.pickled_under)
    before = old.pickle_key(row.user_id, row.device_id)
    after = new.pickle_key(row.user_id, row.device_id)
    devices.end_epoch(txn, row.device_no)
    account, _ = devices.account_of(txn, row.device_no)
    moved = vz.Account.from_pickle(account, before).pickle(after)
    devices.save_repickled(txn, row.device_no, moved, new.name)
    kinds: dict[str, Callable[[str], str]] = {
        "olm_session": lambda one: vz.Session.from_pickle(one, before).pickle(after),
        "room_key_in": lambda one: vz.InboundGroupSession.from_pickle(one, before).pickle(after),
        "room_key_out": lambda one: vz.GroupSession.from_pickle(one, before).pickle(after),
    }
    for table, repickled in kinds.items():
        sessions.repickle(txn, table, row.device_no, repickled)
    return True


def bot_keys(txn: Cursor) -> list[BotKeys]:
    """The public keys of every bot, by user id; nothing is changed and no operator key needed."""
    found = []
    for bot in devices.identities(txn):
        identity, device = devices.identity_of(txn, bot), devices.active_device(txn, bot)
        if identity is not None:
            is_public = identity.published_at_ms is not None
            device_id = device.device_id if device else None
            found.append(BotKeys(bot, device_id, fingerprint(identity.master_key), is_public))
    return found


def bots_spoken_for(txn: Cursor) -> list[str]:
    """Bots that a running process speaks for; nobody begins to speak for the others meanwhile."""
    return [bot for bot in devices.identities(txn) if not devices.try_lock(txn, bot)]


def key_names(txn: Cursor) -> set[str]:
    """Names of the operator keys that the database was sealed under; empty without bots."""
    return devices.key_names(txn)


def _check_key(txn: Cursor, key: OperatorKey, bot: str) -> None:
    row = devices.identity_of(txn, bot)
    if row is None:
        raise AssertionError("a device without identity")
    key.open(bot, row.master_key, row.seeds_sealed, row.sealed_under)


def _device(txn: Cursor, bot: str) -> DeviceRow:
    row = devices.active_device(txn, bot)
    if row is None:
        raise NoSuchBotError(f"{bot} has no device in this database")
    return row
