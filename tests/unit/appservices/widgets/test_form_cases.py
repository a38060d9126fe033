"""What the pages send for each kind of question is what the parsers of the services read.

The cases are played in a browser by ``tests/widgets/forms.test.js``; here the other half.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any, Final

from tests.support.node import WIDGETS
from tests.support.processes import ROOT
from tests.support.tables import each_row
from veche.protocol.forms import Field, FieldContext, FieldKind, parse_value
from veche.protocol.forms.options import country_codes
from veche.protocol.forms.parsing import PARSERS

CASES: Final[list[dict[str, Any]]] = json.loads(
    (ROOT / "tests" / "widgets" / "forms_cases.json").read_text(encoding="utf-8")
)
IN_THE_CHAT: Final = {FieldKind.FILE, FieldKind.PHOTO}


@each_row("case", CASES)
def test_what_a_page_sends_is_read_as_it_was_meant(case: dict[str, Any]) -> None:
    field = Field.model_validate(
        {"id": "f", "kind": case["kind"], "label": "Question", **case.get("more", {})}
    )
    language = case.get("language", "en")
    here = FieldContext(language, dt.date(2025, 11, 26), "Europe/Berlin", "DE")

    assert parse_value(field, case["answer"], here) == case["value"]


def test_every_kind_that_a_page_can_fill_in_has_a_case() -> None:
    assert {case["kind"] for case in CASES} == {kind.value for kind in PARSERS.keys() - IN_THE_CHAT}


def test_the_page_offers_the_countries_that_the_service_takes() -> None:
    source = (WIDGETS / "static/kit/forms/countries.js").read_text(encoding="utf-8")
    codes = re.findall(r"\b[A-Z]{2}\b", source.partition("const CODES =")[2].partition(";")[0])

    assert sorted(codes) == sorted(country_codes())
