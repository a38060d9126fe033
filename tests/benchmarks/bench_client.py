"""CPU of one request to the homeserver: our client, Twisted's ``Agent`` and treq as baselines."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from typing import Any, Final

import treq
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers

from tests.support.processes import ROOT
from veche.protocol.ids import DeviceId, UserId
from veche.runtime.matrix.client import MatrixClient
from veche.runtime.web.http_client import Connections

REQUESTS: Final = 2_000
WARM_UP: Final = 200
PATH: Final = "/_matrix/client/v3/rooms/%21room/send/m.room.message/1"
BOT, DEVICE = UserId("@veche_bot:example.org"), DeviceId("VECHEBENCH")
CONTENT: Final = {"msgtype": "m.text", "body": "x" * 500, "formatted_body": "y" * 500}
TOKEN: Final = "token"  # noqa: S105 -- of nobody
SERVER: Final = """
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

class Answer(Resource):
    isLeaf = True

    def render_PUT(self, request):
        request.content.read()
        return b'{"event_id":"$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}'

port = reactor.listenTCP(0, Site(Answer()), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
"""

CHILD: Final = "import sys; from tests.benchmarks.bench_client import child; child(*sys.argv[1:])"
"""treq's bodies go by the default reactor, so each client has a process of its own."""


def run() -> dict[str, float]:
    """Microseconds of CPU and of time a request, one after another."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        figures: dict[str, float] = {}
        for name in _CLIENTS:
            command = [sys.executable, "-c", CHILD, name, url]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            cpu_us, taken_us = json.loads(done.stdout)
            figures |= {f"{name}_cpu_us": cpu_us, f"{name}_us": taken_us}
        return figures
    finally:
        server.kill()
        server.communicate()


def child(name: str, url: str) -> None:
    """Measure one client; print CPU and time."""

    async def work(reactor: Any) -> None:
        do, close = _CLIENTS[name](reactor, url)
        for _ in range(WARM_UP):
            await do()
        cpu_s, started_s = time.process_time(), time.perf_counter()
        for _ in range(REQUESTS):
            await do()
        figures = (time.process_time() - cpu_s, time.perf_counter() - started_s)
        sys.stdout.write(json.dumps([seconds / REQUESTS * 1e6 for seconds in figures]))
        await close()

    react(lambda reactor: Deferred.fromCoroutine(work(reactor)))


def _ours(reactor: Any, url: str) -> Any:
    connections = Connections(reactor, url)
    client = MatrixClient(connections, TOKEN)

    async def do() -> object:
        return await client.call("PUT", PATH, user=BOT, device=DEVICE, body=CONTENT)

    return do, connections.close


def _agent(reactor: Any, url: str) -> Any:
    pool = HTTPConnectionPool(reactor)
    agent = Agent(reactor, pool=pool)
    headers = Headers(
        {b"authorization": [f"Bearer {TOKEN}".encode()], b"content-type": [b"application/json"]}
    )
    target = f"{url}{PATH}?user_id=%40veche_bot%3Aexample.org&device_id={DEVICE}".encode()

    async def do() -> object:
        body: Any = FileBodyProducer(io.BytesIO(json.dumps(CONTENT).encode()))
        response = await agent.request(b"PUT", target, headers, body)
        return json.loads(await readBody(response))

    async def close() -> None:
        await pool.closeCachedConnections()

    return do, close


def _treq(reactor: Any, url: str) -> Any:
    pool = HTTPConnectionPool(reactor)
    client: Any = treq.client.HTTPClient(Agent(reactor, pool=pool))

    async def do() -> object:
        response = await client.put(
            url + PATH,
            params={"user_id": BOT, "device_id": DEVICE},
            json=CONTENT,
            headers={"authorization": f"Bearer {TOKEN}"},
        )
        return await response.json()

    async def close() -> None:
        await pool.closeCachedConnections()

    return do, close


_CLIENTS: Final[dict[str, Any]] = {
    "ours": _ours,
    "agent_baseline": _agent,
    "treq_baseline": _treq,
}
