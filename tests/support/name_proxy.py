"""A reverse proxy with TLS before a homeserver's name, which leads some paths elsewhere."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tests.support.synapse_federation import write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S: Final = 60
_HANDED_ON: Final = ("authorization", "content-type", "host")


@contextmanager
def name_proxy(
    folder: Path, port: int, homeserver_port: int, site: str, path: str
) -> Iterator[None]:
    """Serve a name as long as the block runs.

    Args:
        folder: For a certificate.
        port: Of the name, on the loopback address.
        homeserver_port: Where the homeserver's federation listens, with TLS.
        site: Origin that serves ``path``.
        path: How the paths begin that are led there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_certificate(folder)
    elsewhere = urlsplit(site)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _hand_on(self) -> None:
            length = int(self.headers.get("content-length", 0))
            sent = {name: self.headers[name] for name in _HANDED_ON if name in self.headers}
            body = self.rfile.read(length)
            there = self._there()
            there.request(self.command, self.path, body or None, sent)
            answer = there.getresponse()
            said = answer.read()
            there.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _there(self) -> HTTPConnection:
            if self.path.startswith(path):
                return HTTPConnection("127.0.0.1", elsewhere.port, timeout=TIMEOUT_S)
            context = ssl._create_unverified_context()  # noqa: S323 -- of this machine
            return HTTPSConnection("localhost", homeserver_port, timeout=TIMEOUT_S, context=context)

        do_GET = do_POST = do_PUT = _hand_on

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Who asks may be gone by the time of the answer."""

    server = Server(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
