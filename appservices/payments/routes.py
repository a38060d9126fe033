"""HTTP routes of the institution: public proofs, wallets, organisations' invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.bulk.routes import PayoutRoutes
from appservices.payments.disputes.routes import DisputeRoutes
from appservices.payments.escrows.routes import EscrowRoutes
from appservices.payments.institutions.routes import API
from appservices.payments.interbank.routes import API as PEERS
from appservices.payments.interbank.routes import PeerRoutes
from appservices.payments.mandates.routes import MandateRoutes
from appservices.payments.merchants.routes.codes import CodeRoutes
from appservices.payments.merchants.routes.confirmations import ConfirmationRoutes
from appservices.payments.merchants.routes.invoices import OrganisationRoutes
from appservices.payments.merchants.routes.tax_invoices import TaxInvoiceRoutes
from appservices.payments.organisations.routes.webhooks import WebhookRoutes
from appservices.payments.proofs.routes import WELL_KNOWN, ProofRoutes, WellKnownRoutes
from appservices.payments.refunds.routes import RefundRoutes
from appservices.payments.wallet.routes.disputes import OwnDisputeRoutes
from appservices.payments.wallet.routes.papers import PaperRoutes
from appservices.payments.wallet.routes.persons import API as WALLET
from appservices.payments.wallet.routes.persons import WalletRoutes
from appservices.payments.wallet.routes.results import ResultRoutes
from appservices.payments.wallet.routes.trust import TrustRoutes
from veche.api.long_polling import Follower

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.web.resource import IResource

    from veche.api.ports import PagePorts

__all__ = ["API", "routes"]


def routes(ports: PagePorts, service: Any) -> Mapping[str, IResource]:
    """The institution's part of the public site.

    Args:
        ports: Of the process; it has a public site.
        service: ``appservices.payments.bot.Payments``.
    """
    follower = Follower(ports.gate, ports.live, ports.sessions)
    return {
        API.mount: API.resource(
            ports.gate,
            ProofRoutes(service.parts.receipts.vouched),
            OrganisationRoutes(service, ports.live),
            CodeRoutes(service),
            ConfirmationRoutes(service),
            DisputeRoutes(service),
            EscrowRoutes(service),
            MandateRoutes(service),
            PayoutRoutes(service),
            RefundRoutes(service),
            TaxInvoiceRoutes(service),
            WebhookRoutes(service),
            keys=service.callers,
        ),
        WALLET.mount: WALLET.resource(
            ports.gate,
            WalletRoutes(service, follower),
            PaperRoutes(service),
            TrustRoutes(service, follower),
            OwnDisputeRoutes(service, follower),
            ResultRoutes(service),
        ),
        PEERS.mount: PEERS.resource(ports.gate, PeerRoutes(service)),
        WELL_KNOWN.mount: WELL_KNOWN.resource(ports.gate, WellKnownRoutes(service)),
    }
