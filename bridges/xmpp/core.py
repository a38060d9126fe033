"""XMPP as values: stanzas that come in, and the text of those that go out.

Sources: RFC 6120 and 6121; XEP-0030 (discovery), 0054 (vCard), 0172 (names), 0184 (receipts), 0199
(ping), 0308 (corrections), 0359 (stable ids), 0380 (encryption), 0066 (files as links).
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

import attrs

from bridges.core.model import TEXT_CHARACTERS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RECEIPTS: Final = "urn:xmpp:receipts"
PING: Final = "urn:xmpp:ping"
INFO: Final = "http://jabber.org/protocol/disco#info"
ITEMS: Final = "http://jabber.org/protocol/disco#items"
VCARD: Final = "vcard-temp"
NICK: Final = "http://jabber.org/protocol/nick"
STABLE_IDS: Final = "urn:xmpp:sid:0"
CORRECTION: Final = "urn:xmpp:message-correct:0"
FILE_LINK: Final = "jabber:x:oob"
REPLY: Final = "urn:xmpp:reply:0"
ENCRYPTED: Final = frozenset(
    {"urn:xmpp:eme:0", "eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2", "urn:xmpp:openpgp:0"}
    | {"jabber:x:encrypted"}
)
"""Namespaces of messages whose words are for others, and whose body only says so."""
FEATURES: Final = (INFO, RECEIPTS, PING, VCARD, STABLE_IDS, REPLY)
ID_CHARACTERS_MAX: Final = 250
_STANZAS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAC_BYTES: Final = 8


@attrs.frozen
class Stanza:
    """A stanza as it came: what of it means anything here.

    Attributes:
        name: ``message``, ``presence`` or ``iq``.
        kind: Its type; it may be empty.
        sender: A full address; our server vouches for it.
        body: Its words.
        inside: (namespace, name) of its children.
        receipt_for: Id of a message of ours that a device of theirs has.
        reply_to: Id of the message that it answers.
        error: Type of an error: ``wait`` is for now, all else for good.
        condition: Of an error.
        is_cut: It was larger than is kept.
    """

    name: str
    kind: str
    id: str
    sender: str
    recipient: str
    body: str = ""
    inside: frozenset[tuple[str, str]] = frozenset()
    receipt_for: str = ""
    reply_to: str = ""
    error: str = ""
    condition: str = ""
    is_cut: bool = False

    @property
    def payload(self) -> str:
        """Namespace of what a query asks."""
        return next((uri for uri, _ in self.inside), "")


class Why(enum.Enum):
    """Why something is not taken: its value is the error's type and condition."""

    ADDRESS = ("cancel", "item-not-found")
    SIZE = ("modify", "policy-violation")
    ENCRYPTED = ("cancel", "not-acceptable")
    CORRECTION = ("cancel", "feature-not-implemented")
    FILE = ("cancel", "not-allowed")
    LATER = ("wait", "resource-constraint")


def bare(jid: str) -> str:
    """An address without what names the device."""
    return jid.partition("/")[0]


def refusal(stanza: Stanza, offices: Iterable[str]) -> Why | None:
    """Why a message of a person is not taken; None if it is, or has no words."""
    namespaces = {uri for uri, _ in stanza.inside}
    if bare(stanza.recipient) not in offices:
        return Why.ADDRESS
    if stanza.is_cut or len(stanza.body) > TEXT_CHARACTERS_MAX:
        return Why.SIZE
    if ENCRYPTED & namespaces:
        return Why.ENCRYPTED
    # What it corrects may have been answered, and would be taken for the answer to what is open.
    if CORRECTION in namespaces:
        return Why.CORRECTION
    return Why.FILE if FILE_LINK in namespaces else None


def said(body: str) -> str:
    """The words of a message, without those that it quotes first."""
    lines = body.replace("\0", " ").splitlines()
    kept = next((n for n, line in enumerate(lines) if not line.startswith(">")), 0)
    return "\n".join(lines[kept:]).strip()


def inbound_id(stanza: Stanza, new_id: str) -> str:
    """By what a repetition is seen; programs that count their ids begin anew, so the words count.

    Args:
        stanza: A message.
        new_id: Of a message that has none.
    """
    whole = f"{stanza.id or new_id}\0{stanza.body}"
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:32]


def outbound_id(effect: str, recipient: str, key: bytes) -> str:
    """Id of a message of ours: what is sent again has the same, and only the recipient knows it."""
    mac = hmac.digest(key, f"{effect}\0{recipient}".encode(), hashlib.sha256)[:_MAC_BYTES]
    return f"{effect}-{base64.b32encode(mac).decode().rstrip('=').lower()}"


