"""Chat messages about sign-in: links on request, codes that a page asked for, signing out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from veche.access.sessions import store, texts
from veche.access.sessions.core import (
    HOUR_MS,
    LINKS_PER_HOUR_MAX,
    SECRET_BYTES,
    Agent,
    Sent,
    Session,
    SignIn,
    code_hash,
    hash_of,
)
from veche.chat.sending import Ground
from veche.protocol import message
from veche.protocol.commands import PAGE, SIGN_OUT
from veche.protocol.ids import ulid
from veche.runtime.crypto.tracking import identity_view, is_encrypted, pin_identity
from veche.runtime.matrix.store import readers

if TYPE_CHECKING:
    from veche.chat.sending import Sender
    from veche.protocol.commands import ParsedCommand
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor
    from veche.runtime.web.public import PageLinks

PURPOSE: Final = "sign-in"
BASIS: Final = "request of the person"
ID_BYTES: Final = 10

SIGN_IN_KEY: Final = "org.veche.sign_in"
"""Marks links, and news of sessions: the app reads them there, and does not show its own."""

PAGE_COMMANDS: Final = (PAGE, SIGN_OUT)
"""What ``answer_command`` answers."""


def answer_command(
    txn: Cursor,
    sender: Sender,
    room_id: RoomId,
    person: UserId,
    parsed: ParsedCommand,
    *,
    links: PageLinks | None,
    language: str,
) -> bool:
    """Answer one of ``PAGE_COMMANDS``; False if it is another command.

    Anybody in the room may give it; each gets only what is theirs.
    """
    if parsed.command.name == PAGE.name:
        offer_link(txn, sender, room_id, person, links, language)
    elif parsed.command.name == SIGN_OUT.name:
        sign_out_in_room(txn, sender, room_id, person, language)
    else:
        return False
    return True


def offer_link(
    txn: Cursor,
    sender: Sender,
    room_id: RoomId,
    person: UserId,
    links: PageLinks | None,
    language: str,
) -> bool:
    """Say a link that signs the person in; where others can read, say why there is none.

    The homeserver can read what is said in a room without encryption, and sign in with it. Nor is
    there one while the person has an identity that nobody confirmed.

    Returns:
        Whether a link was said.
    """
    doc: Doc
    if links is None:
        doc = texts.no_pages_doc(language)
    elif not is_between_two(txn, room_id, sender.bot.user_id, person):
        doc = texts.not_private_doc(language)
    elif identity_view(txn, person).is_doubted:
        doc = texts.doubted_doc(language)
    else:
        store.lock_person(txn, person)
        sent = store.count_sent(txn, person, sender.now_ms - HOUR_MS, with_code=False)
        if sent < LINKS_PER_HOUR_MAX:
            sign_in = new_sign_in(person, Agent(), language, sender.now_ms)
            store.add_request(txn, sign_in, request_hash=None, address_hash=None)
            _say_link(txn, sender, room_id, sign_in, links, language)
            return True
        doc = texts.too_many_doc(language)
    sender.say(room_id, message.text(doc, mentions=[person]), _ground(person))
    return False


def send_code(
    txn: Cursor,
    sender: Sender,
    room_id: RoomId,
    sign_in: SignIn,
    code: str,
    *,
    links: PageLinks,
    language: str,
) -> None:
    """Say the code of a request of a page, and a link that does the same."""
    _say_link(txn, sender, room_id, sign_in, links, language, code=code)


def sign_out_in_room(
    txn: Cursor, sender: Sender, room_id: RoomId, person: UserId, language: str
) -> None:
    """End all sessions of a person, make their links useless, and say so.

    It counts however it was said, in clear too: it only takes power away.
    """
    count = sign_out_everywhere(txn, person, sender.now_ms)
    doc = texts.signed_out_doc(count, language)
    sender.say(room_id, message.text(doc, mentions=[person]), _ground(person))


def sign_out_everywhere(txn: Cursor, person: UserId, now_ms: int) -> int:
    """End all sessions of a person, and make their links and codes useless; how many sessions."""
    # In the order of those who sign in: first the link, then the person.
    store.end_sign_ins(txn, person, now_ms)
    store.lock_person(txn, person)
    return store.end_sessions(txn, person, now_ms)


def say_signed_in(sender: Sender, room_id: RoomId, session: Session, language: str) -> None:
    """Say that somebody signed in with what was sent to this room."""
    person, doc = session.person, texts.signed_in_doc(session.agent, language)
    payload = {SIGN_IN_KEY: {"v": 1, "session": session.id}}
    content = message.text(doc, mentions=[person], payload=payload)
    sender.say(room_id, content, _ground(person))


def is_between_two(txn: Cursor, room_id: RoomId, bot: UserId, person: UserId) -> bool:
    """Return whether a room is encrypted and nobody but a bot and a person is there, or invited."""
    present = {user_id for user_id, _ in readers(txn, room_id)}
    return is_encrypted(txn, room_id) and present == {bot, person}


def new_sign_in(person: UserId, agent: Agent, language: str, now_ms: int) -> SignIn:
    """An attempt for which nothing was sent yet."""
    return SignIn(ulid(now_ms, secrets.token_bytes(ID_BYTES)), person, agent, language, now_ms)


def _say_link(
    txn: Cursor,
    sender: Sender,
    room_id: RoomId,
    sign_in: SignIn,
    links: PageLinks,
    language: str,
    *,
    code: str | None = None,
) -> None:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    person, url = sign_in.person, links.sign_in(secret)
    # From now on something is stored about the person: what the link is worth depends on whether
    # the identity stays what it is now.
    pin_identity(txn, person, sender.now_ms)
    if code is None:
        doc = texts.link_doc(url, language)
    else:
        doc = texts.code_doc(code, url, sign_in.agent, language)
    content = message.text(doc, mentions=[person], payload={SIGN_IN_KEY: {"v": 1}})
    effect = sender.say(room_id, content, _ground(person))
    store.set_sent(
        txn,
        sign_in.id,
        Sent(sender.bot.user_id, room_id, effect),
        link_hash=hash_of(secret),
        code_hash=None if code is None else code_hash(sign_in.id, code),
    )


def _ground(person: UserId) -> Ground:
    return Ground(person, PURPOSE, BASIS)
