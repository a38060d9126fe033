"""The Synapse side of the event guard.

Which callback sees what (Synapse 1.163): ``check_event_for_spam`` sees messages and state, of local
senders before they are stored, of other servers as they arrive; ``on_create_room`` sees what a new
room begins with; ``user_may_send_state_event`` and ``federated_user_may_invite`` see the content of
invitations, which the first does not.

A local client learns code and field. An event of another server is redacted and soft-failed.

With a directory, what an official account sends needs the proof of its act. An invitation's proof
is in its content, which ``user_may_invite`` does not see: ``user_may_send_state_event`` and
``federated_user_may_invite`` leave it a ticket. So ``/invite`` is closed to organisations.

When the guard itself fails, it refuses what it covers: events with a key of ours, and all events of
our bots. Everybody else's events pass, so that a fault here never stops a conversation.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from prometheus_client import Counter
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes, SynapseError

from homeserver_modules.directories.follower import (
    Directories,
    UnknownDirectoryError,
    follower_of,
)
from homeserver_modules.event_guard import core
from homeserver_modules.event_guard.config import EventGuardConfig
from homeserver_modules.event_guard.families import load_families
from homeserver_modules.event_guard.proofs import Proofs, bound
from homeserver_modules.host import Configured, is_of_a_client
from veche.contracts.directory.receipts import MEMBER, ActFault, ReceiptRefusedError, SeenEvent
from veche.protocol.errors import MalformedError, UnavailableError, VecheError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi
    from synapse.types import Requester  # type: ignore[attr-defined]  # Synapse's own re-export

logger = logging.getLogger(__name__)

RETRY_AFTER_MS: Final = 5_000
"""When to try again after the guard failed."""

REFUSED_MEMBERSHIPS_MAX: Final = 1_000
"""How many refusals wait for their second callback; those that have none are forgotten."""

_REDACTION: Final = "m.room.redaction"
_REFUSED: Final = Counter(
    "veche_event_guard_refused",
    "Events that were refused for their form, or since an act is not proven.",
    ["callback"],
)
_FAILED: Final = Counter(
    "veche_event_guard_failed", "Events that the guard could not judge.", ["callback", "outcome"]
)

Verdict = Literal["NOT_SPAM"] | Codes | tuple[Codes, dict[str, Any]]


class EventGuard(Configured):
    """Synapse module that refuses malformed payloads, see this module's text."""

    settings = EventGuardConfig

    def __init__(self, config: EventGuardConfig, api: ModuleApi) -> None:
        self._config = config
        self._api = api
        self._families: core.Families | None = None
        self._refused_memberships: dict[str, str] = {}
        self._directories = Directories(config.directories, follower_of(api))
        self._proofs = Proofs(self._directories, config.policy)
        try:
            self._load()
        except Exception:
            # Synapse starts all the same, and people talk; what is ours is refused until then.
            logger.exception("the event guard refuses all payloads: their models do not load")
        api.register_spam_checker_callbacks(
            check_event_for_spam=self.check_event_for_spam,
            user_may_send_state_event=self.user_may_send_state_event,
            federated_user_may_invite=self.federated_user_may_invite,
        )
        if self._directories.are_there:
            api.register_spam_checker_callbacks(user_may_invite=self.user_may_invite)
        api.register_third_party_rules_callbacks(on_create_room=self.on_create_room)

    async def check_event_for_spam(self, event: EventBase) -> Verdict:
        """Refuse a malformed event (Synapse's spam checker callback)."""
        error = await self._judge(
            "check_event_for_spam",
            lambda: self._check_event(event),
            lambda: self._is_covered(event.sender) or core.has_payload(event.content, self._known),
        )
        if error is None:
            return NOT_SPAM
        logger.info("refused event %s of %s: %s", event.event_id, event.sender, _name(error))
        if self._api.is_mine(event.sender) and is_of_a_client(event):
            raise _answer(error)
        if event.type == MEMBER:
            # For ``federated_user_may_invite``, in the same request and process.
            self._refused_memberships[event.event_id] = _why(error)
            bound(self._refused_memberships, REFUSED_MEMBERSHIPS_MAX)
        return _code(_why(error))

    async def on_create_room(
        self,
        requester: Requester,
        request_content: dict[str, Any],
        is_request_by_admin: bool,  # noqa: ARG002 -- Synapse passes it
    ) -> None:
        """Refuse a room that would begin with a malformed event (third-party rules callback)."""
        sender = requester.user.to_string()
        error = await self._judge(
            "on_create_room",
            lambda: self._check_request(sender, request_content),
            lambda: (
                self._is_covered(sender)
                or core.room_request_has_payload(request_content, self._known)
            ),
        )
        if error is not None:
            logger.info("refused a room of %s: %s", sender, _name(error))
            raise _answer(error)

    async def user_may_send_state_event(
        self,
        user_id: str,
        room_id: str,
        event_type: str,
        state_key: str,
        content: Mapping[str, Any],
    ) -> Verdict:
        """Refuse a malformed membership; other state comes to ``check_event_for_spam``."""
        if event_type != MEMBER:
            return NOT_SPAM
        error = await self._judge(
            "user_may_send_state_event",
            lambda: self._check_membership(user_id, room_id, state_key, content),
            lambda: self._is_covered(user_id) or core.has_payload(content, self._known),
        )
        if error is not None:
            logger.info("refused a membership of %s in %s: %s", user_id, room_id, _name(error))
            raise _answer(error)
        return NOT_SPAM

    async def user_may_invite(self, inviter: str, invitee: str, room_id: str) -> Verdict:
        """Refuse an invitation of an official account that was not proven before."""
        await self._directories.ready()
        if self._proofs.may_invite(inviter, invitee, room_id):
            return NOT_SPAM
        _REFUSED.labels("user_may_invite").inc()
        logger.info("refused an invitation of %s in %s: no proof", inviter, room_id)
        return _code(ActFault.MISSING)

    async def federated_user_may_invite(self, event: EventBase) -> Verdict:
        """Refuse a malformed invitation of another server; that server is told.

        An invitation is an event too, so ``check_event_for_spam`` has seen it. What was refused
        there comes here redacted: without the payload that was wrong, and looking like any other.
        """
        reason = self._refused_memberships.pop(event.event_id, None)
        if reason is not None:
            return _code(reason)
        error = await self._judge(
            "federated_user_may_invite",
            lambda: self._check_event(event),
            lambda: (
                self._directories.is_listed(event.sender)
                or core.has_payload(event.content, self._known)
            ),
        )
        if error is None:
            self._proofs.expect(event.sender, str(event.get_state_key()), event.room_id)
            return NOT_SPAM
        logger.info("refused invitation %s: %s", event.event_id, _name(error))
        return _code(_why(error))

    def _check_event(self, event: EventBase) -> None:
        core.check_event(event.type, event.content, self._load())
        if self._directories.are_there:
            seen = SeenEvent(
                event.room_id,
                event.sender,
                event.type,
                event.content,
                event.origin_server_ts,
                event.get_state_key(),
                event.redacts if event.type == _REDACTION else None,
            )
            self._proofs.check(seen, is_ours=self._is_ours(event.sender))

    def _check_membership(
        self, user_id: str, room_id: str, state_key: str, content: Mapping[str, Any]
    ) -> None:
        core.check_event(MEMBER, content, self._load())
        if self._directories.are_there:
            now_ms = self._directories.now_ms()
            seen = SeenEvent(room_id, user_id, MEMBER, content, now_ms, state_key)
            self._proofs.check(seen, is_ours=self._is_ours(user_id))
            if content.get("membership") == "invite":
                self._proofs.expect(user_id, state_key, room_id)

    def _check_request(self, sender: str, request: dict[str, Any]) -> None:
        core.check_room_request(request, self._load())
        self._proofs.check_request(sender, request)

    def _is_covered(self, sender: str) -> bool:
        return self._is_ours(sender) or self._directories.is_listed(sender)

    async def _judge(
        self, callback: str, check: Callable[[], None], is_covered: Callable[[], bool]
    ) -> VecheError | None:
        """Why to refuse, None if there is no reason."""
        try:
            await self._directories.ready()
            check()
        except (MalformedError, ReceiptRefusedError, UnknownDirectoryError) as e:
            _REFUSED.labels(callback).inc()
            return e
        except Exception:
            is_refused = _is_true(is_covered)
            outcome = "refused" if is_refused else "passed"
            logger.exception("the event guard failed in %s: %s", callback, outcome)
            _FAILED.labels(callback, outcome).inc()
            message = "The homeserver cannot check this event now; please try again later"
            return UnavailableError(message, retry_after_ms=RETRY_AFTER_MS) if is_refused else None
        return None

    def _load(self) -> core.Families:
        # Not at import: a library that is missing must not keep Synapse from starting.
        if self._families is None:
            self._families = load_families()
        return self._families

    @property
    def _known(self) -> core.Families:
        """The families as far as they are loaded; also where this fails, keys of ours are known."""
        return self._families or {}

    def _is_ours(self, user_id: str) -> bool:
        is_named_so = user_id.startswith(f"@{self._config.localpart_prefix}")
        return is_named_so and self._api.is_mine(user_id)


def _is_true(is_covered: Callable[[], bool]) -> bool:
    # Where not even this can be told, Synapse has changed under us, and every event would fail.
    try:
        return is_covered()
    except Exception:
        logger.exception("the event guard cannot tell what it covers")
        return False


def _why(error: VecheError) -> str:
    return error.fault if isinstance(error, ReceiptRefusedError) else str(error)


def _name(error: VecheError) -> str:
    return error.fault if isinstance(error, ReceiptRefusedError) else error.errcode


def _code(reason: str) -> tuple[Codes, dict[str, Any]]:
    return Codes.FORBIDDEN, {"org.veche.reason": reason}


def _answer(error: VecheError) -> SynapseError:
    if isinstance(error, MalformedError):
        return SynapseError(400, str(error), error.errcode, {"field": error.field})
    if isinstance(error, ReceiptRefusedError):
        return SynapseError(403, str(error), error.errcode, {"org.veche.reason": error.fault.value})
    return SynapseError(503, str(error), error.errcode, {"retry_after_ms": RETRY_AFTER_MS})
