"""Installations to look at, and a homeserver that answers what a test says."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import attrs

from veche.cli.diagnosis.finding import Patient
from veche.runtime.config import load_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

NOBODY = "http://127.0.0.1:1"
NOW_S = 1_764_000_000.0


def patient(folder: Path, url: str = NOBODY, *, now_s: float = NOW_S, more: str = "") -> Patient:
    """An installation in ``folder`` whose secrets are as they should be.

    Args:
        folder: Its own.
        url: Of its homeserver.
        now_s: What its clock says.
        more: Sections of its configuration.
    """
    for name, data in (("as_token", b"as" * 8), ("hs_token", b"hs" * 8), ("key", bytes(32))):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    path = folder / "veche.yaml"
    path.write_text(
        f"homeserver:\n  url: {url}\n  server_name: example.org\n  as_token_path: as_token\n"
        "  hs_token_path: hs_token\n  registration_path: registration.yaml\n"
        "database: {folder: pg}\ncrypto: {key_path: key}\n" + (more or "listen: {port: 0}\n")
    )
    config = load_config(path, {})
    return Patient(config, {}, config.database.dsn(), lambda: now_s)


@attrs.define
class Asked:
    """A request that the stand-in got."""

    method: str
    path: str
    authorization: str | None
    body: Any


@attrs.define
class StandIn:
    """Answers by path; anything else is 404 ``M_UNRECOGNIZED``."""

    answers: Mapping[str, tuple[int, Any]]
    headers: Mapping[str, str]
    asked: list[Asked] = attrs.field(factory=list)
    url: str = ""


@contextmanager
def homeserver(
    answers: Mapping[str, tuple[int, Any]], headers: Mapping[str, str] | None = None
) -> Iterator[StandIn]:
    """A stand-in on the loopback address, where a real homeserver would have to be broken."""
    stand_in = StandIn(answers, headers or {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in))
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(stand_in: StandIn) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers.get("authorization")
            stand_in.asked.append(Asked(self.command, self.path, token, body))
            status, content = stand_in.answers.get(
                self.path.partition("?")[0], (404, {"errcode": "M_UNRECOGNIZED"})
            )
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response_only(status)
            for name, value in stand_in.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
