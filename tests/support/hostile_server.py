"""What a hostile homeserver sends beside what its Synapse would: events signed with its own key."""

from __future__ import annotations

import json
import sqlite3
import ssl
import time
from functools import cached_property
from http.client import HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs
from signedjson.key import read_signing_keys
from signedjson.sign import sign_json
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import add_hashes_and_signatures
from synapse.events import make_event_from_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.synapse import Homeserver

PDUS_MAX: Final = 50
"""Events of one transaction (server-server API §"Transactions")."""
ROOM_VERSION: Final = "11"
TIMEOUT_S: Final = 120
_KEPT: Final = ("auth_events", "depth", "prev_events", "room_id", "sender")


@attrs.define
class Hostile:
    """A real Synapse whose operator writes events by hand, and sends them past it.

    Attributes:
        server: Its Synapse; it has no PostgreSQL.
        target: Name of the homeserver that it attacks, ``localhost`` with a port.
    """

    server: Homeserver
    target: str
    _sent: int = 0
    _followed: dict[str, dict[str, Any]] = attrs.field(factory=dict)

    def event(
        self, like: str, kind: str, content: Mapping[str, Any], **more: Any
    ) -> tuple[str, dict[str, Any]]:
        """Make an event that is right in everything but what it says: its id, and itself.

        Args:
            like: Id of an event of the same sender and room, which it follows.
            kind: Its type.
            content: Of it.
            more: Fields in the place of its own, such as ``state_key`` and ``origin_server_ts``.
        """
        if like not in self._followed:
            sql = "SELECT json FROM event_json WHERE event_id = ?"
            [self._followed[like]] = stored(self.server, sql, like)
        before = self._followed[like]
        pdu = {key: before[key] for key in _KEPT}
        pdu |= {"prev_events": [like], "depth": before["depth"] + 1, "type": kind}
        pdu |= {"content": dict(content), "origin_server_ts": time.time_ns() // 1_000_000, **more}
        version = KNOWN_ROOM_VERSIONS[ROOM_VERSION]
        add_hashes_and_signatures(version, pdu, self.server.plan.server_name, self._key)
        return make_event_from_dict(pdu, version).event_id, pdu

    def send(self, pdus: Sequence[Mapping[str, Any]]) -> None:
        """Send events in as few transactions as may be."""
        for start in range(0, len(pdus), PDUS_MAX):
            self._sent += 1
            path = f"/_matrix/federation/v1/send/hostile{self._sent}"
            body = {
                "origin": self.server.plan.server_name,
                "origin_server_ts": time.time_ns() // 1_000_000,
                "pdus": pdus[start : start + PDUS_MAX],
            }
            self._put(path, body)

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        origin = self.server.plan.server_name
        said = {"method": "PUT", "uri": path, "origin": origin, "destination": self.target}
        signed = sign_json({**said, "content": body}, origin, self._key)
        [(key, signature)] = signed["signatures"][origin].items()
        header = f'X-Matrix origin="{origin}",key="{key}",sig="{signature}"'
        context = ssl._create_unverified_context()  # noqa: S323 -- of this machine
        there = HTTPSConnection(self.target, timeout=TIMEOUT_S, context=context)
        headers = {"Authorization": f'{header},destination="{self.target}"'}
        there.request("PUT", quote(path), json.dumps(body), headers)
        answer = there.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        there.close()

    @cached_property
    def _key(self) -> Any:
        with (self.server.plan.folder / "signing.key").open() as file:
            return read_signing_keys(file)[0]


def stored(server: Homeserver, sql: str, *values: object) -> list[Any]:
    """The first column of rows of a Synapse that has SQLite, read as JSON."""
    database = sqlite3.connect(server.plan.folder / "homeserver.db", timeout=TIMEOUT_S)
    try:
        return [json.loads(row[0]) for row in database.execute(sql, values)]
    finally:
        database.close()
