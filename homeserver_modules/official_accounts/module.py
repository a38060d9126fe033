"""The Synapse side of the official accounts: which callback sees which name (Synapse 1.163).

- Display names: ``on_profile_update``, before the name is copied into rooms. It can only set the
  name back; whoever asked gets 200, and sees the old name. ``on_user_registration``: those that a
  provider of single sign-on brings.
- Per-room names: ``user_may_send_state_event``. Localparts: ``check_registration_for_spam``.
- Names of rooms: ``on_create_room``, ``check_event_for_spam``, and, for who is invited or looks
  into the directory, ``user_may_invite`` and ``user_may_publish_room``. In an encrypted room to
  which nobody comes without an invitation the name is nobody's business until somebody is invited.
- Aliases: ``user_may_create_room_alias``, ``check_event_for_spam``.
- Other servers: ``federated_user_may_invite``, and ``check_event_for_spam``, which redacts and
  soft-fails a membership: nothing of such a member is shown. ``check_username_for_spam`` leaves
  those out of the search that are known already.

Each of them runs in the one process that serves the request, and keeps nothing: so they work on
workers. Names come from the configuration and from directories. When the
guard itself fails, the name passes: a fault here never stops a conversation.
"""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

from prometheus_client import Counter
from synapse.module_api import NOT_SPAM, UserID
from synapse.module_api.errors import Codes, SynapseError
from synapse.spam_checker_api import RegistrationBehaviour
from twisted.internet.defer import CancelledError

from homeserver_modules.directories.follower import Directories, follower_of
from homeserver_modules.host import Configured, is_of_a_client
from homeserver_modules.official_accounts.config import OfficialAccountsConfig
from homeserver_modules.official_accounts.confusables import load_confusables
from homeserver_modules.official_accounts.core import shown
from homeserver_modules.official_accounts.core.letters import Letters
from homeserver_modules.official_accounts.core.verdict import Judge, NameProtectedError, Outcome
from homeserver_modules.official_accounts.gate import Gate
from homeserver_modules.official_accounts.notices import NEAR_MISS, RESET, Notices
from homeserver_modules.official_accounts.store import display_names, last_name
from veche.contracts.directory.snapshot import ProtectedName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from synapse.events import EventBase
    from synapse.module_api import ModuleApi, ProfileInfo, RoomAlias, UserProfile
    from synapse.types import Requester  # type: ignore[attr-defined]  # Synapse's own re-export

    from homeserver_modules.official_accounts.core.guard import Match

logger = logging.getLogger(__name__)

_JUDGED: Final = Counter(
    "veche_official_accounts_names",
    "Names that are like a protected one, by what became of them.",
    ["callback", "rule", "outcome"],
)
_FAILED: Final = Counter(
    "veche_official_accounts_failed", "Names that could not be judged, and passed.", ["callback"]
)
LOOK_AGAIN_MS: Final = 5_000
"""How soon after names are protected those who are called so are looked for."""

_LOOKED_AT: Final = frozenset({shown.MEMBER, shown.NAME, shown.ALIAS, shown.JOIN_RULES})
_NAMES: Final = [(shown.NAME, ""), (shown.ALIAS, "")]
_DOORS: Final = [(shown.ENCRYPTION, ""), (shown.JOIN_RULES, "")]

Verdict = Literal["NOT_SPAM"] | tuple[Codes, dict[str, Any]]
_C = TypeVar("_C", bound="Callable[..., Awaitable[Any]]")


def _open_on_failure(passed: object) -> Callable[[_C], _C]:
    """Give a callback its answer for a name that is refused, and for a fault of the guard.

    Args:
        passed: What it answers when it cannot judge.
    """

    def decorate(callback: _C) -> _C:
        @wraps(callback)
        async def guarded(self: OfficialAccounts, *args: object, **kwargs: object) -> Any:
            try:
                await self.directories.ready()
                return await callback(self, *args, **kwargs)
            except NameProtectedError as e:
                raise SynapseError(403, str(e), e.errcode, dict(e.details)) from e
            except CancelledError:
                raise
            except Exception:
                logger.exception("a name passed: the guard failed in %s", callback.__name__)
                _FAILED.labels(callback.__name__).inc()
                return passed

        return cast("_C", guarded)

    return decorate


