"""SQL of bridges."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from bridges.core.answer import OpenPrompt
from bridges.core.delivery import State
from bridges.core.model import THREAD_MAX, RenderedChoice
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridges.core.model import ReceivedPart, RemoteMessage
    from veche.runtime.database import Cursor

CHANNEL: Final = "veche_bridges"
"""Where it is announced that something goes to a network."""
PROMPTS_MAX: Final = 20
"""Open questions of a chat that a reply is compared with."""
WAITING_MAX: Final = 1_000
"""Messages of a chat that wait for its room."""
REPEAT_MS: Final = 24 * 3_600_000
"""How long a network that gives no ids brings again what it does not know to be kept."""
OPEN: Final = ("queued", "sending", "uncertain")
_PORTAL: Final = "bridge_id = %s AND portal_id = %s AND receiver = %s"


@attrs.frozen
class PortalId:
    """A chat as it is kept.

    Attributes:
        bridge: The network.
        portal: A keyed digest of the network's id of the chat.
        receiver: The login, or empty.
    """

    bridge: str
    portal: str
    receiver: str

    @property
    def key(self) -> tuple[str, str, str]:
        """As it stands in statements."""
        return (self.bridge, self.portal, self.receiver)


@attrs.frozen
class Portal:
    """A chat of the network and its room.

    Attributes:
        ghost: The person.
        office_bot: Whom they write to.
        room_id: None until it is made.
        sealed: What only this bridge may know of it.
        is_told: The person was told who else can read what is sent.
    """

    id: PortalId
    ghost: UserId
    office_bot: UserId
    room_id: RoomId | None
    sealed: str
    is_told: bool


@attrs.frozen
class OutRow:
    """Something on its way to the network.

    Attributes:
        attempts: This one included.
    """

    id: PortalId
    effect_id: str
    event_id: str
    sealed: str
    state: State
    attempts: int


# Chats


def lock_portal(txn: Cursor, id_: PortalId) -> None:
    """Have other transactions wait that deal with this chat."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ("\n".join(id_.key),))


def read_portal(txn: Cursor, id_: PortalId) -> Portal | None:
    """A chat; None if there is none."""
    return _portal(txn, _PORTAL, id_.key)


def portal_of_room(txn: Cursor, room_id: RoomId) -> Portal | None:
    """The chat of a room; None if it is none of a bridge."""
    return _portal(txn, "room_id = %s", (room_id,))


def _portal(txn: Cursor, where: str, values: Sequence[object]) -> Portal | None:
    txn.execute(
        "SELECT bridge_id, portal_id, receiver, ghost, office_bot, room_id, sealed, is_told"  # noqa: S608 -- ours
        f" FROM bridges.portal WHERE {where}",
        values,
    )
    row = txn.fetchone()
    if row is None:
        return None
    room = None if row[5] is None else RoomId(row[5])
    return Portal(PortalId(*row[:3]), UserId(row[3]), UserId(row[4]), room, row[6], row[7])


def add_portal(txn: Cursor, portal: Portal, now_ms: int) -> None:
    """Keep a new chat."""
    txn.execute(
        "INSERT INTO bridges.portal (bridge_id, portal_id, receiver, ghost, office_bot, sealed,"
        " since_ms) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (*portal.id.key, portal.ghost, portal.office_bot, portal.sealed, now_ms),
    )


def set_room(txn: Cursor, id_: PortalId, room_id: RoomId) -> None:
    """The room of a chat is made."""
    txn.execute(
        f"UPDATE bridges.portal SET room_id = %s WHERE {_PORTAL}",  # noqa: S608 -- ours
        (room_id, *id_.key),
    )


def set_told(txn: Cursor, id_: PortalId) -> None:
    """The person is told who else can read."""
    txn.execute(
        f"UPDATE bridges.portal SET is_told = TRUE WHERE {_PORTAL}",  # noqa: S608 -- ours
        id_.key,
    )


# From the network


