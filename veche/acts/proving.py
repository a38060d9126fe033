"""Proofs beside what bots send: an event is sealed, then proven, then sent.

An act is committed with its effect, before anybody knows the bytes of its event. Once these are
fixed, the receipt beside them gets what everybody can check, without this server: where the log has
the act, the signed head that has it, and the log's own signature over the act and the bytes. A
homeserver shows nothing of an organisation without that. Source: design of Veche, acts §4.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from veche.acts import signed_tree
from veche.acts.head_store import ActTree
from veche.protocol.acts import ACT, bind, event_form, read_chain_proof, read_entry, sent_form
from veche.transparency.log_proof import LogProof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.acts.heads import ActHeads
    from veche.acts.signed_tree import Head
    from veche.runtime.database import Cursor


class Sealed(NamedTuple):
    """An event whose bytes are fixed.

    Attributes:
        room_id: Where.
        sender: Who.
        kind: Its type, in clear.
        body: JSON of its content, with the receipt of its act.
        state_key: Of state.
        redacts: Of a redaction.
    """

    room_id: str
    sender: str
    kind: str
    body: str
    state_key: str | None = None
    redacts: str | None = None


def prove(txn: Cursor, heads: ActHeads, sealed: Sequence[Sealed], now_ms: int) -> list[str]:
    """The bodies of events, with receipts that everybody can check.

    Args:
        txn: A transaction after the one that committed the acts; it may sign a head.
        heads: Of the logs.
        sealed: The events.
        now_ms: UTC.

    Raises:
        ForkedError: A log is not the one that was signed: nothing is sent.
    """
    newest: dict[str, Head] = {}
    return [_proven(txn, heads, one, newest, now_ms) for one in sealed]


def _proven(
    txn: Cursor, heads: ActHeads, sealed: Sealed, newest: dict[str, Head], now_ms: int
) -> str:
    content = json.loads(sealed.body)
    receipt = content[ACT]
    entry = read_entry(receipt["e"])
    organisation, place = entry["a"], read_chain_proof(receipt["proof"]).index
    if organisation not in newest or newest[organisation].size <= place:
        newest[organisation] = heads.head_with(txn, organisation, place, now_ms)
    head = newest[organisation]
    path = signed_tree.inclusion(txn, ActTree(organisation), place, head.size)
    where = {"state_key": sealed.state_key, "redacts": sealed.redacts}
    form = event_form(sealed.room_id, sealed.sender, sealed.kind, content, **where)
    signed = heads.signer(organisation).sign_object(sent_form(entry["c"], bind(form)))
    [by_log] = signed["signatures"].values()
    [signature] = by_log.values()
    proof = LogProof(place, path, head.note).to_text()
    content[ACT] = {**receipt, "proof": proof, "s": signature}
    return json.dumps(content, separators=(",", ":"))
