"""What the institution answers over HTTP: proofs for anybody, wallets, organisations' invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appservices.payments.routes.api import API
from appservices.payments.routes.codes import CodeRoutes
from appservices.payments.routes.confirmations import ConfirmationRoutes
from appservices.payments.routes.disputes import DisputeRoutes
from appservices.payments.routes.escrows import EscrowRoutes
from appservices.payments.routes.mandates import MandateRoutes
from appservices.payments.routes.organisations import OrganisationRoutes
from appservices.payments.routes.own_disputes import OwnDisputeRoutes
from appservices.payments.routes.papers import PaperRoutes
from appservices.payments.routes.payouts import PayoutRoutes
from appservices.payments.routes.peers import API as PEERS
from appservices.payments.routes.peers import PeerRoutes
from appservices.payments.routes.persons import API as WALLET
from appservices.payments.routes.persons import WalletRoutes
from appservices.payments.routes.proofs import WELL_KNOWN, ProofRoutes, WellKnownRoutes
from appservices.payments.routes.refunds import RefundRoutes
from appservices.payments.routes.results import ResultRoutes
from appservices.payments.routes.tax_invoices import TaxInvoiceRoutes
from appservices.payments.routes.trust import TrustRoutes
from appservices.payments.routes.webhooks import WebhookRoutes
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
