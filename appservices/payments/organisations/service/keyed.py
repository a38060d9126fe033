"""Requests by the callers' own keys: the same one again is answered as the first time.

An answer says what is paid for, to whom and with which link: it is kept sealed (C19).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.organisations import store as events
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.organisations.store import Request
    from veche.runtime.vault import Vault


def begin(scene: Conversation, holder: int, key: str, sha256: bytes) -> Request | None:
    """The request that came under a key before; None: this is the first, and it is noted.

    Whoever comes second waits here until the first one is committed.

    Args:
        scene: The transaction.
        holder: Number of the caller.
        key: Idempotency key.
        sha256: Of what is asked.
    """
    before = events.begin_request(scene.txn, holder, key, sha256, scene.now_ms)
    return before and _opened(before, scene.vault)


def found(scene: Conversation, holder: int, key: str) -> Request | None:
    """The request that came under a key and was answered; None: there was none, or not yet."""
    before = events.request(scene.txn, holder, key)
    return before and _opened(before, scene.vault)


def keep(scene: Conversation, holder: int, key: str, answer: Mapping[str, Any]) -> None:
    """Keep what a request was answered, for whoever asks again under its key."""
    events.keep_answer(scene.txn, holder, key, encode_base64(scene.vault.seal(answer)))


def _opened(before: Request, vault: Vault) -> Request:
    # Answers of before they were sealed are there until they are too old.
    kept = before.answer
    answer = vault.open(decode_base64(kept)) if isinstance(kept, str) else kept
    return attrs.evolve(before, answer=answer)
