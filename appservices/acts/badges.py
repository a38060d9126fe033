"""The badge of an organisation's rooms: the proof of its entry in their state, and a first word.

Whoever reads the state shows the badge only if all of it holds (``kit/official.js``): the proof,
the entry as the newest of the organisation, who set it, who made the room, and their master key.
Other clients are told in words.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.acts import store, texts
from veche.acts import signed_tree
from veche.contracts.directory.snapshot import Standing
from veche.messaging.outbox.answers import GUARD_KEY
from veche.messaging.service import BotAccount
from veche.protocol.ids import RoomId, UserId
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.store import readers
from veche.runtime.wake_event import WakeEvent
from veche.transparency.log_proof import LogProof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.acts.conversation import Parts
    from veche.contracts.directory.snapshot import Organisation, Snapshot
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

OFFICIAL: Final = "org.veche.official"
_LATER: Final = (429, 500, 502, 503, 504)
"""Answers of a homeserver in trouble."""
EVERY_MS: Final = 3_000
"""How often it is looked for rooms that have none yet."""
ROOMS_MAX: Final = 50
"""Rooms of one look."""
ENTRY_BYTES_MAX: Final = 8 * 1024
"""Of an entry that fits into the state of a room with its proof."""


def is_for_now(error: MatrixError) -> bool:
    """Return whether the homeserver may answer otherwise later: it is in trouble, or refused.

    The guard reads the directory a moment after we do. It answers with a code of its own only where
    the request names a device, which the one for a badge does not.
    """
    return error.status in _LATER or GUARD_KEY in error.extra


class Badges:
    """Sets the badge in rooms of bots of this server; one process of them at a time is enough."""

    def __init__(self, parts: Parts) -> None:
        """Nothing is looked for before ``start``."""
        self._parts = parts
        self._host = parts.host

    def start(self) -> None:
        """Look again and again; ends with the process."""
        again = EVERY_MS, "rooms get no badge now"
        self._host.spawn(
            "directory.badges", WakeEvent(self._host.reactor).repeat(self.look, *again)
        )

    async def look(self) -> None:
        """Set the badge in the rooms that have none, or one of an older entry."""
        found = await self._host.database.run("directory.badges", self._found)
        for room_id, bot, entry, content in found:
            if not await self._is_set(room_id, bot, content):
                continue
            now_ms = self._host.now_ms()
            await self._host.database.run(
                "directory.badge", self._told, room_id, bot, entry, now_ms
            )

    def _found(self, txn: Cursor) -> list[tuple[RoomId, UserId, int, Mapping[str, Any]]]:
        """Rooms, their bots, the entry of each, and what the state says."""
        directories = self._parts.directories
        own = directories.own
        if own is None:
            return []
        snapshot = directories.state(txn).snapshot(self._host.now_ms())
        listed = {
            account: one
            for one in snapshot.organisations.values()
            if snapshot.standing(one.id) is Standing.OFFICIAL
            for account in one.accounts
        }
        made: dict[str, Mapping[str, Any]] = {}
        found = []
        for room_id, bot in store.without_badge(
            txn, {account: one.entry for account, one in listed.items()}, ROOMS_MAX
        ):
            one = listed[bot]
            if one.id not in made:
                made[one.id] = self._content(txn, one)
            found.append((RoomId(room_id), UserId(bot), one.entry, made[one.id]))
        return found

    def _content(self, txn: Cursor, one: Organisation) -> Mapping[str, Any]:
        own = self._parts.directories.own
        assert own is not None  # noqa: S101 -- for the types: said above
        head = signed_tree.newest(txn, own.tree, one.entry + 1)
        hashes = signed_tree.inclusion(txn, own.tree, one.entry, head.size)
        [(_, entry)] = store.entries(txn, own.root.log, one.entry, 1)
        if len(entry.encode()) > ENTRY_BYTES_MAX:
            logger.error("the entry of %s is too long for a badge", one.id)
            return {}
        proof = LogProof(one.entry, hashes, head.note).to_text()
        return {"v": 1, "org": one.id, "entry": entry, "proof": proof}

    async def _is_set(self, room_id: RoomId, bot: UserId, content: Mapping[str, Any]) -> bool:
        """Set the state where the bot has made the room; elsewhere it would say nothing.

        False if it has to be tried again: the homeserver is in trouble, or its event guard has not
        read the entry yet.
        """
        client = self._host.client
        create = path("rooms", room_id, "state", "m.room.create", "")
        try:
            made = await client.call("GET", create, user=bot, query={"format": "event"})
            if made.get("sender") == bot and content:
                where = path("rooms", room_id, "state", OFFICIAL, "")
                await client.call("PUT", where, user=bot, body=content)
        except MatrixError as e:
            if is_for_now(e):
                return False
            # The bot has left, or lets nobody change the state: asking again changes nothing.
            logger.info("%s gets no badge of %s: %s", room_id, bot, e.errcode)
        return True

    def _told(self, txn: Cursor, room_id: RoomId, bot: UserId, entry: int, now_ms: int) -> None:
        """Keep that it is done; the bot says who it is, once, where one person reads."""
        people = [user for user, _ in readers(txn, room_id) if user != bot]
        if not store.keep_badge(txn, room_id, bot, entry) or len(people) != 1:
            return
        snapshot = self._parts.directories.state(txn).snapshot(now_ms)
        owner = snapshot.owner_of(bot)
        if owner is not None:
            self._introduce(txn, room_id, people[0], (snapshot, owner, bot), now_ms)

    def _introduce(
        self,
        txn: Cursor,
        room_id: RoomId,
        person: UserId,
        who: tuple[Snapshot, Organisation, UserId],
        now_ms: int,
    ) -> None:
        snapshot, one, bot = who
        name = self._parts.section.acts_of(one.id)
        parts = attrs.evolve(self._parts, bot=BotAccount(bot, bot, name))
        scene = parts.conversation(txn, f"introduce {room_id} {bot}", now_ms)
        localizer = scene.localizer(person)
        url = scene.links.page("official", one.id) if scene.links is not None else ""
        doc = texts.introduced_doc(localizer, snapshot, one, url, bot, self._parts.bot.user_id)
        scene.tell(room_id, person, doc, is_quiet=True)
