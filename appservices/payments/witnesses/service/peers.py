"""Published heads of other institutions: seen, checked against the one before, signed again.

An institution that rewrote its ledger, or showed another one to somebody else, could sign heads for
both. Whoever keeps what it was shown, and asks that each newer head begins with it, finds that out.
So each institution witnesses the heads of those that it has an agreement with, and publishes them
with a signature of its own: a head that they signed is one that they saw. Source: design of Veche,
payments §6; C2SP, signed-note: a note may have lines of several signers.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.institutions.api import PeerHead
from appservices.payments.institutions.core import origin_of
from appservices.payments.peers import store
from appservices.payments.peers.service import peers
from appservices.payments.proofs.service import heads
from appservices.payments.witnesses import store as heads_room
from veche.acts import histories
from veche.protocol.errors import (
    BadSignatureError,
    MalformedError,
    NotFoundError,
    UnavailableError,
)
from veche.protocol.unpadded_base64 import decode_base64
from veche.transparency.merkle import extends
from veche.transparency.notes import log_of, open_checkpoint, open_note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation
    from veche.transparency.notes import Checkpoint, NoteSigner

logger = logging.getLogger(__name__)

_LEDGER: Final = "its ledger"


def newest(scene: Conversation, after: int) -> PeerHead | None:
    """Our newest head, with the proof that it begins with the one that another knows.

    Args:
        scene: The transaction.
        after: How many blocks that one has; 0: it knows none.
    """
    try:
        head, path = heads.extended(scene.txn, after)
    except UnavailableError:
        return None
    except NotFoundError:
        # It knows more than there is: it shall see that.
        head, path = heads.extended(scene.txn, None)
    if head.note.partition("\n")[0] != scene.parts.receipts.signer.verifier.name:
        return None  # of the history before: the present one has none yet
    return PeerHead(checkpoint=head.note, consistency=list(path))


def known_size(scene: Conversation, server: str) -> int:
    """How many blocks the last head of another institution has that was witnessed; 0: none."""
    found = store.head(scene.txn, peers.institution(scene, server).id)
    return found.size if found is not None else 0


def witness(
    scene: Conversation, peer: PeerSection, told: PeerHead, message: Mapping[str, Any]
) -> None:
    """Another institution shows its newest head: keep it, or keep that it is another ledger's.

    Args:
        scene: The transaction.
        peer: Which.
        told: What it shows.
        message: As it was signed.
    """
    holder, keys = peers.institution(scene, peer.server), peer.verifiers()
    try:
        new = open_checkpoint(told.checkpoint, keys)
    except (MalformedError, BadSignatureError):
        peers.fault(scene, holder, "a head that it did not sign", _LEDGER, message)
        return
    old = store.head(scene.txn, holder.id)
    if old is not None and old.note.partition("\n")[0] != new.origin:
        # Its operator gave ours the key of another history: the heads of the one before end here.
        logger.warning("%s has begun another history; its last head was: %s", peer.server, old.note)
        store.drop_head(scene.txn, holder.id)
        old = None
    path = [decode_base64(one) for one in told.consistency]
    is_its = log_of(new.origin) == origin_of(peer.server)
    is_more = old is None or extends((old.size, old.root), (new.size, new.root), path)
    if not is_its or not is_more:
        size = old.size if old is not None else 0
        what = f"a head of {new.size} blocks that does not begin with that of {size}"
        peers.fault(scene, holder, what, _LEDGER, message)
    elif old is None or new.size > old.size:
        note = countersigned(told.checkpoint, new, scene.parts.receipts.signer)
        kept = store.Witnessed(new.size, new.root, note, scene.now_ms)
        store.keep_head(scene.txn, holder.id, kept)


def seen(scene: Conversation, server: str) -> str | None:
    """The last head of another institution that we witnessed, with both signatures."""
    found = store.head(scene.txn, peers.institution(scene, server).id)
    return found.note if found is not None else None


def keep_seen(scene: Conversation, peer: PeerSection, note: str) -> None:
    """Another institution has signed a head of ours: keep it, to show it to everybody.

    Args:
        scene: The transaction.
        peer: Which.
        note: As it says that it signed it.
    """
    if note.partition("\n")[0] != scene.parts.receipts.signer.verifier.name:
        return  # of another history
    theirs = [key for key in peer.verifiers() if log_of(key.name) == origin_of(peer.server)]
    try:
        open_note(note, theirs)
        head = open_checkpoint(note, [scene.parts.receipts.signer.verifier])
    except (MalformedError, BadSignatureError):
        logger.exception("%s shows a head as ours that is none: keep it: %s", peer.server, note)
        return
    if heads.had(scene.txn, head):
        heads_room.keep_seen(scene.txn, peers.institution(scene, peer.server).id, head.size, note)
    else:
        why = f"{peer.server} has a head of {head.size} blocks that we signed and do not have"
        histories.stop(scene.txn, why, scene.now_ms)


def countersigned(note: str, checkpoint: Checkpoint, signer: NoteSigner) -> str:
    """A checkpoint with one line of signature more, of whoever has seen it."""
    text = checkpoint.to_text()
    return note + signer.sign(text).removeprefix(f"{text}\n")