def effect_of(id_: str, sender: str, key: bytes) -> str | None:
    """The effect that somebody reports about; None if it was not for them."""
    effect = id_.partition("-")[0]
    good = outbound_id(effect, bare(sender), key)
    return effect if hmac.compare_digest(good.encode(), id_.encode("utf-8", "replace")) else None


# What goes out


def tag(name: str, attributes: Mapping[str, str], *inside: str) -> str:
    """An element; ``inside`` is markup, and attributes that are empty are left out."""
    found = "".join(f" {key}={quoteattr(_legal(it))}" for key, it in attributes.items() if it)
    return f"<{name}{found}>{''.join(inside)}</{name}>"


def text(words: str) -> str:
    """Words as markup, without what no stream may have."""
    return escape(_legal(words))


def message(id_: str, sender: str, name: str, recipient: str, words: str) -> str:
    """A message of an office that asks for a receipt."""
    return tag(
        "message",
        {"id": id_, "type": "chat", "from": sender, "to": recipient},
        tag("body", {}, text(words)),
        tag("request", {"xmlns": RECEIPTS}),
        tag("origin-id", {"xmlns": STABLE_IDS, "id": id_}),
        tag("nick", {"xmlns": NICK}, text(name)),
    )


def receipt(stanza: Stanza) -> str:
    """Say that a message is kept."""
    received = tag("received", {"xmlns": RECEIPTS, "id": stanza.id})
    return _back(stanza, stanza.kind, received, id_=f"r-{stanza.id}")


def error(stanza: Stanza, why: Why, language: str, words: str) -> str:
    """Say that something is not taken, and why; never in answer to an error."""
    kind, condition = why.value
    told = tag("text", {"xmlns": _STANZAS, "xml:lang": language}, text(words)) if words else ""
    inside = tag("error", {"type": kind}, tag(condition, {"xmlns": _STANZAS}), told)
    return _back(stanza, "error", inside)


def unknown(stanza: Stanza) -> str:
    """Answer a query that means nothing here: whoever asks waits (RFC 6120, 8.2.3)."""
    nothing = tag("service-unavailable", {"xmlns": _STANZAS})
    return _back(stanza, "error", tag("error", {"type": "cancel"}, nothing))


def presence(stanza: Stanza, kind: str, name: str) -> str:
    """Answer somebody's presence; an empty ``kind`` says that the office is there."""
    here = {"from": bare(stanza.recipient), "to": bare(stanza.sender), "type": kind}
    return tag("presence", here, tag("nick", {"xmlns": NICK}, text(name)))


def ping(domain: str, id_: str) -> str:
    """A ping that comes back to the component, once the server has dealt with all before it."""
    attributes = {"id": id_, "type": "get", "from": domain, "to": domain}
    return tag("iq", attributes, tag("ping", {"xmlns": PING}))


def answer(stanza: Stanza, domain: str, offices: Mapping[str, str]) -> str | None:
    """The answer to a query: what we are and are called; None if that is not what it asks.

    Args:
        stanza: The query, of type ``get``.
        domain: Of the component.
        offices: Names by addresses.
    """
    whom, asked = bare(stanza.recipient), stanza.payload
    name = offices.get(whom, "")
    if not name and whom != domain:
        return None
    if asked == PING:
        return _back(stanza, "result")
    if asked == INFO:
        kind = ("account", "registered") if name else ("gateway", "matrix")
        shown = {"category": kind[0], "type": kind[1], "name": name or "Veche"}
        features = [tag("feature", {"var": one}) for one in FEATURES]
        inside = tag("query", {"xmlns": INFO}, tag("identity", shown), *features)
        return _back(stanza, "result", inside)
    if asked == ITEMS:
        shown_items = offices.items() if whom == domain else ()
        items = [tag("item", {"jid": jid, "name": it}) for jid, it in shown_items]
        return _back(stanza, "result", tag("query", {"xmlns": ITEMS}, *items))
    if asked == VCARD:
        inside = tag("vCard", {"xmlns": VCARD}, tag("FN", {}, text(name or "Veche")))
        return _back(stanza, "result", inside)
    return None


def _back(stanza: Stanza, kind: str, *inside: str, id_: str = "") -> str:
    way = {"from": stanza.recipient, "to": stanza.sender, "type": kind, "id": id_ or stanza.id}
    return tag(stanza.name, way, *inside)


def _legal(words: str) -> str:
    return _ILLEGAL.sub("", words)
