"""The queue of new chats in a real Synapse: a room waits for the first words in the one before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pytest

from homeserver_modules.chat_queue.module import PLACE_S_MAX
from tests.integration.homeserver_modules.test_event_guard import BOT, bot, modules, person
from tests.support.synapse import homeserver
from veche.cli.processes.homeserver import CHAT_QUEUE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.synapse


def test_a_chat_begins_once_the_bot_has_spoken_in_the_one_before(tmp_path: Path) -> None:
    with homeserver(tmp_path, modules=modules(CHAT_QUEUE, at_once=1)) as server:
        anna, boris, office = person(server, "anna"), person(server, "boris"), bot(server)
        first = anna.room(invite=[BOT])
        with ThreadPoolExecutor(1) as threads:
            second = threads.submit(boris.room, invite=[BOT])
            assert office.call("POST", f"/join/{first}", {}).status == 200
            assert not wait([second], PLACE_S_MAX / 5).done

            assert boris.room() != first  # a room without the bot
            assert office.send(first, {"msgtype": "m.text", "body": "Good day"}).status == 200

            assert second.result(PLACE_S_MAX / 2) != first
        assert "logcontext" not in server.log().lower()
        assert "logging context" not in server.log().lower()
