"""HTTP routes of a witness: C2SP's protocol for logs, and public reads."""

from __future__ import annotations

import html
import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final

from appservices.witness.core import SIZE_TYPE, WitnessRefusedError
from appservices.witness.folder import name_of
from veche.protocol.errors import LimitError, NotFoundError
from veche.runtime.web import json_answer, new_app
from veche.runtime.web.limits import Buckets
from veche.runtime.web.public import client_address
from veche.transparency.witness_protocol import PATH

if TYPE_CHECKING:
    from klein import Klein
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.iweb import IRequest

    from appservices.witness.folder import KeptHead
    from appservices.witness.witness import Seen, Witness
    from veche.runtime.web.limits import Limit

logger = logging.getLogger(__name__)

TEXT: Final = b"text/plain; charset=utf-8"
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
)
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Witness {name}</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;
color:#1b1b1b;background:#fff}}code,td{{overflow-wrap:anywhere}}table{{border-collapse:collapse;width:100%}}
th,td{{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #ccc;vertical-align:top}}
@media(prefers-color-scheme:dark){{body{{color:#eee;background:#161616}}a{{color:#9cf}}}}</style>
<main><h1>Witness {name}</h1>
<p>It keeps the newest head of each log below and signs another one only if that begins with it.
So no log can show one history to some and another one to others, and have both signed here.</p>
<p>Key: <code>{key}</code></p>
<table><thead><tr><th scope="col">Log<th scope="col">Entries<th scope="col">Newest head</thead>
<tbody>{rows}</tbody></table>
<p>For programs: <a href="logs">logs</a>.</p></main></html>"""


class WitnessRoutes:
    """All routes; serve it behind a proxy with TLS."""

    app: ClassVar[Klein] = new_app()

    def __init__(
        self, witness: Witness, reactor: IReactorTime, limit: Limit, *, trust_forwarded: bool
    ) -> None:
        """Make them.

        Args:
            witness: Signs and remembers.
            reactor: Clock.
            limit: For one client address.
            trust_forwarded: See ``client_address``.
        """
        self._witness = witness
        self._reactor = reactor
        self._buckets = Buckets(limit)
        self._trust_forwarded = trust_forwarded

    @app.route(PATH, methods=["POST"])
    def add_checkpoint(self, request: IRequest) -> bytes:
        """A log shows its newest head: the signature, or why not."""
        self._let_in(request)
        try:
            line = self._witness.add_checkpoint(
                request.content.read(), int(self._reactor.seconds())
            )
        except WitnessRefusedError as e:
            return _refusal(request, e)
        return _text(request, 200, line)

    @app.route("/", methods=["GET"])
    def page(self, request: IRequest) -> bytes:
        """For people: who it is, and what it has."""
        self._let_in(request)
        name, key = self._witness.verifier.name, self._witness.verifier.to_text()
        rows = "".join(map(_row, self._witness.seen()))
        page = _PAGE.format(name=html.escape(name), key=html.escape(key), rows=rows)
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return page.encode()

    @app.route("/logs", methods=["GET"])
    def logs(self, request: IRequest) -> bytes:
        """For programs: the same."""
        self._let_in(request)
        return json_answer(request, 200, self._described())

    @app.route("/<name>/checkpoint", methods=["GET"])
    def checkpoint(self, request: IRequest, name: str) -> bytes:
        """The newest head that it signed of a log, for whoever compares."""
        self._let_in(request)
        kept = self._witness.seen_by_name(name).kept
        if kept is None:
            raise NotFoundError("this witness has signed no head of that log yet")
        return _text(request, 200, kept.note)

    @app.route("/<name>/forks", methods=["GET"])
    def forks(self, request: IRequest, name: str) -> bytes:
        """Heads that do not go with the newest one: what proves that a log has two histories."""
        self._let_in(request)
        found = self._witness.forks(self._witness.seen_by_name(name))
        return json_answer(request, 200, {"forks": found})

    def _let_in(self, request: IRequest) -> None:
        address = client_address(request, trust_forwarded=self._trust_forwarded)
        wait_ms = self._buckets.spend(address, self._reactor.seconds())
        if wait_ms:
            raise LimitError("Too many requests: please wait", retry_after_ms=wait_ms)

    def _described(self) -> dict[str, Any]:
        """Build the witness's description of itself."""
        logs = [
            {
                "origin": one.origin,
                "path": f"/{name_of(one.origin)}/checkpoint",
                "size": _size(one.kept),
                "forks": one.forks_count,
            }
            for one in self._witness.seen()
        ]
        return {"v": 1, "key": self._witness.verifier.to_text(), "logs": logs}


def _refusal(request: IRequest, error: WitnessRefusedError) -> bytes:
    """The answer of the protocol; of a conflict the size that it has."""
    if error.size is None:
        return _text(request, error.status, f"{error}\n")
    request.setResponseCode(error.status)
    request.setHeader(b"content-type", SIZE_TYPE.encode())
    return b"%d\n" % error.size


def _text(request: IRequest, status: int, text: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", TEXT)
    return text.encode()


def _size(kept: KeptHead | None) -> int:
    return kept.head.size if kept is not None else 0


def _row(one: Seen) -> str:
    path, name = name_of(one.origin), html.escape(one.origin)
    head = f'<a href="{path}/checkpoint">as signed</a>' if one.kept is not None else "none yet"
    if one.forks_count:
        head += f', <a href="{path}/forks"><strong>two histories: the proof</strong></a>'
    return f"<tr><td>{name}<td>{_size(one.kept)}<td>{head}"
