"""The key directory: whose keys changed, asking for them, and pinning identities.

News only raises a number; asking stores the number that the answer covers. So news that comes
while an answer is on its way asks again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.task import deferLater

from veche.protocol.bridged import bridge_of
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId
from veche.runtime.crypto import metrics
from veche.runtime.crypto.core.keys_query import (
    PersonKeys,
    has_others,
    is_vouched,
    read_person,
    with_old_devices,
    with_pinned,
)
from veche.runtime.crypto.core.rotation import read_limits
from veche.runtime.crypto.store import people, rooms
from veche.runtime.matrix.client import MatrixError, path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.protocol.ids import RoomId
    from veche.runtime.crypto.core.trust import IdentityView
    from veche.runtime.crypto.store.rooms import Reader
    from veche.runtime.database import Cursor, Database
    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

QUERY_USERS_MAX: Final = 250
QUERY_TIMEOUT_MS: Final = 10_000
UNREACHABLE_MS: Final = 60_000
"""How long the last known devices serve after a person's server did not answer."""
OWN_UNREACHABLE_MS: Final = 2_000
"""The same where our own homeserver did not answer."""
UNREACHABLE_MAX: Final = 50_000
FIRST_PAUSES_S: Final = (1.0, 3.0, 9.0)
"""Pauses between attempts to ask for a person of whom nothing is known, not even that they have no
device: they never read what is said before. Servers that have just met often fail once."""
WAITED_MAX: Final = 50_000
ANSWERS_MAX: Final = 50_000
VISIBILITY_CHARACTERS_MAX: Final = 32


