"""How long people wait for the app, and what it costs their phone.

``shell_ms`` is from the address until the heading of the town stands on the screen, in Chromium
in a profile without any cache, over the loopback address, the median of the runs; ``shell_kib``
is what that takes on the wire. The baseline is a document of the same server that loads nothing
but a style sheet. ``first_answer_s`` is from the address to the office's first question for
somebody without an account, with one second of thought for each of ``taps_to_answer`` presses.
``chat_ms`` is from the address until the list of ``ROOMS`` rooms stands there, for somebody who
is signed in; ``chat_wire_ms_baseline`` is how long the homeserver alone takes to answer the first
sliding sync of the same account. ``frame_ms_max`` is the longest time between two frames while
one scrolls from the end of a room with ``MESSAGES`` messages towards its beginning, and
``frame_ms_max_baseline`` the same for as long a list of plain paragraphs. ``memory_mb`` is what
the page's process holds for itself and shares (PSS) after ``HOUR_MESSAGES`` messages more have
come, as many as come in a busy hour, and a pause of fifteen seconds, of which an hour has many:
the browser collects what nobody holds when a page is idle. ``memory_mb_without_pause`` is what it
was just before.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs

from appservices.agency import demo as office_demo
from tests.support.node import chromium, node, why_no_browser
from tests.support.people.person import PASSWORD
from tests.support.processes import ROOT, free_ports
from tests.support.services import AGENCY, Place, house, pages_sections
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.services import House

ROOMS: Final = 500
MESSAGES: Final = 10_000
HOUR_MESSAGES: Final = 720
SENDERS: Final = 8
RUN_S_MAX: Final = 600
_PROGRAM: Final = ROOT / "tests" / "widgets" / "app_speed.js"
_OPEN: Final = {"enable_registration": True, "enable_registration_without_verification": True}
_CLIENT: Final = "/_matrix/client/v3"


def run() -> dict[str, float]:
    """Milliseconds, KiB and megabytes; nothing where there is no browser."""
    if why_no_browser():
        return {}
    [app_port] = free_ports(1)
    with (
        tempfile.TemporaryDirectory(prefix="veche-bench-") as folder,
        house(
            Path(folder),
            sections=lambda pages_url: _sections(pages_url, app_port),
            migrations=(AGENCY, MigrationSet("app", "appservices.app")),
            has_pages=Place(settings=_OPEN),
        ) as town,
    ):
        account = Account.seeded(town)
        done = subprocess.run(
            [str(node()), str(_PROGRAM)],
            cwd=ROOT,
            env={
                **os.environ,
                "CHROMIUM": str(chromium()),
                "VECHE_APP": f"http://localhost:{app_port}",
                "VECHE_SPEED": json.dumps(
                    {
                        "homeserver": town.url,
                        "serverName": town.server.plan.server_name,
                        "user": account.user_id,
                        "password": PASSWORD,
                        "rooms": ROOMS,
                        "longRoom": account.long_room,
                        "sender": account.sender_token,
                        "hourMessages": HOUR_MESSAGES,
                        "messages": MESSAGES,
                    }
                ),
            },
            stdout=subprocess.PIPE,
            text=True,
            timeout=RUN_S_MAX,
            check=True,
        )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _sections(pages_url: str, app_port: int) -> Mapping[str, Any]:
    usual = pages_sections(int(pages_url.rpartition(":")[2]))
    origin = f"http://localhost:{app_port}"
    return {
        "agency": office_demo.agency_section(ROOT / "config" / "services"),
        "app": {"homeserver_url": "http://localhost:8008", "name": {"en": "Town"}},
        "pages": {**usual["pages"], "more_ports": [app_port]},
        "widgets": {**usual["widgets"], "app_origin": origin},
    }


@attrs.frozen
class Account:
    """Somebody with many rooms, one of which is long.

    Attributes:
        user_id: Who.
        long_room: Where ``MESSAGES`` stand.
        sender_token: By which somebody else writes into it.
    """

    user_id: str
    long_room: str
    sender_token: str

    @classmethod
    def seeded(cls, town: House) -> Account:
        """Make the account, its rooms and what is said in them."""
        server = town.server
        user_id = server.register("reader")
        token, other_token = server.login(user_id), server.login(server.register("writer"))

        def call(method: str, path: str, as_token: str, body: object) -> Any:
            answer = server.call(method, f"{_CLIENT}{path}", token=as_token, body=body)
            assert answer.status == 200, answer
            return answer.body

        def make(name: str) -> str:
            # Nobody is invited: a new account may invite 20 times an hour.
            room = call("POST", "/createRoom", token, {"name": name, "preset": "public_chat"})
            call("POST", f"/rooms/{quote(room['room_id'])}/join", other_token, {})
            return str(room["room_id"])

        def say(number: int) -> None:
            text = f"Message {number}: " + "words " * (number % 30)
            path = f"/rooms/{quote(long_room)}/send/m.room.message/t{number}"
            call("PUT", path, other_token, {"msgtype": "m.text", "body": text})

        with ThreadPoolExecutor(SENDERS) as threads:
            rooms = list(threads.map(make, [f"Room {number}" for number in range(ROOMS)]))
            long_room = rooms[-1]
            list(threads.map(say, range(MESSAGES)))
        return cls(user_id, long_room, other_token)
