"""A directory of organisations that tests write: keys, entries, and a chain of three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import nacl.signing

from tests.support.tree_proofs import consistency_proof, inclusion_proof
from veche.contracts.directory.entries import entry_text
from veche.contracts.directory.rules import Directory
from veche.contracts.directory.snapshot import Root
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency.merkle import leaf_hash, root_of_hashes
from veche.transparency.notes import Checkpoint, NoteSigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.contracts.directory.rules import EntryRefusedError

LOG: Final = "veche.test/veche/directory/v1/veche"
DAY_MS: Final = 86_400_000
START_MS: Final = 1_790_000_000_000


def seed(text: str) -> bytes:
    """32 bytes that are always the same for a text."""
    return text.encode().ljust(32, b".")[:32]


def signer(name: str, version: str = "") -> NoteSigner:
    """The key of an organisation, or of a directory."""
    return NoteSigner(name, seed(f"{version}{name}"[-32:]))


def master(text: str) -> str:
    """The master key of an account, as others see it."""
    return encode_base64(bytes(nacl.signing.SigningKey(seed(text)).verify_key))


def account(user: str, version: str = "") -> dict[str, str]:
    """An account with a master key."""
    return {"user": user, "master": master(version + user)}


@attrs.define
class Written:
    """A directory that a test writes, with the keys of all.

    Attributes:
        log: Its name.
        texts: Its entries.
        state: What they amount to.
        at_ms: Of the next entry.
    """

    log: str = LOG
    quorum: int = 1
    texts: list[str] = attrs.field(factory=list)
    at_ms: int = START_MS
    state: Directory = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        keys = [self.key(number).verifier for number in range(self.quorum)]
        self.state = Directory(Root.of(keys, self.quorum))

    def key(self, number: int = 0) -> NoteSigner:
        """A key of the directory."""
        return NoteSigner(self.log, seed(f"{number}{self.log}"))

    def said(self, kind: str, organisation: str, **more: Any) -> dict[str, Any]:
        """An entry that nobody has signed."""
        body: dict[str, Any] = {
            "v": 1,
            "kind": kind,
            "org": organisation,
            "at_ms": self.at_ms,
            "prev": self.state.last_of(organisation),
        }
        return body | more

    def org(self, organisation: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
        """An entry of the kind ``org`` that nobody has signed."""
        fields: dict[str, Any] = {
            "names": {"en": organisation.title()},
            "domain": f"{organisation}.example",
            "parent": parent,
            "key": signer(organisation).verifier.to_text(),
            "accounts": [account(f"@veche_{organisation}:veche.test")],
            "complaints": f"complaints@{organisation}.example",
            "valid_from_ms": self.at_ms,
        }
        return self.said("org", organisation, **(fields | more))

    def signed(self, body: dict[str, Any], *by: NoteSigner) -> str:
        """The text of an entry; without a signer the directory signs."""
        for one in by or (self.key(),):
            body = one.sign_object(body)
        return entry_text(body)

    def add(self, body: dict[str, Any], *by: NoteSigner) -> EntryRefusedError | None:
        """Sign and add an entry."""
        return self.add_text(self.signed(body, *by))

    def add_text(self, text: str) -> EntryRefusedError | None:
        """Add an entry, a second after the one before."""
        self.texts.append(text)
        self.at_ms += 1_000
        return self.state.add(text)

    def chain(self, *organisations: str) -> Sequence[str]:
        """Enter organisations one below the other, each signed by the one above."""
        above: str | None = None
        for one in organisations:
            by = () if above is None else (signer(above),)
            assert self.add(self.org(one, above), *by) is None
            above = one
        return organisations


def bundle(texts: Sequence[str], since: int, key: NoteSigner, count: int = 100) -> dict[str, Any]:
    """A bundle of entries from a place on, as JSON, under the head of all of them."""
    leaves = [leaf_hash(text.encode()) for text in texts]
    size = len(texts)
    head = Checkpoint(key.verifier.name, size, root_of_hashes(leaves))
    shown = range(since, min(size, since + count))
    return {
        "v": 1,
        "checkpoint": key.sign(head.to_text()),
        "consistency": _texts(consistency_proof(leaves, since)) if since else [],
        "entries": [
            {"index": at, "entry": texts[at], "path": _texts(inclusion_proof(leaves, at))}
            for at in shown
        ],
    }


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [encode_base64(one) for one in hashes]
