"""Receipts beside events, of a log of acts and a directory that a test makes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs

from tests.support.directories import Written, signer
from tests.support.tree_proofs import inclusion_proof
from veche.contracts.directory.receipts import SeenEvent
from veche.contracts.directory.trusted import Trusted
from veche.protocol.acts import (
    ACT,
    ActClass,
    bind,
    commitment,
    event_form,
    inner,
    make_entry,
    sent_form,
)
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency.act_proof import act_origin
from veche.transparency.log_proof import LogProof
from veche.transparency.merkle import leaf_hash, root_of_hashes
from veche.transparency.notes import Checkpoint, Cosigner, NoteSigner

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFICE: Final = "records"
"""An organisation below ``town``, whose log has the acts of both."""
TOWN: Final = "town"
SERVER: Final = "veche.test"


def log_signer(organisation: str, server: str = SERVER, history: int = 1) -> NoteSigner:
    """What signs in the name of a log of acts."""
    return NoteSigner(act_origin(server, organisation, history), organisation.encode().ljust(32))


def directory(
    at_ms: int, account: str = f"@veche_{OFFICE}:{SERVER}", server: str = SERVER
) -> Written:
    """A directory with a town that has a log of acts, and an office below it."""
    written = Written(at_ms=at_ms)
    logs = [log_signer(TOWN, server).verifier.to_text()]
    town = [{"user": f"@veche_{TOWN}:{server}", "master": _MASTER}]
    office = [{"user": account, "master": _MASTER}]
    assert written.add(written.org(TOWN, logs=logs, accounts=town)) is None
    body = written.org(OFFICE, TOWN, accounts=office)
    assert written.add(body, signer(TOWN)) is None
    return written


_MASTER: Final = encode_base64(bytes(range(32)))[:-1] + "8"


def trusted(written: Written, at_ms: int) -> Trusted:
    """What a directory says at a moment."""
    return Trusted([written.state.snapshot(at_ms)])


@attrs.define
class Log:
    """A log of acts that is signed with each act.

    Attributes:
        signer: Of its heads and events.
        entries: That it has.
        cosigners: Who vouch for each head, and when: seconds.
    """

    signer: NoteSigner = attrs.field(factory=lambda: log_signer(TOWN))
    entries: list[bytes] = attrs.field(factory=list)
    cosigners: list[tuple[Cosigner, int]] = attrs.field(factory=list)

    def receipt(
        self, event: SeenEvent, *, act: ActClass = ActClass.MESSAGE, organisation: str = TOWN
    ) -> dict[str, Any]:
        """Commit an act, and prove it beside an event."""
        hidden = inner({"v": 1, "act": act.value}, secrets.token_bytes(32))
        c = commitment(bind({"effect": secrets.token_hex(8)}), hidden)
        entry = make_entry(organisation, act, event.at_ms, 1, c)
        self.entries.append(entry)
        signed = self.signer.sign_object(sent_form(encode_base64(c), bound(event)))
        [by_log] = signed["signatures"].values()
        [signature] = by_log.values()
        return {
            "v": 1,
            "e": entry.decode(),
            "i": encode_base64(hidden),
            "proof": self.proof(len(self.entries) - 1),
            "s": signature,
        }

    def proof(self, index: int) -> str:
        """The proof of an entry by the head of now."""
        hashes = [leaf_hash(one) for one in self.entries]
        root = root_of_hashes(hashes)
        text = Checkpoint(self.signer.verifier.name, len(hashes), root).to_text()
        note = self.signer.sign(text) + "".join(one.cosign(text, s) for one, s in self.cosigners)
        path = [encode_base64(one) for one in inclusion_proof(hashes, index)]
        return LogProof(index, path, note).to_text()

    def proven(self, event: SeenEvent, **of: Any) -> SeenEvent:
        """An event with its receipt."""
        content = {**event.content, ACT: self.receipt(event, **of)}
        return attrs.evolve(event, content=content)

    def content(
        self, room_id: str, sender: str, kind: str, content: Mapping[str, Any], **of: Any
    ) -> dict[str, Any]:
        """The content of an event with its receipt; of ``Log.proven``."""
        more = {key: of.pop(key) for key in ("at_ms", "state_key", "redacts") if key in of}
        return dict(self.proven(SeenEvent(room_id, sender, kind, content, **more), **of).content)


def bound(event: SeenEvent) -> bytes:
    """What binds a receipt to an event."""
    where = {"state_key": event.state_key, "redacts": event.redacts}
    return bind(event_form(event.room_id, event.sender, event.kind, event.content, **where))
