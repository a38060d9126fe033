"""What waits while it is not sure who reads it: documents, links that open something, digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.veche.runtime.crypto.desk import Desk, run
from tests.integration.veche.runtime.crypto.test_late_identities import (
    GHOSTS,
    HERS,
    can_read,
    changed,
    dealt,
)
from tests.support.crypto_peers import ANNA, ROOM, Side, identity
from veche.protocol.ids import RoomId
from veche.runtime.ports import HeldBack, NotPrepared

if TYPE_CHECKING:
    from veche.runtime.crypto.core.values import Json

pytestmark = pytest.mark.postgres

DOCUMENT: Final = {"msgtype": "m.file", "body": "a.pdf", "file": {"url": "mxc://x/y"}}
LINK: Final = {"msgtype": "m.text", "body": "Sign here: https://veche.test/sign#s=1&k=2"}

PERSONAL: Final = {"msgtype": "m.text", "body": "Show them: 4711", "org.veche.personal": {"v": 1}}


def seal(desk: Desk, content: Json) -> Json:
    """Prepare and seal something, as a turn of the outbox does."""
    wanted: Any = (ROOM, "m.room.message", content, {}, desk.now_ms)
    for _ in range(2):
        desk.prepare()
        try:
            sealed: Json = run(desk.database.run("seal", desk.sealer.seal, *wanted))
        except NotPrepared:
            continue
        run(desk.sealer.deliver(RoomId(ROOM)))
        desk.server.delivered()
        return sealed
    raise AssertionError("it is never prepared")


@pytest.mark.parametrize("content", [DOCUMENT, LINK, PERSONAL])
def test_what_waits_leaves_once_the_doubt_is_over_though_nothing_else_is_said(
    desk: Desk, content: Json
) -> None:
    phone = dealt(desk, with_identity=HERS)
    ghost = desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)
    desk.say("a warning")
    with pytest.raises(HeldBack):
        seal(desk, content)
    del desk.server.sides[ANNA, "GHOST"]
    desk.server.sides[ANNA, "PHONE"] = phone
    changed(desk)

    sealed = seal(desk, content)

    assert can_read(phone, sealed)
    assert not can_read(ghost, sealed)


@pytest.mark.parametrize("content", [DOCUMENT, LINK, PERSONAL])
def test_what_is_for_one_person_waits_while_somebody_else_is_in_a_chat_that_they_made(
    desk: Desk, content: Json
) -> None:
    phone = dealt(desk, with_identity=HERS)
    stranger = desk.add(Side("@ghost:veche.test", "GHOST", identity("@ghost:veche.test", 5)))
    desk.member(stranger.user_id)

    with pytest.raises(HeldBack):
        seal(desk, content)
    assert can_read(stranger, desk.say("you are not alone"))
    desk.member(stranger.user_id, "leave")
    sealed = seal(desk, content)

    assert [can_read(one, sealed) for one in (phone, stranger)] == [True, False]


@pytest.mark.parametrize("body", ["https://veche.test/keys", "see #7", "https://matrix.to/#/@a:b"])
def test_words_and_links_that_open_nothing_by_themselves_do_not_wait(desk: Desk, body: str) -> None:
    phone = dealt(desk, with_identity=HERS)
    desk.add(Side(ANNA, "GHOST", GHOSTS))
    changed(desk)

    assert can_read(phone, seal(desk, {"msgtype": "m.text", "body": body}))
