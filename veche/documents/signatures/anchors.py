"""Authorities elsewhere, as somebody who runs a service calls them, and what they say of them.

That signatures by certificates below one are qualified is their word: it is told as that.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs

from veche.documents.pki.cms import der_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from veche.documents.signatures.report import Signed


@attrs.frozen
class NamedAnchor:
    """An authority that somebody trusts, and has a name for.

    Attributes:
        name: As they call it.
        certificate_sha256: Of its certificate, DER.
        is_qualified: Whether they say that signatures by its certificates are qualified.
        policies: A certificate has to state one of these (dotted numbers); empty: any or none.
    """

    name: str
    certificate_sha256: bytes
    is_qualified: bool
    policies: frozenset[str] = frozenset()

    @staticmethod
    def of(
        name: str, certificate: Certificate, policies: Sequence[str], *, is_qualified: bool
    ) -> NamedAnchor:
        """An authority by its certificate."""
        digest = hashlib.sha256(der_of(certificate)).digest()
        return NamedAnchor(name, digest, is_qualified, frozenset(policies))


def anchor_of(signed: Signed, anchors: Sequence[NamedAnchor]) -> NamedAnchor | None:
    """Below which authority the certificate of a signature is; None: of none, or it is not proven.

    Of several it is one whose signatures are called qualified, if one is.
    """
    found = [
        one
        for one in anchors
        if signed.is_proven
        and one.certificate_sha256 == signed.root_sha256
        and (not one.policies or not one.policies.isdisjoint(signed.policies))
    ]
    return max(found, key=lambda one: one.is_qualified, default=None)
