"""Shared parts of enrolling, asking and taking: the process's parts, and telling a person."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

import attrs

from veche.chat import people
from veche.chat.bot_accounts import private_chats, sender_of
from veche.chat.sending import Ground
from veche.protocol import message
from veche.protocol.errors import UnavailableError
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from veche.access.approvals.core import Rules
    from veche.access.approvals.sites import Site
    from veche.acts import ActLog
    from veche.protocol.ids import UserId
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor
    from veche.runtime.web.public import PageLinks

PURPOSE: Final = "keys"
BASIS: Final = "request of the person"
DEFAULT_LANGUAGE: Final = "en"
_NONCE_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_NONCE_CHARACTERS: Final = 32


@attrs.frozen
class Parts:
    """The tools with which the rules are carried out.

    Attributes:
        act_log: Commits the acts: what a bot tells a person is one.
        links: Addresses of the pages; None if there are none.
        rules: Of the operator.
        key: 32 secret bytes from outside the database, from which nonces and codes come.
        site: Where passkeys live; None where there can be none.
    """

    act_log: ActLog
    links: PageLinks | None
    rules: Rules
    key: bytes
    site: Site | None

    @property
    def vault(self) -> Vault:
        """Seals what was signed."""
        digest = hashlib.blake2b(digest_size=32, key=self.key, person=b"veche.approved")
        return Vault(digest.digest())


def fresh_nonce() -> str:
    """The nonce of an approval that no prompt asks for."""
    return "".join(secrets.choice(_NONCE_LETTERS) for _ in range(_NONCE_CHARACTERS))


def ground(person: UserId) -> Ground:
    """On what ground a bot speaks of keys."""
    return Ground(person, PURPOSE, BASIS)


def language_of(txn: Cursor, person: UserId) -> str:
    """The language that a person chose."""
    return people.read(txn, person, default_language=DEFAULT_LANGUAGE).language


def tell(
    txn: Cursor,
    parts: Parts,
    person: UserId,
    cause: str,
    doc: Doc,
    now_ms: int,
    audience: str | None = None,
) -> bool:
    """Tell a person something in the newest of their private chats; False if there is none.

    The same cause tells nothing twice. ``audience`` is as for ``Outgoing``.
    """
    for bot, room_id in private_chats(txn, person):
        try:
            sender = sender_of(txn, parts.act_log, bot, cause, now_ms)
        except UnavailableError:
            continue  # a bot that this version never started: nobody would send it
        content = message.text(doc, mentions=[person])
        sender.say(room_id, content, ground(person), audience=audience)
        return True
    return False
