"""SMPP 3.4 as values: PDUs, texts and their parts, delivery receipts.

Sources: SMPP v3.4 issue 1.2 (3.2 framing, 4 operations, 5.3 optional parameters, appendix B
receipts); 3GPP TS 23.038 (the GSM alphabet), TS 23.040 9.2.3.24.1 (parts of a long message).
"""

from __future__ import annotations

import enum
import hashlib
import re
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER_SIZE: Final = 16
PDU_SIZE_MAX: Final = 65_536
SEQUENCE_MAX: Final = 0x7FFF_FFFF
RESPONSE: Final = 0x8000_0000
"""Bit of a command that answers another one."""
PARTS_MAX: Final = 10
"""Most parts of a message of ours: each is paid for."""
PARTS_IN_MAX: Final = 30
"""Most parts of a message that comes in."""
DECODED_CHARACTERS_MAX: Final = 16_000
ENDING: Final = " [...]"
"""The end of a text that is cut; in the GSM alphabet."""


class Command(enum.IntEnum):
    """The commands that a bridge knows."""

    SUBMIT = 0x04
    DELIVER = 0x05
    UNBIND = 0x06
    BIND = 0x09
    """As a transceiver, that sends and receives."""
    ENQUIRE = 0x15
    NACK = RESPONSE


class Status(enum.IntEnum):
    """The statuses of an answer that mean something here."""

    OK = 0x00
    BAD_LENGTH = 0x02
    BAD_COMMAND = 0x03
    BAD_SOURCE = 0x0A
    BAD_DESTINATION = 0x0B
    QUEUE_FULL = 0x14
    THROTTLED = 0x58
    LATER = 0x64
    """The receiver takes it when it comes again."""
    NEVER = 0x65
    """The receiver never takes it."""


