"""No route of any API is open to a session of a lower level than it needs; new ones are found."""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

import appservices
from tests.support.hostile_json import hostile_bodies
from tests.support.postgres import database
from tests.support.processes import TIMEOUT_S
from tests.support.web import served
from veche.access.sessions import Agent, Level, Session, Sessions, core, store
from veche.acts import ActLog
from veche.api import Api
from veche.api.bearer import (
    KEY_CHARACTERS_MIN,
    BearerKeys,
    OrganisationCaller,
    OrganisationKey,
)
from veche.api.gate import Gate
from veche.api.route import Auth
from veche.protocol.errors import MalformedError
from veche.protocol.ids import UserId
from veche.protocol.json_reader import read_json
from veche.protocol.wire import parse
from veche.runtime.database import Database
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.api import Route

pytestmark = [pytest.mark.postgres]

ALICE = UserId("@alice:example.org")
NOW_MS = 1_764_000_000_000
PLENTY = Limit(burst=100_000, per_s=1_000)

BY_KEY = {
    "DELETE /_veche/payments/v1/webhooks/<webhook_id>": "webhook",
    "DELETE /_veche/signing/v1/sessions/<session>/file": None,
    "DELETE /_veche/signing/v1/webhooks/<webhook_id>": None,
    "GET /_veche/payments/v1/code": "read",
    "GET /_veche/payments/v1/code.png": "read",
    "GET /_veche/payments/v1/code.svg": "read",
    "GET /_veche/payments/v1/disputes": "read",
    "GET /_veche/payments/v1/escrows/<escrow_id>": "read",
    "GET /_veche/payments/v1/events": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/code": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/code.png": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/code.svg": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/quote": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/refunds": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/refunds/<refund_id>/ubl": "read",
    "GET /_veche/payments/v1/invoices/<invoice_id>/ubl": "read",
    "GET /_veche/payments/v1/mandates/<mandate_id>": "read",
    "GET /_veche/payments/v1/mandates/<mandate_id>/charges/<charge_id>": "read",
    "GET /_veche/payments/v1/payments/<payment_id>": "read",
    "GET /_veche/payments/v1/payments/<payment_id>/dispute": "read",
    "GET /_veche/payments/v1/payments/<payment_id>/dispute/evidence/<n>": "read",
    "GET /_veche/payments/v1/payouts/<payout_id>": "read",
    "GET /_veche/payments/v1/payouts/<payout_id>/lines": "read",
    "GET /_veche/payments/v1/webhooks": "webhook",
    "GET /_veche/signing/v1/batches/<batch>": None,
    "GET /_veche/signing/v1/batches/<batch>/rows": None,
    "GET /_veche/signing/v1/events": None,
    "GET /_veche/signing/v1/seals/<organisation>": None,
    "GET /_veche/signing/v1/sessions/<session>/evidence": None,
    "GET /_veche/signing/v1/sessions/<session>/file": None,
    "GET /_veche/signing/v1/sessions/<session>/state": None,
    "GET /_veche/signing/v1/templates": None,
    "GET /_veche/signing/v1/webhooks": None,
    "POST /_veche/payments/v1/escrows": "escrow",
    "POST /_veche/payments/v1/escrows/<escrow_id>/cancel": "escrow",
    "POST /_veche/payments/v1/escrows/<escrow_id>/decide": "escrow",
    "POST /_veche/payments/v1/invoices": "invoice",
    "POST /_veche/payments/v1/invoices/<invoice_id>/confirm": "invoice",
    "POST /_veche/payments/v1/invoices/<invoice_id>/quote": "invoice",
    "POST /_veche/payments/v1/invoices/<invoice_id>/refund": "refund",
    "POST /_veche/payments/v1/invoices/<invoice_id>/refuse": "invoice",
    "POST /_veche/payments/v1/invoices/<invoice_id>/withdraw": "invoice",
    "POST /_veche/payments/v1/mandates": "mandate",
    "POST /_veche/payments/v1/mandates/<mandate_id>/charges": "mandate",
    "POST /_veche/payments/v1/mandates/<mandate_id>/end": "mandate",
    "POST /_veche/payments/v1/payments/<payment_id>/dispute/answer": "refund",
    "POST /_veche/payments/v1/payments/<payment_id>/dispute/appeal": "refund",
    "POST /_veche/payments/v1/payouts": "payout",
    "POST /_veche/payments/v1/payouts/<payout_id>/approve": "payout",
    "POST /_veche/payments/v1/payouts/<payout_id>/stop": "payout",
    "POST /_veche/payments/v1/webhooks": "webhook",
    "POST /_veche/payments/v1/webhooks/<webhook_id>/resume": "webhook",
    "POST /_veche/signing/v1/seals/<organisation>": None,
    "POST /_veche/signing/v1/sessions": None,
    "POST /_veche/signing/v1/sessions/<session>/cancel": None,
    "POST /_veche/signing/v1/sessions/<session>/extend": None,
    "POST /_veche/signing/v1/sessions/<session>/send": None,
    "POST /_veche/signing/v1/stamps": None,
    "POST /_veche/signing/v1/templates/<name>/sessions": None,
    "POST /_veche/signing/v1/templates/<name>/table": None,
    "POST /_veche/signing/v1/webhooks": None,
    "POST /_veche/signing/v1/webhooks/<webhook_id>/resume": None,
    "PUT /_veche/payments/v1/payments/<payment_id>/dispute/evidence": "refund",
    "PUT /_veche/signing/v1/sessions/<session>/file": None,
    "PUT /_veche/signing/v1/sessions/<session>/file/any": None,
}
"""The key of an organisation opens them, and no session; with the scope that the key needs."""
BY_LINK = (
    "GET /_veche/signing/v1/meetings/<meeting>",
    "GET /_veche/signing/v1/meetings/<meeting>/screen",
    "GET /_veche/signing/v1/waiting",
    "POST /_veche/signing/v1/asks",
    "GET /_veche/signing/v1/meetings/<meeting>/blobs/<digest>",
    "POST /_veche/signing/v1/meetings/<meeting>/claim",
    "POST /_veche/signing/v1/meetings/<meeting>/hand",
    "POST /_veche/signing/v1/meetings/<meeting>/leave",
    "POST /_veche/signing/v1/meetings/<meeting>/refusal",
    "POST /_veche/signing/v1/meetings/<meeting>/tablet",
    "GET /_veche/signing/v1/sessions/<session>",
    "GET /_veche/signing/v1/sessions/<session>/blobs/<digest>",
    "POST /_veche/signing/v1/sessions/<session>/ask",
    "POST /_veche/signing/v1/sessions/<session>/delegate/ask",
    "POST /_veche/signing/v1/sessions/<session>/closing",
    "POST /_veche/signing/v1/sessions/<session>/doubt",
    "POST /_veche/signing/v1/sessions/<session>/own-certificate",
    "POST /_veche/signing/v1/sessions/<session>/provider/credentials",
    "POST /_veche/signing/v1/sessions/<session>/view",
)
"""No session opens them: the link of a party shows what it is asked to sign, and no more."""
BY_APPROVAL = (
    "POST /_veche/signing/v1/certificates",
    "POST /_veche/signing/v1/sessions/<session>/decline",
    "POST /_veche/signing/v1/sessions/<session>/delegate",
    "POST /_veche/signing/v1/sessions/<session>/own-certificate/approval",
    "POST /_veche/signing/v1/sessions/<session>/provider/begin",
    "POST /_veche/signing/v1/sessions/<session>/provider/order",
    "POST /_veche/signing/v1/sessions/<session>/provider/signature",
    "POST /_veche/signing/v1/sessions/<session>/provider/check",
    "POST /_veche/signing/v1/sessions/<session>/signatures",
)
"""No session opens them: beside the link they take the signature of the person's device key."""
OPEN = {
    **dict.fromkeys(BY_KEY, "the key of an organisation is the authority"),
    **dict.fromkeys(BY_LINK, "the link of a party is the secret"),
    **dict.fromkeys(BY_APPROVAL, "the signature of the person's device key is the authority"),
    "GET /.well-known/veche/acts": "keys are there to be known",
    "GET /.well-known/veche/directory": "keys are there to be known",
    "GET /.well-known/veche/payments": "keys are there to be known",
    "GET /_veche/acts/v1/heads": "a promise to everybody",
    "GET /_veche/agency/v1/catalogue": "what there is, is public",
    "GET /_veche/agency/v1/catalogue/<office>/<service>": "what there is, is public",
    "GET /_veche/agency/v1/offices/<office>/picture": "coats of arms are public",
    "POST /_veche/agency/v1/forms/check": "what a value should look like, is public",
    "GET /_veche/app/v1/site": "what the app must know before anybody is signed in",
    "GET /_veche/app/v1/push/key": "keys are there to be known",
    "POST /_veche/app/v1/push": "says where a browser is told; who asks gets its own key alone",
    "DELETE /_veche/app/v1/push/<pushkey>": "the key of a push is the secret",
    "POST /_matrix/policy/v1/sign": "homeservers sign their requests",
    "GET /.well-known/matrix/policy_server": "the key is public",
    "POST /_matrix/push/v1/notify": "the key of a push is the secret; any homeserver may push",
    "GET /_veche/approvals/v1/time": "the clock",
    "GET /_veche/approvals/v1/<nonce>": "the nonce is the secret",
    "POST /_veche/approvals/v1": "the signature is the authority",
    "GET /_veche/directory/v1/bundle": "who is official, is public",
    "GET /_veche/directory/v1/official": "who is official, is public",
    "GET /_veche/payments/v1/heads": "a promise to everybody",
    "GET /_veche/peers/v1/heads": "a promise to everybody",
    "POST /_veche/peers/v1/questions": "the signature of another institution is the authority",
    "GET /_veche/signing/v1/ca/<name>": "certificates are there to be known",
    "GET /_veche/signing/v1/authorities": "certificates are there to be known",
    "GET /_veche/signing/v1/crl/<name>": "lists are there to be known",
    "POST /_veche/signing/v1/tsa": "a time stamp says the time",
    "GET /_veche/signing/v1/tsa/proofs": "certificates and lists are there to be known",
    "POST /_veche/wallet/v1/codes": "a code says what it says",
    "GET /_veche/wallet/v1/invoices/<link>/status": "the link of an invoice is the secret",
    "POST /_veche/wallet/v1/invoices": "the link of an invoice is the secret",
    "GET /_veche/payments/v1/proof/<receipt_id>": "hashes alone; the id of a receipt is secret",
    "POST /_veche/sessions/v1/codes": "the answer says nothing; the room gets the code",
    "POST /_veche/sessions/v1/code": "the code is the proof",
    "POST /_veche/sessions/v1/link": "the link is the proof",
    "POST /_veche/sessions/v1/openid": "the homeserver is the proof",
}
"""Open to anybody, and why."""
OTHER_SITES = {
    "GET /.well-known/veche/directory": "public; pages of others may look who is official",
    "GET /.well-known/matrix/policy_server": "public; any homeserver may look",
    "GET /_veche/directory/v1/bundle": "public; pages of others may look who is official",
    "GET /_veche/directory/v1/official": "public; pages of others may look who is official",
    "GET /_veche/wallet/v1/invoices/<link>/status": "one word, for a shop's own page",
    "GET /_veche/app/v1/site": "public; an app that somebody else serves may ask",
    "GET /_veche/app/v1/push/key": "public; an app that somebody else serves may ask",
}
"""What scripts of other origins may read, and why."""
LARGE_AND_OPEN = {
    "POST /_veche/agency/v1/forms/check": "as large as a draft",
    "POST /_veche/approvals/v1": "an approval of 250 documents says all that was shown",
    "POST /_veche/peers/v1/questions": "an envelope of another institution",
}
"""JSON over 64 KiB that anybody may send, and why: it is counted and read in a thread."""
LARGE_AND_KNOWN = {
    "PUT /_veche/agency/v1/cases/<case_id>/draft",
    "POST /_veche/agency/v1/cases/<case_id>/answers",
}
SECRETS = frozenset(("nonce", "link", "receipt_id", "pushkey"))
"""Arguments of paths by which one sees what only few may."""
SCOPES = ("", *sorted({scope for scope in BY_KEY.values() if scope is not None}))
"""Of keys of organisations; empty: a key without any."""
LOW = {
    "GET /_veche/agency/v1/homes": "rooms that the homeserver knows",
    "POST /_veche/approvals/v1/<nonce>/decline": "only takes power away; asks for its own level",
    "POST /_veche/wallet/v1/freeze": "only takes power away",
    "GET /_veche/keys/v1/keys": "before one is revoked",
    "DELETE /_veche/keys/v1/keys/<key_id>": "only takes power away",
    "GET /_veche/sessions/v1/session": "what the browser was told already",
    "DELETE /_veche/sessions/v1/session": "only takes power away",
    "DELETE /_veche/sessions/v1/sessions/<session_id>": "only takes power away",
    "PUT /_veche/sessions/v1/language": "the language",
}
"""Open to whom a homeserver vouches for, and why: it can vouch for anybody who is its."""


