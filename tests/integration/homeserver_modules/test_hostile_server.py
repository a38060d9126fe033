"""A hostile server: a real Synapse whose operator signs and sends thousands of events by hand."""

from __future__ import annotations

import copy
import sys
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.homeserver_modules.test_event_guard_proofs import (
    MESSAGE,
    Client,
    modules,
    now_ms,
    numbers,
    text,
)
from tests.support.event_receipts import OFFICE, TOWN, Log, directory, log_signer
from tests.support.hostile_server import ROOM_VERSION, Hostile, stored
from tests.support.long import many
from tests.support.payloads import VALID, malformed
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.served_directory import served
from tests.support.synapse_federation import federated_homeserver
from veche.contracts.directory.receipts import MEMBER, SeenEvent
from veche.protocol.acts import ACT
from veche.transparency.act_proof import act_origin
from veche.transparency.notes import NoteSigner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.directories import Written

pytestmark = pytest.mark.synapse

COUNT: Final = many(ordinary=500, long=2_600)
"""Hostile events of one run."""
FLOOD_S: Final = WAIT_S + COUNT // 5
BADGE: Final = "org.veche.official"
NEW_LOG: Final = NoteSigner(act_origin("veche.test", TOWN), b"a new key".ljust(32))
_SHOWN: Final = """SELECT j.json FROM events AS e JOIN event_json AS j USING (event_id)
    LEFT JOIN rejections AS r USING (event_id)
   WHERE r.event_id IS NULL AND NOT e.outlier
     AND coalesce(json_extract(j.internal_metadata, '$.soft_failed'), 0) = 0
   ORDER BY e.stream_ordering"""
"""What a Synapse shows to people."""


def rotated(office: str) -> Written:
    """A directory with an office abroad, whose log has another key than it had."""
    written = directory(now_ms() - 3_600_000, office)
    town = written.state.snapshot(written.at_ms).organisations[TOWN]
    accounts = [{"user": user, "master": key} for user, key in town.accounts.items()]
    logs = [NEW_LOG.verifier.to_text()]
    assert written.add(written.org(TOWN, logs=logs, accounts=accounts)) is None
    return written


class Attacks:
    """Events of a hostile server in a room, kind by kind."""

    def __init__(
        self, hostile: Hostile, room: str, office: tuple[str, str], stranger: tuple[str, str]
    ) -> None:
        """Each account comes with an event of it, which others follow.

        Args:
            hostile: Who sends.
            room: Where.
            office: An official account.
            stranger: Another one.
        """
        self.hostile, self.room = hostile, room
        self.office, self.stranger = office, stranger
        self.new, self.old = Log(NEW_LOG), Log(log_signer(TOWN))
        self.forged = Log(log_signer(OFFICE))
        self.good = self._content(self.new, "good")

    def each(self) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
        """Name the kind of each event, and give its id and itself."""
        families = sorted(VALID)
        while True:
            for key in families:
                if key != ACT:
                    content = {**text(self._word()), key: malformed(key)}
                    yield "malformed", self._by(self.stranger, MESSAGE, content)
            yield "no proof", self._by(self.office, MESSAGE, text(self._word()))
            yield "no proof", self._by(self.office, "m.reaction", {"key": self._word()})
            yield "no proof", self._by(self.office, "m.room.topic", self._topic(), state_key="")
            yield "old key", self._by(self.office, MESSAGE, self._content(self.old))
            yield "forged proof", self._by(self.office, MESSAGE, self._content(self.forged))
            replayed = {**self.good, "body": self._word()}
            yield "replayed", self._by(self.office, MESSAGE, replayed)
            yield "replayed", self._by(self.office, MESSAGE, {**text(self._word()), ACT: {}})
            elsewhere = self._content(self.new, room="!other:veche.test")
            yield "replayed", self._by(self.office, MESSAGE, elsewhere)
            as_stranger = {
                **self.good,
                "org.veche.prompt": VALID["org.veche.prompt"],
                "n": self._word(),
            }
            yield "official", self._by(self.stranger, MESSAGE, as_stranger)
            prompt = {**text(self._word()), "org.veche.prompt": VALID["org.veche.prompt"]}
            yield "official", self._by(self.stranger, MESSAGE, prompt)
            badge = {"v": 1, "org": OFFICE, "proof": self._word()}
            yield "forged badge", self._by(self.stranger, BADGE, badge, state_key="")
            event_id, changed = self._by(self.office, MESSAGE, self._content(self.new))
            changed["content"]["body"] = self._word()
            yield "changed on the way", (event_id, changed)

    def honest(self, word: str) -> dict[str, Any]:
        """An event of the office that is as it should be."""
        _, pdu = self._by(self.office, MESSAGE, self._content(self.new, word))
        return pdu

    def _by(
        self, who: tuple[str, str], kind: str, content: Any, **more: Any
    ) -> tuple[str, dict[str, Any]]:
        return self.hostile.event(who[1], kind, copy.deepcopy(content), **more)

    def _content(self, log: Log, word: str = "", room: str = "") -> dict[str, Any]:
        # A log of its own for each: the proof of a long one takes a while.
        log = Log(log.signer)
        at_ms, content = now_ms(), text(word or self._word())
        event = SeenEvent(room or self.room, self.office[0], MESSAGE, content, at_ms)
        return dict(log.proven(event).content)

    def _word(self) -> str:
        return f"hostile {next(numbers)}"

    def _topic(self) -> dict[str, Any]:
        return {"topic": self._word()}


