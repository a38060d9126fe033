"""The API of the offices, and what its routes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from appservices.agency.catalogue.api import API_PREFIX
from veche.api import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.cases.service.conversation import OfficeParts
    from appservices.agency.catalogue.service import ServiceCatalogue
    from veche.protocol.ids import UserId

API: Final = Api(API_PREFIX, "Veche: offices, their services, and the cases of a person")
VALUES_BODY_BYTES_MAX: Final = 256 * 1024
"""A body with the largest draft, however its characters are escaped."""


class Offices(Protocol):
    """The methods of ``appservices.agency.bot.Agency`` that the routes need."""

    catalogue: ServiceCatalogue
    offices: Mapping[UserId, OfficeParts]
