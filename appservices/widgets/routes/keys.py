"""The API of *My keys*: enrolling, revoking, the log, evidence, and the daily limit for codes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from veche.access.approvals import (
    ENROLMENT_MS,
    KEYS_MAX,
    LABEL_CHARACTERS_MAX,
    LOG_PAGE,
    ApprovalError,
    KeyKind,
    enrolling,
    keys_of,
    limits,
    log_line,
    logged,
    said,
    to_sign,
    words_of,
)
from veche.access.sessions import Level
from veche.api import Api, Call
from veche.protocol.approval import AUTHENTICATOR_CHARACTERS_MAX, KeyId, Proof
from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.errors import MalformedError, NotFoundError
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.access.approvals import Approvals, Enrolment, Key, LimitView, Logged
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/keys/v1", "My keys")

ENROL_LIMIT: Final = Limit(burst=20, per_s=0.2)
"""For one client address: each sends a message that rings."""
CHANGE_LIMIT: Final = Limit(burst=20, per_s=0.2)
"""For one client address: changes of limits, each of which is logged for ever."""
CODE_CHARACTERS_MAX: Final = 20
PUBLIC_KEY_CHARACTERS_MAX: Final = 100
ATTESTATION_CHARACTERS_MAX: Final = 16_384
TRANSPORTS_MAX: Final = 10

Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*$", max_length=PUBLIC_KEY_CHARACTERS_MAX)]
KeyKindLabel = Literal["p256", "webauthn"]


class KeyView(Wire):
    """A key, as its person sees it."""

    id: KeyId
    """SHA-256 of the public key, base64url."""
    kind: KeyKindLabel
    """``p256``: of the browser; ``webauthn``: a passkey."""
    label: str
    """What the person called it."""
    words: str
    """Four words of its id, to compare."""
    created_at_ms: int
    """UTC."""
    held_until_ms: int | None
    """Until then it may approve little; None once that is over."""
    last_used_at_ms: int | None
    """UTC."""
    revoked_at_ms: int | None
    """From then on it approves nothing."""


class KeyList(Wire):
    """All keys of a person, the newest first; those that were revoked too."""

    keys: list[KeyView]
    """At most 200."""
    passkeys: bool
    """Whether browsers make passkeys for this address."""
    keys_max: int = KEYS_MAX
    """So many may be in use."""


class OneKey(Wire):
    """A key after something was done with it."""

    key: KeyView
    """As it is now."""


class LogQuery(Wire):
    """Which lines of the log."""

    before: int | None = Field(default=None, ge=0, le=INTEGER_MAX)
    """Older than this one; none: the newest."""


class LogEntry(Wire):
    """A line of the log."""

    id: int
    """Higher is newer."""
    at_ms: int
    """UTC."""
    what: str
    """Such as ``enrolled``."""
    key: str | None
    """Id of the key that it is about."""
    label: str
    """Of the key, as it was called then."""
    text: str
    """The line, in words."""
    nonce: str | None
    """Of an approval: by it the evidence is found."""


class Log(Wire):
    """Lines of the log, the newest first."""

    events: list[LogEntry]
    """At most 50."""
    before: int | None
    """For the next page; None: there are no more."""


class EnrolmentBegun(Wire):
    """A key that shall be enrolled."""

    kind: KeyKindLabel
    """``p256``: of the browser; ``webauthn``: a passkey."""
    label: str = Field(min_length=1, max_length=4 * LABEL_CHARACTERS_MAX)
    """What the person calls it."""
    public_key: Base64 | None = None
    """Of ``p256``: its 65 bytes as WebCrypto exports them ``raw``, unpadded base64."""


class CredentialMade(Wire):
    """The passkey that the browser made; each part in unpadded base64."""

    client_data: str = Field(max_length=AUTHENTICATOR_CHARACTERS_MAX)
    """``clientDataJSON``."""
    attestation_object: str = Field(max_length=ATTESTATION_CHARACTERS_MAX)
    """``attestationObject``."""
    transports: list[str] = Field(default=[], max_length=TRANSPORTS_MAX)
    """As ``getTransports()`` says."""


class EnrolmentView(Wire):
    """An enrolment, as its page sees it."""

    enrolment: str
    """Its id."""
    kind: KeyKindLabel
    """As begun."""
    state: Literal["making", "sent", "done", "burned"]
    """``making``: the browser makes the passkey; ``sent``: the code is in the person's room."""
    key: KeyId | None
    """Id of the key, once that is known."""
    words: str | None
    """Four words of it, to compare with those in the room."""
    to_sign: dict[str, Any] | None
    """What the key signs, as canonical JSON, to show that somebody has it."""
    creation: dict[str, Any] | None
    """``PublicKeyCredentialCreationOptionsJSON``, while the passkey is to be made."""
    expires_at_ms: int
    """Later it is over, UTC."""


