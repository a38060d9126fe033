from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.unit.veche.cli.diagnosis.patients import NOW_S, homeserver, patient
from veche.cli.diagnosis.homeserver import (
    CLOCK_S_MAX,
    look_at_answer,
    look_at_clock,
    look_at_loading,
    look_at_ping,
    look_at_registration,
    look_at_version,
)
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from veche.cli.diagnosis.finding import Patient

VERSIONS = "/_matrix/client/versions"
FEDERATION = "/_matrix/federation/v1/version"
WHOAMI = "/_matrix/client/v3/account/whoami"
PING = "/_matrix/client/v1/appservice/veche/ping"
GOOD = {
    "versions": ["v1.11"],
    "unstable_features": {"org.matrix.simplified_msc3575": True},
}

ALIASES = {"exclusive": True, "regex": r"#veche_.*:example\.org"}
REGISTRATION: dict[str, Any] = {
    "id": "veche",
    "url": "http://127.0.0.1:8009",
    "as_token": "as" * 8,
    "hs_token": "hs" * 8,
    "sender_localpart": "veche_",
    "rate_limited": False,
    "namespaces": {
        "users": [{"exclusive": True, "regex": r"@veche_.*:example\.org"}],
        "aliases": [ALIASES],
    },
}


def test_a_homeserver_that_speaks_what_we_need_is_fine(tmp_path: Path) -> None:
    with homeserver({VERSIONS: (200, GOOD)}) as server:
        assert list(look_at_answer(patient(tmp_path, server.url))) == []


def test_no_homeserver_is_named_with_its_url(tmp_path: Path) -> None:
    ((what, mend),) = look_at_answer(patient(tmp_path))
    assert what.startswith("no answer from http://127.0.0.1:1: ")
    assert "homeserver.url" in mend


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ((404, b"<html>"), "is no Matrix homeserver (HTTP 404)"),
        ((200, b"not json"), "is no Matrix homeserver"),
        ((200, [1]), "is no Matrix homeserver"),
        ((200, {"versions": ["v1.11"]}), "no sliding sync"),
        ((200, {"versions": [], "unstable_features": {}}), "no sliding sync"),
    ],
)
def test_another_answer_is_named(tmp_path: Path, answer: tuple[int, Any], part: str) -> None:
    with homeserver({VERSIONS: answer}) as server:
        ((what, _),) = look_at_answer(patient(tmp_path, server.url))
    assert part in what


@pytest.mark.parametrize(
    ("server_says", "is_ok"),
    [
        ({"name": "Synapse", "version": "1.163.0"}, True),
        ({"name": "Synapse", "version": "2.0 (b=x)"}, True),
        ({"name": "Synapse", "version": "1.162.9"}, False),
        ({"name": "Other", "version": "0.1"}, True),
        ({"name": "Synapse", "version": "unknown"}, True),
        ({}, True),
    ],
)
def test_an_old_synapse_is_named(tmp_path: Path, server_says: dict[str, str], is_ok: bool) -> None:
    with homeserver({FEDERATION: (200, {"server": server_says})}) as server:
        found = list(look_at_version(patient(tmp_path, server.url)))
    assert (found == []) is is_ok


def test_a_homeserver_that_hides_its_version_is_fine(tmp_path: Path) -> None:
    with homeserver({}) as server:
        assert list(look_at_version(patient(tmp_path, server.url))) == []


@pytest.mark.parametrize(
    ("away_s", "is_ok"),
    [
        (0, True),
        (CLOCK_S_MAX, True),
        (CLOCK_S_MAX + 1, False),
        (-CLOCK_S_MAX - 1, True),
        (-CLOCK_S_MAX - 2, False),
    ],
)
def test_clocks_that_are_apart_are_named(tmp_path: Path, away_s: float, is_ok: bool) -> None:
    headers = {"Date": formatdate(NOW_S + away_s, usegmt=True)}
    with homeserver({VERSIONS: (200, GOOD)}, headers) as server:
        found = list(look_at_clock(patient(tmp_path, server.url)))
    assert (found == []) is is_ok


