"""Rules of keys and approvals: what a key may, what an approval is worth, what a code is worth."""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

import attrs
from mnemonic import Mnemonic

from veche.protocol.approval import (
    CLOCK_MS_MAX,
    Decline,
    MandateShown,
    PaymentShown,
    showable,
    signed_shown_bytes,
)
from veche.protocol.inbound import DeviceStanding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.approval import Approval, AskedApproval, Kind
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.prompts import NumberReactions

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS

ENROLMENT_MS: Final = 10 * MINUTE_MS
"""How long an enrolment, and its code, can be used."""
ENROLMENTS_PER_HOUR_MAX: Final = 10
"""Enrolments that one person may begin: each sends a message that rings."""
TRIES_MAX: Final = 3
"""Wrong codes after which an enrolment, or the code of a payment, is burned."""
KEYS_MAX: Final = 20
"""Keys of one person that are not revoked."""
LABEL_CHARACTERS_MAX: Final = 80
ENROLMENT_CODE_DIGITS: Final = 6
CODE_DIGITS: Final = 4
LIMIT_HOLD_MS: Final = DAY_MS
"""How long a raised limit waits (safety, F6); nothing shortens it."""
LIMIT_ASKED_MS: Final = 10 * MINUTE_MS
"""How long a raise can be approved after it was asked for."""
LIMIT_WHAT: Final = "code_limit"
"""``what`` of the mandate that raises a limit."""
IDENTITY_ASKED_MS: Final = DAY_MS
"""How long a new identity can be confirmed after it was asked for."""
IDENTITY_WHAT: Final = "identity"
"""``what`` of the mandate that confirms an identity begins with it; its master key follows."""
REFUSED_LOGGED_MAX: Final = 10
"""Refused attempts on one approval that are logged: whoever knows a nonce must not fill a log."""
DECLINE: Final = "decline"
"""Id of the choice by which a prompt is told that its approval was refused."""

_WORDS: Final = 4
_WORD_BITS: Final = 11
_CODE: Final = re.compile(r"[0-9]{4}")
_NO_LABEL: Final = re.compile(r"[:/@<>`\"“”„«»]|\.(?=\w)")
"""What could end the quotation in which a bot says a label, or make a link of it."""


class KeyKind(enum.Enum):
    """The kind of a key."""

    P256 = "p256"
    """Made by WebCrypto, not extractable."""
    WEBAUTHN = "webauthn"
    """A passkey with user verification."""


class EnrolmentState(enum.Enum):
    """Where an enrolment has got to."""

    MAKING = "making"
    """A passkey is being made."""
    SENT = "sent"
    """The code is in the person's room."""
    DONE = "done"
    BURNED = "burned"


class EnrolmentInput(enum.Enum):
    """An input to the state machine of an enrolment."""

    CREDENTIAL = "credential"
    CODE = "code"
    LAST_WRONG_CODE = "last_wrong_code"


ENROLMENT: Final[Mapping[tuple[EnrolmentState, EnrolmentInput], EnrolmentState]] = {
    (EnrolmentState.MAKING, EnrolmentInput.CREDENTIAL): EnrolmentState.SENT,
    (EnrolmentState.SENT, EnrolmentInput.CODE): EnrolmentState.DONE,
    (EnrolmentState.SENT, EnrolmentInput.LAST_WRONG_CODE): EnrolmentState.BURNED,
}
"""Whatever is not in it is refused and changes nothing."""


class AskedState(enum.Enum):
    """Where an approval that was asked for has got to."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    CLOSED = "closed"
    """Its question was answered otherwise, or withdrawn."""


class Event(enum.Enum):
    """A kind of event in a person's log."""

    ENROLLED = "enrolled"
    REVOKED = "revoked"
    USED = "used"
    DECLINED = "declined"
    HOLD_ENDED = "hold_ended"
    LIMIT_CHANGED = "limit_changed"
    REFUSED = "refused"
    ENROLMENT_REFUSED = "enrolment_refused"
    IDENTITY_CONFIRMED = "identity_confirmed"


class Verdict(enum.Enum):
    """The verdict on an approval, before its signature is checked."""

    GOOD = "good"
    OVER = "over"
    DIFFERS = "differs"
    KEY_UNKNOWN = "key_unknown"
    KEY_REVOKED = "key_revoked"
    CLOCK = "clock"
    KEY_HELD = "key_held"
    # These two need more than the pure rules.
    BAD_SIGNATURE = "bad_signature"
    KEY_COUNTER = "key_counter"


class CodeVerdict(enum.Enum):
    """The verdict on four digits that a person replied."""

    GOOD = "good"
    WRONG = "wrong"
    SPENT = "spent"
    """Burned by wrong tries."""
    UNTRUSTED = "untrusted"
    OVER_LIMIT = "over_limit"