class CodeBrought(Proof):
    """The code from the room, and the signature of the key over ``to_sign``."""

    code: str = Field(max_length=CODE_CHARACTERS_MAX)
    """As typed; spaces do not matter."""


class LimitLine(Wire):
    """A daily limit for approvals by code, in one currency."""

    currency: str
    """ISO 4217."""
    minor: int
    """In force now."""
    spent_minor: int
    """Approved by code within the last 24 hours."""
    next_minor: int | None
    """A raised limit that waits."""
    next_from_ms: int | None
    """Until then, UTC."""
    max_minor: int
    """The operator allows no higher one."""


class LimitList(Wire):
    """A person's limits."""

    limits: list[LimitLine]
    """One for each currency that the operator allows."""


class LimitChange(Wire):
    """Another limit."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """ISO 4217."""
    minor: int = Field(ge=0, le=INTEGER_MAX)
    """A day; 0: nothing is approved by code."""


class LimitChanged(Wire):
    """The outcome."""

    limit: LimitLine
    """As it is now."""
    asked: dict[str, Any] | None
    """``AskedApproval`` that the person's key has to sign first; None: it is done."""


class EvidenceView(Wire):
    """A person's approval, as a file that anybody can check."""

    evidence: dict[str, Any]
    """See docs/explanation/approvals.md."""


class KeyRoutes:
    """Serves them."""

    def __init__(self, approvals: Approvals) -> None:
        """Keep what knows the keys."""
        self._approvals = approvals

    @API.transaction(
        "keys list", "GET", "/keys", answer=KeyList, level=Level.LOW, summary="My keys"
    )
    def keys(self, txn: Cursor, call: Call) -> KeyList:
        """All keys."""
        keys = keys_of(txn, call.signed_in.person)
        return KeyList(
            keys=[_key(key, call.now_ms) for key in keys],
            passkeys=self._approvals.has_passkeys,
        )

    @API.transaction(
        "keys revoke",
        "DELETE",
        "/keys/<key_id>",
        answer=OneKey,
        level=Level.LOW,
        summary="Revoke a key",
    )
    def revoke(self, txn: Cursor, call: Call) -> OneKey:
        """It approves nothing from now on; again changes nothing."""
        person, key_id = call.signed_in.person, call.path_args["key_id"]
        key = self._approvals.revoke(txn, person, key_id, call.now_ms)
        return OneKey(key=_key(key, call.now_ms))

    @API.transaction(
        "keys log",
        "GET",
        "/log",
        query=LogQuery,
        answer=Log,
        level=Level.ROOM,
        summary="What happened to my keys",
    )
    def log(self, txn: Cursor, call: Call) -> Log:
        """A page of the log."""
        lines = logged(txn, call.signed_in.person, call.query.before)
        last = lines[-1].id if len(lines) == LOG_PAGE else None
        return Log(events=[_line(line, call.language) for line in lines], before=last)

    @API.transaction(
        "keys evidence",
        "GET",
        "/evidence/<nonce>",
        hides_path=True,
        answer=EvidenceView,
        level=Level.ROOM,
        summary="What I approved, as a file",
    )
    def evidence(self, txn: Cursor, call: Call) -> EvidenceView:
        """The evidence of an approval of the person's."""
        found = self._approvals.exported(txn, call.path_args["nonce"])
        if found is None or found["person"] != call.signed_in.person:
            raise NotFoundError("There is no such approval")
        return EvidenceView(evidence=found)

    @API.transaction(
        "keys enrol",
        "POST",
        "/enrolments",
        body=EnrolmentBegun,
        answer=EnrolmentView,
        level=Level.ROOM,
        limit=ENROL_LIMIT,
        summary="Begin to add a key",
    )
    def begin(self, txn: Cursor, call: Call) -> EnrolmentView:
        """The code of a browser's key is sent at once, that of a passkey once it is made."""
        body: EnrolmentBegun = call.body
        public = None if body.public_key is None else _bytes(body.public_key)
        with in_language(call):
            enrolment, creation = self._approvals.begin(
                txn, call.signed_in.person, KeyKind(body.kind), body.label, public, call.now_ms
            )
        return _enrolment(enrolment, creation)

    @API.transaction(
        "keys credential",
        "PUT",
        "/enrolments/<enrolment_id>/credential",
        body=CredentialMade,
        answer=EnrolmentView,
        level=Level.ROOM,
        limit=ENROL_LIMIT,
        summary="Bring the passkey that the browser made",
    )
    def credential(self, txn: Cursor, call: Call) -> EnrolmentView:
        """Now the code is sent."""
        body: CredentialMade = call.body
        made = {"client_data": body.client_data, "attestation": body.attestation_object}
        with in_language(call):
            enrolment = enrolling.credential(
                txn,
                self._approvals.parts,
                call.signed_in.person,
                call.path_args["enrolment_id"],
                made,
                body.transports,
                call.now_ms,
            )
        return _enrolment(enrolment, None)

    @API.route(
        "POST",
        "/enrolments/<enrolment_id>/code",
        body=CodeBrought,
        answer=OneKey,
        level=Level.ROOM,
        limit=ENROL_LIMIT,
        summary="Type the code: the key is added",
    )
    async def code(self, call: Call) -> OneKey:
        """Three wrong codes end the attempt."""
        key = await self._approvals.finish(
            call.signed_in.person,
            call.path_args["enrolment_id"],
            call.body.code,
            call.body,
            call.language,
        )
        # The request came before the key was made: a hold of no length must not look like one.
        return OneKey(key=_key(key, max(call.now_ms, key.created_at_ms)))

    @API.transaction(
        "keys limits",
        "GET",
        "/limits",
        answer=LimitList,
        level=Level.ROOM,
        summary="What I let myself approve by code",
    )
    def limits(self, txn: Cursor, call: Call) -> LimitList:
        """All limits."""
        found = limits.views(txn, self._approvals.parts.rules, call.signed_in.person, call.now_ms)
        return LimitList(limits=[_limit(one) for one in found])

    @API.transaction(
        "keys limit",
        "POST",
        "/limits",
        body=LimitChange,
        answer=LimitChanged,
        level=Level.ROOM,
        limit=CHANGE_LIMIT,
        summary="Lower the limit, or ask to raise it",
    )
    def change_limit(self, txn: Cursor, call: Call) -> LimitChanged:
        """Lower at once; higher with the key, a day later."""
        person, body = call.signed_in.person, call.body
        with in_language(call):
            asked = limits.change(
                txn, self._approvals.parts, person, body.currency, body.minor, call.now_ms
            )
        found = limits.views(txn, self._approvals.parts.rules, person, call.now_ms)
        limit = next(_limit(one) for one in found if one.limit.currency == body.currency)
        shown = None if asked is None else asked.model_dump(mode="json", exclude_none=True)
        return LimitChanged(limit=limit, asked=shown)


