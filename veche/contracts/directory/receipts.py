"""No proof, no delivery: whether what an official account sends is proven by its log of acts.

The check knows no clock: a homeserver, a service and a file checker that have the same directory
come to the same verdict, today and in a year. Source: design of Veche, acts §4.2 and §4.3.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.contracts.directory.snapshot import Standing
from veche.protocol.acts import ACT, ActClass, ActReceipt, bind, event_form, read_entry, sent_form
from veche.protocol.canonical import canonical, plain
from veche.protocol.errors import (
    ActRequiredError,
    BadSignatureError,
    MalformedError,
    ProtocolError,
)
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import parse
from veche.transparency.cosignatures import are_enough, cosigned
from veche.transparency.envelope import verify_ed25519
from veche.transparency.log_proof import read_log_proof
from veche.transparency.merkle import includes
from veche.transparency.notes import log_of, open_checkpoint, read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.contracts.directory.snapshot import Organisation, Snapshot
    from veche.contracts.directory.trusted import Trusted
    from veche.transparency.cosignatures import Cosigned
    from veche.transparency.notes import Checkpoint, VerifierKey

EARLY_MS: Final = 5 * 60_000
"""How far clocks may be apart."""
WITNESSED_MS_MAX: Final = 70 * 60_000
"""How long after the beginning of an act's hour its first witness may have seen it."""
SENT_MS_MAX: Final = 7 * 86_400_000
"""How long after its act an event may be sent."""
NOTES_MAX: Final = 10_000
"""Verdicts on heads that are kept: most events of a moment have the same."""

MEMBER: Final = "m.room.member"
FREE_TYPES: Final = frozenset(
    {
        "m.room.create",
        "m.room.power_levels",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.encryption",
        "m.room.policy",
        "m.room.server_acl",
        "m.room.canonical_alias",
        "im.vector.modular.widgets",
        "io.element.widgets.layout",
        "org.matrix.msc4391.command_description",
        "org.veche.official",
    }
)
"""State that makes a room and says nothing to a person."""
CALLS: Final = frozenset(
    {
        ActClass.RECORD_WRITE,
        ActClass.PAYMENT_PULL,
        ActClass.PAYOUT,
        ActClass.CERTIFICATE,
        ActClass.SEAL,
    }
)
"""Classes of acts that are never an event."""

_HOUR_MS: Final = 3_600_000


class ActFault(enum.StrEnum):
    """Why an event of an official account goes nowhere."""

    MISSING = "ACT_MISSING"
    MALFORMED = "ACT_MALFORMED"
    SENDER = "ACT_SENDER"
    """The act is not of the organisation of the account, or that one is not official."""
    CLASS = "ACT_CLASS"
    LOG = "ACT_LOG"
    """The proof is of a log that the directory does not name."""
    UNBOUND = "ACT_UNBOUND"
    """The log has not said that these bytes carry the act out."""
    UNPROVEN = "ACT_UNPROVEN"
    """The act is not in a head that the log has signed."""
    UNWITNESSED = "ACT_UNWITNESSED"
    TIME = "ACT_TIME"


