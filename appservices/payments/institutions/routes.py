"""The API of the institution."""

from __future__ import annotations

from typing import Final

from appservices.payments.institutions.service.describing import PAYMENTS_PATH
from veche.api import Api

API: Final = Api(PAYMENTS_PATH, "Veche: payments, and proofs of them", body_bytes_max=1 << 20)
