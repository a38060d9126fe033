"""Enrolling a key: made on a page, confirmed by a code from the person's own encrypted room.

Whoever brings the code could read a message that only devices got which the person confirmed; that
is looked up when the code comes back, since the keys of the message are shared after it is queued.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.access.approvals import limits, store, texts
from veche.access.approvals.core import (
    ENROLMENT,
    ENROLMENT_CODE_DIGITS,
    ENROLMENTS_PER_HOUR_MAX,
    KEYS_MAX,
    LABEL_CHARACTERS_MAX,
    TRIES_MAX,
    Enrolment,
    EnrolmentInput,
    EnrolmentState,
    Event,
    Key,
    KeyKind,
    code_hash,
    fingerprint,
    is_code_of,
    is_fresh,
    label_of,
    to_sign,
)
from veche.access.approvals.errors import (
    ApprovalError,
    EnrolmentOverError,
    KeyCodeError,
    KeyKnownError,
    NoRoomError,
    PasskeysError,
    TooManyKeysError,
)
from veche.access.approvals.parts import ground, language_of, tell
from veche.access.approvals.sites import known_transports
from veche.access.sessions import Level
from veche.access.sessions.core import Sent, level_of
from veche.access.sessions.store import recipients
from veche.chat.bot_accounts import private_chats, sender_of, started_bots
from veche.messaging import jobs
from veche.messaging.jobs import Job, JobHandler
from veche.protocol import message
from veche.protocol.approval import challenge_of
from veche.protocol.canonical import canonical
from veche.protocol.errors import BadSignatureError, MalformedError, NotFoundError, UnavailableError
from veche.protocol.ids import effect_id, ulid
from veche.protocol.p256 import public_key, verify
from veche.protocol.texts.catalogue import N_
from veche.runtime.crypto.tracking import pin_identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.access.approvals.parts import Parts
    from veche.access.approvals.sites import Site
    from veche.protocol.approval import Proof
    from veche.protocol.ids import EffectId, UserId
    from veche.runtime.database import Cursor

HOLD: Final = "approvals.hold"
"""Kind of the job that tells a person that a hold has ended."""
REVOKED: Final = "approvals.revoked"
"""Begins the kind of the job by which a bot hears that a person has revoked a key."""
CHALLENGE_BYTES: Final = 32
HANDLE_BYTES: Final = 32
_HOUR_MS: Final = 3600 * 1000
_ID_BYTES: Final = 10

_OVER: Final = N_("This attempt to add a key is over. Please begin anew.")
_WRONG_CODE: Final = N_("This is not the code that was sent for this key. Please look again.")
_KNOWN: Final = N_("This key was added before. Please make another one.")
_TOO_MANY: Final = N_("You have {count} keys, more are not possible. Please revoke one first.")
_TOO_OFTEN: Final = N_("You began to add keys too often. Please try again in an hour.")
_NO_PAGES: Final = N_("There are no pages here, so no keys either.")
_NO_PASSKEYS: Final = N_("There are no passkeys at this address. Please use a key of the browser.")
_NO_CHAT: Final = N_(
    "The code is sent in an encrypted chat between you and one of our bots alone, and there is none"
    " yet. Please start a direct chat with one, with encryption on, then try again."
)
_NO_IDENTITY: Final = N_(
    "Your Matrix account has no identity by which your devices confirm one another, or another one"
    " than before. Please verify your devices in your client, then try again."
)
_UNCONFIRMED: Final = N_(
    "A device that you have not confirmed could read the code. Please verify or remove it in your"
    " client, then try again."
)


def begin(
    txn: Cursor,
    parts: Parts,
    person: UserId,
    kind: KeyKind,
    label: str,
    public: bytes | None,
    now_ms: int,
) -> Enrolment:
    """Begin to enrol a key. The code of a P-256 key is sent at once, that of a passkey later.

    A label has at most ``LABEL_CHARACTERS_MAX``, the public key of a P-256 key 65 bytes.

    Raises:
        MalformedError: The label or the key cannot be.
        ApprovalError: A rule says no; nothing has changed.
    """
    if parts.links is None:
        raise NoRoomError(_NO_PAGES)
    if kind is KeyKind.WEBAUTHN and parts.site is None:
        raise PasskeysError(_NO_PASSKEYS)
    _check_count(txn, person)
    if store.count_enrolments(txn, person, now_ms - _HOUR_MS) >= ENROLMENTS_PER_HOUR_MAX:
        raise TooManyKeysError(_TOO_OFTEN)
    enrolment = Enrolment(
        id=ulid(now_ms, secrets.token_bytes(_ID_BYTES)),
        person=person,
        kind=kind,
        label=_label(label),
        state=EnrolmentState.MAKING,
        challenge=secrets.token_bytes(CHALLENGE_BYTES),
        opened_at_ms=now_ms,
    )
    store.add_enrolment(txn, enrolment)
    if kind is KeyKind.WEBAUTHN:
        return enrolment
    if public is None:
        raise MalformedError("public_key", "is missing")
    public_key(public)
    return _send(txn, parts, attrs.evolve(enrolment, public_key=public), now_ms)


def options(txn: Cursor, site: Site, enrolment: Enrolment, handle_key: bytes) -> dict[str, Any]:
    """Build the browser's options for the passkey of an enrolment."""
    handle = effect_id("passkey handle", handle_key.hex(), enrolment.person).encode()
    known = store.keys_of(txn, enrolment.person)
    from veche.access.approvals import passkeys  # noqa: PLC0415 -- 5 MiB, often not needed

    return passkeys.creation_options(
        site, enrolment.person, handle[:HANDLE_BYTES], enrolment.challenge, known
    )