class ReceiptRefusedError(ProtocolError):
    """An event of an official account comes without the proof of its act.

    Attributes:
        fault: Which check failed.
    """

    errcode = "ORG.VECHE.ACT_REFUSED"

    def __init__(self, fault: ActFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@attrs.frozen
class SeenEvent:
    """An event as a homeserver has it.

    Attributes:
        room_id: Where.
        sender: Who.
        kind: Its type, in clear.
        content: As it came: frozen values too.
        at_ms: When its server says that it was sent.
        state_key: Of state.
        redacts: Of a redaction.
    """

    room_id: str
    sender: str
    kind: str
    content: Mapping[str, Any]
    at_ms: int
    state_key: str | None = None
    redacts: str | None = None

    @property
    def is_free(self) -> bool:
        """Return whether it tells a person nothing: room creation, one's own joins and leaves."""
        if self.kind == MEMBER:
            own = self.state_key == self.sender
            return own and self.content.get("membership") in {"join", "leave", "knock"}
        return self.state_key is not None and self.kind in FREE_TYPES


@attrs.frozen
class Policy:
    """The witnesses that are required beside a log's own signature.

    Attributes:
        witnesses: Keys of those that are known.
        needed: How many of them have to have signed the head.
    """

    witnesses: tuple[VerifierKey, ...] = ()
    needed: int = 0


def check_receipt(event: SeenEvent, trusted: Trusted, policy: Policy) -> str:
    """The commitment of the act that an event carries out; empty if it needs none.

    Args:
        event: Of anybody.
        trusted: The directories, at the moment of the event.
        policy: Whose word is wanted.

    Raises:
        ReceiptRefusedError: Its sender is official, and the act is not proven.
    """
    owner = trusted.owner_of(event.sender)
    if owner is None or event.is_free:
        return ""
    try:
        return _checked(event, owner, policy)
    except BadSignatureError as e:
        raise ReceiptRefusedError(ActFault.UNPROVEN, str(e)) from e
    except (ActRequiredError, MalformedError, ValueError) as e:
        raise ReceiptRefusedError(ActFault.MALFORMED, str(e)) from e


def _checked(event: SeenEvent, owner: tuple[Snapshot, Organisation], policy: Policy) -> str:
    receipt = _receipt(event)
    entry, hour_ms = _entry(receipt)
    snapshot, organisation = owner
    if snapshot.standing(organisation.id) is not Standing.OFFICIAL:
        raise ReceiptRefusedError(ActFault.SENDER, f"{organisation.id} is not official now")
    acting = {one.id: one for one in snapshot.chain(organisation.id)}.get(entry["a"])
    if acting is None:
        raise ReceiptRefusedError(ActFault.SENDER, f"{entry['a']} does not own {event.sender}")
    _check_class(event, ActClass(entry["k"]), acting)
    proof = read_log_proof(receipt.proof)
    keys = _log_keys(acting, proof.note.partition("\n")[0])
    _check_bound(event, receipt, entry["c"], keys)
    head, found = _opened(proof.note, keys, policy.witnesses)
    if not includes(head.root, receipt.e.encode(), proof.index, head.size, proof.hashes):
        raise ReceiptRefusedError(ActFault.UNPROVEN, "the act is not in the head of its log")
    if not are_enough(found, policy.witnesses, policy.needed):
        words = f"fewer than {policy.needed} witnesses vouch for the head"
        raise ReceiptRefusedError(ActFault.UNWITNESSED, words)
    _check_time(event.at_ms, hour_ms, found)
    return str(entry["c"])


def _receipt(event: SeenEvent) -> ActReceipt:
    value = event.content.get(ACT)
    if value is None:
        raise ReceiptRefusedError(ActFault.MISSING, f"{ACT} is missing")
    said = plain(value, where=ACT)
    receipt = parse(ActReceipt, said, where=ACT)
    if said["v"] is True:
        raise ReceiptRefusedError(ActFault.MALFORMED, f"{ACT}.v: should be 1")
    return receipt


def _entry(receipt: ActReceipt) -> tuple[dict[str, Any], int]:
    """The entry, and when its hour began."""
    entry = read_entry(receipt.e)
    if entry["n"] not in {0, 1}:
        raise ValueError("the entry has another form")
    return entry, _hour_ms(entry["h"])


@functools.lru_cache
def _hour_ms(text: str) -> int:
    hour = dt.datetime.strptime(f"{text}+0000", "%Y-%m-%dT%H%z")
    if f"{hour:%Y-%m-%dT%H}" != text:
        raise ValueError("the hour of the entry has another form")
    return int(hour.timestamp()) * 1000


def _check_class(event: SeenEvent, act: ActClass, acting: Organisation) -> None:
    wanted = None
    if event.kind == MEMBER:
        is_invite = event.content.get("membership") == "invite"
        wanted = ActClass.MESSAGE if is_invite else ActClass.RESTRICTION
    if act in CALLS or (wanted is not None and act is not wanted):
        raise ReceiptRefusedError(ActFault.CLASS, f"no such event is an act of the class {act}")
    if acting.said.classes and act not in acting.said.classes:
        raise ReceiptRefusedError(ActFault.CLASS, f"{acting.id} may do no acts of the class {act}")


def _log_keys(acting: Organisation, origin: str) -> tuple[VerifierKey, ...]:
    """The keys of a log of an organisation, in the name of whichever of its histories."""
    known = map(_key, acting.said.logs)
    found = [attrs.evolve(one, name=origin) for one in known if log_of(one.name) == log_of(origin)]
    if not found:
        raise ReceiptRefusedError(ActFault.LOG, f"{origin} is no log of {acting.id}")
    return tuple(found)


_key = functools.lru_cache(NOTES_MAX)(read_verifier_key)


def _check_bound(
    event: SeenEvent, receipt: ActReceipt, c: str, keys: tuple[VerifierKey, ...]
) -> None:
    where = {"state_key": event.state_key, "redacts": event.redacts}
    content = plain(event.content)
    bound = bind(event_form(event.room_id, event.sender, event.kind, content, **where))
    signed, signature = canonical(sent_form(c, bound)), decode_base64(receipt.s or "")
    if not any(verify_ed25519(one.key, signature, signed) for one in keys):
        raise ReceiptRefusedError(ActFault.UNBOUND, "the receipt belongs to another event")


@functools.lru_cache(NOTES_MAX)
def _opened(
    note: str, keys: tuple[VerifierKey, ...], witnesses: tuple[VerifierKey, ...]
) -> tuple[Checkpoint, Cosigned]:
    head = open_checkpoint(note, keys)
    return head, cosigned(note, head.size, witnesses)


def _check_time(at_ms: int, hour_ms: int, found: Cosigned) -> None:
    first_ms, last_ms = hour_ms, hour_ms + _HOUR_MS
    if found.times_s:
        first_ms = last_ms = min(found.times_s.values()) * 1000
        if not hour_ms - EARLY_MS <= first_ms <= hour_ms + WITNESSED_MS_MAX:
            raise ReceiptRefusedError(ActFault.TIME, "witnesses saw it in another hour")
    if not first_ms - EARLY_MS <= at_ms <= last_ms + SENT_MS_MAX:
        raise ReceiptRefusedError(ActFault.TIME, "it was sent before its act, or long after")
