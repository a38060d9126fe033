"""A real client of the demo: matrix-nio logs in, writes to a bot, waits for its answer.

Run as a process of its own by `veche up --check`: ``python -m veche.cli.demo.client URL PERSON
BOT``, with the password in the environment. matrix-nio is not our code, and knows nothing of us.
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
    RoomPreset,
    RoomSendResponse,
    SyncResponse,
)

from veche.cli.demo.world import PASSWORD_VARIABLE

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
    """One person who writes to a bot."""

    def __init__(
        self, url: str, person: str, bot: str, folder: str, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Begin for a person who never wrote to the bot; nothing is sent yet.

        The bot answers no new device of somebody whom it knows without an identity.
        """
        self._bot, self._timeout_s = bot, timeout_s
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False)
        self._client = AsyncClient(url, person, store_path=folder, config=config)
        self._room_id = ""
        self._prompts: set[str] = set()
        self._step = "log in"

    async def hold(self, password: str) -> str:
        """Log in, write, wait; leave nothing behind but what was said.

        Returns:
            The body of the bot's answer, decrypted.

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
                invite=[self._bot],
                initial_state=[_ENCRYPTION],
            ),
            RoomCreateResponse,
        )
        self._room_id = str(created.room_id)
        self._step = f"see {self._bot} join"
        while not self._has_bot_with_keys():
            await self._sync()
        # It greets whoever comes, and asks something. What it asks next is the answer to us.
        self._step = "be greeted by the bot"
        while not self._prompts:
            await self._sync()

    async def _ask(self) -> str:
        self._step = "write an encrypted message"
        self._expect(
            await self._client.room_send(
                self._room_id,
                "m.room.message",
                {"msgtype": "m.text", "body": GREETING},
                ignore_unverified_devices=True,
            ),
            RoomSendResponse,
        )
        self._step = "read the bot's encrypted answer"
        while True:
            if (answer := await self._sync()) is not None:
                return answer

    async def _leave(self) -> None:
        if self._room_id:
            await self._client.room_leave(self._room_id)
            await self._client.room_forget(self._room_id)
        if self._client.access_token:
            await self._client.logout()
        await self._client.close()

    async def _sync(self) -> str | None:
        """Upload, ask for and claim keys as due, read the new events of the room.

        Returns:
            The body of the first message with a prompt that was not there before.

        Raises:
            ConversationError: The bot said something that cannot be decrypted.
        """
        answer = self._expect(await self._client.sync(_SYNC_MS), SyncResponse)
        client = self._client
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        await client.send_to_device_messages()
        room = answer.rooms.join.get(self._room_id)
        bodies = [self._read(event) for event in (room.timeline.events if room else ())]
        return next((body for body in bodies if body is not None), None)

    def _read(self, event: Any) -> str | None:
        """The body, if the bot says it, encrypted, with a new prompt."""
        if event.sender != self._bot:
            return None
        if isinstance(event, MegolmEvent):
            raise ConversationError("what the bot says cannot be decrypted")
        content = event.source["content"]
        prompt_id = content.get("org.veche.prompt", {}).get("id")
        if prompt_id is None or prompt_id in self._prompts or not event.decrypted:
            return None
        self._prompts.add(prompt_id)
        return str(content["body"])

    def _has_bot_with_keys(self) -> bool:
        room = self._client.rooms.get(self._room_id)
        if room is None or self._bot not in room.users:
            return False
        is_there = self._bot not in room.invited_users
        return is_there and any(self._client.device_store.active_user_devices(self._bot))

    def _expect(self, answer: Any, kind: type[Any]) -> Any:
        if not isinstance(answer, kind):
            raise ConversationError(f"cannot {self._step}: {answer}")
        return answer


def main() -> int:
    """Hold the conversation and print the answer; exit code 1 and the reason if it failed."""
    logging.disable(logging.CRITICAL)  # nio logs each event that it cannot decrypt yet
    url, person, bot = sys.argv[1:]
    password = os.environ[PASSWORD_VARIABLE]
    with tempfile.TemporaryDirectory(prefix="veche-client-") as folder:
        try:
            answer = asyncio.run(Conversation(url, person, bot, folder).hold(password))
        except ConversationError as e:
            sys.stdout.write(f"{e}\n")
            return 1
    sys.stdout.write(f"  {person}: {GREETING}\n  {bot}: {answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
