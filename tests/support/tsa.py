"""Authorities for time stamps of others: OpenSSL behind HTTP, honest or not."""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import attrs
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.programs import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

_CONFIGURATION = """[tsa]
default_tsa = this
[this]
serial = {folder}/serial
signer_digest = {hash}
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha384, sha512
ess_cert_id_alg = {named_by}
accuracy = secs:1
"""


@attrs.define
class OpensslAuthority:
    """`openssl ts`, with a key and a certificate of somebody.

    Attributes:
        folder: For its files.
        certificate: Of it.
        key: Of the certificate.
        above: Certificates that travel with its stamps.
        hash: By which it signs.
        named_by: The hash by which it names its certificate.
    """

    folder: Path
    certificate: Certificate
    key: Any
    above: Sequence[Certificate] = ()
    hash: str = "sha256"
    named_by: str = "sha256"

    def answer(self, query: bytes) -> bytes:
        """What it answers to a TimeStampReq."""
        folder = self.folder
        folder.mkdir(exist_ok=True)
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pems = [one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above)]
        files = {
            "query": query,
            "key.pem": secret,
            "signer.pem": pems[0],
            "chain.pem": b"".join(pems[1:]),
            "tsa.cnf": _CONFIGURATION.format(
                folder=folder, hash=self.hash, named_by=self.named_by
            ).encode(),
        }
        for name, data in files.items():
            (folder / name).write_bytes(data)
        if not (folder / "serial").exists():
            (folder / "serial").write_text("01")
        named = {"config": "tsa.cnf", "queryfile": "query", "signer": "signer.pem"}
        named |= {"inkey": "key.pem", "out": "answer"}
        named |= {"chain": "chain.pem"} if self.above else {}
        words = [word for name, file in named.items() for word in (f"-{name}", str(folder / file))]
        line = [program("openssl"), "ts", "-reply", *words]
        subprocess.run(line, check=True, capture_output=True)
        return (folder / "answer").read_bytes()


@contextmanager
def stamps_served(
    answer: Callable[[bytes], bytes], asked: list[dict[str, str]] | None = None
) -> Iterator[str]:
    """An authority for time stamps over HTTP; its address.

    Args:
        answer: What it says to a TimeStampReq.
        asked: Gets the headers of each request.
    """
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            if asked is not None:
                asked.append({name.lower(): value for name, value in self.headers.items()})
            with lock:
                data = answer(query)
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()
