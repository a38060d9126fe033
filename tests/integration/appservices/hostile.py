"""A hostile homeserver under a site: people's real devices, and what each of them can read.

The bot's device, its sealing, the turns of its outbox and the list of people's keys are the
product's own. The homeserver is a few dictionaries: it lists what it likes, and has no key of a
device or an identity of anybody's.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import vodozemac as vz

from tests.integration.veche.runtime.crypto.desk import Desk, Server, run
from tests.support.crypto_peers import Side, identity
from veche.access.identity_doubts import Doubts
from veche.messaging.inbox import store as inbox
from veche.messaging.inbox.store import Claim, Item, State
from veche.messaging.outbox import store as outbox
from veche.messaging.outbox.marks import Marks
from veche.messaging.outbox.turns import MEMBER, Place, Turns
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound
from veche.runtime.crypto.tracking import Hooks
from veche.runtime.ports import NeedsDevices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from veche.access.approvals import Parts
    from veche.acts import ActLog
    from veche.messaging.service import BotAccount
    from veche.protocol.ids import EffectId
    from veche.runtime.crypto.core.identity import Identity
    from veche.runtime.crypto.core.values import Json
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

LINK: Final = re.compile(r"https?://(?!matrix\.to/)[^\s\"\\<>]*#")
"""A link that opens something by itself: what it opens stands behind its ``#``."""
CONFIRM: Final = re.compile(r"\byes (\d{4})\b")
DIGITS: Final = re.compile(r"on this device: \**(\d{4})")
"""By which somebody is identified."""
MOVES: Final = (
    *("swap", "swap", "strip", "restore", "restore", "list_ghost", "hide_phone"),
    *("let_in", "let_out", "set_up", "reset"),
)
"""What may happen to somebody's identity at any moment."""
_FIRST, _GHOSTS, _SECOND = 1, 2, 3


@attrs.define
class Said:
    """Something the bot said, as it left.

    Attributes:
        to: Whose chat it is.
        room_id: Where.
        effect_id: By which the outbox knows it.
        content: Before it was sealed.
        readers: User and device of each device that got its key.
        is_in_doubt: The identity of whoever it was for was in doubt then.
    """

    to: UserId
    room_id: RoomId
    effect_id: EffectId
    content: Json
    readers: frozenset[tuple[str, str]]
    is_in_doubt: bool

    @property
    def text(self) -> str:
        """All of it, edits and what programs read too."""
        return json.dumps(self.content, ensure_ascii=False)

    @property
    def is_offer(self) -> bool:
        """Whether it says how something new is confirmed: for that alone, in keys of its own."""
        return outbox.AUDIENCE in self.content


@attrs.define(slots=False)
class _Lister(Server):
    """Lists what it likes; each device there is can be reached all the same."""

    listed: dict[tuple[str, str], Side] = attrs.Factory(dict)

    def _query(self, wanted: Json) -> Json:
        kept, self.sides = self.sides, self.listed
        try:
            return super()._query(wanted)
        finally:
            self.sides = kept


@attrs.define
class Owner:
    """Somebody, with a phone of theirs and a ghost of the homeserver's, and what must hold of them.

    Attributes:
        had: The identity that they dealt with us by, or had confirmed since; None: their phone.
        shown: The identity that the homeserver shows now; None: none.
        is_ghost_listed: The ghost stands among their devices.
        is_phone_hidden: Their phone does not.
        tried: The identities in doubt under which the ghost wrote.
        reset_count: How often they took another one.
        more_rooms: Where the bot deals with them beside their chat.
    """

    user: UserId
    room_id: RoomId
    phone: Side
    ghost: Side
    had: Identity | None
    shown: Identity | None
    is_ghost_listed: bool = False
    is_phone_hidden: bool = False
    tried: set[str] = attrs.Factory(set)
    reset_count: int = 0
    more_rooms: list[RoomId] = attrs.Factory(list)

    @property
    def rooms(self) -> list[RoomId]:
        """All where the bot deals with them."""
        return [self.room_id, *self.more_rooms]

    @property
    def is_in_doubt(self) -> bool:
        """Whether the identity of now is another one than dealt with us."""
        return self.shown is not self.had

    @property
    def seen(self) -> Identity | None:
        """The identity that can be seen: their own one is listed with their phone."""
        is_hidden = self.is_phone_hidden and self.shown is self.phone.identity
        return None if is_hidden else self.shown


