"""What people did on pages before an upgrade is heard after it: migration ``runtime/0019``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from tests.support.page_rows import read_page_rows
from tests.support.postgres import database, execute
from veche.messaging.inbox.pages import hand_in, page_event_id
from veche.protocol.ids import RoomId, UserId
from veche.protocol.inbound import PageAct, PageCommand, PromptAnswer, Trust
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet, read_migrations

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.postgres

ALICE: Final = UserId("@alice:veche.test")
BOT: Final = UserId("@bot:veche.test")
ROOM: Final = RoomId("!room")


def wait(dsn: str, key: str, trust: Trust, said: Mapping[str, Any]) -> None:
    """An act waits in the inbox as the version before wrote it."""
    event_id = page_event_id(ALICE, key)
    event = {
        "event_id": event_id,
        "room_id": ROOM,
        "sender": ALICE,
        "type": "m.room.message",
        "content": {"msgtype": "m.text", "body": "!start copy", **said},
        "org.veche.page_trust": int(trust),
    }
    execute(
        dsn,
        "INSERT INTO runtime.inbox"
        " (room_id, event_id, bot, sender, event_type, event, source, received_at_ms)"
        " VALUES (%s, %s, %s, %s, 'm.room.message', %s, 3, 5)",
        ROOM,
        event_id,
        BOT,
        ALICE,
        json.dumps(event),
    )
    execute(
        dsn,
        "INSERT INTO runtime.page_act (event_id, room_id, bot, digest, created_at_ms)"
        " VALUES (%s, %s, %s, 'before', 5)",
        event_id,
        ROOM,
        BOT,
    )


def answered(choice: str | None, **more: Any) -> dict[str, Any]:
    relates = {"rel_type": "m.reference", "event_id": "$prompt"}
    answer = {"v": 1, "prompt": "p", "choice": choice, **more}
    return {"org.veche.answer": answer, "m.relates_to": relates}


def of(key: str, trust: Trust) -> dict[str, Any]:
    """What all that Alice did has in common."""
    event_id = page_event_id(ALICE, key)
    who = {"bot": BOT, "room_id": ROOM, "event_id": event_id, "sender": ALICE}
    return {**who, "trust": trust, "at_ms": 5}


def test_what_waits_is_heard_as_what_it_is_and_done_once() -> None:
    approved = of("approval nonce", Trust.SIGNED)
    filled = of("form", Trust.E2EE)
    command = of("command", Trust.VERIFIED)
    expected: list[PageAct] = [
        PromptAnswer(**approved, prompt="p", choice="pay", nonce="nonce"),
        PromptAnswer(**of("key", Trust.SIGNED), prompt="p", choice="decline"),
        PromptAnswer(**of("no", Trust.E2EE), prompt="p", choice="pay"),
        PromptAnswer(**filled, prompt="p", choice=None, data={"a": [1, "ж", None]}),
        PageCommand(**of("start", Trust.E2EE), name="start", about="copy"),
        PageCommand(**command, name="human", about="case", text="Why?"),
    ]
    [runtime] = [one for one in KERNEL_SETS if one == MigrationSet("runtime", "veche.runtime")]
    [migration] = [one for one in read_migrations(runtime) if one.number == 19]
    with database(*KERNEL_SETS) as dsn:
        execute(
            dsn,
            "INSERT INTO runtime.approval_asked"
            " (nonce, person, kind, prompt_id, choice, state, asked_at_ms)"
            " VALUES ('nonce', %s, 'payment', 'p', 'pay', 'approved', 5)",
            ALICE,
        )
        wait(dsn, "approval nonce", Trust.SIGNED, answered("pay"))
        wait(dsn, "key", Trust.SIGNED, answered("decline"))
        wait(dsn, "no", Trust.E2EE, answered("pay"))
        wait(dsn, "form", Trust.E2EE, answered(None, data={"a": [1, "ж", None]}))
        wait(dsn, "start", Trust.E2EE, {"org.veche.page": {"service": "copy"}})
        about = {"case": "case", "command": "human", "text": "Why?"}
        wait(dsn, "command", Trust.VERIFIED, {"org.veche.page": about})

        execute(dsn, migration.sql)

        assert read_page_rows(lambda sql: execute(dsn, sql)) == expected
        with connect(dsn) as connection, connection.cursor() as txn:
            again = attrs.evolve(expected[0], at_ms=6)
            assert not hand_in(txn, again)
