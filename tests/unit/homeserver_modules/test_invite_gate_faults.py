"""The invite gate where something is missing: tables, lists, the database."""

import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import attrs
import pytest
from prometheus_client import REGISTRY
from synapse.module_api import NOT_SPAM, ModuleApi
from synapse.module_api.errors import SynapseError
from twisted.internet.defer import Deferred

from homeserver_modules.directories.follower import Directories, Follower
from homeserver_modules.official_accounts.core.visitors import VisitorsSection
from homeserver_modules.official_accounts.gate import INVITES_PER_HOUR_MAX, Gate

BOT, ANNA, BORIS = "@bot:veche.test", "@anna:veche.test", "@boris:else.test"
ROOM, LIST, BROKEN = "!r:veche.test", "!list:veche.test", "!broken:veche.test"


@attrs.define
class World:
    """A process of a Synapse whose database has no table of ours yet."""

    database: sqlite3.Connection
    is_gone: bool = False
    entity: str = "@nobody:else.test"
    contacts: dict[str, Any] | None = None
    asked: list[str] = attrs.Factory(list)

    def gate(self) -> Gate:
        api = create_autospec(ModuleApi)
        api.is_mine.side_effect = lambda user: user.endswith(":veche.test")
        api.should_run_background_tasks.return_value = False
        api.run_db_interaction = AsyncMock(side_effect=self._run)
        api.get_room_state = AsyncMock(side_effect=self._state)
        api.account_data_manager.get_global = AsyncMock(side_effect=self._contacts)
        section = VisitorsSection.model_validate(
            {
                "bots": {BOT: {"block": {"servers": ["else.test"]}}},
                "policy_rooms": [BROKEN, LIST],
                "appeal": "there",
            }
        )
        return Gate(section, api, Directories([], Follower(api)))

    def kept(self) -> list[tuple[str, ...]]:
        words = "SELECT inviter, invitee, room_id, rule FROM veche_refused_invite"
        return self.database.execute(words).fetchall()

    def _run(self, _desc: str, work: Callable[..., object], *args: object) -> object:
        if self.is_gone:
            raise sqlite3.OperationalError("gone")
        with self.database:
            return work(self.database.cursor(), *args)

    def _contacts(self, _user: str, _kind: str) -> object:
        if self.is_gone:
            raise sqlite3.OperationalError("gone")
        return self.contacts

    def _state(self, room_id: str, _keys: object) -> object:
        self.asked.append(room_id)
        if self.is_gone or room_id == BROKEN:
            raise sqlite3.OperationalError("gone")
        content = {"entity": self.entity, "recommendation": "m.ban", "reason": "sells fakes"}
        return {0: SimpleNamespace(type="m.policy.rule.user", content=content)}


def done(work: Coroutine[Deferred[Any], Any, Any]) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    return results[0]


def rule(gate: Gate, inviter: str, invitee: str) -> str | None:
    found = done(gate.user_may_invite(inviter, invitee, ROOM))
    if found == NOT_SPAM:
        return None
    assert isinstance(found.value, SynapseError), found
    assert found.value.code == 403
    return str(found.value.error_dict(None)["org.veche.rule"])


def failed() -> float:
    return REGISTRY.get_sample_value("veche_official_accounts_invites_failed_total") or 0.0


@pytest.fixture
def world() -> Iterator[World]:
    database = sqlite3.connect(":memory:")
    yield World(database)
    database.close()


def test_a_process_that_refuses_before_there_are_tables_loses_nothing(world: World) -> None:
    assert rule(world.gate(), BORIS, BOT) == "by_bot"
    assert world.kept() == [(BORIS, BOT, ROOM, "by_bot")]


def test_whoever_invites_too_often_is_counted_before_there_are_tables(world: World) -> None:
    gate = world.gate()
    found = [rule(gate, BORIS, ANNA) for _ in range(INVITES_PER_HOUR_MAX + 1)]
    assert found == [None] * INVITES_PER_HOUR_MAX + ["too_many"]


def test_with_the_database_gone_what_is_in_memory_counts_and_the_rest_passes(world: World) -> None:
    gate = world.gate()
    world.contacts = {"default": "block"}
    assert rule(gate, BORIS, ANNA) == "by_person"
    world.is_gone = True
    before = failed()
    assert rule(gate, BORIS, ANNA) is None
    assert failed() == before + 2
    assert rule(gate, BORIS, BOT) == "by_bot"


def test_a_list_that_cannot_be_read_says_what_it_said_and_stops_no_other(world: World) -> None:
    gate = world.gate()
    done(gate.read_lists())
    assert rule(gate, BORIS, ANNA) is None

    world.entity = "@b*:else.test"
    done(gate.read_lists())
    assert rule(gate, BORIS, ANNA) == "policy_list"

    world.is_gone, world.entity = True, "@nobody:else.test"
    done(gate.read_lists())
    assert rule(gate, BORIS, ANNA) == "policy_list"

    world.is_gone = False
    done(gate.read_lists())
    assert rule(gate, BORIS, ANNA) is None


def test_a_refusal_says_in_words_why_and_where_to_appeal(world: World) -> None:
    gate, world.entity = world.gate(), BORIS
    done(gate.read_lists())
    error = done(gate.user_may_invite(BORIS, ANNA, ROOM)).value
    assert "policy list" in error.msg
    assert "sells fakes" in error.msg
    assert error.msg.endswith("To appeal: there")


def test_the_first_invitation_after_a_start_waits_for_the_lists(world: World) -> None:
    world.entity = BORIS
    assert rule(world.gate(), BORIS, ANNA) == "policy_list"


def test_lists_that_cannot_be_read_are_not_asked_for_with_each_invitation(world: World) -> None:
    gate, world.is_gone = world.gate(), True
    for _ in range(3):
        assert rule(gate, BORIS, ANNA) is None
    assert world.asked == [BROKEN, LIST]
