"""The payloads of an agency, by their keys in messages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.contracts.agency.case import CASE_KEY, CaseCard
from veche.contracts.agency.document import DOCUMENT_KEY, IssuedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.wire import Wire

FAMILIES: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {CASE_KEY: CaseCard, DOCUMENT_KEY: IssuedDocument}
)