class Hostile:
    """The homeserver, the bot's device on it, and the people of a site."""

    def __init__(
        self, dsn: str, bot: BotAccount, act_log: ActLog, parts: Parts, now_s: float
    ) -> None:
        self.server = _Lister()
        self.desk = Desk(dsn, self.server, bot=bot.user_id)
        self.desk.clock.rightNow = now_s
        self.owners: dict[UserId, Owner] = {}
        self.strangers: dict[UserId, Side] = {}
        self.said: list[Said] = []
        self.lost: list[Undelivered] = []
        self.moved: Callable[[RoomId, UserId, str], None] = lambda *_: None
        self._heard = itertools.count(1)
        self._groups: dict[tuple[str, str, RoomId], vz.GroupSession] = {}
        self._doubts = Doubts(act_log, parts)
        self._vault = act_log.outbox_vault
        self._turns = Turns(Marks(), self._vault)
        self.desk.people.on_doubt = self._doubts.came
        self._sql(lambda txn: inbox.add_bots(txn, [bot]))

    def close(self) -> None:
        """The process ends."""
        self.desk.close()

    def come(self, user: UserId, room_id: RoomId, *, has_identity: bool) -> Owner:
        """Somebody who has a chat, which is encrypted, writes first words by their phone."""
        first = identity(user, _FIRST) if has_identity else None
        phone = Side(user, "PHONE", first)
        ghost = Side(user, "GHOST")
        owner = Owner(user, room_id, phone, ghost, first, first)
        self.owners[user] = owner
        self.server.sides[user, "PHONE"], self.server.sides[user, "GHOST"] = phone, ghost
        self._sql(lambda txn: _reach(txn, room_id, self.desk.bot))
        self.show(owner)
        self.hears(owner, phone, "hello", lambda _: None)
        return owner

    # What the homeserver does.

    def show(self, owner: Owner) -> None:
        """List what is to be seen of somebody; the bot is told that there is news."""
        listed, user = self.server.listed, owner.user
        shown, is_theirs = owner.shown, owner.shown is owner.phone.identity
        phone = owner.phone if is_theirs else attrs.evolve(owner.phone, identity=None)
        is_ghosts = shown is not None and not is_theirs
        ghost = attrs.evolve(owner.ghost, identity=shown if is_ghosts else None)
        for device in ("PHONE", "GHOST"):
            listed.pop((user, device), None)
        if not owner.is_phone_hidden:
            listed[user, "PHONE"] = phone
        if owner.is_ghost_listed or is_ghosts:
            listed[user, "GHOST"] = ghost
        self.desk.step(self.desk.answer(changed=[user]))

    def swap(self, owner: Owner) -> None:
        """Put an identity of its own, which signed the ghost, in the place of somebody's."""
        owner.shown, owner.is_ghost_listed = identity(owner.user, _GHOSTS), True
        self.show(owner)

    def strip(self, owner: Owner) -> None:
        """Show no identity any more."""
        owner.shown = None
        self.show(owner)

    def restore(self, owner: Owner) -> None:
        """Show what is there in truth."""
        owner.shown, owner.is_ghost_listed = owner.phone.identity, False
        owner.is_phone_hidden = False
        self.show(owner)

    def list_ghost(self, owner: Owner) -> None:
        """List one device more."""
        owner.is_ghost_listed = True
        self.show(owner)

    def hide_phone(self, owner: Owner) -> None:
        """List the device of before no more."""
        owner.is_phone_hidden = True
        self.show(owner)

    def let_in(self, owner: Owner) -> None:
        """Bring somebody into a chat."""
        user = UserId(f"@ghost.of.{owner.user[1:]}")
        side = self.strangers.setdefault(user, Side(user, "STRANGER", identity(user, _GHOSTS)))
        self.server.sides[user, "STRANGER"] = self.server.listed[user, "STRANGER"] = side
        self.desk.member(user, room_id=owner.room_id)

    def let_out(self, owner: Owner) -> None:
        """Take them out again."""
        self.desk.member(f"@ghost.of.{owner.user[1:]}", "leave", room_id=owner.room_id)

    # What people do themselves.

    def set_up(self, owner: Owner) -> None:
        """Somebody who had no identity makes one on their phone, which signs it."""
        if owner.had is None:
            owner.had = owner.phone.identity = identity(owner.user, _FIRST)
            self.restore(owner)
            # A second one, of which the first was never seen, would be taken for the first.
            run(self.desk.people.refresh(self.desk.bot, [owner.user]))

    def reset(self, owner: Owner) -> None:
        """Somebody takes another identity on their phone."""
        if owner.had is not None:
            owner.phone.identity = identity(owner.user, _SECOND + owner.reset_count)
            owner.reset_count += 1
            self.restore(owner)

    def confirm(self, owner: Owner, hear: Callable[[Inbound], None]) -> None:
        """Somebody who has reset theirs replies, on their phone, with the code of the question."""
        if not owner.is_in_doubt or owner.shown is not owner.phone.identity:
            return
        mine = [one for one in self.said if one.to == owner.user and not one.is_offer]
        codes = [code for one in mine for code in CONFIRM.findall(one.text)]
        for code in codes[-1:]:
            if self.hears(owner, owner.phone, f"yes {code}", hear) is None:
                owner.had = owner.shown

    # What is written and said.

    def hears(
        self,
        owner: Owner,
        side: Side,
        body: str,
        hear: Callable[[Inbound], None],
        room_id: RoomId | None = None,
        **more: Any,
    ) -> Inbound | None:
        """The bot hears a device, in its chat if no other room is said.

        None if it was the answer to our own question.
        """
        desk, event_id = self.desk, EventId(f"$heard{next(self._heard)}")
        room_id = room_id or owner.room_id
        place = side.user_id, side.device_id, room_id
        side.group = self._groups.setdefault(place, vz.GroupSession())
        known = "SELECT FROM crypto.room_key_in WHERE session_id = %s"
        if not desk.database.execute(known, side.group.session_id):
            side.meet(desk.side())
            desk.hear(side.give_room_key(desk.side(), room_id))
        event = side.write(event_id, body, room_id, **more)
        opened = self._opened(owner, event)
        if opened.standing is DeviceStanding.LATE and owner.seen is not None:
            owner.tried.add(owner.seen.master_key)
        inbound = Inbound(
            bot=desk.bot,
            room_id=room_id,
            event_id=event_id,
            sender=owner.user,
            event_type=opened.event_type,
            content=opened.content,
            trust=opened.trust,
            standing=opened.standing,
            at_ms=desk.now_ms,
        )
        if opened.standing is not DeviceStanding.VERIFIED:
            claim = Claim(room_id, desk.bot, 1, is_joined=True, looked_at_ms=1)
            kind = "m.room.encrypted"
            item = Item(1, event_id, owner.user, kind, event, State.NEW, None, desk.now_ms, 0)
            if self._sql(lambda txn: self._doubts.heard(txn, claim, item, inbound, desk.now_ms)):
                return None
        hear(inbound)
        return inbound

    def _opened(self, owner: Owner, event: Json) -> Any:
        for _ in range(2):
            run(self.desk.people.refresh(self.desk.bot, [owner.user]))
            try:
                return self.desk.open(event)
            except NeedsDevices:  # the inbox asks and comes again
                continue
        return self.desk.open(event)

    def post(self) -> list[Said]:
        """Seal and send all that may leave; what left, with who can read it."""
        found: list[Said] = []
        for owner in self.owners.values():
            for room_id in owner.rooms:
                while (left := self._turn(owner, room_id)) is not None:
                    found += left
        self.said += found
        return found

    def unwarned(self, owner: Owner) -> set[str]:
        """The identities of which the owner's phone was not asked, or their devices not told."""
        mine = [one for one in self.said if one.to == owner.user]
        is_asked = any(CONFIRM.search(one.text) and not one.is_offer for one in mine)
        told = {one.content[outbox.AUDIENCE] for one in mine if one.is_offer}
        return owner.tried - told if is_asked else owner.tried

    def waiting(self, owner: Owner) -> list[str]:
        """What was said to somebody and has not left."""
        rows = self.desk.database.execute(
            "SELECT event_type, relation, content FROM runtime.outbox"
            " WHERE room_id = ANY(%s) AND state < 2 ORDER BY seq",
            owner.rooms,
        )
        return [
            f"{kind} {relation} {self._open(content)}"[:300] for kind, relation, content in rows
        ]

    def _open(self, content: Json) -> Json:
        sealed = content.get("sealed")
        return content if sealed is None else self._vault.open_text(sealed)

    def _turn(self, owner: Owner, room_id: RoomId) -> list[Said] | None:
        """What left in one turn; None once nothing may leave any more."""
        desk = self.desk
        desk.prepare(room_id)
        place = Place(desk.bot, room_id, desk.sealer, cast("Any", self))
        turn = self._sql(
            lambda txn: self._turns.take(txn, place, [], desk.now_ms, is_prepared=True)
        )
        run(desk.sealer.deliver(room_id))
        self.server.delivered()
        ready = [one for one in turn.ready if one.row.content is not None]
        found = [
            Said(
                owner.user,
                room_id,
                one.row.effect_id,
                dict(one.row.content or {}),
                self._readers(one),
                owner.is_in_doubt,
            )
            for one in ready
            if one.row.is_sealable
        ]
        for one in turn.ready:
            if one.row.state_key is not None and one.row.event_type == MEMBER:
                membership = (one.row.content or {})["membership"]
                self.moved(room_id, UserId(one.row.state_key), membership)
            desk.database.execute(
                "UPDATE runtime.outbox SET state = 2, event_id = '$' || effect_id"
                " WHERE room_id = %s AND effect_id = %s",
                room_id,
                one.row.effect_id,
            )
        return found if ready or turn.needs_preparation else None

    def undelivered(self, _txn: Cursor, what: Undelivered) -> None:
        """Note what was given up."""
        self.lost.append(what)

    def _readers(self, ready: Any) -> frozenset[tuple[str, str]]:
        if ready.kind != "m.room.encrypted":
            return frozenset({("everybody", "")})
        session_id = json.loads(ready.body)["session_id"]
        return frozenset(
            place
            for place, side in self.server.sides.items()
            if any(one["session_id"] == session_id for one in side.inbox("m.room_key"))
        )

    def _sql(self, work: Callable[[Cursor], Any]) -> Any:
        return run(self.desk.database.run("t", work))


