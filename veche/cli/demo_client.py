"""A real client of the demo: matrix-nio logs in, writes to the office, waits for its answer.

Run as a process of its own by `veche up --check`: ``python -m veche.cli.demo_client URL``, with
the password in the environment. matrix-nio is not our code, and knows nothing of us.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from typing import Any, Final

from nio import (
    AsyncClient,
    AsyncClientConfig,
    LoginResponse,
    MegolmEvent,
    RoomCreateResponse,
    RoomMessage,
    RoomPreset,
    RoomSendResponse,
    SyncResponse,
)

from veche.cli import demo

TIMEOUT_S: Final = 50.0
"""How long all of it may take."""

GREETING: Final = "hello"
"""What it writes."""

_SYNC_MS: Final = 2_000
_ENCRYPTION: Final = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}


class ConversationError(Exception):
    """The conversation did not go as it should; the message says where."""


class Conversation:
    """One person who writes to the office's bot."""

    def __init__(self, url: str, folder: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Nothing is sent yet.

        Args:
            url: Of the homeserver.
            folder: Where the client keeps its keys.
            timeout_s: How long all of it may take.
        """
        self._timeout_s = timeout_s
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False)
        self._client = AsyncClient(url, demo.ALICE.user_id, store_path=folder, config=config)
        self._room_id = ""
        self._step = "log in"

    async def hold(self, password: str) -> str:
        """Log in, write, wait; leave nothing behind but what was said.

        Returns:
            The body of the office's answer, decrypted.

        Raises:
            ConversationError: A step failed, or took too long.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._enter(password)
                return await self._ask()
        except TimeoutError as e:
            raise ConversationError(f"waited {self._timeout_s:g} s in vain to {self._step}") from e
        finally:
            await self._leave()

    async def _enter(self, password: str) -> None:
        self._expect(await self._client.login(password, "veche up --check"), LoginResponse)
        await self._sync()
        self._step = "make a room"
        created = self._expect(
            await self._client.room_create(
                is_direct=True,
                preset=RoomPreset.private_chat,
                invite=[demo.OFFICE_BOT],
                initial_state=[_ENCRYPTION],
            ),
            RoomCreateResponse,
        )
        self._room_id = str(created.room_id)
        self._step = f"see {demo.OFFICE_BOT} join"
        while not self._has_bot_with_keys():
            await self._sync()

    async def _ask(self) -> str:
        self._step = "write an encrypted message"
        sent = self._expect(
            await self._client.room_send(
                self._room_id,
                "m.room.message",
                {"msgtype": "m.text", "body": GREETING},
                ignore_unverified_devices=True,
            ),
            RoomSendResponse,
        )
        self._step = "read the office's encrypted answer"
        is_asked = False
        while True:
            for event in await self._sync():
                # What the office said before is no answer.
                is_asked = is_asked or event.event_id == sent.event_id
                if is_asked and event.sender == demo.OFFICE_BOT:
                    if isinstance(event, RoomMessage) and event.decrypted:
                        return str(event.source["content"]["body"])
                    if isinstance(event, MegolmEvent):
                        raise ConversationError("the office's answer cannot be decrypted")

    async def _leave(self) -> None:
        if self._room_id:
            await self._client.room_leave(self._room_id)
            await self._client.room_forget(self._room_id)
        if self._client.access_token:
            await self._client.logout()
        await self._client.close()

    async def _sync(self) -> list[Any]:
        """The new events of the room; device keys are uploaded, asked for and claimed as due."""
        answer = self._expect(await self._client.sync(_SYNC_MS), SyncResponse)
        client = self._client
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        await client.send_to_device_messages()
        room = answer.rooms.join.get(self._room_id)
        return [] if room is None else list(room.timeline.events)

    def _has_bot_with_keys(self) -> bool:
        room = self._client.rooms.get(self._room_id)
        if room is None or demo.OFFICE_BOT not in room.users:
            return False
        is_there = demo.OFFICE_BOT not in room.invited_users
        return is_there and any(self._client.device_store.active_user_devices(demo.OFFICE_BOT))

    def _expect(self, answer: Any, kind: type[Any]) -> Any:
        if not isinstance(answer, kind):
            raise ConversationError(f"cannot {self._step}: {answer}")
        return answer


def main() -> int:
    """Hold the conversation and print the answer; exit code 1 and the reason if it failed."""
    logging.disable(logging.CRITICAL)  # nio logs each event that it cannot decrypt yet
    password = os.environ[demo.PASSWORD_VARIABLE]
    with tempfile.TemporaryDirectory(prefix="veche-client-") as folder:
        try:
            answer = asyncio.run(Conversation(sys.argv[1], folder).hold(password))
        except ConversationError as e:
            sys.stdout.write(f"{e}\n")
            return 1
    sys.stdout.write(f"  {demo.ALICE.display_name}: {GREETING}\n  {demo.OFFICE_BOT}: {answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
