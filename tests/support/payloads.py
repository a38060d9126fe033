"""A well-formed payload of each family, and malformed ones with the field that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.support.events_page import EXAMPLES
from veche.protocol.acts import (
    EMPTY_HEAD,
    ActClass,
    ChainProof,
    bind,
    commitment,
    inner,
    make_entry,
    next_head,
)
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

ULID: Final = "01JD3Z0000000000000000000A"
_SALT: Final = bytes(32)


def act_receipt(clear_form: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A receipt for an effect, the first in the chain of an organisation ``tax``."""
    inner_part = inner({"v": 1, "act": "message"}, _SALT)
    c = commitment(bind(clear_form or {}), inner_part)
    entry = make_entry("tax", ActClass.MESSAGE, 1_795_000_000_000, 1, c)
    proof = ChainProof(0, EMPTY_HEAD, next_head(EMPTY_HEAD, entry)).to_text()
    return {"v": 1, "e": entry.decode(), "i": encode_base64(inner_part), "proof": proof}


VALID: Final[Mapping[str, Mapping[str, Any]]] = {
    "org.veche.prompt": {
        "v": 1,
        "id": ULID,
        "scope": ["@anna:veche.test"],
        "expires_at_ms": 1_795_000_000_000,
        "choices": [{"id": "yes", "label": "Yes"}, {"id": "no", "label": "No"}],
    },
    "org.veche.answer": {"v": 1, "prompt": ULID, "choice": "yes"},
    "org.veche.approval": {
        "v": 1,
        "approval": {
            "v": 1,
            "kind": "decline",
            "nonce": "a" * 32,
            "person": "@anna:veche.test",
            "at_ms": 1_795_000_000_000,
        },
        "key": "A" * 43,
        "signature": "A" * 86,
    },
    "org.veche.case": {
        "v": 1,
        "id": ULID,
        "service": "parking",
        "state": "open",
        "office": "Parking office",
        "history_len": 1,
    },
    "org.veche.document": {
        "v": 1,
        "id": ULID,
        "kind": "permit",
        "title": "Parking permit",
        "sha256": encode_base64(bytes(32)),
        "issuer": "tax",
    },
    "org.veche.invoice": EXAMPLES["org.veche.invoice"],
    "org.veche.receipt": EXAMPLES["org.veche.receipt"],
    "org.veche.ledger_heads": EXAMPLES["org.veche.ledger_heads"],
    "org.veche.sign_request": EXAMPLES["org.veche.sign_request"],
    "org.veche.sign_file": EXAMPLES["org.veche.sign_file"],
    "org.veche.sign_result": EXAMPLES["org.veche.sign_result"],
    "org.veche.act": act_receipt(),
    "org.veche.bridged": {
        "v": 1,
        "network": "mail",
        "ghost": "@_veche_mail_mzxw6ytboi2gk3tp:veche.test",
    },
}

WRONG_FIELD: Final[Mapping[str, tuple[str, object]]] = {
    "org.veche.prompt": ("expires_at_ms", "tomorrow"),
    "org.veche.answer": ("prompt", "not a ulid"),
    "org.veche.approval": ("key", "short"),
    "org.veche.case": ("history_len", -1),
    "org.veche.document": ("sha256", "short"),
    "org.veche.invoice": ("due_at_ms", -1),
    "org.veche.receipt": ("at_ms", -1),
    "org.veche.ledger_heads": ("after", -1),
    "org.veche.sign_request": ("code", "47"),
    "org.veche.sign_file": ("bytes", -1),
    "org.veche.sign_result": ("in_force", "yes"),
    "org.veche.act": ("i", ""),
    "org.veche.bridged": ("network", "E-Mail"),
}
"""Of each family a field, and a value that it must not have."""


def malformed(key: str) -> dict[str, Any]:
    """A payload of the family with the one wrong field of ``WRONG_FIELD``."""
    field, value = WRONG_FIELD[key]
    return {**VALID[key], field: value}


def nested(levels: int) -> object:
    """Lists in lists."""
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value
