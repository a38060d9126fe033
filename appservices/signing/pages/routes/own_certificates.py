"""Routes for a party with a certificate of their own: announcing and approving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import ASK_LIMIT, PartyCalls
from appservices.signing.pages.service.views import session_view
from appservices.signing.parties.api.own_certificates import AnnounceBody, OwnApprovalBody
from appservices.signing.parties.api.parties import SessionView
from appservices.signing.signatures.service import own_certificates

if TYPE_CHECKING:
    from veche.api import Call
    from veche.protocol.errors import VecheError
    from veche.runtime.database import Cursor


class OwnCertificateRoutes(PartyCalls):
    """Serves parties with certificates that were issued elsewhere."""

    @API.sessionless.transaction(
        "signing.own_certificate",
        "POST",
        "/sessions/<session>/own-certificate",
        body=AnnounceBody,
        answer=SessionView,
        limit=ASK_LIMIT,
        summary="Tell with which certificate, issued elsewhere, a party wants to sign",
    )
    def announce(self, txn: Cursor, call: Call) -> SessionView:
        """The party's page shows it, to be approved there; another one takes its place."""
        scene = self._conversation(txn, call, "own certificate")
        session, member = self._locked(scene, call, call.body.party)
        own_certificates.announce(scene, session, member, call.body)
        return session_view(scene, session, member)

    @API.sessionless.route(
        "POST",
        "/sessions/<session>/own-certificate/approval",
        body=OwnApprovalBody,
        answer=SessionView,
        limit=ASK_LIMIT,
        summary="Approve the certificate that was told, with the key of the party's device",
    )
    async def approve(self, call: Call) -> SessionView:
        """From then on, for an hour, a signature by its key is taken."""
        body: OwnApprovalBody = call.body

        def work(txn: Cursor) -> SessionView | VecheError:
            scene = self._conversation(txn, call, f"own {body.approval.approval.nonce}")
            session, member = self._locked(scene, call, body.party)
            refused = own_certificates.approve(scene, session, member, body.approval)
            return refused or session_view(scene, session, member)

        return await self._unless_refused("signing.own_approval", work, call)
