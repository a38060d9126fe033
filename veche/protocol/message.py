"""Messages of bots: the one place that builds the content of outgoing messages.

A document is a tuple of blocks. It is written twice, as plain text and as Matrix' simple HTML,
from the same words, so that a client that shows only one of them loses nothing. The rules, and the
clients they were measured on: docs/reference/events.md, "Rules of every message".
"""

from __future__ import annotations

import enum
import html as _html
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
from canonicaljson import encode_canonical_json

from veche.protocol.canonical import plain
from veche.protocol.errors import MalformedError, TooLargeError
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from veche.protocol.ids import EventId, UserId

CONTENT_BYTES_MAX: Final = 32 * 1024
"""Largest content, as canonical JSON: half of Matrix' limit, the rest is for encryption."""
MENTIONS_MAX: Final = 50
"""Most persons that one message may ring."""
REACTION_CHARACTERS_MAX: Final = 10
"""Longest key of a reaction: Element cuts longer ones."""
URL_CHARACTERS_MAX: Final = 2_000

MIXINS: Final = frozenset({"org.matrix.msc4139.prompts"})
"""Keys of others that may stand beside ours."""

Content = dict[str, Any]
Payload = Mapping[str, Wire | Mapping[str, Any]]
NO_PAYLOAD: Final[Payload] = MappingProxyType({})
PERSONAL: Final[Payload] = MappingProxyType({"org.veche.personal": {"v": 1}})
"""Marks what is for one person alone. It waits, as a file does, until we know who reads it."""

