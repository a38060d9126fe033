"""Signed notes and checkpoints: how a log says, in text, which entries it stands by.

Source: C2SP, signed-note and tlog-checkpoint: a text, an empty line, and lines of signatures by
key names. A checkpoint is a note of three lines: the log's origin, how many entries it has, and the
RFC 6962 root over them. Every tool for transparency logs reads both.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol.envelope import (
    KEY_BYTES,
    is_verification_key,
    public_key,
    sign,
    signing_key,
    verify,
    verify_ed25519,
)
from veche.protocol.errors import BadSignatureError, MalformedError
from veche.protocol.merkle import HASH_BYTES
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NOTE_BYTES_MAX: Final = 16_384
SIGNATURES_MAX: Final = 16
"""Most signature lines of a note."""
NAME_CHARACTERS_MAX: Final = 255
SIZE_MAX: Final = 2**53 - 1
"""Most entries of a log: the largest number that every reader of JSON keeps as it is."""

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014"
_NAME: Final = re.compile(rf"[!-*,-~]{{1,{NAME_CHARACTERS_MAX}}}")
_LINE: Final = re.compile(rf"{_DASH} ([^ +\n]{{1,{NAME_CHARACTERS_MAX}}}) ([A-Za-z0-9+/=]{{8,}})")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")


class UnknownSignerError(BadSignatureError):
    """No key is known of whoever says to have signed: nobody can tell whether it is true."""

    errcode = "ORG.VECHE.UNKNOWN_SIGNER"


@attrs.frozen
class VerifierKey:
    """The public key of whoever signs notes.

    Attributes:
        name: Whose it is: printable ASCII without spaces and ``+``. A log's is its origin.
        key: Ed25519, 32 bytes.
    """

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell this key from others of the same name."""
        digest = hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()
        return digest[:_KEY_ID_BYTES]

    @property
    def version(self) -> str:
        """The id as part of the key ids of envelopes: ``ed25519:<version>``."""
        return self.id.hex()

    def to_text(self) -> str:
        """As it is given to others: ``<name>+<id>+<base64>``."""
        return f"{self.name}+{self.version}+{_padded(_ED25519 + self.key)}"


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
        if not _NAME.fullmatch(name):
            raise ValueError("the name of a key has neither spaces nor +")
        self.verifier = VerifierKey(name, public_key(signing_key("1", seed)))
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


@attrs.frozen
class Checkpoint:
    """What a log has signed.

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
    """The key that ``VerifierKey.to_text`` wrote.

    Raises:
        MalformedError: It is none, or one that no careful verifier takes.
    """
    name, _, rest = text.partition("+")
    id_, _, encoded = rest.partition("+")
    data = _from_padded(encoded, "key")
    if not _NAME.fullmatch(name) or not _KEY_ID.fullmatch(id_):
        raise MalformedError("key", "should be <name>+<id>+<base64>")
    if len(data) != 1 + KEY_BYTES or data[:1] != _ED25519:
        raise MalformedError("key", "is none of Ed25519")
    found = VerifierKey(name, data[1:])
    if found.version != id_:
        raise MalformedError("key", "its id is not that of its name and key")
    if not is_verification_key(found.key):
        raise MalformedError("key", "is no point that a key may be")
    return found


def open_note(note: str, keys: Collection[VerifierKey]) -> tuple[str, frozenset[VerifierKey]]:
    """The text of a note, and those of ``keys`` that signed it.

    Signatures of unknown keys are passed over; one signature of a known key that is wrong spoils
    the note.

    Args:
        note: At most ``NOTE_BYTES_MAX`` bytes of UTF-8.
        keys: Those that are known.

    Raises:
        MalformedError: It has another form.
        BadSignatureError: No known key signed it, or a signature of one is wrong.
    """
    text, lines = _split(note)
    known = {(key.name, key.id): key for key in keys}
    signers: set[VerifierKey] = set()
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise MalformedError("note", "has a line of signatures of another form")
        blob = _from_padded(found[2], "note")
        key = known.get((found[1], blob[:_KEY_ID_BYTES]))
        if key is None:
            continue
        if not verify_ed25519(key.key, blob[_KEY_ID_BYTES:], text.encode()):
            raise BadSignatureError(f"the signature of {key.name} is wrong")
        signers.add(key)
    if not signers:
        raise BadSignatureError("not signed by a key that is known")
    return text, frozenset(signers)


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
    lines = text.split("\n")
    if len(lines) != len(("origin", "size", "root", "")):
        raise MalformedError("checkpoint", "has other lines than origin, size and root")
    origin, size, root = lines[:3]
    if not origin or not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise MalformedError("checkpoint", "has no origin, or no size")
    digest = _from_padded(root, "checkpoint")
    if len(digest) != HASH_BYTES:
        raise MalformedError("checkpoint", "its root is no SHA-256")
    if origin not in {key.name for key in signers}:
        raise BadSignatureError("the checkpoint is signed in another name than its log's")
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
    names = {
        key.name for key in keys if f"ed25519:{key.version}" in mapping(signatures.get(key.name))
    }
    if not names:
        raise UnknownSignerError("it is signed by nobody whose key is known")
    if len(names) > 1:
        raise BadSignatureError("it is signed in more than one name")
    (name,) = names
    verify(value, name, {f"ed25519:{key.version}": key.key for key in keys if key.name == name})
    return name


def _split(note: str) -> tuple[str, list[str]]:
    """The text of a note, and its signature lines."""
    if len(note.encode("utf-8", "surrogatepass")) > NOTE_BYTES_MAX:
        raise MalformedError("note", f"over {NOTE_BYTES_MAX} bytes")
    if any(c < " " and c != "\n" for c in note) or any("\ud800" <= c <= "\udfff" for c in note):
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