def apis() -> Iterator[Api]:
    """Every API that a module below ``appservices`` declares."""
    found: dict[str, Api] = {}
    for module in pkgutil.walk_packages(appservices.__path__, "appservices."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Api):
                assert found.setdefault(value.prefix, value) is value, "two APIs of one prefix"
    yield from (found[prefix] for prefix in sorted(found))


def name_of(api: Api, route: Route) -> str:
    return f"{route.method} {api.prefix}{route.path}"


def test_what_is_open_is_named_with_its_reason() -> None:
    levels = {name_of(api, route): route.level for api in apis() for route in api.routes}

    assert {name for name, level in levels.items() if level is None} == set(OPEN)
    assert {name for name, level in levels.items() if level is Level.LOW} == set(LOW)
    assert set(levels.values()) <= {None, *Level}


def test_each_route_of_organisations_asks_for_the_scope_that_is_named_here() -> None:
    auths = {name_of(api, route): route.auth for api in apis() for route in api.routes}

    found = {name: one.scope for name, one in auths.items() if isinstance(one, OrganisationKey)}
    assert found == BY_KEY
    assert not {name for name in (*BY_LINK, *BY_APPROVAL) if auths[name] is not Auth.NONE}


def test_what_other_origins_may_read_is_named_with_its_reason() -> None:
    found = {
        name_of(api, route) for api in apis() for route in api.routes if route.takes_other_sites
    }

    assert found == set(OTHER_SITES)


