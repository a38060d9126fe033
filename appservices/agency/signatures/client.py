"""The service of signing at which an organisation has its documents signed, asked over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.contracts.signing.session_api import EMPTY, FileView, SessionEvents, SessionState
from veche.runtime.crypto.attachments import FILE_BYTES_MAX
from veche.runtime.live import WAIT_MS_MAX
from veche.runtime.web.service_client import TIMEOUT_S, ServiceClient

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from veche.contracts.signing.session_api import SessionBody

API: Final = "/_veche/signing/v1"
_PDF: Final = "application/pdf"


class SigningClient:
    """One organisation at its service of signing."""

    def __init__(self, reactor: IReactorTime, url: str, key: str) -> None:
        """Make it; the first request connects.

        Args:
            reactor: Clock and network.
            url: ``https://sign.example.org``, with nothing after it.
            key: The organisation's; its seal is used by the same one.
        """
        self._client = ServiceClient(reactor, url, key, api=API, called="the service of signing")

    async def send(self, body: SessionBody, pdf: bytes, key: str) -> str:
        """Have a document signed; the id of its session, the same one again for the same key.

        Raises:
            RefusedError: The service takes no such document or parties.
            UnavailableError: It does not answer; with the same key it goes on.
        """
        made = await self._client.call("POST", "/sessions", SessionState, body=body, key=key)
        if made.state == "draft":
            path = f"/sessions/{made.session}"
            await self._client.put(f"{path}/file", pdf, _PDF, FileView)
            await self._client.call("POST", f"{path}/send", SessionState, body=EMPTY)
        return made.session

    async def state(self, session: str) -> SessionState:
        """Where a session has got to; raises as ``send``."""
        return await self._client.call("GET", f"/sessions/{session}/state", SessionState)

    async def file(self, session: str) -> bytes:
        """The file as it is signed; raises as ``send``."""
        return await self._client.fetch(f"/sessions/{session}/file", FILE_BYTES_MAX)

    async def cancel(self, session: str) -> None:
        """Take a session back; raises as ``send``."""
        await self._client.call("POST", f"/sessions/{session}/cancel", SessionState, body=EMPTY)

    async def events(self, after: int) -> SessionEvents:
        """The events after one; it waits for the next if there is none yet; raises as ``send``."""
        timeout_s = TIMEOUT_S + WAIT_MS_MAX / 1000
        path = f"/events?after={after}&wait=1"
        return await self._client.call("GET", path, SessionEvents, timeout_s=timeout_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
