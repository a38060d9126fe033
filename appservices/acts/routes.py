"""The directory of this site, for whoever follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.acts import service
from appservices.acts.api import BundleQuery, DirectoryKeysView
from veche.api import Api
from veche.contracts.directory.bundle import Bundle
from veche.protocol.errors import NotFoundError
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.acts.service import Directories
    from veche.acts.witnesses.asking import Witnesses
    from veche.api import Call
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/directory/v1", "Veche: the directory of organisations")
WELL_KNOWN: Final = Api("/.well-known/veche/directory", "Veche: how the directory is trusted")
BUNDLE_LIMIT: Final = Limit(burst=60, per_s=5)
"""Bundles of one client address: each reads some hundred rows."""
KEPT_S: Final = 5
"""How long an answer may be kept by whoever hands it on."""


class DirectoryRoutes:
    """Entries with their proofs, and the keys."""

    def __init__(self, directories: Directories, witnesses: Witnesses) -> None:
        """Make them."""
        self._directories = directories
        self._witnesses = witnesses

    @API.sessionless.transaction(
        "directory.bundle",
        "GET",
        "/bundle",
        query=BundleQuery,
        answer=Bundle,
        limit=BUNDLE_LIMIT,
        takes_other_sites=True,
        summary="The entries of the directory from a place on, with proofs and the newest head",
    )
    def bundle(self, txn: Cursor, call: Call) -> Bundle:
        """The next entries."""
        found = service.bundle(txn, self._directories, self._witnesses, call.query.since)
        call.request.setHeader(b"cache-control", b"public, max-age=%d" % KEPT_S)
        return found

    @WELL_KNOWN.sessionless.route(
        "GET",
        "",
        answer=DirectoryKeysView,
        takes_other_sites=True,
        summary="The keys of the directory of this site",
    )
    async def keys(self, call: Call) -> DirectoryKeysView:
        """The keys."""
        own = self._directories.own
        if own is None:
            raise NotFoundError("There is no directory here")
        call.request.setHeader(b"cache-control", b"public, max-age=%d" % KEPT_S)
        return DirectoryKeysView(
            v=1,
            api=API.prefix,
            log=own.root.log,
            keys=[key.to_text() for key in own.root.keys],
            witnesses=[one.to_text() for one in self._witnesses.keys],
        )
