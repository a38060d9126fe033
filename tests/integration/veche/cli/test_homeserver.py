"""A real Synapse on SQLite, as tests use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.support.calls import Answer, request
from tests.support.processes import free_ports
from veche.cli.processes.homeserver import (
    Homeserver,
    HomeserverError,
    HomeserverPlan,
    has_person,
    is_healthy,
    register_person,
)
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.synapse


def plan(folder: Path) -> HomeserverPlan:
    (port,) = free_ports(1)
    return HomeserverPlan(
        folder=folder / "homeserver",
        server_name="veche.test",
        port=port,
        appservice_url="http://127.0.0.1:9",
    )


@pytest.fixture(scope="module")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    one = Homeserver(plan(tmp_path_factory.mktemp("synapse")))
    one.start()
    yield one
    one.stop()
    assert not is_healthy(one.plan.port)


def log_in(homeserver: Homeserver, name: str, password: str) -> Answer:
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": name},
        "password": password,
    }
    return request("POST", f"{homeserver.plan.url}/_matrix/client/v3/login", body=body)


def test_a_registered_person_can_log_in(homeserver: Homeserver) -> None:
    user_id = "@anna:veche.test"
    assert register_person(homeserver.plan, "anna", "secret of anna", "Anna A.")
    profile = request("GET", f"{homeserver.plan.url}/_matrix/client/v3/profile/{user_id}")

    assert log_in(homeserver, "anna", "secret of anna").body["user_id"] == user_id
    assert profile.body["displayname"] == "Anna A."


def test_a_person_who_is_there_keeps_password_and_name(homeserver: Homeserver) -> None:
    assert not has_person(homeserver.plan, "boris")
    assert register_person(homeserver.plan, "boris", "first")
    assert has_person(homeserver.plan, "boris")
    assert not register_person(homeserver.plan, "boris", "second")

    assert log_in(homeserver, "boris", "first").status == 200
    assert log_in(homeserver, "boris", "second").status == 403


@pytest.mark.parametrize("name", ["a b", "veche_desk", "x" * 300])
def test_a_name_that_is_not_for_people_is_refused(homeserver: Homeserver, name: str) -> None:
    with pytest.raises(UnavailableError, match=r": 40[03] "):
        register_person(homeserver.plan, name, "secret")


def test_only_the_application_service_acts_for_our_names(homeserver: Homeserver) -> None:
    token = (homeserver.plan.folder / "as_token").read_text().strip()
    body = {"type": "m.login.application_service", "username": "veche_desk", "inhibit_login": True}
    url = f"{homeserver.plan.url}/_matrix/client/v3/register"

    assert request("POST", url, token=token, body=body).body["user_id"] == "@veche_desk:veche.test"
    assert request("POST", url, token="guessed", body=body).status == 401


def test_what_only_the_health_path_answers_is_not_another_path(homeserver: Homeserver) -> None:
    assert is_healthy(homeserver.plan.port)
    assert not is_healthy(homeserver.plan.port, "/ready")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ({"module": "nowhere.Guard", "config": {}}, "No module named 'nowhere'"),
        (
            {
                "module": "homeserver_modules.event_guard.EventGuard",
                "config": {"localpart_prefux": "veche_"},
            },
            "localpart_prefux",
        ),
    ],
)
def test_a_failed_start_says_why_and_leaves_nothing(
    tmp_path: Path, module: dict[str, Any], said: str
) -> None:
    homeserver = Homeserver(attrs.evolve(plan(tmp_path), modules=[module]))

    with pytest.raises(HomeserverError) as failed:
        homeserver.start()

    assert "Synapse ended with code 1. The last lines of" in str(failed.value)
    assert said in str(failed.value)
    assert homeserver.pid is None
    assert not is_healthy(homeserver.plan.port)


def test_a_start_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    homeserver = Homeserver(plan(tmp_path))

    with pytest.raises(HomeserverError, match=r"did not answer within 0\.1 s"):
        homeserver.start(timeout_s=0.1)

    assert homeserver.pid is None


def test_people_of_a_homeserver_that_does_not_run_are_unavailable(tmp_path: Path) -> None:
    stopped = Homeserver(plan(tmp_path))
    stopped.stop()

    assert not has_person(stopped.plan, "anna")
    with pytest.raises(UnavailableError, match="no answer"):
        register_person(stopped.plan, "anna", "secret")
