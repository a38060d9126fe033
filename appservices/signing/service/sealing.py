"""Seals of organisations, and time stamps: over digests, the files stay where they are."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from functools import partial
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from veche.protocol.errors import ForbiddenError, NotFoundError, RefusedError
from veche.protocol.sealing_api import SealedView, SealView
from veche.protocol.signatures.certificates import STAMP_POLICY
from veche.protocol.signatures.cms import Signer, der_of
from veche.protocol.signatures.stamps import StampAuthority, StampRequest
from veche.protocol.unpadded import unpadded
from veche.runtime.bearer import BearerKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.config import SealSection
    from appservices.signing.service.authorities import Authorities
    from veche.protocol.signatures.certificates import Authority

SERIAL_BITS: Final = 120
"""Of a time stamp: from chance alone, so that two processes never give the same."""
_ANOTHER: Final = "the operator has to make another"


class Callers(BearerKeys[str]):
    """Which organisation asks, by its keys."""

    def __init__(self, seals: Sequence[SealSection]) -> None:
        """Read the keys.

        Raises:
            ConfigError: A key cannot be read, is too short, or is there twice.
        """
        super().__init__()
        for one in seals:
            for path in one.key_paths:
                self.add(path, partial(_named, one.id))

    def check(self, authorization: str, organisation: str) -> None:
        """Make sure that an organisation asks for its own seal.

        Args:
            authorization: The header: ``Bearer …``.
            organisation: Whose seal is asked for.

        Raises:
            SignInError: The key is nobody's.
            NotFoundError: It is another organisation's, or there is no such seal.
        """
        if self.of(authorization) != organisation:
            raise NotFoundError("Your organisation has no such seal")


def _named(organisation: str, _digest: bytes) -> str:
    return organisation


class Seals:
    """What signs for organisations here, and what stamps."""

    def __init__(self, authorities: Authorities) -> None:
        """Make it from what was read."""
        self._authorities = authorities
        stamps = authorities.stamps
        self._stamps = StampAuthority(stamps.certificate, stamps.key, STAMP_POLICY)
        self._signers = {name: Signer(one.certificate) for name, one in authorities.seals.items()}

    def is_good(self, organisation: str, now_ms: int) -> bool:
        """Whether an organisation has a seal here that counts."""
        try:
            self._seal(organisation, now_ms)
        except RefusedError:
            return False
        return True

    def view(self, organisation: str, now_ms: int) -> SealView:
        """What whoever prepares a file has to know of a seal.

        Raises:
            NotFoundError: There is no such seal.
            ForbiddenError: It was revoked, or is over.
        """
        seal, known = self._seal(organisation, now_ms), self._authorities
        certificates = (known.root, known.stamps.certificate, seal.certificate)
        return SealView(
            name=_name_of(seal),
            certificates=tuple(unpadded(der_of(one)) for one in certificates),
            lists=tuple(unpadded(known.list_of(one)) for one in certificates[1:]),
        )

    def seal(self, organisation: str, digest: bytes, now_ms: int) -> SealedView:
        """Seal a digest; whoever hands the seal out records it first. It blocks, as ``stamp``.

        Raises:
            NotFoundError: There is no such seal.
            ForbiddenError: It was revoked, or is over.
            TokenError: The token with its key does not answer.
        """
        seal, signer = self._seal(organisation, now_ms), self._signers[organisation]
        attributes = signer.signed_attributes(digest)
        signature = seal.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
        token = self.stamp(StampRequest(hashlib.sha256(signature).digest()), now_ms)
        return SealedView(signature=unpadded(signer.detached(attributes, signature, token)))

    def stamp(self, request: StampRequest, now_ms: int) -> bytes:
        """A time stamp."""
        return self._stamps.token(request, secrets.randbits(SERIAL_BITS), now_ms)

    def answer(self, body: bytes, now_ms: int) -> bytes:
        """What a ``TimeStampReq`` is answered with, also if it is refused."""
        return self._stamps.answer(body, secrets.randbits(SERIAL_BITS), now_ms)

    def _seal(self, organisation: str, now_ms: int) -> Authority:
        found = self._authorities.seals.get(organisation)
        if found is None:
            raise NotFoundError("Your organisation has no such seal")
        if self._authorities.is_revoked(found.certificate):
            raise ForbiddenError(f"The seal was revoked: {_ANOTHER}")
        ends = found.certificate.not_valid_after_utc
        if dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC) >= ends:
            raise ForbiddenError(f"The seal was good until {ends:%Y-%m-%d}: {_ANOTHER}")
        return found


def _name_of(seal: Authority) -> str:
    return str(list(seal.certificate.subject)[-1].value)
