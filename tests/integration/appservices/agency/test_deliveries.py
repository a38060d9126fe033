"""Messages with legal effect: how far they come, what proves it, since when they are served."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from appservices.agency.core.delivery import DELIVERY_KEY
from appservices.agency.service.deliveries import PATH
from appservices.agency.verifying.deliveries import verify
from tests.integration.appservices.agency.town import (
    ALICE,
    BOT,
    CAROL,
    CHAT,
    DAY_MS,
    HOUR_MS,
    new_words,
    opened_file,
)
from veche.protocol.ids import UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.matrix.client import MatrixError
from veche.runtime.ports import Undeliverable
from veche.runtime.verifying.words import Asked, FalseFileError, NobodyKnowsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.appservices.agency.town import Said, Town

FAR = UserId("@alice:far.test")
RULE = {"days": 4, "law": {"en": "§ 41 (2) VwVfG"}}


class Homeserver:
    """What the homeserver's module knows; None: there is no such module."""

    def __init__(self, town: Town) -> None:
        self.known: Mapping[str, Any] | None = {}
        self.asked: list[Mapping[str, Any]] = []
        self._call = town.host.client.call
        vars(town.host.client)["call"] = self.call

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        if path != PATH:
            return await self._call(method, path, **more)
        if self.known is None:
            raise MatrixError(404, {"errcode": "M_UNRECOGNIZED"})
        self.asked += more["body"]["events"]
        return {"events": [{**one, **self.known} for one in more["body"]["events"]]}


def open_with(town: Town, rule: Mapping[str, Any] | None) -> None:
    """Open the office anew with a rule by which messages are deemed served."""
    town.opened(**({"deemed_served": rule} if rule else {}))


@pytest.fixture
def homeserver(town: Town) -> Any:
    server = Homeserver(town)
    yield server
    vars(town.host.client).pop("call", None)


def refused(town: Town, clerk: UserId = CAROL) -> Said:
    """The clerk refuses; the message that says so to the person."""
    if town.case_or_none() is None:
        town.claimed()
    before = len(town.said)
    town.press(
        town.question("decide"), clerk, "refuse", reason="no-right", text="You have no right."
    )
    return next(
        one
        for one in town.said[before:]
        if one.room_id == town.case().room and "You have no right." in one.body and not one.is_edit
    )


def stages(town: Town) -> list[tuple[str, str]]:
    """What is known of the newest message."""
    [(facts,)] = town.sql(
        "SELECT facts FROM agency.delivery ORDER BY made_at_ms DESC, delivery_id DESC LIMIT 1"
    )
    return [(one["stage"], one["how"]) for one in facts]


def receipts(town: Town, said: Sequence[Said]) -> list[bytes]:
    """The receipts that were sent, as somebody opens them."""
    stored = town.host.client.stored
    return [
        opened_file(stored[one.content["file"]["url"]], one.content["file"])
        for one in said
        if str(one.content.get("filename", one.content.get("body", ""))).startswith("delivery-")
    ]


def asked(town: Town) -> Asked:
    """Somebody who has the key of the organisation's log."""
    return Asked(town.host.act_heads.keys("lindenau"), 0, is_online=False, site=None)


def test_a_refusal_is_accepted_and_the_receipt_has_the_hash_of_its_words(
    town: Town, homeserver: Homeserver
) -> None:
    sent = refused(town)
    town.pass_time(5_000)

    assert stages(town) == [("accepted", "outbox")]
    assert homeserver.asked[-1] == {"event_id": sent.event_id, "user_id": ALICE}
    [receipt] = receipts(town, town.write(town.case().room, ALICE, "receipt"))
    told = verify(receipt, asked(town))
    assert hashlib.sha256(sent.body.encode()).hexdigest() in told
    assert "not yet" in told
