"""A directory that a test writes, served on the loopback address: honest, gone or lying."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.support.tree_proofs import consistency_proof, inclusion_proof
from veche.contracts.directory.bundle import ENTRIES_MAX
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency.merkle import leaf_hash, root_of_hashes
from veche.transparency.notes import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.directories import Written


def bundle(directory: Written, since: int) -> dict[str, Any]:
    """The entries of a directory from a place on, as it travels."""
    hashes = [leaf_hash(text.encode()) for text in directory.texts]
    size = len(hashes)
    head = Checkpoint(directory.log, size, root_of_hashes(hashes))
    shown = range(since, min(size, since + ENTRIES_MAX))
    return {
        "v": 1,
        "checkpoint": directory.key().sign(head.to_text()),
        "consistency": [
            encode_base64(one) for one in (consistency_proof(hashes, since) if since else ())
        ],
        "entries": [
            {
                "index": index,
                "entry": directory.texts[index],
                "path": [encode_base64(one) for one in inclusion_proof(hashes, index)],
            }
            for index in shown
        ],
        "witnessed": None,
    }


@attrs.define
class Served:
    """A directory and its server.

    Attributes:
        written: What it serves.
        url: Where.
        fault: An answer that it gives instead; None: its own.
        asked: How often it was asked.
    """

    written: Written
    url: str = ""
    fault: tuple[int, bytes] | None = None
    asked: int = 0

    @property
    def config(self) -> dict[str, Any]:
        """How the homeserver module trusts it."""
        return {"url": self.url, "keys": [self.written.key().verifier.to_text()]}

    def answer(self, path: str) -> tuple[int, bytes]:
        """What it answers."""
        self.asked += 1
        if self.fault is not None:
            return self.fault
        since = int(parse_qs(urlsplit(path).query)["since"][0])
        return 200, json.dumps(bundle(self.written, since)).encode()


@contextmanager
def served(written: Written) -> Iterator[Served]:
    """Serve a directory as long as the block runs."""
    one = Served(written)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = one.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
