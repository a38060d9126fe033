"""The name guard of a real Synapse with workers takes its names from a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.directories import Written, account
from tests.support.people.person import WAIT_S
from tests.support.postgres import synapse_database
from tests.support.processes import wait_until
from tests.support.served_directory import served
from tests.support.synapse_workers import homeserver_with_workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.calls import Answer

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

MODULE = "homeserver_modules.official_accounts.OfficialAccounts"
NAME = "Vital Records Office"


def test_each_worker_guards_the_names_of_a_directory_also_while_it_is_gone(tmp_path: Path) -> None:
    directory = Written()
    directory.add(directory.org("records", accounts=[account("@registrar:veche.test")]))
    with (
        served(directory) as where,
        synapse_database() as dsn,
        homeserver_with_workers(
            tmp_path, dsn, modules=[{"module": MODULE, "config": {"directories": [where.config]}}]
        ) as server,
    ):
        anna, registrar = (
            (server.register(name), server.login(name))[1] for name in ("anna", "registrar")
        )
        ways = (server.call, server.call_creator)

        def create(call: Callable[..., Answer], token: str) -> Answer:
            body = {"name": NAME, "preset": "public_chat"}
            return call("POST", "/_matrix/client/v3/createRoom", token=token, body=body)

        def wait_until_told(token: str, status: int) -> None:
            for call in ways:
                wait_until(
                    lambda call=call: create(call, token).status == status,  # type: ignore[misc]
                    WAIT_S,
                    "the worker did not hear of it",
                )

        wait_until_told(anna, 200)
        server.register("boris")
        boris = server.login("boris")
        profile = "/_matrix/client/v3/profile/@boris:veche.test/displayname"
        for token, path in ((boris, profile), (registrar, profile.replace("boris", "registrar"))):
            said = server.call("PUT", path, token=token, body={"displayname": NAME})
            assert said.status == 200
        protected = directory.said("names", "records", names=[NAME], appeal="there")
        assert directory.add(protected) is None
        wait_until_told(anna, 403)
        assert [create(call, registrar).status for call in ways] == [200, 200]

        def named(path: str) -> object:
            return server.call("GET", path, token=anna).body["displayname"]

        # What somebody was called before is no longer theirs either.
        wait_until(lambda: named(profile) == "boris", WAIT_S, "the name was not set back")
        assert named(profile.replace("boris", "registrar")) == NAME
        refused = create(server.call_creator, anna)
        assert refused.errcode == "ORG.VECHE.NAME_PROTECTED"
        assert refused.body["org.veche.appeal"] == "there"

        words = {"reason": "A stolen key.", "appeal": "there"}
        assert directory.add(directory.said("suspend", "records", **words)) is None
        wait_until_told(registrar, 403)

        where.fault = (200, b'{"v": 1, "checkpoint": "forged"}')
        server.restart()
        # At once: what Synapse kept of the directory counts for the very first that is asked.
        told = [create(call, token).errcode for call in ways for token in (anna, registrar)]
        assert told == ["ORG.VECHE.NAME_PROTECTED"] * 4
