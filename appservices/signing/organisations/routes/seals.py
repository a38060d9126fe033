"""Seals, for the organisations that have one, by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from appservices.signing.pages.routes.api import API
from appservices.signing.stamps import store
from veche.documents.pki.stamps import StampRequest
from veche.documents.sealing_api import SealBody, SealedView, SealView, StampBody, StampView
from veche.protocol.errors import NotFoundError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.signing.keys import SigningPool
    from appservices.signing.stamps.service.sealing import Seals
    from veche.api import Call
    from veche.runtime.database import Database

SEAL_LIMIT: Final = Limit(burst=500, per_s=100)
"""Seals, and stamps, of one client address."""


class Signing(Protocol):
    """The methods of ``appservices.signing.bot.Signing`` that the routes need."""

    pool: SigningPool
    seals: Seals


class SealRoutes:
    """Seals and stamps over digests."""

    def __init__(self, database: Database, signing: Signing) -> None:
        """Make them."""
        self._database = database
        self._signing = signing

    @API.by_key().route(
        "GET",
        "/seals/<organisation>",
        answer=SealView,
        limit=SEAL_LIMIT,
        summary="The organisation's seal: what a file needs beside the signature",
    )
    async def view(self, call: Call) -> SealView:
        """Return the facts that a client needs to prepare a file."""
        organisation, signing = self._organisation(call), self._signing
        return await signing.pool.run(signing.seals.view, organisation, call.now_ms)

    @API.by_key().route(
        "POST",
        "/seals/<organisation>",
        body=SealBody,
        answer=SealedView,
        limit=SEAL_LIMIT,
        summary="Seal a digest; the same digest may be sealed again",
    )
    async def seal(self, call: Call) -> SealedView:
        """Seal a digest; the record of it commits before the seal leaves.

        The key signs first and in its own thread, since a token that does not answer must hold no
        transaction.
        """
        organisation, signing = self._organisation(call), self._signing
        digest, reference = decode_base64(call.body.digest), call.body.reference
        sealed = await signing.pool.run(signing.seals.seal, organisation, digest, call.now_ms)
        await self._database.run(
            "signing.seal", store.add_seal, organisation, digest, reference, call.now_ms
        )
        return sealed

    @API.by_key().route(
        "POST",
        "/stamps",
        body=StampBody,
        answer=StampView,
        limit=SEAL_LIMIT,
        summary="Stamp a digest, for an organisation that has a seal",
    )
    async def stamp_digest(self, call: Call) -> StampView:
        """A time stamp without the form of RFC 3161 around it."""
        request = StampRequest(decode_base64(call.body.digest))
        signing = self._signing
        token = await signing.pool.run(signing.seals.stamp, request, call.now_ms)
        return StampView(token=encode_base64(token))

    def _organisation(self, call: Call) -> str:
        organisation = call.path_args["organisation"]
        if call.caller.id != organisation:
            raise NotFoundError("Your organisation has no such seal")
        return organisation
