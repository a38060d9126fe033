"""The log of acts of organisations on this server, and the spending of its tokens.

One hash chain an organisation, in the transaction of the effect: an act and its effect commit
together or not at all. Two statements an act, since every message of a bot passes here.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs
from canonicaljson import encode_canonical_json

from veche.protocol.acts import (
    EMPTY_HEAD,
    SALT_BYTES,
    ActClass,
    ActReceipt,
    ActToken,
    ChainProof,
    Opening,
    bind,
    call_form,
    commitment,
    inner,
    make_entry,
    next_head,
    plaintext_hash,
    unpadded,
    verify_act_token,
)
from veche.protocol.errors import ActRequiredError
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.runtime.database import Cursor

_SUBJECT_CHARACTERS: Final = 22


@attrs.frozen
class Act:
    """What an organisation is about to do to a person.

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
    """Commits acts and gives the tokens without which nothing is sent or done."""

    def __init__(self, pseudonym_key: bytes) -> None:
        """Make the log.

        Args:
            pseudonym_key: 32 bytes from outside the database; turns persons into pseudonyms
                that differ between organisations.
        """
        self._pseudonym_key = pseudonym_key

    def commit(
        self, txn: Cursor, act: Act, clear_form: Mapping[str, Any], now_ms: int, *, ph: str = ""
    ) -> ActToken:
        """Append an act to its organisation's chain.

        Args:
            txn: The transaction that also records the effect.
            act: Who does what to whom, and why.
            clear_form: The effect, from ``message_form`` or ``call_form``.
            now_ms: Moment, UTC.
            ph: SHA-256 of the plaintext, for messages.

        Raises:
            ActRequiredError: The organisation's name or the opening has not the right form.
        """
        subject = self.pseudonym(act.organisation, act.person) if act.person else ""
        txn.execute(
            "SELECT size, head, seq, commitment FROM runtime.act_lock(%s, %s)",
            (act.organisation, subject),
        )
        [(size, head, seq, prev)] = txn.fetchall()
        opening = Opening(
            act=act.act,
            id=derived_ulid(now_ms, act.organisation, size),
            agency=act.organisation,
            actor=act.actor,
            subject=subject,
            seq=seq + 1,
            prev=prev,
            ts=now_ms,
            purpose=act.purpose,
            basis=act.basis,
            why=act.why,
            case=act.case,
            ph=ph,
        ).to_json()
        salt = secrets.token_bytes(SALT_BYTES)
        hidden = inner(opening, salt)
        c = commitment(bind(clear_form), hidden)
        persons = 1 if act.person else 0
        entry = make_entry(act.organisation, act.act, now_ms, persons, c)
        proof = ChainProof(size, bytes(head), next_head(bytes(head), entry))
        txn.execute(
            _APPEND,
            {
                "organisation": act.organisation,
                "size": size,
                "entry": entry.decode(),
                "inner_part": hidden,
                "prev": proof.prev,
                "head": proof.head,
                "subject": subject,
                "opening": encode_canonical_json(opening).decode(),
                "salt": salt,
                "seq": seq + 1,
                "commitment": unpadded(c),
            },
        )
        receipt = ActReceipt(v=1, e=entry.decode(), i=unpadded(hidden), proof=proof.to_text())
        private = {"salt": unpadded(salt), "opening": opening}
        return verify_act_token(receipt, clear_form, opening=private)

    def pseudonym(self, organisation: str, person: UserId) -> str:
        """Pairwise pseudonym of a person: two organisations cannot compare theirs."""
        data = f"{organisation}\0{person}".encode()
        return unpadded(hmac.digest(self._pseudonym_key, data, "sha256"))[:_SUBJECT_CHARACTERS]


def message_form(
    bot: UserId, room_id: RoomId, effect_id: EffectId, event_type: str, content: Mapping[str, Any]
) -> dict[str, str]:
    """The clear form of a message that leaves by the outbox."""
    return call_form(
        "outbox",
        "send",
        bot=bot,
        room_id=room_id,
        effect_id=effect_id,
        event_type=event_type,
        ph=plaintext_hash(content),
    )


def spend(txn: Cursor, token: ActToken, clear_form: Mapping[str, Any]) -> None:
    """Use up a token for its effect, in the effect's transaction.

    Raises:
        ActRequiredError: It is for another effect, or was spent before; nothing is changed.
    """
    verify_act_token(token.receipt, clear_form)
    txn.execute(
        "INSERT INTO runtime.act_spent (commitment) VALUES (%s) ON CONFLICT DO NOTHING",
        (token.commitment,),
    )
    if txn.rowcount != 1:
        raise ActRequiredError("the token was spent before; every act needs its own")


def check_chain(txn: Cursor, organisation: str) -> int:
    """How many entries an organisation's chain has, each recomputed from the first on.

    Raises:
        ActRequiredError: An entry does not follow from those before it.
    """
    txn.execute(
        "SELECT idx, entry, prev, head FROM runtime.act WHERE organisation = %s ORDER BY idx",
        (organisation,),
    )
    head, size = EMPTY_HEAD, 0
    for idx, entry, prev, claimed in txn:
        computed = next_head(head, entry.encode())
        if idx != size or bytes(prev) != head or bytes(claimed) != computed:
            raise ActRequiredError(f"the chain of {organisation} is broken at entry {idx}")
        head, size = computed, size + 1
    return size


_APPEND: Final = """
WITH moved AS (
    UPDATE runtime.act_head SET size = %(size)s + 1, head = %(head)s
    WHERE organisation = %(organisation)s
), counted AS (
    INSERT INTO runtime.act_subject (organisation, subject, seq, commitment)
    VALUES (%(organisation)s, %(subject)s, %(seq)s, %(commitment)s)
    ON CONFLICT (organisation, subject) DO UPDATE
    SET seq = EXCLUDED.seq, commitment = EXCLUDED.commitment
)
INSERT INTO runtime.act
    (organisation, idx, entry, inner_part, prev, head, subject, opening, salt)
VALUES (%(organisation)s, %(size)s, %(entry)s, %(inner_part)s, %(prev)s, %(head)s, %(subject)s,
    %(opening)s, %(salt)s)
"""