_PAYLOAD, _RECEIPTED, _STATE = 0x0424, 0x001E, 0x0427
_REFERENCE: Final = 0x0204
_SAR: Final = (0x020C, 0x020E, 0x020F)
_GSM: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE: Final = 0x1B
_HIGH_SURROGATES: Final = range(0xD8, 0xDC)
_EXTENDED: Final[Mapping[str, int]] = MappingProxyType(
    {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F}
    | {"[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65}
)
_CODES: Final = {char: bytes([code]) for code, char in enumerate(_GSM) if code != _ESCAPE} | {
    char: bytes([_ESCAPE, code]) for char, code in _EXTENDED.items()
}
_AFTER_ESCAPE: Final = {code: char for char, code in _EXTENDED.items()}
_FIELD: Final = re.compile(r"(?:^|\s)(id|stat|err):(\S*)", re.IGNORECASE)
_GSM_CODINGS: Final = frozenset((0, 1))
_CHARSETS: Final[Mapping[int, str]] = MappingProxyType({3: "latin-1", 8: "utf-16-be"})
_TYPE: Final = 0x3C
"""Bits of ``esm_class`` that say what kind of message it is."""
_RECEIPT: Final = 0x04
_HAS_HEADER: Final = 0x40


class PduError(ValueError):
    """The other side sent octets that are no SMPP 3.4."""


class FramingError(PduError):
    """Nothing after it can be read."""


@attrs.frozen
class Pdu:
    """One unit on the wire."""

    command: int
    status: int
    sequence: int
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class Address:
    """A number, or a name, with its type."""

    digits: str
    type: int = 1

    @property
    def id(self) -> str:
        """As it is written: ``+491701234567``, or ``12345`` for a short number."""
        is_international = self.type == 1 and self.digits.isdecimal()
        return f"+{self.digits}" if is_international else self.digits

    @property
    def is_number(self) -> bool:
        """Return whether somebody can be answered there."""
        return re.fullmatch(r"\+?[0-9]{3,20}", self.id) is not None and self.type != _NAME


_NAME: Final = 5
"""Type of an address that is a name."""


def address(id_: str) -> Address:
    """Undo ``Address.id``."""
    return Address(id_[1:], 1) if id_.startswith("+") else Address(id_, 0)


@attrs.frozen
class Part:
    """Which part of a long message something is; numbers begin with 1."""

    reference: int
    total: int
    number: int


@attrs.frozen
class ShortMessage:
    """The fields of ``submit_sm`` and ``deliver_sm`` that mean something here.

    Attributes:
        message: The octets, without a header.
        coding: Their alphabet (``data_coding``).
        kind: ``esm_class``.
        part: None if it is whole.
        optional: Optional parameters by their tags.
    """

    source: Address
    destination: Address
    message: bytes = attrs.field(repr=False)
    coding: int = 0
    kind: int = 0
    part: Part | None = None
    optional: Mapping[int, bytes] = attrs.field(factory=dict, repr=False)

    @property
    def is_personal(self) -> bool:
        """Return whether it is a message, and no receipt or acknowledgement."""
        return self.kind & _TYPE == 0


@attrs.frozen
class Receipt:
    """The receipt of a centre for a message of ours.

    Attributes:
        grade: ``delivered``, ``failed``, or empty if it says nothing yet.
        reason: The centre's words for it.
    """

    message_id: str
    grade: str
    reason: str


# Framing


def split(buffer: bytes) -> tuple[list[Pdu], bytes]:
    """Take whole PDUs off the front of what came; they, and the rest.

    Raises:
        FramingError: A length is none, and no later PDU can be found.
    """
    pdus: list[Pdu] = []
    at = 0
    while len(buffer) - at >= HEADER_SIZE:
        length, command, status, sequence = struct.unpack_from(">4I", buffer, at)
        if not HEADER_SIZE <= length <= PDU_SIZE_MAX:
            if pdus:
                break  # those before it are whole; the next call finds it again
            raise FramingError(f"a PDU of {length} octets")
        if len(buffer) - at < length:
            break
        pdus.append(Pdu(command, status, sequence, buffer[at + HEADER_SIZE : at + length]))
        at += length
    return pdus, buffer[at:]


def joined(pdu: Pdu) -> bytes:
    """Write a PDU."""
    head = struct.pack(">4I", HEADER_SIZE + len(pdu.body), pdu.command, pdu.status, pdu.sequence)
    return head + pdu.body


def _string(text: str, size_max: int) -> bytes:
    raw = text.encode("ascii")
    if len(raw) >= size_max or 0 in raw:
        raise PduError(f"a text of more than {size_max - 1} octets")
    return raw + b"\0"


def _take_string(body: bytes, at: int) -> tuple[str, int]:
    end = body.find(b"\0", at)
    if end < 0:
        raise PduError("a text has no end")
    return body[at:end].decode("latin-1"), end + 1


# Bodies


def bind_body(system_id: str, password: str, system_type: str = "") -> bytes:
    """Body of the request to be let in.

    Raises:
        PduError: A value is too long.
    """
    names = _string(system_id, 16) + _string(password, 9) + _string(system_type, 13)
    return names + bytes([0x34, 0, 0]) + _string("", 41)


def submit_body(sm: ShortMessage, reference: int) -> bytes:
    """Body of a message, for which a receipt is wanted.

    Args:
        sm: One part of it.
        reference: 16 bits that are the same when it is sent again.
    """
    message, kind = sm.message, sm.kind
    if sm.part is not None:
        one = sm.part
        message = bytes([5, 0, 3, one.reference, one.total, one.number]) + message
        kind |= _HAS_HEADER
    whole = b"\0" + bytes([sm.source.type, 1]) + _string(sm.source.digits, 21)
    whole += bytes([sm.destination.type, 1]) + _string(sm.destination.digits, 21)
    whole += bytes([kind, 0, 0, 0, 0, 1, 0, sm.coding, 0, len(message)]) + message
    return whole + struct.pack(">3H", _REFERENCE, 2, reference)


def short_message(body: bytes) -> ShortMessage:
    """Read a message.

    Raises:
        PduError: Its lengths disagree.
    """
    try:
        _, at = _take_string(body, 0)
        source_type, at = body[at], at + 2
        source, at = _take_string(body, at)
        destination_type, at = body[at], at + 2
        destination, at = _take_string(body, at)
        kind, at = body[at], at + 3
        _, at = _take_string(body, at)
        _, at = _take_string(body, at)
        coding, size = body[at + 2], body[at + 4]
        message, at = body[at + 5 : at + 5 + size], at + 5 + size
        optional = {}
        while at < len(body):
            tag, length = struct.unpack_from(">2H", body, at)
            optional[tag] = body[at + 4 : at + 4 + length]
            at += 4 + length
    except (IndexError, struct.error) as e:
        raise PduError("a message ends too early") from e
    if at != len(body):
        raise PduError("lengths in a message disagree")
    whole = optional.get(_PAYLOAD, message)
    part, whole = _part(whole, optional) if not kind & _HAS_HEADER else _header(whole)
    if part is not None and not 1 <= part.number <= part.total <= PARTS_IN_MAX:
        raise PduError("a part of a message that has no such part")
    one, other = Address(source, source_type), Address(destination, destination_type)
    return ShortMessage(one, other, whole, coding, kind, part, optional)


def _part(message: bytes, optional: Mapping[int, bytes]) -> tuple[Part | None, bytes]:
    numbers = [int.from_bytes(optional.get(tag, b""), "big") for tag in _SAR]
    return (Part(*numbers) if numbers[1] > 1 else None), message


def _header(message: bytes) -> tuple[Part | None, bytes]:
    """Take the header off a message that has one."""
    if not message or len(message) < 1 + message[0]:
        raise PduError("a header is longer than its message")
    header, rest, at = message[1 : 1 + message[0]], message[1 + message[0] :], 0
    while at + 2 <= len(header):
        kind, size = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + size]
        if (kind, len(value)) in {(0, 3), (8, 4)} and value[-2] > 1:
            return Part(int.from_bytes(value[:-2], "big"), value[-2], value[-1]), rest
        at += 2 + size
    return None, rest


