r"""Acts of organisations on persons: openings, commitments, entries, receipts, tokens.

The idea: who, why and under which law is in the *opening*, which only the person and the
organisation hold. A log shows an *entry* with nothing but a commitment to it. An ``ActToken``
says that one particular effect (a message, a document, a look into a register) is committed in
the log; whatever carries out the effect demands the token, so that nothing happens to a person
without a proof of it.

The commitment has two parts, so that the text inside an encryption need not know the ciphertext:

    inner = HMAC-SHA256(salt, "veche-act/v1\n" || canonical(opening))
    bind  = SHA-256("veche-bind/v1\n" || canonical(clear form))
    c     = SHA-256("veche-leaf/v1\n" || bind || inner)

The log behind a token is, for now, a hash chain of one organisation on its own server. A public
log with witnesses takes its place without a change for those who ask for tokens or demand them.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
from canonicaljson import encode_canonical_json
from pydantic import Field

from veche.protocol.errors import ActRequiredError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

ACT: Final = "org.veche.act"
"""Key of a receipt, in clear beside the ciphertext."""
OPENING: Final = "org.veche.opening"
"""Key of the opening and its salt, inside the ciphertext."""

ENTRY_BYTES_MAX: Final = 512
OPENING_BYTES_MAX: Final = 4096
PROOF_BYTES_MAX: Final = 8192
SALT_BYTES: Final = 32
EMPTY_HEAD: Final = bytes(32)
"""Head of a chain without entries."""

_SAID: Final = frozenset({"membership", "reason"})
_OURS: Final = "org.veche."
_OTHER_ACT: Final = "the receipt belongs to another act"
_ORGANISATION: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,126}[a-z0-9])?\Z")
_PROOF: Final = re.compile(
    r"org\.veche\.chain@v1\nindex (0|[1-9][0-9]{0,17})\nprev (\S{43})\nhead (\S{43})\n\Z"
)


class ActClass(enum.StrEnum):
    """The kind of an act: a closed list, so that no organisation can make up its own."""

    MESSAGE = "message"
    NOTICE = "notice"
    DATA_REQUEST = "data_request"
    DOC_ISSUED = "doc_issued"
    RECORD_WRITE = "record_write"
    INVOICE = "invoice"
    """A person is asked to pay; also by the payments bot in the name of an office."""
    PAYMENT_PULL = "payment_pull"
    """Money is taken from a person by a mandate; never an event."""
    PAYOUT = "payout"
    """Money is paid to a person, such as a benefit; never an event."""
    RESTRICTION = "restriction"
    CERTIFICATE = "certificate"
    """A certificate is issued in a person's name, for one document; never an event."""
    SEAL = "seal"
    """An organisation seals a document; never an event."""


class ActReceipt(Wire):
    """The content of ``org.veche.act``: the entry, its inner part, and its place in the log.

    Attributes:
        v: 1.
        e: The entry, canonical JSON.
        i: The inner part of the commitment, unpadded base64.
        proof: Proof that the entry is in the log; beside an event that was sent it is one for
            everybody (``veche.transparency.log_proof``).
        s: Beside an event that was sent: by which the log says that exactly these bytes carry the
            act out (``sent_form``), unpadded base64.
    """

    v: Literal[1]
    e: Annotated[str, Field(min_length=2, max_length=ENTRY_BYTES_MAX)]
    i: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}$")]
    proof: Annotated[str, Field(min_length=1, max_length=PROOF_BYTES_MAX)]
    s: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}$")] | None = None


@attrs.frozen
class Opening:
    """The private part of an act: actor, act, person, purpose and law.

    Attributes:
        act: Class of the act.
        id: ULID of the act.
        agency: Organisation, a lower-case name, at most 128 characters.
        actor: A role (``role:clerk``, ``bot``), never a name.
        subject: Pairwise pseudonym of the person; empty when it concerns no one in particular.
        seq: Number of the act among those of this organisation on this person, from 1, no gaps.
        prev: Commitment of the act before, unpadded base64; empty for the first.
        ts: Moment in ms, UTC.
        purpose: Code of the purpose.
        basis: The rule or law.
        why: Reason in words, where the class needs one.
        case: Pseudonymous id of the case, or empty.
        ph: SHA-256 of the plaintext of a message, unpadded base64, or empty.
    """

    act: ActClass
    id: str
    agency: str
    actor: str
    subject: str
    seq: int
    prev: str
    ts: int
    purpose: str
    basis: str
    why: str = ""
    case: str = ""
    ph: str = ""

    def to_json(self) -> dict[str, Any]:
        """The opening as it is committed to; empty optional fields are left out."""
        # By hand: attrs.asdict looks into every value, and each message of a bot passes here.
        fields: dict[str, Any] = {
            "v": 1,
            "act": self.act.value,
            "id": self.id,
            "agency": self.agency,
            "actor": self.actor,
            "subject": self.subject,
            "seq": self.seq,
            "prev": self.prev,
            "ts": self.ts,
            "purpose": self.purpose,
            "basis": self.basis,
        }
        optional = {"why": self.why, "case": self.case, "ph": self.ph}
        return fields | {key: value for key, value in optional.items() if value}