class OfficialAccounts(Configured):
    """Synapse module that guards official names, see this module's text.

    Attributes:
        directories: Whose names it protects.
    """

    settings = OfficialAccountsConfig

    def __init__(self, config: OfficialAccountsConfig, api: ModuleApi) -> None:
        self._api = api
        listed = [ProtectedName(n.name, "", frozenset(n.accounts), n.appeal) for n in config.names]
        allowed = [(one.account, one.name) for one in config.allowed]
        self._judge = judge = Judge(listed, allowed, Letters(load_confusables()))
        self._are_names_new = True

        def protect(names: Sequence[ProtectedName]) -> None:
            judge.protect([*listed, *names])
            self._are_names_new = True

        self.directories = Directories(config.directories, follower_of(api), protect)
        api.looping_background_call(self.look_again, LOOK_AGAIN_MS, desc="veche_look_again")
        api.register_spam_checker_callbacks(
            check_event_for_spam=self.check_event_for_spam,
            user_may_send_state_event=self.user_may_send_state_event,
            user_may_invite=self.user_may_invite,
            federated_user_may_invite=self.federated_user_may_invite,
            user_may_create_room_alias=self.user_may_create_room_alias,
            user_may_publish_room=self.user_may_publish_room,
            check_username_for_spam=self.check_username_for_spam,
            check_registration_for_spam=self.check_registration_for_spam,
        )
        api.register_third_party_rules_callbacks(
            on_create_room=self.on_create_room, on_profile_update=self.on_profile_update
        )
        api.register_account_validity_callbacks(on_user_registration=self.on_user_registration)
        self._notices = Notices(api, config.appservice)
        self._gate = Gate(config.visitors, api, self.directories)

    async def look_again(self) -> None:
        """Set display names back that people had before these were protected.

        Accounts that a directory lists keep theirs while their organisation is suspended: nobody
        would give it back to them.
        """
        if not self._are_names_new:
            return
        people = await self._api.run_db_interaction("veche_names", display_names)
        self._are_names_new = False
        for user_id, name in await self._api.defer_to_thread(self._protected_of, people):
            try:
                await self._keep_or_set_back(user_id, name)
            except Exception:
                logger.exception("the name of %s stays: it cannot be set back", user_id)

    def _protected_of(self, people: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        others = [one for one in people if not self.directories.is_listed(one[0])]
        return [(who, name) for who, name in others if not self._passes(name, who, "had_before")]

    async def check_event_for_spam(self, event: EventBase) -> Verdict:
        """Refuse state that names a room, and a membership of another server."""
        # Nearly every event ends here.
        if event.type not in _LOOKED_AT or not event.is_state():
            return NOT_SPAM
        if not self._api.is_mine(event.sender):
            return await self._check_foreign(event)
        # One that comes back from another server was judged when it was made.
        if event.type == shown.MEMBER or not is_of_a_client(event):
            return NOT_SPAM
        return await self._check_state(event)

    @_open_on_failure(NOT_SPAM)
    async def _check_foreign(self, event: EventBase) -> Verdict:
        try:
            if event.type == shown.MEMBER:
                self._check_membership(event)
            else:
                await self._check_room_state(event)
        except NameProtectedError as e:
            # An exception would end the whole transfer that the event came with.
            return Codes.FORBIDDEN, dict(e.details)
        return NOT_SPAM

    @_open_on_failure(NOT_SPAM)
    async def _check_state(self, event: EventBase) -> Verdict:
        await self._check_room_state(event)
        return NOT_SPAM

    def _check_membership(self, event: EventBase) -> None:
        # What an invitation calls the invited person is theirs to say.
        if event.content.get("membership") in ("join", "knock"):
            name = shown.name_of_member(event.sender, event.content)
            self._look_at(name, event.sender, "membership", event.room_id)

    async def _check_room_state(self, event: EventBase) -> None:
        if event.type == shown.JOIN_RULES:
            if not shown.is_closed(event.content):
                await self._look_at_room(event.room_id, "join_rules")
            return
        try:
            for name in shown.names_of_room(event.type, event.content):
                self._look_at(name, event.sender, event.type, event.room_id)
        except NameProtectedError:
            if event.type == shown.ALIAS or not await self._is_among_persons(event.room_id):
                raise

    @_open_on_failure(NOT_SPAM)
    async def user_may_send_state_event(
        self,
        user_id: str,  # noqa: ARG002 -- Synapse passes it
        room_id: str,
        event_type: str,
        state_key: str,
        content: Mapping[str, Any],
    ) -> Verdict:
        """Refuse somebody's name in one room."""
        if event_type == shown.MEMBER and (name := shown.text(content, "displayname")):
            self._look_at(name, state_key, "room_display_name", room_id)
        return NOT_SPAM

    @_open_on_failure(NOT_SPAM)
    async def user_may_invite(self, inviter: str, invitee: str, room_id: str) -> Verdict:  # noqa: ARG002
        """Refuse a local invitation into a room that is called like an office."""
        if self._api.is_mine(inviter):
            await self._look_at_room(room_id, "invite")
        return NOT_SPAM

    @_open_on_failure(NOT_SPAM)
    async def federated_user_may_invite(self, event: EventBase) -> Verdict:
        """Refuse an invitation of another server for the names of its room and its sender.

        That server says what it likes of the room, so a name counts as the inviter's own.
        """
        sender, room_id = event.sender, event.room_id
        profile: object = {}
        names = []
        for state in event.unsigned.get("invite_room_state") or ():
            kind, content = state["type"], state["content"]
            if kind == shown.MEMBER and state.get("state_key") == sender:
                profile = content
            names += [(name, "foreign_invite_room") for name in shown.names_of_room(kind, content)]
        names.append((shown.name_of_member(sender, profile), "foreign_invite_sender"))
        near = [self._look_at(name, sender, where, room_id) for name, where in names]
        if (match := next(filter(None, near), None)) is not None:
            await self._notices.add(NEAR_MISS, str(event.state_key), sender, match)
        return NOT_SPAM

    @_open_on_failure(NOT_SPAM)
    async def user_may_create_room_alias(self, user_id: str, alias: RoomAlias) -> Verdict:
        """Refuse an alias."""
        self._look_at(alias.localpart, user_id, "alias")
        return NOT_SPAM

    @_open_on_failure(NOT_SPAM)
    async def user_may_publish_room(self, user_id: str, room_id: str) -> Verdict:  # noqa: ARG002
        """Refuse to list a room that is called like an office in the directory of rooms."""
        await self._look_at_room(room_id, "publish")
        return NOT_SPAM

    @_open_on_failure(None)
    async def on_create_room(
        self, requester: Requester, request_content: dict[str, Any], is_request_by_admin: bool
    ) -> None:
        """Refuse a room by its name or alias (third-party rules callback)."""
        if is_request_by_admin:
            return
        for name in shown.names_of_request(request_content):
            self._look_at(name, requester.user.to_string(), "create_room")

    @_open_on_failure(passed=False)
    async def check_username_for_spam(self, profile: UserProfile, requester: str) -> bool:  # noqa: ARG002
        """Leave somebody out of the search for people."""
        user_id = profile["user_id"]
        name = profile["display_name"] or shown.localpart(user_id)
        try:
            self._judge.judge(name, user_id, is_local=self._api.is_mine(user_id))
        except NameProtectedError:
            return True
        return False

    @_open_on_failure(RegistrationBehaviour.ALLOW)
    async def check_registration_for_spam(
        self,
        email_threepid: dict[str, Any] | None,  # noqa: ARG002 -- Synapse passes it
        username: str | None,
        request_info: object,  # noqa: ARG002
        auth_provider_id: str | None = None,  # noqa: ARG002
    ) -> RegistrationBehaviour:
        """Refuse a new account by its localpart."""
        if username:
            account = self._api.get_qualified_user_id(username)
            self._look_at(username, account, "registration")
        return RegistrationBehaviour.ALLOW

    @_open_on_failure(None)
    async def on_profile_update(
        self, user_id: str, new_profile: ProfileInfo, by_admin: bool, deactivation: bool
    ) -> None:
        """Set a display name back before it is copied into rooms."""
        if not by_admin and not deactivation and new_profile.display_name:
            await self._keep_or_set_back(user_id, new_profile.display_name)

    @_open_on_failure(None)
    async def on_user_registration(self, user_id: str) -> None:
        """Set a display name back that a provider of single sign-on brought."""
        profile = await self._api.get_profile_for_user(shown.localpart(user_id))
        if profile.display_name:
            await self._keep_or_set_back(user_id, profile.display_name)

    async def _keep_or_set_back(self, user_id: str, name: str) -> None:
        try:
            self._look_at(name, user_id, "display_name")
        except NameProtectedError as e:
            match = e.match
        else:
            return
        last = await self._api.run_db_interaction("veche_last_name", last_name, user_id)
        # Setting it calls this again: with a name that passes, or with none, so it ends there.
        others = (last or "", shown.localpart(user_id))
        old = next((one for one in others if one and self._passes(one, user_id, "old_name")), "")
        await self._api.set_displayname(UserID.from_string(user_id), old)
        await self._notices.add(RESET, user_id, user_id, match)

    def _passes(self, name: str, account: str, where: str) -> bool:
        try:
            self._look_at(name, account, where)
        except NameProtectedError:
            return False
        return True

    async def _look_at_room(self, room_id: str, where: str) -> None:
        """Judge a room's names, each by who gave it."""
        for event in (await self._api.get_room_state(room_id, _NAMES)).values():
            for name in shown.names_of_room(event.type, event.content):
                self._look_at(name, event.sender, where, room_id)

    async def _is_among_persons(self, room_id: str) -> bool:
        state = await self._api.get_room_state(room_id, _DOORS)
        rules = state.get((shown.JOIN_RULES, ""))
        is_closed = shown.is_closed(rules.content if rules else None)
        return is_closed and (shown.ENCRYPTION, "") in state

    def _look_at(self, name: str, account: str, where: str, room_id: str = "") -> Match | None:
        """Judge a name; count and log what is like a protected one, with ids alone.

        What is returned is what people should be warned of.
        """
        try:
            found = self._judge.judge(name, account, is_local=self._api.is_mine(account))
        except NameProtectedError as e:
            self._count(e.match.rule.value, "refused", where, account, room_id)
            raise
        if found is None:
            return None
        outcome, match = found
        self._count(match.rule.value, outcome.value, where, account, room_id)
        return match if outcome is Outcome.WARNED else None

    @staticmethod
    def _count(rule: str, outcome: str, where: str, account: str, room_id: str) -> None:
        _JUDGED.labels(where, rule, outcome).inc()
        logger.info("%s a name of %s %s (%s): %s", outcome, account, room_id, where, rule)