class People:
    """Keeps the key directory; one a process, for all bots.

    Attributes:
        on_doubt: Called, in the transaction that stores keys of a person, with the person and the
            time, when an identity or a device came that is not the person's until it is confirmed.
        bridges: Bots that speak for people of other networks.
    """

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        reactor: IReactorTime,
        pauses_s: Sequence[float] = FIRST_PAUSES_S,
    ) -> None:
        self._reactor = reactor
        self._pauses_s = pauses_s
        self._database = database
        self._client = client
        self._unreachable: dict[str, int] = {}
        self._answers: OrderedDict[str, int] = OrderedDict()
        self._waited_for: OrderedDict[str, None] = OrderedDict()
        self.on_doubt: Callable[[Cursor, UserId, int], None] = _nobody_told
        self.bridges: Collection[UserId] = ()

    def pin(self, txn: Cursor, user_id: UserId, sender_key: str) -> None:
        """Pin by what a person deals with us, unless it is: at their first message.

        The sender's key is the Curve25519 of the device that sent it.
        """
        people.pin(txn, user_id, int(self._reactor.seconds() * 1000), sender_key)

    def count(self, readers: Collection[Reader]) -> int:
        """How many persons readers are; somebody who has no client is the same as their bridge."""
        known = [UserId(one.user_id) for one in readers]
        return len({bridge_of(one, self.bridges) or one for one in known})

    def is_unreachable(self, user_id: str) -> bool:
        """Return whether the last attempt to ask for a person failed, a short while ago."""
        return user_id in self._unreachable

    def answers(self, user_id: str) -> int:
        """How often this process got an answer about a person, lately."""
        return self._answers.get(user_id, 0)

    async def refresh(self, bot: UserId, user_ids: Collection[str]) -> None:
        """Ask for the keys of people and store what comes.

        A person whose server does not answer is left as last known, and ``is_unreachable`` for
        ``UNREACHABLE_MS`` (``OWN_UNREACHABLE_MS`` if our own homeserver does not answer); the first
        attempt after that asks again. Before that, strangers are waited for, once; so is a person
        of another server who comes without an identity, since Synapse tells devices of others a
        moment before it tells their identity.

        Args:
            bot: As whom to ask.
            user_ids: Any number; duplicates are asked for once.
        """
        now_ms = int(self._reactor.seconds() * 1000)
        self._forget_unreachable(now_ms)
        wanted = sorted(set(user_ids) - self._unreachable.keys())
        for start in range(0, len(wanted), QUERY_USERS_MAX):
            await self._refresh_some(bot, wanted[start : start + QUERY_USERS_MAX], now_ms)

    async def _refresh_some(self, bot: UserId, user_ids: Sequence[str], now_ms: int) -> None:
        unanswered = await self._ask(bot, user_ids, now_ms, waits=bool(self._pauses_s))
        for pause_s in self._pauses_s:
            strangers = await self._strangers(unanswered) if unanswered else set()
            if not strangers:
                break
            await deferLater(self._reactor, pause_s, lambda: None)
            still = await self._ask(bot, sorted(strangers), now_ms)
            unanswered = (unanswered - strangers) | still
        for user in unanswered:
            self._waited_for[user] = None
            rest_ms = OWN_UNREACHABLE_MS if is_own(user, bot) else UNREACHABLE_MS
            self._unreachable[user] = int(self._reactor.seconds() * 1000) + rest_ms
        while len(self._waited_for) > WAITED_MAX:
            self._waited_for.popitem(last=False)

    async def _strangers(self, user_ids: Collection[str]) -> set[str]:
        """Those of whom nothing is known, and who were not waited for before."""
        new = set(user_ids) - self._waited_for.keys()
        if not new:
            return set()
        return await self._database.run("crypto.strangers", people.never_answered, new)

    async def _ask(
        self, bot: UserId, user_ids: Sequence[str], now_ms: int, *, waits: bool = False
    ) -> set[str]:
        """Ask once and store what comes; of whom nothing came, or may not all have come."""
        seqs = await self._database.run("crypto.query", people.begin_query, user_ids)
        body = {"device_keys": {user: [] for user in user_ids}, "timeout": QUERY_TIMEOUT_MS}
        try:
            answer: object = await self._client.call(
                "POST", path("keys", "query"), user=bot, body=body
            )
        except (MatrixError, UnavailableError) as e:
            logger.warning("key query failed: %s", e.__class__.__name__)
            answer = None
        answered = [user for user in user_ids if _is_answered(answer, user)]
        if waits and (partial := [one for one in answered if _may_be_partial(answer, one, bot)]):
            strangers = await self._strangers(partial)
            answered = [user for user in answered if user not in strangers]
        if answered:
            covered = {user: seqs[user] for user in answered if user in seqs}
            await self._database.run("crypto.keys", _store, answer, covered, now_ms, self.on_doubt)
            self._count_answers(answered)
        return set(user_ids) - set(answered)

    def _count_answers(self, user_ids: Sequence[str]) -> None:
        for user_id in user_ids:
            self._answers[user_id] = self._answers.pop(user_id, 0) + 1
        while len(self._answers) > ANSWERS_MAX:
            self._answers.popitem(last=False)

    def _forget_unreachable(self, now_ms: int) -> None:
        ended = [user for user, until_ms in self._unreachable.items() if until_ms <= now_ms]
        if len(self._unreachable) - len(ended) > UNREACHABLE_MAX:
            ended = list(self._unreachable)
        for user in ended:
            del self._unreachable[user]


def is_own(user_id: str, bot: str) -> bool:
    """Return whether a person is of the bot's own homeserver."""
    return user_id.partition(":")[2] == bot.partition(":")[2]


def _is_answered(answer: object, user_id: str) -> bool:
    """Return whether an answer speaks of a person: their server is not among those that failed."""
    if not isinstance(answer, dict):
        return False
    failures = answer.get("failures")
    server = user_id.partition(":")[2]
    return not (isinstance(failures, dict) and server in failures)


def _may_be_partial(answer: object, user_id: str, bot: UserId) -> bool:
    """Return whether a person of another server has devices and no identity in an answer."""
    if is_own(user_id, bot) or not isinstance(answer, dict):
        return False
    devices, masters = answer.get("device_keys"), answer.get("master_keys")
    has_devices = isinstance(devices, dict) and bool(devices.get(user_id))
    return has_devices and not (isinstance(masters, dict) and user_id in masters)


