"""Keys that sign documents, certificates and stamps: in files, in tokens, at providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # For types alone: PKCS#11 is not installed everywhere.
    from veche.runtime.keys.tokens import Token as Token
