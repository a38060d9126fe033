"""Who may invite whom, by settings and policy lists."""

import time
from typing import Any

import pytest
from pydantic import ValidationError

from homeserver_modules.official_accounts.core.visitors import (
    ENTRIES_MAX,
    GLOB_CHARACTERS_MAX,
    RULES_MAX,
    PolicyRule,
    Visitors,
    VisitorsSection,
    forbids,
    read_rules,
    read_visitors,
)

BORIS = "@boris:else.test"
CLUB, GANG = "!club:else.test", "!gang:else.test"


def setting(**changes: Any) -> Visitors:
    return Visitors.model_validate(changes)


@pytest.mark.parametrize(
    ("changes", "groups", "verdict"),
    [
        ({}, (), (True, False)),
        ({"default": "block"}, (), (False, False)),
        ({"default": "block", "allow": {"servers": ["else.test"]}}, (), (True, False)),
        ({"default": "block", "allow": {"servers": ["*.test"]}}, (), (True, False)),
        ({"default": "block", "allow": {"servers": ["else.tes"]}}, (), (False, False)),
        ({"block": {"servers": ["else.t?st"]}}, (), (False, False)),
        ({"block": {"servers": ["else.test"]}, "allow": {"users": [BORIS]}}, (), (True, True)),
        (
            {"block": {"users": ["@b*:else.test"]}, "allow": {"groups": [CLUB]}},
            (CLUB,),
            (False, True),
        ),
        (
            {"block": {"servers": ["else.test"]}, "allow": {"groups": [CLUB]}},
            (CLUB,),
            (True, False),
        ),
        ({"block": {"servers": ["else.test"]}, "allow": {"groups": [CLUB]}}, (), (False, False)),
        ({"block": {"groups": [GANG]}, "allow": {"groups": [CLUB]}}, (CLUB, GANG), (False, False)),
        ({"block": {"users": [BORIS]}, "allow": {"users": [BORIS]}}, (), (False, True)),
    ],
    ids=str,
)
def test_the_nearest_exception_counts(
    changes: dict[str, Any], groups: tuple[str, ...], verdict: tuple[bool, bool]
) -> None:
    assert setting(**changes).judge(BORIS, groups) == verdict


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "block",
        {"default": "never"},
        {"default": "block", "allow": {"users": [1]}},
        {"default": "block", "allow": {"users": ["x" * (GLOB_CHARACTERS_MAX + 1)]}},
        {"default": "block", "block": {"users": ["x"] * (ENTRIES_MAX + 1)}},
        {"default": "block", "allow": {"groups": ["#club:else.test"]}},
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_setting_of_no_use_is_none(value: object) -> None:
    assert read_visitors(value) == Visitors()


def test_a_setting_of_a_newer_version_is_read() -> None:
    assert read_visitors({"v": 2, "default": "block", "more": 1}).default == "block"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"bots": {"@bot:x.test": {"alow": {}}}}, "alow"),
        ({"bots": {"@bot:x.test": {"allow": {"user": []}}}}, "user"),
        ({"bots": {"bot": {}}}, "bots"),
        ({"policy_rooms": ["#list:x.test"]}, "policy_rooms"),
        ({"appeal": ""}, "appeal"),
    ],
    ids=str,
)
def test_a_wrong_setting_of_an_operator_is_named(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        VisitorsSection.model_validate(changes)
    assert key in refused.value.errors()[0]["loc"]


def rule(kind: str, entity: object, recommendation: str = "m.ban", **more: object) -> Any:
    return kind, {"entity": entity, "recommendation": recommendation, **more}


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (rule("m.policy.rule.user", BORIS), "user"),
        (rule("m.policy.rule.user", "@b*:else.*"), "user"),
        (rule("m.policy.rule.server", "else.test", "org.matrix.mjolnir.ban"), "server"),
        (rule("m.policy.rule.room", CLUB), "room"),
        (rule("org.matrix.mjolnir.rule.server", "else.test"), "server"),
        (rule("m.policy.rule.user", "@[a-b]oris:else.test"), None),
        (rule("m.policy.rule.user", "@boris:else.tes"), None),
        (rule("m.policy.rule.server", "*.else.test"), None),
        (rule("m.policy.rule.room", GANG), None),
        (rule("m.policy.rule.user", BORIS, "m.watch"), None),
        (rule("m.policy.rule.user", 1), None),
        (rule("m.policy.rule.user", ""), None),
        (rule("m.room.topic", BORIS), None),
        (("m.policy.rule.user", {}), None),
    ],
    ids=str,
)
def test_policy_lists_name_users_servers_and_rooms(state: Any, what: str | None) -> None:
    found = forbids(read_rules([state]), BORIS, CLUB)
    assert (found.what if found else None) == what


def test_a_rule_tells_its_reason_in_bounds() -> None:
    [one] = read_rules([rule("m.policy.rule.user", BORIS, reason="spam" * 1_000)])
    assert one == PolicyRule("user", BORIS, ("spam" * 1_000)[:GLOB_CHARACTERS_MAX])
    [two] = read_rules([rule("m.policy.rule.user", BORIS, reason=7)])
    assert two.reason == ""


def test_lists_are_bounded() -> None:
    many = [rule("m.policy.rule.user", f"@p{number}:x.test") for number in range(RULES_MAX + 5)]
    assert len(read_rules(many)) == RULES_MAX


@pytest.mark.parametrize("glob", ["*a" * 6 + "*" * 200 + "b", "*a" * 120 + "b", "*?" * 127])
def test_a_glob_of_many_stars_takes_no_time(glob: str) -> None:
    began_s = time.process_time()
    one = PolicyRule("user", glob)
    assert forbids([one], "@" + "a" * 100 + ":x.test", CLUB) is None
    assert time.process_time() - began_s < 2
