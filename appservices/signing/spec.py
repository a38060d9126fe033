"""Signing as ``veche`` finds it."""

from __future__ import annotations

from typing import Final

from appservices.signing.bot import Signing
from appservices.signing.config import SigningSection
from appservices.signing.routes import routes
from appservices.signing.stamps.service.probing import examine, setting_faults
from veche.runtime.database.migrate import MigrationSet
from veche.server.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="signing",
    config=SigningSection,
    migrations=MigrationSet("signing", "appservices.signing"),
    make=Signing,
    routes=routes,
    check=setting_faults,
    look=examine,
)
