"""The routes of the app, as declared and as documented."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from appservices.app.config import AppSection
from appservices.app.routes import API, PUSH_API
from appservices.app.spec import App
from tests.support.processes import ROOT
from veche.messaging.service import Tidied

PAGE = (ROOT / "docs/reference/http-app.md").read_text()


def test_the_page_names_every_route() -> None:
    routes = [(api.prefix, one) for api in (API, PUSH_API) for one in api.routes]

    assert [
        line
        for prefix, one in routes
        if (line := f"| `{one.method} {prefix}{one.path}` |") not in PAGE
    ] == []


def test_a_pushkey_in_a_path_is_a_secret_and_is_not_logged() -> None:
    with_key = [one for one in API.routes if "pushkey" in one.arguments]

    assert with_key
    assert all(one.hides_path for one in with_key)


def test_a_site_without_pushes_has_nothing_to_tidy_up() -> None:
    section = AppSection.model_validate({"homeserver_url": "http://x", "name": {"en": "Town"}})

    app = App(cast("Any", SimpleNamespace(public_url=None)), section)

    assert isinstance(app, Tidied)
    assert app.gateway is None
    assert list(app.housekeeping()) == []