def wrongs(said: Iterable[Said]) -> Iterator[str]:
    """What must not be of what has left (red line R7)."""
    shown: set[tuple[str, frozenset[str]]] = set()
    for one in said:
        devices = frozenset(device for _, device in one.readers)
        # Who has read digits learns nothing by an edit that repeats them.
        digits = {(found, devices) for found in DIGITS.findall(one.text)} - shown
        shown |= digits
        is_secret = bool(digits) or LINK.search(one.text) is not None or "file" in one.content
        if one.is_offer:
            if CONFIRM.search(one.text) or "file" in one.content:
                yield f"the offer says too much: {one.text}"
            continue
        if one.is_in_doubt and "PHONE" not in devices:
            yield f"the owner does not read: {one.text}"
        if devices - {"PHONE", "STRANGER"}:
            yield f"a ghost reads: {one.text}"
        if is_secret and "STRANGER" in devices:
            yield f"a stranger reads: {one.text}"
        if is_secret and one.is_in_doubt:
            yield f"while the identity is in doubt there left: {one.text}"


def _reach(txn: Cursor, room_id: RoomId, bot: UserId) -> None:
    """What comes of a chat is for the bot, and nothing of it has to be read first."""
    txn.execute(
        "INSERT INTO runtime.room_bot (room_id, bot) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (room_id, bot),
    )
    txn.execute(
        "INSERT INTO runtime.room (room_id, looked_at_ms) VALUES (%s, 1)"
        " ON CONFLICT (room_id) DO UPDATE SET looked_at_ms = 1",
        (room_id,),
    )
    Hooks().encrypted(txn, room_id, {"algorithm": "m.megolm.v1.aes-sha2"})
