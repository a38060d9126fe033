"""Signing at a provider of remote signatures on a party's page: what is read and kept of it.

The page prepares its signature and the provider signs the digest of it; here it is only passed on,
between transactions, for the certificate that the party has approved with the key of their device.
What they say to the provider is in no row and in no log.

Source: design of Veche, signing §2 (S4); CSC API 2.0.0.2 §8 and §11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs
from cryptography import x509

from appservices.signing.authority.core.anchors import CHAIN_MAX, OwnCertificateError, check_own
from appservices.signing.authority.core.levels import OWN_LEVELS
from appservices.signing.certificates import store as certificates
from appservices.signing.keys.csc import Waiting
from appservices.signing.parties.api.providers import CredentialView, OrderView
from appservices.signing.parties.service.acting import able, check_time
from appservices.signing.sessions.core.errors import NoOrderError
from appservices.signing.signatures import store as provider_orders
from appservices.signing.signatures.service.own_certificates import (
    check_still_taken,
    moment,
    own_view,
)
from appservices.signing.signatures.store import ProviderOrder
from veche.documents.pki.cms import der_of
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.certificates.store import Issued
    from appservices.signing.keys.core.csc import Remote
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation

ORDER_MS: Final = 4 * 60_000
"""How long an order can be finished: a signature shows when it was prepared, and its time stamp has
to be of the same five minutes."""
_KEPT_MS: Final = 3_600_000
_HANDLE: Final = "handle"


@attrs.frozen
class Ready:
    """The credentials with which a party may sign at a provider now.

    Attributes:
        provider: Its id.
        credential: Of the key there.
        issued: The certificate that they have approved.
        revision: Number of the newest one in the session.
        order: That is on its way; None: there is none.
    """

    provider: str
    credential: str
    issued: Issued
    revision: int
    order: ProviderOrder | None


def check_may_look(scene: Conversation, session: Session, member: Member) -> None:
    """Make sure that a party may sign with a certificate of their own, and is asked for one.

    Raises:
        OwnCertificateError: They are not asked for one.
        RefusedError: They may not sign now.
    """
    check_time(scene, session, able(session, member.id))
    if member.level_min not in OWN_LEVELS:
        raise OwnCertificateError("You are asked for no certificate of your own here.")


def ready(scene: Conversation, session: Session, member: Member) -> Ready:
    """Return a party's credentials at the provider, once they have approved.

    Raises:
        OwnCertificateError: They have told none at a provider, or not approved it, or it is not
            taken any more.
        RefusedError: They may not sign now.
        KeyRevokedError: The key that approved it was revoked since.
    """
    check_may_look(scene, session, member)
    told = certificates.announced(scene.txn, session.id, member.id)
    newest = next(iter(certificates.of_party(scene.txn, session.id, member.id)), None)
    if told is None or told.provider is None or told.credential is None:
        raise OwnCertificateError("Choose a certificate at a provider first.")
    is_mine = newest is not None and newest.person == member.person and newest.is_own
    if newest is None or not is_mine or newest.certificate != told.chain[0]:
        raise OwnCertificateError("Approve the certificate with the key of your device first.")
    if newest.revoked_at_ms is not None:
        raise OwnCertificateError("Your approval of this certificate was taken back.")
    scene.approvals.authorised(scene.txn, newest.nonce)
    check_still_taken(newest, scene.parts.authorities, scene.now_ms)
    order = provider_orders.of_party(scene.txn, session.id, member.id)
    return Ready(told.provider, told.credential, newest, session.revision, order)


def check_same(remote: Remote, issued: Issued) -> None:
    """Make sure that a provider still has the certificate that was approved.

    Raises:
        OwnCertificateError: It has another one under the same name.
    """
    if der_of(remote.certificates[0]) != issued.certificate:
        raise OwnCertificateError(
            "Your provider has another certificate now than the one that you approved: choose it"
            " anew."
        )


def credential_view(
    credential: str, remote: Remote | None, refusal: str, authorities: Authorities, now_ms: int
) -> CredentialView:
    """A key at a provider as its holder chooses it.

    Args:
        credential: Its id there.
        remote: What the provider says of it; None: it cannot be used.
        refusal: Why not.
        authorities: From whom certificates are taken.
        now_ms: UTC.
    """
    if remote is None:
        return CredentialView(credential=credential, chain=[], refusal=refusal)
    chain = [der_of(one) for one in remote.certificates[:CHAIN_MAX]]
    told = [encode_base64(one) for one in chain]
    try:
        taken = check_own(chain, authorities.anchors, moment(now_ms))
    except OwnCertificateError as e:
        return CredentialView(credential=credential, chain=told, refusal=str(e))
    return CredentialView(
        credential=credential, chain=told, own=own_view(taken, is_approved=False), refusal=""
    )


def prepare(
    scene: Conversation, session: Session, ready_: Ready, lists: Sequence[bytes]
) -> OrderView:
    """Keep what belongs into the file beside a signature, in place of an older order.

    Args:
        scene: The transaction.
        session: That is locked.
        ready_: What the party signs with.
        lists: Of revoked certificates, DER, as they are now.
    """
    issued = ready_.issued
    order = ProviderOrder(
        session_id=session.id,
        party=issued.party,
        chain=(issued.certificate, *issued.above),
        lists=tuple(lists),
        revision=session.revision + 1,
        at_ms=scene.now_ms,
    )
    provider_orders.prepare(scene.txn, order, scene.now_ms - _KEPT_MS)
    return order_view(scene, order)


def unfinished(ready_: Ready, now_ms: int) -> ProviderOrder:
    """The order of a party that can still be finished.

    Raises:
        NoOrderError: There is none, or it is too old, or others have signed meanwhile.
    """
    order = ready_.order
    if order is None or order.chain[0] != ready_.issued.certificate:
        raise NoOrderError("Nothing is being signed at your provider: press again.")
    if now_ms - order.at_ms > ORDER_MS:
        raise NoOrderError("It took too long, so nothing was signed: press again.")
    if order.revision != ready_.revision + 1:
        raise NoOrderError("Somebody else has signed meanwhile: press again, for the newer file.")
    return order


def go_on(scene: Conversation, order: ProviderOrder) -> OrderView:
    """Keep how far an order has got.

    Raises:
        NoOrderError: Another one has taken its place meanwhile.
    """
    if not provider_orders.go_on(scene.txn, order):
        raise NoOrderError("This was begun anew elsewhere, so nothing was signed: press again.")
    return order_view(scene, order)


def with_handle(scene: Conversation, order: ProviderOrder, waiting: Waiting) -> ProviderOrder:
    """An order whose holder is asked at the provider."""
    return attrs.evolve(order, handle=scene.vault.seal({_HANDLE: waiting.handle}))


def handle_of(scene: Conversation, order: ProviderOrder) -> Waiting | None:
    """By what the provider is asked whether its holder has agreed; None: it is not awaited."""
    if order.handle is None or order.signature is not None:
        return None
    return Waiting(str(scene.vault.open(order.handle)[_HANDLE]))


def order_view(scene: Conversation, order: ProviderOrder | None) -> OrderView:
    """An order as its party's page is told of it."""
    if order is None or scene.now_ms - order.at_ms > ORDER_MS:
        return OrderView(state="none", now_ms=scene.now_ms)
    return OrderView(
        state=_state(order),
        chain=[encode_base64(one) for one in order.chain],
        certificates=[encode_base64(one) for one in _above(scene.parts.authorities, order)],
        lists=[encode_base64(one) for one in order.lists],
        revision=order.revision,
        at_ms=order.at_ms,
        until_ms=order.at_ms + ORDER_MS,
        digest=None if order.digest is None else encode_base64(order.digest),
        signature=None if order.signature is None else encode_base64(order.signature),
        now_ms=scene.now_ms,
    )


def _state(order: ProviderOrder) -> Literal["prepared", "waiting", "signed"]:
    if order.signature is not None:
        return "signed"
    return "prepared" if order.handle is None else "waiting"


def _above(authorities: Authorities, order: ProviderOrder) -> list[bytes]:
    """The anchors in which a chain ends."""
    chain = [x509.load_der_x509_certificate(one) for one in order.chain]
    issuers = {one.issuer for one in chain}
    found = (one.certificate for one in authorities.anchors)
    return [der_of(one) for one in found if one.subject in issuers and one not in chain]
