"""Fetching the proofs that certificates are not revoked: lists, and answers of OCSP responders.

A person's certificate is asked about at its responder first, whose answer is of now and short; an
authority's is looked up in its list first, which speaks for longer. Where the one way gives nothing
that counts, the other is tried. All of it goes through ``Outbound``: whoever made a certificate
chose the addresses in it.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from cryptography import x509
from twisted.internet.defer import Deferred, gatherResults

from appservices.signing.keys.core.provider import name_of
from appservices.signing.keys.stampers import place_of
from veche.documents.pki import asking
from veche.documents.pki.cms import der_of
from veche.documents.pki.stated import (
    addresses_of,
    may_sign_documents,
    read_certificate,
    responders_of,
)
from veche.documents.pki.trust import Trust
from veche.protocol.errors import MalformedError, RefusedError, UnavailableError
from veche.runtime.web.outbound import OutboundRefusedError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable, Sequence

    from cryptography.x509 import Certificate

    from veche.runtime.web.outbound import Outbound

ASKED_MAX: Final = 8
"""Certificates that are asked about."""
ADDRESSES_MAX: Final = 3
"""Of each way, of one certificate."""
_OK: Final = 200
_REFUSED: Final = (MalformedError, OutboundRefusedError, UnavailableError, ValueError)


class NoProofError(RefusedError):
    """Nobody says now whether a certificate was revoked: neither a list nor a responder (409)."""

    errcode = "ORG.VECHE.NO_PROOF"


@attrs.frozen
class Fetched:
    """The proofs that could be fetched.

    Attributes:
        proofs: Lists and answers, DER.
        missing: Whose certificates nobody says anything of.
    """

    proofs: tuple[bytes, ...]
    missing: tuple[str, ...]

    def check(self) -> None:
        """Make sure that somebody says something of each certificate.

        Raises:
            NoProofError: Of one, nobody does.
        """
        if self.missing:
            raise NoProofError(
                f"Nobody says now whether the certificate of {self.missing[0]} was revoked: neither"
                " a list of revoked certificates nor an answer of its authority was to be had."
                " Try again later; if that does not help, ask who issued it."
            )


class Fetch(Protocol):
    """Gets the newest proofs about certificates, by ``fetched_proofs``."""

    def __call__(
        self, certificates: Sequence[Certificate], roots: Sequence[Certificate] = ()
    ) -> Awaitable[Fetched]:
        """Fetch them.

        Args:
            certificates: One, then those above it.
            roots: That are trusted.
        """


async def fetched_proofs(
    outbound: Outbound,
    certificates: Sequence[Certificate],
    now: dt.datetime,
    tell: Callable[[str], object],
    roots: Sequence[Certificate] = (),
) -> Fetched:
    """The newest proofs about certificates; what cannot be had is told and passed over.

    Args:
        outbound: By which they are asked for.
        certificates: The signer's, then those above it.
        now: The time, UTC.
        tell: Gets one line for each list or answer that is not there.
        roots: That are trusted: nobody is asked about them, or what is above them.
    """
    trust = Trust(roots, map(der_of, certificates), ())
    path = trust.chain(certificates[0]) if certificates and roots else None
    asked = [one for one in (path or certificates) if one not in roots]
    fetching = _Fetching(outbound, [*certificates, *roots], now, tell)
    below = [one for one in asked if one.issuer != one.subject][:ASKED_MAX]
    work = [Deferred.fromCoroutine(fetching.about(one, trust.issuer_of(one))) for one in below]
    found: list[list[bytes] | None] = await gatherResults(work, consumeErrors=True)
    return Fetched(
        tuple(dict.fromkeys(proof for proofs in found for proof in proofs or ())),
        tuple(name_of(one) for one, proofs in zip(below, found, strict=True) if proofs is None),
    )


class _Fetching:
    """Asks about certificates."""

    def __init__(
        self,
        outbound: Outbound,
        known: Sequence[Certificate],
        now: dt.datetime,
        tell: Callable[[str], object],
    ) -> None:
        self._outbound = outbound
        self._known = known
        self._now = now
        self._tell = tell

    async def about(
        self, certificate: Certificate, issuer: Certificate | None
    ) -> list[bytes] | None:
        """Return proofs of a certificate's revocation status; None: there are none."""
        if issuer is None:  # Whether a list is its issuer's cannot be told, nor whom to ask.
            return await self._lists(certificate) or None
        ways = [partial(self._lists, certificate), partial(self._answers, certificate, issuer)]
        for way in reversed(ways) if may_sign_documents(certificate) else ways:
            proofs = await way()
            trust = Trust((), map(der_of, self._known), proofs)
            if trust.is_revoked(certificate, issuer, self._now) is not None:
                return proofs
        return None

    async def _lists(self, certificate: Certificate) -> list[bytes]:
        """The first list that it names and that is there."""
        for address in addresses_of(certificate)[:ADDRESSES_MAX]:
            try:
                answer = await self._outbound.get(*place_of(address))
                x509.load_der_x509_crl(answer.body)
            except _REFUSED as e:
                self._tell(f"no list of revoked certificates from {address}: {e}")
            else:
                return [answer.body]
        return []

    async def _answers(self, certificate: Certificate, issuer: Certificate) -> list[bytes]:
        """The first answer that counts, with a list about who gave it if that is needed."""
        for address in responders_of(certificate)[:ADDRESSES_MAX]:
            try:
                return await self._answer(address, certificate, issuer)
            except _REFUSED as e:
                self._tell(f"no answer about a certificate from {address}: {e}")
        return []

    async def _answer(
        self, address: str, certificate: Certificate, issuer: Certificate
    ) -> list[bytes]:
        nonce = secrets.token_bytes(asking.NONCE_BYTES)
        question = asking.question_about(certificate, issuer, nonce)
        came = await self._outbound.post(*place_of(address), question, asking.KIND)
        if came.status != _OK:
            raise ValueError(f"it answers {came.status}")
        answer = asking.check_answer(came.body, (certificate, issuer), self._known, nonce)
        if Trust((), map(der_of, self._known), ()).may_acquit(answer, issuer):
            return [came.body]
        own = filter(None, map(read_certificate, answer.certificates))
        responders = [one for one in (*own, *self._known) if answer.names(one)]
        return [came.body, *(await self._lists(responders[0]) if responders else [])]
