"""The check's client against a Synapse and a bot that is another matrix-nio."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from nio import AsyncClient, AsyncClientConfig, InviteMemberEvent, RoomMessageText, SyncResponse

from appservices.agency import demo as office_demo
from tests.support.calls import request
from tests.support.processes import ROOT, free_ports
from veche.cli.demo import world
from veche.cli.demo.client import GREETING, Conversation, ConversationError
from veche.cli.processes.homeserver import Homeserver, HomeserverPlan, register_person
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nio import MatrixRoom

pytestmark = pytest.mark.synapse

ANSWER: Final = "What can we do for you?"
PASSWORD: Final = "secret of alice"  # noqa: S105 -- of a test


@pytest.fixture(scope="module")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    (port,) = free_ports(1)
    plan = HomeserverPlan(
        folder=tmp_path_factory.mktemp("synapse") / "homeserver",
        server_name=demo.SERVER_NAME,
        port=port,
        appservice_url="http://127.0.0.1:9",
        settings=world.homeserver_settings(port),
    )
    one = Homeserver(plan)
    one.start()
    register_person(one.plan, demo.ALICE.name, PASSWORD)
    yield one
    one.stop()


class Office:
    """A bot that joins where it is invited, greets with a prompt and answers with another."""

    def __init__(self, homeserver: Homeserver, folder: Path) -> None:
        token = (homeserver.plan.folder / "as_token").read_text().strip()
        localpart = office_demo.OFFICE_BOT[1:].partition(":")[0]
        login = {
            "type": "m.login.application_service",
            "identifier": {"type": "m.id.user", "user": localpart},
        }
        url = f"{homeserver.plan.url}/_matrix/client/v3"
        registered = {"type": login["type"], "username": localpart, "inhibit_login": True}
        request("POST", f"{url}/register", token=token, body=registered)
        access = request("POST", f"{url}/login", token=token, body=login).body
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False)
        self.heard: list[str] = []
        self._client = AsyncClient(homeserver.plan.url, store_path=str(folder), config=config)
        self._client.restore_login(access["user_id"], access["device_id"], access["access_token"])
        self._client.add_event_callback(self._invited, InviteMemberEvent)
        self._client.add_event_callback(self._asked, RoomMessageText)
        self._client.add_response_callback(self._synced, SyncResponse)
        self._greeted: set[str] = set()

    async def run(self) -> None:
        try:
            await self._client.sync_forever(1_000, full_state=True)
        finally:
            await self._client.close()

    async def _invited(self, room: MatrixRoom, _event: InviteMemberEvent) -> None:
        await self._client.join(room.room_id)

    async def _asked(self, room: MatrixRoom, event: RoomMessageText) -> None:
        if event.sender == demo.ALICE.user_id and event.decrypted:
            self.heard.append(event.body)
            await self._say(room.room_id, "Not the answer yet.", {})
            await self._say(room.room_id, "Asked before.", {"org.veche.prompt": {"id": "1"}})
            await self._say(room.room_id, ANSWER, {"org.veche.prompt": {"id": "2"}})

    async def _synced(self, _response: SyncResponse) -> None:
        for room_id, room in self._client.rooms.items():
            if room.encrypted and demo.ALICE.user_id in room.users and room_id not in self._greeted:
                self._greeted.add(room_id)
                await self._say(room_id, "Welcome.", {})
                await self._say(room_id, "Language?", {"org.veche.prompt": {"id": "1"}})

    async def _say(self, room_id: str, body: str, payload: dict[str, Any]) -> None:
        await self._client.room_send(
            room_id,
            "m.room.message",
            {"msgtype": "m.notice", "body": body, **payload},
            ignore_unverified_devices=True,
        )


def folder(path: Path) -> str:
    path.mkdir()
    return str(path)


def devices(homeserver: Homeserver) -> int:
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": demo.ALICE.name},
        "password": PASSWORD,
    }
    url = f"{homeserver.plan.url}/_matrix/client/v3"
    token = request("POST", f"{url}/login", body=body).body["access_token"]
    found = request("GET", f"{url}/devices", token=token).body["devices"]
    request("POST", f"{url}/logout", token=token)
    return len(found) - 1


def test_the_client_asks_and_reads_the_answer_encrypted_and_leaves_nothing_behind(
    homeserver: Homeserver, tmp_path: Path
) -> None:
    office = Office(homeserver, tmp_path)

    async def talk() -> str:
        running = asyncio.create_task(office.run())
        try:
            conversation = Conversation(
                homeserver.plan.url,
                demo.ALICE.user_id,
                office_demo.OFFICE_BOT,
                folder(tmp_path / "alice"),
            )
            return await conversation.hold(PASSWORD)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    assert asyncio.run(talk()) == ANSWER
    assert office.heard == [GREETING]
    assert devices(homeserver) == 0


def test_an_office_that_does_not_come_is_told(homeserver: Homeserver, tmp_path: Path) -> None:
    conversation = Conversation(
        homeserver.plan.url,
        demo.ALICE.user_id,
        office_demo.OFFICE_BOT,
        folder(tmp_path / "alice"),
        timeout_s=5,  # to log in and to make a room too, also where much else runs
    )

    with pytest.raises(ConversationError, match=r"waited 5 s in vain to see @veche_org_"):
        asyncio.run(conversation.hold(PASSWORD))
    assert devices(homeserver) == 0


def test_a_wrong_password_ends_the_process_with_a_reason(homeserver: Homeserver) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "veche.cli.demo.client"),
            *(homeserver.plan.url, demo.ALICE.user_id, office_demo.OFFICE_BOT),
        ],
        cwd=ROOT,
        env={**os.environ, world.PASSWORD_VARIABLE: "guessed"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )

    assert ended.returncode == 1
    assert "cannot log in" in ended.stdout
    assert "guessed" not in ended.stdout + ended.stderr
