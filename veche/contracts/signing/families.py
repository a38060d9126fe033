"""The payloads of signing, by their keys in messages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.contracts.signing.card import (
    SIGN_FILE_KEY,
    SIGN_REQUEST_KEY,
    SIGN_RESULT_KEY,
    SignFile,
    SignRequest,
    SignResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.wire import Wire

FAMILIES: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {SIGN_REQUEST_KEY: SignRequest, SIGN_FILE_KEY: SignFile, SIGN_RESULT_KEY: SignResult}
)
