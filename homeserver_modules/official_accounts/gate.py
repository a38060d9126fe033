"""Who may come: settings of people and bots, invitations in an hour, and policy lists.

``user_may_invite`` is asked about local invitations and, by Synapse, about those of other servers
too. It sees no content and needs none. A refusal says its rule, why, and where to appeal; it is
counted, logged by ids and kept ``KEPT_MS`` in the table ``veche_refused_invite``. When the gate
itself fails, the invitation passes: a fault here never keeps people apart.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import attrs
from prometheus_client import Counter
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes
from twisted.internet.defer import CancelledError

from homeserver_modules.official_accounts import gate_store
from homeserver_modules.official_accounts.core.visitors import (
    RULES_MAX,
    InviteRule,
    PolicyRule,
    Visitors,
    VisitorsSection,
    forbids,
    read_rules,
    read_visitors,
)

if TYPE_CHECKING:
    from synapse.module_api import ModuleApi

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


@attrs.frozen
class _Refusal:
    rule: InviteRule
    words: str


class Gate:
    """Judges invitations, see this module's text."""

    def __init__(self, section: VisitorsSection, api: ModuleApi) -> None:
        """Register the callback, and begin to read policy lists."""
        self._section = section
        self._api = api
        self._rules: list[PolicyRule] = []
        api.register_spam_checker_callbacks(user_may_invite=self.user_may_invite)
        api.delayed_background_call(0, self._begin, desc="veche_invite_gate")
        if section.policy_rooms:
            api.looping_background_call(
                self.read_lists, LISTS_EVERY_MS, desc="veche_lists", run_on_all_instances=True
            )
        if api.should_run_background_tasks():
            api.looping_background_call(self.tidy, HOUR_MS, desc="veche_tidy_invites")

    async def user_may_invite(self, inviter: str, invitee: str, room_id: str) -> Any:
        """Refuse an invitation (Synapse's spam checker callback)."""
        try:
            refusal = await self._judge(inviter, invitee, room_id)
            if refusal is not None:
                return await self._refused(refusal, inviter, invitee, room_id)
        except CancelledError:
            raise
        except Exception:
            logger.exception("an invitation passed: the gate failed")
            _FAILED.inc()
        return NOT_SPAM

    async def _judge(self, inviter: str, invitee: str, room_id: str) -> _Refusal | None:
        is_named = False
        for rule, setting in await self._settings(invitee):
            groups = await self._groups_of(setting, inviter)
            may_come, is_this_named = setting.judge(inviter, groups)
            if not may_come:
                return _Refusal(rule, _WORDS[rule])
            is_named |= is_this_named
        # Whom somebody has named may come whatever a list says, and how often.
        if is_named:
            return None
        if await self._is_too_many(inviter):
            return _Refusal(InviteRule.TOO_MANY, _WORDS[InviteRule.TOO_MANY])
        found = forbids(self._rules, inviter, room_id)
        if found is None:
            return None
        words = f"{_WORDS[InviteRule.POLICY_LIST]} {found.reason}".rstrip()
        return _Refusal(InviteRule.POLICY_LIST, words)

    async def _settings(self, invitee: str) -> list[tuple[InviteRule, Visitors]]:
        found: list[tuple[InviteRule, Visitors]] = []
        if self._api.is_mine(invitee):
            value = await self._api.account_data_manager.get_global(invitee, CONTACTS)
            if value is not None:
                found.append((InviteRule.BY_PERSON, read_visitors(_plain(value))))
        if (setting := self._section.bots.get(invitee)) is not None:
            found.append((InviteRule.BY_BOT, setting))
        return found

    async def _groups_of(self, setting: Visitors, inviter: str) -> list[str]:
        """The rooms of a setting that somebody is in."""
        found = []
        for room_id in setting.groups:
            state = await self._api.get_room_state(room_id, [(_MEMBER, inviter)])
            member = state.get((_MEMBER, inviter))
            if member is not None and member.content.get("membership") == "join":
                found.append(room_id)
        return found

    async def _is_too_many(self, inviter: str) -> bool:
        now_ms = _now_ms()
        if self._api.is_mine(inviter):
            account = await self._api.get_userinfo_by_id(inviter)
            if account is None or account.appservice_id is not None:
                return False
            if now_ms - account.creation_ts * 1000 >= YOUNG_MS:
                return False
        count = await self._api.run_db_interaction(
            "veche_count_invite", gate_store.count, inviter, now_ms // HOUR_MS
        )
        return int(count) > INVITES_PER_HOUR_MAX

    async def _refused(
        self, refusal: _Refusal, inviter: str, invitee: str, room_id: str
    ) -> tuple[Codes, dict[str, Any]]:
        rule = refusal.rule
        _REFUSED.labels(rule.value).inc()
        logger.info("refused an invitation of %s to %s: %s", inviter, invitee, rule.value)
        record = gate_store.Refused(_now_ms(), inviter, invitee, room_id, rule.value)
        try:
            await self._api.run_db_interaction("veche_refused", gate_store.keep, record)
        except Exception:  # the answer does not depend on it
            logger.exception("a refused invitation is not on record")
        is_own = rule in {InviteRule.BY_PERSON, InviteRule.BY_BOT}
        code = Codes.INVITE_BLOCKED if is_own else Codes.FORBIDDEN
        return code, {
            "org.veche.rule": rule.value,
            "org.veche.words": refusal.words,
            "org.veche.appeal": self._section.appeal,
        }

    async def _begin(self) -> None:
        if self._api.should_run_background_tasks():
            await self._api.run_db_interaction("veche_gate_tables", gate_store.make_tables)
        await self.read_lists()

    async def read_lists(self) -> None:
        """Read all policy lists; one that cannot be read says what it said before or nothing."""
        found: list[PolicyRule] = []
        try:
            for room_id in self._section.policy_rooms:
                state = await self._api.get_room_state(room_id)
                found += read_rules((one.type, one.content) for one in state.values())
        except Exception:
            logger.exception("policy lists cannot be read: what they said counts")
            return
        self._rules = found[:RULES_MAX]

    async def tidy(self) -> None:
        """Forget what is too old."""
        now_ms = _now_ms()
        await self._api.run_db_interaction(
            "veche_tidy_gate", gate_store.tidy, now_ms // HOUR_MS, now_ms - KEPT_MS
        )


def _plain(value: Any) -> Any:
    """Account data as Synapse gives it, thawed as far as a setting is deep."""
    if hasattr(value, "items"):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251 -- Synapse gives modules no clock