def test_no_line_has_a_secret_that_stands_in_a_path() -> None:
    routes = [(name_of(api, route), route) for api in apis() for route in api.routes]
    with_secret = {name for name, route in routes if SECRETS & {*route.arguments}}

    assert len(with_secret) == 6
    assert with_secret == {name for name, route in routes if route.hides_path}


def test_who_sends_a_large_body_is_known_before_it_comes() -> None:
    unknown = {
        name_of(api, route): route.body_bytes_max
        for api in apis()
        for route in api.routes
        if route.level is None and route.auth is Auth.SESSION and (route.body_bytes_max or 0)
    }
    peers = {name_of(api, one): one for api in apis() for one in api.routes if one.body_bytes_max}

    assert set(unknown) | {"POST /_veche/peers/v1/questions"} == set(LARGE_AND_OPEN)
    assert set(peers) - set(LARGE_AND_OPEN) == LARGE_AND_KNOWN


def test_no_document_is_more_than_malformed_for_any_route() -> None:
    chance = random.Random(7)  # noqa: S311 -- no secret
    for api in apis():
        for route in api.routes:
            if route.body is None:
                continue
            for data in hostile_bodies(route.body, chance):
                with contextlib.suppress(MalformedError):
                    parse(route.body, read_json(data)).model_dump(mode="json")


