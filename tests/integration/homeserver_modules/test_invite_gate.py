"""The invite gate in real Synapses: settings, rates, policy lists, and what is on record."""

from __future__ import annotations

import sqlite3
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from homeserver_modules.official_accounts.gate import INVITES_PER_HOUR_MAX
from tests.integration.homeserver_modules.test_event_guard_proofs import Client
from tests.support.processes import wait_until
from tests.support.synapse import homeserver
from tests.support.synapse_federation import federated_homeserver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.calls import Answer
    from tests.support.synapse import Homeserver

pytestmark = pytest.mark.synapse

MODULE = "homeserver_modules.official_accounts.OfficialAccounts"
APPEAL = "ask@example.org"
QUICK_MODULE = "tests.support.quick_lists.OfficialAccounts"
ASK_S = 1.5
"""Whoever asked more often would invite too often."""
READ_S_MAX = 20
"""Until a changed list counts that is read each second."""
QUIET = "@quiet:veche.test"


def modules(module: str = MODULE, **visitors: Any) -> list[dict[str, Any]]:
    return [{"module": module, "config": {"visitors": {"appeal": APPEAL, **visitors}}}]


def invite(who: Client, room: str, person: str) -> Answer:
    where = f"/rooms/{urllib.parse.quote(room)}/invite"
    return who.call("POST", where, {"user_id": person})


def rule(answer: Answer) -> object:
    return answer.body.get("org.veche.rule")


def set_contacts(who: Client, **setting: Any) -> None:
    where = f"/user/{urllib.parse.quote(who.user_id)}/account_data/org.veche.contacts"
    assert who.call("PUT", where, setting).status == 200


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    bots = {QUIET: {"default": "block", "allow": {"users": ["@anna:*"]}}}
    with homeserver(tmp_path_factory.mktemp("home"), modules=modules(bots=bots)) as server:
        yield server


@pytest.fixture(scope="module")
def anna(home: Homeserver) -> Client:
    return Client.of(home, "anna")


@pytest.fixture(scope="module")
def boris(home: Homeserver) -> Client:
    return Client.of(home, "boris")


def test_people_say_who_may_invite_them_and_each_refusal_is_explained_and_on_record(
    home: Homeserver, anna: Client, boris: Client
) -> None:
    room, club = boris.room(), anna.room()
    set_contacts(anna, v=1, default="block", allow={"groups": [club]})
    refused = invite(boris, room, anna.user_id)
    assert (refused.status, rule(refused)) == (403, "by_person")
    assert refused.body["errcode"] == "M_INVITE_BLOCKED"
    assert refused.body["org.veche.appeal"] == APPEAL
    assert (
        refused.body["error"] == f"This person takes no invitations from you. To appeal: {APPEAL}"
    )
    # Whoever is in the club may, and a club that the person is not in is none.
    other = boris.room()
    set_contacts(anna, v=1, default="block", allow={"groups": [other]})
    assert rule(invite(boris, room, anna.user_id)) == "by_person"
    set_contacts(anna, v=1, default="block", allow={"groups": [club]})
    assert invite(anna, club, boris.user_id).status == 200
    assert boris.call("POST", f"/join/{urllib.parse.quote(club)}", {}).status == 200
    assert invite(boris, room, anna.user_id).status == 200
    database = sqlite3.connect(home.plan.folder / "homeserver.db")
    kept = database.execute(
        "SELECT inviter, invitee, room_id, rule FROM veche_refused_invite"
    ).fetchall()
    database.close()
    assert (boris.user_id, anna.user_id, room, "by_person") in kept


def test_a_setting_that_makes_no_sense_keeps_nobody_away(anna: Client, boris: Client) -> None:
    set_contacts(anna, default="perhaps")
    assert invite(boris, boris.room(), anna.user_id).status == 200


def test_an_operator_says_who_may_invite_a_bot(
    home: Homeserver, anna: Client, boris: Client
) -> None:
    assert home.register("quiet") == QUIET
    assert rule(invite(boris, boris.room(), QUIET)) == "by_bot"
    assert invite(anna, anna.room(), QUIET).status == 200


def test_a_young_account_invites_so_many_in_an_hour(home: Homeserver) -> None:
    spammer = Client.of(home, "spammer")
    people = [home.register(f"p{number}") for number in range(INVITES_PER_HOUR_MAX + 1)]
    room = spammer.room()
    answers = [invite(spammer, room, person) for person in people]
    assert [one.status for one in answers] == [200] * INVITES_PER_HOUR_MAX + [403]
    assert rule(answers[-1]) == "too_many"
    other = Client.of(home, "other")
    assert invite(other, other.room(), people[0]).status == 200


def test_somebody_of_another_server_comes_as_lists_and_settings_say(tmp_path: Path) -> None:
    with (
        federated_homeserver(tmp_path / "abroad") as abroad,
        federated_homeserver(tmp_path / "home") as home,
    ):
        moderator, anna = Client.of(home, "moderator"), Client.of(home, "anna")
        desk, club = home.register("desk"), moderator.room(preset="public_chat")
        lists = moderator.room()
        foreign = abroad.plan.server_name
        # The list and the club are known when the module starts.
        home.stop()
        visitors = {
            "policy_rooms": [lists],
            "bots": {desk: {"block": {"servers": [foreign]}, "allow": {"groups": [club]}}},
        }
        home.plan = attrs.evolve(home.plan, modules=modules(QUICK_MODULE, **visitors))
        home.start()
        for client in (moderator, anna):
            client.token = home.login(client.user_id.partition(":")[0][1:])
        boris, vera = Client.of(abroad, "boris"), Client.of(abroad, "vera")

        # The bot takes nobody of that server but members of the club.
        refused = invite(vera, vera.room(), desk)
        assert (refused.status, refused.body["errcode"]) == (403, "M_INVITE_BLOCKED")
        assert refused.body["error"].endswith(f"To appeal: {APPEAL}")
        where = f"/join/{urllib.parse.quote(club)}?server_name={home.plan.server_name}"
        assert vera.call("POST", where, {}).status == 200
        assert invite(vera, vera.room(), desk).status == 200

        ban = {"entity": "@boris:*", "recommendation": "m.ban", "reason": "sells fakes"}
        assert moderator.put(lists, "m.policy.rule.user", "boris", ban).status == 200
        room = boris.room()
        wait_for_rule(boris, anna, "policy_list")
        refused = invite(boris, room, anna.user_id)
        assert refused.status == 403
        assert "sells fakes" in refused.body["error"]
        assert invite(vera, vera.room(), anna.user_id).status == 200
        # Whom somebody names themselves may come.
        set_contacts(anna, allow={"users": [boris.user_id]})
        assert invite(boris, room, anna.user_id).status == 200
        set_contacts(anna, block={"servers": [foreign]})
        assert rule(invite(vera, vera.room(), anna.user_id)) == "by_person"
        # Nor is somebody kept away any more who is taken off the list.
        set_contacts(anna)
        assert moderator.put(lists, "m.policy.rule.user", "boris", {}).status == 200
        wait_for_rule(boris, anna, None)


def wait_for_rule(who: Client, person: Client, expected: str | None) -> None:
    """Until a changed list counts: once it is read again, and not much later."""

    # A second invitation into one room is none for the other server.
    def counts() -> bool:
        time.sleep(ASK_S)
        return rule(invite(who, who.room(), person.user_id)) == expected

    wait_until(counts, READ_S_MAX, "it was not read")
