"""The API as it is declared: each route is documented, and says what it needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from appservices.agency.routes import API
from appservices.agency.spec import SERVICE
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import ROOT
from veche.api.openapi import document

if TYPE_CHECKING:
    from veche.api import Route

PAGE = (ROOT / "docs/reference/http-agency.md").read_text()
LINES = {
    (method, path): [cell.strip() for cell in rest.split("|")]
    for method, path, rest in re.findall(r"^\| `([A-Z]+) (/\S+)` \| (.*) \|$", PAGE, re.MULTILINE)
}


@each_row("route", API.routes)
def test_a_route_is_documented_with_its_level_and_key(route: Route) -> None:
    level, key, words, *_ = LINES[route.method, route.path]

    assert level == (route.level.label if route.level else "open")
    assert key == ("yes" if route.needs_key else "")
    assert words


def test_no_other_route_is_documented() -> None:
    assert LINES.keys() == {(one.method, one.path) for one in API.routes}


def test_every_act_is_done_once() -> None:
    """Whatever changes something has a key, or may be repeated: PUT; a check keeps nothing."""
    posts = {one.path for one in API.routes if one.method == "POST" and not one.needs_key}

    assert posts == {"/forms/check"}


def test_the_openapi_document_has_every_route() -> None:
    paths = document(API)["paths"]
    found = {(method.upper(), path) for path, one in paths.items() for method in one}

    assert len(found) == len(API.routes)


def test_the_service_brings_its_routes() -> None:
    assert SERVICE.routes is not None
    assert API.mount == "_veche/agency/v1"