def note_inbound(
    txn: Cursor, id_: PortalId, effect_id: str, event: RemoteMessage, now_ms: int
) -> bool:
    """Return whether something came for the first time."""
    mark, connection = event.content_mark, event.connection
    remote_id = None if mark is None else event.id
    txn.execute(
        "INSERT INTO bridges.remote_inbox (bridge_id, effect_id, portal_id, receiver,"
        " received_at_ms, content_mark, connection, remote_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (id_.bridge, effect_id, id_.portal, id_.receiver, now_ms, mark, connection, remote_id),
    )
    if txn.rowcount == 0 or mark is None:
        return txn.rowcount == 1
    # What another connection brought and may not have been told that it is kept. One of them: a
    # person may have written the same twice.
    txn.execute(
        "UPDATE bridges.remote_inbox SET content_mark = NULL WHERE (bridge_id, effect_id) ="  # noqa: S608 -- ours
        f" (SELECT bridge_id, effect_id FROM bridges.remote_inbox WHERE {_PORTAL}"
        " AND content_mark = %s AND connection <> %s AND received_at_ms >= %s"
        " ORDER BY seq LIMIT 1)",
        (*id_.key, mark, connection, now_ms - REPEAT_MS),
    )
    return txn.rowcount == 0


def forget_marks(txn: Cursor, bridge: str, remote_ids: Sequence[str]) -> None:
    """The network does not bring these again."""
    txn.execute(
        "UPDATE bridges.remote_inbox SET content_mark = NULL"
        " WHERE bridge_id = %s AND remote_id = ANY (%s) AND content_mark IS NOT NULL",
        (bridge, list(remote_ids)),
    )


