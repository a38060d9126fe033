"""Evidence as a file: what a person signed, with all that is needed to check it without us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from veche.access.approvals.core import Key
    from veche.access.approvals.sites import Site
    from veche.access.approvals.store import Evidence


def exported(evidence: Evidence, key: Key | None, site: Site | None) -> dict[str, Any]:
    """Evidence as JSON.

    Args:
        evidence: From the store.
        key: That signed; None where a code was replied.
        site: Where passkeys live.
    """
    return {
        "v": 1,
        "kind": evidence.kind,
        "means": evidence.means,
        "person": evidence.person,
        "at_ms": evidence.at_ms,
        "signed": encode_base64(evidence.signed),
        "key": evidence.key_id,
        "public_key": encode_base64(key.public_key) if key is not None else None,
        "signature": evidence.proof.get("signature"),
        "webauthn": evidence.proof.get("webauthn"),
        "rp_id": site.rp_id if site is not None and "webauthn" in evidence.proof else None,
        "reply": dict(evidence.proof) if evidence.key_id is None else None,
    }