@attrs.frozen
class ChainProof:
    """Place of an entry in a hash chain: its index and the heads before and after it."""

    index: int
    prev: bytes
    head: bytes

    def to_text(self) -> str:
        """The proof as a receipt carries it."""
        prev, head = encode_base64(self.prev), encode_base64(self.head)
        return f"org.veche.chain@v1\nindex {self.index}\nprev {prev}\nhead {head}\n"


_MINT: Final = object()


@attrs.frozen
class ActToken:
    """Leave to carry out one effect on a person; whoever has none of a log verifies a receipt.

    Attributes:
        commitment: Binds the effect and the opening; a token is spent once, by this value.
        organisation: Who acts.
        receipt: What the person and the homeserver verify.
        opening: ``{"salt", "opening"}`` for the person, or None.
    """

    commitment: bytes
    organisation: str
    receipt: ActReceipt
    opening: Mapping[str, Any] | None = attrs.field(repr=False)
    _mint: object = attrs.field(repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self._mint is not _MINT:
            raise TypeError("an ActToken comes from verify_act_token or the log alone")


def verify_act_token(
    receipt: ActReceipt,
    clear_form: Mapping[str, Any],
    *,
    opening: Mapping[str, Any] | None = None,
) -> ActToken:
    """The token that a receipt gives for exactly this effect.

    Args:
        receipt: From the log.
        clear_form: The effect, see ``call_form``.
        opening: ``{"salt", "opening"}`` to hand on to the person.

    Raises:
        ActRequiredError: The receipt is malformed, its proof is wrong, or its effect another.
    """
    entry = read_entry(receipt.e)
    c = _commitment_of(receipt, clear_form)
    if not hmac.compare_digest(encode_base64(c), entry["c"]):
        raise ActRequiredError(_OTHER_ACT)
    proof = read_chain_proof(receipt.proof)
    if next_head(proof.prev, receipt.e.encode()) != proof.head:
        raise ActRequiredError("the receipt does not prove that the act is in the log")
    return ActToken(c, entry["a"], receipt, opening, _MINT)


def token_of_log(
    commitment_of: bytes, organisation: str, receipt: ActReceipt, opening: Mapping[str, Any]
) -> ActToken:
    """The token of an act that the log has just appended: nothing of its own is verified again.

    Args:
        commitment_of: Of the act.
        organisation: Who acts.
        receipt: As the log made it.
        opening: ``{"salt", "opening"}`` for the person.
    """
    return ActToken(commitment_of, organisation, receipt, opening, _MINT)


def check_effect(token: ActToken, clear_form: Mapping[str, Any]) -> None:
    """Make sure that a token is for exactly this effect.

    Its receipt was verified when the token was made, and neither can change.

    Raises:
        ActRequiredError: It is for another effect.
    """
    if not hmac.compare_digest(_commitment_of(token.receipt, clear_form), token.commitment):
        raise ActRequiredError(_OTHER_ACT)


def _commitment_of(receipt: ActReceipt, clear_form: Mapping[str, Any]) -> bytes:
    return commitment(bind(clear_form), _bytes(receipt.i))


def inner(opening: Mapping[str, Any], salt: bytes) -> bytes:
    """The hiding part of a commitment.

    Raises:
        ActRequiredError: The opening is over ``OPENING_BYTES_MAX``.
    """
    return hide(opening_bytes(opening), salt)


def opening_bytes(opening: Mapping[str, Any]) -> bytes:
    """An opening as it is committed to and kept: canonical JSON.

    Raises:
        ActRequiredError: It is over ``OPENING_BYTES_MAX``.
    """
    data = encode_canonical_json(dict(opening))
    if len(data) > OPENING_BYTES_MAX:
        raise ActRequiredError(f"an opening may have {OPENING_BYTES_MAX} bytes")
    return data


def hide(opening: bytes, salt: bytes) -> bytes:
    """The hiding part of a commitment to the bytes of an opening."""
    return hmac.digest(salt, b"veche-act/v1\n" + opening, "sha256")


def bind(clear_form: Mapping[str, Any]) -> bytes:
    """The part of a commitment that anyone who has the effect can compute."""
    return hashlib.sha256(b"veche-bind/v1\n" + encode_canonical_json(dict(clear_form))).digest()


def commitment(bound: bytes, inner_part: bytes) -> bytes:
    """All that a log shows of an act."""
    return hashlib.sha256(b"veche-leaf/v1\n" + bound + inner_part).digest()


def plaintext_hash(content: Mapping[str, Any]) -> str:
    """``ph`` of an opening: makes the organisation's words provable (franking)."""
    plain = {key: value for key, value in content.items() if key != OPENING}
    digest = hashlib.sha256(b"veche-plain/v1\n" + encode_canonical_json(plain)).digest()
    return encode_base64(digest)


def call_form(service: str, call: str, **arguments: str) -> dict[str, str]:
    """The clear form of an effect that is not an event: as the service that does it names it."""
    return {"service": service, "call": call, **arguments}


def event_form(
    room_id: str,
    sender: str,
    kind: str,
    content: Mapping[str, Any],
    *,
    state_key: str | None = None,
    redacts: str | None = None,
) -> dict[str, Any]:
    """The clear form of an event as servers see it, without the receipt beside it.

    Of a membership only what its sender says is in it: servers add names and pictures.
    """
    said = {key: value for key, value in content.items() if key != ACT}
    if kind == "m.room.member":
        said = {key: one for key, one in said.items() if key in _SAID or key.startswith(_OURS)}
    if redacts is not None:
        said["redacts"] = redacts
    form = {"room_id": room_id, "sender": sender, "type": kind, "content": said}
    return form if state_key is None else form | {"state_key": state_key}


def sent_form(c: str, bound: bytes) -> dict[str, str]:
    """Build what a log signs for an act that an event carries out: the act, and ``bind``."""
    return {"type": "org.veche.sent", "act": c, "event": encode_base64(bound)}


def make_entry(organisation: str, act: ActClass, at_ms: int, persons: int, c: bytes) -> bytes:
    """The public leaf of an act.

    Args:
        organisation: Lower-case name, at most 128 characters.
        act: Its class.
        at_ms: Moment; only the hour is shown.
        persons: How many it concerns.
        c: The commitment.

    Raises:
        ActRequiredError: The organisation's name has another form.
    """
    if not _ORGANISATION.match(organisation):
        raise ActRequiredError(f"{organisation!r} is no name of an organisation")
    fields = {"a": organisation, "c": encode_base64(c), "h": hour(at_ms), "k": str(act)}
    return encode_canonical_json({**fields, "n": persons, "v": 1})


def read_entry(text: str) -> dict[str, Any]:
    """The fields of an entry, which must be its own canonical form.

    Raises:
        ActRequiredError: It has another form.
    """
    try:
        entry = json.loads(text)
        is_canonical = encode_canonical_json(entry).decode() == text
    except (ValueError, RecursionError) as e:
        raise ActRequiredError("the entry is not canonical JSON") from e
    if not (is_canonical and isinstance(entry, dict)):
        raise ActRequiredError("the entry is not canonical JSON")
    kinds = {"a": str, "c": str, "h": str, "k": str, "n": int, "v": int}
    if entry.keys() != kinds.keys() or any(type(entry[k]) is not t for k, t in kinds.items()):
        raise ActRequiredError("the entry has other fields than a, c, h, k, n, v")
    if entry["v"] != 1 or not _ORGANISATION.match(entry["a"]) or entry["k"] not in set(ActClass):
        raise ActRequiredError("the entry has a version, organisation or class that is not known")
    return entry


def hour(at_ms: int) -> str:
    """The hour of a moment (ms, UTC), as entries show it."""
    return _hour(at_ms // 3_600_000)


@functools.lru_cache(2)
def _hour(number: int) -> str:
    return dt.datetime.fromtimestamp(number * 3600, tz=dt.UTC).strftime("%Y-%m-%dT%H")


def next_head(prev: bytes, entry: bytes) -> bytes:
    """Head of a chain after one more entry."""
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    return hashlib.sha256(b"veche-chain/v1\n" + prev + leaf).digest()


def read_chain_proof(text: str) -> ChainProof:
    """A proof from its text.

    Raises:
        ActRequiredError: It has another form.
    """
    match = _PROOF.match(text)
    if match is None:
        raise ActRequiredError("the proof is not of the form org.veche.chain@v1")
    return ChainProof(int(match[1]), _bytes(match[2]), _bytes(match[3]))


def _bytes(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as e:
        raise ActRequiredError("a hash in it is not unpadded base64") from e