def credential(
    txn: Cursor,
    parts: Parts,
    person: UserId,
    enrolment_id: str,
    made: Mapping[str, str],
    transports: Sequence[str],
    now_ms: int,
) -> Enrolment:
    """Take the passkey that the browser made, and send the code.

    ``made`` has ``client_data`` and ``attestation``, unpadded base64.

    Raises:
        BadSignatureError: The browser's answer is not one for this.
        ApprovalError: A rule says no; nothing has changed.
    """
    enrolment = _open(txn, person, enrolment_id, EnrolmentInput.CREDENTIAL, now_ms)
    if enrolment is None or parts.site is None:
        raise EnrolmentOverError(_OVER)
    from veche.access.approvals import passkeys  # noqa: PLC0415 -- as above

    found = passkeys.made(parts.site, enrolment.challenge, made["client_data"], made["attestation"])
    enrolment = attrs.evolve(
        enrolment,
        public_key=found.public_key,
        credential_id=found.credential_id,
        transports=known_transports(transports),
        sign_count=found.sign_count,
    )
    return _send(txn, parts, enrolment, now_ms)


def finish(
    txn: Cursor,
    parts: Parts,
    person: UserId,
    enrolment_id: str,
    code: str,
    proof: Proof,
    now_ms: int,
) -> Key | ApprovalError | BadSignatureError:
    """Enrol the key, if the code is right and the key signed.

    Returns:
        The key, or why not: what a wrong code counts must not be rolled back with an error.
    """
    enrolment = _open(txn, person, enrolment_id, EnrolmentInput.CODE, now_ms)
    if enrolment is None:
        return EnrolmentOverError(_OVER)
    if not is_code_of(enrolment, code):
        return _wrong(txn, parts, enrolment, now_ms)
    try:
        sign_count = _possessed(parts, enrolment, proof)
    except BadSignatureError as e:
        return e
    if not _is_sure(txn, enrolment):
        _burn(txn, parts, enrolment, "room", now_ms)
        return NoRoomError(_UNCONFIRMED)
    try:
        _check_count(txn, person)
    except TooManyKeysError as e:
        return e
    return _enrol(txn, parts, enrolment, sign_count, now_ms)


def enrol_guest(txn: Cursor, person: UserId, public: bytes, label: str, now_ms: int) -> Key:
    """Enrol the key of somebody without an account, once somebody else has said who holds it.

    It counts at once and nobody is told: there is no chat in which they could be.

    Args:
        txn: Of the word on who they are, which is kept with it.
        person: Their id, which is nobody's account.
        public: The key, 65 bytes.
        label: What it is called in their log.
        now_ms: UTC.

    Raises:
        KeyKnownError: It was enrolled before, for whomever.
    """
    key = Key(
        id=fingerprint(public),
        person=person,
        kind=KeyKind.P256,
        public_key=public,
        credential_id=None,
        transports=(),
        sign_count=0,
        label=_label(label),
        created_at_ms=now_ms,
        held_until_ms=now_ms,
    )
    if not store.add_key(txn, key):
        raise KeyKnownError(_KNOWN)
    store.log(txn, person, Event.ENROLLED, now_ms, key=key)
    return key


