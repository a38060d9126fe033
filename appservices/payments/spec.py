"""Payments as ``veche`` finds them."""

from __future__ import annotations

from typing import Final

from appservices.payments.banks.service.stuck_files import look
from appservices.payments.bot import Payments
from appservices.payments.config import PaymentsSection
from appservices.payments.organisations.service.callers import key_faults
from appservices.payments.routes import routes
from veche.runtime.database.migrate import MigrationSet
from veche.server.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="payments",
    config=PaymentsSection,
    migrations=MigrationSet("payments", "appservices.payments"),
    make=Payments,
    routes=routes,
    check=key_faults,
    look_in=look,
)
