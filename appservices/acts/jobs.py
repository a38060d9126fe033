"""Looking an account or a room up at the homeserver, and saying what the directories know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.acts import core, texts
from appservices.acts.conversation import Parts
from veche.bots import ChatJob
from veche.contracts.directory.snapshot import Standing
from veche.protocol.ids import RoomId, UserId
from veche.protocol.wire import mapping
from veche.runtime.crypto.core.keys_query import read_person
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.store import bots_in, readers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.acts.conversation import ActsConversation
    from veche.messaging.jobs import Job
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor

_REFUSALS: Final = range(400, 429)
NAME_CHARACTERS_MAX: Final = 100
"""Of what an account calls itself, as it is repeated."""


class Check(ChatJob[Parts]):
    """Looks something up, and answers who asked."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Find the account, whose keys it has and what it calls itself."""
        kind, account, person = job.payload["kind"], job.payload["value"], job.payload["person"]
        others: Sequence[str] = ()
        if kind != "account":
            room_id = account if kind == "room" else await self._room_of(account)
            if not room_id:
                return {"end": "no_room"}
            account, others = await self._who(RoomId(room_id), person, is_open=kind == "alias")
            if not account:
                return {"end": "hidden_room"}
        is_own = kind != "account" and account == person
        if is_own and not others:
            return {"end": "alone"}
        account = others[0] if is_own else account
        master, is_seen = await self._master(account)
        shown = await self._shown(account)
        found = {"account": account, "master": master, "seen": is_seen, "shown": shown}
        return {"end": "", "own": is_own, "others": len(others) > 1, **found}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Answer."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        room_id, person = RoomId(job.payload["room"]), UserId(job.payload["person"])
        scene.tell(room_id, person, self._doc(scene, person, job, result))

    def _doc(
        self, scene: ActsConversation, person: UserId, job: Job, result: Mapping[str, Any]
    ) -> Doc:
        localizer, value = scene.localizer(person), job.payload["value"]
        if result["end"] == "no_room":
            return texts.no_room_doc(localizer, value)
        if result["end"] == "hidden_room":
            return texts.hidden_room_doc(localizer, value)
        if result["end"] == "alone":
            return texts.alone_doc(localizer, value)
        account = result["account"]
        head: Doc = ()
        if result["own"]:
            head = texts.own_room_doc(localizer, value, account, has_others=result["others"])
        elif job.payload["kind"] != "account":
            head = texts.room_doc(localizer, value, account)
        return (*head, *self._account_doc(scene, person, account, result))

    def _account_doc(
        self, scene: ActsConversation, person: UserId, account: str, result: Mapping[str, Any]
    ) -> Doc:
        localizer = scene.localizer(person)
        trusted = self._parts.directories.trusted(scene.txn, scene.now_ms)
        found = trusted.owner_of(account)
        if found is None:
            shown = result["shown"]
            near = core.near(trusted, shown) if shown else ()
            return texts.unknown_doc(localizer, account, shown, near)
        snapshot, one = found
        if snapshot.standing(one.id) is not Standing.OFFICIAL:
            return texts.standing_doc(localizer, snapshot, one, account)
        if result["seen"] and result["master"] != one.accounts[account]:
            return texts.other_key_doc(localizer, one, account)
        return texts.official_doc(localizer, snapshot, one, account, is_key_seen=result["seen"])

    # What the homeserver says.

    async def _room_of(self, alias: str) -> str:
        """The room of an alias; empty if there is none."""
        answer = await self._asked("GET", path("directory", "room", alias))
        found = answer.get("room_id") if answer is not None else None
        return found if isinstance(found, str) else ""

    async def _who(
        self, room_id: RoomId, person: str, *, is_open: bool
    ) -> tuple[str, Sequence[str]]:
        """Return the creator of a room, and its other members, official accounts first.

        Nobody, if none of our bots is there to say it, or the asker is not and it is not open.
        """

        def read(txn: Cursor) -> tuple[UserId | None, Sequence[str]]:
            members = {user for user, _ in readers(txn, room_id)}
            if not is_open and person not in members:
                return None, ()
            trusted = self._parts.directories.trusted(txn, self._host.now_ms())
            known = {
                account
                for snapshot in trusted.snapshots
                for one in snapshot.organisations.values()
                for account in one.accounts
            }
            others = members - {person, self._bot} or members - {person}
            bot = next(iter(bots_in(txn, room_id)), None)
            return bot, sorted(others, key=lambda user: (user not in known, user))

        bot, others = await self._host.database.run("directory.room", read)
        if bot is None:
            return "", ()
        where = path("rooms", room_id, "state", "m.room.create", "")
        answer = await self._asked("GET", where, user=bot, query={"format": "event"})
        sender = answer.get("sender") if answer is not None else None
        return (sender, others) if isinstance(sender, str) else ("", ())

    async def _master(self, account: str) -> tuple[str, bool]:
        """The master key that others see of an account, and whether that could be looked at."""
        body = {"device_keys": {account: []}, "timeout": 10_000}
        answer = await self._asked("POST", path("keys", "query"), user=self._bot, body=body)
        server = account.partition(":")[2]
        if answer is None or server in mapping(answer.get("failures")):
            return "", False
        return read_person(answer, account).master_key or "", True

    async def _shown(self, account: str) -> str:
        """Return the display name of an account."""
        answer = await self._asked("GET", path("profile", account, "displayname"))
        shown = answer.get("displayname") if answer is not None else None
        return shown[:NAME_CHARACTERS_MAX] if isinstance(shown, str) else ""

    async def _asked(self, method: str, where: str, **more: Any) -> Mapping[str, Any] | None:
        """An answer of the homeserver; None if it refuses, such as for what it does not know."""
        try:
            return await self._host.client.call(method, where, **{"user": self._bot, **more})
        except MatrixError as e:
            if e.status in _REFUSALS or e.status >= 500:  # noqa: PLR2004 -- the other server's
                return None
            raise
