"""Gate for invitations: settings of people and bots, hourly limits, and policy lists.

``user_may_invite`` is asked about local invitations and, by Synapse, about those of other servers
too. It sees no content and needs none. A refusal says its rule, why, and where to appeal; it is
counted, logged by ids and kept ``KEPT_MS`` in the table ``veche_refused_invite``. A step of the
gate that fails lets the invitation through to the next: a fault here never keeps people apart.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from prometheus_client import Counter
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes, SynapseError
from twisted.internet.defer import CancelledError

from homeserver_modules.host import Tables, now_ms
from homeserver_modules.official_accounts import store
from homeserver_modules.official_accounts.core.visitors import (
    RULE_TYPES,
    InviteRule,
    PolicyRule,
    Visitors,
    VisitorsSection,
    forbids,
    read_rules,
    read_visitors,
)
from veche.contracts.directory.snapshot import Standing

if TYPE_CHECKING:
    from synapse.module_api import ModuleApi

    from homeserver_modules.directories.follower import Directories

logger = logging.getLogger(__name__)

CONTACTS: Final = "org.veche.contacts"
"""Account data of a person: ``Visitors``."""
INVITES_PER_HOUR_MAX: Final = 20
"""Of an account that is younger than ``YOUNG_MS``, or of another server: nobody knows its age."""
YOUNG_MS: Final = 7 * 24 * 3_600_000
HOUR_MS: Final = 3_600_000
KEPT_MS: Final = 90 * 24 * HOUR_MS
"""How long refusals are kept."""
LISTS_EVERY_MS: Final = 30_000
"""How often policy lists are read, in each process."""

_MEMBER: Final = "m.room.member"
_REFUSED: Final = Counter(
    "veche_official_accounts_invites_refused", "Invitations that were refused.", ["rule"]
)
_FAILED: Final = Counter(
    "veche_official_accounts_invites_failed", "Invitations that nobody could judge, and passed."
)
_WORDS: Final = {
    InviteRule.BY_PERSON: "This person takes no invitations from you.",
    InviteRule.BY_BOT: "This account takes no invitations from you.",
    InviteRule.TOO_MANY: f"New accounts may invite {INVITES_PER_HOUR_MAX} times an hour.",
    InviteRule.POLICY_LIST: "A policy list of this homeserver names you, your server or the room.",
}


class _RefusedError(Exception):
    def __init__(self, rule: InviteRule, reason: str = "") -> None:
        super().__init__(rule.value)
        self.rule = rule
        self.reason = reason


class Gate:
    """Judges invitations, see this module's text."""

    def __init__(self, section: VisitorsSection, api: ModuleApi, directories: Directories) -> None:
        """Register the callback, and begin to read policy lists.

        Args:
            section: The operator's settings.
            api: Synapse's.
            directories: Whose official accounts may invite as often as they need.
        """
        self._section = section
        self._api = api
        self._directories = directories
        self._rules: dict[str, list[PolicyRule]] = {}
        self._tables = Tables(api, "gate", store.TABLES)
        api.register_spam_checker_callbacks(user_may_invite=self.user_may_invite)
        if section.policy_rooms:
            api.looping_background_call(
                self.read_lists, LISTS_EVERY_MS, desc="veche_lists", run_on_all_instances=True
            )
        if api.should_run_background_tasks():
            api.looping_background_call(self.tidy, HOUR_MS, desc="veche_tidy_invites")

    async def user_may_invite(
        self, inviter: str, invitee: str, room_id: str
    ) -> Literal["NOT_SPAM"]:
        """Refuse an invitation (Synapse's spam checker callback).

        Raises:
            SynapseError: It is refused. Clients show its text, also those of another server.
        """
        for step in (self._by_setting, self._by_list, self._by_rate):
            try:
                if await step(inviter, invitee, room_id):
                    break
            except _RefusedError as e:
                raise await self._refused(e, inviter, invitee, room_id) from e
            except CancelledError:
                raise
            except Exception:
                logger.exception("an invitation passed a step of the gate that failed")
                _FAILED.inc()
        return NOT_SPAM

    async def _by_setting(self, inviter: str, invitee: str, _room_id: str) -> bool:
        """Return whether somebody has named the inviter: then nothing else is asked."""
        is_named = False
        if (setting := self._section.bots.get(invitee)) is not None:
            groups = await self._groups_of(setting, [inviter])
            may_come, is_named = setting.judge(inviter, groups)
            if not may_come:
                raise _RefusedError(InviteRule.BY_BOT)
        if self._api.is_mine(invitee):
            value = await self._api.account_data_manager.get_global(invitee, CONTACTS)
            setting = read_visitors(_plain(value))
            # Only rooms that the person is in: else they learnt who is in others.
            groups = await self._groups_of(setting, [inviter, invitee])
            may_come, is_person_named = setting.judge(inviter, groups)
            if not may_come:
                raise _RefusedError(InviteRule.BY_PERSON)
            is_named |= is_person_named
        return is_named

    async def _groups_of(self, setting: Visitors, users: list[str]) -> list[str]:
        """The rooms of a setting that all of some users are in."""
        found = []
        keys = [(_MEMBER, user) for user in users]
        for room_id in setting.groups:
            state = await self._api.get_room_state(room_id, keys)
            if all(key in state and state[key].content.get("membership") == "join" for key in keys):
                found.append(room_id)
        return found

    async def _by_rate(self, inviter: str, _invitee: str, _room_id: str) -> None:
        at_ms = now_ms()
        owner = self._directories.trusted.owner_of(inviter)
        if owner is not None and owner[0].standing(owner[1].id) is Standing.OFFICIAL:
            return
        if self._api.is_mine(inviter):
            account = await self._api.get_userinfo_by_id(inviter)
            if account is None or account.appservice_id is not None:
                return
            if at_ms - account.creation_ts * 1000 >= YOUNG_MS:
                return
        count = await self._tables.run("count", store.count, inviter, at_ms // HOUR_MS)
        if count > INVITES_PER_HOUR_MAX:
            raise _RefusedError(InviteRule.TOO_MANY)

    async def _by_list(self, inviter: str, _invitee: str, room_id: str) -> None:
        if self._section.policy_rooms and not self._rules:
            await self.read_lists()
        rules = itertools.chain.from_iterable(self._rules.values())
        if (found := forbids(rules, inviter, room_id)) is not None:
            raise _RefusedError(InviteRule.POLICY_LIST, found.reason)

    async def _refused(
        self, refused: _RefusedError, inviter: str, invitee: str, room_id: str
    ) -> SynapseError:
        rule = refused.rule
        _REFUSED.labels(rule.value).inc()
        logger.info("refused an invitation of %s to %s: %s", inviter, invitee, rule.value)
        try:
            ids = (inviter, invitee, room_id)
            await self._tables.run("refused", store.keep, now_ms(), *ids, rule.value)
        except CancelledError:
            raise
        except Exception:  # the answer does not depend on it
            logger.exception("a refused invitation is not on record")
        appeal = self._section.appeal
        details = {"org.veche.rule": rule.value, "org.veche.appeal": appeal}
        is_own = rule in {InviteRule.BY_PERSON, InviteRule.BY_BOT}
        code = Codes.INVITE_BLOCKED if is_own else Codes.FORBIDDEN
        words = " ".join(filter(None, (_WORDS[rule], refused.reason, f"To appeal: {appeal}")))
        return SynapseError(403, words, code, details)

    async def read_lists(self) -> None:
        """Read all policy lists; one that cannot be read says what it said before or nothing."""
        for room_id in self._section.policy_rooms:
            try:
                state = await self._api.get_room_state(room_id, [(one, None) for one in RULE_TYPES])
                self._rules[room_id] = read_rules((one.type, one.content) for one in state.values())
            except Exception:
                logger.exception("policy list %s cannot be read: what it said counts", room_id)
                self._rules.setdefault(room_id, [])

    async def tidy(self) -> None:
        """Forget what is too old."""
        at_ms = now_ms()
        await self._tables.run("tidy", store.tidy, at_ms // HOUR_MS, at_ms - KEPT_MS)


def _plain(value: Any) -> Any:
    """Account data as Synapse gives it, thawed as far as a setting is deep."""
    if hasattr(value, "items"):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
