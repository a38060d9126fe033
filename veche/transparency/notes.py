"""Signed notes and checkpoints: how a log says, in text, which entries it stands by.

Source: C2SP, signed-note and tlog-checkpoint: a text, an empty line, and lines of signatures by
key names. A checkpoint is a note of three lines: the log's origin, how many entries it has, and the
RFC 6962 root over them. A witness of a log adds a line of another kind, with the time at which it
saw that head as the newest (tlog-cosignature, Ed25519). Every tool for these logs reads all that.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.wire import mapping
from veche.transparency.envelope import (
    KEY_BYTES,
    is_verification_key,
    public_key,
    sign,
    signing_key,
    verify,
    verify_ed25519,
)
from veche.transparency.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

NOTE_BYTES_MAX: Final = 16_384
SIGNATURES_MAX: Final = 16
"""Most signature lines of a note."""
NAME_CHARACTERS_MAX: Final = 255
SIZE_MAX: Final = 2**53 - 1
"""Most entries of a log: the largest number that every reader of JSON keeps as it is."""

TIME_S_MAX: Final = 2**63 - 1
"""Latest moment of a cosignature."""

_TIME_BYTES: Final = 8
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014"
_HISTORY: Final = re.compile(r"/v[1-9][0-9]{0,8}/(?=[^/]*$)")
_NAME: Final = re.compile(rf"[!-*,-~]{{1,{NAME_CHARACTERS_MAX}}}")
_LINE: Final = re.compile(rf"{_DASH} ([^ +\n]{{1,{NAME_CHARACTERS_MAX}}}) ([A-Za-z0-9+/=]{{8,}})")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
_FOREIGN: Final = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class UnknownSignerError(BadSignatureError):
    """The key of the alleged signer is not known, so the signature cannot be checked."""

    errcode = "ORG.VECHE.UNKNOWN_SIGNER"


class KeyKind(enum.Enum):
    """The kind of content that a key signs; the byte by which C2SP tells kinds apart."""

    LOG = b"\x01"
    """Any note, as it stands: of a log its checkpoints."""
    WITNESS = b"\x04"
    """Checkpoints of others, with the time."""


@attrs.frozen
class VerifierKey:
    """The public key of whoever signs notes.

    Attributes:
        name: Whose it is: printable ASCII without spaces and ``+``. A log's is its origin.
        key: Ed25519, 32 bytes.
        kind: What it signs.
    """

    name: str
    key: bytes
    kind: KeyKind = KeyKind.LOG

    @property
    def id(self) -> bytes:
        """Four bytes that tell this key from others of the same name."""
        typed = self.kind.value + self.key
        return hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:_KEY_ID_BYTES]

    @property
    def version(self) -> str:
        """The id as part of the key ids of envelopes: ``ed25519:<version>``."""
        return self.id.hex()

    def to_text(self) -> str:
        """As it is given to others: ``<name>+<id>+<base64>``."""
        return f"{self.name}+{self.version}+{_padded(self.kind.value + self.key)}"


def log_of(origin: str) -> str:
    """Which log a name is of, whatever its history: after a restored backup it has another name."""
    return _HISTORY.sub("/v1/", origin)


class NoteSigner:
    """Signs notes in one name.

    Attributes:
        verifier: What others check them with.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        """Make it.

        Args:
            name: As in ``VerifierKey``.
            seed: 32 secret bytes.

        Raises:
            ValueError: Another name or seed.
        """
        self.verifier = _verifier(name, seed, KeyKind.LOG)
        self._key = signing_key(self.verifier.version, seed)

    def sign(self, text: str) -> str:
        """The note of a text, which ends with a line break."""
        signature = bytes(self._key.sign(text.encode()).signature)
        blob = _padded(self.verifier.id + signature)
        return f"{text}\n{_DASH} {self.verifier.name} {blob}\n"

    def sign_object(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """An envelope: ``body`` with a signature by the same key, as ``ed25519:<version>``.

        One signature is never good for the other: signed JSON begins with a brace, and the text of
        a checkpoint with the name of its log.

        Raises:
            MalformedError: As for ``envelope.sign``.
            TooLargeError: As for ``envelope.sign``.
        """
        return sign(body, self.verifier.name, self._key)


class Cosigner:
    """Signs checkpoints of others in one name.

    Attributes:
        verifier: What others check them with.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        """Make it; arguments and errors as of ``NoteSigner``."""
        self.verifier = _verifier(name, seed, KeyKind.WITNESS)
        self._key = signing_key(self.verifier.version, seed)

    def cosign(self, text: str, time_s: int) -> str:
        """The line that says that a checkpoint was the newest one of its log, seen at a moment.

        Args:
            text: Of the checkpoint, with its last line break.
            time_s: Seconds since 1970, UTC.
        """
        signature = bytes(self._key.sign(_cosigned(text, time_s)).signature)
        blob = self.verifier.id + time_s.to_bytes(_TIME_BYTES, "big") + signature
        return f"{_DASH} {self.verifier.name} {_padded(blob)}\n"


@attrs.frozen
class Checkpoint:
    """A signed head of a log.

    Attributes:
        origin: Name of the log.
        size: How many entries it has.
        root: RFC 6962 root over them.
    """

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_padded(self.root)}\n"


def read_verifier_key(text: str) -> VerifierKey:
    """The key that ``VerifierKey.to_text`` wrote, of a log or of a witness.

    Raises:
        MalformedError: It is none, or one that no careful verifier takes.
    """
    name, _, rest = text.partition("+")
    id_, _, encoded = rest.partition("+")
    data = _from_padded(encoded, "key")
    if not _NAME.fullmatch(name) or not _KEY_ID.fullmatch(id_):
        raise MalformedError("key", "should be <name>+<id>+<base64>")
    kind = next((one for one in KeyKind if one.value == data[:1]), None)
    if len(data) != 1 + KEY_BYTES or kind is None:
        raise MalformedError("key", "is none of Ed25519")
    found = VerifierKey(name, data[1:], kind)
    if found.version != id_:
        raise MalformedError("key", "its id is not that of its name and key")
    if not is_verification_key(found.key):
        raise MalformedError("key", "is no point that a key may be")
    return found


def open_note(note: str, keys: Collection[VerifierKey]) -> tuple[str, frozenset[VerifierKey]]:
    """The text of a note, and those of ``keys`` that signed it.

    Signatures of unknown keys are passed over; a wrong signature of a known key spoils the note.

    Args:
        note: At most ``NOTE_BYTES_MAX`` bytes of UTF-8.
        keys: Those that are known.

    Raises:
        MalformedError: It has another form.
        BadSignatureError: No known key signed it, or a signature of one is wrong.
    """
    text, times = _verified(note, keys)
    if not times:
        raise BadSignatureError("not signed by a key that is known")
    return text, frozenset(times)


def cosignatures(note: str, keys: Collection[VerifierKey]) -> dict[VerifierKey, int]:
    """Which witnesses signed a checkpoint, and when: seconds since 1970, the newest of each.

    Args:
        note: As for ``open_note``.
        keys: Those that are known; those of logs are passed over.

    Raises:
        MalformedError: It has another form.
        BadSignatureError: A signature of a known witness is wrong.
    """
    witnesses = [key for key in keys if key.kind is KeyKind.WITNESS]
    return _verified(note, witnesses)[1]


def lines_of(note: str, keys: Collection[VerifierKey]) -> list[str]:
    """The lines of a note in the names of ``keys``; no signature is checked.

    Raises:
        MalformedError: It has another form.
    """
    known = {(key.name, key.id) for key in keys}
    found = [(line, *_signature(line)) for line in _split(note)[1]]
    return [f"{line}\n" for line, name, blob in found if (name, blob[:_KEY_ID_BYTES]) in known]


def names_of(note: str) -> list[str]:
    """In whose names a note says that it is signed; no signature is checked.

    Raises:
        MalformedError: It has another form.
    """
    return [_signature(line)[0] for line in _split(note)[1]]


def with_lines(note: str, lines: Iterable[str]) -> str:
    """A note with more lines of signatures: those of ``Cosigner.cosign``."""
    return "".join([note, *lines])


def open_checkpoint(note: str, keys: Collection[VerifierKey]) -> Checkpoint:
    """The checkpoint that a log has signed.

    Args:
        note: As for ``open_note``.
        keys: Of logs; the one that signs has to be of the log that the checkpoint is of.

    Raises:
        MalformedError: It has another form, or lines besides the three.
        BadSignatureError: The log did not sign it with a key that is known.
    """
    text, signers = open_note(note, keys)
    point = read_checkpoint(text)
    if point.to_text() != text:
        raise MalformedError("checkpoint", "has other lines than origin, size and root")
    if point.origin not in {key.name for key in signers if key.kind is KeyKind.LOG}:
        raise BadSignatureError("the checkpoint is signed in another name than its log's")
    return point


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a text says, whoever signed it; lines below the three are passed over.

    Raises:
        MalformedError: It has another form.
    """
    lines = text.split("\n")
    if len(lines) < len(("origin", "size", "root", "")) or "" in lines[:-1] or lines[-1]:
        raise MalformedError("checkpoint", "has other lines than origin, size and root")
    origin, size, root = lines[:3]
    if not origin or not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise MalformedError("checkpoint", "has no origin, or no size")
    digest = _from_padded(root, "checkpoint")
    if len(digest) != HASH_BYTES:
        raise MalformedError("checkpoint", "its root is no SHA-256")
    return Checkpoint(origin, int(size), digest)


def signer_of(value: Mapping[str, Any], keys: Collection[VerifierKey]) -> str:
    """In whose name an envelope is signed, by a key that is known (``NoteSigner.sign_object``).

    Raises:
        UnknownSignerError: By nobody whose key is known.
        BadSignatureError: A signature is wrong, or there is more than one name.
        MalformedError: As for ``envelope.verify``.
        TooLargeError: As for ``envelope.verify``.
    """
    signatures = mapping(value.get("signatures"))
    # What witnesses sign is no envelope.
    logs = [key for key in keys if key.kind is KeyKind.LOG]
    names = {
        key.name for key in logs if f"ed25519:{key.version}" in mapping(signatures.get(key.name))
    }
    if not names:
        raise UnknownSignerError("it is signed by nobody whose key is known")
    if len(names) > 1:
        raise BadSignatureError("it is signed in more than one name")
    (name,) = names
    verify(value, name, {f"ed25519:{key.version}": key.key for key in logs if key.name == name})
    return name


def signers_of(value: Mapping[str, Any]) -> list[str]:
    """In whose names an envelope says that it is signed; nothing of it is checked."""
    return [str(name) for name in mapping(value.get("signatures"))]


def _verified(note: str, keys: Collection[VerifierKey]) -> tuple[str, dict[VerifierKey, int]]:
    """The text of a note, and those of ``keys`` that signed it; of witnesses when, else 0."""
    text, lines = _split(note)
    known = {(key.name, key.id): key for key in keys}
    times: dict[VerifierKey, int] = {}
    for name, blob in map(_signature, lines):
        key = known.get((name, blob[:_KEY_ID_BYTES]))
        if key is None:
            continue
        signature, message, time_s = blob[_KEY_ID_BYTES:], text.encode(), 0
        if key.kind is KeyKind.WITNESS:
            time_s = int.from_bytes(signature[:_TIME_BYTES], "big")
            signature, message = signature[_TIME_BYTES:], _cosigned(text, time_s)
        if time_s > TIME_S_MAX or not verify_ed25519(key.key, signature, message):
            raise BadSignatureError(f"the signature of {key.name} is wrong")
        times[key] = max(time_s, times.get(key, 0))
    return text, times


def _signature(line: str) -> tuple[str, bytes]:
    """Name and bytes of a line."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise MalformedError("note", "has a line of signatures of another form")
    return found[1], _from_padded(found[2], "note")


def _cosigned(text: str, time_s: int) -> bytes:
    """Build the text that a witness signs for a checkpoint."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _verifier(name: str, seed: bytes, kind: KeyKind) -> VerifierKey:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of a key has neither spaces nor +")
    return VerifierKey(name, public_key(signing_key("1", seed)), kind)


def _split(note: str) -> tuple[str, list[str]]:
    """The text of a note, and its signature lines."""
    if len(note.encode("utf-8", "surrogatepass")) > NOTE_BYTES_MAX:
        raise MalformedError("note", f"over {NOTE_BYTES_MAX} bytes")
    if _FOREIGN.search(note):
        raise MalformedError("note", "has characters that no note has")
    text, gap, rest = note.rpartition("\n\n")
    lines = rest.split("\n")
    if not gap or not text or lines.pop() or not 1 <= len(lines) <= SIGNATURES_MAX:
        raise MalformedError("note", f"should end with 1 to {SIGNATURES_MAX} lines of signatures")
    return f"{text}\n", lines


def _padded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_padded(text: str, where: str) -> bytes:
    """Bytes of padded base64 in the one form in which it is written."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as e:
        raise MalformedError(where, "is not base64") from e
    if _padded(data) != text:
        raise MalformedError(where, "is not base64 as it is written")
    return data
