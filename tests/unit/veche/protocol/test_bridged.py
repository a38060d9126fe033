"""The bot of a bridge speaks for ghosts of its own names, encrypted, and with no trust."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from bridges.core.speaking import spoken
from veche.protocol.bridged import bridge_of, heard
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust

BOT: Final = UserId("@_veche_mail_bot:veche.test")
GHOST: Final = UserId("@_veche_mail_abc:veche.test")
BRIDGES: Final = frozenset({BOT})


def inbound(ghost: UserId = GHOST) -> Inbound:
    return Inbound(
        bot=UserId("@veche_office:veche.test"),
        room_id=RoomId("!r"),
        event_id=EventId("$1"),
        sender=BOT,
        trust=Trust.VERIFIED,
        standing=DeviceStanding.VERIFIED,
        at_ms=0,
        event_type="m.room.message",
        content=spoken(ghost, "mail", "Ann (e-mail)", {"org.veche.answer": {}}, "1"),
    )


def test_the_ghost_said_it_and_its_network_proves_nothing() -> None:
    found = heard(inbound(), BRIDGES)

    assert (found.sender, found.trust) == (GHOST, Trust.ANY)
    assert found.content == {
        "msgtype": "m.text",
        "body": "1",
        "m.mentions": {},
        "org.veche.answer": {},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": UserId("@eve:veche.test")},
        {"trust": Trust.E2EE},
        {"trust": Trust.ANY, "standing": DeviceStanding.NOT_ENCRYPTED},
        {"content": {"body": "1"}},
        {"content": {"body": "1", "org.veche.bridged": {"v": 1}}},
        {"content": {"body": "1", "org.veche.bridged": "x"}},
    ],
)
def test_else_it_is_whose_event_it_is(changes: dict[str, Any]) -> None:
    said = attrs.evolve(inbound(), **changes)
    assert heard(said, BRIDGES) is said


@pytest.mark.parametrize(
    "ghost",
    [
        "@alice:veche.test",
        "@_veche_sms_abc:veche.test",
        "@_veche_mail_abc:other.test",
        "@veche_office:veche.test",
        BOT,
    ],
)
def test_it_speaks_for_nobody_else(ghost: str) -> None:
    said = inbound(UserId(ghost))
    assert heard(said, BRIDGES) is said
    assert bridge_of(UserId(ghost), BRIDGES) is None


def test_without_a_list_nobody_speaks_for_others() -> None:
    said = inbound()
    assert heard(said, ()) is said