@contextlib.contextmanager
def in_language(call: Call) -> Iterator[None]:
    """Errors of approvals in the language of the call."""
    try:
        yield
    except ApprovalError as e:
        raise said(e, call.language) from e


def _bytes(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as e:
        raise MalformedError("public_key", "must be unpadded base64") from e


def _key(key: Key, now_ms: int) -> KeyView:
    return KeyView(
        id=key.id,
        kind=key.kind.value,
        label=key.label,
        words=words_of(key.id),
        created_at_ms=key.created_at_ms,
        held_until_ms=key.held_until_ms if key.held_until_ms > now_ms else None,
        last_used_at_ms=key.last_used_at_ms,
        revoked_at_ms=key.revoked_at_ms,
    )


def _line(line: Logged, language: str) -> LogEntry:
    nonce = line.detail.get("nonce")
    return LogEntry(
        id=line.id,
        at_ms=line.at_ms,
        what=line.what.value,
        key=line.key_id,
        label=line.label,
        text=log_line(line, language),
        nonce=nonce if isinstance(nonce, str) else None,
    )


def _enrolment(enrolment: Enrolment, creation: dict[str, Any] | None) -> EnrolmentView:
    key_id = enrolment.key_id
    return EnrolmentView(
        enrolment=enrolment.id,
        kind=enrolment.kind.value,
        state=enrolment.state.value,
        key=key_id,
        words=None if key_id is None else words_of(key_id),
        to_sign=None if key_id is None else to_sign(enrolment),
        creation=creation,
        expires_at_ms=enrolment.opened_at_ms + ENROLMENT_MS,
    )


def _limit(view: LimitView) -> LimitLine:
    limit = view.limit
    return LimitLine(
        currency=limit.currency,
        minor=limit.minor,
        spent_minor=view.spent_minor,
        next_minor=limit.next_minor,
        next_from_ms=limit.next_from_ms,
        max_minor=view.max_minor,
    )
