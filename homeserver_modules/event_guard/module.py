"""The Synapse side of the event guard.

Which callback sees what (Synapse 1.163): ``check_event_for_spam`` sees messages and state, of local
senders before they are stored, of other servers as they arrive; ``on_create_room`` sees what a new
room begins with; ``user_may_send_state_event`` and ``federated_user_may_invite`` see the content of
invitations, which the first does not.

A local client learns code and field. An event of another server is redacted and soft-failed.

When the guard itself fails, it refuses what it covers: events with a key of ours, and all events of
our bots. Everybody else's events pass, so that a fault here never stops a conversation.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from prometheus_client import Counter
from pydantic import ValidationError
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes, ConfigError, SynapseError

from homeserver_modules.event_guard import core
from homeserver_modules.event_guard.config import EventGuardConfig
from homeserver_modules.event_guard.families import load_families
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

_MEMBER: Final = "m.room.member"
_REFUSED: Final = Counter(
    "veche_event_guard_refused", "Events that were refused for their form.", ["callback"]
)
_FAILED: Final = Counter(
    "veche_event_guard_failed", "Events that the guard could not judge.", ["callback", "outcome"]
)

Verdict = Literal["NOT_SPAM"] | Codes | tuple[Codes, dict[str, Any]]


class EventGuard:
    """Synapse module that refuses malformed payloads, see this module's text."""

    def __init__(self, config: EventGuardConfig, api: ModuleApi) -> None:
        self._config = config
        self._api = api
        self._families: core.Families | None = None
        self._refused_memberships: dict[str, str] = {}
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
        api.register_third_party_rules_callbacks(on_create_room=self.on_create_room)

    @staticmethod
    def parse_config(config: dict[str, Any]) -> EventGuardConfig:
        """Read the module's section of homeserver.yaml.

        Raises:
            ConfigError: A key is unknown or its value wrong; it names the key.
        """
        try:
            return EventGuardConfig.model_validate(config)
        except ValidationError as e:
            first = e.errors(include_input=False, include_url=False)[0]
            raise ConfigError(first["msg"], [str(part) for part in first["loc"]]) from e

    async def check_event_for_spam(self, event: EventBase) -> Verdict:
        """Refuse a malformed event (Synapse's spam checker callback)."""
        error = self._judge(
            "check_event_for_spam",
            lambda: core.check_event(event.type, event.content, self._load()),
            lambda: self._is_ours(event.sender) or core.has_payload(event.content, self._known),
        )
        if error is None:
            return NOT_SPAM
        logger.info("refused event %s of %s: %s", event.event_id, event.sender, error.errcode)
        if self._is_of_a_client(event):
            raise _answer(error)
        if event.type == _MEMBER:
            self._remember(event.event_id, str(error))
        return _code(str(error))

    async def on_create_room(
        self,
        requester: Requester,
        request_content: dict[str, Any],
        is_request_by_admin: bool,  # noqa: ARG002 -- Synapse passes it
    ) -> None:
        """Refuse a room that would begin with a malformed event (third-party rules callback)."""
        sender = requester.user.to_string()
        error = self._judge(
            "on_create_room",
            lambda: core.check_room_request(request_content, self._load()),
            lambda: (
                self._is_ours(sender) or core.room_request_has_payload(request_content, self._known)
            ),
        )
        if error is not None:
            logger.info("refused a room of %s: %s", sender, error.errcode)
            raise _answer(error)

    async def user_may_send_state_event(
        self,
        user_id: str,
        room_id: str,
        event_type: str,
        state_key: str,  # noqa: ARG002 -- Synapse passes it
        content: Mapping[str, Any],
    ) -> Verdict:
        """Refuse a malformed membership; other state comes to ``check_event_for_spam``."""
        if event_type != _MEMBER:
            return NOT_SPAM
        error = self._judge(
            "user_may_send_state_event",
            lambda: core.check_event(event_type, content, self._load()),
            lambda: self._is_ours(user_id) or core.has_payload(content, self._known),
        )
        if error is not None:
            logger.info("refused a membership of %s in %s: %s", user_id, room_id, error.errcode)
            raise _answer(error)
        return NOT_SPAM

    async def federated_user_may_invite(self, event: EventBase) -> Verdict:
        """Refuse a malformed invitation of another server; that server is told.

        An invitation is an event too, so ``check_event_for_spam`` has seen it. What was refused
        there comes here redacted: without the payload that was wrong, and looking like any other.
        """
        reason = self._refused_memberships.pop(event.event_id, None)
        if reason is not None:
            return _code(reason)
        error = self._judge(
            "federated_user_may_invite",
            lambda: core.check_event(event.type, event.content, self._load()),
            lambda: core.has_payload(event.content, self._known),
        )
        if error is None:
            return NOT_SPAM
        logger.info("refused invitation %s: %s", event.event_id, error.errcode)
        return _code(str(error))

    def _remember(self, event_id: str, reason: str) -> None:
        """Keep a refusal for ``federated_user_may_invite``, in the same request and process."""
        while len(self._refused_memberships) >= REFUSED_MEMBERSHIPS_MAX:
            del self._refused_memberships[next(iter(self._refused_memberships))]
        self._refused_memberships[event_id] = reason

    def _judge(
        self, callback: str, check: Callable[[], None], is_covered: Callable[[], bool]
    ) -> VecheError | None:
        """Why to refuse, None if there is no reason."""
        try:
            check()
        except MalformedError as e:
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

    def _is_of_a_client(self, event: EventBase) -> bool:
        """Whether a client waits for the answer.

        An event of a local sender may also come back from another server (after a loss, or when
        an old room is joined again). An exception would end that whole transfer, so such an event
        gets a code. Only events that a client sent carry its device or transaction.
        """
        if not self._api.is_mine(event.sender):
            return False
        metadata = event.internal_metadata
        return any(getattr(metadata, name, None) for name in ("device_id", "txn_id"))


def _is_true(is_covered: Callable[[], bool]) -> bool:
    # Where not even this can be told, Synapse has changed under us, and every event would fail.
    try:
        return is_covered()
    except Exception:
        logger.exception("the event guard cannot tell what it covers")
        return False


def _code(reason: str) -> tuple[Codes, dict[str, Any]]:
    return Codes.FORBIDDEN, {"org.veche.reason": reason}


def _answer(error: VecheError) -> SynapseError:
    if isinstance(error, MalformedError):
        return SynapseError(400, str(error), error.errcode, {"field": error.field})
    return SynapseError(503, str(error), error.errcode, {"retry_after_ms": RETRY_AFTER_MS})