def test_a_homeserver_without_a_date_is_fine(tmp_path: Path) -> None:
    with homeserver({VERSIONS: (200, GOOD)}) as server:
        assert list(look_at_clock(patient(tmp_path, server.url))) == []


def registered(folder: Path, **changes: Any) -> Patient:
    one = patient(folder)
    text = yaml.safe_dump({**REGISTRATION, **changes})
    (folder / "registration.yaml").write_text(text)
    return one


def test_a_registration_that_fits_is_fine(tmp_path: Path) -> None:
    assert list(look_at_registration(registered(tmp_path))) == []


def namespace(regex: str, *, is_exclusive: bool) -> dict[str, Any]:
    """A change of a registration: whose names are its own."""
    users = [{"exclusive": is_exclusive, "regex": regex}]
    return {"namespaces": {"users": users, "aliases": [ALIASES]}}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"id": "other"}, "its id is not that of homeserver.appservice_id"),
        ({"as_token": "hunter2"}, "its as_token is not that of"),
        ({"hs_token": "hunter2"}, "its hs_token is not that of"),
        ({"rate_limited": True}, "its rate_limited is not that of false"),
        ({"sender_localpart": "bot"}, "its sender @bot:example.org is outside"),
        ({"namespaces": {}}, "is outside its own namespace"),
        (namespace("(", is_exclusive=True), "is outside its own namespace"),
        (namespace("@veche_.*:other", is_exclusive=True), "is outside"),
        (namespace("@veche_.*", is_exclusive=False), "namespaces.users is not exclusive"),
    ],
)
def test_a_registration_that_does_not_fit_is_named_without_secrets(
    tmp_path: Path, changes: dict[str, Any], part: str
) -> None:
    found = list(look_at_registration(registered(tmp_path, **changes)))
    assert [what for what, _ in found if part in what] != []
    assert "hunter2" not in str(found)


def test_a_registration_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    one = patient(tmp_path)
    ((what, _),) = look_at_registration(one)
    assert what.endswith("registration.yaml: No such file or directory")

    (tmp_path / "registration.yaml").write_text("- a list")
    ((what, _),) = look_at_registration(one)
    assert what.endswith("is no registration")


def test_a_token_that_the_homeserver_knows_is_fine(tmp_path: Path) -> None:
    with homeserver({WHOAMI: (200, {"user_id": "@veche_:example.org"})}) as server:
        assert list(look_at_loading(patient(tmp_path, server.url))) == []
    assert server.asked[0].authorization == f"Bearer {'as' * 8}"


def test_a_registration_that_was_not_loaded_is_named(tmp_path: Path) -> None:
    with homeserver({WHOAMI: (401, {"errcode": "M_UNKNOWN_TOKEN"})}) as server:
        ((what, mend),) = look_at_loading(patient(tmp_path, server.url))
    assert "has not loaded the registration" in what
    assert "app_service_config_files" in mend


def test_any_other_refusal_is_quoted(tmp_path: Path) -> None:
    with homeserver({WHOAMI: (502, {"errcode": "M_X", "error": "down"})}) as server:
        ((what, _),) = look_at_loading(patient(tmp_path, server.url))
    assert what == "whoami: HTTP 502 M_X down"


@pytest.mark.parametrize(
    ("errcode", "part"),
    [
        ("M_CONNECTION_FAILED", "start `veche run`"),
        ("M_CONNECTION_TIMEOUT", "overloaded"),
        ("M_BAD_STATUS", "hs_token differs"),
        ("M_URL_NOT_SET", "set url"),
        ("M_FORBIDDEN", "homeserver.appservice_id"),
        ("M_NEW", "homeserver's log"),
    ],
)
def test_each_failure_of_the_ping_has_a_mend(tmp_path: Path, errcode: str, part: str) -> None:
    with homeserver({PING: (502, {"errcode": errcode})}) as server:
        ((what, mend),) = look_at_ping(patient(tmp_path, server.url))
    assert errcode in what
    assert part in mend
    assert server.asked[0].body == {}


def test_a_homeserver_that_hangs_up_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no answer"):
        list(look_at_ping(patient(tmp_path)))
