"""The rail to the demo's bank: what an adapter to any bank with an API looks like."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from appservices.payments.banks.core.messages import read_events
from appservices.payments.banks.core.orders_xml import write_orders
from appservices.payments.banks.core.port import (
    BANK_FILE_MAX,
    ORDERS_MAX,
    Accepted,
    NameAnswer,
    NameMatch,
    OrderKind,
    RailCapabilities,
    Refused,
    Unknown,
)
from veche.protocol.errors import MalformedError, UnavailableError
from veche.protocol.json_reader import read_json
from veche.protocol.money import MINOR_MAX
from veche.runtime.web.http_client import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nacl.signing import SigningKey

    from appservices.payments.banks.core.port import BankEvent, BankMessage, BankOrder, Submitted
    from veche.runtime.web.http_client import Answer, Connections

TIMEOUT_S: Final = 30.0
ANSWER_BYTES_MAX: Final = 2 * BANK_FILE_MAX
"""Files come as base64, several of them."""
CAPABILITIES: Final = RailCapabilities(
    kinds=frozenset(OrderKind),
    currencies=frozenset({"EUR"}),
    amount_minor_max=MINOR_MAX,
    orders_max=ORDERS_MAX,
    has_name_check=True,
    is_latin=True,
)
_TAKEN: Final = 202
_REFUSED: Final = range(400, 500)
_OK: Final = 200
_RETRY_AFTER_MS: Final = 5_000


class DemoRail:
    """The demo's bank behind the port."""

    capabilities: Final = CAPABILITIES

    def __init__(self, connections: Connections, key: SigningKey) -> None:
        """Make the rail.

        Args:
            connections: To the bank.
            key: Of ours, which the bank knows.
        """
        self._connections = connections
        self._key = key

    def orders(self, orders: Sequence[BankOrder], now_ms: int) -> BankMessage:
        """The file of orders; see the port."""
        return write_orders(orders, now_ms)

    async def submit(self, message: BankMessage) -> Submitted:
        """Give the bank a file; see the port."""
        try:
            answer = await self._ask("POST", "/files", message.data)
        except NoAnswerError:
            return Unknown()
        if answer.status == _TAKEN:
            return Accepted()
        if answer.status in _REFUSED:
            return Refused(str(_body(answer).get("errcode", "")) or str(answer.status))
        return Unknown()

    async def fetch(self, cursor: str) -> tuple[Sequence[bytes], str]:
        """Fetch the bank's files since a cursor; see the port."""
        answer = await self._ask("GET", f"/files?after={quote(cursor or '0')}", b"")
        if answer.status != _OK:
            raise UnavailableError("the bank gives no files", retry_after_ms=_RETRY_AFTER_MS)
        files = _body(answer)["files"]
        try:
            raws = [base64.b64decode(one["data"], validate=True) for one in files]
        except binascii.Error as e:
            raise UnavailableError("the bank sent no files", retry_after_ms=_RETRY_AFTER_MS) from e
        return raws, str(files[-1]["number"]) if files else cursor

    def parse(self, raw: bytes) -> Sequence[BankEvent]:
        """Read the events in a file; see the port."""
        return read_events(raw)

    async def name_check(self, account: str, name: str) -> NameMatch:
        """Check whether an account is somebody's; a silent bank counts as not knowing."""
        body = json.dumps({"account": account, "name": name}).encode()
        try:
            answer = await self._ask("POST", "/name-check", body)
        except NoAnswerError:
            return NameMatch(NameAnswer.UNKNOWN)
        if answer.status != _OK:
            return NameMatch(NameAnswer.UNKNOWN)
        said = _body(answer)
        return NameMatch(NameAnswer(said["answer"]), str(said["name"]))

    async def open_virtual(self, label: str) -> str:
        """A new account number that stands for ours.

        Raises:
            UnavailableError: The bank does not give one.
        """
        answer = await self._ask("POST", "/virtual-accounts", json.dumps({"label": label}).encode())
        if answer.status not in range(_OK, 300):
            raise UnavailableError("the bank opens no account", retry_after_ms=_RETRY_AFTER_MS)
        return str(_body(answer)["account"])

    async def _ask(self, method: str, target: str, body: bytes) -> Answer:
        text = f"{method} {target}\n".encode() + body
        signature = base64.b64encode(self._key.sign(text).signature)
        return await self._connections.request(
            method.encode(),
            target.encode(),
            b"X-Signature: %b\r\n" % signature,
            body or None,
            timeout_s=TIMEOUT_S,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )


def _body(answer: Answer) -> dict[str, Any]:
    """The JSON of an answer.

    Raises:
        UnavailableError: It is none.
    """
    try:
        found = read_json(answer.body, where="answer")
    except MalformedError as e:
        raise UnavailableError("the bank answers no JSON", retry_after_ms=_RETRY_AFTER_MS) from e
    return found if isinstance(found, dict) else {}
