"""The directory of this site, for whoever follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.acts import service
from appservices.acts.api import (
    BundleQuery,
    DirectoryKeysView,
    DirectoryView,
    OfficialView,
    OrganisationView,
    PurposeView,
)
from veche.api import Api
from veche.contracts.directory.bundle import Bundle
from veche.contracts.directory.snapshot import Standing
from veche.protocol.errors import NotFoundError
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.acts.service import Directories
    from veche.acts.witnesses.asking import Witnesses
    from veche.api import Call
    from veche.contracts.directory.snapshot import Root, Snapshot
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/directory/v1", "Veche: the directory of organisations")
WELL_KNOWN: Final = Api("/.well-known/veche/directory", "Veche: how the directory is trusted")
BUNDLE_LIMIT: Final = Limit(burst=60, per_s=5)
"""Bundles of one client address: each reads some hundred rows."""
KEPT_S: Final = 5
"""How long an answer may be kept by whoever hands it on."""


def directory_view(snapshot: Snapshot, root: Root) -> DirectoryView:
    """Return the public view of a directory at a moment."""
    shown = []
    for id_ in sorted(snapshot.organisations):
        one = snapshot.organisations[id_]
        measure = one.ended or one.suspended
        standing = snapshot.standing(id_)
        has_reason = standing in (Standing.ENDED, Standing.SUSPENDED) and measure is not None
        shown.append(
            OrganisationView(
                id=id_,
                names=dict(one.said.names),
                domain=one.said.domain,
                domain_seen_ms=one.domain_seen_ms,
                chain=[each.id for each in snapshot.chain(id_)],
                standing=standing.value,
                reason=measure.reason if has_reason and measure else "",
                since_ms=one.since_ms,
                vouched_by=one.vouched_by,
                purposes=[PurposeView(title=p.title, basis=p.basis) for p in one.said.purposes],
                complaints=one.said.complaints,
                accounts=dict(one.accounts),
                protects=list(one.names),
                entry=one.entry,
            )
        )
    keys = [key.to_text() for key in root.keys]
    return DirectoryView(log=root.log, keys=keys, organisations=shown)


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

    @API.sessionless.transaction(
        "directory.official",
        "GET",
        "/official",
        answer=OfficialView,
        limit=BUNDLE_LIMIT,
        takes_other_sites=True,
        summary="Who is official now, by the directories that are trusted here",
    )
    def official(self, txn: Cursor, call: Call) -> OfficialView:
        """All organisations."""
        trusted = self._directories.trusted(txn, call.now_ms)
        call.request.setHeader(b"cache-control", b"public, max-age=%d" % KEPT_S)
        pairs = zip(trusted.snapshots, self._directories.roots, strict=True)
        return OfficialView(directories=[directory_view(*pair) for pair in pairs])

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
