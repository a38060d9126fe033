"""Routes for a party who signs at a provider of remote signatures; it gets digests alone.

What a person says to the provider is in the body of one request and in the one that is made of it;
it is in no log, no row and no error.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.keys.core.csc import ProviderRefusedError
from appservices.signing.keys.csc import Authorisation, ProviderClient, Waiting
from appservices.signing.keys.revocation import fetched_proofs
from appservices.signing.pages.routes.api import API
from appservices.signing.pages.routes.parties import ASK_LIMIT, PartyCalls
from appservices.signing.parties.api.providers import (
    CredentialsView,
    DigestBody,
    FieldsView,
    FieldView,
    LookBody,
    OrderView,
    PartyBody,
)
from appservices.signing.signatures import store as provider_orders
from appservices.signing.signatures.service import remote_signing
from appservices.signing.signatures.service.own_certificates import moment
from appservices.signing.signatures.service.remote_signing import Ready, check_same
from veche.documents.pki.stated import read_certificate
from veche.protocol.errors import LimitError, NotFoundError
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.config.secret_files import read_secret
from veche.runtime.web.limits import Buckets, Limit
from veche.runtime.web.outbound import Outbound

if TYPE_CHECKING:
    from appservices.signing.keys.core.csc import Remote
    from appservices.signing.pages.routes.api import Signing
    from appservices.signing.parties.api.providers import CredentialView
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.signatures.store import ProviderOrder
    from veche.api import Call
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

LOOK_LIMIT: Final = Limit(burst=10, per_s=1 / 60)
"""Looking for certificates, for one party: names of strangers are not to be tried."""
SAY_LIMIT: Final = Limit(burst=10, per_s=1 / 120)
"""Codes that are sent, and PINs that are tried, for one party."""
LISTED_MAX: Final = 10
"""Credentials of one person that are looked at."""
_PATH: Final = "/sessions/<session>/provider"


class ProviderRoutes(PartyCalls):
    """Serves parties who sign at a provider."""

    def __init__(self, signing: Signing) -> None:
        """Serve them.

        Raises:
            ConfigError: The access token of a provider cannot be read, or it has no TLS.
        """
        super().__init__(signing)
        reactor = signing.host.reactor
        section = None if signing.parts is None else signing.parts.section
        self._clients = {
            one.id: ProviderClient(
                reactor, one, "" if one.token_path is None else read_secret(one.token_path)
            )
            for one in (section.providers if section else ())
        }
        networks = [ipaddress.ip_network(one) for one in (section.list_networks if section else ())]
        self._lists = Outbound(reactor, allowed=networks)
        self._looks, self._said = Buckets(LOOK_LIMIT), Buckets(SAY_LIMIT)

    @API.sessionless.route(
        "POST",
        f"{_PATH}/credentials",
        body=LookBody,
        answer=CredentialsView,
        limit=ASK_LIMIT,
        summary="The certificates that a person has at a provider of remote signatures",
    )
    async def look(self, call: Call) -> CredentialsView:
        """Also those that cannot sign here, with the reason."""
        body: LookBody = call.body

        def check(txn: Cursor) -> None:
            scene = self._conversation(txn, call, "provider look")
            remote_signing.check_may_look(scene, *self._sent_by(scene, call))

        await self._host.database.run("signing.provider_look", check)
        client = self._client(body.provider)
        self._spend(self._looks, call, body.party)
        names = await client.credentials(body.user)
        found = [await self._credential(client, one) for one in names[:LISTED_MAX]]
        return CredentialsView(credentials=sorted(found, key=lambda one: one.own is None))

    @API.sessionless.route(
        "POST",
        f"{_PATH}/begin",
        body=PartyBody,
        answer=FieldsView,
        limit=ASK_LIMIT,
        summary="What the person has to say to the provider; if it needs a code, that is sent",
    )
    async def begin(self, call: Call) -> FieldsView:
        """List the provider's fields for the approved certificate; send a challenge if needed."""
        ready = await self._ready(call)
        client, remote = await self._remote(ready)
        if any(one.is_challenge for one in remote.fields):
            self._spend(self._said, call, call.body.party)
            await client.challenge(remote)
        return FieldsView(
            fields=[
                FieldView(
                    id=one.id,
                    label=one.label,
                    is_sent=one.is_challenge,
                    is_elsewhere=one.is_elsewhere,
                )
                for one in remote.fields
            ]
        )

    @API.sessionless.route(
        "POST",
        f"{_PATH}/order",
        body=PartyBody,
        answer=OrderView,
        limit=ASK_LIMIT,
        summary="What belongs into the file beside a signature; an older order ends",
    )
    async def prepare(self, call: Call) -> OrderView:
        """Fetch proofs that no certificate was revoked, and prepare the order."""
        ready = await self._ready(call)
        chain = (ready.issued.certificate, *ready.issued.above)
        known = [one for one in map(read_certificate, chain) if one is not None]
        roots = [one.certificate for one in self._parts().authorities.anchors]
        found = await fetched_proofs(self._lists, known, moment(call.now_ms), logger.warning, roots)
        found.check()

        def keep(txn: Cursor) -> OrderView:
            scene = self._conversation(txn, call, "provider order")
            session, member = self._locked(scene, call, call.body.party)
            again = remote_signing.ready(scene, session, member)
            return remote_signing.prepare(scene, session, again, found.proofs)

        return await self._host.database.run("signing.provider_order", keep)

    @API.sessionless.route(
        "POST",
        f"{_PATH}/signature",
        body=DigestBody,
        answer=OrderView,
        limit=ASK_LIMIT,
        summary="Have a digest signed by the key of the approved certificate at its provider",
    )
    async def sign_there(self, call: Call) -> OrderView:
        """If they have to agree elsewhere, it waits: ask again."""
        body: DigestBody = call.body
        digest = decode_base64(body.digest)
        ready = await self._ready(call)
        order = attrs.evolve(
            remote_signing.unfinished(ready, call.now_ms),
            digest=digest,
            handle=None,
            signature=None,
        )
        client, remote = await self._remote(ready)
        self._spend(self._said, call, body.party)
        said = {one.id: one.value for one in body.said}
        found = await client.authorise(remote, [digest], said)
        return await self._go_on(call, client, remote, order, found)

    @API.sessionless.route(
        "POST",
        f"{_PATH}/check",
        body=PartyBody,
        answer=OrderView,
        limit=ASK_LIMIT,
        summary="Whether a person has agreed at the provider, and the signature if they have",
    )
    async def check(self, call: Call) -> OrderView:
        """Also for a page that was opened anew meanwhile."""
        ready = await self._ready(call)
        order = ready.order
        if order is None or order.digest is None or order.signature is not None:
            return await self._told(call, order)
        order = remote_signing.unfinished(ready, call.now_ms)

        def handle(txn: Cursor) -> Waiting | None:
            return remote_signing.handle_of(self._conversation(txn, call, "handle"), order)

        waiting = await self._host.database.run("signing.provider_handle", handle)
        if waiting is None:
            return await self._told(call, order)
        client, remote = await self._remote(ready)
        try:
            found = await client.agreed(waiting)
        except ProviderRefusedError:
            await self._forget(call)
            raise
        return await self._go_on(call, client, remote, order, found)

    async def _go_on(
        self,
        call: Call,
        client: ProviderClient,
        remote: Remote,
        order: ProviderOrder,
        found: Authorisation | Waiting,
    ) -> OrderView:
        """Have it signed if its holder has agreed, and keep how far it is."""
        if isinstance(found, Authorisation):
            [signature] = await client.sign_authorised(remote, [order.digest or b""], found)
            order = attrs.evolve(order, signature=signature)

        def keep(txn: Cursor) -> OrderView:
            scene = self._conversation(txn, call, "provider signature")
            self._locked(scene, call, call.body.party)
            now = order
            if isinstance(found, Waiting):
                now = remote_signing.with_handle(scene, order, found)
            return remote_signing.go_on(scene, now)

        return await self._host.database.run("signing.provider_signature", keep)

    async def _forget(self, call: Call) -> None:
        """End an order to which its holder has said no."""

        def forget(txn: Cursor) -> None:
            scene = self._conversation(txn, call, "provider no")
            session, member = self._locked(scene, call, call.body.party)
            provider_orders.forget(txn, session.id, member.id)

        await self._host.database.run("signing.provider_no", forget)

    async def _told(self, call: Call, order: ProviderOrder | None) -> OrderView:
        def view(txn: Cursor) -> OrderView:
            return remote_signing.order_view(self._conversation(txn, call, "provider check"), order)

        return await self._host.database.run("signing.provider_check", view)

    async def _ready(self, call: Call) -> Ready:
        def work(txn: Cursor) -> Ready:
            scene = self._conversation(txn, call, "provider")
            return remote_signing.ready(scene, *self._sent_by(scene, call))

        return await self._host.database.run("signing.provider_ready", work)

    def _sent_by(self, scene: Conversation, call: Call) -> tuple[Session, Member]:
        return self._party(scene, call, call.body.party, call.path_args["session"])

    async def _remote(self, ready: Ready) -> tuple[ProviderClient, Remote]:
        """The credential that was chosen, which is the one that was approved."""
        client = self._client(ready.provider)
        remote = await client.remote(ready.credential)
        check_same(remote, ready.issued)
        return client, remote

    def _client(self, provider: str) -> ProviderClient:
        found = self._clients.get(provider)
        if found is None:
            raise NotFoundError("There is no such provider here.")
        return found

    async def _credential(self, client: ProviderClient, credential: str) -> CredentialView:
        try:
            remote, refusal = await client.remote(credential), ""
        except ProviderRefusedError as e:
            remote, refusal = None, str(e)
        known, now_ms = self._parts().authorities, self._host.now_ms()
        return remote_signing.credential_view(credential, remote, refusal, known, now_ms)

    def _spend(self, buckets: Buckets, call: Call, party: str) -> None:
        key = f"{call.path_args['session']} {party}"
        wait_ms = buckets.spend(key, self._host.reactor.seconds())
        if wait_ms:
            raise LimitError(
                "You have tried this very often. Please wait some minutes.", retry_after_ms=wait_ms
            )
