"""Client of a party's link for commands: the session, its files, handing a signature in."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar

from appservices.signing.keys.core.foreign_stamps import token_of_anybody
from appservices.signing.parties.api.own_certificates import AnnounceBody
from appservices.signing.parties.api.parties import SessionView
from veche.documents.pdf import FILE_BYTES_MAX
from veche.documents.pki.cms import CmsError
from veche.documents.pki.stamps import StampRequest
from veche.documents.sealing_api import StampersView
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError, RefusedError, UnavailableError
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import mapping, parse
from veche.runtime.web.http_client import Connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.parties.api.parties import SignatureBody
    from veche.protocol.wire import Wire
    from veche.runtime.web.http_client import Answer

API: Final = "/_veche/signing/v1"
TIMEOUT_S: Final = 60.0
VIEW_BYTES_MAX: Final = 100 * 1024 * 1024
"""A session with all that was signed: 200 parties."""
NONCE_BITS: Final = 64
_ERROR_CHARACTERS_MAX: Final = 400
_RETRY_AFTER_MS: Final = 5_000
_OK: Final = range(200, 300)
_THEIR_FAULT: Final = 500
_LATER: Final = 429

W = TypeVar("W", bound="Wire")


class SessionRefusedError(RefusedError):
    """The service says no.

    Attributes:
        code: Its code, for programs.
    """

    errcode = "ORG.VECHE.SESSION_REFUSED"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SessionClient:
    """One party of one session at a service."""

    def __init__(self, reactor: Any, origin: str, session: str, party: str, token: str) -> None:
        """Make it; the first request connects.

        Args:
            reactor: Clock and network.
            origin: ``https://sign.example.org``.
            session: Id of the session.
            party: Who asks.
            token: That it is theirs.

        Raises:
            ValueError: The origin is none.
        """
        self._connections = Connections(reactor, origin)
        self._session, self._party, self._token = session, party, token

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def view(self) -> SessionView:
        """The session.

        Raises:
            SessionRefusedError: The service says no.
            UnavailableError: It does not answer as it should.
        """
        return await self._call("GET", self._path(), SessionView)

    async def blob(self, digest: str) -> bytes:
        """The ciphertext of the document; raises as ``view``."""
        answer = await self._ask("GET", self._path(f"/blobs/{digest}"), None, FILE_BYTES_MAX + 100)
        return answer.body

    async def announce(self, chain: Sequence[bytes]) -> SessionView:
        """Tell with which certificate the party signs; raises as ``view``."""
        body = AnnounceBody(party=self._party, chain=tuple(map(encode_base64, chain)))
        return await self._call("POST", self._path("/own-certificate"), SessionView, body)

    async def hand_in(self, body: SignatureBody) -> SessionView:
        """Hand a signature in; raises as ``view``."""
        return await self._call("POST", self._path("/signatures"), SessionView, body)

    async def stampers(self) -> StampersView:
        """Return the present time stamp authorities, with their proofs; raises as ``view``."""
        return await self._call("GET", f"{API}/tsa/proofs", StampersView)

    async def stamp(self, imprint: bytes) -> bytes:
        """A time stamp of the service's over a SHA-256; raises as ``view``."""
        request = StampRequest(imprint, secrets.randbits(NONCE_BITS))
        query = request.encoded()
        kind = "application/timestamp-query"
        answer = await self._ask("POST", f"{API}/tsa", query, VIEW_BYTES_MAX, kind)
        try:
            return token_of_anybody(answer.body, request)
        except CmsError as e:
            raise UnavailableError(str(e), retry_after_ms=_RETRY_AFTER_MS) from e

    def _path(self, rest: str = "") -> str:
        return f"{API}/sessions/{self._session}{rest}"

    async def _call(self, method: str, path: str, model: type[W], body: Wire | None = None) -> W:
        data = None if body is None else body.model_dump_json(exclude_none=True).encode()
        answer = await self._ask(method, path, data, VIEW_BYTES_MAX)
        try:
            return parse(model, json.loads(answer.body))
        except (MalformedError, ValueError) as e:
            raise UnavailableError(
                f"the service answers in another way than this command knows ({e}): it is newer",
                retry_after_ms=_RETRY_AFTER_MS,
            ) from e

    async def _ask(
        self,
        method: str,
        path: str,
        data: bytes | None,
        bytes_max: int,
        kind: str = "application/json",
    ) -> Answer:
        head = f"Veche-Party: {self._party} {self._token}\r\n"
        if data is not None:
            key = hashlib.sha256(path.encode() + data).hexdigest()
            head += f"Content-Type: {kind}\r\nIdempotency-Key: {key}\r\n"
        answer = await self._connections.request(
            method.encode(),
            path.encode(),
            head.encode(),
            data,
            timeout_s=TIMEOUT_S,
            answer_bytes_max=bytes_max,
        )
        if answer.status in _OK:
            return answer
        raise _refusal(answer)


def _refusal(answer: Answer) -> SessionRefusedError | UnavailableError:
    try:
        told = mapping(json.loads(answer.body))
    except (ValueError, MalformedError):
        told = {}
    words = showable(str(told.get("error", "")))[:_ERROR_CHARACTERS_MAX]
    if answer.status == _LATER or answer.status >= _THEIR_FAULT:
        return UnavailableError(
            f"the service cannot do it now: {words or answer.status}",
            retry_after_ms=_RETRY_AFTER_MS,
        )
    code = str(told.get("errcode", ""))[:100]
    return SessionRefusedError(code, words or f"the service answers {answer.status}")
