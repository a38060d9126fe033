"""What ``bench pages`` asks, in a process of its own: ``python -m tests.benchmarks.pages_server``.

The public site as an operator runs it, with one API that reads what a person's page shows: the
session is found out and a dozen rows are read in one transaction. Beside it, on another port of the
same process, klein with a route that answers the same bytes and does nothing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from klein import Klein
from twisted.internet import reactor as global_reactor  # noqa: TID251 -- a program of its own
from twisted.web.server import Site

from veche.access.sessions import Level, Sessions
from veche.acts import ActLog
from veche.api import Api, Call
from veche.api.gate import Gate
from veche.protocol.wire import Wire
from veche.runtime.database import Database
from veche.runtime.web.limits import Limit
from veche.runtime.web.public import PublicRoot, PublicSite

if TYPE_CHECKING:
    from twisted.web.iweb import IRequest

    from veche.runtime.database import Cursor

API: Final = Api("/_veche/bench/v1", "Benchmark")
PATH: Final = "/_veche/bench/v1/cases"
ROWS: Final = 12
THREADS: Final = 4
"""As ``database.threads`` is by default."""
_FREE: Final = Limit(burst=1_000_000, per_s=1_000_000)


class Case(Wire):
    """A line of the list."""

    id: str
    title: str
    state: str
    changed_at_ms: int


class Cases(Wire):
    """A person's cases."""

    cases: list[Case]


class Routes:
    """The one route."""

    @API.transaction("bench", "GET", "/cases", answer=Cases, level=Level.LOW, summary="Cases")
    def cases(self, txn: Cursor, call: Call) -> Cases:
        """The cases of who asks."""
        txn.execute(
            "SELECT id, title, state, changed_at_ms FROM bench_case WHERE person = %s"
            " ORDER BY changed_at_ms DESC LIMIT 50",
            (call.signed_in.person,),
        )
        return Cases(
            cases=[
                Case(id=id_, title=title, state=state, changed_at_ms=changed_at_ms)
                for id_, title, state, changed_at_ms in txn.fetchall()
            ]
        )


class Bare:
    """Klein alone."""

    app: ClassVar[Klein] = Klein()

    def __init__(self, body: bytes) -> None:
        self._body = body

    @app.route("/cases", methods=["GET"])
    def cases(self, request: IRequest) -> bytes:
        """The same bytes, without a question."""
        request.setHeader(b"content-type", b"application/json")
        return self._body


def main(dsn: str) -> None:
    """Serve until the process is ended; the ports go to standard output."""
    reactor: Any = global_reactor
    nobody: Any = None  # is asked whose keys are whose
    database = Database(dsn, reactor, threads=THREADS)
    sessions = Sessions(database, reactor, ActLog(bytes(32)), None, nobody, key=bytes(32))
    gate = Gate(database, reactor, sessions, address_limit=_FREE, session_limit=_FREE)
    public = PublicSite(
        PublicRoot({API.mount: API.resource(gate, Routes())}), reactor, "127.0.0.1", [0]
    )
    public.listen()
    one = Case(id="0" * 26, title="A copy of a birth certificate", state="open", changed_at_ms=1)
    bare = Bare(Cases(cases=[one] * ROWS).model_dump_json().encode()).app.resource()
    site: Any = Site(bare)
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    sys.stdout.write(json.dumps([public.port, port.getHost().port]) + "\n")
    sys.stdout.flush()
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1])
