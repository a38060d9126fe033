"""Acts of an organisation on a person, provable to anybody, without the organisation.

A file of them says five things, which are checked one after the other:

1. *signature*: the organisation signed exactly this, with the key of its log of acts;
2. *head*: the log has signed a head, so it cannot have another one for somebody else;
3. *opening*: who, why and under which law is what the public entry of the act commits to;
4. *log*: that entry is in the head (an inclusion proof of RFC 6962);
5. *order*: each act names the one on the same person before it, so that a gap shows.

Source: design of Veche, acts §3 and §11.
"""

from __future__ import annotations

import enum
import itertools
import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
from pydantic import Field

from veche.protocol.acts import ENTRY_BYTES_MAX, commitment, hour, inner, read_entry
from veche.protocol.errors import (
    ActRequiredError,
    BadSignatureError,
    MalformedError,
    ProtocolError,
    TooLargeError,
)
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import Wire, mapping, parse
from veche.transparency.envelope import ENVELOPE_BYTES_MAX
from veche.transparency.fields import HEAD_PATH_MAX, Hash
from veche.transparency.merkle import includes
from veche.transparency.notes import (
    NOTE_BYTES_MAX,
    SIZE_MAX,
    UnknownSignerError,
    log_of,
    open_checkpoint,
    signer_of,
)
from veche.transparency.witness_proofs import WitnessedHead, read_witnessed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from veche.transparency.cosignatures import Cosigned
    from veche.transparency.notes import Checkpoint, VerifierKey

ACTS_KEY: Final = "org.veche.acts"
"""Key of the acts in a file."""
ACTS_MAX: Final = 400
"""Most acts of a file."""
ACTS_BYTES_MAX: Final = 768 * 1024
"""Most bytes of the acts of a file: with a case they fit into an envelope."""
ACTS_FILE_BYTES_MAX: Final = 2 * ENVELOPE_BYTES_MAX
"""Largest file that is looked at."""

_TEXT_CHARACTERS_MAX: Final = 1_024
_TS_MAX: Final = 253_402_300_799_999
"""The last millisecond that calendars of computers know: of the year 9999."""


def act_origin(server_name: str, organisation: str, history: int = 1) -> str:
    """The name in which the log of an organisation signs; another one in another history."""
    return f"{server_name}/veche/acts/v{history}/{organisation}"


class ActProof(Wire):
    """One act: its public entry, what that commits to, and where the log has it.

    Attributes:
        e: The entry, canonical JSON.
        bound: Digest of the effect that the act is about.
        salt: Of the commitment.
        opening: Who does what to whom, why, under which law, as it was committed to.
        index: Place in the log, from 0.
        path: Inclusion proof (RFC 6962), from the entry upwards.
    """

    e: Annotated[str, Field(min_length=2, max_length=ENTRY_BYTES_MAX)]
    bound: Hash
    salt: Hash
    opening: dict[str, Any]
    index: Annotated[int, Field(ge=0, le=SIZE_MAX)]
    path: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]


class ActsProof(Wire):
    """Acts on one person, and the head of the log that has them.

    Attributes:
        v: 1.
        checkpoint: The head: a signed note.
        acts: In the order in which they happened.
        witnessed: The newest head that witnesses have signed; None: none.
    """

    v: Annotated[int, Field(ge=1, le=1)]  # Literal[1] would take true for it, and no browser does
    checkpoint: Annotated[str, Field(min_length=1, max_length=NOTE_BYTES_MAX)]
    acts: Annotated[list[ActProof], Field(max_length=ACTS_MAX)]
    witnessed: WitnessedHead | None = None


class ActOpening(Wire):
    """The readable content of an opening; see ``veche.protocol.acts.Opening``."""

    act: str
    agency: str
    actor: Annotated[str, Field(max_length=_TEXT_CHARACTERS_MAX)]
    subject: str
    seq: Annotated[int, Field(ge=1, le=SIZE_MAX)]
    prev: str
    ts: Annotated[int, Field(ge=0, le=_TS_MAX)]
    purpose: Annotated[str, Field(max_length=_TEXT_CHARACTERS_MAX)]
    basis: Annotated[str, Field(max_length=_TEXT_CHARACTERS_MAX)]
    why: Annotated[str, Field(max_length=_TEXT_CHARACTERS_MAX)] = ""
    case: Annotated[str, Field(max_length=_TEXT_CHARACTERS_MAX)] = ""


class ActFault(enum.StrEnum):
    """Why acts are not proven."""

    NOT_ACTS = "not_acts"
    UNKNOWN_SIGNER = "unknown_signer"
    """Nobody can tell: no key of its log is known."""
    WRONG_SIGNATURE = "wrong_signature"
    BAD_HEAD = "bad_head"
    OTHER_ACT = "other_act"
    NOT_IN_LOG = "not_in_log"
    OTHER_ORDER = "other_order"


