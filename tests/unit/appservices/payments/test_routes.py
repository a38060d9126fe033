"""The API of organisations as it is declared: each route is documented, and done once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from appservices.payments.routes import API
from tests.support.tables import each_row
from veche.api.bearer import OrganisationKey
from veche.api.openapi import document
from veche.api.route import Auth

if TYPE_CHECKING:
    from veche.api import Route

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/reference/http-payments.md").read_text()
LINES = {
    (method, path): [cell.strip() for cell in rest.split("|")]
    for method, path, rest in re.findall(r"^\| `([A-Z]+) (/\S+)` \| (.*) \|$", PAGE, re.MULTILINE)
}
OPEN = {("GET", "/proof/<receipt_id>"), ("GET", "/heads")}
OPEN_PATHS = {("GET", "/proof/{receipt_id}"), ("GET", "/heads")}


@each_row("route", API.routes)
def test_a_route_is_documented_with_its_key(route: Route) -> None:
    scope, key, words, *_ = LINES[route.method, route.path]

    auth = route.auth
    assert scope.partition(",")[0] == (auth.scope if isinstance(auth, OrganisationKey) else "open")
    assert key == ("yes" if route.needs_key else "")
    assert words


def test_no_other_route_is_documented() -> None:
    assert LINES.keys() == {(one.method, one.path) for one in API.routes}


def test_every_act_is_done_once() -> None:
    assert not [one.path for one in API.routes if one.method == "POST" and not one.needs_key]


def test_no_route_of_organisations_takes_the_session_of_a_person() -> None:
    assert {(one.method, one.path) for one in API.routes if one.auth is Auth.SESSION} == OPEN


def test_the_openapi_document_has_every_route_with_its_shapes() -> None:
    paths = document(API)["paths"]
    found = {
        (method.upper(), path): one for path, all_ in paths.items() for method, one in all_.items()
    }

    assert len(found) == len(API.routes)
    for (method, path), one in found.items():
        assert ("requestBody" in one) == (method in {"POST", "PUT"}), path
        assert any(status.startswith("2") for status in one["responses"]), path
        assert ("security" in one) == ((method, path) not in OPEN_PATHS), path
        assert one["summary"]
