"""How a bot's device comes into the world, and comes back: steps that each may be repeated.

The order is the point. What is made is committed before anything of it is public; what is public
and not ours is never overwritten, since the server would let us (measured).
"""

from __future__ import annotations

import logging
import secrets
import string
from typing import TYPE_CHECKING, Any, Final

import vodozemac as vz

from veche.protocol.errors import ConfigError
from veche.runtime.crypto import metrics
from veche.runtime.crypto.channel import upload_keys
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core.identity import SEED_BYTES, Identity, fingerprint, new_identity
from veche.runtime.crypto.core.keys_query import read_master
from veche.runtime.crypto.store import devices, people
from veche.runtime.crypto.writer import Writer
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from pathlib import Path

    from veche.protocol.ids import UserId
    from veche.runtime.crypto.core.values import Json, OwnKeys
    from veche.runtime.crypto.keys import OperatorKey
    from veche.runtime.crypto.store.devices import DeviceRow
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

DEVICE_NAME: Final = "Veche"
_DEVICE_PREFIX: Final = "VECHE"
_DEVICE_LETTERS: Final = 8


class StoppedError(ConfigError):
    """The server shows keys or devices of this bot that are not ours: nothing is changed or sent.

    Somebody must look: another installation runs the same bot, the database is not the one that
    made it, or the server was tampered with.
    """

    errcode = "ORG.VECHE.CRYPTO_STOPPED"


async def register(client: MatrixClient, bot: UserId) -> None:
    """Make the bot's account on the homeserver; fine if it is there.

    Raises:
        MatrixError: The server refuses.
        NoAnswerError: It does not answer.
    """
    localpart = bot[1:].partition(":")[0]
    body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
    try:
        await client.call("POST", "/_matrix/client/v3/register", body=body)
    except MatrixError as e:
        if e.errcode != "M_USER_IN_USE":
            raise


async def take_over(
    database: Database, key: OperatorKey, bot: UserId, now_ms: int
) -> tuple[Writer, DeviceRow]:
    """Become the writer of the bot's device; the device is made if there is none.

    Where the database is another than the last writer's (a restored backup, a failover), the old
    ratchets may step back: the device is retired, and a new one made under the same identity.

    Raises:
        WrongOperatorKeyError: What is stored was sealed under another key; nothing was changed.
    """
    row = await database.run("crypto.take_over", _take_over, key, bot, now_ms)
    return Writer(database, row, key), row


def _take_over(txn: Cursor, key: OperatorKey, bot: UserId, now_ms: int) -> DeviceRow:
    stored = devices.identity_of(txn, bot)
    if stored is None:
        seeds = (secrets.token_bytes(SEED_BYTES) for _ in range(3))
        identity = new_identity(bot, (next(seeds), next(seeds), next(seeds)))
        devices.add_identity(txn, bot, identity.master_key, key.seal(identity), key.name)
    else:
        key.open(bot, stored.master_key, stored.seeds_sealed, stored.sealed_under)
    row = devices.take_epoch(txn, bot)
    if row is not None and row.written_on != devices.cluster(txn):
        metrics.alarms.labels("database_moved").inc()
        logger.error("%s: the database is another than before: a new device is made", bot)
        replace_device(txn, key, bot, now_ms)
        row = devices.take_epoch(txn, bot)
    if row is None:
        make_device(txn, key, bot, now_ms)
        row = devices.take_epoch(txn, bot)
    if row is None:
        raise AssertionError("a device that was just made is gone")
    return row


def make_device(txn: Cursor, key: OperatorKey, bot: str, now_ms: int) -> str:
    """A new device with its keys, not public yet; returns its id."""
    letters = (secrets.choice(string.ascii_uppercase) for _ in range(_DEVICE_LETTERS))
    device_id = _DEVICE_PREFIX + "".join(letters)
    account = vz.Account()
    accounts.make_keys(account, 0, is_fallback_wanted=True)
    pickle = account.pickle(key.pickle_key(bot, device_id))
    devices.add_device(txn, bot, device_id, pickle, key.name, now_ms)
    return device_id


def replace_device(txn: Cursor, key: OperatorKey, bot: str, now_ms: int) -> str:
    """Retire the device and make another under the same identity; returns the new id.

    No ratchet of the old one is ever used again. Nobody is alarmed, since the identity stays.
    """
    old = devices.active_device(txn, bot)
    if old is not None:
        devices.retire(txn, old.device_no, now_ms)
    people.mark_all_outdated(txn)
    return make_device(txn, key, bot, now_ms)


