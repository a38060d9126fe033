"""Mail as values: addresses that prove themselves, replies, threads, delivery reports.

Sources: RFC 5322 (headers, threads), RFC 3464 (delivery reports), RFC 3834 (automatic answers).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses
from typing import TYPE_CHECKING, Final

import attrs

from bridges.core.format import text_of_html
from bridges.core.model import TEXT_CHARACTERS_MAX, THREAD_MAX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bridges.core.model import Outgoing

MAIL_BYTES_MAX: Final = 25 << 20
BOUNDARIES_MAX: Final = 2_000
"""Lines that may begin a part: 20,000 empty parts in 1.1 MB cost seven seconds of parsing."""
ID_CHARACTERS_MAX: Final = 250
NAME_CHARACTERS_MAX: Final = 60
SUBJECT_CHARACTERS_MAX: Final = 120
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_ID: Final = re.compile(r"<[^<>\s\x00-\x1f]{1,250}>")
_KIND: Final = re.compile(r"(application|image|text)/[a-z0-9.+-]{1,80}")
_BOUNCE: Final = re.compile(r"bounce-([0-9a-f]{32})-([a-z2-7]{13})")
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_MAC_BYTES: Final = 8
_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply"})
_QUOTE: Final = re.compile(
    r"\s*(>|On .{5,200} wrote:$|(Am|Le) .{5,200}:$|.{5,150} (на)?пи[сш]\w{1,5}\b.*:$"
    r"|.{5,150} schrieb\b.*:$|-{5,}|_{5,})"
)


class UnreadableError(ValueError):
    """It is no mail that anything could be done with."""


@attrs.frozen
class Report:
    """A mail server's report about one recipient.

    Attributes:
        grade: ``delivered`` or ``failed``.
        status: Enhanced status code, such as ``5.1.1``; it may be empty.
    """

    recipient: str
    grade: str
    status: str


@attrs.frozen
class Mail:
    """A mail as it came.

    Attributes:
        id: Its Message-ID, or one made of its content.
        thread: Ids of what it replies to, the nearest first.
        sender: The one address that it is from, in lower case: a claim.
        is_automatic: A program wrote it, or a list or a bridge passed it on.
    """

    id: str
    thread: tuple[str, ...]
    sender: str
    name: str
    subject: str
    text: str
    is_automatic: bool
    reports: tuple[Report, ...] = ()


def message_id(effect: str, domain: str) -> str:
    """The Message-ID of an effect: what is sent again has the same."""
    return f"<{effect}@{domain}>"


def bounce_address(effect: str, domain: str, key: bytes) -> str:
    """The envelope sender of an effect: only who got the mail knows it."""
    name = f"bounce-{effect}"
    mac = hmac.digest(key, f"{name}@{domain}".encode(), hashlib.sha256)[:_MAC_BYTES]
    return f"{name}-{base64.b32encode(mac).decode().rstrip('=').lower()}@{domain}"


def effect_of_bounce(address: str, domain: str, key: bytes) -> str | None:
    """The effect whose envelope sender an address is; None if we did not make it."""
    local, _, host = address.lower().rpartition("@")
    found = _BOUNCE.fullmatch(local)
    if found is None or host != domain.lower():
        return None
    good = bounce_address(found[1], domain.lower(), key)
    return found[1] if hmac.compare_digest(good, f"{local}@{host}") else None


def compose(outgoing: Outgoing, domain: str, name: str, now_ms: int) -> bytes:
    """A mail with CRLF line ends; no line of its body begins with a dot or is too long.

    Args:
        outgoing: What is said.
        domain: Of its id.
        name: What stands before the address of the office.
        now_ms: UTC.

    Raises:
        ValueError: The recipient is no address that we send to.
    """
    if not _ADDRESS.fullmatch(outgoing.recipient):
        raise ValueError("the recipient is no plain address")
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = Address(line_of(name, NAME_CHARACTERS_MAX), addr_spec=outgoing.office)
    mail["To"] = Address(addr_spec=outgoing.recipient)
    title = line_of(outgoing.title, SUBJECT_CHARACTERS_MAX) or line_of(name, NAME_CHARACTERS_MAX)
    mail["Subject"] = title if title.lower().startswith("re:") else f"Re: {title}"
    mail["Date"] = format_datetime(dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC))
    mail["Message-ID"] = message_id(outgoing.effect_id, domain)
    mail["Auto-Submitted"] = "auto-generated"
    ids = [one for one in outgoing.thread[:THREAD_MAX] if _ID.fullmatch(one)]
    if ids:
        mail["In-Reply-To"] = ids[0]
        mail["References"] = " ".join(reversed(ids))
    mail.set_content(outgoing.rendered.text, cte="base64")
    if (file := outgoing.rendered.file) is not None:
        kind = file.kind if _KIND.fullmatch(file.kind) else "application/octet-stream"
        main, _, sub = kind.partition("/")
        name = line_of(file.name, NAME_CHARACTERS_MAX)
        mail.add_attachment(file.data, maintype=main, subtype=sub, filename=name)
    return mail.as_bytes()


def parse(raw: bytes, domains: Collection[str]) -> Mail:
    """Read a mail; in a thread, since 18 MB take a second.

    Args:
        raw: As it came.
        domains: Our own: what is from them comes round in a circle.

    Raises:
        UnreadableError: It has too many parts, or not one plain address that it is from.
    """
    if raw.count(b"\n--") > BOUNDARIES_MAX:
        raise UnreadableError("it has too many parts")
    try:
        return _parse(raw, domains)
    except UnreadableError:
        raise
    except Exception as e:
        # The parsers of the standard library raise many errors on what is no mail.
        raise UnreadableError("it cannot be read") from e


def _parse(raw: bytes, domains: Collection[str]) -> Mail:
    mail = message_from_bytes(raw, policy=policy.default)
    people = getaddresses([str(one) for one in mail.get_all("From", [])])
    if len(people) != 1 or not _ADDRESS.fullmatch(people[0][1]):
        raise UnreadableError("it is not from one plain address")
    name, sender = people[0][0], people[0][1].lower()
    found = _ID.findall(str(mail.get("Message-ID", "")))
    own_id = found[0] if found else f"<{hashlib.sha256(raw).hexdigest()}@none>"
    nearest = _ID.findall(str(mail.get("In-Reply-To", "")))
    older = _ID.findall(str(mail.get("References", "")))[-THREAD_MAX:]
    ours = {sender.rpartition("@")[2], own_id[1:-1].rpartition("@")[2].lower()}
    return Mail(
        id=own_id,
        thread=tuple(dict.fromkeys((*nearest[:THREAD_MAX], *reversed(older)))),
        sender=sender,
        name=line_of(name, NAME_CHARACTERS_MAX),
        subject=line_of(str(mail.get("Subject", "")), SUBJECT_CHARACTERS_MAX),
        text=_text(mail),
        is_automatic=_is_automatic(mail) or not ours.isdisjoint(domains),
        reports=tuple(_reports(mail)),
    )


def unquoted(text: str) -> str:
    """The new part of a reply: what stands before the first quotation or signature."""
    kept = []
    for line in text.splitlines():
        if line in {"-- ", "--"} or _QUOTE.match(line):
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip()


def line_of(text: str, characters_max: int) -> str:
    """One line of at most so many characters, without what nobody sees."""
    return " ".join(_UNSEEN.sub(" ", text).split())[:characters_max]


def _is_automatic(mail: EmailMessage) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    return (
        submitted != "no"
        or "List-Id" in mail
        or "X-Autoreply" in mail
        or str(mail.get("Precedence", "")).strip().lower() in _BULK
        or mail.get_content_type() == "multipart/report"
    )


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        content = str(body.get_content())
    except (LookupError, UnicodeError):  # a character set that Python does not know
        payload = body.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    is_html = body.get_content_type() == "text/html"
    words = unquoted(text_of_html(content) if is_html else content)
    # A lone surrogate or NUL goes into no database.
    words = words.encode("utf-8", "replace").decode().replace("\0", " ")
    return words[:TEXT_CHARACTERS_MAX]


def _reports(mail: EmailMessage) -> Iterator[Report]:
    if mail.get_content_type() != "multipart/report":
        return
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for one in part.get_payload():
            if not isinstance(one, EmailMessage) or "Action" not in one:
                continue
            action = str(one.get("Action", "")).strip().lower().split(" ")[0]
            if action in {"delivered", "failed"}:
                recipient = str(one.get("Final-Recipient", "")).rpartition(";")[2].strip().lower()
                status = str(one.get("Status", "")).strip().split(" ")[0][:20]
                yield Report(recipient, action, status)