# Names that Matrix gives mean something to every client: no payload may stand under one.
_PAYLOAD_KEY: Final = re.compile(r"(?!m\.|org\.matrix\.)[a-z][a-z0-9-]*(?:\.[a-z0-9_-]+){2,}")
# A person's name or an office's title must not reorder the line it stands in, so direction marks
# go, and with them what no client shows: controls and lone surrogates.
_UNSEEN: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]"
)
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts of this machine: what is sent to them by ``http:`` leaves it as little as by ``https:``."""
_LINE_BREAKS: Final = re.compile(r"\s*\n\s*")
_URL: Final = re.compile(
    r"(?:https://[^\s<>\"\\^`{|}/?#]+|http://(?:localhost|127\.0\.0\.1)(?::\d{1,5})?)"
    r"(?:[/?#][^\s<>\"\\^`{|}]*)?"
)


@attrs.frozen
class Bold:
    """Words that stand out."""

    text: str


@attrs.frozen
class Mono:
    """Text to copy or type exactly: a code, a number, a command."""

    text: str


def _check_url(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if len(value) > URL_CHARACTERS_MAX or not _URL.fullmatch(value):
        raise MalformedError(attribute.name, "must be an https:// address (http only to localhost)")


@attrs.frozen
class Link:
    """A link; in plain text its address follows on a line of its own.

    Attributes:
        url: ``https://…``, at most ``URL_CHARACTERS_MAX`` characters (``http://`` only to
            localhost or 127.0.0.1). ``matrix:`` links are dead in half the clients.

    Raises:
        MalformedError: The address is not of that form.
    """

    text: str
    url: str = attrs.field(validator=_check_url)


Span = str | Bold | Mono | Link
Item = Span | tuple[Span, ...]


def _spans(item: Item) -> tuple[Span, ...]:
    return item if isinstance(item, tuple) else (item,)


def _items(items: Iterable[Item]) -> tuple[tuple[Span, ...], ...]:
    return tuple(_spans(item) for item in items)


def _facts(facts: Iterable[tuple[str, Item]]) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    return tuple((label, _spans(value)) for label, value in facts)


@attrs.frozen
class Heading:
    """The subject of the message in a few words; one line."""

    text: str


@attrs.frozen(init=False)
class Paragraph:
    """Running text; a line break in it is kept."""

    spans: tuple[Span, ...]

    def __init__(self, *spans: Span) -> None:
        self.__attrs_init__(spans)


@attrs.frozen
class Bullets:
    """A list without order; one line an item."""

    items: tuple[tuple[Span, ...], ...] = attrs.field(converter=_items)


@attrs.frozen
class Numbered:
    """A list counted from 1, for what is answered by its number; one line an item."""

    items: tuple[tuple[Span, ...], ...] = attrs.field(converter=_items)


@attrs.frozen
class Facts:
    """Labels with their values, "Fee: 100.00 EUR"; one line a fact."""

    facts: tuple[tuple[str, tuple[Span, ...]], ...] = attrs.field(converter=_facts)


@attrs.frozen
class Code:
    """Text of a machine, as it stands."""

    text: str


Block = Heading | Paragraph | Bullets | Numbered | Facts | Code
Doc = tuple[Block, ...]


class RelationKind(enum.Enum):
    """How one event relates to another."""

    REPLACE = "m.replace"
    """An edit of it."""
    REFERENCE = "m.reference"
    """About it, shown without a quote: structured answers."""
    ANNOTATION = "m.annotation"
    """A reaction on it."""
    THREAD = "m.thread"
    """In the thread that it began."""
    REPLY = "m.in_reply_to"
    """A reply, shown with a quote."""


def body(doc: Doc) -> str:
    """A document as plain text: complete, blocks apart by an empty line."""
    return "\n\n".join(_block_text(block) for block in doc)


def html(doc: Doc) -> str:
    """A document in Matrix' simple HTML, from the same words as ``body``.

    Only ``h4 b p br ul ol li a code pre``: tables, colours and buttons fall apart in some clients.
    """
    return "".join(_block_html(block) for block in doc)


def text(doc: Doc, *, mentions: Sequence[UserId] = (), payload: Payload = NO_PAYLOAD) -> Content:
    """Content of an ``m.text``: what a person should read, or act on.

    Args:
        doc: At least one block.
        mentions: Whom it rings, at most ``MENTIONS_MAX``.
        payload: What rides beside it, under keys such as ``org.veche.case`` or of ``MIXINS``.

    Raises:
        TooLargeError: The content is over ``CONTENT_BYTES_MAX``; send an attachment instead.
        MalformedError: The payload has no canonical JSON, or a key that is not ours.
    """
    return _message("m.text", doc, mentions, payload)


def notice(doc: Doc, *, payload: Payload = NO_PAYLOAD) -> Content:
    """Content of an ``m.notice``: chatter that notifies nobody.

    Raises:
        TooLargeError: As for ``text``.
        MalformedError: As for ``text``.
    """
    return _message("m.notice", doc, (), payload)


def edit(content: Content) -> Content:
    """Content that replaces an earlier message by ``content``; it rings nowhere.

    The outer part holds only the text that clients without edits show, with none of our keys. The
    relation to the earlier message is added when it is sent.

    Raises:
        TooLargeError: Both texts together are over ``CONTENT_BYTES_MAX``.
    """
    return checked(
        {
            "msgtype": content["msgtype"],
            "body": f"* {content['body']}",
            # Mentions out here would ring again; those inside the new content do not.
            "m.mentions": {},
            "m.new_content": content,
        }
    )


def file(
    *,
    filename: str,
    caption: str,
    encrypted_file: Mapping[str, Any],
    mimetype: str,
    size_bytes: int,
    payload: Payload = NO_PAYLOAD,
) -> Content:
    """Content of an ``m.file``, or ``m.image`` for a picture: encrypted, with a caption.

    Several clients show no caption: what matters must stand in an ``m.text`` too.

    Args:
        filename: Name to save it under.
        caption: One sentence; empty: the file name stands in its place.
        encrypted_file: ``EncryptedFile`` of the Matrix spec (``url``, ``key``, ``iv``, …).
        mimetype: Such as ``application/pdf``.
        size_bytes: Size of the plain file.
        payload: As for ``text``.

    Raises:
        TooLargeError: As for ``text``.
        MalformedError: As for ``text``.
    """
    name = _line(filename)
    return checked(
        {
            "msgtype": "m.image" if mimetype.startswith("image/") else "m.file",
            "body": _clean(caption) or name,
            "filename": name,
            "file": encrypted_file,
            "info": {"mimetype": mimetype, "size": size_bytes},
            "m.mentions": {},
            **_payload(payload),
        }
    )


def relation(
    kind: RelationKind,
    target: EventId,
    key: str | None = None,
    fallback_reply: EventId | None = None,
) -> dict[str, Any]:
    """The ``m.relates_to`` object of an event.

    Args:
        kind: How it relates.
        target: The event it relates to; of a thread, its root.
        key: Of a reaction: 1 to ``REACTION_CHARACTERS_MAX`` characters; else None.
        fallback_reply: Of a thread: the latest event in it, which clients without threads show as
            replied to; None: the root.

    Raises:
        ValueError: ``key`` is missing, too long, or given for something else than a reaction.
    """
    if (kind is RelationKind.ANNOTATION) != (key is not None):
        raise ValueError("a reaction, and nothing else, has a key")
    if kind is RelationKind.REPLY:
        return {"m.in_reply_to": {"event_id": target}}
    relates: dict[str, Any] = {"rel_type": kind.value, "event_id": target}
    if key is not None:
        if not 1 <= len(key) <= REACTION_CHARACTERS_MAX:
            raise ValueError(f"a key has 1 to {REACTION_CHARACTERS_MAX} characters")
        relates["key"] = key
    if kind is RelationKind.THREAD:
        relates["is_falling_back"] = True
        relates["m.in_reply_to"] = {"event_id": fallback_reply or target}
    return relates


def is_payload_key(key: str) -> bool:
    """Say whether a feature may put a payload under a key: one of a domain, and none of Matrix."""
    return _PAYLOAD_KEY.fullmatch(key) is not None


def checked(content: Mapping[str, Any]) -> Content:
    """A plain copy of ``content``, which may travel.

    Raises:
        TooLargeError: It is over ``CONTENT_BYTES_MAX`` as canonical JSON.
        MalformedError: It has no canonical JSON.
    """
    copy: Content = plain(content)
    size = len(encode_canonical_json(copy))
    if size > CONTENT_BYTES_MAX:
        raise TooLargeError(f"the message has {size} bytes, at most {CONTENT_BYTES_MAX} may travel")
    return copy


def _message(msgtype: str, doc: Doc, mentions: Sequence[UserId], payload: Payload) -> Content:
    if not doc:
        raise ValueError("a message needs at least one block")
    if len(mentions) > MENTIONS_MAX:
        raise TooLargeError(f"a message mentions at most {MENTIONS_MAX} persons")
    return checked(
        {
            "msgtype": msgtype,
            "body": body(doc),
            "format": "org.matrix.custom.html",
            "formatted_body": html(doc),
            # Present even when empty: it tells clients not to look for names in the text.
            "m.mentions": {"user_ids": list(mentions)} if mentions else {},
            **_payload(payload),
        }
    )


def _payload(payload: Payload) -> dict[str, Any]:
    for key in payload:
        if not is_payload_key(key) and key not in MIXINS:
            raise MalformedError(
                key, "should be a name in a domain of yours, such as org.example.permit"
            )
    return {
        key: value.model_dump(mode="json", exclude_none=True) if isinstance(value, Wire) else value
        for key, value in payload.items()
    }


def _clean(value: str) -> str:
    return _UNSEEN.sub("", value.replace("\r\n", "\n").replace("\t", " "))


def _line(value: str) -> str:
    # A line break in a value could write a fact of its own: "Ann\nAmount: 1.00 EUR".
    return _LINE_BREAKS.sub(" ", _clean(value)).strip()


def _fact(label: str) -> str:
    # A label that is a question ends as one.
    line = _line(label)
    return line if line.endswith("?") else f"{line}:"


def _block_text(block: Block) -> str:
    match block:
        case Heading(text=words):
            return _line(words)
        case Paragraph(spans=spans):
            return _spans_text(spans, is_line=False)
        case Bullets(items=items):
            return "\n".join(f"• {_spans_text(spans)}" for spans in items)
        case Numbered(items=items):
            return "\n".join(f"{n}. {_spans_text(spans)}" for n, spans in enumerate(items, 1))
        case Facts(facts=facts):
            return "\n".join(f"{_fact(label)} {_spans_text(spans)}" for label, spans in facts)
        case Code(text=words):
            return _clean(words)


def _spans_text(spans: tuple[Span, ...], *, is_line: bool = True) -> str:
    words = "".join(_clean(span if isinstance(span, str) else span.text) for span in spans)
    if is_line:
        words = _line(words)
    urls = [s.url for s in spans if isinstance(s, Link) and s.url != s.text]
    return "\n".join([words, *urls])


def _block_html(block: Block) -> str:
    match block:
        case Heading(text=words):
            return f"<h4>{_escape(_line(words))}</h4>"
        case Paragraph(spans=spans):
            return f"<p>{_spans_html(spans, is_line=False)}</p>"
        case Bullets(items=items):
            return f"<ul>{_items_html(items)}</ul>"
        case Numbered(items=items):
            return f"<ol>{_items_html(items)}</ol>"
        case Facts(facts=facts):
            lines = (
                f"<b>{_escape(_fact(label))}</b> {_spans_html(spans)}" for label, spans in facts
            )
            return f"<p>{'<br>'.join(lines)}</p>"
        case Code(text=words):
            return f"<pre><code>{_escape(_clean(words))}</code></pre>"


def _items_html(items: tuple[tuple[Span, ...], ...]) -> str:
    return "".join(f"<li>{_spans_html(spans)}</li>" for spans in items)


def _spans_html(spans: tuple[Span, ...], *, is_line: bool = True) -> str:
    words = "".join(_span_html(span) for span in spans)
    return _line(words) if is_line else words.replace("\n", "<br>")


def _span_html(span: Span) -> str:
    match span:
        case Bold(text=words):
            return f"<b>{_escape(_clean(words))}</b>"
        case Mono(text=words):
            return f"<code>{_escape(_clean(words))}</code>"
        case Link(text=words, url=url):
            # In the text the address follows; here the words are the link.
            return f'<a href="{_escape(url)}">{_escape(_clean(words).removesuffix(":"))}</a>'
        case _:
            return _escape(_clean(span))


def _escape(value: str) -> str:
    return _html.escape(value, quote=True)
