"""The shop of the stories about money: what its own system asks, signs and hears."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

from nacl.signing import SigningKey

from appservices.payments.demo.shop import ID, DemoShop
from tests.support.calls import REQUEST_S_MAX, request
from veche.protocol.unpadded_base64 import decode_base64
from veche.transparency.envelope import sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stories.bank import Bank
    from tests.support.calls import Answer

API: Final = "/_veche/payments/v1"


class Shop:
    """The shop's own system.

    Attributes:
        numbers: Of the events that were sent to it, as they came.
        types: Of the events, by number.
    """

    def __init__(self, bank: Bank, folder: DemoShop) -> None:
        self._bank = bank
        self._folder = folder.folder
        self.numbers: list[int] = []
        self.types: dict[int, str] = {}

    def call(self, method: str, path: str, body: object = None, key: str = "") -> Answer:
        """A request of the shop."""
        headers = {"Idempotency-Key": key} if key else {}
        url = self._bank.house.pages_url + API + path
        token = (self._folder / "key").read_text().strip()
        return request(method, url, token=token, body=body, headers=headers)

    def picture(self, path: str) -> bytes:
        """A picture that the shop shows."""
        url = self._bank.house.pages_url + API + path
        token = (self._folder / "key").read_text().strip()
        asked = Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 -- ours
        with urlopen(asked, timeout=REQUEST_S_MAX) as answer:  # noqa: S310
            return bytes(answer.read())

    def signed(self, body: dict[str, Any]) -> dict[str, Any]:
        """An instruction, signed by whoever may pay out."""
        seed = decode_base64((self._folder / "key.signing").read_text().strip().rstrip("="))
        assert SigningKey(seed)
        return sign(body, ID, signing_key("1", seed))

    @contextmanager
    def listening(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """The shop's server, as long as it runs; its address."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["event"]
                shop.numbers.append(event["n"])
                shop.types[event["n"]] = event["type"]
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer((host, port), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}/events"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