def revoke(txn: Cursor, parts: Parts, person: UserId, key_id: str, now_ms: int) -> Key:
    """Revoke a key; from this transaction on it approves nothing. Again changes nothing.

    The daily limits for codes that it raised end with it.

    Raises:
        NotFoundError: The person has no such key.
    """
    key = store.lock_key(txn, key_id)
    if key is None or key.person != person:
        raise NotFoundError("There is no such key")
    if key.revoked_at_ms is not None:
        return key
    store.set_revoked(txn, key_id, now_ms)
    key = attrs.evolve(key, revoked_at_ms=now_ms)
    jobs.cancel(txn, hold_id(key_id))
    store.log(txn, person, Event.REVOKED, now_ms, key=key)
    for bot in started_bots(txn):
        id_ = effect_id(REVOKED, key_id, bot)
        payload = {"person": person, "key": key_id}
        jobs.schedule(txn, Job(id_, revocation_kind(bot), payload, now_ms))
    doc = texts.revoked_doc(key, language_of(txn, person))
    tell(txn, parts, person, f"revoked {key_id}", doc, now_ms)
    limits.end_raises(txn, parts, person, key_id, now_ms)
    return key


def hold_id(key_id: str) -> EffectId:
    """The job of the end of a key's hold."""
    return effect_id(HOLD, key_id)


def revocation_kind(bot: UserId) -> str:
    """Return the kind of the job by which a bot hears of revoked keys."""
    return f"{REVOKED} {bot}"


class IgnoredJob(JobHandler):
    """The job of a bot for which nothing waits that a key approved; nothing is done outside."""

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        """Do nothing outside."""
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Record nothing."""


class HoldEnded(IgnoredJob):
    """The job that follows the hold of a new key."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002
        """Tell the person, unless the key was revoked meanwhile."""
        key = store.lock_key(txn, job.payload["key"])
        if key is None or key.revoked_at_ms is not None:
            return
        store.log(txn, key.person, Event.HOLD_ENDED, now_ms, key=key)
        doc = texts.hold_ended_doc(key, _keys_url(self._parts), language_of(txn, key.person))
        tell(txn, self._parts, key.person, job.id, doc, now_ms)


def _check_count(txn: Cursor, person: UserId) -> None:
    if store.count_active(txn, person) >= KEYS_MAX:
        raise TooManyKeysError(_TOO_MANY, count=KEYS_MAX)


def _label(label: str) -> str:
    shown = label_of(label)
    if not 0 < len(shown) <= LABEL_CHARACTERS_MAX:
        raise MalformedError("label", f"should have 1 to {LABEL_CHARACTERS_MAX} characters")
    return shown


def _open(
    txn: Cursor, person: UserId, enrolment_id: str, happened: EnrolmentInput, now_ms: int
) -> Enrolment | None:
    """The enrolment, locked, if it can go on in this way."""
    enrolment = store.lock_enrolment(txn, person, enrolment_id)
    if enrolment is None or (enrolment.state, happened) not in ENROLMENT:
        return None
    return enrolment if is_fresh(enrolment, now_ms) else None


def _send(txn: Cursor, parts: Parts, enrolment: Enrolment, now_ms: int) -> Enrolment:
    """Send the code of an enrolment whose key is known."""
    person, public = enrolment.person, enrolment.public_key
    if public is None or parts.links is None:
        raise EnrolmentOverError(_OVER)
    key_id = fingerprint(public)
    if store.is_known(txn, key_id, enrolment.credential_id):
        raise KeyKnownError(_KNOWN)
    chats = private_chats(txn, person)
    if not chats:
        raise NoRoomError(_NO_CHAT)
    # What the code is worth depends on whether the identity stays what it is now.
    if pin_identity(txn, person, now_ms) is None or not store.is_pinned(txn, person):
        raise NoRoomError(_NO_IDENTITY)
    bot, room_id = chats[0]
    try:
        sender = sender_of(txn, parts.act_log, bot, f"key {enrolment.id}", now_ms)
    except UnavailableError as e:
        raise NoRoomError(_NO_CHAT) from e
    code = f"{secrets.randbelow(10**ENROLMENT_CODE_DIGITS):0{ENROLMENT_CODE_DIGITS}}"
    doc = texts.code_doc(
        code, enrolment.label, key_id, parts.links.keys(), language_of(txn, person)
    )
    effect = sender.say(room_id, message.text(doc, mentions=[person]), ground(person))
    sent = attrs.evolve(
        enrolment,
        state=EnrolmentState.SENT,
        key_id=key_id,
        code_hash=code_hash(enrolment.id, code),
        bot=bot,
        room_id=room_id,
        effect_id=effect,
    )
    store.save_enrolment(txn, sent)
    return sent


