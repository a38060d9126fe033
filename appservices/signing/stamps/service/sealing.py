"""Seals of organisations, and time stamps: over digests, the files stay where they are."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.stamps.core import StampAuthority
from veche.api.bearer import BearerKeys, OrganisationCaller
from veche.documents.pdf.signing import Proofs
from veche.documents.pki.cms import Signer, der_of
from veche.documents.pki.stamps import StampRequest
from veche.documents.sealing_api import SealedView, SealView
from veche.protocol.errors import ForbiddenError, NotFoundError, RefusedError
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.authority.core.issuing import Authority
    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.config import SealSection
    from appservices.signing.stamps.service.stamping import OtherStamps

SERIAL_BITS: Final = 120
"""Of a time stamp: from chance alone, so that two processes never give the same."""
_ANOTHER: Final = "the operator has to make another"


def organisation_keys(seals: Sequence[SealSection]) -> BearerKeys:
    """Read the keys of organisations that have a seal.

    Raises:
        ConfigError: A key cannot be read, is too short, or is there twice.
    """
    keys = BearerKeys()
    for one in seals:
        for path in one.key_paths:
            keys.add(path, OrganisationCaller(one.id))
    return keys


class Seals:
    """The seals of organisations here, and the site's time stamp authority."""

    def __init__(self, authorities: Authorities, others: OtherStamps | None = None) -> None:
        """Make it from what was read.

        Args:
            authorities: Of this site.
            others: Who stamps what is signed, sealed, closed and renewed; None: this site does.
        """
        self._authorities = authorities
        self._others = others
        stamps = authorities.stamps
        self._stamps = StampAuthority(stamps.certificate, stamps.key, STAMP_POLICY)
        self._signers = {name: Signer(one.certificate) for name, one in authorities.seals.items()}

    def is_good(self, organisation: str, now_ms: int) -> bool:
        """Return whether an organisation has a seal here that counts."""
        try:
            self._seal(organisation, now_ms)
        except RefusedError:
            return False
        return True

    def name(self, organisation: str, now_ms: int) -> str:
        """Return the name in the certificate of a seal; raises as ``view``."""
        return _name_of(self._seal(organisation, now_ms))

    def view(self, organisation: str, now_ms: int) -> SealView:
        """Return the facts that a client needs to prepare a file. It blocks, as ``stamp``.

        Raises:
            NotFoundError: There is no such seal.
            ForbiddenError: It was revoked, or is over.
            UnavailableError: Who stamps does not answer.
        """
        seal, stamps = self._seal(organisation, now_ms), self.proofs()
        own = self._authorities.list_of(seal.certificate)
        return SealView(
            name=_name_of(seal),
            certificates=tuple(
                map(encode_base64, [*stamps.certificates, der_of(seal.certificate)])
            ),
            lists=tuple(map(encode_base64, [*stamps.lists, own])),
        )

    def proofs(self) -> Proofs:
        """Return the proofs of stamps: our root, authorities, lists. It blocks, as ``stamp``.

        Raises:
            UnavailableError: Who stamps does not answer.
        """
        proofs = self.own_proofs() if self._others is None else self._others.proofs()
        return Proofs([der_of(self._authorities.root), *proofs.certificates], proofs.lists)

    def own_proofs(self) -> Proofs:
        """Return the proofs of this site's stamps."""
        own = self._authorities.stamps.certificate
        return Proofs([der_of(own)], [self._authorities.list_of(own)])

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
        return SealedView(signature=encode_base64(signer.detached(attributes, signature, token)))

    def lists_at(self, addresses: Sequence[str]) -> list[bytes]:
        """Newest lists of those who stamp elsewhere; none where nobody does. It blocks."""
        return [] if self._others is None else self._others.lists_at(addresses)

    def stamp(self, request: StampRequest, now_ms: int) -> bytes:
        """A time stamp. It blocks: call it in a thread.

        Raises:
            UnavailableError: Who stamps for this site does not answer as they should.
        """
        if self._others is not None:
            return self._others.token(request)
        return self._stamps.token(request, secrets.randbits(SERIAL_BITS), now_ms)

    def answer(self, body: bytes, now_ms: int) -> bytes:
        """Answer a ``TimeStampReq`` by this site, where no other authority stamps."""
        return self._stamps.answer(body, secrets.randbits(SERIAL_BITS), now_ms)

    @property
    def others(self) -> OtherStamps | None:
        """Time stamp authority elsewhere; None: this site stamps."""
        return self._others

    def may_travel(self) -> frozenset[bytes]:
        """Certificates that belong beside signatures besides the signer's, DER."""
        seen = frozenset() if self._others is None else self._others.seen()
        return seen.union(map(der_of, self._authorities.of_here))

    def proven_until_ms(self) -> int:
        """Until when a stamp that is made now proves something, UTC. It blocks, as ``stamp``.

        Raises:
            UnavailableError: Who stamps does not answer.
        """
        return self._authorities.stampers.ends_ms(self.proofs().certificates)

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
