"""Time stamps of others over HTTP (RFC 3161 §3.4)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from appservices.signing.keys.core.foreign_stamps import believed_token
from veche.documents.pki.cms import CmsError
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import StampRequest
from veche.protocol.addresses import split_address
from veche.protocol.errors import MalformedError, UnavailableError
from veche.runtime.web.outbound import Place

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from veche.documents.pki.digests import Hash
    from veche.runtime.web.outbound import Outbound

NONCE_BITS: Final = 64
_RETRY_AFTER_MS: Final = 5_000
_OK: Final = 200


class RemoteStamper:
    """An authority for time stamps somewhere."""

    def __init__(
        self, outbound: Outbound, url: str, *, bearer: str = "", password: str = ""
    ) -> None:
        """Make it; nothing is sent.

        Args:
            outbound: By which it is asked.
            url: Of the authority.
            bearer: By what it knows us, if by a token.
            password: ``user:password``, if by that.

        Raises:
            MalformedError: It is no address.
        """
        self._outbound = outbound
        self._place, self._target = place_of(url)
        self._bearer = bearer
        self._password = password

    async def stamp(self, imprint: bytes) -> bytes:
        """A token over a SHA-256; raises as ``believed``."""
        token, _ = await self.believed(imprint)
        return token

    async def believed(
        self, imprint: bytes, by: Hash = SHA256, nonce: int | None = None
    ) -> tuple[bytes, Certificate]:
        """A token over a digest whose signature holds, and the certificate of who stamped.

        Args:
            imprint: The digest.
            by: Its hash.
            nonce: Of whoever wants it; None: a fresh one.

        Raises:
            OutboundRefusedError: It may not be asked.
            UnavailableError: It does not answer, or refuses, or stamps something else.
        """
        if nonce is None:
            nonce = secrets.randbits(NONCE_BITS)
        request = StampRequest(imprint, nonce, by)
        answer = await self._outbound.post(
            self._place,
            self._target,
            request.encoded(),
            "application/timestamp-query",
            self._bearer,
            password=self._password,
        )
        if answer.status != _OK:
            raise UnavailableError(
                f"the authority for time stamps answers {answer.status}",
                retry_after_ms=_RETRY_AFTER_MS,
            )
        try:
            return believed_token(answer.body, request)
        except CmsError as e:
            raise UnavailableError(str(e), retry_after_ms=_RETRY_AFTER_MS) from e


def place_of(url: str) -> tuple[Place, str]:
    """Where an address is, and what to ask for there.

    Raises:
        MalformedError: It is no address of HTTP.
    """
    parts = split_address(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise MalformedError("address", f"{url[:100]!r} should be as https://example.org/path")
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    query = f"?{parts.query}" if parts.query else ""
    return Place(parts.hostname, port, parts.netloc, is_tls), f"{parts.path or '/'}{query}"