def is_known(office: Client, anna: Client) -> bool:
    """Whether anna's server knows who is official: it refuses an invitation without proof."""
    said = {"membership": "invite", "reason": str(next(numbers))}
    return office.put(office.room(), MEMBER, anna.user_id, said).status == 403


def test_of_thousands_of_hostile_events_none_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with federated_homeserver(tmp_path / "hostile") as abroad:
        name = abroad.plan.server_name
        written = rotated(f"@office:{name}")
        with (
            served(written) as where,
            federated_homeserver(tmp_path / "home", modules=modules(where)) as home,
        ):
            office, boris = Client.of(abroad, "office"), Client.of(abroad, "boris")
            anna = Client.of(home, "anna")
            powers = {"users": {office.user_id: 100, boris.user_id: 100}}
            room = office.room(
                preset="public_chat",
                room_version=ROOM_VERSION,
                power_level_content_override=powers,
            )
            quoted = urllib.parse.quote(room)
            assert boris.call("POST", f"/join/{quoted}", {}).status == 200
            join = f"/join/{quoted}?server_name={name}"
            assert anna.call("POST", join, {}).status == 200
            first = boris.send(room, text("hello")).body["event_id"]
            proven = office.proven(Log(NEW_LOG), room, text("good"))
            good = office.send(room, proven).body["event_id"]
            wait_until(lambda: anna.texts(room) == ["hello", "good"], WAIT_S, "nothing arrives")

            wait_until(lambda: is_known(office, anna), WAIT_S, "the directory did not arrive")

            hostile = Hostile(abroad, home.plan.server_name)
            attacks = Attacks(hostile, room, (office.user_id, good), (boris.user_id, first))
            kinds: dict[str, int] = {}
            events: dict[str, dict[str, Any]] = {}
            for kind, (event_id, pdu) in attacks.each():
                kinds[kind] = kinds.get(kind, 0) + 1
                events[event_id] = pdu
                if len(events) == COUNT:
                    break
            before = len(stored(home, _SHOWN))
            began_s = time.monotonic()
            hostile.send([*events.values(), attacks.honest("last")])
            wait_until(lambda: "last" in anna.texts(room), FLOOD_S, "the honest one is not shown")
            took_s = time.monotonic() - began_s
            # Synapse asks nobody about an event that was changed on the way: it empties it.
            arrived = [one["content"] for one in stored(home, _SHOWN)[before:]]
            emptied, accepted = arrived.count({}), [one for one in arrived if one]
            shown = anna.texts(room)
            topic = anna.call("GET", f"/rooms/{quoted}/state/m.room.topic/")
            badge = anna.call("GET", f"/rooms/{quoted}/state/{BADGE}/")

        with capsys.disabled():
            sys.stdout.write(
                f"\n{len(events)} hostile events in {took_s:.0f} s: {kinds}; accepted:"
                f" {len(accepted) - 1}, emptied: {emptied}\n"
            )
        assert sum(kinds.values()) == len(events) == COUNT
        assert shown[-1] == "last"
        assert {*shown} <= {"hello", "good", "last"}
        assert [one["body"] for one in accepted] == ["last"]
        assert emptied <= kinds["changed on the way"]
        assert [topic.status, badge.status] == [404, 404]
