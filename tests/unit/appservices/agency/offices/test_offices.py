"""Offices from their configuration: what is refused, and who does whose work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import ValidationError

from appservices.agency.cases.service.conversation import CATALOGUE
from appservices.agency.config import (
    HOLIDAYS_MAX,
    OFFICES_MAX,
    OPENINGS_MAX,
    SERVICES_MAX,
    STAFF_MAX,
    AgencySection,
    bot_localpart,
)
from appservices.agency.offices.core.office import Role
from appservices.agency.offices.service import Workplace, open_workplaces
from appservices.agency.offices.texts import hours_lines
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import EXAMPLE, ROOT, service_data
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ARMS = ROOT / "config/pictures/lindenau.svg"
CAROL = {"id": "carol", "user": "@carol:x.test", "role": "clerk", "desks": ["archive"]}
HEAD = {
    "id": "head",
    "user": "@head:x.test",
    "role": "decision_maker",
    "desks": ["management"],
    "duties": ["head-of-office"],
}
IRIS = {"id": "iris", "user": "@iris:x.test", "role": "auditor", "desks": ["archive"]}


def section(*, count: int = 1, **office: Any) -> AgencySection:
    whole = {
        "id": "records",
        "name": {"en": "Records", "de": "Standesamt"},
        "services": [str(EXAMPLE)],
        "staff": [CAROL, HEAD],
        **office,
    }
    offices = [{**whole, "id": f"records-{n}"} for n in range(count)] if count > 1 else [whole]
    organisation = {"id": "lindenau", "name": {"en": "Lindenau"}, "offices": offices}
    return AgencySection.model_validate({"organisations": [organisation]})


def opened(**office: Any) -> Workplace:
    [workplace] = open_workplaces(section(**office), "x.test", CATALOGUE)
    return workplace


def service_file(folder: Path, **changes: Any) -> str:
    path = folder / "service.yaml"
    path.write_text(yaml.safe_dump(service_data(**changes)))
    return str(path)


def test_an_office_has_a_bot_and_its_services() -> None:
    workplace = opened(language="de")

    assert workplace.bot.user_id == "@veche_org_lindenau_records:x.test"
    assert workplace.bot.display_name == "Standesamt"
    assert workplace.bot.organisation == "lindenau"
    assert list(workplace.services) == ["birth-certificate-copy"]
    assert workplace.desks == ["archive", "management"]


def test_a_service_with_a_fee_needs_somewhere_to_be_paid(tmp_path: Path) -> None:
    pay = {"step": "pay", "amount": "12 EUR", "purpose": {"en": "Fee"}, "law": "§ 3", "due_days": 9}
    path = service_file(tmp_path, steps=[{"step": "form"}, pay, {"step": "review"}])
    staff = [{**CAROL, "desks": ["parking"]}, HEAD]

    with pytest.raises(ConfigError, match="asks for a fee, and the organisation lindenau has"):
        opened(services=[path], staff=staff)


def test_an_office_without_a_name_in_its_language_has_another() -> None:
    assert opened(language="uk").bot.display_name == "Records"


def test_bots_of_all_offices_differ() -> None:
    names = {bot_localpart("a", "b"), bot_localpart("a", "c"), bot_localpart("b", "b")}

    assert len(names) == 3


def test_staff_is_found_by_id_and_by_user() -> None:
    workplace = opened(staff=[CAROL, HEAD, IRIS])

    assert workplace.user_of("carol") == "@carol:x.test"
    assert workplace.user_of("nobody") is None
    found = workplace.member(workplace.members[2].user_id)
    assert found is not None
    assert found.staff.role is Role.AUDITOR
    assert not found.decides


def test_a_desk_does_its_own_work() -> None:
    assert opened().desk_for("archive") == "archive"


def test_a_duty_is_done_at_the_desk_of_who_has_it() -> None:
    assert opened().desk_for("head-of-office") == "management"


def test_the_work_of_a_desk_that_is_no_more_is_done_somewhere() -> None:
    assert opened().desk_for("closed-long-ago") == "archive"


def test_where_only_auditors_are_nobody_decides() -> None:
    iris = {**IRIS, "desks": ["vault"]}

    assert opened(staff=[CAROL, HEAD, iris]).desk_for("vault") == "archive"


def test_a_duty_may_be_that_of_a_whole_desk() -> None:
    carol = {**CAROL, "desks": ["archive", "head-of-office"]}

    workplace = opened(staff=[carol])

    assert [one.staff.id for one in workplace.with_duty("head-of-office")] == ["carol"]


@each_row(
    ("office", "complaint"),
    [
        ({"staff": [CAROL]}, "nobody has the duty 'head-of-office'"),
        ({"staff": [HEAD, IRIS]}, "nobody decides at the desk 'archive'"),
        ({"services": [str(EXAMPLE)] * 2}, "have the same id"),
        ({"services": ["/nowhere/service.yaml"]}, "cannot be read"),
    ],
)
def test_an_office_that_cannot_work_is_refused(office: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        opened(**office)


def test_a_small_service_needs_somebody_to_hand_up_to(tmp_path: Path) -> None:
    steps = [{"step": "form"}, {"step": "message", "text": {"en": "Done."}}]
    path = service_file(tmp_path, review=None, refusal=None, steps=steps)

    with pytest.raises(ConfigError, match="nobody has the duty"):
        opened(services=[path], staff=[CAROL])


def test_a_wrong_service_file_is_told_with_its_place(tmp_path: Path) -> None:
    path = service_file(tmp_path, deadline={"working_days": "many"})

    with pytest.raises(ConfigError, match=r"service\.yaml") as caught:
        opened(services=[path])
    assert "working_days" in str(caught.value)


def test_a_service_without_its_template_is_refused(tmp_path: Path) -> None:
    path = tmp_path / EXAMPLE.name
    path.write_text(EXAMPLE.read_text())

    with pytest.raises(ConfigError, match="with its template"):
        opened(services=[str(path)])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "service.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="cannot be read"):
        opened(services=[str(path)])


@each_row(
    "office",
    [
        {"staff": []},
        {"staff": [IRIS]},
        {"staff": [CAROL, CAROL]},
        {"staff": [CAROL, {**HEAD, "user": CAROL["user"]}]},
        {"staff": [{**CAROL, "role": "king"}]},
        {"staff": [{**CAROL, "desks": []}]},
        {"staff": [{**CAROL, "id": "Carol Clerk"}]},
        {"staff": [{**CAROL, "user": "carol"}]},
        {"services": []},
        {"services": ["s.yaml"] * (SERVICES_MAX + 1)},
        {"staff": [CAROL] * (STAFF_MAX + 1)},
        {"holidays": ["2026-12-25"] * (HOLIDAYS_MAX + 1)},
        {"holidays": ["Christmas"]},
        {"weekend": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
        {"language": "tlh"},
        {"name": {}},
        {"name": {"tlh": "x"}},
        {"surprise": 1},
        {"count": OFFICES_MAX + 1},
    ],
)
def test_a_wrong_section_is_refused(office: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section(**office)


def test_the_bounds_of_a_section_are_within_it() -> None:
    staff = [{**CAROL, "id": f"c{n}", "user": f"@c{n}:x.test"} for n in range(STAFF_MAX)]

    section(staff=staff, holidays=["2026-12-25"] * HOLIDAYS_MAX, weekend=["sun"])
    section(count=OFFICES_MAX)
    section(services=["s.yaml"] * SERVICES_MAX)


def test_an_office_stands_in_an_organisation_once() -> None:
    office = {
        "id": "records",
        "name": {"en": "Records"},
        "services": ["s.yaml"],
        "staff": [CAROL],
    }
    organisation = {"id": "lindenau", "name": {"en": "L"}, "offices": [office, office]}

    with pytest.raises(ValidationError, match="should stand there once"):
        AgencySection.model_validate({"organisations": [organisation]})


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+01:00"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    office = {"id": "r", "name": {"en": "R"}, "services": ["s.yaml"], "staff": [CAROL]}
    organisation = {"id": "l", "name": {"en": "L"}, "time_zone": zone, "offices": [office]}

    with pytest.raises(ValidationError, match="time zone"):
        AgencySection.model_validate({"organisations": [organisation]})


@pytest.mark.parametrize(
    ("hours", "language", "lines"),
    [
        ({}, "en", []),
        ({"mon": ["08:00-12:00"]}, "en", ["Mon 08:00–12:00"]),
        (
            {
                **{day: ["08:00-12:00", "13:00-16:00"] for day in ("mon", "tue")},
                "wed": [],
                "thu": ["08:00-24:00"],
                "fri": ["08:00-24:00"],
            },
            "de",
            ["Mo–Di 08:00–12:00, 13:00–16:00", "Do–Fr 08:00–24:00"],
        ),
        ({"sun": ["10:00-11:00"]}, "uk", ["нд 10:00–11:00"]),
    ],
)
def test_opening_hours_are_told_in_words(
    hours: dict[str, list[str]], language: str, lines: list[str]
) -> None:
    assert hours_lines(opened(hours=hours).office, language) == lines


@pytest.mark.parametrize(
    "times",
    [
        ["8:00-12:00"],
        ["12:00-08:00"],
        ["08:00-08:00"],
        ["08:00-12:00", "11:00-13:00"],
        ["13:00-14:00", "08:00-12:00"],
        ["08:00-25:00"],
        [f"{hour:02}:00-{hour:02}:30" for hour in range(OPENINGS_MAX + 1)],
    ],
)
def test_hours_that_cannot_be_are_refused(times: list[str]) -> None:
    with pytest.raises(ValidationError):
        section(hours={"mon": times})


def test_an_office_has_its_own_coat_of_arms_or_none() -> None:
    assert opened().bot.avatar is None
    assert (opened(avatar=str(ARMS)).bot.avatar or b"").startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="this is no picture"):
        opened(avatar=str(EXAMPLE))
