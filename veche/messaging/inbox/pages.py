"""Acts of people on pages: typed rows of the inbox, beside the events of the room.

So a page act is durable, keeps the order of its room, is done once, and by whichever process holds
the bot. Its id is one that no homeserver gives (``page:…``, which the intake refuses), derived from
the person and the idempotency key; its trust is what the page's session or the approval's signature
proved. Once it is done its content is wiped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final, Literal

import attrs

from veche.messaging.inbox import store
from veche.messaging.inbox.events import PAGE
from veche.protocol.canonical import canonical
from veche.protocol.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from veche.protocol.ids import EventId
from veche.protocol.inbound import PageCommand, PromptAnswer, Trust
from veche.runtime import live as live_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.messaging.inbox.store import Claim, Item
    from veche.protocol.ids import UserId
    from veche.protocol.inbound import PageAct
    from veche.runtime.database import Cursor

KEY_CHARACTERS_MAX: Final = 64
CONTENT_BYTES_MAX: Final = 32_768
"""As for what a client sends (protocol, "Fallback")."""
SETTLED_MS: Final = 5_000
_RETRY_AFTER_MS: Final = 1_000
_KINDS: Final[Mapping[str, type[PageAct]]] = {
    "org.veche.prompt_answer": PromptAnswer,
    "org.veche.page_command": PageCommand,
}
"""By ``event_type`` of their rows."""
_OF_ROW: Final = frozenset({"bot", "room_id", "event_id", "sender", "standing", "at_ms"})
"""What stands in the columns of a row, or is the same for all."""
_UNKNOWN_DIGEST: Final = b""
"""Of an act that an earlier version took, in another form: it cannot be compared."""
_KEY: Final = re.compile(r"[!-~]+(?: [!-~]+)?")

Outcome = Literal["waiting", "done", "refused"]


def page_event_id(person: UserId, key: str) -> EventId:
    """The id of what a person did under an idempotency key.

    Args:
        person: Who, as the session or the approval proved.
        key: 1 to ``KEY_CHARACTERS_MAX`` printable ASCII characters. One with a space in the middle
            is ours: no page can take it first, since theirs have none.

    Raises:
        MalformedError: The key is none.
    """
    if len(key) > KEY_CHARACTERS_MAX or not _KEY.fullmatch(key):
        raise MalformedError("key", f"should have 1 to {KEY_CHARACTERS_MAX} printable characters")
    data = f"{person}\n{key}".encode()
    digest = hashlib.blake2b(data, digest_size=16, person=b"veche.page").digest()
    return EventId(PAGE + base64.b32encode(digest).decode().rstrip("=").lower())


def hand_in(txn: Cursor, act: PageAct, digest: bytes | None = None) -> bool:
    """Put an act into the inbox and wake its worker; False if it was handed in before.

    Args:
        txn: Of the request.
        act: What was done; its event id is of ``page_event_id``.
        digest: 32 bytes, by which the same is known again; None: all that the act says.

    Raises:
        ConflictError: Under this key something else was done.
        MalformedError: It has no canonical JSON.
        TooLargeError: The content is over ``CONTENT_BYTES_MAX``.
        RefusedError: The bot is not in the room, or the person is neither in there nor invited.
        UnavailableError: Who is in the room is being read from the homeserver.
    """
    event_id, kind, said = act.event_id, *_written(act)
    whole = f"{act.bot}\n{act.room_id}\n{kind}\n{said}"
    digest = digest or hashlib.blake2b(whole.encode(), digest_size=32).digest()
    txn.execute(
        "INSERT INTO runtime.page_act (event_id, room_id, bot, digest, created_at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (event_id, act.room_id, act.bot, digest, act.at_ms),
    )
    if txn.rowcount == 0:
        return not is_known(txn, event_id, digest)
    _append(txn, act, kind, said)
    return True


def is_known(txn: Cursor, event_id: EventId, digest: bytes) -> bool:
    """Return whether the same was handed in before under its key.

    Raises:
        ConflictError: Under this key something else was done.
    """
    txn.execute("SELECT digest FROM runtime.page_act WHERE event_id = %s", (event_id,))
    row = txn.fetchone()
    if row is not None and bytes(row[0]) not in {digest, _UNKNOWN_DIGEST}:
        raise ConflictError("This key was used for something else; nothing has changed")
    return row is not None


def outcome(txn: Cursor, event_id: EventId) -> Outcome:
    """Return the outcome of an act.

    Raises:
        NotFoundError: No such act was handed in, or longer ago than keys are kept.
    """
    txn.execute(
        "SELECT i.state FROM runtime.page_act AS p JOIN runtime.inbox AS i"
        " ON i.room_id = p.room_id AND i.event_id = p.event_id AND i.bot = p.bot"
        " WHERE p.event_id = %s",
        (event_id,),
    )
    row = txn.fetchone()
    if row is None:
        raise NotFoundError("Nothing is known of this act")
    state = store.State(row[0])
    if state is store.State.DONE:
        return "done"
    return "refused" if state is store.State.REFUSED else "waiting"


def topic_of(event_id: EventId) -> str:
    """The live topic of the end of an act."""
    return f"inbox {event_id}"


# For the worker.


def is_page(event_id: str) -> bool:
    """Return whether a row came from a page."""
    return event_id.startswith(PAGE)


def read(claim: Claim, item: Item) -> PageAct:
    """Read an act as it was handed in."""
    said = dict(item.event)
    return _KINDS[item.event_type](
        bot=claim.bot,
        room_id=claim.room_id,
        event_id=item.event_id,
        sender=item.sender,
        trust=Trust(said.pop("trust")),
        at_ms=item.received_at_ms,
        **said,
    )


def ended(txn: Cursor, claim: Claim, items: Sequence[Item], seqs: Sequence[int]) -> None:
    """Wipe those rows of pages that are done with, and tell who waits for them.

    Args:
        txn: The transaction that ends them.
        claim: Their room.
        items: Rows of the room, of whichever kind.
        seqs: Which of them have ended.
    """
    event_ids = [one.event_id for one in items if one.seq in seqs and is_page(one.event_id)]
    if not event_ids:
        return
    txn.execute(
        "UPDATE runtime.inbox SET event = NULL"
        " WHERE room_id = %s AND bot = %s AND event_id = ANY(%s)",
        (claim.room_id, claim.bot, event_ids),
    )
    for event_id in event_ids:
        live_module.announce(txn, topic_of(event_id))


def fail(txn: Cursor, claim: Claim, item: Item, now_ms: int, delays_ms: Sequence[int]) -> int:
    """As ``store.fail``; a row of a page that is given up with it has ended."""
    failures = store.fail(txn, claim, item, now_ms, delays_ms)
    if failures >= store.FAILURES_MAX:
        ended(txn, claim, [item], [item.seq])
    return failures


def _written(act: PageAct) -> tuple[str, str]:
    """The type of the row, and what it says; equal for equal acts."""
    kind = next(kind for kind, of in _KINDS.items() if isinstance(act, of))
    said = attrs.asdict(act, recurse=False, filter=lambda field, _: field.name not in _OF_ROW)
    # What no client could send in a message, no bot has to bear from a page.
    whole = canonical(said, where="body")
    if len(whole) > CONTENT_BYTES_MAX:
        raise TooLargeError(f"The answer is over {CONTENT_BYTES_MAX} bytes")
    return kind, whole.decode()


def _append(txn: Cursor, act: PageAct, kind: str, said: str) -> None:
    """One more row of the room, which it refuses as the homeserver would refuse the message."""
    _check_room(txn, act)
    txn.execute(
        "INSERT INTO runtime.inbox"
        " (room_id, event_id, bot, sender, event_type, event, source, received_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s::json, %s, %s)",
        (
            act.room_id,
            act.event_id,
            act.bot,
            act.sender,
            kind,
            said,
            int(store.Source.PAGE),
            act.at_ms,
        ),
    )
    store.wake_room(txn, act.room_id, act.bot, act.at_ms)


def _check_room(txn: Cursor, act: PageAct) -> None:
    txn.execute(
        "SELECT r.looked_at_ms IS NOT NULL, p.membership IN ('join', 'invite')"
        " FROM runtime.room_bot AS b JOIN runtime.room_member AS m"
        "  ON m.room_id = b.room_id AND m.user_id = b.bot AND m.membership = 'join'"
        " LEFT JOIN runtime.room AS r ON r.room_id = b.room_id"
        " LEFT JOIN runtime.room_member AS p ON p.room_id = b.room_id AND p.user_id = %s"
        " WHERE b.room_id = %s AND b.bot = %s",
        (act.sender, act.room_id, act.bot),
    )
    row = txn.fetchone()
    if row is None:
        raise RefusedError("The other side is not in this room any more")
    is_known, is_there = row
    if is_there:
        return
    if not is_known:
        raise UnavailableError("The room is being read", retry_after_ms=_RETRY_AFTER_MS)
    raise RefusedError("You are not in this room any more")