def _wrong(txn: Cursor, parts: Parts, enrolment: Enrolment, now_ms: int) -> ApprovalError:
    """Count a wrong code; the last one ends the enrolment."""
    tried = attrs.evolve(enrolment, tries=enrolment.tries + 1)
    if tried.tries < TRIES_MAX:
        store.save_enrolment(txn, tried)
        return KeyCodeError(_WRONG_CODE)
    _burn(txn, parts, tried, "codes", now_ms)
    return EnrolmentOverError(_OVER)


def _burn(txn: Cursor, parts: Parts, enrolment: Enrolment, why: str, now_ms: int) -> None:
    person = enrolment.person
    state = ENROLMENT[enrolment.state, EnrolmentInput.LAST_WRONG_CODE]
    store.save_enrolment(txn, attrs.evolve(enrolment, state=state))
    store.log(txn, person, Event.ENROLMENT_REFUSED, now_ms, why=why, label=enrolment.label)
    url = _keys_url(parts)
    doc = texts.not_enrolled_doc(enrolment.label, why, url, language_of(txn, person))
    tell(txn, parts, person, f"not enrolled {enrolment.id}", doc, now_ms)


def _possessed(parts: Parts, enrolment: Enrolment, proof: Proof) -> int:
    """The counter of a passkey, 0 of a P-256 key, once it is shown that somebody has it.

    Raises:
        BadSignatureError: The key did not sign for this enrolment.
    """
    data, public = canonical(to_sign(enrolment)), enrolment.public_key or b""
    if enrolment.kind is KeyKind.P256 and proof.signature is not None:
        verify(public, data, proof.signature)
        return 0
    if enrolment.kind is KeyKind.WEBAUTHN and proof.webauthn is not None and parts.site is not None:
        from veche.access.approvals import passkeys  # noqa: PLC0415 -- as above

        return passkeys.check_assertion(parts.site, public, challenge_of(data), proof.webauthn)
    raise BadSignatureError("the proof is not of this kind of key")


def _is_sure(txn: Cursor, enrolment: Enrolment) -> bool:
    """Return whether none but devices that the person confirmed could read the code."""
    if enrolment.bot is None or enrolment.room_id is None or enrolment.effect_id is None:
        return False
    sent = Sent(enrolment.bot, enrolment.room_id, enrolment.effect_id)
    return level_of(enrolment.person, recipients(txn, sent)) is Level.VERIFIED


def _enrol(
    txn: Cursor, parts: Parts, enrolment: Enrolment, sign_count: int, now_ms: int
) -> Key | ApprovalError:
    person = enrolment.person
    key = Key(
        id=fingerprint(enrolment.public_key or b""),
        person=person,
        kind=enrolment.kind,
        public_key=enrolment.public_key or b"",
        credential_id=enrolment.credential_id,
        transports=enrolment.transports,
        sign_count=max(sign_count, enrolment.sign_count),
        label=enrolment.label,
        created_at_ms=now_ms,
        held_until_ms=now_ms + (parts.rules.key_hold_ms if parts.rules.held else 0),
    )
    if not store.add_key(txn, key):
        return KeyKnownError(_KNOWN)
    state = ENROLMENT[enrolment.state, EnrolmentInput.CODE]
    store.save_enrolment(txn, attrs.evolve(enrolment, state=state))
    store.log(txn, person, Event.ENROLLED, now_ms, key=key)
    if key.held_until_ms > now_ms:
        payload = {"key": key.id}
        jobs.schedule(txn, Job(hold_id(key.id), HOLD, payload, key.held_until_ms))
    doc = texts.enrolled_doc(key, now_ms, parts.rules, _keys_url(parts), language_of(txn, person))
    tell(txn, parts, person, f"enrolled {key.id}", doc, now_ms)
    return key


def _keys_url(parts: Parts) -> str | None:
    return parts.links.keys() if parts.links is not None else None