@attrs.frozen
class Rules:
    """The operator's rules for approvals.

    Attributes:
        key_hold_ms: How long a new key may not approve what is ``held``.
        held: Kinds of acts that a new key may not approve.
        small_limits: Minor units by currency that a held key may approve as payments, all together.
        code_limits: Highest daily limit by currency that a person may set for codes.
        reactions: On which questions bots place number reactions.
    """

    key_hold_ms: int
    held: frozenset[Kind]
    small_limits: Mapping[str, int]
    code_limits: Mapping[str, int]
    reactions: NumberReactions = "first"


@attrs.frozen
class Key:
    """A key of a person.

    Attributes:
        public_key: 65 bytes.
        credential_id: Of a passkey, else None.
        sign_count: Of a passkey, as last told.
        held_until_ms: When its hold ends, UTC.
    """

    id: str
    person: UserId
    kind: KeyKind
    public_key: bytes
    credential_id: bytes | None
    transports: tuple[str, ...]
    sign_count: int
    label: str
    created_at_ms: int
    held_until_ms: int
    last_used_at_ms: int | None = None
    revoked_at_ms: int | None = None


@attrs.frozen
class Enrolment:
    """An attempt to enrol a key; what is not known while a passkey is being made is None."""

    id: str
    person: UserId
    kind: KeyKind
    label: str
    state: EnrolmentState
    challenge: bytes
    opened_at_ms: int
    key_id: str | None = None
    public_key: bytes | None = None
    credential_id: bytes | None = None
    transports: tuple[str, ...] = ()
    sign_count: int = 0
    code_hash: bytes | None = None
    tries: int = 0
    bot: UserId | None = None
    room_id: RoomId | None = None
    effect_id: EffectId | None = None


@attrs.frozen
class Asked:
    """An approval that was asked for.

    Attributes:
        shown: Canonical JSON; None once it has ended.
        prompt_id: Whose choice it is; None: it is of the person's daily limit.
        state: With what is known of its prompt.
        refused_count: Attempts that were refused.
    """

    nonce: str
    person: UserId
    kind: Kind
    shown: bytes | None
    prompt_id: str | None
    choice: str | None
    state: AskedState
    refused_count: int = 0
    expires_at_ms: int | None = None


def fingerprint(public_key: bytes) -> str:
    """Id of a key: SHA-256 of its 65 bytes, base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(public_key).digest()).decode().rstrip("=")


def words_of(key_id: str) -> str:
    """Four words (BIP-39, English) that a person can compare: the first 44 bits of a key's id."""
    number = int.from_bytes(base64.urlsafe_b64decode(key_id + "=")[:6], "big") >> 4
    words = Mnemonic("english").wordlist
    shifts = range((_WORDS - 1) * _WORD_BITS, -1, -_WORD_BITS)
    return " ".join(words[(number >> shift) & (2**_WORD_BITS - 1)] for shift in shifts)


def label_of(typed: str) -> str:
    """Clean a person's name for a key, so that a bot can say it; may be empty.

    Whoever is signed in as a person must not have the bot tell them what they like.
    """
    return " ".join(_NO_LABEL.sub(" ", showable(typed)).split())


def code_hash(enrolment_id: str, code: str) -> bytes:
    """Hash the code of an enrolment, for storage."""
    return hashlib.sha256(f"{enrolment_id} {''.join(code.split())}".encode()).digest()


def is_code_of(enrolment: Enrolment, code: str) -> bool:
    """Return whether a code is that of an enrolment."""
    expected = enrolment.code_hash or b""
    return hmac.compare_digest(code_hash(enrolment.id, code), expected)


def is_fresh(enrolment: Enrolment, now_ms: int) -> bool:
    """Return whether an enrolment is young enough to go on."""
    return -MINUTE_MS <= now_ms - enrolment.opened_at_ms < ENROLMENT_MS


def to_sign(enrolment: Enrolment) -> dict[str, object]:
    """Build the object that the key of an enrolment signs; no approval looks like it."""
    return {
        "v": 1,
        "what": "org.veche.enrolment",
        "enrolment": enrolment.id,
        "person": enrolment.person,
        "key": enrolment.key_id,
        "challenge": enrolment.challenge.hex(),
    }


