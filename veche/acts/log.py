"""Committing acts, and spending the tokens that come of it.

One hash chain an organisation, in the transaction of the effect: an act and its effect commit
together or not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs
from canonicaljson import encode_canonical_json

from veche.acts import store
from veche.protocol.acts import (
    SALT_BYTES,
    ActClass,
    ActReceipt,
    ActToken,
    ChainProof,
    Opening,
    bind,
    call_form,
    check_effect,
    commitment,
    hide,
    make_entry,
    next_head,
    opening_bytes,
    plaintext_hash,
    read_chain_proof,
    read_entry,
    token_of_log,
    verify_act_token,
)
from veche.protocol.errors import ActRequiredError
from veche.protocol.ids import derived_ulid
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.runtime.database import Cursor

_SUBJECT_CHARACTERS: Final = 22


@attrs.frozen
class Act:
    """An act that an organisation is about to perform on a person.

    Attributes:
        organisation: Who acts, a lower-case name.
        act: Class of the act.
        person: Whom it concerns; None for no one in particular.
        purpose: Code of the purpose (the service).
        basis: The rule or law.
        actor: A role, never a name.
        why: Reason in words, or empty.
        case: Id of the case, or empty.
    """

    organisation: str
    act: ActClass
    person: UserId | None
    purpose: str
    basis: str
    actor: str = "bot"
    why: str = ""
    case: str = ""


class ActLog:
    """Commits acts and gives the tokens without which nothing is sent or done.

    Attributes:
        outbox_vault: Seals what bots say until it is sent: the database, its log of writes and its
            copies never have it in clear.
    """

    def __init__(self, pseudonym_key: bytes) -> None:
        """Make the log.

        Args:
            pseudonym_key: 32 bytes from outside the database; turns persons into pseudonyms
                that differ between organisations.
        """
        self._pseudonym_key = pseudonym_key
        digest = hashlib.blake2b(digest_size=32, key=pseudonym_key, person=b"veche.outbox")
        self.outbox_vault = Vault(digest.digest())

    def commit(
        self, txn: Cursor, act: Act, clear_form: Mapping[str, Any], now_ms: int, *, ph: str = ""
    ) -> ActToken:
        """Append an act to its organisation's chain.

        Args:
            txn: The transaction that also records the effect. From here on it holds the lock of
                the organisation's chain: whatever else it locks, it locks before.
            act: Who does what to whom, and why.
            clear_form: The effect, from ``message_form`` or ``call_form``.
            now_ms: Moment, UTC.
            ph: SHA-256 of the plaintext, for messages.

        Raises:
            ActRequiredError: The organisation's name or the opening has not the right form.
        """
        subject = self.pseudonym(act.organisation, act.person) if act.person else ""
        place = store.lock(txn, act.organisation, subject)
        opening = _opening(act, subject, place, now_ms, ph)
        salt = secrets.token_bytes(SALT_BYTES)
        written = opening_bytes(opening)
        hidden = hide(written, salt)
        bound = bind(clear_form)
        c = commitment(bound, hidden)
        entry = make_entry(act.organisation, act.act, now_ms, 1 if act.person else 0, c)
        proof = ChainProof(place.size, place.head, next_head(place.head, entry))
        row = store.Row(
            idx=place.size,
            entry=entry.decode(),
            inner_part=hidden,
            prev=proof.prev,
            head=proof.head,
            subject=subject,
            opening=written.decode(),
            salt=salt,
            bound=bound,
        )
        store.append(txn, act.organisation, row, place.seq + 1, encode_base64(c))
        txn.tokens |= {c}
        txn.vault = self.outbox_vault
        receipt = ActReceipt(v=1, e=row.entry, i=encode_base64(hidden), proof=proof.to_text())
        private = {"salt": encode_base64(salt), "opening": opening}
        return token_of_log(c, act.organisation, receipt, private)

    def pseudonym(self, organisation: str, person: UserId) -> str:
        """Pairwise pseudonym of a person: two organisations cannot compare theirs."""
        data = f"{organisation}\0{person}".encode()
        return encode_base64(hmac.digest(self._pseudonym_key, data, "sha256"))[:_SUBJECT_CHARACTERS]


def message_form(
    bot: UserId,
    room_id: RoomId,
    effect_id: EffectId,
    event_type: str,
    content: Mapping[str, Any],
    *,
    to: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """The clear form of a message that leaves by the outbox.

    Args:
        bot: Who says it.
        room_id: Where.
        effect_id: Of the message.
        event_type: Before encryption.
        content: Before encryption.
        to: What it is said about, if that is not in the content: ``state_key``, ``redacts``,
            ``relation``.
    """
    form = call_form(
        "outbox",
        "send",
        bot=bot,
        room_id=room_id,
        effect_id=effect_id,
        event_type=event_type,
        ph=plaintext_hash(content),
    )
    return form | ({"to": encode_canonical_json(dict(to)).decode()} if to else {})


def token_in_log(
    txn: Cursor,
    receipt: ActReceipt,
    clear_form: Mapping[str, Any],
    organisation: str,
    act: ActClass,
) -> ActToken:
    """The token of a receipt that another service of this server hands on.

    A receipt alone proves its place in a chain that anybody could have made up, so ask the log.

    Args:
        txn: Reads the log.
        receipt: As it came.
        clear_form: The effect.
        organisation: Whose act it has to be.
        act: Of which class.

    Raises:
        ActRequiredError: It is for another effect, of another organisation or class, or this
            server's log has no such act.
    """
    token, entry = verify_act_token(receipt, clear_form), read_entry(receipt.e)
    if token.organisation != organisation:
        raise ActRequiredError("the act is another organisation's")
    if entry["k"] != act:
        raise ActRequiredError(f"the act is of the class {entry['k']}, not {act}")
    proof = read_chain_proof(receipt.proof)
    if not store.has_entry(txn, organisation, proof.index, receipt.e, proof.head):
        raise ActRequiredError("the log of this server has no such act")
    return token


def spend(txn: Cursor, token: ActToken, clear_form: Mapping[str, Any]) -> None:
    """Use up a token for its effect, in the effect's transaction.

    Raises:
        ActRequiredError: It is for another effect, or was spent before; nothing is changed.
    """
    check_effect(token, clear_form)
    if not store.spend(txn, token.commitment):
        raise ActRequiredError("the token was spent before; every act needs its own")


def _opening(act: Act, subject: str, place: store.Place, now_ms: int, ph: str) -> dict[str, Any]:
    return Opening(
        act=act.act,
        id=derived_ulid(now_ms, act.organisation, place.size),
        agency=act.organisation,
        actor=act.actor,
        subject=subject,
        seq=place.seq + 1,
        prev=place.commitment,
        ts=now_ms,
        purpose=act.purpose,
        basis=act.basis,
        why=act.why,
        case=act.case,
        ph=ph,
    ).to_json()
