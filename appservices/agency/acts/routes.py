"""The logs of acts: keys and signed heads for anybody, and for a person the acts on them.

What anybody may ask tells of no person: a head is a size and a hash. The acts on a person come as
the file that proves them (``veche.transparency.act_proof``), which is checked where it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from veche.access.sessions import Level
from veche.acts import actors, counts, has_log, heads
from veche.api import Api, Download
from veche.protocol.canonical import canonical
from veche.protocol.errors import NotFoundError
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Limit
from veche.transparency.act_proof import ACTS_KEY
from veche.transparency.notes import SIZE_MAX
from veche.transparency.witness_proofs import WitnessedHead

if TYPE_CHECKING:
    from appservices.agency.pages.routes.api import Offices
    from veche.acts import ActLog
    from veche.acts.heads import ActHeads
    from veche.acts.witnesses.asking import Witnesses
    from veche.api import Call
    from veche.runtime.database import Cursor

API: Final = Api("/_veche/acts/v1", "Veche: the logs of what organisations do to persons")
WELL_KNOWN: Final = Api("/.well-known/veche/acts", "Veche: how the logs of acts are checked")
HEAD_LIMIT: Final = Limit(burst=30, per_s=5)
"""Heads of one client address: each reads some dozens of rows."""
ACTS_LIMIT: Final = Limit(burst=30, per_s=1)
"""Files of acts of one client address: each reads some hundred rows."""
KEPT_S: Final = 5
"""How long an answer may be kept by whoever hands it on."""

Organisation = Annotated[str, Field(min_length=1, max_length=128)]


class KeysQuery(Wire):
    """The organisation whose log is asked for."""

    organisation: Organisation


class HeadQuery(Wire):
    """The organisation whose log is asked for, and the head that the caller has already."""

    organisation: Organisation
    after: Annotated[int, Field(ge=1, le=SIZE_MAX)] | None = None


class ActHeadView(Wire):
    """The newest signed head of a log.

    Attributes:
        checkpoint: Signed note: origin, how many acts, root.
        consistency: Proof (RFC 6962) that it begins with the head of ``after`` acts; empty if none
            was named, or if that is the newest.
        witnessed: The newest head that enough witnesses have signed, if there is one, and that this
            one begins with it.
    """

    checkpoint: str
    consistency: list[str]
    witnessed: WitnessedHead | None = None


class ActorView(Wire):
    """An organisation that has acted on the person.

    Attributes:
        organisation: Its id.
        name: For the person.
        acts: How many acts there are.
    """

    organisation: str
    name: str
    acts: int


class ActorsView(Wire):
    """The actors who have acted on the person."""

    organisations: list[ActorView]


class ActsQuery(Wire):
    """Which of the acts: the newest below a place in the log, or of all."""

    before: Annotated[int, Field(ge=1, le=SIZE_MAX)] = SIZE_MAX


class ActKeysView(Wire):
    """How the acts of an organisation are checked.

    Attributes:
        v: 1.
        api: Path of the API on this site.
        keys: Verifier keys of its log, the present one first.
        witnesses: Verifier keys of the witnesses that it shows its heads to. It says so itself:
            compare them by another way.
    """

    v: Literal[1]
    api: str
    keys: list[str]
    witnesses: list[str]


class ActHeadRoutes:
    """Heads."""

    def __init__(self, act_heads: ActHeads) -> None:
        """Make them."""
        self._act_heads = act_heads

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
        organisation = _known(txn, call.query.organisation)
        head, path = heads.extended(txn, organisation, call.query.after)
        _keep(call)
        witnessed = self._act_heads.witnessed(txn, organisation, head.size)
        return ActHeadView(checkpoint=head.note, consistency=list(path), witnessed=witnessed)


class ActsOfPersonRoutes:
    """The acts on whoever is signed in."""

    def __init__(self, offices: Offices, act_log: ActLog, act_heads: ActHeads) -> None:
        """Make them.

        Args:
            offices: Whose names are known by language.
            act_log: Knows the pseudonyms of persons.
            act_heads: Sign what proves the acts.
        """
        self._offices = offices
        self._act_log = act_log
        self._act_heads = act_heads

    @API.transaction(
        "agency.actors",
        "GET",
        "/mine",
        answer=ActorsView,
        level=Level.ROOM,
        summary="The organisations that have acted on the person",
    )
    def actors(self, txn: Cursor, call: Call) -> ActorsView:
        """List who has acted on the person, and how often."""
        names = actors(txn) | {
            one.section.organisation: one.section.name(call.language)
            for one in self._offices.offices.values()
        }
        person, pseudonym = call.signed_in.person, self._act_log.pseudonym
        found = counts(txn, {one: pseudonym(one, person) for one in names})
        views = [ActorView(organisation=one, name=names[one], acts=found[one]) for one in found]
        return ActorsView(organisations=views)

    @API.transaction(
        "agency.acts_on",
        "GET",
        "/mine/<organisation>",
        query=ActsQuery,
        answer=Download,
        level=Level.ROOM,
        limit=ACTS_LIMIT,
        summary="The newest acts of an organisation on the person, as a file that proves them",
    )
    def acts(self, txn: Cursor, call: Call) -> Download:
        """The file."""
        organisation = _known(txn, call.path_args["organisation"])
        subject = self._act_log.pseudonym(organisation, call.signed_in.person)
        heads_of = self._act_heads
        proof = heads_of.proof(txn, organisation, subject, call.now_ms, before=call.query.before)
        signed = heads_of.signer(organisation).sign_object({ACTS_KEY: proof})
        return Download(canonical(signed), "application/json", f"acts-{organisation}.json")


class ActKeyRoutes:
    """Keys."""

    def __init__(self, act_heads: ActHeads, witnesses: Witnesses) -> None:
        """Make them."""
        self._act_heads = act_heads
        self._witnesses = witnesses

    @WELL_KNOWN.transaction(
        "agency.act_keys",
        "GET",
        "",
        query=KeysQuery,
        answer=ActKeysView,
        summary="The keys of a log of acts",
    )
    def keys(self, txn: Cursor, call: Call) -> ActKeysView:
        """The keys."""
        organisation = _known(txn, call.query.organisation)
        _keep(call)
        keys = [one.to_text() for one in self._act_heads.keys(organisation)]
        witnesses = [one.to_text() for one in self._witnesses.keys]
        return ActKeysView(v=1, api=API.prefix, keys=keys, witnesses=witnesses)


def _known(txn: Cursor, organisation: str) -> str:
    if not has_log(txn, organisation):
        raise NotFoundError("There is no such organisation here")
    return organisation


def _keep(call: Call) -> None:
    value = b"public, max-age=%d" % KEPT_S
    call.request.setHeader(b"cache-control", value)