def judge(
    asked: Asked,
    key: Key | None,
    approval: Approval | Decline,
    now_ms: int,
    rules: Rules,
    spent_minor: int = 0,
) -> Verdict:
    """Judge a signed approval, apart from its signature.

    A freeze of the person (safety, F7) will be one more verdict, before all others.

    Args:
        asked: What was asked under its nonce.
        key: The key that it names; None if there is none.
        approval: The signed approval.
        now_ms: UTC.
        rules: Of the operator.
        spent_minor: Payments in the currency that this key approved while it was held.
    """
    is_other_key = key is None or key.person != asked.person
    against: tuple[tuple[Verdict, bool], ...] = (
        (Verdict.OVER, asked.state is not AskedState.OPEN),
        (Verdict.DIFFERS, not _is_as_asked(asked, approval)),
        (Verdict.KEY_UNKNOWN, is_other_key),
        (Verdict.KEY_REVOKED, key is not None and key.revoked_at_ms is not None),
        (Verdict.CLOCK, abs(approval.at_ms - now_ms) > CLOCK_MS_MAX),
        (Verdict.KEY_HELD, key is None or is_held(key, approval, now_ms, rules, spent_minor)),
    )
    return next((verdict for verdict, holds in against if holds), Verdict.GOOD)


def is_held(
    key: Key,
    approval: Approval | AskedApproval | Decline,
    now_ms: int,
    rules: Rules,
    spent_minor: int,
) -> bool:
    """Return whether a new key may not approve this yet (safety, F6 and F10).

    Declining is always allowed.

    No key is exempt, the first one of a person neither: a stranger who gets at an account without
    a key would enrol exactly that.
    """
    if isinstance(approval, Decline) or approval.kind not in rules.held:
        return False
    if now_ms >= key.held_until_ms:
        return False
    if isinstance(approval.shown, PaymentShown):
        amount = approval.shown.amount
        return spent_minor + amount.minor > rules.small_limits.get(amount.currency, 0)
    return True


def counts_on(key: Key, sign_count: int) -> bool:
    """Return whether a passkey's counter goes on from where it was.

    Passkeys that are synchronised between devices always say 0 (WebAuthn Level 2, 6.1.1). One that
    counts, and then does not count on, may have been copied: it is refused, and the person told.
    """
    return sign_count > key.sign_count or sign_count == key.sign_count == 0


def typed_code(text: str) -> str | None:
    """The code that a message is, alone; None if it is anything else."""
    code = text.strip()
    return code if _CODE.fullmatch(code) else None


def judge_code(
    *,
    expected: str | None,
    typed: str,
    tries: int,
    standing: DeviceStanding,
    left_minor: int,
    minor: int,
) -> CodeVerdict:
    """Judge a code that a person replied.

    Args:
        expected: The code of the question; None: it has none any more.
        typed: What was replied, four digits.
        tries: Wrong codes for this question before.
        standing: Of the device that replied, its identity pinned.
        left_minor: What is left of the person's limit now.
        minor: The amount.
    """
    if expected is None or tries >= TRIES_MAX:
        return CodeVerdict.SPENT
    if standing is not DeviceStanding.VERIFIED:
        return CodeVerdict.UNTRUSTED
    if not hmac.compare_digest(expected, typed):
        return CodeVerdict.WRONG
    return CodeVerdict.GOOD if minor <= left_minor else CodeVerdict.OVER_LIMIT


@attrs.frozen
class CodeLimit:
    """A person's own daily limit for approvals by code, in one currency.

    Attributes:
        minor: In force when it was written.
        next_minor: A raised limit, from ``next_from_ms`` on; None: none.
    """

    currency: str
    minor: int
    next_minor: int | None = None
    next_from_ms: int | None = None

    def at(self, now_ms: int) -> CodeLimit:
        """The same, as it is at a moment: a raise whose time has come is in force."""
        if self.next_minor is None or self.next_from_ms is None or now_ms < self.next_from_ms:
            return self
        return CodeLimit(self.currency, self.next_minor)

    def changed(self, minor: int, now_ms: int) -> CodeLimit:
        """The limit after the person set another: lower at once, higher after ``LIMIT_HOLD_MS``."""
        present = self.at(now_ms)
        if minor <= present.minor:
            return CodeLimit(self.currency, minor)
        return CodeLimit(self.currency, present.minor, minor, now_ms + LIMIT_HOLD_MS)


def limit_of(mandate: MandateShown) -> tuple[str, int] | None:
    """Currency and minor units of the daily limit that a mandate sets; None: it sets none."""
    if mandate.what != LIMIT_WHAT or mandate.cap is None or mandate.period != "day":
        return None
    return mandate.cap.currency, mandate.cap.minor


def identity_of(asked: Asked) -> str | None:
    """The master key that an approval confirms which was asked for; None: it is about no such."""
    if asked.kind != "mandate" or asked.prompt_id is not None or asked.shown is None:
        return None
    word, _, key = MandateShown.model_validate_json(asked.shown).what.partition(" ")
    return key if word == IDENTITY_WHAT and key else None


def _is_as_asked(asked: Asked, approval: Approval | Decline) -> bool:
    if approval.nonce != asked.nonce or approval.person != asked.person:
        return False
    if isinstance(approval, Decline):
        return True
    return approval.kind == asked.kind and signed_shown_bytes(approval) == asked.shown
