"""A push service on this machine, and the browser behind it that reads what was sent."""

from __future__ import annotations

import json
import secrets
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

import attrs
import http_ece
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appservices.app.core import to_base64url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CREATED: Final = 201
ANSWER_S_MAX: Final = 30


@attrs.frozen
class Got:
    """What one request to the push service was."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class Browser:
    """A browser's half of Web Push."""

    endpoint: str
    key: EllipticCurvePrivateKey = attrs.field(factory=lambda: generate_private_key(SECP256R1()))
    secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(16))

    @property
    def subscription(self) -> dict[str, str]:
        """As the app sends it to its site."""
        form = Encoding.X962, PublicFormat.UncompressedPoint
        return {
            "endpoint": self.endpoint,
            "p256dh": to_base64url(self.key.public_key().public_bytes(*form)),
            "auth": to_base64url(self.secret),
        }

    def read(self, got: Got) -> dict[str, Any]:
        """What the service worker is given."""
        opened = http_ece.decrypt(
            got.body, private_key=self.key, auth_secret=self.secret, version="aes128gcm"
        )
        read: dict[str, Any] = json.loads(opened)
        return read


@attrs.define
class PushService:
    """Takes pushes.

    Attributes:
        url: Origin.
        got: All requests.
        answers: Status and headers of the next ones; 201 if there is nothing.
        is_open: While it is not set, nothing is answered.
    """

    url: str = ""
    got: list[Got] = attrs.field(factory=list)
    answers: deque[tuple[int, dict[str, str]]] = attrs.field(factory=deque)
    is_open: Event = attrs.field(factory=Event)

    def browser(self) -> Browser:
        """A new browser."""
        return Browser(f"{self.url}/{secrets.token_hex(8)}")

    def of(self, browser: Browser) -> list[Got]:
        """What came for a browser."""
        return [one for one in self.got if browser.endpoint == self.url + one.path]


@contextmanager
def push_service() -> Iterator[PushService]:
    """A push service that listens until the block is left."""
    service = PushService()
    service.is_open.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.got.append(Got(self.path, headers, body))
            service.is_open.wait(ANSWER_S_MAX)
            status, more = service.answers.popleft() if service.answers else (CREATED, {})
            self.send_response(status)
            for name, value in {"content-length": "0", **more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
