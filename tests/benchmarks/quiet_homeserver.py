"""A homeserver that costs next to nothing while messages are measured.

It stands between the services and Synapse. Until it is told to be ``quiet`` it hands on everything,
so that rooms and keys are real. From then on it takes itself what bots send, and pushes events to
the services as Synapse does: one transaction at a time, with all that came meanwhile, and the bot's
own message too.
"""

from __future__ import annotations

import http.client
import itertools
import json
import queue
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import yaml

if TYPE_CHECKING:
    from tests.support.services import House
    from veche.protocol.ids import UserId

AT_MS: Final = 1_764_000_000_000
"""When everything is said."""
TIMEOUT_S: Final = 120
EVENTS_MAX: Final = 100
"""Of one transaction, as Synapse."""
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nServer: Synapse\r\nContent-Type: application/json\r\n"
    b"Cache-Control: no-cache, no-store, must-revalidate\r\nAccess-Control-Allow-Origin: *\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
"""About as long as that of Synapse, which answers in chunks."""


class QuietHomeserver:
    """Begins to listen when it is made; ends with the process."""

    def __init__(self) -> None:
        """Listen on a port of this machine."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._target = ""
        self._bot = ""
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._answers: dict[str, queue.SimpleQueue[str]] = {}
        self._numbers = itertools.count(1)
        threading.Thread(target=self._accept, daemon=True).start()

    def stand_before(self, town: House) -> None:
        """Have the services of a house started again with this as their homeserver."""
        self._target = urlsplit(town.url).netloc
        town.stop()
        path = Path(town.replicas[0].command[-1])
        content = yaml.safe_load(path.read_text())
        content["homeserver"]["url"] = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        path.write_text(yaml.safe_dump(content))
        town.start()

    def be_quiet(self, town: House, bot: UserId) -> None:
        """Take what ``bot`` sends from now on, and push as the homeserver."""
        self._bot = bot
        token = (town.server.plan.folder / "hs_token").read_text().strip()
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        threading.Thread(target=self._push, args=(town.ports[0], head), daemon=True).start()

    def exchange(self, room_id: str, sender: str, kind: str, content: object) -> None:
        """Push a message of a person; returns once the bot has answered in the room."""
        answers = self._answers.setdefault(room_id, queue.SimpleQueue())
        self._tell(room_id, sender, kind, content)
        answers.get(timeout=TIMEOUT_S)

    # To the services

    def _tell(self, room_id: str, sender: str, kind: str, content: object) -> str:
        event_id = f"$quiet{next(self._numbers)}"
        self._events.put(
            {
                "event_id": event_id,
                "room_id": room_id,
                "sender": sender,
                "user_id": sender,
                "type": kind,
                "content": content,
                "origin_server_ts": AT_MS,
                "age": 1,
                "unsigned": {"age": 1, "membership": "join"},
            }
        )
        return event_id

    def _push(self, port: int, head: dict[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        for number in itertools.count(1):
            events = [self._events.get()]
            while not self._events.empty() and len(events) < EVENTS_MAX:
                events.append(self._events.get())
            path = f"/_matrix/app/v1/transactions/quiet{number}"
            connection.request("PUT", path, json.dumps({"events": events}), head)
            with connection.getresponse() as answer:
                answer.read()

    # From the services

    def _accept(self) -> None:
        while True:
            one, _ = self._listening.accept()
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        with one, one.makefile("rb") as stream, suppress(OSError, http.client.HTTPException):
            true = http.client.HTTPConnection(self._target, timeout=TIMEOUT_S)
            while first := stream.readline():
                method, target, _ = first.decode().split(" ", 2)
                headers = http.client.parse_headers(stream)
                body = stream.read(int(headers.get("Content-Length", "0")))
                if self._bot and method == "PUT" and "/send/" in target:
                    one.sendall(self._taken(target, body))
                    continue
                del headers["Host"]
                true.request(method, target, body or None, dict(headers))
                with true.getresponse() as answer:
                    data = answer.read()
                head = f"HTTP/1.1 {answer.status} -\r\nContent-Length: {len(data)}\r\n\r\n"
                one.sendall(head.encode() + data)

    def _taken(self, target: str, body: bytes) -> bytes:
        """Take what the bot sends, push it, and tell who waits for it; the answer."""
        room, _, rest = target.partition("/rooms/")[2].partition("/send/")
        room_id, kind = unquote(room), rest.partition("/")[0]
        event_id = self._tell(room_id, self._bot, kind, json.loads(body))
        self._answers.setdefault(room_id, queue.SimpleQueue()).put(event_id)
        data = json.dumps({"event_id": event_id}).encode()
        return _HEAD + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
