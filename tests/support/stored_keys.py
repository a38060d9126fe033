"""The real approvals over the tables of a test, and keys of persons that approved something.

Nothing stands in for a rule of keys: evidence and keys are rows, and are revoked as rows are. Only
what asks a person is not done, since nobody has a chat.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, cast

from veche.access.approvals import Approvals, Evidence, Key, KeyKind, Rules, store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.chat.sending import Sender
    from veche.protocol.approval import AskedApproval, Kind, Shown
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

_NONE: Final = cast("Any", None)
_RULES: Final = Rules(key_hold_ms=0, held=frozenset(), small_limits={}, code_limits={})
_numbers: Final = itertools.count(1)


class StoredApprovals(Approvals):
    """The approvals of a process without pages and without chats."""

    def __init__(self) -> None:
        super().__init__(_NONE, _NONE, _NONE, None, _RULES, key=b"k" * 32)

    def asked(self, sender: Sender, person: UserId, kind: Kind, shown: Shown) -> AskedApproval:  # noqa: ARG002 -- of the port
        """Ask for nothing: whoever needs an approval makes it with ``approve``."""
        return cast("AskedApproval", None)

    def approve(
        self, txn: Cursor, person: UserId, at_ms: int, nonce: str, *, key: str | None = None
    ) -> str:
        """Keep that a key of a person approved something, and return the nonce.

        Args:
            txn: Writes.
            person: Whose key it is.
            at_ms: When, UTC.
            nonce: Of the approval; kept before, it stays as it is.
            key: Which key; None: one of its own.
        """
        key_id = key or f"key {next(_numbers)}"
        public = key_id.encode()
        made = Key(key_id, person, KeyKind.P256, public, None, (), 0, "phone", at_ms, at_ms)
        store.add_key(txn, made)
        evidence = Evidence(nonce, person, "payment", "p256", key_id, b"{}", {}, at_ms)
        store.add_evidence(txn, self.parts.vault, evidence)
        return nonce


def enrol(txn: Cursor, person: UserId, made: Mapping[str, Any]) -> None:
    """Keep a key that a person's browser has made, as its page would have it enrolled.

    Args:
        txn: Writes.
        person: Whose key it is.
        made: Its ``id`` and ``public_key``, a list of bytes.
    """
    id_, public = str(made["id"]), bytes(made["public_key"])
    key = Key(id_, person, KeyKind.P256, public, None, (), 0, "Browser", 1, 1)
    assert store.add_key(txn, key), f"{id_} was enrolled before"


def revoke_keys(txn: Cursor, person: UserId, now_ms: int) -> None:
    """Revoke every key of a person, as rows."""
    for key in store.keys_of(txn, person):
        store.set_revoked(txn, key.id, now_ms)