class Publication:
    """Makes the device and its identity public, or finds that they are."""

    def __init__(
        self,
        writer: Writer,
        database: Database,
        client: MatrixClient,
        key: OperatorKey,
        certificates: Path | None = None,
    ) -> None:
        self._writer = writer
        self._database = database
        self._client = client
        self._key = key
        self._certificates = certificates

    async def publish(self, now_ms: int) -> Identity:
        """All steps; returns the identity.

        Raises:
            StoppedError: The server shows keys of this bot that are not ours.
            OlderAccountError: The account is from a backup.
            ConfigError: The bot's certificate is not its own.
            MatrixError: The server refuses.
            NoAnswerError: It does not answer.
        """
        own = self._writer.own
        device: dict[str, Any] = {"user": own.user_id, "device": own.device_id}
        await self._client.call(
            "PUT", path("devices", own.device_id), user=own.user_id,
            body={"display_name": DEVICE_NAME},
        )  # fmt: skip
        stored = await self._database.run("crypto.identity", devices.identity_of, own.user_id)
        if stored is None:
            raise AssertionError("a device without identity")
        identity = self._key.open(
            own.user_id, stored.master_key, stored.seeds_sealed, stored.sealed_under
        )
        retired = await self._database.run("crypto.devices", devices.devices_of, own.user_id)
        shown = await self._client.call(
            "POST", path("keys", "query"), user=own.user_id,
            body={"device_keys": {own.user_id: []}},
        )  # fmt: skip
        is_published = check_shown(shown, own, identity)
        await upload_keys(self._writer, self._client, await self._unpublished())
        master = self._signed_by_device(await self._account(), identity.master_object())
        if not is_published and "master" not in identity.seeds:
            raise StoppedError(
                f"the server shows no identity of {own.user_id} any more, and the master key that"
                " could publish it was exported: bring its seed"
            )
        if not is_published:
            await self._client.call(
                "POST", path("keys", "device_signing", "upload"), **device,
                body=identity.upload_body(self._certified(master)),
            )  # fmt: skip
        await self._sign(identity, master, device)
        await self._database.run("crypto.public", devices.save_published, own.user_id, now_ms)
        await self._clear_away(shown, own, {row.device_id for row in retired})
        logger.info("%s: device %s is public", own.user_id, own.device_id)
        return identity

    async def _unpublished(self) -> Json:
        own = self._writer.own
        account = await self._account()
        body = accounts.upload_body(account, own.user_id, own.device_id)
        return {**body, "device_keys": own.device_keys}

    async def _account(self) -> vz.Account:
        return await self._writer.run("crypto.account", self._writer.account)

    def _signed_by_device(self, account: vz.Account, value: Json) -> Json:
        own = self._writer.own
        return accounts.sign(account, own.user_id, own.device_id, value)

    def _certified(self, master: Json) -> Json:
        if self._certificates is None:
            return master
        # Few processes ever publish a bot with one, and what reads certificates is large.
        from veche.runtime.crypto.certificates import certified  # noqa: PLC0415

        return certified(self._certificates, self._writer.own.user_id, master)

    async def _sign(self, identity: Identity, master: Json, device: dict[str, Any]) -> None:
        """Let the identity vouch for the device, and the device for the master key."""
        own = self._writer.own
        keys = {name: part for name, part in own.device_keys.items() if name != "signatures"}
        vouched = identity.sign("self_signing", keys)
        body: Json = {own.user_id: {own.device_id: vouched, identity.master_key: master}}
        answer = await self._client.call(
            "POST", path("keys", "signatures", "upload"), **device, body=body
        )
        if answer.get("failures"):
            raise StoppedError(
                f"the server refuses the signatures of {own.user_id}: is its self-signing key"
                " another than ours?"
            )

    async def _clear_away(self, shown: Json, own: OwnKeys, ours: set[str]) -> None:
        """Delete retired devices on the server; devices that were never ours are an alarm."""
        of_bot = shown.get("device_keys", {}).get(own.user_id, {})
        for device_id in sorted(of_bot):
            if device_id == own.device_id:
                continue
            if device_id in ours:
                await self._client.call("DELETE", path("devices", device_id), user=own.user_id)
            else:
                metrics.alarms.labels("unknown_device").inc()
                logger.error("%s has a device that is not ours: %s", own.user_id, device_id)


def check_shown(shown: Json, own: OwnKeys, identity: Identity) -> bool:
    """Return whether the identity is public already, by our own ``/keys/query``.

    Raises:
        StoppedError: Our device, or the identity, is there with keys that are not ours.
    """
    of_bot = shown.get("device_keys", {}).get(own.user_id, {})
    device = of_bot.get(own.device_id)
    if device is not None and device.get("keys") != own.device_keys["keys"]:
        raise StoppedError(
            f"another account wrote device {own.device_id} of {own.user_id}: two installations"
            " share this bot, or the database is an old copy. If this database is the right one:"
            " `veche crypto new-device`"
        )
    is_shown, master = read_master(shown, own.user_id)
    if not is_shown:
        return False
    if master != identity.master_key:
        raise StoppedError(
            f"the server shows another identity for {own.user_id} than the one in the database"
            f" ({fingerprint(identity.master_key)}). It is never overwritten: find out who made it"
        )
    return True
