"""The bank over HTTP: files and names for its customer, a counter for everybody else.

Requests of the customer are signed (Ed25519) over method, path and body; the counter stands for
persons and other banks, and is on the loopback address alone.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, ClassVar, Final

from nacl.exceptions import BadSignatureError as BadNaclSignature
from pydantic import Field

from appservices.payments.banks.core.port import BANK_FILE_MAX
from appservices.payments.demo_bank.book import ELSEWHERE, Movement
from veche.protocol.errors import BadSignatureError, MalformedError, RefusedError, TooLargeError
from veche.protocol.wire import Wire
from veche.runtime.web import header, json_answer, json_body, new_app

if TYPE_CHECKING:
    from klein import Klein
    from nacl.signing import VerifyKey
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.iweb import IRequest

    from appservices.payments.demo_bank.bank import Bank

SIGNATURE: Final = b"x-signature"
"""Header with the signature, base64."""
_NUMBER_DIGITS_MAX: Final = 15


def signed_text(method: str, path: str, body: bytes) -> bytes:
    """Build the text that a customer's signature of a request covers.

    Args:
        method: In capitals.
        path: With the query.
        body: Empty where there is none.
    """
    return f"{method} {path}\n".encode() + body


class NameQuestion(Wire):
    """The question if an account is somebody's."""

    account: str = Field(max_length=42)
    name: str = Field(max_length=140)


class VirtualWish(Wire):
    """A request for a virtual account, with its holder."""

    label: str = Field(min_length=1, max_length=70)


class Deposit(Wire):
    """A payment by somebody else, over the counter, or from an account here (``payer``)."""

    account: str = Field(max_length=42)
    amount_minor: int = Field(ge=1, le=10**12)
    name: str = Field(default="", max_length=70)
    reference: str = Field(default="", max_length=25)
    text: str = Field(default="", max_length=140)
    payer: str = Field(default="", max_length=42)


class BankRoutes:
    """The routes of one bank."""

    app: ClassVar[Klein] = new_app()

    def __init__(self, bank: Bank, key: VerifyKey, reactor: IReactorTime) -> None:
        """Make the routes.

        Args:
            bank: What they are of.
            key: Of the customer.
            reactor: Clock.
        """
        self._bank = bank
        self._key = key
        self._reactor = reactor

    @app.route("/health", methods=["GET"])
    def health(self, request: IRequest) -> bytes:
        """Say that it runs."""
        return json_answer(request, 200, {"customer": self._bank.customer})

    @app.route("/files", methods=["POST"])
    def put_file(self, request: IRequest) -> bytes:
        """Take a file; where its answer gets lost, close the connection without one."""
        body = self._signed(request)
        if len(body) > BANK_FILE_MAX:
            raise TooLargeError("the file is too large")
        if self._bank.take(body, self._now_ms()):
            channel: Any = request.channel  # type: ignore[attr-defined]  # not in the interface
            channel.transport.abortConnection()
            return b""
        return json_answer(request, 202, {"taken": True})

    @app.route("/files", methods=["GET"])
    def files(self, request: IRequest) -> bytes:
        """Give the files after a number."""
        self._signed(request)
        after = (request.args.get(b"after") or [b"0"])[0].decode("ascii", "replace") or "0"
        if not after.isdecimal() or len(after) > _NUMBER_DIGITS_MAX:
            raise MalformedError("after", "should be a number")
        told = self._bank.book.told(int(after))
        files = [
            {"number": number, "name": name, "data": base64.b64encode(data).decode()}
            for number, name, data in told
        ]
        return json_answer(request, 200, {"files": files})

    @app.route("/name-check", methods=["POST"])
    def check_name(self, request: IRequest) -> bytes:
        """Answer to a name."""
        self._signed(request)
        question = json_body(request, NameQuestion)
        found = self._bank.check_name(question.account, question.name)
        return json_answer(request, 200, {"answer": found.answer.value, "name": found.name})

    @app.route("/virtual-accounts", methods=["POST"])
    def open_virtual(self, request: IRequest) -> bytes:
        """Open a virtual account."""
        self._signed(request)
        iban = self._bank.virtual(json_body(request, VirtualWish).label)
        return json_answer(request, 201, {"account": iban})

    @app.route("/counter/deposit", methods=["POST"])
    def deposit(self, request: IRequest) -> bytes:
        """Let somebody pay to an account here."""
        given = json_body(request, Deposit)
        payer = given.payer.replace(" ", "")
        if payer and self._bank.book.account(payer) is None:
            raise RefusedError("the payer has no account here")
        movement = Movement(
            0,
            self._bank.book.today(),
            debit=payer or ELSEWHERE,
            credit="",
            amount_minor=given.amount_minor,
            reference=given.reference,
            text=given.text,
            named=given.account.replace(" ", ""),
            other_name=given.name,
        )
        self._bank.receive(movement, self._now_ms())
        return json_answer(request, 201, {"booked": True})

    @app.route("/counter/day-end", methods=["POST"])
    def end_day(self, request: IRequest) -> bytes:
        """End the banking day now."""
        self._bank.close_day(self._now_ms())
        return json_answer(request, 200, {"day": self._bank.book.today().isoformat()})

    def _signed(self, request: IRequest) -> bytes:
        """The body of a request that the customer signed.

        Raises:
            BadSignatureError: They did not.
        """
        body: bytes = request.content.read()
        request.content.seek(0)
        text = signed_text(request.method.decode(), request.uri.decode(), body)
        try:
            self._key.verify(text, base64.b64decode(header(request, SIGNATURE) or ""))
        except (BadNaclSignature, binascii.Error, ValueError) as e:
            raise BadSignatureError("the customer did not sign this") from e
        return body

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)
