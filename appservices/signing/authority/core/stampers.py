"""Time stamp authorities for signatures here: the site, or others that its operator chose."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import attrs

from veche.documents.pki import der
from veche.documents.pki.cms import der_of
from veche.documents.pki.stated import may_stamp, read_certificate
from veche.documents.pki.trust import Trust
from veche.protocol.errors import BadSignatureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate

    from veche.documents.pki.stamps import Stamp
    from veche.documents.signatures.checking import Opened


@attrs.frozen
class Stampers:
    """The authorities whose time stamps are accepted.

    Attributes:
        own: Of the site.
        roots: Of authorities elsewhere that stamp in its place, and are trusted for that alone;
            none: nobody does.
        policy: Under which those have to stamp, as dotted numbers; None: any.
    """

    own: Certificate
    roots: tuple[Certificate, ...] = ()
    policy: str | None = None

    def fault(self, stamp: Stamp, certificate: Certificate, now_ms: int) -> str:
        """Why a stamp is not taken; empty: it is.

        Args:
            stamp: Whose signature holds; how old it is, others look.
            certificate: Of who stamped it.
            now_ms: UTC.
        """
        if not self.roots:
            return "" if der_of(certificate) == der_of(self.own) else "it is not ours"
        if stamp.signed.by.size < stamp.by.size:
            return f"it signs by {stamp.signed.by.name}, which is shorter than ours"
        if self.policy is not None and stamp.policy != der.oid(self.policy):
            return "it stamps under another policy than is configured"
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        trust = Trust((), stamp.signed.certificates, (), self.roots)
        if not may_stamp(certificate) or not trust.standing(certificate, now).is_trusted:
            return "its certificate is not below the root that is configured, or over"
        return ""

    def check(self, opened: Opened, now_ms: int) -> None:
        """Make sure that a stamp is of who stamps here.

        Raises:
            BadSignatureError: It is not.
            SignatureFault: It does not hold.
        """
        certificate = opened.stamper()
        assert opened.stamp is not None, "somebody stamped it"  # noqa: S101 -- else it has faulted
        fault = self.fault(opened.stamp, certificate, now_ms)
        if fault and not self.roots:
            raise BadSignatureError("its time stamp is not ours")
        if fault:
            raise BadSignatureError(f"its time stamp is not taken here: {fault}")

    def chained(self, certificates: Sequence[bytes]) -> frozenset[bytes]:
        """Those that are of who stamps elsewhere, or above them; DER.

        Nobody else can have made one: what is below such a root and only stamps is its alone.
        """
        if not self.roots:
            return frozenset()
        trust = Trust((), certificates, (), self.roots)
        chains = (trust.chain(one) for one in _stamping(certificates))
        return frozenset(der_of(one) for chain in chains if chain is not None for one in chain)

    def ends_ms(self, certificates: Sequence[bytes]) -> int:
        """When the first of those who stamp ends, UTC: until then their stamps prove something.

        Args:
            certificates: Of those elsewhere, and others; DER.
        """
        found = [self.own]
        if self.roots:
            found = [one for one in _stamping(certificates) if der_of(one) != der_of(self.own)]
        return min(round(one.not_valid_after_utc.timestamp() * 1000) for one in found)


def _stamping(certificates: Sequence[bytes]) -> Iterable[Certificate]:
    known = map(read_certificate, certificates)
    return [one for one in known if one is not None and may_stamp(one)]
