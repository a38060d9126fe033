"""A person whose homeserver is another one than the bot's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from twisted.internet.threads import deferToThread

from tests.integration.veche.runtime.crypto.stand import Stand
from tests.support.synapse_federation import federated_homeserver
from veche.protocol.inbound import DeviceStanding

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from tests.support.synapse import Homeserver

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


class FederationTest(Stand):
    """The bot's homeserver and a far one."""

    far: ClassVar[Homeserver]

    @classmethod
    def open(cls, stack: ExitStack, folder: Path) -> None:
        cls.server = stack.enter_context(federated_homeserver(folder / "home"))
        cls.far = stack.enter_context(federated_homeserver(folder / "far"))

    async def test_somebody_of_another_server_and_the_bot_read_one_another(self) -> None:
        house = await self.house("desk")
        alice = await self.person("nio", "alice", self.far)
        room = await self.dm(house, alice)

        asked = await deferToThread(alice.send, room, "a copy, please")
        opened = await house.read(room, asked)
        await house.say(room, "effect-far", "here it is")
        shown = await deferToThread(alice.wait_for, room, "here it is")

        assert opened.content["body"] == "a copy, please"
        assert opened.standing is DeviceStanding.NO_IDENTITY
        assert (shown.is_encrypted, shown.is_readable) == (True, True)

    async def test_a_strict_client_of_another_server_and_the_bot_read_one_another(self) -> None:
        """The servers have never met, so the first question for devices may fail."""
        house = await self.house("office")
        boris = await self.person("rust", "boris", self.far)
        room = await self.dm(house, boris)

        asked = await deferToThread(boris.send, room, "a copy, please")
        opened = await house.read(room, asked)
        await house.say(room, "effect-strict", "here it is")
        shown = await deferToThread(boris.wait_for, room, "here it is")

        assert opened.content["body"] == "a copy, please"
        assert (shown.is_encrypted, shown.is_readable) == (True, True)
