"""Routes without sign-in: what offices offer, and whether answers are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.catalogue.api import CatalogueQuery, CatalogueView, OneServiceView
from appservices.agency.pages.api import CheckBody, CheckView
from appservices.agency.pages.routes.api import API, VALUES_BODY_BYTES_MAX
from appservices.agency.pages.service.form_check import check_answers
from veche.api import Download
from veche.runtime.web.limits import Limit

if TYPE_CHECKING:
    from appservices.agency.pages.routes.api import Offices
    from veche.api import Call

CHECK_LIMIT: Final = Limit(burst=60, per_s=20)
"""Checks of one client address: a page asks for one as somebody leaves a field."""


class CatalogueRoutes:
    """The catalogue, from memory: the same for everybody."""

    def __init__(self, offices: Offices) -> None:
        self._catalogue = offices.catalogue

    @API.route(
        "GET",
        "/catalogue",
        query=CatalogueQuery,
        answer=CatalogueView,
        summary="Services in which every word of q is found; all for none",
    )
    async def catalogue(self, call: Call) -> CatalogueView:
        """The catalogue."""
        return self._catalogue.search(call.query.q, call.language)

    @API.route(
        "GET",
        "/catalogue/<office>/<service>",
        answer=OneServiceView,
        summary="One service: what it is for, what happens, what it asks",
    )
    async def service(self, call: Call) -> OneServiceView:
        """One service."""
        office, service = call.path_args["office"], call.path_args["service"]
        return self._catalogue.read(office, service, call.language, call.now_ms)

    @API.route(
        "GET",
        "/offices/<office>/picture",
        answer=Download,
        summary="The coat of arms of an office, as PNG",
    )
    async def picture(self, call: Call) -> Download:
        """A coat of arms."""
        office = call.path_args["office"]
        return Download(self._catalogue.picture(office, call.language), "image/png", "picture.png")

    @API.route(
        "POST",
        "/forms/check",
        body=CheckBody,
        body_bytes_max=VALUES_BODY_BYTES_MAX,
        answer=CheckView,
        limit=CHECK_LIMIT,
        summary="What is wrong with answers to the form of a service; nothing is kept",
    )
    async def check(self, call: Call) -> CheckView:
        """Answers, checked."""
        given = call.body
        workplace, definition = self._catalogue.service(given.office, given.service, call.language)
        return check_answers(definition, workplace.context(call.now_ms, call.language), given)
