"""The agency as ``veche`` finds it."""

from __future__ import annotations

from typing import Final

from appservices.agency.bot import Agency
from appservices.agency.config import AgencySection
from appservices.agency.offices.service import office_faults
from appservices.agency.routes import routes
from veche.runtime.database.migrate import MigrationSet
from veche.server.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="agency",
    config=AgencySection,
    migrations=MigrationSet("agency", "appservices.agency"),
    make=Agency,
    routes=routes,
    check=office_faults,
)
