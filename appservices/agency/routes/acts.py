"""What anybody may ask of the logs of acts without signing in: keys, and signed heads.

Nothing here tells of persons: a head is a size and a hash. Who was exported acts of a case has the
proofs in that file already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from veche.protocol.errors import NotFoundError
from veche.protocol.notes import SIZE_MAX
from veche.protocol.wire import Wire
from veche.runtime.acts import heads
from veche.runtime.api import Api
from veche.runtime.limits import Limit

if TYPE_CHECKING:
    from appservices.agency.routes.api import Offices
    from veche.runtime.api import Call
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host

API: Final = Api("/_veche/acts/v1", "Veche: the logs of what organisations do to persons")
WELL_KNOWN: Final = Api("/.well-known/veche/acts", "Veche: how the logs of acts are checked")
HEAD_LIMIT: Final = Limit(burst=30, per_s=5)
"""Heads of one client address: each reads some dozens of rows."""
KEPT_S: Final = 5
"""How long an answer may be kept by whoever hands it on."""

Organisation = Annotated[str, Field(min_length=1, max_length=128)]


class KeysQuery(Wire):
    """Whose log."""

    organisation: Organisation


class HeadQuery(Wire):
    """Whose log, and which head one has already."""

    organisation: Organisation
    after: Annotated[int, Field(ge=1, le=SIZE_MAX)] | None = None


class ActHeadView(Wire):
    """The newest signed head of a log.

    Attributes:
        checkpoint: Signed note: origin, how many acts, root.
        consistency: Proof (RFC 6962) that it begins with the head of ``after`` acts; empty if none
            was named, or if that is the newest.
    """

    checkpoint: str
    consistency: list[str]


class ActKeysView(Wire):
    """How the acts of an organisation are checked.

    Attributes:
        v: 1.
        api: Path of the API on this site.
        keys: Verifier keys of its log, the present one first.
    """

    v: Literal[1]
    api: str
    keys: list[str]


class ActHeadRoutes:
    """Heads."""

    def __init__(self, offices: Offices) -> None:
        """Make them."""
        self._offices = offices

    @API.transaction(
        "agency.act_head",
        "GET",
        "/heads",
        query=HeadQuery,
        answer=ActHeadView,
        limit=HEAD_LIMIT,
        summary="The newest signed head of a log of acts, and that it begins with an older one",
    )
    def head(self, txn: Cursor, call: Call) -> ActHeadView:
        """The newest one."""
        organisation = _known(self._offices, call.query.organisation)
        head, path = heads.extended(txn, organisation, call.query.after)
        _keep(call)
        return ActHeadView(checkpoint=head.note, consistency=list(path))


class ActKeyRoutes:
    """Keys."""

    def __init__(self, host: Host, offices: Offices) -> None:
        """Make them."""
        self._host = host
        self._offices = offices

    @WELL_KNOWN.route(
        "GET", "", query=KeysQuery, answer=ActKeysView, summary="The keys of a log of acts"
    )
    async def keys(self, call: Call) -> ActKeysView:
        """The keys."""
        organisation = _known(self._offices, call.query.organisation)
        _keep(call)
        key = self._host.act_heads.signer(organisation).verifier
        return ActKeysView(v=1, api=API.prefix, keys=[key.to_text()])


def _known(offices: Offices, organisation: str) -> str:
    if organisation not in {one.organisation for one in offices.workplaces.values()}:
        raise NotFoundError("There is no such organisation here")
    return organisation


def _keep(call: Call) -> None:
    value = b"public, max-age=%d" % KEPT_S
    call.request.setHeader(b"cache-control", value)