def keep_part(txn: Cursor, id_: PortalId, part: ReceivedPart, effect_id: str, sealed: str) -> int:
    """Keep a part of a message; how many of it are there."""
    txn.execute(
        "INSERT INTO bridges.received_part (bridge_id, portal_id, receiver, message_key, number,"
        " total, effect_id, sealed) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (bridge_id, portal_id, receiver, message_key, number) DO UPDATE"
        " SET effect_id = excluded.effect_id, sealed = excluded.sealed",
        (*id_.key, part.message_key, part.number, part.total, effect_id, sealed),
    )
    txn.execute(
        f"SELECT count(*) FROM bridges.received_part WHERE {_PORTAL} AND message_key = %s",  # noqa: S608 -- ours
        (*id_.key, part.message_key),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def take_parts(txn: Cursor, id_: PortalId, message_key: str) -> list[tuple[int, int, str, str]]:
    """Take the parts of a message: (number, total, effect id, sealed), in order."""
    txn.execute(
        f"DELETE FROM bridges.received_part WHERE {_PORTAL} AND message_key = %s"  # noqa: S608 -- ours
        " RETURNING number, total, effect_id, sealed",
        (*id_.key, message_key),
    )
    return sorted((int(n), int(total), str(e), str(s)) for n, total, e, s in txn.fetchall())


def inbound_since(txn: Cursor, id_: PortalId, since_ms: int) -> int:
    """How much came in a chat from a moment on."""
    txn.execute(
        f"SELECT count(*) FROM bridges.remote_inbox WHERE {_PORTAL} AND received_at_ms >= %s",  # noqa: S608 -- ours
        (*id_.key, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def chats_since(txn: Cursor, bridge: str, since_ms: int) -> int:
    """How many chats of a network began from a moment on."""
    txn.execute(
        "SELECT count(*) FROM bridges.portal WHERE bridge_id = %s AND since_ms >= %s",
        (bridge, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def keep_waiting(txn: Cursor, id_: PortalId, effect_id: str, sealed: str) -> None:
    """Keep what was written until the chat has its room."""
    txn.execute(
        "UPDATE bridges.remote_inbox SET sealed = %s WHERE bridge_id = %s AND effect_id = %s",
        (sealed, id_.bridge, effect_id),
    )


def take_waiting(txn: Cursor, id_: PortalId) -> list[tuple[str, str]]:
    """Take what waited for the room: (effect id, sealed), in order; it waits no more."""
    txn.execute(
        "SELECT effect_id, sealed FROM bridges.remote_inbox"  # noqa: S608 -- ours
        f" WHERE {_PORTAL} AND sealed IS NOT NULL ORDER BY seq LIMIT %s",
        (*id_.key, WAITING_MAX),
    )
    found = [(str(effect), str(sealed)) for effect, sealed in txn.fetchall()]
    txn.execute(
        "UPDATE bridges.remote_inbox SET sealed = NULL"
        " WHERE bridge_id = %s AND effect_id = ANY (%s)",
        (id_.bridge, [effect for effect, _ in found]),
    )
    return found


def note_message(txn: Cursor, id_: PortalId, remote_id: str, now_ms: int) -> None:
    """Know a message of a chat by the network's id."""
    txn.execute(
        "INSERT INTO bridges.message (bridge_id, portal_id, receiver, remote_id, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (*id_.key, remote_id, now_ms),
    )


def thread(txn: Cursor, id_: PortalId) -> tuple[str, ...]:
    """The network's ids of the last messages of a chat, the newest first."""
    txn.execute(
        f"SELECT remote_id FROM bridges.message WHERE {_PORTAL} ORDER BY seq DESC LIMIT %s",  # noqa: S608 -- ours
        (*id_.key, THREAD_MAX),
    )
    return tuple(str(remote_id) for (remote_id,) in txn.fetchall())


# To the network


def queue(
    txn: Cursor, id_: PortalId, effect_id: str, event_id: str, sealed: str, at_ms: int
) -> None:
    """Have something sent; the same effect again changes nothing."""
    txn.execute(
        "INSERT INTO bridges.remote_outbox (bridge_id, effect_id, portal_id, receiver, event_id,"
        " sealed, state, next_at_ms) VALUES (%s, %s, %s, %s, %s, %s, 'queued', %s)"
        " ON CONFLICT DO NOTHING",
        (id_.bridge, effect_id, id_.portal, id_.receiver, event_id, sealed, at_ms),
    )
    txn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, id_.bridge))


def lease(
    txn: Cursor, bridges: Sequence[str], now_ms: int, until_ms: int, rows_max: int
) -> tuple[list[OutRow], int | None]:
    """Take the oldest open row of each chat where it is due; and when the next one is.

    A row whose process ended is due again once its lease is over.
    """
    txn.execute(
        "WITH head AS ("
        " SELECT DISTINCT ON (bridge_id, portal_id, receiver) bridge_id, effect_id, next_at_ms"
        "  FROM bridges.remote_outbox WHERE bridge_id = ANY (%(bridges)s)"
        "  AND state IN ('queued', 'sending', 'uncertain')"
        "  ORDER BY bridge_id, portal_id, receiver, seq"
        "), due AS ("
        " SELECT o.bridge_id, o.effect_id FROM bridges.remote_outbox AS o JOIN head AS h"
        "  ON h.bridge_id = o.bridge_id AND h.effect_id = o.effect_id"
        "  WHERE o.next_at_ms <= %(now)s AND o.state IN ('queued', 'sending', 'uncertain')"
        "  ORDER BY o.next_at_ms, o.seq LIMIT %(max)s FOR UPDATE OF o SKIP LOCKED"
        ") UPDATE bridges.remote_outbox AS o SET attempts = o.attempts + 1, next_at_ms = %(until)s,"
        "  state = CASE o.state WHEN 'queued' THEN 'sending' ELSE 'uncertain' END"
        " FROM due WHERE o.bridge_id = due.bridge_id AND o.effect_id = due.effect_id"
        " RETURNING o.bridge_id, o.portal_id, o.receiver, o.effect_id, o.event_id, o.sealed,"
        "  o.state, o.attempts",
        {"bridges": list(bridges), "now": now_ms, "until": until_ms, "max": rows_max},
    )
    rows = [
        OutRow(PortalId(*row[:3]), row[3], row[4], row[5], State(row[6]), row[7])
        for row in txn.fetchall()
    ]
    txn.execute(
        "SELECT min(next_at_ms) FROM bridges.remote_outbox WHERE bridge_id = ANY (%s)"
        " AND state IN ('queued', 'sending', 'uncertain') AND next_at_ms > %s",
        (list(bridges), now_ms),
    )
    [(next_at_ms,)] = txn.fetchall()
    return rows, next_at_ms


def state_of(txn: Cursor, bridge: str, effect_id: str) -> State | None:
    """The state of something that goes to the network, locked; None if there is no such thing."""
    txn.execute(
        "SELECT state FROM bridges.remote_outbox WHERE bridge_id = %s AND effect_id = %s"
        " FOR UPDATE",
        (bridge, effect_id),
    )
    row = txn.fetchone()
    return None if row is None else State(row[0])


def set_state(
    txn: Cursor,
    bridge: str,
    effect_id: str,
    state: State,
    *,
    next_at_ms: int = 0,
    remote_id: str | None = None,
    reason: str = "",
) -> None:
    """Write a step down; words that need not be sent again are forgotten."""
    txn.execute(
        "UPDATE bridges.remote_outbox SET state = %(state)s, next_at_ms = %(next)s,"
        " remote_id = coalesce(%(remote)s, remote_id),"
        " reason = coalesce(nullif(%(reason)s, ''), reason),"
        " sealed = CASE WHEN %(state)s = ANY (%(open)s) THEN sealed END"
        " WHERE bridge_id = %(bridge)s AND effect_id = %(effect)s",
        {
            "state": state.value,
            "next": next_at_ms,
            "remote": remote_id,
            "reason": reason,
            "open": list(OPEN),
            "bridge": bridge,
            "effect": effect_id,
        },
    )


def forget_attempt(txn: Cursor, bridge: str, effect_id: str) -> None:
    """Count the last attempt of something as none."""
    txn.execute(
        "UPDATE bridges.remote_outbox SET attempts = attempts - 1"
        " WHERE bridge_id = %s AND effect_id = %s",
        (bridge, effect_id),
    )


# Questions


def open_prompt(txn: Cursor, id_: PortalId, prompt: OpenPrompt) -> None:
    """A question goes to the network; what it calls the message is known later."""
    choices = json.dumps([attrs.asdict(one) for one in prompt.choices])
    txn.execute(
        "INSERT INTO bridges.prompt_open (bridge_id, portal_id, receiver, prompt_id, event_id,"
        " remote_id, choices) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (*id_.key, prompt.id, prompt.event_id, prompt.message_id, choices),
    )


def name_prompt(txn: Cursor, id_: PortalId, event_id: str, remote_id: str) -> None:
    """The network has a question, if it is still open."""
    txn.execute(
        f"UPDATE bridges.prompt_open SET remote_id = %s WHERE {_PORTAL} AND event_id = %s",  # noqa: S608 -- ours
        (remote_id, *id_.key, event_id),
    )


def close_prompt(txn: Cursor, id_: PortalId, prompt_id: str) -> None:
    """A question takes no more answers."""
    txn.execute(
        f"DELETE FROM bridges.prompt_open WHERE {_PORTAL} AND prompt_id = %s",  # noqa: S608 -- ours
        (*id_.key, prompt_id),
    )


def open_prompts(txn: Cursor, id_: PortalId) -> list[OpenPrompt]:
    """The questions of a chat that take answers, the newest first."""
    txn.execute(
        "SELECT prompt_id, event_id, remote_id, choices FROM bridges.prompt_open"  # noqa: S608 -- ours
        f" WHERE {_PORTAL} ORDER BY seq DESC LIMIT %s",
        (*id_.key, PROMPTS_MAX),
    )
    return [
        OpenPrompt(prompt, event, remote, _choices(choices))
        for prompt, event, remote, choices in txn.fetchall()
    ]


def _choices(found: Sequence[Mapping[str, Any]]) -> tuple[RenderedChoice, ...]:
    return tuple(RenderedChoice(**one) for one in found)