class LevelTest(TestCase):
    """The real gate and real sessions; what the routes do is not reached, or fails."""

    timeout = TIMEOUT_S

    def setUp(self) -> None:
        scope = database(*KERNEL_SETS)
        dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        real: Any = reactor
        self.database = Database(dsn, real)
        self.addCleanup(self.database.close)
        self.clock = Clock()
        self.clock.advance(NOW_MS / 1000)
        people: Any = None  # sessions without identity never ask
        self.sessions = Sessions(
            self.database, self.clock, ActLog(bytes(32)), None, people, key=bytes(32)
        )

    async def token(self, level: Level) -> str:
        """A session of that level."""
        token = level.label.ljust(43, "A")
        session = Session(
            id=level.label.upper().ljust(26, "0"),
            person=ALICE,
            level=level,
            language=None,
            agent=Agent(),
            begun_at_ms=NOW_MS,
            used_at_ms=NOW_MS,
            ends_at_ms=NOW_MS + core.SESSION_MS_MAX,
        )
        digest = core.token_hash(token)
        assert digest is not None
        await self.database.run("test", store.add_session, session, digest)
        return token

    def served(self, api: Api) -> tuple[Any, str]:
        """The API without what it asks of bodies and keys: who asks is all that counts here."""
        bare = Api(api.prefix, api.title)
        bare.routes = [
            attrs.evolve(route, body=None, takes=None, query=None, needs_key=False, limit=None)
            for route in api.routes
        ]
        owners: list[object] = [
            object.__new__(owner) for owner in {owner_of(route) for route in api.routes}
        ]
        gate = Gate(
            self.database,
            self.clock,
            self.sessions,
            address_limit=PLENTY,
            session_limit=PLENTY,
        )
        return served(self, bare.resource(gate, *owners, keys=self.keys()))

    def keys(self) -> BearerKeys:
        """A key of each scope alone, and one without any."""
        folder = Path(self.mktemp())  # type: ignore[no-untyped-call]  # trial: not annotated
        keys = BearerKeys()
        folder.mkdir()
        for scope in SCOPES:
            path = folder / key_of(scope)
            path.touch(0o600)
            path.write_text(key_of(scope))
            keys.add(path, OrganisationCaller("town", scopes=frozenset({scope} - {""})))
        return keys

    async def test_each_route_refuses_each_lower_level_and_takes_its_own(self) -> None:
        tokens: dict[Level | None, str | None] = {None: None}
        for one in Level:
            tokens[one] = await self.token(one)
        counts = dict.fromkeys((401, 403), 0)
        for api in apis():
            http, url = self.served(api)
            for route in api.routes:
                for level in lower(route):
                    got = await self.verdict(http, url, route, tokens[level])
                    assert got == refusal(route, level), (name_of(api, route), level, got)
                    counts[got[0]] += 1
                if route.level is not None:
                    # Past the gate it fails, since nothing of the feature is there; no matter how.
                    got = await self.verdict(http, url, route, tokens[route.level])
                    assert got[0] != 401, name_of(api, route)
                    assert got[1] != "ORG.VECHE.LEVEL_TOO_LOW", name_of(api, route)

        assert all(counts.values()), counts

    async def test_a_key_opens_what_its_scope_says_and_a_session_none_of_it(self) -> None:
        strangers = (None, await self.token(Level.ROOM), "s" * 43)
        refused = 0
        for api in apis():
            http, url = self.served(api)
            for route in api.routes:
                name, is_keyed = name_of(api, route), isinstance(route.auth, OrganisationKey)
                others = strangers if is_keyed else (key_of(""),)  # nobody's session
                for token in others if route.auth is not Auth.NONE else ():
                    got = await self.verdict(http, url, route, token)
                    assert got[:2] == (401, "ORG.VECHE.SIGN_IN"), (name, token, got)
                for scope in SCOPES if is_keyed else ():
                    got = await self.verdict(http, url, route, key_of(scope))
                    if BY_KEY[name] in (None, scope):
                        assert got[0] not in (401, 403), (name, scope, got)
                    else:
                        assert got[:2] == (403, "ORG.VECHE.FORBIDDEN"), (name, scope, got)
                        refused += 1

        assert refused == sum(map(bool, BY_KEY.values())) * (len(SCOPES) - 1)

    async def verdict(
        self, http: Any, url: str, route: Route, token: str | None
    ) -> tuple[int, str, str | None]:
        path = route.path
        for argument in route.arguments:
            path = "/".join(
                "x" if part.endswith(f"{argument}>") else part for part in path.split("/")
            )
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await http.request(route.method, url + (path or "/"), headers=headers)
        text = await answer.text()
        body = json.loads(text) if text else {}
        return answer.code, body.get("errcode", ""), body.get("required")


def key_of(scope: str) -> str:
    return f"{scope}-".ljust(KEY_CHARACTERS_MIN, "k")


def lower(route: Route) -> list[Level | None]:
    """Nobody, and the levels below that of a route."""
    if route.level is None:
        return []
    return [None, *(one for one in Level if one < route.level)]


def refusal(route: Route, level: Level | None) -> tuple[int, str, str | None]:
    """What a session of a lower level, or none, is told."""
    if level is None or route.level is None:
        return 401, "ORG.VECHE.SIGN_IN", None
    return 403, "ORG.VECHE.LEVEL_TOO_LOW", route.level.label


def owner_of(route: Route) -> type:
    """The class whose method a route is."""
    name = route.function.__qualname__.rpartition(".")[0]
    owner: type = getattr(sys.modules[route.function.__module__], name)
    return owner