class ActProofError(ProtocolError):
    """Acts are not proven.

    Attributes:
        fault: Which check failed.
    """

    errcode = "ORG.VECHE.ACT_PROOF"

    def __init__(self, fault: ActFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@attrs.frozen
class ProvenActs:
    """Acts that are proven.

    Attributes:
        organisation: Who acted.
        head: The head that has them; its origin is the log.
        acts: What they are, in their order.
        cosigned: Which witnesses vouch for the log, and up to where; None: none is shown.
    """

    organisation: str
    head: Checkpoint
    acts: Sequence[ActOpening]
    cosigned: Cosigned | None = None


def read_acts(data: bytes) -> Mapping[str, Any] | None:
    """The file with acts that ``data`` is; None if it is something else."""
    try:
        value = json.loads(data.decode()) if len(data) <= ACTS_FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and ACTS_KEY in value else None


def verify_acts(value: Mapping[str, Any], keys: Collection[VerifierKey]) -> ProvenActs:
    """Verify a file of acts and return the proven acts.

    Args:
        value: As received.
        keys: Of logs of acts that are believed.

    Raises:
        ActProofError: It proves nothing, or nobody can tell.
    """
    proof = _read(value)
    origin = _signer(value, keys)
    head = _head(proof, origin, keys)
    organisation = origin.rpartition("/")[2]
    # Together with the commitments, which each act names of the one before.
    proven = [(_proven(one, organisation, head), read_entry(one.e)["c"]) for one in proof.acts]
    for (before, c), (after, _) in itertools.pairwise(proven):
        is_next = after.seq > before.seq and after.subject == before.subject
        if not is_next or (after.seq == before.seq + 1 and after.prev != c):
            raise ActProofError(ActFault.OTHER_ORDER, f"act {after.seq} does not follow its last")
    openings = [opening for opening, _ in proven]
    return ProvenActs(organisation, head, openings, _cosigned(proof, head, keys))


def _read(value: Mapping[str, Any]) -> ActsProof:
    try:
        return parse(ActsProof, mapping(value.get(ACTS_KEY)), where=ACTS_KEY)
    except MalformedError as e:
        raise ActProofError(ActFault.NOT_ACTS, str(e)) from e


def _signer(value: Mapping[str, Any], keys: Collection[VerifierKey]) -> str:
    try:
        return signer_of(value, keys)
    except UnknownSignerError as e:
        raise ActProofError(ActFault.UNKNOWN_SIGNER, str(e)) from e
    except BadSignatureError as e:
        raise ActProofError(ActFault.WRONG_SIGNATURE, str(e)) from e
    except (MalformedError, TooLargeError) as e:
        raise ActProofError(ActFault.NOT_ACTS, str(e)) from e


def _head(proof: ActsProof, origin: str, keys: Collection[VerifierKey]) -> Checkpoint:
    try:
        head = open_checkpoint(proof.checkpoint, keys)
    except (MalformedError, BadSignatureError) as e:
        raise ActProofError(ActFault.BAD_HEAD, str(e)) from e
    if log_of(head.origin) != log_of(origin):
        raise ActProofError(ActFault.BAD_HEAD, "the head is of another log")
    return head


def _cosigned(proof: ActsProof, head: Checkpoint, keys: Collection[VerifierKey]) -> Cosigned | None:
    if proof.witnessed is None:
        return None
    try:
        return read_witnessed(proof.witnessed, head, keys)
    except (MalformedError, BadSignatureError) as e:
        raise ActProofError(ActFault.BAD_HEAD, str(e)) from e


def _proven(proof: ActProof, organisation: str, head: Checkpoint) -> ActOpening:
    """Return an act, once its opening and its place in the log are checked."""
    try:
        entry = read_entry(proof.e)
        hidden = inner(proof.opening, decode_base64(proof.salt))
        opening = parse(ActOpening, proof.opening, where="opening")
    except (ActRequiredError, MalformedError) as e:
        raise ActProofError(ActFault.OTHER_ACT, str(e)) from e
    if encode_base64(commitment(decode_base64(proof.bound), hidden)) != entry["c"]:
        raise ActProofError(ActFault.OTHER_ACT, "the entry commits to another act")
    _check_public(opening, entry, organisation)
    path = [decode_base64(one) for one in proof.path]
    if not includes(head.root, proof.e.encode(), proof.index, head.size, path):
        raise ActProofError(ActFault.NOT_IN_LOG, f"act {opening.seq} is not in the signed head")
    return opening


def _check_public(opening: ActOpening, entry: Mapping[str, Any], organisation: str) -> None:
    """Make sure that what everybody sees of an act is true of it."""
    said = (opening.agency, opening.act, hour(opening.ts), 1 if opening.subject else 0)
    if said != (entry["a"], entry["k"], entry["h"], entry["n"]) or entry["a"] != organisation:
        raise ActProofError(ActFault.OTHER_ACT, "the public entry tells of another act")
    if (opening.seq == 1) != (not opening.prev):
        raise ActProofError(ActFault.OTHER_ORDER, f"act {opening.seq} does not follow its last")