def _nobody_told(txn: Cursor, user_id: UserId, now_ms: int) -> None:
    """Where no bot speaks."""


def _store(
    txn: Cursor,
    answer: object,
    seqs: Mapping[str, int],
    now_ms: int,
    on_doubt: Callable[[Cursor, UserId, int], None],
) -> None:
    for user_id in people.end_query(txn, seqs, now_ms):
        before = people.stored_keys(txn, user_id)
        identity = people.identity_of(txn, user_id)
        known = {one.device_id: (one.curve25519, one.ed25519) for one in before.devices}
        keys = with_old_devices(read_person(answer, user_id, known), before)
        pinned = people.pinned_devices(txn, user_id) if identity.is_pinned else []
        dealt = [one for one, _ in pinned]
        is_late = identity.are_devices_pinned and has_others(keys, dealt)
        if is_late or attrs.evolve(identity, master_key=keys.master_key).is_doubted:
            keys = with_pinned(keys, dealt)
        is_changed = (keys.master_key, keys.devices) != (before.master_key, before.devices)
        if is_changed:
            people.save_keys(txn, user_id, keys)
        _tell_changes(txn, user_id, before.master_key, keys)
        who = UserId(user_id)
        vouchers = [one for one, may_confirm in pinned if may_confirm]
        is_vouched_for = is_vouched(answer, user_id, vouchers)
        if _settle(txn, who, now_ms, is_vouched_for=is_vouched_for, is_changed=is_changed):
            if before.master_key is None:
                metrics.alarms.labels("identity_changed").inc()
                logger.warning("an identity or a device of %s came later", user_id)
            on_doubt(txn, who, now_ms)


def _settle(
    txn: Cursor, user_id: UserId, now_ms: int, *, is_vouched_for: bool, is_changed: bool
) -> bool:
    """Bring the pin up to what is there now; whether something new is there that is in doubt.

    The first identity of somebody who had none counts if one of their devices vouches for it. One
    that takes the place of another does not, whoever vouches for it: a device that was stolen may
    be why there is another one.
    """
    identity = people.identity_of(txn, user_id)
    if not identity.is_pinned:
        return False
    if identity.are_devices_pinned and identity.master_key is not None and is_vouched_for:
        renew_identity(txn, user_id, identity.master_key, now_ms)
        return False
    if not is_changed:
        return False
    if not identity.is_doubted and not identity.are_devices_pinned:
        people.pin_devices(txn, user_id)
    return identity.is_doubted or bool(people.late_devices(txn, user_id))


def _tell_changes(txn: Cursor, user_id: str, before: str | None, keys: PersonKeys) -> None:
    if keys.changed:
        metrics.alarms.labels("device_keys_changed").inc()
        logger.error("devices of %s changed their keys: %s", user_id, ", ".join(keys.changed))
    if before is not None and before != keys.master_key:
        # Whoever had the sessions may not be who has the new identity.
        rooms.drop_sessions_shared_with(txn, user_id)
        metrics.alarms.labels("identity_changed").inc()
        logger.warning("the identity of %s changed", user_id)


def pin_identity(txn: Cursor, user_id: UserId, now_ms: int) -> str | None:
    """Pin the identity of a person and return the pinned master key; None if there is none.

    Called in the transaction in which something is first stored about the person, who need not have
    written in a room before. What was pinned before stays, also that there was no identity, only
    devices; see ``renew_identity``.
    """
    return people.pin(txn, user_id, now_ms)


