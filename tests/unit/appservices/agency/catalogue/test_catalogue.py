"""The catalogue as pages show it, and live checks of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

from appservices.agency import demo as office_demo
from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.catalogue.service import ServiceCatalogue
from appservices.agency.catalogue.texts.steps import step_words
from appservices.agency.config import AgencySection
from appservices.agency.language.core.definition import Step, StepKind
from appservices.agency.offices.service import open_workplaces
from appservices.agency.pages.api import CheckBody
from appservices.agency.pages.core import DRAFT_BYTES_MAX
from appservices.agency.pages.service.form_check import check_answers
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import EXAMPLE, NOW_MS, ROOT, context, example, service
from tests.unit.appservices.agency.offices.test_offices import opened
from veche.protocol.errors import NotFoundError, TooLargeError
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from appservices.agency.language.core.definition import ServiceDefinition
    from appservices.agency.offices.core.context import Context

ADDRESS: Final = ROOT / "config/services/change-of-address.yaml"
OFFICE: Final = "lindenau_records"


def catalogue() -> ServiceCatalogue:
    return ServiceCatalogue([opened(services=[str(EXAMPLE), str(ADDRESS)])])


def test_everything_is_listed_in_the_order_of_the_configuration() -> None:
    found = catalogue().search("", "en")

    [office] = found.offices
    assert (found.count, office.office, office.name) == (2, OFFICE, "Records")
    assert [one.service for one in office.services] == [
        "birth-certificate-copy",
        "change-of-address",
    ]
    assert [one.needs_key for one in office.services] == [False, True]
    assert office.bot_link == f"https://matrix.to/#/{office.bot}"


def test_an_office_shows_its_hours_and_its_coat_of_arms() -> None:
    arms, hours = ROOT / "config/pictures/lindenau.svg", {"mon": ["08:00-12:00"]}
    shown = ServiceCatalogue([opened(avatar=str(arms), hours=hours)])

    [office] = shown.search("", "en").offices
    assert office.hours == ["Mon 08:00–12:00"]
    assert office.picture == f"/_veche/agency/v1/offices/{OFFICE}/picture"
    assert shown.picture(OFFICE, "en").startswith(b"\x89PNG")
    assert catalogue().search("", "en").offices[0].picture is None
    for of, slug in ((catalogue(), OFFICE), (shown, "lindenau_none")):
        with pytest.raises(NotFoundError):
            of.picture(slug, "en")


@pytest.mark.parametrize("query", ["brith certifcate", "я хочу свидетельство о рождении"])
def test_what_no_word_fits_exactly_is_found_as_a_bot_would_understand_it(query: str) -> None:
    found = catalogue().search(query, "en")

    assert [one.service for one in found.offices[0].services] == ["birth-certificate-copy"]
    assert catalogue().search("zeppelin", "en").offices == []


@each_row("language", LANGUAGES)
def test_one_service_is_told_whole_in_every_language(language: str) -> None:
    found = catalogue().read(OFFICE, "change-of-address", language, NOW_MS)

    assert found.language == language
    assert [step.kind for step in found.step_list] == ["form", "decide", "document"]
    assert all(step.text for step in found.step_list)
    assert found.form is not None
    assert len(found.form.fields) == 4
    assert found.deadline.rule
    assert found.cost
    assert found.time


def demo_office() -> ServiceCatalogue:
    """The office of the demo, with every service that is in ``config/services``."""
    folder = ROOT / "config/services"
    data = office_demo.agency_section(folder, "https://pay.x.test", Path("/run/key"))
    [organisation] = data["organisations"]
    [office] = organisation["offices"]
    office["services"] = [str(path) for path in sorted(folder.glob("*.yaml"))]
    organisation["seal"] = {"url": "https://x.test", "key_path": "/run/key"}
    section = AgencySection.model_validate(data)
    return ServiceCatalogue(open_workplaces(section, "x.test", CATALOGUE))


@each_row("language", LANGUAGES)
def test_every_service_of_the_demo_is_listed_and_told_whole(language: str) -> None:
    whole = demo_office()

    [office] = whole.search("", language).offices
    named = {office_demo.FEE_SERVICE, office_demo.SIGNED_SERVICE, *office_demo.SERVICES}
    assert {one.service for one in office.services} == named
    pages = [whole.read(office.office, one.service, language, NOW_MS) for one in office.services]
    assert {kind for page in pages for kind in page.steps} >= {"form", "review", "pay", "sign"}
    assert all(page.step_list and page.cost and page.time for page in pages)


@each_row("kind", ["form", "review", "pay", "sign"])
def test_a_kind_of_step_that_has_no_words_stops_the_start(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def words(step: Step, definition: ServiceDefinition, context: Context) -> str:
        if step.kind == kind:
            raise KeyError(kind)
        return step_words(step, definition, context)

    monkeypatch.setattr("appservices.agency.catalogue.service.step_words", words)

    with pytest.raises(KeyError):
        demo_office()


def test_a_service_with_a_fee_says_what_it_costs() -> None:
    whole = demo_office()
    [office] = whole.search("", "en").offices

    costs = {
        one.service: (one.fee, whole.read(office.office, one.service, "en", NOW_MS).cost)
        for one in office.services
    }
    assert costs[office_demo.FEE_SERVICE] == ("12.00 EUR", "12.00 EUR")
    assert costs[office_demo.SIGNED_SERVICE] == (None, "It costs nothing.")


def test_every_kind_of_step_has_a_name_of_its_own_that_pages_know() -> None:
    kinds = [step.kind for step in get_args(Step)]

    assert sorted(kinds) == sorted(get_args(StepKind))


def test_a_search_finds_offices_with_something_that_fits() -> None:
    assert [one.service for one in catalogue().search("flat", "en").offices[0].services] == [
        "change-of-address"
    ]
    assert catalogue().search("records birth", "en").count == 1
    assert catalogue().search("zeppelin", "en").offices == []


@pytest.mark.parametrize(("office", "name"), [("none", "x"), (OFFICE, "none"), ("", "")])
def test_what_is_not_there_is_said_in_words(office: str, name: str) -> None:
    with pytest.raises(NotFoundError):
        catalogue().read(office, name, "en", NOW_MS)


def check(values: Any, fields: list[str] | None = None, language: str = "en") -> Any:
    body = CheckBody(office=OFFICE, service="x", values=values, fields=fields)
    return check_answers(example(), context(language=language), body)


def test_all_fields_are_checked_for_being_there_but_files() -> None:
    found = check({})

    assert [(one.field, one.code) for one in found.errors] == [
        ("child_name", "missing"),
        ("born_on", "missing"),
        ("reason", "missing"),
    ]


def test_some_fields_are_checked_and_shown_as_they_read() -> None:
    found = check({"born_on": "12.3.2020", "reason": "nope"}, ["born_on", "gone"], "de")

    assert found.errors == []
    assert found.shown == {"born_on": "12. März 2020"}


def test_an_error_does_not_say_its_label_again() -> None:
    [error] = check({"born_on": "soon"}, ["born_on"]).errors

    assert error.error.startswith("This is not a date.")


def test_a_service_without_a_form_has_nothing_to_check() -> None:
    body = CheckBody(office=OFFICE, service="x", values={"a": 1})

    found = check_answers(service(form=None), context(), body)

    assert (found.errors, found.shown) == ([], {})


@pytest.mark.parametrize(("size", "is_taken"), [(DRAFT_BYTES_MAX, True), (1, False)])
def test_what_is_checked_is_bounded(size: int, is_taken: bool) -> None:
    room = len('{"child_name":""}')
    values = {"child_name": "x" * (DRAFT_BYTES_MAX - room + (0 if is_taken else size))}

    if is_taken:
        assert [one.field for one in check(values, ["child_name"]).errors] == ["child_name"]
    else:
        with pytest.raises(TooLargeError):
            check(values, ["child_name"])
