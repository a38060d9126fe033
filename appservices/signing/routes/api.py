"""The API of signing; its routes are declared in the modules beside this one."""

from __future__ import annotations

from typing import Final

from veche.api import Api

API: Final = Api(
    "/_veche/signing/v1", "Veche: signatures, seals, time stamps", body_bytes_max=1 << 20
)