def renew_identity(txn: Cursor, user_id: UserId, confirmed: str, now_ms: int) -> bool:
    """Let a changed identity, or a late device, count as the person's, once somebody confirmed it.

    Who may, ``veche.access.approvals.identities`` decides.

    Args:
        txn: Cursor.
        user_id: Who.
        confirmed: A master key; or the Ed25519 key of a device of somebody without an identity.
        now_ms: UTC.

    Returns:
        False if it is not there now, or pinned already: nothing has changed.
    """
    is_renewed = people.renew_pin(txn, user_id, confirmed, now_ms)
    if is_renewed:
        logger.warning("the new identity or device of %s was confirmed", user_id)
    return is_renewed


def identity_view(txn: Cursor, user_id: UserId) -> IdentityView:
    """The identity of a person, locked until the transaction ends."""
    return people.identity_of(txn, user_id)


def unconfirmed(txn: Cursor, user_id: UserId) -> dict[str, str]:
    """Return the new keys of a person that would count once confirmed; see ``renew_identity``.

    The identity of now, or, of who has none, devices that came later: keys, and the ids of devices.
    """
    identity = people.identity_of(txn, user_id)
    if identity.master_key is not None:
        return {identity.master_key: ""} if identity.is_doubted else {}
    return {ed25519: device_id for device_id, ed25519 in people.late_devices(txn, user_id)}


def has_voucher(txn: Cursor, user_id: UserId) -> bool:
    """Return whether a person has a device that may vouch for what comes later."""
    return any(may_confirm for _, may_confirm in people.pinned_devices(txn, user_id))


def sender_key(txn: Cursor, bot: UserId, event: Mapping[str, Any]) -> str | None:
    """Curve25519 of the device that sent an encrypted event which was opened."""
    return people.sender_of(txn, bot, event["room_id"], event["content"].get("session_id"))[0]


def may_confirm(txn: Cursor, bot: UserId, event: Mapping[str, Any]) -> bool:
    """Return whether an encrypted event came from a device that may vouch for what comes later."""
    return people.sender_of(txn, bot, event["room_id"], event["content"].get("session_id"))[1]


def is_encrypted(txn: Cursor, room_id: RoomId) -> bool:
    """Return whether the room was ever encrypted; True never becomes False again."""
    return rooms.is_encrypted(txn, room_id)


def pin_encrypted(txn: Cursor, room_id: RoomId, content: Mapping[str, Any]) -> None:
    """Note that a room is encrypted, for ever.

    Args:
        txn: Cursor.
        room_id: The room.
        content: Of its ``m.room.encryption``; its limits are taken within our own bounds.
    """
    rooms.pin_encrypted(txn, room_id, read_limits(dict(content)))


class Hooks:
    """Events of rooms that encryption needs, each in the transaction that learns it."""

    def encrypted(self, txn: Cursor, room_id: RoomId, content: Mapping[str, Any]) -> None:
        """The room's ``m.room.encryption``; an empty one takes nothing back."""
        if content.get("algorithm"):
            pin_encrypted(txn, room_id, content)

    def visibility(self, txn: Cursor, room_id: RoomId, visibility: str) -> None:
        """Note a change of history visibility; a change ends our session in the room."""
        if rooms.set_history_visibility(txn, room_id, visibility[:VISIBILITY_CHARACTERS_MAX]):
            rooms.drop_sessions_in(txn, room_id)

    def member(self, txn: Cursor, room_id: RoomId, user_id: UserId, membership: str) -> None:  # noqa: ARG002 -- of the port
        """A member event was seen: the person's keys are asked for anew.

        Who was invited, added a device and then joined is announced to us in no other way.
        """
        people.mark_outdated(txn, [user_id])

    def unreadable(self, txn: Cursor, bot: UserId, event: Mapping[str, Any], now_ms: int) -> None:
        """A key did not come in time: the bot's writer asks for it and tells the person."""
        content = event.get("content")
        session_id = content.get("session_id") if isinstance(content, dict) else None
        rooms.add_unreadable(
            txn,
            bot,
            rooms.Unreadable(
                event["room_id"], event["event_id"], event["sender"], str(session_id)[:255]
            ),
            now_ms,
        )
