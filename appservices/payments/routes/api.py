"""The API of the institution."""

from __future__ import annotations

from typing import Final

from veche.runtime.api import Api

API: Final = Api("/_veche/payments/v1", "Veche: payments, and proofs of them")
