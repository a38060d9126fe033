"""Keys that sign documents, certificates and stamps: in files, in tokens, at providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.keys.pool import THREADS, SigningPool

if TYPE_CHECKING:
    # For types alone: PKCS#11 is not installed everywhere.
    from appservices.signing.keys.tokens import Token as Token

__all__ = ["THREADS", "SigningPool"]
