"""Rules for invitations: what a person or a bot allows, and what policy lists say.

The nearest exception counts: of the person before that of a group, of a group before that of a
server, and of these before what holds for all. Where one list allows and the other blocks, it is
blocked. Source: design of Veche, identity §12; Matrix v1.18, moderation policy lists (MSC2313).
"""

from __future__ import annotations

import enum
import fnmatch
import functools
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

ENTRIES_MAX: Final = 1_000
GROUPS_MAX: Final = 20
"""Rooms whose members are an exception: each is looked up."""
RULES_MAX: Final = 10_000
"""Rules of all policy lists together."""
GLOB_CHARACTERS_MAX: Final = 255
BAN: Final = frozenset({"m.ban", "org.matrix.mjolnir.ban"})
"""What a policy list recommends about those who may not come."""
RULE_TYPES: Final[Mapping[str, str]] = {
    f"{prefix}.{what}": what
    for prefix in ("m.policy.rule", "org.matrix.mjolnir.rule")
    for what in ("user", "server", "room")
}
"""Types of rules, also by their name before they were in the specification; what they are about."""

_Glob = Annotated[str, Field(min_length=1, max_length=GLOB_CHARACTERS_MAX)]
_Account = Annotated[str, Field(pattern=r"^@[^:\s]{1,200}:[^\s]{1,230}$")]
_Room = Annotated[str, Field(pattern=r"^![^\s]{1,254}$")]


class InviteRule(enum.StrEnum):
    """Why an invitation is refused."""

    BY_PERSON = "by_person"
    BY_BOT = "by_bot"
    TOO_MANY = "too_many"
    POLICY_LIST = "policy_list"


class Exceptions(BaseModel):
    """The exceptions from a setting.

    Attributes:
        servers: Names of servers; ``*`` and ``?`` stand for anything.
        users: Matrix user ids, likewise.
        groups: Ids of rooms whose members are meant.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    servers: Annotated[list[_Glob], Field(max_length=ENTRIES_MAX)] = []
    users: Annotated[list[_Glob], Field(max_length=ENTRIES_MAX)] = []
    groups: Annotated[list[_Room], Field(max_length=GROUPS_MAX)] = []


class Visitors(BaseModel):
    """The people who may invite somebody: ``org.veche.contacts``, or an operator's setting.

    Attributes:
        default: What holds for all others.
        allow: Who may.
        block: Who may not.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    default: Literal["allow", "block"] = "allow"
    allow: Exceptions = Exceptions()
    block: Exceptions = Exceptions()

    @property
    def groups(self) -> list[str]:
        """All rooms whose members are meant."""
        return sorted({*self.allow.groups, *self.block.groups})

    def judge(self, inviter: str, groups: Collection[str]) -> tuple[bool, bool]:
        """Return whether somebody may come, and whether they are named themselves.

        Args:
            inviter: Matrix user id.
            groups: Of ``groups``, those that they are in.
        """
        server = inviter.partition(":")[2]
        for blocked, allowed, is_named in (
            (_any(self.block.users, inviter), _any(self.allow.users, inviter), True),
            (_in(self.block.groups, groups), _in(self.allow.groups, groups), False),
            (_any(self.block.servers, server), _any(self.allow.servers, server), False),
        ):
            if blocked or allowed:
                return not blocked, is_named
        return self.default == "allow", False


class VisitorsSection(BaseModel):
    """Rules for invitations; a part of the module's ``config``.

    Attributes:
        bots: Who may invite bots of this server, by Matrix user id.
        policy_rooms: Rooms with policy lists (``m.policy.rule.*``); somebody of this server has to
            be in them.
        appeal: Where people appeal who are refused: an address or a short sentence.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    bots: dict[_Account, Visitors] = {}
    policy_rooms: Annotated[list[_Room], Field(max_length=50)] = []
    appeal: Annotated[str, Field(min_length=1, max_length=200)] = (
        "ask the administrator of the homeserver"
    )


def read_visitors(value: object) -> Visitors:
    """Read a person's setting; an unusable one counts as none.

    Args:
        value: Account data as it came.
    """
    try:
        return Visitors.model_validate(value, extra="ignore")
    except ValidationError:
        return Visitors()


@attrs.frozen
class PolicyRule:
    """One rule of a policy list.

    Attributes:
        what: ``user``, ``server`` or ``room``.
        entity: Who, with ``*`` and ``?``.
        reason: As the list says; may be empty.
    """

    what: str
    entity: str
    reason: str = ""


def read_rules(state: Iterable[tuple[str, Mapping[str, Any]]]) -> list[PolicyRule]:
    """The rules of a policy list that say that somebody may not come.

    Args:
        state: Type and content of state events of a room; what is no rule is passed over.
    """
    found = []
    for kind, content in state:
        entity, reason = content.get("entity"), content.get("reason")
        is_rule = kind in RULE_TYPES and content.get("recommendation") in BAN
        if is_rule and isinstance(entity, str) and 0 < len(entity) <= GLOB_CHARACTERS_MAX:
            words = reason if isinstance(reason, str) else ""
            found.append(PolicyRule(RULE_TYPES[kind], entity, words[:GLOB_CHARACTERS_MAX]))
    return found[:RULES_MAX]


def forbids(rules: Iterable[PolicyRule], inviter: str, room_id: str) -> PolicyRule | None:
    """The first rule of policy lists that is about an invitation."""
    about = {"user": inviter, "server": inviter.partition(":")[2], "room": room_id}
    return next((one for one in rules if _matches(one.entity, about[one.what])), None)


def _any(globs: Iterable[str], name: str) -> bool:
    return any(_matches(one, name) for one in globs)


def _in(wanted: Iterable[str], groups: Collection[str]) -> bool:
    return any(one in groups for one in wanted)


def _matches(glob: str, name: str) -> bool:
    if "*" not in glob and "?" not in glob:
        return glob == name
    return _pattern(glob).fullmatch(name) is not None


@functools.lru_cache(RULES_MAX)
def _pattern(glob: str) -> re.Pattern[str]:
    # What fnmatch makes never goes back behind a star that has matched: any glob is quick. A
    # bracket means itself here.
    return re.compile(fnmatch.translate(glob.replace("[", "[[]")))