# Texts


def gsm(text: str) -> bytes | None:
    """The text in the GSM alphabet, an octet a sign; None if it does not fit."""
    codes = [_CODES.get(char) for char in text]
    return None if None in codes else b"".join(code for code in codes if code is not None)


def parts(text: str, reference: int) -> list[tuple[bytes, int, Part | None]]:
    """Split a text into (octets, coding, part); it is cut where it needs too many parts.

    A part has 160 signs of the GSM alphabet, or 153 if there are more; else 70 or 67 units of
    UTF-16. No escape and no surrogate pair is split.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", " ")
    chunks, coding = _chunks(text)
    while len(chunks) > PARTS_MAX:
        keep = len(text) * PARTS_MAX // (len(chunks)) - len(ENDING)
        text = text[: min(keep, len(text) - 5 - len(ENDING))].rstrip() + ENDING
        chunks, coding = _chunks(text)
    if len(chunks) == 1:
        return [(chunks[0], coding, None)]
    total = len(chunks)
    return [(one, coding, Part(reference, total, n)) for n, one in enumerate(chunks, 1)]


def _chunks(text: str) -> tuple[list[bytes], int]:
    raw, coding, single, each = gsm(text), 0, 160, 153
    if raw is None:
        raw, coding, single, each = text.encode("utf-16-be"), 8, 140, 134
    if len(raw) <= single:
        return [raw], coding
    chunks = []
    while raw:
        end = min(each, len(raw))
        if end < len(raw):
            if coding == 0 and raw[end - 1] == _ESCAPE:
                end -= 1
            elif coding and raw[end - 2] in _HIGH_SURROGATES:
                end -= 2
        chunks.append(raw[:end])
        raw = raw[end:]
    return chunks, coding


def text_of(coding: int, raw: bytes) -> str:
    """The text of octets; what is no sign of the alphabet is replaced.

    Raises:
        PduError: They are no text.
    """
    if coding in _GSM_CODINGS:
        return _gsm_text(raw)
    if coding in _CHARSETS:
        return raw.decode(_CHARSETS[coding], "replace")
    raise PduError(f"no text, but data_coding {coding}")


def _gsm_text(raw: bytes) -> str:
    out, is_escaped = [], False
    for code in raw:
        if is_escaped:
            out.append(_AFTER_ESCAPE.get(code, " "))
        elif code != _ESCAPE:
            out.append(_GSM[code] if code < len(_GSM) else "\ufffd")
        is_escaped = code == _ESCAPE and not is_escaped
    return "".join(out)


# Receipts

_STATES: Final = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_GRADES: Final = {"DELIVRD": "delivered"} | dict.fromkeys(
    ("EXPIRED", "DELETED", "UNDELIV", "REJECTD"), "failed"
)


def receipt(sm: ShortMessage) -> Receipt | None:
    """The receipt in a message, its optional parameters before its text; None if there is none."""
    if sm.kind & _TYPE != _RECEIPT:
        return None
    found = {key.lower(): it for key, it in _FIELD.findall(sm.message.decode("latin-1"))}
    id_ = sm.optional.get(_RECEIPTED, b"").rstrip(b"\0").decode("latin-1") or found.get("id", "")
    state = _STATES.get(int.from_bytes(sm.optional.get(_STATE, b""), "big"))
    state = state or found.get("stat", "").upper()[:7]
    error = found.get("err", "")
    reason = f"{state} {error}" if error.strip("0") else state
    return Receipt(id_[:64], _GRADES.get(state, ""), reason[:60]) if id_ else None


def known_id(message_id: str, form: str) -> str:
    """The id of an answer as the centre's receipts write it.

    Args:
        message_id: As the answer had it.
        form: ``same``, ``hex_to_dec`` or ``dec_to_hex``.
    """
    try:
        if form == "hex_to_dec":
            return str(int(message_id, 16))
        if form == "dec_to_hex":
            return f"{int(message_id):x}"
    except ValueError:
        pass
    return message_id


def reference_of(effect: str, part: int = 0) -> int:
    """16 bits by which a message of ours, or a part of it, is the same when it is sent again."""
    digest = hashlib.sha256(f"{effect}\0{part}".encode()).digest()
    return int.from_bytes(digest[:2], "big")


def mark_of(body: bytes) -> str:
    """A digest of all that a message has: the same when the centre brings it again."""
    return hashlib.sha256(body).hexdigest()[:32]
