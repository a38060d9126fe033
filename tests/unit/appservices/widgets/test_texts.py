"""The texts of the pages, in Python and in JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.catalogues import catalogue_problems, page_messages
from tests.support.node import WIDGETS
from tests.support.tables import each_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATIC = WIDGETS / "static"


def modules() -> Iterator[Path]:
    return (path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)


def test_every_text_of_the_pages_is_in_every_language() -> None:
    used = {key for path in modules() for key in page_messages(path.read_text(encoding="utf-8"))}

    assert catalogue_problems("appservices.widgets", used) == []


@each_row(
    ("source", "messages"),
    [
        ('t("One")', {"One"}),
        ('t(\n    "Two {x}",\n    { x })', {"Two {x}"}),
        ('N_("Say \\"hi\\"")', {'Say "hi"'}),
        ('plural("{count} day", "{count} days", n)', {("{count} day", "{count} days")}),
        ('// t("a sample")\n/* t("another") */', set()),
        ('at("One") + that.t("Two") + t(variable)', set()),
    ],
)
def test_texts_of_javascript_are_found(source: str, messages: set[object]) -> None:
    assert page_messages(source) == messages
