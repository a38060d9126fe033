"""Routes without sign-in: certificates, lists, time stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.authority.service.lists import LIST
from appservices.signing.certificates import store as certificates
from appservices.signing.pages.routes.api import API
from appservices.signing.signatures.service.own_certificates import authority_views, stamper_views
from appservices.signing.stamps.core import REQUEST_BYTES_MAX
from veche.api import Download
from veche.contracts.signing.own_certificate_api import AuthoritiesView
from veche.documents.pki.cms import der_of
from veche.documents.sealing_api import StampersView
from veche.protocol.errors import NotFoundError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.keys import SigningPool
    from appservices.signing.stamps.service.sealing import Seals
    from veche.api import Call
    from veche.runtime.database import Database

PUBLIC_LIMIT: Final = Limit(burst=100, per_s=20)
"""Certificates and lists for one client address."""
STAMP_LIMIT: Final = Limit(burst=100, per_s=50)
"""Time stamps for one client address."""
LIST_KEPT_S: Final = 3_600
CERTIFICATE_KEPT_S: Final = 86_400
_CERTIFICATE: Final = ".cer"
_SERIAL_CHARACTERS_MAX: Final = 40
_NO_SUCH: Final = "There is no such file here"


class Signing(Protocol):
    """The methods of the service that the routes need."""

    authorities: Authorities
    pool: SigningPool
    seals: Seals


class PublicRoutes:
    """Certificates, lists and time stamps."""

    def __init__(self, database: Database, signing: Signing) -> None:
        """Make them."""
        self._database = database
        self._signing = signing

    @API.sessionless.route(
        "GET",
        "/crl/<name>",
        answer=Download,
        limit=PUBLIC_LIMIT,
        summary="The list that says whether one certificate was revoked (RFC 5280)",
    )
    async def revocations(self, call: Call) -> Download:
        """A list, by the serial number of the certificate in hexadecimal digits."""
        name = call.path_args["name"]
        serial = name.removesuffix(LIST)
        if serial == name or not 0 < len(serial) <= _SERIAL_CHARACTERS_MAX:
            raise NotFoundError(_NO_SUCH)
        try:
            number = int(serial, 16)
        except ValueError as e:
            raise NotFoundError(_NO_SUCH) from e
        if f"{number:x}" != serial:  # else one list has many addresses, and caches keep them all
            raise NotFoundError(_NO_SUCH)
        found = self._signing.authorities.lists.get(number)
        if found is None:  # of a person, then
            found = await self._database.run("signing.list", certificates.list_of, number)
        if found is None:
            raise NotFoundError(_NO_SUCH)
        _keep(call, LIST_KEPT_S)
        return Download(found, "application/pkix-crl", name)

    @API.sessionless.route(
        "GET",
        "/ca/<name>",
        answer=Download,
        limit=PUBLIC_LIMIT,
        summary="The certificate of an authority: root.cer, issuing.cer, stamps.cer",
    )
    async def certificate(self, call: Call) -> Download:
        """A certificate, DER."""
        name, known = call.path_args["name"], self._signing.authorities
        found = {
            f"root{_CERTIFICATE}": known.root,
            f"issuing{_CERTIFICATE}": known.issuing.certificate,
            f"stamps{_CERTIFICATE}": known.stamps.certificate,
        }.get(name)
        if found is None:
            raise NotFoundError(_NO_SUCH)
        _keep(call, CERTIFICATE_KEPT_S)
        return Download(found.public_bytes(Encoding.DER), "application/pkix-cert", name)

    @API.sessionless.route(
        "GET",
        "/authorities",
        answer=AuthoritiesView,
        limit=PUBLIC_LIMIT,
        summary="Authorities elsewhere whose certificates the operator takes, and at which level",
    )
    async def authorities(self, call: Call) -> AuthoritiesView:
        """None where nobody signs with certificates from elsewhere."""
        _keep(call, CERTIFICATE_KEPT_S)
        known = self._signing.authorities
        return AuthoritiesView(authorities=authority_views(known), stampers=stamper_views(known))

    @API.sessionless.route(
        "POST",
        "/tsa",
        takes="application/timestamp-query",
        takes_bytes_max=REQUEST_BYTES_MAX,
        answer=Download,
        limit=STAMP_LIMIT,
        summary="A time stamp (RFC 3161)",
    )
    async def stamp(self, call: Call) -> Download:
        """A ``TimeStampResp``; also a refusal is one.

        Who stamps elsewhere is waited for in no thread: others need those.
        """
        signing = self._signing
        if signing.seals.others is not None:
            answer = await signing.seals.others.answer(call.body)
        else:
            answer = await signing.pool.run(signing.seals.answer, call.body, call.now_ms)
        return Download(answer, "application/timestamp-reply", "stamp.tsr")

    @API.sessionless.route(
        "GET",
        "/tsa/proofs",
        answer=StampersView,
        limit=PUBLIC_LIMIT,
        summary="Who stamps here now: the proofs that go into a file before their stamp",
    )
    async def stampers(self, call: Call) -> StampersView:
        """Newest proofs; the authority elsewhere, if there is one, has given a stamp lately."""
        seals, known = self._signing.seals, self._signing.authorities
        call.request.setHeader(b"cache-control", b"no-store")
        others = seals.others
        proofs = seals.own_proofs() if others is None else await others.newest_proofs()
        return StampersView(
            certificates=list(map(encode_base64, proofs.certificates)),
            lists=list(map(encode_base64, proofs.lists)),
            roots=[encode_base64(der_of(one)) for one in known.stampers.roots],
            policy=known.stampers.policy,
        )


def _keep(call: Call, kept_s: int) -> None:
    call.request.setHeader(b"cache-control", b"public, max-age=%d" % kept_s)
